"""Customers who do not exist, for reviewing and previewing messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dangol.model.workspace import TrackingPlan, ValueType


@dataclass(frozen=True)
class Sample:
    """A made-up reader. ``languages`` are those whose texts it reads; none means all."""

    key: str
    about: str
    languages: frozenset[str] = frozenset()


SAMPLES: tuple[Sample, ...] = (
    Sample("hangul", "a Korean name", frozenset({"ko"})),
    Sample("short", "a name of one letter"),
    Sample("long", "a very long name"),
    Sample("latin", "a name in Latin letters"),
    Sample("emoji", "a name with an emoji"),
    Sample("bare", "nothing known that is optional"),
)
_NAMES = {
    "hangul": "김하늘",
    "short": "이",
    "long": "Maximiliane-Alexandra von Hohenstein",
    "latin": "Alex Kim",
    "emoji": "하늘🌙",
}


def context(sample: Sample, plan: TrackingPlan, event: str | None, locale: str) -> dict[str, dict[str, Any]]:
    """Data for everything that a text may name."""
    happened = {name: _value(name, kind) for name, kind in plan.events.get(event or "", {}).items()}
    profile = {"id": "c-1042", "email": "someone@example.com", "timezone": "Asia/Seoul", "locale": locale}
    if sample.key != "bare":
        profile |= {name: _value(name, kind) for name, kind in plan.attributes.items()}
        profile |= {"name": _NAMES[sample.key], "given_name": _NAMES[sample.key].split()[0]}
    return {"profile": profile, "event": happened, "entry": happened}


def _value(name: str, kind: ValueType) -> Any:
    if kind is ValueType.NUMBER:
        return 3 if "quantity" in name else 39_000
    if kind is ValueType.LIST:
        return ["jazz"]
    if name == "currency":
        return "KRW"
    if name.endswith("url"):
        return "https://dangol.example/page"
    return {ValueType.BOOLEAN: True, ValueType.DATE: "2026-12-24", ValueType.DATETIME: "2026-12-24T15:00:00+09:00"}.get(
        kind, "A-1042"
    )
