"""In which order the calls of a batch are carried out."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dangol.model.people import IncomingEvent, ProfileChange
from dangol.surfaces.api.calls import Call, in_rounds

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def identify(person: str, number: int = 0) -> ProfileChange:
    return ProfileChange(person, attributes={"number": number})


def track(person: str, number: int = 0) -> IncomingEvent:
    return IncomingEvent(str(number), person, "E", {}, NOW, "api")


def test_calls_of_many_people_need_one_round() -> None:
    calls: list[Call] = [call for person in "abc" for call in (identify(person), track(person))]
    [only] = in_rounds(calls)
    assert [change.external_id for change in only.changes] == ["a", "b", "c"]
    assert [event.external_id for event in only.events] == ["a", "b", "c"]


def test_a_person_identified_anew_after_an_event_needs_another_round() -> None:
    rounds = in_rounds([track("a"), identify("a"), track("b"), identify("b"), track("a")])
    assert [(len(each.changes), len(each.events)) for each in rounds] == [(0, 2), (2, 1)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())))
def test_nothing_is_lost_and_each_persons_calls_stay_in_their_order(drawn: list[tuple[str, bool]]) -> None:
    calls: list[Call] = [
        identify(person, number) if known else track(person, number) for number, (person, known) in enumerate(drawn)
    ]
    done: list[Call] = [call for each in in_rounds(calls) for call in (*each.changes, *each.events)]
    assert len(done) == len(calls)
    for person in "abc":
        assert [call for call in done if call.external_id == person] == [
            call for call in calls if call.external_id == person
        ]
