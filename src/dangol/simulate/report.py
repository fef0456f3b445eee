"""The HTML report: one file that needs no other, for screens of any width, for the dark, and for paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dangol.simulate.answers import CHANNELS, stirring
from dangol.simulate.charts import Series, share_bars, stacked_bars
from dangol.simulate.gaps import Answers
from dangol.simulate.phrases import CHANNEL_WORDS, WORDS, Language
from dangol.simulate.words import because, headline, meaning, rule_told, said, weeks_note

_ENVIRONMENT = Environment(
    loader=PackageLoader("dangol.simulate", "data"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_SENT = frozenset({"accepted", "sending", "delivered"})
_DECISIONS_SHOWN = frozenset(
    {
        "journey_entered",
        "journey_refused",
        "journey_ended",
        "message_accepted",
        "message_deferred",
        "message_suppressed",
        "message_expired",
        "message_cancelled",
        "message_failed",
    }
)
_WEEK_STYLES = ("week0", "week1", "week2", "week3", "week4")


def html_report(found: Answers, language: Language) -> str:
    """The report as one HTML document in this language."""
    words, channels = WORDS[language], CHANNEL_WORDS[language]
    now = found["variants"][-1]
    return _ENVIRONMENT.get_template("report.html.j2").render(
        found=found,
        now=now,
        before=found["variants"][0] if found["difference"] is not None else None,
        beside=_beside(found["variants"], words, channels),
        language=language,
        words=words,
        channels=channels,
        channel_keys=CHANNELS,
        meaning=lambda reason: meaning(reason, language),
        because=lambda change: because(change, language),
        headline=headline(found, language),
        said=lambda told: said(told, language),
        stirring=stirring,
        rule_told=lambda rule: rule_told(rule, language),
        number=number,
        when=lambda at: at.replace("T", " ")[:16] if at else "",
        told=lambda outcome: _told(outcome, channels, language),
        decision_words=_DECISIONS[language],
        shown=_DECISIONS_SHOWN,
        strength=_strength,
        day_chart=_day_chart(now, words, channels),
        hour_chart=_hour_chart(now, words, channels),
        week_chart=_week_chart(now, words),
        weeks_note=weeks_note(found, language),
        week_styles=_WEEK_STYLES,
        most_competition=max((n for row in now["competition"] for n in row["held_by"].values()), default=1),
    )


def _beside(
    variants: Sequence[Mapping[str, Any]], words: Mapping[str, str], channels: Mapping[str, str]
) -> list[tuple[str, float, float]]:
    """What stands side by side: a label, before and now."""
    old, new = variants[0], variants[-1]
    rows = [("reached", "people_reached"), ("entered", "entries"), ("messages", "sent"), ("parts", "segments")]
    return [
        *((words[label], old[name], new[name]) for label, name in rows),
        *((channels[key], old["sent_by_channel"][key], new["sent_by_channel"][key]) for key in CHANNELS),
        (words["not_sent"], sum(old["refused"].values()), sum(new["refused"].values())),
        (words["cost"], old["cost"]["total"], new["cost"]["total"]),
    ]


def number(value: float | None) -> str:
    """A number with separators; nothing at all is a dot, so that tables stay quiet."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value else "·"


def _strength(value: int, most: int) -> int:
    """How dark a cell is, from 0 to 4."""
    return 0 if not value else min(4, 1 + int(3.999 * value / max(1, most)))


def _told(outcome: Mapping[str, Any] | None, channels: Mapping[str, str], language: Language) -> str:
    if outcome is None:
        return ""
    if outcome["state"] in _SENT:
        told = f"{channels[outcome['channel']]} {outcome['at'].replace('T', ' ')[5:16]}"
        return Markup('<span class="up">{}</span>').format(told)
    return meaning(outcome["reason"], language)


def _series(rows: Sequence[Mapping[str, Any]], channels: Mapping[str, str]) -> list[Series]:
    return [Series(channels[channel], channel, [row[channel] for row in rows]) for channel in CHANNELS]


def _day_chart(now: Mapping[str, Any], words: Mapping[str, str], channels: Mapping[str, str]) -> Markup:
    days = now["volume"]["days"]
    labels = [day["date"][5:].replace("-", "/") for day in days]
    total = sum(day[channel] for day in days for channel in CHANNELS)
    return stacked_bars(words["per_day"], f"{total:,} {words['messages']}", labels, _series(days, channels))


def _hour_chart(now: Mapping[str, Any], words: Mapping[str, str], channels: Mapping[str, str]) -> Markup:
    hours = now["volume"]["hours_of_day"]
    busiest = max(hours, key=lambda hour: sum(hour[channel] for channel in CHANNELS))
    said = f"{words['busiest_hour']}: {busiest['hour']}"
    return stacked_bars(words["per_hour"], said, [str(hour["hour"]) for hour in hours], _series(hours, channels))


def _week_chart(now: Mapping[str, Any], words: Mapping[str, str]) -> Markup:
    rows = []
    for kind, counts in now["weeks"].items():
        total = sum(counts) or 1
        shares = {style: count / total for style, count in zip(_WEEK_STYLES, counts, strict=True)}
        rows.append((words[kind], shares))
    return share_bars(words["weeks"], words["weeks_note"], rows)


_DECISIONS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "journey_entered": "enters",
        "journey_refused": "is not let in",
        "journey_ended": "leaves",
        "message_accepted": "gets the message",
        "message_deferred": "put off",
        "message_suppressed": "not sent",
        "message_expired": "expired",
        "message_cancelled": "cancelled",
        "message_failed": "failed",
    },
    "ko": {
        "journey_entered": "들어옴",
        "journey_refused": "넣지 않음",
        "journey_ended": "나감",
        "message_accepted": "메시지를 받음",
        "message_deferred": "미룸",
        "message_suppressed": "보내지 않음",
        "message_expired": "유효 시간이 지남",
        "message_cancelled": "취소",
        "message_failed": "실패",
    },
}
