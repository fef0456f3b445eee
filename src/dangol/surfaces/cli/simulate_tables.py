"""A simulation's answers as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dangol.simulate.answers import CHANNELS, stirring
from dangol.simulate.gaps import Answers
from dangol.simulate.phrases import ENGLISH
from dangol.simulate.words import because, headline, meaning, said, weeks_note

_PROSE = frozenset(
    {
        "reason, and what it means",
        "what it means",
        "campaigns",
        "slots held by",
        "change",
        "before",
        "after",
        "rule",
        "why",
    }
)
"""Columns that may be wrapped; the others hold keys, times and numbers, which are read as a whole."""


def tell(console: Console, found: Answers, *, html: Path | None = None, listing: Path | None = None) -> None:
    """Print the answers; those that are empty are left out."""
    variants = found["variants"]
    now = variants[-1]
    console.print()
    console.print(
        f"[bold]{headline(found, 'en')}[/]: "
        f"{now['sent']:,} messages to {now['people_reached']:,} of them, "
        f"{found['currency']} {now['cost']['total']:,.0f}. Nothing was sent."
    )
    assumed = found["assumptions"]
    people, events = said(assumed["audience"], "en"), said(assumed["events"], "en")
    console.print(f"People: {people}. Events: {events}. Seed {found['seed']}.", style="dim", highlight=False)
    if found["difference"] is not None:
        _side_by_side(console, variants)
        _difference(console, found)
    _never(console, now)
    _campaigns(console, now)
    _notes(console, found["campaign_notes"])
    _steps(console, now)
    _refusals(console, "Not sent, and why", now, "refused")
    _refusals(console, "Not let in, and why", now, "turned_away")
    _put_off(console, now)
    _competition(console, now)
    _limits(console, now)
    _goals(console, now)
    _people(console, found)
    _notes(console, assumed["notes"])
    if html is not None:
        console.print(f"Report     {html}", soft_wrap=True, highlight=False)
    if listing is not None:
        console.print(f"List       {listing}", soft_wrap=True, highlight=False)


def _never(console: Console, now: Mapping[str, Any]) -> None:
    """What the scenario files forbid: that all of it held, or what was broken and for whom first."""
    rules = now["never"]
    if not rules:
        return
    table = _table("What must never happen, and did", "rule", "times", "to whom first", right=0)
    for rule in rules:
        if rule["times"]:
            first = rule["first"][0]
            when = first["at"].replace("T", " ")[5:16]
            table.add_row(rule["rule"], _number(rule["times"]), f"{first['profile']} {when} {first['message']}")
    _print(console, table)
    if not table.row_count:
        several = f"All {len(rules)} rules" if len(rules) > 1 else "The one rule"
        console.print(f"{several} of what must never happen held.", style="dim", highlight=False)


def _notes(console: Console, notes: Sequence[Answers]) -> None:
    for note in notes:
        console.print(f"note: {said(note, 'en')}", style="yellow", highlight=False)


def _campaigns(console: Console, now: Mapping[str, Any]) -> None:
    table = _table("Campaigns", "campaign", "entered", *CHANNELS, "not\nsent", "put\noff", "cost")
    for one in stirring(now["campaigns"]):
        by_channel = [_number(one["sent_by_channel"][channel]) for channel in CHANNELS]
        off = sum(deferred["messages"] for deferred in one["deferred"].values())
        table.add_row(
            one["key"],
            _number(one["entries"]),
            *by_channel,
            _number(sum(one["refused"].values())),
            _number(off),
            _number(round(one["cost"])),
        )
    console.print(table)


def _steps(console: Console, now: Mapping[str, Any]) -> None:
    table = _table("Who gets what, and when", "campaign, step", "message", "channel", "first", "last", "times", right=1)
    for one in now["campaigns"]:
        for step in one["steps"]:
            when = [step[name].replace("T", " ")[5:16] for name in ("first", "last")]
            where = _under(one["key"], step["step"])
            table.add_row(where, step["message"], step["channel"], *when, _number(step["sent"]))
    _print(console, table)


def _refusals(console: Console, title: str, now: Mapping[str, Any], kind: str) -> None:
    table = _table(title, "reason, and what it means", "campaigns", "times", right=1)
    for reason, count in now[kind].items():
        of = sorted(((one[kind][reason], one["key"]) for one in now["campaigns"] if reason in one[kind]), reverse=True)
        campaigns = ", ".join(f"{key} {times:,}" for times, key in of)
        table.add_row(_under(reason, meaning(reason, "en")), campaigns, _number(count))
    _print(console, table)


def _put_off(console: Console, now: Mapping[str, Any]) -> None:
    table = _table("Put off, and for how long", "campaign", "reason", "hours on\naverage", "messages", right=2)
    for one in now["campaigns"]:
        for reason, off in one["deferred"].items():
            table.add_row(one["key"], reason, f"{off['mean_hours']:g}", _number(off["messages"]))
    _print(console, table)


def _competition(console: Console, now: Mapping[str, Any]) -> None:
    table = _table(
        "Who takes whose place under a cap",
        "campaign, cap",
        "slots held by",
        "refused",
        "put\noff",
        "rerouted",
        right=3,
    )
    for one in now["competition"]:
        holders = ", ".join(f"{holder} {count:,}" for holder, count in one["held_by"].items())
        counts = (_number(one[how]) for how in ("refused", "deferred", "rerouted"))
        table.add_row(_under(one["campaign"], one["cap"]), holders, *counts)
    _print(console, table)


def _limits(console: Console, now: Mapping[str, Any]) -> None:
    table = _table(
        "Volume against what providers take",
        "channel",
        "busiest hour",
        "messages",
        "takes",
        "busiest day",
        "messages",
        "over",
    )
    for one in now["volume"]["limits"]:
        if not one["in_busiest_hour"]:
            continue
        takes = one["busiest_hour_takes_seconds"]
        over = f"{one['hours_over']} h, {one['days_over']} d" if one["hours_over"] or one["days_over"] else "never"
        table.add_row(
            one["channel"],
            one["busiest_hour"].replace("T", " ")[5:16],
            _number(one["in_busiest_hour"]),
            "" if takes is None else f"{takes:,.0f} s",
            one["busiest_day"][5:],
            _number(one["in_busiest_day"]),
            over,
        )
    _print(console, table)


def _goals(console: Console, now: Mapping[str, Any]) -> None:
    table = _table("Goals", "campaign", "group", "journeys", "reached", "share", "still\nopen", right=4)
    for one in now["campaigns"]:
        for group in one["groups"]:
            reached = "" if group["converted"] is None else _number(group["converted"])
            share = "" if group["share"] is None else f"{group['share']:.1%}"
            name = ENGLISH.get(group["group"], group["group"])
            undecided = _number(group["undecided"] or 0)
            table.add_row(one["key"], name, _number(group["journeys"]), reached, share, undecided)
    _print(console, table)
    if table.row_count:
        console.print(ENGLISH["goals_note"], style="dim", highlight=False)


def _people(console: Console, found: Answers) -> None:
    now = found["variants"][-1]
    table = _table("Messages a person gets in a week", "purpose", "none", "1", "2", "3", "4 or more", right=5)
    for kind, counts in now["weeks"].items():
        total = sum(counts) or 1
        table.add_row(kind, *(f"{count / total:.1%}" for count in counts))
    console.print(table)
    console.print(weeks_note(found, "en"), style="dim", highlight=False)
    title = "People who get nothing, and the most frequent reason"
    table = _table(title, "reason", "what it means", "people", right=1)
    for one in now["nothing"]:
        campaigns = ", ".join(f"{key} {count:,}" for key, count in one["campaigns"].items())
        means = meaning(one["reason"], "en")
        table.add_row(one["reason"], f"{means} ({campaigns})" if campaigns else means, _number(one["people"]))
    _print(console, table)


def _side_by_side(console: Console, variants: Sequence[Mapping[str, Any]]) -> None:
    before, after = variants
    table = _table("Side by side", "", before["name"], after["name"], "change")
    counts = {
        "people reached": [one["people_reached"] for one in variants],
        "entries": [one["entries"] for one in variants],
        "messages": [one["sent"] for one in variants],
        "SMS parts": [one["segments"] for one in variants],
        **{channel: [one["sent_by_channel"][channel] for one in variants] for channel in CHANNELS},
        "not sent": [sum(one["refused"].values()) for one in variants],
        "cost": [round(one["cost"]["total"]) for one in variants],
    }
    for label, (old, new) in counts.items():
        table.add_row(label, _number(old), _number(new), f"{new - old:+,}" if new != old else "·")
    console.print(table)


def _difference(console: Console, found: Answers) -> None:
    difference = found["difference"]
    console.print(f"[bold]{difference['people']:,} of {found['people']:,} people[/] see a difference.")
    kinds = _table("What changes", "campaign", "change", "people", right=1)
    for one in difference["kinds"]:
        kinds.add_row(one["campaign"], one["kind"].replace("_", " "), _number(one["people"]))
    _print(console, kinds)
    table = _table("Who changes, and why", "person", "campaign, step", "change", "before", "after", "why", right=0)
    for person in difference["listed"]:
        for change in person["changes"]:
            told = [outcome(change[side]) or "nothing" for side in ("before", "after")]
            table.add_row(
                person["profile"],
                _under(change["campaign"], change["step"]),
                change["kind"].replace("_", " "),
                *told,
                because(change, "en"),
            )
    _print(console, table)
    if difference["not_listed"]:
        console.print(
            f"… and {difference['not_listed']:,} more people; show more with --limit, write all with --list FILE"
        )


def outcome(told: Mapping[str, Any] | None) -> str:
    """One outcome in a cell: what, where and when, or the reason."""
    if told is None:
        return ""
    when = told["at"].replace("T", " ")[5:16]
    return f"{told['channel']} {when}" if told["state"] in {"accepted", "sending"} else told["reason"].replace("_", " ")


def _print(console: Console, table: Table) -> None:
    if table.row_count:
        console.print(table)


def _table(title: str, *columns: str, right: int | None = None) -> Table:
    """A table; its last ``right`` columns, all but the first unless given, hold numbers."""
    right = len(columns) - 1 if right is None else right
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if number >= len(columns) - right else "left"
        prose = column in _PROSE
        table.add_column(column, justify=justify, overflow="fold" if prose else "ellipsis", no_wrap=not prose)
    return table


def _under(key: str, more: str) -> Text:
    """A key, and more about it below, so that it takes one column."""
    return Text.assemble(key, "\n", (more, "dim"))


def _number(value: int) -> str:
    return f"{value:,}" if value else "·"
