"""Whatever waits for whatever reason, the messages of one journey are handed over in the order of their planning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.model.facts import Allow, Candidate, Contender, Defer, Slot
from dangol.model.vocabulary import Channel, OnCapped
from dangol.policy.contention import in_turn
from dangol.policy.gate import decide
from dangol.policy.rules import Rulebook
from tests.unit.policy.builders import NOON, cap, facts, message, quiet, rulebook

HOUR = timedelta(hours=1)
LONGEST = 200


@dataclass(frozen=True)
class Planned:
    """A message as a journey plans it."""

    journey: int
    after: int
    channel: Channel
    priority: int
    value: int
    expires_after: int | None


PLANS = st.lists(
    st.builds(
        Planned,
        st.integers(0, 2),
        st.integers(0, 30),
        st.sampled_from(Channel),
        st.sampled_from([20, 60]),
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(1, 60)),
    ),
    min_size=2,
    max_size=8,
)


def candidates(plans: list[Planned]) -> list[Candidate]:
    return [
        message(
            id=f"{index:02}",
            journey_id=f"j{plan.journey}",
            step=f"s{index}",
            place=index,
            channels=(plan.channel,),
            priority=plan.priority,
            value=float(plan.value),
            planned_at=NOON + plan.after * HOUR,
            expires_at=NOON + (plan.after + plan.expires_after) * HOUR if plan.expires_after else None,
            on_capped=OnCapped.DEFER,
        )
        for index, plan in enumerate(sorted(plans, key=lambda one: one.after))
    ]


def carried_out(messages: list[Candidate], rules: Rulebook) -> list[Candidate]:
    """Play it through: whenever something is due, all that is due is decided; returns what went out, in order."""
    due = {one.id: one.planned_at or NOON for one in messages}
    known = {one.id: one for one in messages}
    sent: list[Candidate] = []
    slots: list[Slot] = []
    for _ in range(LONGEST):
        if not due:
            return sent
        now = min(due.values())
        for one in in_turn([known[key] for key, at in due.items() if at <= now]):
            others = [
                Contender(known[key], at) for key, at in due.items() if key != one.id and _is_planned(known[key], now)
            ]
            ruling = decide(facts(one, now=now, slots=tuple(slots), contenders=others), rules)
            match ruling.verdict:
                case Allow():
                    sent.append(one)
                    slots.append(Slot(now, one.fields(ruling.channel), taken_by=one))
                    del due[one.id]
                case Defer(until):
                    assert until > now
                    due[one.id] = until
                case _:
                    del due[one.id]
    raise AssertionError(f"still waiting: {due}")


def _is_planned(one: Candidate, now: datetime) -> bool:
    return one.planned_at is not None and one.planned_at <= now


@settings(max_examples=150, deadline=None)
@given(PLANS, st.integers(1, 3), st.sampled_from([None, "2 hours"]))
def test_one_journeys_messages_go_out_in_the_order_of_their_planning(
    plans: list[Planned], limit: int, spread: str | None
) -> None:
    rule = cap(limit, timedelta(hours=24))
    keeping = type(rule)(rule.cap.model_copy(update={"reserve": 6 * HOUR}), rule.applies_to)
    windows = [quiet("21:00", "08:00", channels=(Channel.SMS,)), quiet("13:00", "15:00", channels=(Channel.PUSH,))]
    sent = carried_out(candidates(plans), rulebook(keeping, windows=windows, spread=spread))
    for journey in {one.journey_id for one in sent}:
        went = [one.place for one in sent if one.journey_id == journey]
        assert went == sorted(went)
