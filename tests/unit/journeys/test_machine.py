"""The step machine: pure, total, and no step runs twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.journeys.machine import END, START, Advance, Ended
from dangol.model.vocabulary import Channel, Reason
from tests.unit.journeys.campaigns import advance, campaign, send, staged, wait, waiting

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def names(result: Advance) -> list[str]:
    return [command.step.name for command in result.commands]


class TestRunningSteps:
    def test_steps_run_until_the_journey_ends(self) -> None:
        result = advance(campaign(send("one"), send("two")), START, NOW)
        assert names(result) == ["0.0", "0.1"]
        assert result.state == Ended(Reason.COMPLETED, END)

    def test_stages_follow_one_another(self) -> None:
        flow = staged({"onboarding": [send("one")], "loyalty": [send("two"), send("three")]})
        result = advance(flow, START, NOW)
        assert [(command.step.stage, command.step.position) for command in result.commands] == [
            ("onboarding", "0.0"),
            ("loyalty", "1.0"),
            ("loyalty", "1.1"),
        ]

    def test_a_step_is_called_by_its_ref_if_it_has_one(self) -> None:
        assert names(advance(campaign(send(ref="first"), send()), START, NOW)) == ["first", "0.1"]

    def test_a_wait_moves_on_before_it_sleeps(self) -> None:
        result = advance(campaign(send(), wait("2 hours"), send()), START, NOW)
        assert (names(result), result.state) == (["0.0"], waiting("0.2", NOW + 2 * HOUR))

    def test_a_wait_at_the_end_of_a_stage_goes_on_with_the_next_stage(self) -> None:
        flow = staged({"onboarding": [wait("1 hour")], "loyalty": [send()]})
        assert advance(flow, START, NOW).state == waiting("1.0", NOW + HOUR)

    def test_after_a_wait_as_the_last_step_the_journey_completes_without_another_message(self) -> None:
        flow = campaign(send(), wait("1 hour"))
        assert advance(flow, START, NOW).state == waiting(END, NOW + HOUR)
        assert advance(flow, END, NOW + HOUR) == Advance(Ended(Reason.COMPLETED, END), ())

    def test_two_waits_in_a_row_are_waited_out_one_after_the_other(self) -> None:
        flow = campaign(wait("1 hour"), wait("2 hours"), send())
        assert advance(flow, START, NOW).state == waiting("0.1", NOW + HOUR)
        assert advance(flow, "0.1", NOW + HOUR).state == waiting("0.2", NOW + 3 * HOUR)

    def test_an_exit_step_ends_the_journey_with_its_authors_word(self) -> None:
        result = advance(campaign(send(), {"exit": "done"}), START, NOW)
        assert (names(result), result.state) == (["0.0"], Ended(Reason.EXIT_STEP, "0.1", "done"))

    def test_a_wait_counts_from_now_not_from_when_it_should_have_begun(self) -> None:
        flow = campaign(wait("1 hour"), wait("1 hour"), send())
        late = NOW + 30 * HOUR
        assert advance(flow, "0.1", late, base=NOW + HOUR).state == waiting("0.2", late + HOUR)


class TestMessages:
    def test_a_list_of_channels_is_one_message_with_channels_to_fall_back_to(self) -> None:
        (command,) = advance(campaign(send(channels=["push", "email"])), START, NOW).commands
        assert command.send.routes == ((Channel.PUSH, Channel.EMAIL),)

    def test_all_of_several_channels_is_one_message_for_each(self) -> None:
        (command,) = advance(campaign(send(channels={"all": ["email", "sms"]})), START, NOW).commands
        assert command.send.routes == ((Channel.EMAIL,), (Channel.SMS,))
        assert command.send.every_channel == (Channel.EMAIL, Channel.SMS)

    def test_a_message_is_due_now_and_without_expires_after_never_expires(self) -> None:
        (command,) = advance(campaign(send()), START, NOW, base=NOW - HOUR).commands
        assert (command.due_at, command.expires_at) == (NOW, None)

    @pytest.mark.parametrize("late", [timedelta(), HOUR, 13 * HOUR])
    def test_expires_after_counts_from_when_the_step_was_due_however_late_it_runs(self, late: timedelta) -> None:
        (command,) = advance(campaign(send(expires_after="12 hours")), START, NOW + late, base=NOW).commands
        assert (command.due_at, command.expires_at) == (NOW + late, NOW + 12 * HOUR)

    def test_without_a_base_expires_after_counts_from_now(self) -> None:
        (command,) = advance(campaign(send(expires_after="12 hours")), START, NOW).commands
        assert command.expires_at == NOW + 12 * HOUR


steps: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(send, channels=st.sampled_from([["email"], ["push", "sms"], {"all": ["email", "sms"]}])),
    st.integers(1, 72).map(lambda hours: wait(f"{hours} hours")),
)
flows = st.builds(
    lambda stages, ending: staged(
        {f"stage_{index}": each for index, each in enumerate([*stages[:-1], [*stages[-1], *ending]])}
    ),
    st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=3),
    st.sampled_from([[], [{"exit": "done"}], [{"exit": "done"}, send()]]),
)


@given(flow=flows, position=st.text())
def test_any_position_whatever_has_an_answer(flow: Any, position: str) -> None:
    before = flow.model_dump()
    first, again = advance(flow, position, NOW), advance(flow, position, NOW)
    assert first == again
    assert flow.model_dump() == before
    known = {START, *(placed.position for placed in flow.steps())}
    if position not in known:
        assert first == Advance(Ended(Reason.COMPLETED, END), ())


@given(flow=flows, lateness=st.lists(st.integers(0, 100), max_size=30))
def test_over_any_schedule_of_wake_ups_every_send_runs_once_and_in_order(flow: Any, lateness: list[int]) -> None:
    placed = list(flow.steps())
    ending = next((index for index, each in enumerate(placed) if "exit" in type(each.step).model_fields), len(placed))
    expected = [each.position for each in placed[:ending] if "send" in type(each.step).model_fields]
    delays, position, base, now, ran = iter(lateness), START, NOW, NOW, list[str]()
    for _ in range(len(placed) + 1):
        result = advance(flow, position, now, base=base)
        ran += [command.step.position for command in result.commands]
        assert all(command.due_at == now for command in result.commands)
        if isinstance(result.state, Ended):
            break
        assert result.state.state.wake_at > now
        position, base = result.state.state.position, result.state.state.wake_at
        now = base + timedelta(minutes=next(delays, 0))
    else:
        pytest.fail("the journey did not end")
    assert ran == expected
