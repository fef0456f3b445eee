"""``dangol demo`` as a newcomer runs it: eighteen months of orders, the same every time."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dangol.clock import SystemClock
from dangol.store.database import Database
from dangol.store.housekeeping import UP_LEASE, take_lease

DANGOL = [
    sys.executable,
    "-c",
    # Whoever runs the tests may ignore Ctrl-C (a shell that puts them into the background does); it would be inherited.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from dangol.surfaces.cli.main import run; run()",
]
UNTIL = datetime(1997, 3, 1, tzinfo=UTC)
"""Where a second run may stop: most people have come by then, and a quarter of all orders."""
BEGINNING = [
    sys.executable,
    "-c",
    "from datetime import datetime; from functools import partial; from dangol.surfaces.cli import demo, main; "
    f"demo.replay = partial(demo.replay, until=datetime.fromisoformat('{UNTIL}')); main.run()",
]
ORDERS = 6_919
MINUTES = 600.0
"""How long a run may take, in seconds, on a machine that has much else to do."""
SOON = 60.0
CAMPAIGNS = {
    "first_purchase_welcome",
    "first_weeks_survey",
    "second_purchase",
    "win_back",
    "vip_thanks",
    "monthly_newsletter",
    "order_confirmation",
    "regular_thanks",
    "quiet_regular",
    "rainy_season",
}


def start(home: Path, *arguments: str, command: Sequence[str] = DANGOL) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DANGOL_")}
    return subprocess.Popen(
        [*command, "demo", *arguments],
        env={**kept, "DANGOL_HOME": str(home), "COLUMNS": "100"},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=(home / "stderr").open("wb"),
        text=True,
    )


def errors(home: Path) -> str:
    """What was written to the standard error; a file, because a pipe that nobody reads stops its writer."""
    return (home / "stderr").read_text()


def test_it_tells_a_plausible_story_and_another_run_tells_the_same_to_the_byte(tmp_path: Path) -> None:
    homes = [tmp_path / "whole", tmp_path / "beginning"]
    for home in homes:
        home.mkdir()
    running = [start(homes[0], "--json"), start(homes[1], "--json", command=BEGINNING)]
    told = [process.communicate(timeout=MINUTES)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], [errors(home) for home in homes]
    whole, beginning = (json.loads(summary) for summary in told)
    plausible(whole, homes[0])
    assert beginning["triggers"] > ORDERS / 5
    one, other = (Digest(home / summary["database"]) for home, summary in zip(homes, (whole, beginning), strict=True))
    assert one.entries == other.entries > 10_000
    assert one.of_log == other.of_log
    assert one.of_mail == other.of_mail


class Digest:
    """What stands in the log and in the mailbox of a demo, column by column, up to where both runs have come."""

    def __init__(self, database: Path) -> None:
        self.entries, self.of_log = self._rows(database, "log", "at", "seq")
        _, self.of_mail = self._rows(database.parent / "mailbox.sqlite3", "mail", "received_at", "seq")

    def _rows(self, file: Path, table: str, time: str, order: str) -> tuple[int, str]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            wanted = f"SELECT * FROM {table} WHERE {time} < ? ORDER BY {order}"
            rows = connection.execute(wanted, [UNTIL.strftime("%Y-%m-%d")]).fetchall()
        return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()


def plausible(summary: dict[str, Any], home: Path) -> None:
    """What the summary says, against what is known of the data and what lies in the database."""
    assert set(summary) >= {
        "triggers",
        "journeys",
        "messages",
        "refusals",
        "log_digest",
        "database",
        "seconds",
    }
    assert summary["triggers"] == ORDERS
    assert set(summary["messages"]) == CAMPAIGNS
    assert len(summary["log_digest"]) == 64
    receipts = summary["messages"]["order_confirmation"]
    assert sum(count for states in receipts.values() for count in states.values()) == ORDERS
    total = sum(
        count for channels in summary["messages"].values() for states in channels.values() for count in states.values()
    )
    accepted = sum(
        states.get("accepted", 0) for channels in summary["messages"].values() for states in channels.values()
    )
    assert ORDERS < accepted < total
    assert {"consent_missing", "capped", "held_out", "address_suppressed"} <= summary["refusals"].keys()
    assert all(count > 0 for count in summary["refusals"].values())
    database = home / summary["database"]
    assert database.is_relative_to(home)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert count_of(connection, "messages") == total
        assert count_of(connection, "journeys") == summary["journeys"]
        assert count_of(connection, "messages WHERE state IN ('planned', 'due', 'sending')") == 0
    with closing(sqlite3.connect(f"file:{database.parent / 'mailbox.sqlite3'}?mode=ro", uri=True)) as connection:
        assert count_of(connection, "mail") == accepted
        assert connection.execute("SELECT count(DISTINCT message_id) FROM mail").fetchone() == (accepted,)


def count_of(connection: sqlite3.Connection, what: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def test_ctrl_c_stops_it_without_a_traceback_and_leaves_an_earlier_result_untouched(tmp_path: Path) -> None:
    earlier = tmp_path / "demo"
    earlier.mkdir()
    (earlier / "dangol.sqlite3").write_bytes(b"an earlier result")
    process = start(tmp_path)
    try:
        wait_for_orders(tmp_path, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SOON)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors(tmp_path)
    assert (earlier / "dangol.sqlite3").read_bytes() == b"an earlier result"
    assert list(tmp_path.glob("demo-*")) == []


def test_it_is_refused_while_dangol_up_runs_on_its_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'demo' / 'dangol.sqlite3'}")
    database.migrate()
    with database.write() as tx:
        take_lease(tx, UP_LEASE, "host:1", SystemClock().now(), timedelta(minutes=5))
    database.close()
    process = start(tmp_path)
    process.communicate(timeout=SOON)
    assert process.returncode == 3
    assert "stop it first" in errors(tmp_path)


def wait_for_orders(home: Path, process: subprocess.Popen[str]) -> None:
    """Until the demo is in the middle of it."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demo has ended"
        for database in home.glob("demo-*/demo/dangol.sqlite3"):
            with (
                suppress(sqlite3.OperationalError),  # not there yet
                closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection,
            ):
                if count_of(connection, "events") > 50:
                    return
        time.sleep(0.05)
    pytest.fail(f"the demo did not begin within {SOON:.0f} s")
