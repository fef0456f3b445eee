"""What is counted, from log entries alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dangol.model.campaign import Campaign
from dangol.simulate.compare import Changed, Comparison, changes
from dangol.simulate.tally import NEVER_ENTERED, STILL_WAITING, Cap, Ledger, LogEntry, Outcome, Tally

START = datetime(2026, 11, 2, tzinfo=UTC)
STEPS = [{"stage": "loyalty", "steps": [{"send": "note", "channels": ["email"]}]}]


def campaign(key: str, purpose: str = "marketing") -> Campaign:
    entry = {"event": "Order Completed"}
    return Campaign.model_validate({"key": key, "name": key, "purpose": purpose, "entry": entry, "stages": STEPS})


def ledger(days: int = 14, caps: tuple[Cap, ...] = (Cap("daily", lambda _: True),)) -> Ledger:
    campaigns = {key: campaign(key) for key in ("sale", "news")} | {"receipt": campaign("receipt", "transactional")}
    return Ledger(START, START + timedelta(days=days), campaigns, caps, window=20)


def entry(decision: str, reason: str, who: str = "p1", of: str = "sale", hour: float = 0, **more: Any) -> LogEntry:
    told = {"journey_id": "j", "message_id": "m", "stage": "loyalty", "step": "s", "channel": "email", "evidence": {}}
    return LogEntry(START + timedelta(hours=hour), decision, reason, who, of, **{**told, **more})


def gets(who: str = "p1", of: str = "sale", hour: float = 0, channel: str = "email") -> list[LogEntry]:
    return [
        entry("message_sending", "allowed", who, of, hour, channel=channel),
        entry("message_accepted", "accepted_by_provider", who, of, hour, channel=channel),
    ]


def capped(decision: str, who: str, of: str, used: int, hour: float = 0) -> LogEntry:
    evidence = {"cap": "daily", "caps": {"daily": f"{used}/{used}"}}
    return entry(decision, "capped", who, of, hour, evidence=evidence)


def test_a_capped_message_names_who_held_the_slots() -> None:
    books = ledger()
    books.read([*gets(of="sale"), *gets(of="news", hour=1), capped("message_suppressed", "p1", "news", 2, hour=2)])
    assert books.tally.capped == {("news", "daily", "refused"): 1}
    assert books.tally.rivals == {
        ("news", "daily", "refused", "sale"): 1,
        ("news", "daily", "refused", "news"): 1,
    }


def test_only_the_newest_slots_count_as_many_as_were_used() -> None:
    books = ledger()
    books.read([*gets(of="sale"), *gets(of="news", hour=1), capped("message_deferred", "p1", "sale", 1, hour=2)])
    assert books.tally.rivals == {("sale", "daily", "deferred", "news"): 1}


def test_slots_to_which_a_cap_does_not_apply_hold_nothing() -> None:
    books = ledger(caps=(Cap("daily", lambda message: message["purpose"] == "marketing"),))
    books.read([*gets(of="sale"), *gets(of="receipt", hour=1), capped("message_suppressed", "p1", "news", 1, hour=2)])
    assert books.tally.rivals == {("news", "daily", "refused", "sale"): 1}


def test_other_peoples_slots_hold_nothing() -> None:
    books = ledger()
    books.read([*gets(who="p2"), capped("message_suppressed", "p1", "news", 1)])
    assert not books.tally.rivals


def test_slots_from_before_the_start_count() -> None:
    books = ledger()
    books.hold("p1", {"campaign": "sale", "purpose": "marketing", "channel": "sms"})
    books.read([capped("message_suppressed", "p1", "news", 1)])
    assert books.tally.rivals == {("news", "daily", "refused", "sale"): 1}


def test_people_are_counted_by_how_much_they_get_in_a_week() -> None:
    books = ledger(days=14)
    for number in range(5):
        books.read(gets(who="p1", hour=number))
    books.read(gets(who="p2", of="receipt", hour=24 * 8))
    tally = books.close(["p1", "p2", "p3"], {}, {})
    assert {key: count for key, count in tally.weeks.items() if count} == {
        ("all", 4): 1,
        ("all", 1): 1,
        ("all", 0): 4,
        ("marketing", 4): 1,
        ("marketing", 0): 5,
    }


def test_who_gets_nothing_is_told_by_the_most_frequent_reason() -> None:
    books = ledger()
    books.read([entry("message_suppressed", reason) for reason in ("capped", "consent_missing", "capped")])
    books.read([entry("journey_entered", "event_matched", who="p2")])
    tally = books.close(["p1", "p2", "p3"], {}, {"p1": frozenset({"news"}), "p2": frozenset({"sale"})})
    assert tally.nothing == {"capped": 1, STILL_WAITING: 1, NEVER_ENTERED: 1}
    assert tally.waiting_alone == {"sale": 1}
    assert (tally.people, tally.people_reached) == (3, 0)


def test_the_wait_of_put_off_messages_is_added_up() -> None:
    books = ledger()
    until = {"until": (START + timedelta(hours=9)).isoformat()}
    books.read([entry("message_deferred", "quiet_hours", hour=hour, evidence=until) for hour in (1, 8.5)])
    assert books.tally.deferred == {("sale", "quiet_hours"): 1}
    assert books.tally.deferred_minutes == {("sale", "quiet_hours"): 8 * 60 + 30}


def test_tallies_of_parts_add_up_to_the_tally_of_all() -> None:
    entries = [*gets("p1"), *gets("p2", hour=30, channel="sms"), entry("message_suppressed", "capped", "p2")]
    whole = ledger()
    whole.read(entries)
    parts = [ledger(), ledger()]
    for one in entries:
        parts[one.profile_id == "p2"].read([one])
    total = Tally()
    for books, who in zip(parts, ("p1", "p2"), strict=True):
        total.add(books.close([who], {}, {}), samples=3)
    assert total == whole.close(["p1", "p2"], {}, {})


def outcome(state: str = "accepted", reason: str = "x", channel: str = "email", hour: int = 0) -> Outcome:
    return Outcome("sale", "s", state, reason, channel, START + timedelta(hours=hour))


def kinds(before: list[Outcome], after: list[Outcome]) -> list[str]:
    return [change.kind for change in changes(before, after)]


def test_the_same_outcomes_are_no_change() -> None:
    assert kinds([outcome(), outcome(hour=5)], [outcome(), outcome(hour=5)]) == []
    assert kinds([outcome("suppressed", "capped", hour=1)], [outcome("suppressed", "capped", hour=2)]) == []


def test_changes_are_told_by_what_the_person_notices() -> None:
    refused = outcome("suppressed", "capped")
    assert kinds([], [outcome()]) == kinds([refused], [outcome()]) == ["gained"]
    assert kinds([outcome()], []) == kinds([outcome()], [refused]) == ["lost"]
    assert kinds([outcome()], [outcome(hour=1)]) == ["other_time"]
    assert kinds([outcome()], [outcome(channel="sms", hour=1)]) == ["other_channel"]
    assert kinds([refused], [outcome("suppressed", "consent_missing")]) == ["other_reason"]
    assert kinds([], [refused]) == ["other_reason"]


def test_messages_are_paired_by_journey_before_time() -> None:
    first, second = replace(outcome(hour=1), journey="a"), replace(outcome(hour=5), journey="b")
    (change,) = changes([second], [first, second])
    assert (change.kind, change.after) == ("gained", first)


def test_the_list_of_people_is_bounded_and_in_order() -> None:
    found = Comparison()
    for number in reversed(range(500)):
        found.note(Changed(f"p{number:03}", changes([], [outcome()])), limit=3)
    total = Comparison()
    total.add(found, limit=3)
    assert total.people == 500
    assert total.kinds == {("sale", "gained"): 500}
    assert [one.external_id for one in total.listed] == ["p000", "p001", "p002"]
