"""The gate's order: which objection decides, which channel wins, what is said about the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from structlog.testing import capture_logs

from dangol.model.facts import Allow, Candidate, Case, Contender, Defer, Facts, Suppress
from dangol.model.people import Preferences, Suppressed
from dangol.model.restraint import Hold
from dangol.model.vocabulary import Channel, OnCapped, Reason
from dangol.policy import gate
from tests.unit.policy.builders import (
    GRANTED,
    MESSAGE,
    NOON,
    WITHDRAWN,
    cap,
    facts,
    message,
    person,
    quiet,
    rulebook,
    slot,
)

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
LUNCH = quiet("11:30", "12:30")
"""Quiet for Alice at NOON, for half an hour more."""

EARLIER = Contender(message(id="01EARLIER", step="first", planned_at=NOON - timedelta(days=1)), NOON)
COMPLAINTS = Hold(key="complaint", opens="Complaint Raised", closes=("Complaint Resolved",))

OBJECTIONS: list[tuple[str, Reason, dict[str, Any], dict[str, Any]]] = [
    ("address", Reason.ADDRESS_SUPPRESSED, {"suppressed": {EMAIL: Suppressed("hard_bounce")}}, {}),
    ("content", Reason.TEMPLATE_MISSING, {"without_text": frozenset({EMAIL})}, {}),
    ("consent", Reason.CONSENT_MISSING, {"consents": {}}, {}),
    ("expiry", Reason.EXPIRED, {}, {"expires_at": NOON}),
    ("exits", Reason.GOAL_REACHED, {"ended": Reason.GOAL_REACHED}, {}),
    ("holdout", Reason.HELD_OUT, {}, {"holdout": 1.0}),
    ("hold", Reason.CASE_OPEN, {"cases": (Case("complaint", NOON, NOON + timedelta(days=1)),)}, {}),
    ("pause", Reason.PAUSED_BY_RECIPIENT, {"preferences": Preferences(NOON + timedelta(days=1))}, {}),
    ("quiet_hours", Reason.QUIET_HOURS, {}, {}),
    ("order", Reason.EARLIER_WAITS, {"contenders": (EARLIER,)}, {}),
    ("caps", Reason.CAPPED, {}, {}),
]
"""In the order of precedence: the rule, its reason, and what must be changed in the facts and the message."""


def reason_with(objecting: set[str]) -> Reason | None:
    """What the gate says when exactly these rules object."""
    world: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for name, _, of_facts, of_message in OBJECTIONS:
        if name in objecting:
            world |= of_facts
            asked |= of_message
    rules = rulebook(
        *[cap(0, timedelta(days=7))] if "caps" in objecting else [],
        windows=[LUNCH] if "quiet_hours" in objecting else [],
        holds=(COMPLAINTS,),
    )
    if {"expiry", "quiet_hours"} <= objecting:
        assert asked["expires_at"] == NOON
    verdict = gate.decide(facts(message(**asked), **world), rules).verdict
    return None if isinstance(verdict, Allow) else verdict.reason


def test_the_table_of_objections_lists_every_rule_in_the_gates_order() -> None:
    assert [name for name, *_ in OBJECTIONS] == [rule.__name__ for rule in gate.RULES]


def test_without_an_objection_the_message_goes_out() -> None:
    assert reason_with(set()) is None


@pytest.mark.parametrize(("name", "reason"), [(name, reason) for name, reason, *_ in OBJECTIONS])
def test_each_rule_alone_objects_for_its_own_reason(name: str, reason: Reason) -> None:
    assert reason_with({name}) is reason


@pytest.mark.parametrize(
    ("first", "second"),
    list(combinations(OBJECTIONS, 2)),
    ids=[f"{a[0]}-{b[0]}" for a, b in combinations(OBJECTIONS, 2)],
)
def test_of_two_objections_the_earlier_rule_decides(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    assert reason_with({first[0], second[0]}) is first[1]


def test_with_every_rule_objecting_each_gives_way_only_when_all_before_it_are_content() -> None:
    names = [name for name, *_ in OBJECTIONS]
    assert [reason_with(set(names[position:])) for position in range(len(names))] == [row[1] for row in OBJECTIONS]


def test_an_erased_person_is_refused_before_a_missing_address() -> None:
    erased = person(email=None, erased_at=NOON)
    assert gate.decide(facts(profile=erased), rulebook()).verdict == Suppress(Reason.PROFILE_ERASED, final=True)


def test_the_first_channel_that_is_allowed_wins() -> None:
    ruling = gate.decide(facts(message(channels=(PUSH, EMAIL, SMS))), rulebook())
    assert (ruling.channel, ruling.passed_over) == (PUSH, ())


def test_channels_passed_over_carry_their_own_reasons_in_the_authors_order() -> None:
    world = facts(
        message(channels=(PUSH, SMS, EMAIL)),
        person(devices=()),
        consents={(EMAIL, MESSAGE.purpose): GRANTED, (SMS, MESSAGE.purpose): WITHDRAWN},
    )
    ruling = gate.decide(world, rulebook())
    assert ruling.channel is EMAIL
    assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [
        (PUSH, Reason.ADDRESS_MISSING),
        (SMS, Reason.CONSENT_WITHDRAWN),
    ]


def test_when_no_channel_is_allowed_the_first_ones_reason_is_the_messages_reason() -> None:
    world = facts(message(channels=(PUSH, EMAIL)), person(devices=()), consents={})
    ruling = gate.decide(world, rulebook())
    assert isinstance(ruling.verdict, Suppress)
    assert (ruling.channel, ruling.verdict.reason) == (PUSH, Reason.ADDRESS_MISSING)
    assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [(EMAIL, Reason.CONSENT_MISSING)]


def test_a_final_objection_ends_the_search_at_once() -> None:
    world = facts(message(channels=(PUSH, EMAIL), expires_at=NOON), person(devices=()))
    ruling = gate.decide(world, rulebook())
    assert isinstance(ruling.verdict, Suppress)
    assert (ruling.channel, ruling.verdict.reason) == (EMAIL, Reason.EXPIRED)
    assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [(PUSH, Reason.ADDRESS_MISSING)]


def test_a_channel_that_may_go_now_is_preferred_to_one_that_must_wait() -> None:
    rules = rulebook(windows=[quiet("11:30", "12:30", channels=(SMS,))])
    ruling = gate.decide(facts(message(channels=(SMS, EMAIL))), rules)
    assert isinstance(ruling.verdict, Allow)
    assert ruling.channel is EMAIL


def test_when_every_channel_must_wait_the_message_waits_for_the_earliest() -> None:
    rules = rulebook(
        windows=[quiet("11:00", "14:00", channels=(SMS,)), quiet("11:00", "13:00", channels=(EMAIL,))],
    )
    ruling = gate.decide(facts(message(channels=(SMS, EMAIL, PUSH)), person(devices=())), rules)
    assert isinstance(ruling.verdict, Defer)
    assert (ruling.channel, ruling.verdict.until) == (EMAIL, NOON + timedelta(hours=1))
    assert [(channel, verdict.reason) for channel, verdict in ruling.passed_over] == [(PUSH, Reason.ADDRESS_MISSING)]


def test_of_channels_that_open_at_the_same_instant_the_authors_first_is_kept() -> None:
    ruling = gate.decide(facts(message(channels=(SMS, EMAIL))), rulebook(windows=[LUNCH]))
    assert ruling.channel is SMS


@pytest.mark.parametrize("rule", [rule.__name__ for rule in gate.RULES])
@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("x"), RecursionError()])
def test_a_rule_that_raises_means_the_message_is_not_sent(
    rule: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_facts: Facts, _channel: Channel, _rulebook: object) -> Allow:
        raise error

    broken.__name__ = rule
    monkeypatch.setattr(gate, "RULES", tuple(broken if each.__name__ == rule else each for each in gate.RULES))
    with capture_logs() as told:
        ruling = gate.decide(facts(message(channels=(EMAIL, SMS))), rulebook())
    assert [(entry["log_level"], entry["rule"]) for entry in told] == [("error", rule)]
    evidence = {"rule": rule, "error": type(error).__name__}
    assert ruling.verdict == Suppress(Reason.GATE_FAILED, evidence, final=True)


def test_a_cap_whose_condition_cannot_be_evaluated_means_the_message_is_not_sent() -> None:
    rules = rulebook(cap(5, timedelta(days=7), applies_to=lambda fields: fields["nonsense"]))
    with capture_logs():
        verdict = gate.decide(facts(), rules).verdict
    assert isinstance(verdict, Suppress)
    assert verdict.reason is Reason.GATE_FAILED


def test_unreadable_consents_mean_the_message_is_not_sent() -> None:
    with capture_logs():
        verdict = gate.decide(facts(consents=None), rulebook()).verdict
    assert isinstance(verdict, Suppress)
    assert verdict.reason is Reason.GATE_FAILED


def test_an_allowed_message_carries_the_evidence_of_every_rule() -> None:
    rules = rulebook(cap(3, timedelta(days=7)), windows=[quiet("21:00", "08:00")])
    verdict = gate.decide(facts(slots=[slot(NOON - timedelta(days=1))]), rules).verdict
    assert verdict == Allow(
        {
            "consent": GRANTED.consent_id,
            "zone": "Asia/Seoul",
            "local": "2026-03-02T12:00+09:00",
            "caps": {"weekly": "1/3"},
        },
        until=datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    )


def test_what_is_allowed_is_allowed_until_the_first_of_its_expiry_and_the_next_quiet_hours() -> None:
    rules = rulebook(windows=[quiet("21:00", "08:00")])
    soon = NOON + timedelta(hours=1)
    assert gate.decide(facts(message(expires_at=soon)), rules).verdict.until == soon
    later = NOON + timedelta(days=1)
    assert gate.decide(facts(message(expires_at=later)), rules).verdict.until == NOON + timedelta(hours=9)


def test_evidence_names_neither_the_person_nor_the_address() -> None:
    rules = rulebook(cap(0, timedelta(days=7)), windows=[quiet("21:00", "08:00")])
    said = repr(gate.decide(facts(), rules))
    for personal in ("alice", "example.com", "+8210", "token"):
        assert personal not in said


def test_deciding_twice_changes_nothing_and_says_the_same() -> None:
    slots = [slot(NOON - timedelta(hours=hour)) for hour in (5, 1, 3)]
    rules = rulebook(cap(2, timedelta(days=1)))
    deferred: Candidate = replace(MESSAGE, on_capped=OnCapped.DEFER)
    world = facts(deferred, slots=slots)
    before = list(slots)
    first, second = gate.decide(world, rules), gate.decide(world, rules)
    assert first == second
    assert slots == before
