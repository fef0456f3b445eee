"""Somebody to say a message to who does not exist: made-up people and events, so that texts can be read and checked.

Everything is made up from the tracking plan. One sample gives the same data in every locale and channel, so that what
the texts say can be compared; only names and words that depend on the language differ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dangol.definitions.document import did_you_mean
from dangol.errors import UsageError
from dangol.model.duty import LINKS
from dangol.model.workspace import TrackingPlan, ValueType


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody made up. ``languages`` are those whose texts somebody like this reads; none means all."""

    key: str
    about: str
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Called:
    """What somebody and a thing are called. ``name`` is in full, ``given`` without the family's name."""

    name: str
    given: str
    thing: str


_KO = frozenset({"ko"})
_EN = frozenset({"en"})

SAMPLES: tuple[Sample, ...] = (
    Sample("everyday", "somebody as most are"),
    Sample("short", "the shortest of names"),
    Sample("long", "a long name of the language, and long titles"),
    Sample("hangul", "a name in Hangul in every locale", _KO),
    Sample("latin", "a name in Latin letters in every locale", _EN),
    Sample("mixed", "a name in Hangul and Latin letters"),
    Sample("emoji", "a name with emoji, some of several characters"),
    Sample("endless", "a very long name in Latin letters without a place to break", _EN),
    Sample("awkward", "quotes, an apostrophe, an ampersand, brackets and what looks like code", _EN),
    Sample("bare", "nothing known that the texts can do without"),
)
"""Every sample; the first is shown where nobody chose."""

DEFAULT = SAMPLES[0]

_ENDLESS = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe"
_CALLED: Mapping[str, Mapping[str, _Called]] = {
    "everyday": {
        "ko": _Called("김하늘", "하늘", "Kind of Blue"),
        "en": _Called("Alex Kim", "Alex", "Kind of Blue"),
    },
    "short": {"ko": _Called("이솔", "솔", "Oh"), "en": _Called("Jo Li", "Jo", "Oh")},
    "long": {
        "ko": _Called(
            "남궁하늘빛나리", "하늘빛나리", "비 오는 날의 재즈 모음집: 서울에서 보낸 여름밤과 그 뒤의 이야기"
        ),
        "en": _Called(
            "Alexandrina Featherstonehaugh-Cholmondeley",
            "Alexandrina Wilhelmina",
            "비 오는 날의 재즈 모음집: 서울에서 보낸 여름밤과 그 뒤의 이야기",
        ),
    },
    "hangul": {"": _Called("박서준", "서준", "한국 가요 모음")},
    "latin": {"": _Called("Olivia Bennett", "Olivia", "Blue Train")},
    "mixed": {"": _Called("김Chris", "Chris 민수", "서울 Seoul")},
    "emoji": {"": _Called("하나🌿", "하나👩‍👩‍👧", "여름밤 🌙✨")},
    "endless": {"": _Called(_ENDLESS, _ENDLESS, f"{_ENDLESS} Live")},
    "awkward": {
        "": _Called('O\'Brien & "Ann" <b>van</b> {{ x }}', "Ann-Marie 'O' & <i>", 'Rock & Roll\'s "Best" </p><script>x')
    },
}
_WORDS: Mapping[str, Mapping[str, Any]] = {
    "ko": {
        "store": "성수점",
        "place": "성수점 2층",
        "title": "겨울밤 음반 듣기",
        "topic": "음반 재킷이 구겨져 왔습니다.",
        "cause": "창고 이전",
        "remedy": "새 음반을 다시 보내 드렸습니다.",
        "done": "새 음반이 도착했고, 받으신 음반은 거두어 왔습니다.",
        "changed": "이제 포장하기 전에 한 사람이 한 번 더 봅니다.",
        "because": "재즈",
        "note": "첫 소절에서 마음이 정해지는 음반입니다.",
        "carrier": "한빛택배",
        "topics": ("재즈", "솔"),
    },
    "en": {
        "store": "Seongsu",
        "place": "Seongsu, 2nd floor",
        "title": "An evening of winter records",
        "topic": "The sleeve arrived creased.",
        "cause": "A move of our warehouse",
        "remedy": "We have sent you another copy.",
        "done": "Your new copy has arrived, and we have collected the other.",
        "changed": "A second one of us now looks at each record before it is packed.",
        "because": "jazz",
        "note": "A record that wins you with its first bar.",
        "carrier": "Hanbit Parcel",
        "topics": ("jazz", "soul"),
    },
}
_STANDARD: Mapping[str, Any] = {
    "id": "c-1042",
    "email": "someone@example.com",
    "phone": "+821000000000",
    "timezone": "Asia/Seoul",
    "country": "KR",
    "created_at": "2026-01-05T09:00:00+09:00",
}
_NAMED: Mapping[str, Any] = {
    "currency": "KRW",
    "code": "4821",
    "tier": "regular",
    "previous": "guest",
    "tags": ("regular",),
    "price": 39_000,
    "was": 45_000,
    "reward": 5_000,
    "birthday": "1990-12-24",
}
LINKS_SHOWN: Mapping[str, str] = MappingProxyType(
    {name: f"https://dangol.example/{path}/{'sample' * 8}" for name, path in zip(sorted(LINKS), "ckpu", strict=True)}
)
"""Links as long as real ones, so that what an SMS takes is told as it will be."""
_BY_TYPE: Mapping[ValueType, Any] = MappingProxyType(
    {
        ValueType.NUMBER: 39_000,
        ValueType.BOOLEAN: True,
        ValueType.DATE: "2026-12-24",
        ValueType.DATETIME: "2026-12-24T15:00:00+09:00",
    }
)
_FEW = ("quantity", "rating", "orders", "count")


