"""What ``dangol worker`` says when it has started."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from dangol.surfaces.cli import working
from tests.commands import app


def test_workers_tell_all_their_threads_those_kept_for_what_somebody_waits_for_included(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_tell(_count: int, _command: object, _stop: object, _patience: object, tell: Callable[[], None]) -> None:
        tell()

    monkeypatch.setattr(working, "supervise", only_tell)
    given = {"DANGOL_BROKER_URL": "redis://127.0.0.1:1", "DANGOL_FIRST_THREADS": "3"}
    ended = CliRunner().invoke(app, ["worker", "--processes", "2", "--threads", "5"], env=given)
    assert ended.exit_code == 0, ended.output
    assert "2 workers, each with 5 threads, 3 more for transactional messages and 3 for events" in ended.output
