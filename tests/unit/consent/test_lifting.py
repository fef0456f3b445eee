"""Which consent ends which suppression."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dangol.consent.recording import Yes, is_express
from dangol.consent.suppressions import Suppression
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Purpose

SHUT = datetime(2026, 3, 2, tzinfo=UTC)
LATER = SHUT + timedelta(hours=1)


def held(cause: str, channel: str = "email") -> Suppression:
    return Suppression("s1", "a" * 64, channel, cause, "all", "tests", "", SHUT, None, None, None)


def yes(source: str = "form:newsletter", at: datetime = LATER, purpose: Purpose = Purpose.MARKETING) -> Yes:
    return Yes("c1", Channel.EMAIL, purpose, at, source)


@pytest.mark.parametrize(
    ("cause", "source", "lifted"),
    [
        ("hard_bounce", "form:newsletter", True),
        ("complaint", "form:newsletter", True),
        ("complaint", "staff:lee", True),
        ("stop", "page:preferences", True),
        ("manual", "form:newsletter", False),
        ("erased", "form:newsletter", True),
        ("erased", "page:preferences", True),
        ("erased", "staff:lee", False),
        ("erased", "api", False),
        ("role", "form:newsletter", False),
        ("invalid", "form:newsletter", False),
        ("a cause of a later release", "form:newsletter", False),
    ],
)
def test_what_a_new_express_consent_lifts(cause: str, source: str, lifted: bool) -> None:
    assert yes(source).lifts(held(cause)) is lifted


def test_only_a_later_consent_on_the_same_channel_lifts() -> None:
    assert not yes(at=SHUT).lifts(held("complaint"))
    assert not yes().lifts(held("complaint", channel="sms"))


def test_an_objection_to_marketing_is_not_answered_by_a_yes_to_anything_else() -> None:
    assert not yes(purpose=Purpose.SERVICE).lifts(held("complaint"))
    assert not yes(purpose=Purpose.SERVICE).lifts(held("stop"))
    assert yes(purpose=Purpose.SERVICE).lifts(held("hard_bounce"))


@pytest.mark.parametrize(
    ("action", "basis", "topic", "source", "express"),
    [
        (ConsentAction.GRANTED, "consent", "", "form:newsletter", True),
        (ConsentAction.CONFIRMED, "consent", "sale", "page:confirm", True),
        (ConsentAction.GRANTED, "written_consent", "", "staff:lee", True),
        (ConsentAction.GRANTED, "implied_purchase", "", "form:order", False),
        (ConsentAction.GRANTED, "consent", NIGHT, "form:newsletter", False),
        (ConsentAction.GRANTED, "consent", "", "import:old.csv:3", False),
        (ConsentAction.GRANTED, "consent", "", "import", False),
        (ConsentAction.REQUESTED, "consent", "", "form:newsletter", False),
        (ConsentAction.RECONFIRMED, "consent", "", "page:preferences", False),
        (ConsentAction.IMPORTED, "imported", "", "import:old.csv:3", False),
    ],
)
def test_what_is_an_express_consent(action: ConsentAction, basis: str, topic: str, source: str, express: bool) -> None:
    assert is_express(action, basis, topic, source) is express
