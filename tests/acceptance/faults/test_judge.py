"""A judge that cannot find fault proves nothing: every breach is seeded, and found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import psycopg
import pytest

from dangol.store.database import Database
from tests.acceptance.faults.judge import Evidence, Story, Verdict, judge, read
from tests.acceptance.load.judge import Rule
from tests.acceptance.load.shared import Taken

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATE = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)


def taken(
    id_: str, at: datetime = NOON, *, channel: str = "email", to: str = "kim@x.example", before: timedelta = LATE
) -> Taken:
    return Taken(id_, channel, to, at, int((at - before).timestamp() * 1e9))


def story() -> Story:
    """Kim lives in London and agreed to everything; one advertisement an hour."""
    return Story(
        accepted={"e1"},
        owners={"kim@x.example": "kim", "+1303": "kim"},
        zones={"kim@x.example": "Europe/London", "+1303": "Europe/London"},
        nights=[(time(21), time(8)), (time(13), time(13, 5))],
        rules=[Rule("hourly", 1, timedelta(hours=1))],
        late=LATE,
    )


def seen() -> Evidence:
    """What all is well with: an advertisement and a receipt were taken, one message is unknown and on the list."""
    return Evidence(
        taken=[taken("ad"), taken("receipt")],
        messages={
            "ad": ("delivered", "marketing"),
            "receipt": ("bounced", "transactional"),
            "lost": ("unknown", "marketing"),
            "dropped": ("suppressed", "marketing"),
        },
        events={"e1"},
        opened={"e1"},
        listed={"lost"},
    )


def test_where_all_is_well_nothing_is_found() -> None:
    found = judge(seen(), story())
    assert found.breaches == {}
    assert found.taken == {"email": 2}
    assert found.states == {"delivered": 1, "bounced": 1, "unknown": 1, "suppressed": 1}


def more(one: Taken, state: str = "accepted") -> Callable[[Evidence, Story], None]:
    """One more advertisement was taken."""

    def happens(evidence: Evidence, _story: Story) -> None:
        evidence.taken.append(one)
        evidence.messages[one.message_id] = (state, "marketing")

    return happens


def is_now(id_: str, state: str) -> Callable[[Evidence, Story], None]:
    def happens(evidence: Evidence, _story: Story) -> None:
        evidence.messages[id_] = (state, evidence.messages.get(id_, ("", "marketing"))[1])

    return happens


def withdrew(at: datetime) -> Callable[[Evidence, Story], None]:
    def happens(_evidence: Evidence, told: Story) -> None:
        told.without["kim", "email"] = [(int(at.timestamp() * 1e9), 2**63)]

    return happens


def unsettled_mail(evidence: Evidence, told: Story) -> None:
    is_now("receipt", "unknown")(evidence, told)
    evidence.listed.add("receipt")


BREACHES: dict[str, tuple[Callable[[Evidence, Story], object], dict[str, list[str]]]] = {
    "an accepted event is gone": (lambda evidence, _: evidence.events.clear(), {"lost_events": ["e1"]}),
    "an accepted event opened nothing": (lambda evidence, _: evidence.opened.clear(), {"lost_events": ["e1"]}),
    "a message waits for ever": (is_now("dropped", "due"), {"undecided": ["dropped"]}),
    "a message is for ever being sent": (is_now("ad", "sending"), {"undecided": ["ad"], "unsettled": ["ad"]}),
    "a receipt was taken twice": (
        lambda evidence, _: evidence.taken.append(taken("receipt", NOON + MINUTE)),
        {"doubled": ["receipt"]},
    ),
    "the log says taken, and it was not": (is_now("dropped", "accepted"), {"believed": ["dropped"]}),
    "the carrier has what nobody knows of": (
        lambda evidence, _: evidence.taken.append(taken("stranger")),
        {"forgotten": ["stranger"]},
    ),
    "the log says refused, and it was taken": (is_now("receipt", "failed"), {"unsettled": ["receipt"]}),
    "no report settled a mail": (
        unsettled_mail,
        {"unsettled": ["receipt"]},
    ),
    "an unknown is not on the list": (lambda evidence, _: evidence.listed.clear(), {"unlisted": ["lost"]}),
    "one more than the cap": (more(taken("ad2", NOON + 50 * MINUTE)), {"over_cap": ["hourly kim"]}),
    "one more than the cap by text message": (
        more(taken("ad2", NOON + 50 * MINUTE, channel="sms", to="+1303")),
        {"over_cap": ["hourly kim"]},
    ),
    "an advertisement at night": (more(taken("ad2", NOON + timedelta(hours=12))), {"at_night": ["ad2"]}),
    "an advertisement in a short quiet time": (more(taken("ad2", NOON + 62 * MINUTE)), {"at_night": ["ad2"]}),
    "an advertisement after a withdrawal": (withdrew(NOON - 2 * LATE), {"against_their_will": ["ad"]}),
}


@pytest.mark.parametrize("what", BREACHES)
def test_every_breach_is_found_and_only_that(what: str) -> None:
    happens, breaches = BREACHES[what]
    evidence, told = seen(), story()
    happens(evidence, told)
    assert judge(evidence, told).breaches == breaches


def skewed(evidence: Evidence, told: Story) -> None:
    """A clock was wrong by up to two minutes while an advertisement went out, a minute after quiet had begun."""
    told.skew, told.skewed = 2 * MINUTE, [(NOON + 61 * MINUTE, NOON + 62 * MINUTE)]
    more(taken("ad2", NOON + 61 * MINUTE))(evidence, told)


def both_texts_lost(evidence: Evidence, _story: Story) -> None:
    evidence.taken.append(taken("lost", NOON + 2 * 60 * MINUTE, channel="sms", to="+1303"))


ALLOWED: dict[str, Callable[[Evidence, Story], None]] = {
    "as many as the cap allows": more(taken("ad2", NOON + timedelta(hours=2))),
    "claimed an hour apart, taken a little closer": more(taken("ad2", NOON + 60 * MINUTE - LATE)),
    "claimed by day, taken as the night has just begun": more(taken("ad2", NOON + timedelta(hours=9) + LATE / 2)),
    "taken as the night ends": more(taken("ad2", NOON + timedelta(hours=20))),
    "claimed before the withdrawal": withdrew(NOON - LATE / 2),
    "a clock was wrong at the edge of the night": skewed,
    "a text whose report was lost is on the list": both_texts_lost,
}


@pytest.mark.parametrize("what", ALLOWED)
def test_what_is_allowed_is_no_breach(what: str) -> None:
    evidence, told = seen(), story()
    ALLOWED[what](evidence, told)
    assert judge(evidence, told).breaches == {}


def test_a_wrong_clock_excuses_nothing_in_the_middle_of_a_long_night() -> None:
    evidence, told = seen(), story()
    told.skew, told.skewed = 2 * MINUTE, [(NOON, NOON + timedelta(days=1))]
    more(taken("ad2", NOON + timedelta(hours=14)))(evidence, told)
    assert judge(evidence, told).breaches == {"at_night": ["ad2"]}


@pytest.mark.postgres
def test_it_reads_the_carriers_the_mailbox_and_the_database(postgres_database: Database, tmp_path: Path) -> None:
    record, mailbox = tmp_path / "taken.jsonl", tmp_path / "mailbox.sqlite3"
    lines = [("sendgrid", "m1", "kim@x.example"), ("twilio", "m2", "+1303")]
    told = [{"at": NOON.timestamp(), "provider": provider, "message_id": id_, "to": to} for provider, id_, to in lines]
    record.write_text("".join(json.dumps(line) + "\n" for line in told))
    with sqlite3.connect(mailbox) as connection:
        connection.execute("CREATE TABLE mail (message_id, channel, recipient, received_at)")
        connection.execute("INSERT INTO mail VALUES ('m3', 'push', 'device', ?)", [NOON.isoformat()])
    url = postgres_database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    found = read(url, record, mailbox, story(), {"m4"})
    assert found.taken == [
        taken("m1"),
        taken("m2", channel="sms", to="+1303"),
        taken("m3", channel="push", to="device"),
    ]
    assert (found.messages, found.events, found.opened, found.listed) == ({}, set(), set(), {"m4"})
    assert judge(found, Story()).breaches == Verdict(forgotten=["m1", "m2", "m3"]).breaches
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
