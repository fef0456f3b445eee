"""A short run: everything falls over once, on Redis and then on RabbitMQ."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.faults.director import Size, town

pytestmark = pytest.mark.postgres


def test_nothing_is_lost_doubled_or_against_anybodys_will_whatever_falls_over(tmp_path: Path) -> None:
    # With these dice carriers storm first: what they put off is spread over half a minute, and has gone by the end.
    with town(tmp_path, Size(), seed=7) as made:
        told = made.run()
        assert told.breaches == {}
        assert all(
            count == 1 or kind in {"broker lost", "moved to another broker"} for kind, count in told.faults.items()
        )
        assert told.kills > 10
        assert told.withdrawals > 1
        # What there was to be judged was there: messages of every channel, refusals, and reports that settled doubt.
        # How much of it depends on the machine: advertising that comes late expires.
        assert {channel for channel, count in told.verdict.taken.items() if count} == {"email", "sms", "push"}
        assert {"delivered", "bounced", "suppressed"} <= told.verdict.states.keys()
