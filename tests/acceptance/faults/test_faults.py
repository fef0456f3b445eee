"""A short run: a handful of faults, and a judge that can find fault."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.faults.director import Size, town
from tests.acceptance.faults.judge import judge

pytestmark = pytest.mark.postgres


def test_nothing_is_lost_doubled_or_against_anybodys_will_whatever_falls_over(tmp_path: Path) -> None:
    with town(tmp_path, Size(), seed=7) as made:
        told = made.run()
        assert told.verdict.breaches == {}
        assert told.accepted > 20
        assert told.verdict.taken > 10
        assert sum(told.faults.values()) == Size().faults

        # The same judge finds what would be wrong: a message taken twice, one nobody knows, one that was not taken.
        entries = [json.loads(line) for line in made.record.read_text().splitlines()]
        made.record.write_text(
            "".join(json.dumps(entry) + "\n" for entry in [*entries[1:], entries[1], {**entries[2], "message_id": "x"}])
        )
        with psycopg.connect(made.postgres.url) as connection:
            connection.execute("UPDATE messages SET state = 'planned' WHERE id = %s", [entries[3]["message_id"]])
        found = judge(
            made.postgres.url, made.record, accepted={*made.accepted, "never"}, unwilling=made.unwilling, cap=0
        )
        assert found.doubled == [entries[1]["message_id"]]
        assert found.forgotten == ["x"]
        assert entries[0]["message_id"] in found.believed
        assert found.undecided == [entries[3]["message_id"]]
        assert found.lost_events == ["never"]
        assert found.over_cap
