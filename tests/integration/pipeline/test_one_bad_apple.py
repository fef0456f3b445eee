"""What is wrong with one message, person, outcome or campaign holds up nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from dangol.intake import Intake
from dangol.ledger.sealing import PersonKey
from dangol.model.message import Refused
from dangol.pipeline import Pipeline
from dangol.store.tables import events, profile_keys, rejected_events
from tests.integration.pipeline.house import House
from tests.workspaces import NIGHT, campaign, note, scheduled

MINUTE = timedelta(minutes=1)
TOO_LATE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""21:00 in Seoul."""


def state_of(house: House, name: str) -> tuple[str, str]:
    return next((row.state, row.reason) for row in house.messages if row.profile_id == house.id_of(name))


def test_a_person_without_a_key_gets_nothing_and_the_others_get_theirs(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee", "han").orders("kim", "lee", "han")
    with house.database.write() as tx:
        tx.execute(delete(profile_keys).where(profile_keys.c.profile_id == house.id_of("lee")))
    house.work()
    assert [state_of(house, name) for name in ("kim", "lee", "han")] == [
        ("accepted", "accepted_by_provider"),
        ("suppressed", "profile_erased"),
        ("accepted", "accepted_by_provider"),
    ]


def test_a_message_that_breaks_our_own_code_is_refused_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee").orders("kim", "lee")
    seal, seen = PersonKey.seal, []

    def fails_once(key: PersonKey, entry_id: str, context: dict[str, object]) -> bytes:
        seen.append(entry_id)
        return seal(key, entry_id, context) if len(seen) > 1 else 1 / 0  # type: ignore[return-value]

    monkeypatch.setattr(PersonKey, "seal", fails_once)
    house.work()
    assert sorted(row.state for row in house.messages) == ["accepted", "suppressed"]
    assert len(house.slots) == 1
    assert [entry.evidence["error"] for entry in house.log("message_suppressed")] == ["ZeroDivisionError"]


def test_an_outcome_with_an_absurd_pause_costs_the_others_nothing(house: House) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee").orders("kim", "lee")
    house.carrier.script("kim@example.com", Refused(permanent=False, retry_after=timedelta.max))
    house.work()
    assert state_of(house, "lee") == ("accepted", "accepted_by_provider")
    assert state_of(house, "kim") == ("planned", "provider_busy")
    assert max(row.due_at for row in house.messages) == house.clock.now() + timedelta(days=7)


def test_an_event_that_breaks_our_own_code_is_kept_aside_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.opens_with(campaign("a")).knows("kim", "lee", "han")
    ingest = Pipeline.ingest

    def fails_for_lee(pipeline: Pipeline, incoming: list[object]) -> object:
        if any(event.external_id == "lee" for event in incoming):  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return ingest(pipeline, incoming)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "ingest", fails_for_lee)
    raw = [{"userId": name, "event": "Order Completed", "messageId": name} for name in ("kim", "lee", "han")]
    Intake(house.pipeline).accept(raw, source="queue")
    assert sorted(row.message_id for row in house.rows(events)) == ["han", "kim"]
    assert [row.code for row in house.rows(rejected_events)] == ["failed"]


def test_a_message_is_not_handed_over_after_the_time_in_which_it_was_allowed(house: House) -> None:
    house.opens_with(campaign("a"), policies={"quiet_hours": NIGHT}).knows("kim")
    house.clock.move_to(TOO_LATE - MINUTE)
    house.orders("kim")
    decide = house.pipeline._decide

    def slowly(*batch: object) -> object:
        handover = decide(*batch)  # type: ignore[arg-type]
        house.clock.move_to(TOO_LATE)
        return handover

    house.pipeline._decide = slowly  # type: ignore[method-assign,assignment]
    house.pipeline.deliver([row.id for row in house.messages])
    assert house.carrier.handed_over == []
    assert [(row.state, row.reason) for row in house.messages] == [("planned", "provider_busy")]
    assert house.slots == []


def test_taking_a_campaign_out_of_service_stops_its_running_schedule(house: House) -> None:
    people = [f"person{n:02}" for n in range(25)]
    house.opens_with(scheduled("news")).knows(*people)
    house.clock.move_to(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    (run,) = house.sweeper.sweep().runs
    assert house.pipeline.fan_out(run)
    inside = len(house.journeys)
    house.opens_with(campaign("other", note("email")))
    assert not house.pipeline.fan_out(run)
    assert len(house.journeys) == inside
    assert house.told("schedule_stopped") == [("schedule_stopped", "out_of_service")]
