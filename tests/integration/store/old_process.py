"""A process of an earlier release, which ``test_old_code`` runs with that release's code: it takes an event and sends.

Usage: old_process.py DATABASE_URL FOLDER. Prints where its code is and to whom it sent.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

import dangol
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.intake import Intake
from dangol.model.people import ProfileChange
from dangol.model.vocabulary import Channel
from dangol.settings import Settings
from dangol.simulate.runner import Runner
from dangol.store.database import Database
from dangol.testing import FakeProvider
from tests.workspaces import campaign, note, write_workspace

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

if importlib.util.find_spec("dangol.store.schema") is None or not hasattr(
    importlib.import_module("dangol.store.schema"), "OLDEST_CODE"
):
    # Releases that could not start beside a newer schema could still run on beside it.
    Database.migrate = lambda _self: None  # type: ignore[method-assign]

database_url, folder = sys.argv[1], Path(sys.argv[2])
workspace = write_workspace(folder, campaign("cart", {"wait": "1 hour"}, note(), purpose="transactional"))
settings = Settings(
    _env_file=None, home=folder, workspace=workspace, database_url=database_url, secret_key=SecretStr("s")
)
clock, carrier = VirtualClock(NOW), FakeProvider()
with Dangol(
    settings, clock=clock, entropy=SeededEntropy("old"), providers=dict.fromkeys(Channel, carrier)
) as installation:
    installation.deploy(by="kim")
    ana = ProfileChange("ana", email="ana@example.com", locale="en", timezone="Asia/Seoul")
    installation.pipeline.identify([ana])
    event = {"messageId": "e1", "userId": "ana", "event": "Order Completed", "timestamp": NOW.isoformat()}
    Intake(installation.pipeline).accept([event], source="queue")
    Runner(installation.pipeline, installation.sweeper, clock, grain=timedelta(seconds=1)).run_until(
        NOW + timedelta(hours=2)
    )
accepted = [envelope.to for envelope in carrier.accepted]
sys.stdout.write(json.dumps({"code": str(Path(dangol.__file__).parent), "accepted": accepted}))
