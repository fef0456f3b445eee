"""Turns of messages that need one at two lines: the carrier's, and its sender's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from dangol.batch.turns import Turns
from dangol.delivery.pacing import Line, Rate
from dangol.model.facts import Defer
from dangol.model.vocabulary import Purpose

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACCOUNT, SLOW, OTHER = "twilio", "twilio:+15005550006", "twilio:+15005550007"


def message() -> Any:
    row = SimpleNamespace(reason="planned", expires_at=None)
    return SimpleNamespace(row=row, candidate=SimpleNamespace(purpose=Purpose.MARKETING))


def line(name: str, rate: Rate) -> Line:
    return Line(name, rate, NOW, NOW, NOW, NOW)


def test_a_queue_at_one_sender_holds_up_no_other_sender_of_the_carrier() -> None:
    turns = Turns(
        {ACCOUNT: line(ACCOUNT, Rate(10, "s")), SLOW: line(SLOW, Rate(1, "s")), OTHER: line(OTHER, Rate(1, "s"))}
    )

    waiting = [turns.ask(message(), [ACCOUNT, SLOW], NOW) for _ in range(100)]

    assert waiting[0] is None
    last = waiting[-1]
    assert isinstance(last, Defer)
    assert last.until == NOW + timedelta(seconds=99), "one a second"
    assert last.evidence["line"] == SLOW
    assert turns.ask(message(), [ACCOUNT, OTHER], NOW) is None, "the carrier itself has turns enough"
