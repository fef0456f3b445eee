"""Reports of carriers, in the words of the tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dangol.model.feedback import Feedback, FeedbackKind, Finding
from dangol.model.vocabulary import Channel
from dangol.store.tables import feedback
from tests.integration.pipeline.house import House


def report(
    house: House,
    kind: str,
    *,
    id: str = "",
    at: datetime | None = None,
    message: int = 0,
    channel: Channel = Channel.EMAIL,
    **others: Any,
) -> Feedback:
    """What a carrier says about the shop's ``message``-th message; by default it happened now."""
    about = {"message_id": house.messages[message].id} if house.messages else {}
    told = {
        "provider": "sendgrid",
        "event_id": id or f"{kind}-{message}",
        "kind": FeedbackKind(kind),
        "channel": channel,
        "at": at or house.clock.now(),
        **about,
        **others,
    }
    return Feedback(**{**told, "finding": Finding(told.get("finding", ""))})


def comes(house: House, *reports: Feedback) -> int:
    """These reports come in and are worked off; how many were new."""
    new = house.pipeline.take_in(reports)
    house.work()
    return new


def later(house: House, **length: float) -> None:
    """Time goes by, and what was put off is looked at again."""
    house.pass_time(timedelta(**length))


def became(house: House) -> list[str | None]:
    return [row.became for row in house.rows(feedback)]
