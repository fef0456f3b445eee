"""People under way finish on the version they are on; ``--migrate`` takes them along, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row

from dangol.definitions.history import version_before
from dangol.definitions.versions import Deployment
from dangol.model.vocabulary import JourneyStatus
from dangol.planner.migration import MigrationRefused
from dangol.store.tables import deployments, journeys, log, versions
from tests.integration.pipeline.house import House
from tests.workspaces import NIGHT, campaign, note, write_workspace

DAY = timedelta(days=1)
WAIT = {"wait": "1 day"}
HEAR = {"wait_for": {"event": "Complaint Raised", "within": "3 days"}, "ref": "hear"}


def says(word: str) -> dict[str, str]:
    return {
        "note/email.en.md.j2": f"---\nsubject: {word}\npreheader: P\ntitle: T\n---\n{word}\n",
        "letter/email.en.md.j2": f"---\nsubject: {word} letter\npreheader: P\ntitle: T\n---\n{word}\n",
    }


def deploy(
    house: House, word: str, *steps: Mapping[str, Any], migrate: bool = False, keys: tuple[str, ...] = (), **others: Any
) -> list[Deployment]:
    policies = others.pop("policies", None)
    root = house.clock.now().strftime("%H%M%S")
    made = write_workspace(
        house.dangol.settings.home / root, campaign("thanks", *steps, **others), texts=says(word), policies=policies
    )
    house.clock.advance(timedelta(seconds=1))
    return house.dangol.deploy(by="tests", root=made, migrate=migrate, keys=keys)


def letter(ref: str, **others: Any) -> dict[str, Any]:
    return {"send": "letter", "channels": ["email"], "ref": ref, **others}


def subjects(house: House) -> list[str]:
    return [envelope.rendered.subject.removeprefix("(광고) ") for envelope in house.carrier.accepted]


def everything(house: House) -> list[list[Row[Any]]]:
    return [house.rows(table) for table in (deployments, versions, journeys, log)]


def test_without_migrate_nobody_gets_a_mixture_and_no_worker_needs_a_restart(house: House) -> None:
    deploy(house, "old", WAIT, note(ref="n"))
    house.knows("kim", "lee").orders("kim")
    deploy(house, "new", WAIT, note(ref="n"))
    house.orders("lee")
    house.pass_time(2 * DAY)
    assert {row.profile_id: row.version_id for row in house.messages} == {
        row.profile_id: row.version_id for row in house.journeys
    }
    assert sorted(subjects(house)) == ["new", "old"]


def test_with_migrate_they_go_on_at_the_step_with_the_same_ref(house: House) -> None:
    deploy(house, "old", WAIT, note(ref="n"))
    house.knows("kim").orders("kim")
    house.work()
    (before,) = house.journeys
    (change,) = deploy(house, "new", {"wait": "2 days"}, {"wait": "1 hour"}, note(ref="n"), migrate=True)
    (after,) = house.journeys
    assert change.moved == 1
    assert (before.position, after.position) == ("0.1", "0.2")
    assert (after.version_id, after.wake_at) == (change.version_id, before.wake_at)
    (entry,) = house.log("journey_migrated")
    assert (entry.reason, entry.version_id, entry.step) == ("version_changed", change.version_id, "n")
    assert (entry.profile_id, entry.journey_id) == (after.profile_id, after.id)
    assert entry.evidence == {"from": change.replaced, "from_step": "n", "to_step": "n"}
    house.pass_time(DAY)
    assert subjects(house) == ["new"]


def test_journeys_that_are_held_or_paused_are_taken_along_and_those_that_ended_are_not(house: House) -> None:
    deploy(house, "old", WAIT, note(ref="n"))
    house.knows("kim", "lee", "park").orders("kim", "lee", "park")
    house.work()
    statuses = [JourneyStatus.HELD, JourneyStatus.PAUSED, JourneyStatus.ENDED]
    with house.database.write() as tx:
        for row, status in zip(house.journeys, statuses, strict=True):
            tx.execute(journeys.update().where(journeys.c.id == row.id).values(status=status.value))
    (change,) = deploy(house, "new", WAIT, note(ref="n"), migrate=True)
    assert [row.version_id == change.version_id for row in house.journeys] == [True, True, False]
    assert [row.status for row in house.journeys] == statuses


def test_if_one_place_cannot_be_mapped_nothing_at_all_is_changed(house: House) -> None:
    deploy(house, "old", WAIT, note(ref="n"), WAIT, letter("l"), WAIT, note("sms"))
    house.knows("kim", "lee", "park").orders("kim")
    house.pass_time(DAY)
    house.orders("lee")
    house.work()
    before = everything(house)
    with pytest.raises(MigrationRefused) as refused:
        deploy(house, "new", WAIT, note(ref="other"), WAIT, letter("l"), migrate=True)
    assert everything(house) == before
    (fate,) = refused.value.refused
    assert (fate.step, fate.people) == ("n", 1)
    assert "1 person at `n` (send note by email): the new version has no step with `ref: n`" in str(refused.value)


def test_every_obstacle_is_told_at_once(house: House) -> None:
    deploy(house, "old", WAIT, note(), WAIT, letter("l"))
    house.knows("kim", "lee").orders("kim")
    house.pass_time(DAY)
    house.orders("lee")
    house.work()
    with pytest.raises(MigrationRefused) as refused:
        deploy(house, "new", note(), migrate=True)
    assert [fate.step for fate in refused.value.refused] == ["0.1", "l"]


def test_who_listens_for_an_event_goes_on_listening(house: House) -> None:
    deploy(house, "old", {**HEAR, "then": [note(ref="n")]})
    house.knows("kim").orders("kim")
    house.work()
    deploy(house, "new", {"if": "profile.vip", "then": []}, {**HEAR, "then": [letter("l")]}, migrate=True)
    (journey,) = house.journeys
    assert (journey.position, journey.awaits) == ("0.1", "Complaint Raised")
    house.happens("Complaint Raised", "kim")
    house.work()
    assert subjects(house) == ["new letter"]


def test_nobody_is_moved_ahead_of_a_step_that_they_have_had(house: House) -> None:
    deploy(house, "old", note(ref="n"), WAIT, letter("l"))
    house.knows("kim").orders("kim")
    house.work()
    with pytest.raises(MigrationRefused, match="they have had `n`, which comes after it now"):
        deploy(house, "new", WAIT, letter("l"), WAIT, note(ref="n"), migrate=True)
    house.pass_time(3 * DAY)
    assert subjects(house) == ["old", "old letter"]


def test_a_message_that_was_planned_before_keeps_its_text(house: House) -> None:
    deploy(house, "old", note(ref="n"), WAIT, letter("l"), policies={"quiet_hours": NIGHT})
    house.knows("kim")
    house.pass_time(timedelta(hours=12))
    house.orders("kim")
    house.work()
    assert house.states == [("planned", "quiet_hours")]
    deploy(house, "new", note(ref="n"), WAIT, letter("l"), policies={"quiet_hours": NIGHT}, migrate=True)
    house.pass_time(2 * DAY)
    assert subjects(house) == ["old", "new letter"]


def test_naming_a_campaign_takes_along_who_was_left_behind_by_an_earlier_deployment(house: House) -> None:
    deploy(house, "old", WAIT, note(ref="n"))
    house.knows("kim").orders("kim")
    (new,) = deploy(house, "new", WAIT, note(ref="n"))
    assert deploy(house, "new", WAIT, note(ref="n"), migrate=True) == []
    (change,) = deploy(house, "new", WAIT, note(ref="n"), migrate=True, keys=("thanks",))
    assert change == Deployment("thanks", new.version_id, new.version_id, moved=1)
    assert len(house.rows(deployments)) == 2


def test_a_rollback_puts_back_what_was_before_and_can_take_people_along(house: House) -> None:
    (first,) = deploy(house, "old", WAIT, note(ref="n"))
    deploy(house, "new", WAIT, note(ref="n"))
    house.knows("kim").orders("kim")
    house.clock.advance(DAY / 24)
    change = house.dangol.rollback("thanks", by="tests", migrate=True)
    assert (change.version_id, change.moved) == (first.version_id, 1)
    assert house.rows(deployments)[-1].action == "rollback"
    house.pass_time(DAY)
    assert subjects(house) == ["old"]


def test_taking_people_along_while_work_goes_on_loses_and_doubles_nothing(house: House) -> None:
    folder, people = house.dangol.settings.home, [f"p{number}" for number in range(24)]
    editions = [
        house.dangol.checked(
            write_workspace(folder / word, campaign("thanks", *padding, WAIT, note(ref="n")), texts=says(word))
        )
        for word, padding in (("one", []), ("other", [{"if": "profile.vip", "then": []}]))
    ]
    house.dangol.deploy(by="tests", workspace=editions[0])
    house.knows(*people)

    def change() -> int:
        made = [house.dangol.deploy(by="tests", workspace=editions[turn % 2], migrate=True) for turn in range(1, 8)]
        return sum(one.moved for changes in made for one in changes)

    with ThreadPoolExecutor(4) as threads:
        orders = [threads.submit(house.orders, who) for who in people]
        moved = threads.submit(change)
        for one in orders:
            one.result()
    assert len(house.log("journey_migrated")) == moved.result()
    house.pass_time(2 * DAY)
    begun = {row.id: (row.version_id, row.status) for row in house.journeys}
    assert {status for _, status in begun.values()} == {JourneyStatus.ENDED}
    assert len(house.sent) == len(set(house.sent)) == len(people)
    assert [row.version_id for row in house.messages] == [begun[row.journey_id][0] for row in house.messages]


def test_nobody_is_moved_ahead_of_a_call_that_was_asked_for(house: House) -> None:
    hook = {"webhook": "https://crm.example/hook", "ref": "told"}
    deploy(house, "one", hook, {"wait": "1 day"}, letter("l"))
    house.knows("kim").orders("kim")
    with pytest.raises(MigrationRefused, match="told"):
        deploy(house, "two", {"wait": "1 day"}, letter("l"), hook, migrate=True)


def test_nobody_is_moved_ahead_of_a_text_that_they_have_had_in_a_step_without_a_name(house: House) -> None:
    deploy(house, "one", note(), {"wait": "1 day"}, letter("l"))
    house.knows("kim").orders("kim")
    house.work()
    with pytest.raises(MigrationRefused, match="note"):
        deploy(house, "one", {"wait": "1 day"}, letter("l"), note(), migrate=True)


def test_after_a_redeployment_a_second_rollback_goes_one_further_back(house: House) -> None:
    made = [deploy(house, word, letter("l"))[0].version_id for word in ("one", "two", "one", "three")]
    house.dangol.rollback("thanks", by="tests")
    with house.database.read() as tx:
        assert version_before(tx, "thanks") == made[1]


class TestTheLastDay:
    """Who waits past it is woken by it; moving it moves that, and no wait."""

    STEPS = ({"wait": "10 days"}, note(ref="n"))

    def _last(self, house: House, days: int) -> str:
        return (house.clock.now() + days * DAY).date().isoformat()

    def test_moved_back_it_cuts_nobodys_wait_short(self, house: House) -> None:
        later = self._last(house, 60)
        deploy(house, "old", *self.STEPS, ends=self._last(house, 3))
        house.knows("kim").orders("kim")
        deploy(house, "new", *self.STEPS, ends=later, migrate=True)
        house.pass_time(9 * DAY)
        assert house.messages == []
        house.pass_time(2 * DAY)
        assert subjects(house) == ["new"]

    def test_taken_out_it_cuts_nobodys_wait_short(self, house: House) -> None:
        deploy(house, "old", *self.STEPS, ends=self._last(house, 3))
        house.knows("kim").orders("kim")
        deploy(house, "new", *self.STEPS, migrate=True)
        house.pass_time(9 * DAY)
        assert house.messages == []
        house.pass_time(2 * DAY)
        assert subjects(house) == ["new"]

    def test_moved_forward_it_ends_journeys_on_its_day_and_moved_back_again_none(self, house: House) -> None:
        far, near = self._last(house, 60), self._last(house, 3)
        deploy(house, "old", *self.STEPS, ends=far)
        house.knows("kim", "lee").orders("kim")
        deploy(house, "new", *self.STEPS, ends=near, migrate=True)
        house.pass_time(5 * DAY)
        assert [row.end_reason for row in house.journeys] == ["campaign_over"]

    def test_a_wait_survives_any_number_of_last_days(self, house: House) -> None:
        far, near = self._last(house, 60), self._last(house, 3)
        deploy(house, "old", *self.STEPS, ends=near)
        house.knows("kim").orders("kim")
        wake_at = house.journeys[0].waits_until
        for word, ends in (("new", far), ("newer", near), ("newest", far)):
            deploy(house, word, *self.STEPS, ends=ends, migrate=True)
        (journey,) = house.journeys
        assert (journey.wake_at, journey.waits_until) == (wake_at, None)


class TestNothingIsDoneTwice:
    """Whatever a step leaves behind, nobody who is taken along comes to it again."""

    def test_nobody_emits_an_event_again(self, house: House) -> None:
        emit = {"emit": "Regular Recognised", "ref": "told"}
        deploy(house, "one", emit, WAIT, letter("l"))
        house.knows("kim").orders("kim")
        with pytest.raises(MigrationRefused, match="they have had `told`"):
            deploy(house, "two", WAIT, letter("l"), emit, migrate=True)

    def test_nobody_adds_to_a_list_again(self, house: House) -> None:
        tag = {"set": {"tags": {"add": ["regular"]}}, "ref": "tagged"}
        deploy(house, "one", tag, WAIT, letter("l"))
        house.knows("kim").orders("kim")
        with pytest.raises(MigrationRefused, match="they have had `tagged`"):
            deploy(house, "two", WAIT, letter("l"), tag, migrate=True)

    def test_nobody_gets_a_message_again_because_a_step_sends_another_one_now(self, house: House) -> None:
        deploy(house, "one", note(ref="a"), WAIT, letter("b"))
        house.knows("kim").orders("kim")
        house.work()
        with pytest.raises(MigrationRefused, match="they have had the message `note`, which is to come again now"):
            deploy(house, "two", note(ref="a"), WAIT, note(ref="b"), migrate=True)

    def test_a_step_of_a_new_name_may_send_again_what_they_had(self, house: House) -> None:
        deploy(house, "one", note(ref="a"), WAIT, letter("b"))
        house.knows("kim").orders("kim")
        house.work()
        deploy(house, "two", note(ref="a"), WAIT, letter("b"), note(ref="reminder"), migrate=True)
        house.pass_time(2 * DAY)
        assert sorted(subjects(house)) == ["one", "two", "two letter"]


def test_nobody_is_put_into_an_arm_that_they_have_not_drawn(house: House) -> None:
    halves = {"split": {"copy": {"a": 50, "b": 50}}, "a": [WAIT, letter("l")], "b": [note("sms", ref="z")]}
    deploy(house, "one", WAIT, letter("l"))
    house.knows("kim").orders("kim")
    with pytest.raises(MigrationRefused, match="`l` stands in the arm `a` of `copy`, which they have not drawn"):
        deploy(house, "two", halves, migrate=True)


def test_who_drew_an_arm_goes_on_in_it(house: House) -> None:
    arms = {"a": [WAIT, letter("l")], "b": [WAIT, note("sms", ref="z")]}
    halves = {"split": {"copy": {"a": 50, "b": 50}}, **arms}
    deploy(house, "one", halves)
    house.knows("kim", "lee", "park", "choi").orders("kim", "lee", "park", "choi")
    deploy(house, "two", {"set": {"vip": True}}, halves, migrate=True)
    assert {row.position[:4] for row in house.journeys} <= {"0.1."}
