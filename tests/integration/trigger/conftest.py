"""``dangol trigger`` over a small workspace and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from click.testing import Result
from pydantic import SecretStr
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.ids import SeededEntropy
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.surfaces.cli import trigger as module
from tests.unit.definitions.samples import SHARED
from tests.workspaces import copy_brand

WELCOME = """\
key: welcome
name: Welcome
purpose: transactional
entry: {event: Order Completed}
exit: [Checkout Started]
stages:
  - stage: purchase
    steps:
      - send: thanks
        ref: thanks_at_once
        channels: [sms]
      - wait: 2 days
      - send: thanks
        ref: thanks_again
        channels: [sms]
"""
Run = Callable[..., Result]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    files = {
        **SHARED,
        "campaigns/welcome.yaml": WELCOME,
        "templates/thanks/sms.ko.txt.j2": "주문해 주셔서 고맙습니다.\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    copy_brand(root)
    return root


@pytest.fixture
def dangol(database: Database, clock: VirtualClock, tmp_path: Path) -> Iterator[Dangol]:
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        database_url=database.url.render_as_string(hide_password=False),
        write_key=SecretStr("k"),
        secret_key=SecretStr("s"),
    )
    with Dangol(settings, clock=clock, entropy=SeededEntropy("trigger")) as opened:
        yield opened


@pytest.fixture
def run(dangol: Dangol, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``dangol trigger`` on this installation."""
    app = typer.Typer()
    app.command()(module.trigger)
    app.callback()(lambda: None)
    monkeypatch.setattr(module, "open_dangol", lambda _: dangol)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["trigger", *arguments])

    return invoke
