"""Reports come in any order, in any portions and any number of times; what they lead to is the same (G1, G9)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import ledger
from dangol.ids import SeededEntropy
from dangol.model.feedback import Feedback, FeedbackKind, Finding
from dangol.model.message import Unknown
from dangol.model.vocabulary import Channel
from dangol.store.tables import events, feedback, suppressions
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings as settings_of
from tests.integration.pipeline.house import House
from tests.workspaces import TRACKING_PLAN, campaign

FILE = "dangol.sqlite3"
BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LISTED = ("Message Delivered", "Message Opened", "Message Clicked", "Message Bounced", "Message Clicked By Machine")
KINDS = [
    (FeedbackKind.PROCESSED, Finding.NONE, ""),
    (FeedbackKind.DEFERRED, Finding.NONE, ""),
    (FeedbackKind.DELIVERED, Finding.NONE, ""),
    (FeedbackKind.BOUNCED, Finding.SOFT, ""),
    (FeedbackKind.BOUNCED, Finding.HARD, ""),
    (FeedbackKind.FAILED, Finding.NONE, ""),
    (FeedbackKind.OPENED, Finding.NONE, ""),
    (FeedbackKind.CLICKED, Finding.NONE, "https://shop.example/a"),
    (FeedbackKind.COMPLAINED, Finding.COMPLAINED, ""),
    (FeedbackKind.UNSUBSCRIBED, Finding.OPTED_OUT, ""),
]


@st.composite
def days(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]], int]:
    """Reports as message, kind and seconds; the same in another order with repetitions; and how many come at once."""
    one = st.tuples(st.integers(0, 2), st.integers(0, len(KINDS) - 1), st.integers(0, 30))
    told = draw(st.lists(one, min_size=1, max_size=8, unique_by=lambda item: item[:2]))
    again = draw(st.permutations([*told, *draw(st.lists(st.sampled_from(told), max_size=4))]))
    return told, again, draw(st.integers(1, 5))


@pytest.fixture(scope="module")
def sent(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people got a letter; of the third nobody knows whether the carrier took it."""
    folder = tmp_path_factory.mktemp("sent")
    shutil.copy(sqlite_template, folder / FILE)
    with pytest.MonkeyPatch.context() as patch, opened(folder, BEGIN) as house:
        patch.setitem(TRACKING_PLAN, "events", {**TRACKING_PLAN["events"], **{name: {} for name in LISTED}})
        house.opens_with(campaign("letters")).knows("ann", "bob", "cem")
        house.carrier.script("cem@example.com", Unknown("the line broke"))
        house.orders("ann", "bob", "cem")
        house.work()
        assert sorted(row.state for row in house.messages) == ["accepted", "accepted", "unknown"]
    return folder


@contextmanager
def opened(folder: Path, at: datetime) -> Iterator[House]:
    carrier, clock = FakeProvider(), VirtualClock(at)
    with Dangol(
        settings_of(f"sqlite:///{folder / FILE}", folder),
        clock=clock,
        entropy=SeededEntropy("tests"),
        providers=dict.fromkeys(Channel, carrier),
        durable=False,
    ) as dangol:
        yield House(dangol, clock, carrier, folder)


def reports(house: House, told: list[tuple[int, int, int]]) -> list[Feedback]:
    found = []
    people = sorted(house.messages, key=lambda row: row.id)
    for number, place, second in told:
        kind, finding, url = KINDS[place]
        found.append(
            Feedback(
                "sendgrid",
                f"{number}-{place}",
                kind,
                Channel.EMAIL,
                BEGIN + timedelta(seconds=second),
                message_id=people[number].id,
                finding=finding,
                url=url,
                address=f"{number}@example.com",
            )
        )
    return found


def outcome(house: House) -> dict[str, Any]:
    """All that reports lead to, without the instants at which we happened to learn of them."""
    people = sorted({row.profile_id for row in house.messages})
    with house.database.read() as tx:
        held = ledger.states(tx, people)
    return {
        "states": [(row.id, row.state) for row in house.messages],
        "slots": [row.message_id for row in house.slots],
        "suppressed": sorted((row.address_hash, row.cause) for row in house.rows(suppressions) if not row.lifted_at),
        "events": sorted((row.id, row.name, str(row.properties)) for row in house.rows(events)),
        "log": sorted(
            (row.decision, row.reason, row.message_id or "", str(row.evidence.get("machine")))
            for row in house.log("message_")
        ),
        "consents": [
            sorted((channel, held[one][channel, why].granted) for channel, why in held[one]) for one in people
        ],
        "became": sorted((row.id, row.became) for row in house.rows(feedback)),
    }


def run(sent: Path, told: list[tuple[int, int, int]], portion: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(sent / FILE, Path(folder) / FILE)
        with opened(Path(folder), BEGIN + timedelta(seconds=40)) as house:
            arriving = reports(house, told)
            for start in range(0, len(arriving), portion):
                house.pipeline.take_in(arriving[start : start + portion])
                house.work()
            house.pass_time(timedelta(minutes=5))
            return outcome(house)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days())
def test_any_order_with_repetitions_leads_to_the_same(
    sent: Path, told: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]], int]
) -> None:
    in_order, shuffled, portion = told
    assert run(sent, in_order, len(in_order)) == run(sent, shuffled, portion)
