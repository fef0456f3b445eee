"""``dangol trigger`` as a developer meets it: what was accepted, what began, what did not and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.errors import DangolError, ErasedProfile, InvalidEvent, UnknownProfile, UsageError
from dangol.model.people import ProfileChange
from dangol.store.tables import events, profiles
from dangol.surfaces.cli.trigger import parse_value
from tests.integration.trigger.conftest import Run

ORDER = ("Order Completed", "--profile", "c-1")


def stored(dangol: Dangol) -> list[Any]:
    with dangol.database.read() as tx:
        return list(tx.execute(select(events).order_by(events.c.message_id)))


@pytest.fixture
def customer(dangol: Dangol) -> None:
    dangol.pipeline.identify([ProfileChange("c-1")])


def test_it_tells_what_began_and_what_is_due(run: Run, dangol: Dangol, workspace: Path, customer: None) -> None:
    dangol.deploy(by="test", root=workspace)
    result = run(*ORDER, "--prop", "value=29.3", "--message-id", "m-1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "accepted: Order Completed of c-1 at 2026-03-02 10:00:00 Asia/Seoul, message id m-1\n"
        "welcome: a journey began (event_matched)\n"
        "welcome: thanks is due at 2026-03-02 10:00:00 Asia/Seoul by sms\n"
        "Messages go out while `dangol up`, or a worker and a scheduler, runs; email, sms, push messages then show up "
        "at /mailbox. `dangol explain --profile c-1` tells what became of them.\n"
    )
    [event] = stored(dangol)
    assert (event.message_id, event.source, event.properties) == ("m-1", "cli", {"value": 29.3})


def test_times_are_told_in_the_persons_zone(run: Run, dangol: Dangol, workspace: Path) -> None:
    dangol.pipeline.identify([ProfileChange("c-1", timezone="Europe/Berlin")])
    dangol.deploy(by="test", root=workspace)
    assert "welcome: thanks is due at 2026-03-02 02:00:00 Europe/Berlin by sms\n" in run(*ORDER).stdout


def test_a_campaign_that_takes_nobody_in_says_why(
    run: Run, dangol: Dangol, workspace: Path, clock: VirtualClock, customer: None
) -> None:
    dangol.deploy(by="test", root=workspace)
    run(*ORDER)
    clock.advance(timedelta(hours=1))
    result = run(*ORDER)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "welcome: no journey (already_in_journey): The person is still inside an earlier journey of this campaign."
    ]


def test_an_event_that_ends_a_journey_says_so(
    run: Run, dangol: Dangol, workspace: Path, clock: VirtualClock, customer: None
) -> None:
    dangol.deploy(by="test", root=workspace)
    run(*ORDER)
    clock.advance(timedelta(hours=1))
    result = run("Checkout Started", "--profile", "c-1")
    assert "welcome: a journey ended (exit_event)" in result.stdout
    assert "welcome: thanks will not be sent (exit_event)" in result.stdout


def test_a_message_id_seen_before_changes_nothing(run: Run, dangol: Dangol, customer: None) -> None:
    run(*ORDER, "--message-id", "m-1")
    result = run(*ORDER, "--message-id", "m-1")
    assert result.exit_code == 0
    assert result.stdout == "duplicate: an event with message id m-1 is known already; nothing changed\n"
    assert len(stored(dangol)) == 1


def test_an_event_that_nobody_planned_is_accepted_with_a_warning(
    run: Run, dangol: Dangol, workspace: Path, customer: None
) -> None:
    dangol.deploy(by="test", root=workspace)
    result = run("Order Complete", "--profile", "c-1")
    assert result.exit_code == 0
    assert "'Order Complete' is not in the tracking plan; did you mean 'Order Completed'?" in result.stderr
    assert result.stdout.endswith("no campaign begins or ends with it\n")
    assert len(stored(dangol)) == 1


def test_without_campaigns_in_service_it_says_so(run: Run, customer: None) -> None:
    result = run(*ORDER)
    assert result.exit_code == 0
    assert "no campaign is in service" in result.stderr


def test_an_unknown_profile_is_refused_and_no_other_is_named(run: Run, dangol: Dangol, customer: None) -> None:
    result = run("Order Completed", "--profile", "c-11")
    assert isinstance(result.exception, UnknownProfile)
    assert result.exception.exit_code == 2
    assert "--create" in str(result.exception)
    assert "'c-1'" not in str(result.exception)
    assert stored(dangol) == []


def test_create_makes_the_profile(run: Run, dangol: Dangol) -> None:
    assert run("Order Completed", "--profile", "c-2", "--create").exit_code == 0
    with dangol.database.read() as tx:
        assert tx.execute(select(profiles.c.external_id)).scalars().all() == ["c-2"]


def test_an_erased_person_is_left_alone(run: Run, dangol: Dangol, clock: VirtualClock, customer: None) -> None:
    with dangol.database.write() as tx:
        tx.execute(update(profiles).values(erased_at=clock.now()))
    result = run(*ORDER, "--create")
    assert isinstance(result.exception, ErasedProfile)
    assert stored(dangol) == []


def test_properties_come_as_pairs_and_as_json(run: Run, dangol: Dangol, customer: None) -> None:
    result = run(
        *ORDER, "--json-props", '{"items": [1, 2], "value": 1}', "--prop", "value=2", "--prop", "note=a=b",
        "--timestamp", "2026-03-01T10:00:00+09:00",
    )  # fmt: skip
    assert result.exit_code == 0
    [event] = stored(dangol)
    assert event.properties == {"items": [1, 2], "value": 2, "note": "a=b"}
    assert event.occurred_at == datetime(2026, 3, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("--prop", "value"), UsageError, "--prop: expected NAME=VALUE; found 'value'"),
        (("--prop", "=1"), UsageError, "--prop: expected NAME=VALUE; found '=1'"),
        (("--prop", "a=1", "--prop", "a=2"), UsageError, "'a' is given twice"),
        (("--json-props", "{"), UsageError, "--json-props: expected a JSON object"),
        (("--json-props", "[1]"), UsageError, "--json-props: expected a JSON object"),
        (("--timestamp", "yesterday"), InvalidEvent, "timestamp: expected an ISO 8601 time"),
        (("--timestamp", "2026-03-04T00:00:00Z"), InvalidEvent, "at most 24 hours ahead"),
        (("--message-id", "m" * 101), InvalidEvent, "messageId: expected at most 100 characters"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_makes_no_sense_is_said_and_nothing_is_stored(
    arguments: tuple[str, ...], kind: type[DangolError], said: str, run: Run, dangol: Dangol, customer: None
) -> None:
    result = run(*ORDER, *arguments)
    assert type(result.exception) is kind
    assert said in str(result.exception)
    assert stored(dangol) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("29.3", 29.3),
        ("-1", -1),
        ("1e3", "1e3"),
        ("0", 0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("True", "True"),
        ("007", "007"),
        ("+82", "+82"),
        ("1,000", "1,000"),
        ("NaN", "NaN"),
        ("20261122000012345", "20261122000012345"),
        ("", ""),
        ("{}", "{}"),
        ("서울", "서울"),
    ],
)
def test_values_are_numbers_and_truths_only_where_they_read_so(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert (parsed, type(parsed)) == (value, type(value))
