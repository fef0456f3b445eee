"""Every kind of step: what it asks for, and where it leads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dangol.journeys.flow import Flow, Known
from dangol.journeys.machine import (
    END,
    START,
    Advance,
    AssignArm,
    CallWebhook,
    EmitEvent,
    Ended,
    PlanMessage,
    SetAttributes,
    State,
    Waiting,
    advance,
    draw,
)
from dangol.model.people import Event
from dangol.model.steps import Split
from dangol.model.vocabulary import Reason
from tests.unit.journeys.campaigns import campaign, send, wait, waiting

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ENTERED = NOW - timedelta(days=2)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
DONE = Ended(Reason.COMPLETED, END)


def known(*history: Event, profile_id: str = "P1", arms: dict[str, str] | None = None, **profile: Any) -> Known:
    return Known(
        profile_id, profile, (ENTERED, "E0"), ZoneInfo("Asia/Seoul"), entry=ENTRY, history=history, arms=arms or {}
    )


ENTRY = {"cart_id": "c1", "starts_at": "2026-03-05T19:00:00+09:00", "seen": datetime(2026, 3, 1, tzinfo=UTC)}


def event(at: datetime, name: str = "Resumed", id_: str = "E1", **properties: Any) -> Event:
    return Event(id_, "P1", name, properties, at)


def run(*steps: dict[str, Any], of: Known | None = None, state: State | None = None, **more: Any) -> Advance:
    """Somebody gets through these steps from their beginning, or from a state."""
    base, now = more.pop("base", None), more.pop("now", NOW)
    return advance(Flow(campaign(*steps), **more), state or State(START), of or known(), now, base=base)


def positions(answer: Advance) -> list[str]:
    return [command.step.position for command in answer.commands]


class TestWaitUntil:
    def test_it_moves_on_before_it_sleeps(self) -> None:
        answer = run({"wait": {"until": "12:00"}}, send())
        assert answer == Advance(waiting("0.1", datetime(2026, 3, 2, 3, tzinfo=UTC)))

    def test_it_reads_the_person_and_the_entry(self) -> None:
        of_entry = run({"wait": {"until": "1 hour before entry.starts_at"}}, send())
        assert of_entry == Advance(waiting("0.1", datetime(2026, 3, 5, 9, tzinfo=UTC)))
        of_person = run({"wait": {"until": "profile.birthday", "yearly": True}}, of=known(birthday="1990-03-03"))
        assert of_person == Advance(waiting(END, datetime(2026, 3, 3, tzinfo=UTC)))

    def test_a_moment_that_nobody_can_tell_ends_the_journey_at_its_step(self) -> None:
        answer = run(send(), {"wait": {"until": "profile.birthday", "yearly": True}}, send())
        assert positions(answer) == ["0.0"]
        assert answer.state == Ended(Reason.MOMENT_UNKNOWN, "0.1")

    @pytest.mark.parametrize("if_past", ["exit", "continue"])
    def test_a_moment_that_nobody_can_tell_is_not_taken_for_one_that_has_passed(self, if_past: str) -> None:
        answer = run({"wait": {"until": "profile.birthday", "if_past": if_past}}, send())
        assert answer == Advance(Ended(Reason.MOMENT_UNKNOWN, "0.0"))

    def test_a_moment_that_has_gone_by_ends_the_journey_unless_its_author_says_otherwise(self) -> None:
        gone = {"until": "2026-03-01"}
        assert run({"wait": gone}, send()) == Advance(Ended(Reason.MOMENT_PAST, "0.0"))
        answer = run({"wait": {**gone, "if_past": "continue"}}, send())
        assert (positions(answer), answer.state) == (["0.1"], DONE)

    def test_a_moment_that_is_now_has_come_and_has_not_gone_by(self) -> None:
        answer = run({"wait": {"until": "2026-03-02", "at": "10:00"}}, send())
        assert (positions(answer), answer.state) == (["0.1"], DONE)


class TestWaitFor:
    STEP: dict[str, Any] = {  # noqa: RUF012 - shared, and never changed
        "wait_for": {"event": "Resumed", "within": "1 day"},
        "then": [{"exit": "heard"}],
        "else": [{"exit": "silent"}],
    }
    UNTIL = NOW + timedelta(days=1)
    LISTENING = State("0.0", UNTIL, NOW)

    def hears(self, *history: Event, now: datetime = UNTIL, **more: Any) -> str:
        answer = run(self.STEP, of=known(*history), state=self.LISTENING, now=now, **more)
        return answer.state.detail if isinstance(answer.state, Ended) else "waits"

    def test_it_stays_at_its_own_step_and_says_what_it_listens_to(self) -> None:
        assert run(self.STEP) == Advance(Waiting(self.LISTENING, "Resumed"))

    def test_it_listens_from_when_the_step_was_due_and_for_its_whole_time(self) -> None:
        late = run(self.STEP, base=NOW - HOUR)
        assert late == Advance(Waiting(State("0.0", self.UNTIL, NOW - HOUR), "Resumed"))

    @pytest.mark.parametrize(
        ("at", "expected"),
        [(NOW - TICK, "silent"), (NOW, "heard"), (UNTIL, "heard"), (UNTIL + TICK, "silent")],
        ids=["before it", "as it begins", "as it times out", "after that"],
    )
    def test_what_occurred_in_its_time_counts_whenever_it_is_heard(self, at: datetime, expected: str) -> None:
        assert self.hears(event(at), now=self.UNTIL + 3 * HOUR) == expected

    def test_it_waits_while_it_has_heard_nothing_and_not_timed_out(self) -> None:
        assert self.hears(now=self.UNTIL - TICK) == "waits"
        assert self.hears(now=self.UNTIL) == "silent"
        assert self.hears(event(NOW, "Page Seen"), now=self.UNTIL - TICK) == "waits"

    def test_it_goes_on_as_soon_as_it_hears(self) -> None:
        assert self.hears(event(NOW + HOUR), now=NOW + HOUR) == "heard"

    def test_a_clock_that_jumped_back_neither_ends_nor_deafens_it(self) -> None:
        assert self.hears(now=NOW - HOUR) == "waits"
        assert self.hears(event(NOW + HOUR), now=NOW - HOUR) == "heard"

    def test_where_says_which_of_the_events_counts(self) -> None:
        def same_cart(known: Known, now: datetime, event: Event | None) -> bool:
            return event is not None and event.properties["cart_id"] == known.entry["cart_id"]

        mine, other = event(NOW, cart_id="c1"), event(NOW, id_="E2", cart_id="c2")
        assert self.hears(other, now=NOW + HOUR, tests={"0.0": same_cart}) == "waits"
        assert self.hears(other, mine, now=NOW + HOUR, tests={"0.0": same_cart}) == "heard"

    def test_since_entry_hears_at_once_what_occurred_on_the_way_but_not_what_let_the_person_in(self) -> None:
        step = {**self.STEP, "wait_for": {**self.STEP["wait_for"], "since": "entry"}}
        on_the_way, entry_itself = event(ENTERED + HOUR), event(ENTERED, id_="E0")
        assert run(step, of=known(on_the_way)).state == Ended(Reason.EXIT_STEP, "0.0.then.0", "heard")
        assert run(step, of=known(entry_itself)) == Advance(Waiting(State("0.0", self.UNTIL, ENTERED), "Resumed"))

    def test_a_branch_without_steps_leads_on_behind_the_step(self) -> None:
        step = {"wait_for": {"event": "Resumed", "within": "1 day"}, "else": [send("nudge")]}
        heard = run(step, send("after"), of=known(event(NOW)), state=self.LISTENING, now=self.UNTIL)
        silent = run(step, send("after"), state=self.LISTENING, now=self.UNTIL)
        assert (positions(heard), positions(silent)) == (["0.1"], ["0.0.else.0", "0.1"])


class TestTheCampaignsEnd:
    OVER = NOW + HOUR

    @pytest.mark.parametrize(
        "step",
        [wait("2 days"), {"wait": {"until": "sunday"}}, {"wait_for": {"event": "Resumed", "within": "2 days"}}],
    )
    def test_nobody_sleeps_through_it_and_their_wait_stays_as_it_was(self, step: dict[str, Any]) -> None:
        state = run(step, send(), over_at=self.OVER).state
        assert isinstance(state, Waiting)
        assert state == run(step, send()).state
        assert state.state.wake_at is not None
        assert Flow(campaign(step), over_at=self.OVER).wakes(state.state.wake_at) == self.OVER

    def test_who_is_woken_by_it_is_not_sent_what_would_have_followed(self) -> None:
        answer = run(wait("2 days"), send(), state=State("0.1", self.OVER), now=self.OVER, over_at=self.OVER)
        assert answer == Advance(Ended(Reason.CAMPAIGN_OVER, "0.1", overtaken=True))


class TestIf:
    @pytest.mark.parametrize(("answer", "expected"), [(True, ["0.0.then.0", "0.1"]), (False, ["0.0.else.0", "0.1"])])
    def test_it_goes_one_way_or_the_other_and_both_meet_again(self, answer: bool, expected: list[str]) -> None:
        step = {"if": "profile.vip", "then": [send("a")], "else": [send("b")]}
        assert positions(run(step, send("c"), tests={"0.0": lambda known, now, event: answer})) == expected

    def test_it_is_asked_when_it_is_reached_about_the_person_as_they_are_then(self) -> None:
        asked: list[Any] = []

        def remember(known: Known, now: datetime, event: Event | None) -> bool:
            asked.append((dict(known.profile), now, event))
            return True

        run({"set": {"vip": True}}, {"if": "profile.vip"}, base=NOW - HOUR, tests={"0.1": remember})
        assert asked == [({"vip": True}, NOW, None)]

    def test_branches_in_branches_lead_back_to_what_follows_the_outermost(self) -> None:
        inner = {"if": "true", "then": [send("a")]}
        steps = ({"if": "true", "then": [inner], "else": [send("b")]}, send("c"))
        yes = {position: lambda known, now, event: True for position in ("0.0", "0.0.then.0")}
        assert positions(run(*steps, tests=yes)) == ["0.0.then.0.then.0", "0.1"]


def split_of(name: str = "copy", **weights: int) -> dict[str, Any]:
    return {"split": {name: weights}, **{arm: [send(arm)] for arm in weights}}


class TestSplit:
    def test_it_assigns_an_arm_and_goes_there(self) -> None:
        answer = run(split_of(plain=50, story=50), send("after"))
        assign, message, _ = answer.commands
        assert assign == AssignArm(assign.step, "copy", "plain")
        assert isinstance(message, PlanMessage)
        assert (message.send.send, positions(answer)) == ("plain", ["0.0", "0.0.plain.0", "0.1"])

    def test_who_had_an_arm_keeps_it_whatever_the_weights_say_now(self) -> None:
        answer = run(split_of(plain=99, story=1), of=known(arms={"copy": "story"}))
        assert positions(answer) == ["0.0.story.0"]

    def test_who_had_an_arm_that_is_gone_draws_anew(self) -> None:
        answer = run(split_of(plain=50, story=50), of=known(arms={"copy": "poem"}))
        assert answer.commands[0] == AssignArm(answer.commands[0].step, "copy", "plain")

    def test_one_experiment_in_two_places_is_drawn_once(self) -> None:
        answer = run(split_of(plain=50, story=50), split_of(plain=1, story=99))
        assert positions(answer) == ["0.0", "0.0.plain.0", "0.1.plain.0"]

    def test_two_experiments_are_drawn_each_for_itself(self) -> None:
        both = Counter(
            tuple(
                command.arm
                for command in run(
                    split_of("copy", a=50, b=50), split_of("hour", a=50, b=50), of=known(profile_id=f"P{number}")
                ).commands
                if isinstance(command, AssignArm)
            )
            for number in range(400)
        )
        assert min(both[one, other] for one in "ab" for other in "ab") > 70


class TestDraw:
    def split(self, **weights: int) -> Split:
        return Split.model_validate(split_of(**weights))

    def test_it_is_what_it_has_always_been(self) -> None:
        """Changing the hash would move everybody who has not been written down yet."""
        drawn = [draw("welcome", self.split(plain=50, story=50), f"P{number}") for number in range(12)]
        assert "".join(arm[0] for arm in drawn) == "ppssppsspsps"
        price = Split.model_validate(split_of("price", a=1, b=33, c=66))
        assert "".join(draw("welcome", price, f"P{number}") for number in range(12)) == "cbccbbbcbccc"

    @pytest.mark.parametrize("weights", [{"a": 50, "b": 50}, {"a": 1, "b": 99}, {"a": 20, "b": 30, "c": 50}])
    def test_arms_get_their_share(self, weights: dict[str, int]) -> None:
        many = 10_000
        drawn = Counter(draw("welcome", self.split(**weights), f"P{number}") for number in range(many))
        for arm, weight in weights.items():
            share = weight / 100
            five_sigma = 5 * (share * (1 - share) / many) ** 0.5
            assert abs(drawn[arm] / many - share) < five_sigma

    def test_it_depends_on_campaign_experiment_and_person(self) -> None:
        def arms(campaign: str, name: str) -> list[str]:
            split = Split.model_validate(split_of(name, a=50, b=50))
            return [draw(campaign, split, f"P{number}") for number in range(64)]

        assert len({tuple(arms(*which)) for which in [("x", "copy"), ("y", "copy"), ("x", "hour")]}) == 3

    def test_growing_the_first_arm_takes_nobody_out_of_it(self) -> None:
        people = [f"P{number}" for number in range(500)]
        before = {one for one in people if draw("welcome", self.split(a=20, b=80), one) == "a"}
        after = {one for one in people if draw("welcome", self.split(a=40, b=60), one) == "a"}
        assert before < after


class TestSet:
    def set(self, values: dict[str, Any], **profile: Any) -> Any:
        answer = run({"set": values}, of=known(**profile))
        assert answer.state == DONE
        return [command.values for command in answer.commands if isinstance(command, SetAttributes)]

    def test_values_lists_and_fields_are_written_and_nothing_removes(self) -> None:
        values = {"vip": True, "colours": ["red", "blue"], "last_cart": {"from": "entry.cart_id"}, "old": None}
        written = {"vip": True, "colours": ["red", "blue"], "last_cart": "c1", "old": None}
        assert self.set(values, old=1) == [written]

    def test_what_is_so_already_is_not_asked_for(self) -> None:
        assert self.set({"vip": True, "old": None, "tags": {"add": ["a"]}}, vip=True, tags=["b", "a"]) == []
        assert self.set({"vip": True, "points": 3}, vip=True) == [{"points": 3}]

    def test_a_field_without_a_value_leaves_the_attribute_as_it_is(self) -> None:
        assert self.set({"last_cart": {"from": "entry.missing"}}, last_cart="c0") == []

    def test_an_instant_is_written_as_text(self) -> None:
        assert self.set({"seen": {"from": "entry.seen"}}) == [{"seen": "2026-03-01T00:00:00+00:00"}]

    @pytest.mark.parametrize(
        ("change", "had", "expected"),
        [
            ({"add": ["a"]}, None, ["a"]),
            ({"add": ["a", "b", "a"]}, ["b"], ["b", "a"]),
            ({"add": ["a"]}, "not a list", ["a"]),
            ({"remove": ["a", "c"]}, ["a", "b", "a"], ["b"]),
            ({"remove": ["a"]}, ["a"], []),
        ],
    )
    def test_lists_grow_by_what_they_lack_and_lose_what_is_named(
        self, change: dict[str, Any], had: Any, expected: list[str]
    ) -> None:
        assert self.set({"tags": change}, **({"tags": had} if had is not None else {})) == [{"tags": expected}]

    def test_removing_from_a_list_that_is_not_there_changes_nothing(self) -> None:
        assert self.set({"tags": {"remove": ["a"]}}) == []

    def test_later_steps_see_what_was_set(self) -> None:
        steps = ({"set": {"n": 1, "old": None}}, {"set": {"m": {"from": "profile.n"}, "k": {"from": "profile.old"}}})
        _, second = run(*steps, of=known(old=7)).commands
        assert second == SetAttributes(second.step, {"m": 1})


class TestTellingOthers:
    GIVEN: dict[str, Any] = {  # noqa: RUF012 - shared, and never changed
        "cart": {"from": "entry.cart_id"},
        "name": {"from": "profile.name"},
        "missing": {"from": "entry.missing"},
        "seen": {"from": "entry.seen"},
        "orders": 3,
        "tags": ["a", "b"],
    }
    TOLD: dict[str, Any] = {  # noqa: RUF012 - shared, and never changed
        "cart": "c1",
        "name": "Jiyu",
        "seen": "2026-03-01T00:00:00+00:00",
        "orders": 3,
        "tags": ["a", "b"],
    }

    def test_an_event_is_reported_with_its_properties_and_without_those_that_have_no_value(self) -> None:
        (command,) = run({"emit": "Regular", "properties": self.GIVEN}, of=known(name="Jiyu")).commands
        assert command == EmitEvent(command.step, "Regular", self.TOLD)

    def test_a_call_is_asked_for_now_and_the_journey_does_not_wait_for_its_answer(self) -> None:
        step = {"webhook": "https://crm.example/hook", "payload": self.GIVEN, "expires_after": "3 hours"}
        answer = run(step, of=known(name="Jiyu"), base=NOW - HOUR)
        (command,) = answer.commands
        url = "https://crm.example/hook"
        assert command == CallWebhook(command.step, url, self.TOLD, NOW, NOW + 2 * HOUR)
        assert answer.state == DONE

    def test_a_call_without_expires_after_never_expires(self) -> None:
        (command,) = run({"webhook": "https://crm.example/hook"}).commands
        assert isinstance(command, CallWebhook)
        assert (command.payload, command.expires_at) == ({}, None)


class TestNotDue:
    """Being asked before the time changes nothing, so that work told twice or a clock that jumped back does no harm."""

    @pytest.mark.parametrize("now", [NOW - timedelta(days=400), NOW - TICK])
    @pytest.mark.parametrize("position", [START, "0.1", END])
    def test_who_sleeps_goes_on_sleeping(self, now: datetime, position: str) -> None:
        state = State(position, NOW)
        answer = run(send(), wait("1 hour"), state=state, now=now)
        assert answer == Advance(Waiting(state))
        assert not answer.changes(state)

    def test_at_its_time_it_goes_on(self) -> None:
        answer = run(send(), state=State(START, NOW))
        assert positions(answer) == ["0.0"]
        assert answer.changes(State(START, NOW))