def sample_named(key: str) -> Sample:
    """The sample of this key. Raises UsageError with the nearest."""
    found = {sample.key: sample for sample in SAMPLES}
    if key not in found:
        hint = did_you_mean(key, frozenset(found))
        raise UsageError(
            f"found no sample {key[:80]!r}; expected one of {', '.join(found)}" + (f"; {hint}" if hint else "")
        )
    return found[key]


def context(
    sample: Sample, plan: TrackingPlan, event: str | None, locale: str, *, needed: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Data for everything that a text may name, as ``{"profile": …, "event": …, …}`` for Messages.render.

    ``needed`` has what the message's texts use without asking whether it is there, as ``event.order_id``. All else is
    missing from the sample ``bare``; without ``needed``, every property of the event stays.
    """
    language = "ko" if locale.startswith("ko") else "en"
    called = _called(sample, language)
    people = {"name": called.name, "given_name": called.given}
    profile = {name: _value(name, kind, language, people) for name, kind in plan.attributes.items()}
    things = {"name": called.thing}
    happened = {name: _value(name, kind, language, things) for name, kind in plan.events.get(event or "", {}).items()}
    if sample.key == "bare":
        profile = {name: value for name, value in profile.items() if f"profile.{name}" in (needed or ())}
        if needed is not None:
            happened = {name: value for name, value in happened.items() if f"event.{name}" in needed}
    said = {"profile": {**profile, **_STANDARD, "locale": locale}, "event": happened, "entry": dict(happened)}
    return {**said, "links": dict(LINKS_SHOWN), "digest": _digest(sample, language)}


def _digest(sample: Sample, language: str) -> dict[str, Any]:
    """What a digest for this sample holds: one message that leads somewhere, and one that does not."""
    called = _called(sample, language)
    items = [
        {"subject": called.thing, "preheader": _WORDS[language]["note"], "link": "https://shop.example/new"},
        {"subject": _WORDS[language]["title"], "preheader": _WORDS[language]["place"], "link": ""},
    ]
    return {"items": items, "count": len(items)}


def _called(sample: Sample, language: str) -> _Called:
    found = _CALLED.get(sample.key, _CALLED[DEFAULT.key])
    return found[language] if language in found else found[""]


def _value(name: str, kind: ValueType, language: str, called: Mapping[str, str]) -> Any:
    said = called.get(name) or _WORDS[language].get(name) or _NAMED.get(name)
    if said is not None and _fits(said, kind):
        return list(said) if kind is ValueType.LIST else said
    if kind is ValueType.LIST:
        return ["…"]
    if kind is ValueType.NUMBER and any(word in name for word in _FEW):
        return 3
    if kind is not ValueType.STRING:
        return _BY_TYPE[kind]
    if name.endswith("url"):
        return f"https://shop.example/{name.removesuffix('url').strip('_') or 'page'}"
    return "A-1042" if name.endswith("id") else f"[{name.replace('_', ' ')}]"


def _fits(value: object, kind: ValueType) -> bool:
    """May ``value``, which goes by a name, stand where the tracking plan says this type?"""
    if kind is ValueType.LIST:
        return isinstance(value, tuple)
    if kind is ValueType.NUMBER:
        return isinstance(value, int)
    dated = isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-"
    return (kind is ValueType.DATE and dated) or (kind is ValueType.STRING and isinstance(value, str) and not dated)
