"""Room under a cap goes to the message that needs it more, and one journey's messages keep their order."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.model.facts import Allow, Candidate, Contender, Defer, Facts, Suppress, Verdict
from dangol.model.people import Preferences
from dangol.model.vocabulary import Channel, OnCapped, Purpose, Reason
from dangol.model.workspace import Calendar
from dangol.policy.caps import caps
from dangol.policy.contention import MOST_RIVALS, ahead, in_turn, rivals
from dangol.policy.order import LOOK_AGAIN, order
from tests.unit.policy.builders import MESSAGE, NOON, WITHDRAWN, cap, facts, message, rulebook, slot

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
EMAIL = Channel.EMAIL


def other(id: str = "01CART", due: timedelta = HOUR, **fields: Any) -> Contender:
    usual = {"priority": 60, "journey_id": id, "step": "s", "planned_at": NOON - HOUR, "campaign": "cart"}
    return Contender(message(id=id, **{**usual, **fields}), NOON + due)


def newsletter(**fields: Any) -> Candidate:
    return message(**{"id": "01NEWS", "priority": 20, "journey_id": "news", "step": "n", "planned_at": NOON, **fields})


def kept(*contenders: Contender, limit: int = 1, reserve: timedelta | None = 12 * HOUR, **world: Any) -> Verdict:
    """What a weekly cap that keeps room says to the newsletter."""
    rule = cap(limit, world.pop("window", WEEK))
    rule = type(rule)(rule.cap.model_copy(update={"reserve": reserve}), rule.applies_to)
    candidate = world.pop("candidate", newsletter())
    return caps(facts(candidate, contenders=contenders, **world), EMAIL, rulebook(rule, consent_required=["marketing"]))


class TestRoomIsKept:
    def test_for_a_more_important_message_that_is_due_in_time(self) -> None:
        evidence = {"caps": {"weekly": "0/1"}, "cap": "weekly", "winner": "01CART"}
        assert kept(other()) == Suppress(Reason.YIELDED, evidence, final=True)

    def test_not_for_one_that_is_due_later(self) -> None:
        assert isinstance(kept(other(due=13 * HOUR)), Allow)

    def test_without_reservation_only_for_what_is_due_already(self) -> None:
        assert isinstance(kept(other(), reserve=None), Allow)
        assert isinstance(kept(other(due=-HOUR), reserve=None), Suppress)

    def test_not_while_there_is_enough_for_both(self) -> None:
        assert isinstance(kept(other(), limit=2), Allow)
        assert isinstance(kept(other(), other("01MORE", 2 * HOUR), limit=2), Suppress)

    def test_slots_that_are_free_again_by_then_leave_room(self) -> None:
        soon_free = slot(NOON - WEEK + timedelta(minutes=30))
        assert isinstance(kept(other(), limit=2, slots=[soon_free]), Allow)
        assert isinstance(kept(other(due=timedelta(minutes=10)), limit=2, slots=[soon_free]), Suppress)

    def test_not_for_what_is_due_after_the_window(self) -> None:
        assert isinstance(kept(other(due=11 * HOUR), window=Calendar.DAY), Suppress)
        assert isinstance(kept(other(due=12 * HOUR), window=Calendar.DAY), Allow)

    @pytest.mark.parametrize(
        ("mine", "theirs", "yields"),
        [
            ({"priority": 60}, {"value": 5}, True),
            ({"priority": 60, "value": 5}, {}, False),
            ({"priority": 60}, {}, True),  # planned an hour ago, ours now
            ({"priority": 60, "planned_at": NOON - 2 * HOUR}, {}, False),
            ({"priority": 60, "planned_at": NOON - HOUR}, {}, True),  # its id is smaller
            ({"priority": 61}, {"value": 5}, False),
        ],
    )
    def test_by_priority_then_value_then_age_then_id(
        self, mine: dict[str, Any], theirs: dict[str, Any], yields: bool
    ) -> None:
        assert isinstance(kept(other(**theirs), candidate=newsletter(**mine)), Suppress) is yields

    @pytest.mark.parametrize(
        "of",
        [
            {"expires_at": NOON},
            {"purpose": Purpose.TRANSACTIONAL},
            {"channels": (Channel.SMS,)},
            {"holdout": 0.999999},
            {"digest": "weekly"},
        ],
    )
    def test_not_for_what_cannot_go_or_does_not_count(self, of: dict[str, Any]) -> None:
        consents = {(EMAIL, Purpose.MARKETING): facts().consents[EMAIL, Purpose.MARKETING]}
        assert isinstance(kept(other(**of), consents=consents), Allow)

    def test_not_for_a_channel_that_the_person_left(self) -> None:
        left = {**facts().consents, (Channel.SMS, Purpose.MARKETING): WITHDRAWN}
        assert isinstance(kept(other(channels=(Channel.SMS,)), consents=left), Allow)

    def test_and_what_yields_waits_for_the_other_or_goes_elsewhere_as_its_author_says(self) -> None:
        waits = kept(other(), candidate=newsletter(on_capped=OnCapped.DEFER))
        assert isinstance(waits, Defer)
        assert (waits.until, waits.reason) == (NOON + HOUR, Reason.YIELDED)
        due = kept(other(due=-HOUR), candidate=newsletter(on_capped=OnCapped.DEFER))
        assert isinstance(due, Defer)
        assert due.until == NOON + LOOK_AGAIN
        late = kept(other(), candidate=newsletter(on_capped=OnCapped.DEFER, expires_at=NOON + HOUR))
        assert isinstance(late, Suppress)
        assert late.reason is Reason.CAP_OUTLASTS_EXPIRY
        elsewhere = kept(other(), candidate=newsletter(on_capped=OnCapped.REROUTE))
        assert isinstance(elsewhere, Suppress)
        assert not elsewhere.final

    def test_who_lost_the_last_room_in_a_batch_is_told_the_winner(self) -> None:
        winner = message(id="01WON", priority=90)
        taken = [type(slot(NOON))(NOON, winner.fields(EMAIL), taken_by=winner)]
        verdict = kept(slots=taken)
        assert isinstance(verdict, Suppress)
        assert (verdict.reason, verdict.evidence["winner"]) == (Reason.CAPPED, "01WON")
        used_up_before = kept(slots=[*taken, slot(NOON - DAY)])
        assert isinstance(used_up_before, Suppress)
        assert "winner" not in used_up_before.evidence


class TestTheRecipientsWish:
    def test_is_a_cap_like_the_others_and_the_strictest_decides(self) -> None:
        wish = Preferences(at_most=1, per_days=7)
        world = facts(preferences=wish, slots=[slot(NOON - 6 * DAY)])
        verdict = caps(world, EMAIL, rulebook(cap(3, WEEK)))
        assert verdict == Suppress(
            Reason.CAPPED, {"caps": {"weekly": "1/3", "recipient": "1/1"}, "cap": "recipient"}, final=True
        )
        assert isinstance(caps(facts(preferences=wish, slots=[slot(NOON - WEEK)]), EMAIL, rulebook()), Allow)

    def test_binds_marketing_even_where_caps_do_not(self) -> None:
        world = facts(preferences=Preferences(at_most=0))
        assert isinstance(caps(world, EMAIL, rulebook(capped_purposes=[])), Suppress)

    def test_does_not_bind_what_is_no_marketing(self) -> None:
        world = facts(message(purpose=Purpose.SERVICE), preferences=Preferences(at_most=0))
        assert isinstance(caps(world, EMAIL, rulebook()), Allow)


class TestOrder:
    def test_what_was_planned_later_waits_behind_what_waits(self) -> None:
        before = other("01FIRST", 3 * HOUR, journey_id="j", step="first", planned_at=NOON - DAY)
        later = message(journey_id="j", step="second", planned_at=NOON)
        verdict = order(facts(later, contenders=[before]), EMAIL, rulebook())
        until = NOON + 3 * HOUR
        evidence = {"behind": "01FIRST", "until": until.isoformat()}
        assert verdict == Defer(until, Reason.EARLIER_WAITS, evidence)
        first = facts(before.message, contenders=[Contender(later, NOON)])
        assert isinstance(order(first, EMAIL, rulebook()), Allow)

    def test_but_not_beyond_its_own_time(self) -> None:
        before = other("01FIRST", 3 * HOUR, journey_id="j", step="first", planned_at=NOON - DAY)
        later = message(journey_id="j", step="second", planned_at=NOON, expires_at=NOON + HOUR)
        verdict = order(facts(later, contenders=[before]), EMAIL, rulebook())
        assert isinstance(verdict, Defer)
        assert verdict.until == NOON + HOUR

    @pytest.mark.parametrize(
        "of",
        [{"journey_id": "another"}, {"step": "second"}, {"expires_at": NOON}, {"digest": "weekly"}],
    )
    def test_what_is_of_another_journey_of_the_same_step_or_over_holds_nothing_up(self, of: dict[str, Any]) -> None:
        fields = {"journey_id": "j", "step": "first", "planned_at": NOON - DAY, **of}
        later = message(journey_id="j", step="second", planned_at=NOON)
        assert isinstance(order(facts(later, contenders=[other(**fields)]), EMAIL, rulebook()), Allow)

    def test_what_is_being_handed_over_holds_up_what_follows_for_a_moment(self) -> None:
        under_way = message(id="01FIRST", journey_id="j", step="first", planned_at=NOON - DAY)
        later = message(journey_id="j", step="second", planned_at=NOON)
        verdict = order(facts(later, under_way=[under_way]), EMAIL, rulebook())
        assert isinstance(verdict, Defer)
        assert (verdict.reason, verdict.evidence["behind"]) == (Reason.EARLIER_WAITS, "01FIRST")
        assert NOON < verdict.until <= NOON + HOUR

    @pytest.mark.parametrize("of", [{"step": "second"}, {"planned_at": NOON + HOUR}, {"digest": "weekly"}])
    def test_what_is_being_handed_over_at_the_same_step_or_later_or_in_a_digest_holds_nothing_up(
        self, of: dict[str, Any]
    ) -> None:
        fields = {"journey_id": "j", "step": "first", "planned_at": NOON - DAY, **of}
        later = message(journey_id="j", step="second", planned_at=NOON)
        assert isinstance(order(facts(later, under_way=[message(id="01OTHER", **fields)]), EMAIL, rulebook()), Allow)

    def test_of_two_planned_at_once_the_campaigns_order_of_steps_decides(self) -> None:
        first = message(id="02", journey_id="j", step="b", place=1, planned_at=NOON)
        second = message(id="01", journey_id="j", step="a", place=2, planned_at=NOON)
        assert isinstance(order(facts(second, contenders=[Contender(first, NOON)]), EMAIL, rulebook()), Defer)
        assert isinstance(order(facts(first, contenders=[Contender(second, NOON)]), EMAIL, rulebook()), Allow)


CANDIDATES = st.lists(
    st.builds(
        lambda journey, priority, value, age, place: (journey, priority, value, age, place),
        st.sampled_from("abc"),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=7,
)


def candidates(drawn: list[tuple[str, int, int, int, int]]) -> list[Candidate]:
    return [
        message(
            id=f"{index:02}",
            journey_id=journey,
            priority=priority,
            value=float(value),
            planned_at=NOON + age * HOUR,
            place=place,
            step=f"{index}",
        )
        for index, (journey, priority, value, age, place) in enumerate(drawn)
    ]


@given(CANDIDATES)
def test_one_journeys_messages_are_decided_in_the_order_in_which_they_were_planned(
    drawn: list[tuple[str, int, int, int, int]],
) -> None:
    decided = in_turn(candidates(drawn))
    assert sorted(one.id for one in decided) == [f"{index:02}" for index in range(len(drawn))]
    for journey in "abc":
        own = [(one.planned_at, one.place) for one in decided if one.journey_id == journey]
        assert own == sorted(own)


@given(CANDIDATES)
def test_the_order_does_not_depend_on_how_the_messages_came(drawn: list[tuple[str, int, int, int, int]]) -> None:
    messages = candidates(drawn[:4])
    assert len({tuple(one.id for one in in_turn(list(some))) for some in permutations(messages)}) == 1


@given(CANDIDATES)
def test_no_two_messages_ever_wait_for_one_another(drawn: list[tuple[str, int, int, int, int]]) -> None:
    """Of all that wait there is always one that neither stands behind another nor yields to one."""
    waiting = [Contender(one, NOON) for one in candidates(drawn)]

    def free(one: Contender) -> bool:
        world: Facts = facts(one.message, contenders=[rest for rest in waiting if rest is not one])
        return not ahead(world) and isinstance(order(world, EMAIL, rulebook()), Allow)

    assert any(free(one) for one in waiting)


def test_a_message_alone_has_nobody_ahead() -> None:
    assert ahead(facts(MESSAGE)) == []


class TestRivals:
    """However many wait for one person, a decision looks at no more than so many of them."""

    MINE = message(id="mine", journey_id="j", step="b", planned_at=NOON)

    def test_only_the_first_in_turn_of_other_journeys_are_looked_at(self) -> None:
        many = [other(f"{index:04}", due=timedelta()) for index in range(MOST_RIVALS + 5)]
        assert rivals(self.MINE, many, NOON, HOUR) == many[:MOST_RIVALS]

    def test_all_of_its_own_journey_are_so_that_their_order_holds(self) -> None:
        many = [other(f"{index:04}", due=timedelta()) for index in range(MOST_RIVALS)]
        own = Contender(message(id="own", journey_id="j", step="a", planned_at=NOON - HOUR), NOON + 9 * WEEK)
        assert own in rivals(self.MINE, [*many, own], NOON, HOUR)

    def test_neither_itself_nor_what_no_cap_keeps_room_for_nor_what_expired(self) -> None:
        itself, late = Contender(self.MINE, NOON), other("late", due=2 * HOUR)
        expired = other("expired", due=timedelta(), expires_at=NOON)
        assert rivals(self.MINE, [itself, late, expired], NOON, HOUR) == []
