"""Whatever somebody chooses on their page is what holds afterwards, box by box."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dangol.consent.choosing import Choice, How, Standing, changes_of, leaving_all
from dangol.consent.folding import Said, fold, holding
from dangol.model.people import Preferences, Profile
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Purpose

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BOXES = [(Channel.EMAIL, Purpose.MARKETING, topic) for topic in ("", "evenings", "records")]
PAST = st.lists(
    st.tuples(st.sampled_from(BOXES), st.sampled_from([ConsentAction.GRANTED, ConsentAction.WITHDRAWN])), max_size=6
)
TICKS = st.fixed_dictionaries({box: st.booleans() for box in BOXES})
HOW = How("page:preferences")


def said(past: list[tuple[tuple[Channel, Purpose, str], ConsentAction]]) -> list[Said]:
    return [
        Said(f"{place:02}", *box, action, "consent", NOW - timedelta(days=20 - place), True, "")
        for place, (box, action) in enumerate(past)
    ]


def person(rows: list[Said]) -> Standing:
    held = holding(fold(rows))
    general = {matter[:2]: state for matter, state in held.items() if not matter[2]}
    topics = {matter: state for matter, state in held.items() if matter[2]}
    profile = Profile("p", "alice", "a@example.com", None, None, None, None, {}, NOW)
    return Standing(profile, general, topics, Preferences())


def after(rows: list[Said], standing: Standing, changes: list) -> Standing:  # type: ignore[type-arg]
    more = [
        Said(f"n{place}", one.channel, one.purpose, one.topic, one.action, "consent", one.occurred_at, True, "")
        for place, one in enumerate(changes)
    ]
    return person(rows + more)


@given(PAST, TICKS)
def test_what_was_wanted_holds(past: list, wanted: dict) -> None:  # type: ignore[type-arg]
    rows = said(past)
    before = person(rows)
    shown = {box: before.agrees(box) for box in BOXES}
    changes = changes_of(before, Choice(shown, wanted, {}), HOW, NOW)
    assert {box: after(rows, before, changes).agrees(box) for box in BOXES} == wanted
    if shown == wanted:
        assert changes == []


@given(PAST, TICKS)
def test_the_night_goes_with_the_last_of_what_came_by_it(past: list, wanted: dict) -> None:  # type: ignore[type-arg]
    """Its box stays ticked while somebody unticks all the others: that is no new yes to the night."""
    night = (Channel.EMAIL, Purpose.MARKETING, NIGHT)
    rows = said(
        [*past, ((Channel.EMAIL, Purpose.MARKETING, ""), ConsentAction.GRANTED), (night, ConsentAction.GRANTED)]
    )
    before = person(rows)
    shown = {box: before.agrees(box) for box in (*BOXES, night)}
    changes = changes_of(before, Choice(shown, {**wanted, night: True}, {}), HOW, NOW)
    held = after(rows, before, changes).topics.get(night)
    assert (held is not None and held.granted) == any(wanted.values())


@given(PAST)
def test_nothing_holds_after_leaving_everything(past: list) -> None:  # type: ignore[type-arg]
    rows = said(past)
    before = person(rows)
    left = after(rows, before, leaving_all(before, [Purpose.MARKETING], "Stop", HOW, NOW))
    assert not any(left.agrees(box) for box in BOXES)
    assert leaving_all(left, [Purpose.MARKETING], "Stop", HOW, NOW) == []
