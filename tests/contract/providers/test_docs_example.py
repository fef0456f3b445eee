"""The provider that docs/providers.md teaches is real: it passes the contract as the page says."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dangol.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "providers.md"
TEXT = PAGE.read_text(encoding="utf-8")

_taught: dict[str, Any] = {"__name__": __name__}
for _block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
    exec(compile(_block, str(PAGE), "exec"), _taught)


class Carrier(ThreadingHTTPServer):
    """Plays the gateway: takes every message, unless told to answer otherwise (None: hang up)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Messages)
        self.port = self.server_address[1]
        self.taken: list[dict[str, str]] = []
        self.answers: dict[str, int | None] = {}

    def answer(self, to: str, status: int | None) -> str:
        self.answers[to] = status
        return to


class _Messages(BaseHTTPRequestHandler):
    server: Carrier

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.get(message["to"], 202)
        if status == 202:
            self.server.taken.append(message)
        if status is not None:
            self.send_response(status)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class TestGatewayOfTheDocs(_taught["TestGateway"]):  # type: ignore[misc]
    @pytest.fixture(autouse=True)
    def _carrier(self, dead_port: int) -> Iterator[None]:
        with Carrier() as self.carrier:
            self.dead_port = dead_port
            threading.Thread(target=self.carrier.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield
            self.carrier.shutdown()


def test_the_page_names_every_setting_of_providers_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        if name.startswith(("smtp_", "sendgrid_", "twilio_", "carrier_")) or name.endswith("_provider"):
            row = re.search(rf"\| `DANGOL_{name.upper()}` \| (.*?) \|", TEXT)
            assert row, f"DANGOL_{name.upper()} has no row"
            told = field.default in ("", None) or name.endswith(("timeout", "max_age", "pause"))
            assert told or row[1] == f"`{field.default}`"


def test_the_page_names_only_settings_that_exist() -> None:
    named = set(re.findall(r"DANGOL_(?!PROVIDER_)([A-Z_]+)", TEXT))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
