"""Calls to other systems: recorded like a send, made at most once an attempt, never repeated in doubt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import Row, delete
from typer.testing import CliRunner

from dangol.batch import calls as batch_calls
from dangol.bootstrap import Dangol
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.signatures import Signer, new_secret, verify
from dangol.delivery.webhooks import Call, Forbidden, HttpCaller, NoCalls
from dangol.errors import StoreUnavailable, UsageError
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, Control
from dangol.settings import Settings
from dangol.store import controls
from dangol.store.tables import calls, journeys
from tests.commands import app
from tests.integration.pipeline.house import House
from tests.receiver import Receiver, receiver, status
from tests.workspaces import campaign

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
URL = "https://crm.example/hook/s3cret-path?token=s3cret-token"
SECRET = new_secret(bytes(range(32)))
BUSY = Refused(permanent=False, detail="answered 503")
EXIT = {"exit": ["Complaint Raised"]}


class Crash(BaseException):
    """The process dies here."""


class Crm:
    """Answers calls as it is told, yes by default, and keeps what came. ``meanwhile`` happens while it has a call."""

    def __init__(self) -> None:
        self.answers: list[Outcome] = []
        self.taken: list[Call] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def send_many(self, batch: Sequence[Call]) -> Sequence[Outcome]:
        self.taken += batch
        self.meanwhile()
        return [self.answers.pop(0) if self.answers else Accepted("answered 200") for _ in batch]


def hook(**others: Any) -> dict[str, Any]:
    payload = {"order": {"from": "entry.order_id"}, "given": {"from": "profile.name"}, "kind": "order"}
    return {"webhook": URL, "payload": payload, "ref": "tell_crm", **others}


@pytest.fixture
def crm(house: House) -> Crm:
    answering = Crm()
    house.pipeline.caller = answering
    return answering


@pytest.fixture
def shop(house: House, crm: Crm) -> House:
    """Kim has ordered, and the call about it is due."""
    house.opens_with(campaign("a", hook(), **EXIT)).knows("kim").orders("kim", order_id="o-1")
    return house


def rows(house: House) -> list[Row[Any]]:
    return house.rows(calls)


def states(house: House) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in rows(house)]


# A call that goes well.


def test_a_call_is_planned_on_record_made_and_settled(shop: House, crm: Crm) -> None:
    (planned,) = rows(shop)
    assert (planned.state, planned.reason, planned.attempt) == ("planned", "step_reached", 0)
    shop.work()
    (row,) = rows(shop)
    assert (row.state, row.reason, row.attempt, row.lease_until) == ("accepted", "call_answered", 1, None)
    assert shop.told("call") == [
        ("call_planned", "step_reached"),
        ("call_sending", "allowed"),
        ("call_accepted", "call_answered"),
    ]
    assert {(entry.message_id, entry.step, entry.stage) for entry in shop.log("call")} == {
        (row.id, "tell_crm", "loyalty")
    }
    assert shop.log("call_accepted")[0].evidence == {"attempt": 1, "detail": "answered 200"}


def test_the_receiver_is_told_which_step_of_which_journey_and_what_the_author_chose(shop: House, crm: Crm) -> None:
    began = shop.clock.now()
    shop.sleep(MINUTE)
    shop.work()
    (call,) = crm.taken
    (journey,) = shop.journeys
    assert (call.id, call.url) == (rows(shop)[0].id, URL)
    assert json.loads(call.body) == {
        "type": "dangol.step",
        "timestamp": began.isoformat(),
        "data": {
            "campaign": "a",
            "version": journey.version_id,
            "stage": "loyalty",
            "step": "tell_crm",
            "journey": journey.id,
            "profile": "kim",
            "payload": {"order": "o-1", "given": "Kim", "kind": "order"},
        },
    }


def test_the_journey_goes_on_without_waiting_for_the_answer(house: House, crm: Crm) -> None:
    crm.answers = [BUSY]
    note = {"send": "note", "channels": ["email"]}
    house.opens_with(campaign("a", hook(), note)).knows("kim").orders("kim")
    house.work()
    assert len(house.sent) == 1
    assert house.journeys[0].end_reason == "completed"


def test_every_step_calls_once_for_each_journey(house: House, crm: Crm) -> None:
    house.opens_with(campaign("a", hook(), hook(ref="tell_again"), again="always")).knows("kim", "lee")
    house.orders("kim", "lee")
    for _ in range(3):
        house.work()
        house.pipeline.plan([row.id for row in house.journeys])
        house.pipeline.call([row.id for row in rows(house)])
    assert len(crm.taken) == len({call.id for call in crm.taken}) == 4
    assert sorted((row.journey_id, row.step) for row in rows(house)) == sorted(
        (journey.id, step) for journey in house.journeys for step in ("tell_again", "tell_crm")
    )


def test_a_call_that_is_not_due_or_over_is_left_alone(shop: House, crm: Crm) -> None:
    crm.answers = [BUSY]
    (row,) = rows(shop)
    assert shop.pipeline.call([row.id]) == 1
    assert shop.pipeline.call([row.id]) == 0
    shop.sleep(MINUTE)
    assert shop.pipeline.call([row.id, row.id]) == 1
    assert shop.pipeline.call([row.id, "no-such-call"]) == 0
    assert [call.id for call in crm.taken] == [row.id, row.id]


def test_of_several_workers_told_about_a_call_one_makes_it(shop: House, crm: Crm) -> None:
    ids = [rows(shop)[0].id]
    with ThreadPoolExecutor(4) as workers:
        made = list(workers.map(lambda _: shop.pipeline.call(ids), range(8)))
    assert sum(made) == len(crm.taken) == 1
    assert len(shop.log("call_sending")) == 1


def test_a_call_is_on_record_before_it_leaves_the_house(shop: House, crm: Crm) -> None:
    seen: list[tuple[str, str | None]] = []
    crm.meanwhile = lambda: seen.extend([*states(shop), shop.told("call")[-1]])
    shop.work()
    assert seen == [("sending", "allowed"), ("call_sending", "allowed")]


# What becomes of other answers.


@pytest.mark.parametrize(
    ("outcome", "state", "reason", "decision"),
    [
        (Unknown("no answer"), "unknown", "outcome_unknown", "call_unknown"),
        (Refused(permanent=True, detail="answered 410"), "failed", "call_refused", "call_failed"),
        (Forbidden(permanent=True, detail="not public"), "failed", "address_forbidden", "call_failed"),
    ],
)
def test_doubt_and_refusals_for_good_are_final(
    shop: House, crm: Crm, outcome: Outcome, state: str, reason: str, decision: str
) -> None:
    crm.answers = [outcome]
    shop.work()
    assert states(shop) == [(state, reason)]
    assert shop.told("call")[-1] == (decision, reason)
    assert shop.log(decision)[0].evidence == {"attempt": 1, "detail": outcome.detail}  # type: ignore[union-attr]
    shop.pass_time(timedelta(days=2))
    assert len(crm.taken) == 1


def test_a_refusal_for_now_is_called_again_with_the_same_id_and_body(shop: House, crm: Crm) -> None:
    crm.answers = [BUSY]
    began = shop.clock.now()
    shop.work()
    (row,) = rows(shop)
    assert (row.state, row.reason, row.due_at) == ("planned", "call_deferred", began + MINUTE)
    assert shop.log("call_retried")[0].evidence == {
        "attempt": 1,
        "detail": "answered 503",
        "until": row.due_at.isoformat(),
    }
    shop.pass_time(MINUTE)
    assert states(shop) == [("accepted", "call_answered")]
    first, second = crm.taken
    assert (first.id, first.body) == (second.id, second.body)


def test_the_receiver_may_ask_for_a_longer_pause(shop: House, crm: Crm) -> None:
    crm.answers = [Refused(permanent=False, retry_after=HOUR)]
    shop.work()
    assert rows(shop)[0].due_at == shop.clock.now() + HOUR


def test_attempts_run_out(shop: House, crm: Crm) -> None:
    crm.answers = [BUSY] * 9
    shop.pass_time(timedelta(days=1))
    assert states(shop) == [("failed", "retries_exhausted")]
    assert len(crm.taken) == 5
    assert [entry.evidence["attempt"] for entry in shop.log("call_sending")] == [1, 2, 3, 4, 5]


# What stops a call.


def test_a_call_expires(house: House, crm: Crm) -> None:
    house.opens_with(campaign("a", hook(expires_after="1 hour"))).knows("kim").orders("kim")
    house.sleep(HOUR)
    house.work()
    assert states(house) == [("expired", "expired")]
    assert house.told("call")[-1] == ("call_expired", "expired")
    assert crm.taken == []


def test_a_call_that_may_go_must_begin_before_it_expires_and_within_half_its_lease(house: House, crm: Crm) -> None:
    house.opens_with(campaign("a", hook(expires_after="1 minute"), hook(ref="later"))).knows("kim").orders("kim")
    house.work()
    now, lease = house.clock.now(), house.dangol.timing.send_lease
    assert sorted(call.not_after for call in crm.taken) == [now + MINUTE, now + lease / 2]


def test_what_ends_a_journey_cancels_its_calls_that_wait(shop: House, crm: Crm) -> None:
    crm.answers = [BUSY]
    shop.work()
    shop.sleep(SECOND)
    shop.happens("Complaint Raised", "kim")
    shop.pass_time(HOUR)
    assert states(shop) == [("cancelled", "exit_event")]
    assert shop.told("call")[-1] == ("call_cancelled", "exit_event")
    assert len(crm.taken) == 1


def test_an_exit_of_a_journey_on_its_way_cancels_too(house: House, crm: Crm) -> None:
    house.opens_with(campaign("a", hook(), {"wait": "1 day"}, **EXIT)).knows("kim").orders("kim")
    house.sleep(SECOND)
    house.happens("Complaint Raised", "kim")
    house.work()
    assert house.journeys[0].end_reason == "exit_event"
    assert states(house) == [("cancelled", "exit_event")]
    assert crm.taken == []


def test_an_exit_that_comes_while_the_call_is_made_forbids_the_next_attempt(shop: House, crm: Crm) -> None:
    def complain() -> None:
        shop.sleep(SECOND)
        shop.happens("Complaint Raised", "kim")

    crm.answers, crm.meanwhile = [BUSY], complain
    shop.pass_time(HOUR)
    assert states(shop) == [("cancelled", "exit_event")]
    assert len(crm.taken) == 1


def test_nobody_is_told_about_somebody_who_was_erased(shop: House, crm: Crm) -> None:
    shop.erases("kim")
    shop.work()
    assert states(shop) == [("cancelled", "profile_erased")]
    assert crm.taken == []


def test_a_call_whose_journey_is_gone_is_not_made(shop: House, crm: Crm) -> None:
    with shop.database.write() as tx:
        tx.execute(delete(journeys))
    shop.work()
    assert states(shop) == [("cancelled", "profile_erased")]
    assert crm.taken == []


def control(house: House, what: Control) -> None:
    with house.database.write() as tx:
        controls.record(tx, "a", what, at=house.clock.now(), by="tests", note="")


def test_a_stopped_campaign_makes_no_calls(shop: House, crm: Crm) -> None:
    control(shop, Control.STOP)
    shop.work()
    assert states(shop) == [("cancelled", "campaign_stopped")]
    assert crm.taken == []


def test_calls_of_a_paused_campaign_wait_and_the_log_says_so_once(shop: House, crm: Crm) -> None:
    control(shop, Control.PAUSE)
    shop.pass_time(HOUR)
    assert states(shop) == [("planned", "campaign_paused")]
    assert shop.told("call_retried") == [("call_retried", "campaign_paused")]
    control(shop, Control.RESUME)
    shop.pass_time(5 * MINUTE)
    assert states(shop) == [("accepted", "call_answered")]
    assert rows(shop)[0].attempt == 1


def test_calls_bind_no_consent(house: House, crm: Crm) -> None:
    house.opens_with(campaign("a", hook())).knows("kim").withdraws("kim", *Channel)
    house.orders("kim")
    house.work()
    assert states(house) == [("accepted", "call_answered")]


# When something breaks.


def test_a_crash_between_the_two_transactions_is_doubt_and_never_repeated(shop: House, crm: Crm) -> None:
    def die() -> None:
        raise Crash

    crm.meanwhile = die
    with pytest.raises(Crash):
        shop.work()
    assert states(shop) == [("sending", "allowed")]
    crm.meanwhile = lambda: None
    shop.sleep(shop.dangol.timing.send_lease)
    shop.work()
    assert states(shop) == [("unknown", "lease_lost")]
    shop.sleep(timedelta(days=1))
    shop.work()
    assert shop.told("call")[-1] == ("call_unknown", "lease_lost")
    assert len(crm.taken) == 1


def test_a_database_that_is_away_for_a_moment_does_not_lose_an_answer(
    shop: House, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, away = batch_calls.settle_calls, [StoreUnavailable()]

    def hesitant(*given: Any) -> None:
        if away:
            raise away.pop()
        settle(*given)

    monkeypatch.setattr("dangol.pipeline.settle_calls", hesitant)
    shop.work()
    assert states(shop) == [("accepted", "call_answered")]


def test_one_call_that_cannot_be_decided_holds_up_no_other(
    house: House, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = batch_calls._body

    def picky(row: Row[Any], external_id: str) -> bytes:
        if external_id == "kim":
            raise ZeroDivisionError("kim")
        return body(row, external_id)

    monkeypatch.setattr(batch_calls, "_body", picky)
    house.opens_with(campaign("a", hook())).knows("kim", "lee").orders("kim", "lee")
    house.work()
    assert sorted(states(house)) == [("accepted", "call_answered"), ("failed", "gate_failed")]
    (failed,) = house.log("call_failed")
    assert failed.evidence["error"] == "ZeroDivisionError"


def test_what_a_worker_was_told_and_forgot_is_told_again(shop: House, crm: Crm) -> None:
    assert len(shop.sweeper.sweep().calls) == 1
    assert shop.sweeper.sweep().calls == ()
    shop.sleep(shop.dangol.timing.queue_lease)
    shop.work()
    assert states(shop) == [("accepted", "call_answered")]


# Over the wire.


@pytest.fixture
def wire(house: House) -> Iterator[Receiver]:
    """The house calls a receiver on this machine."""
    with receiver() as listening:
        allowed = AddressGuard(f"127.0.0.1:{listening.port}")
        brief = timedelta(seconds=0.5)
        house.pipeline.caller = HttpCaller(
            Signer(SECRET), allowed, clock=house.clock, connect_timeout=brief, timeout=brief
        )
        yield listening


def calls_this(house: House, url: str) -> None:
    house.opens_with(campaign("a", hook(webhook=url))).knows("kim").orders("kim", order_id="o-1")


def test_a_retry_has_the_same_id_a_fresh_time_and_a_good_signature(house: House, wire: Receiver) -> None:
    wire.answers = [status(503, retry_after="600"), status(200)]
    calls_this(house, f"{wire.url}/hook")
    began = house.clock.now()
    house.pass_time(HOUR)
    first, second = wire.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == rows(house)[0].id
    assert first.body == second.body
    for request, at in ((first, began), (second, began + timedelta(seconds=600))):
        sent_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        assert timedelta() <= sent_at - at <= SECOND
        assert verify(SECRET, request.headers, request.body, now=sent_at)
    assert states(house) == [("accepted", "call_answered")]


def test_a_receiver_that_falls_silent_is_not_called_again(house: House, wire: Receiver) -> None:
    wire.answers = [wire.hangs]
    calls_this(house, f"{wire.url}/hook")
    house.pass_time(timedelta(days=2))
    assert states(house) == [("unknown", "outcome_unknown")]
    assert len(wire.received) == 1


def test_a_private_address_is_not_called_and_the_log_says_what_to_do(house: House, wire: Receiver) -> None:
    with receiver() as forbidden:
        calls_this(house, f"{forbidden.url}/hook")
        house.pass_time(timedelta(days=2))
        assert forbidden.received == []
    assert states(house) == [("failed", "address_forbidden")]
    assert "DANGOL_WEBHOOK_ALLOW" in house.log("call_failed")[0].evidence["detail"]


def test_what_is_sent_and_how_it_is_signed_is_nowhere_in_the_log(
    house: House, wire: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.answers = [status(500, body=b'{"echo": "o-1"}'), status(422, body=b"o-1", x_echo="o-1")]
    calls_this(house, f"{wire.url}/s3cret-path?token=s3cret-token")
    with structlog.testing.capture_logs() as printed:
        house.pass_time(HOUR)
    assert [decision for decision, _ in house.told("call")][-1] == "call_failed"
    told = repr([(entry.decision, entry.evidence) for entry in house.log("call")])
    assert wire.url in told
    for hidden in ("o-1", "Kim", "s3cret", SECRET, SECRET.removeprefix("whsec_")):
        assert hidden not in told + repr(printed) + "".join(capsys.readouterr())


def test_on_a_virtual_clock_no_system_is_called_unless_a_test_says_so(house: House) -> None:
    assert isinstance(house.pipeline.caller, NoCalls)
    house.opens_with(campaign("a", hook())).knows("kim").orders("kim")
    house.work()
    assert states(house) == [("accepted", "call_answered")]


# How an installation is set up.


def settings(home: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, home=home, secret_key=SecretStr("s"), **given)


def test_an_installation_signs_with_a_secret_that_it_makes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Dangol(settings(tmp_path)) as opened:
        assert isinstance(opened.pipeline.caller, HttpCaller)
        secret = opened.webhook_secret
    Signer(secret)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path))
    key = opened.settings.secret_key
    if key is not None:
        monkeypatch.setenv("DANGOL_SECRET_KEY", key.get_secret_value())
    assert CliRunner().invoke(app, ["webhook-secret"]).stdout.strip() == secret


def test_an_installation_signs_with_the_secret_that_it_is_given(tmp_path: Path) -> None:
    given = settings(tmp_path, webhook_secret=SecretStr(SECRET))
    with Dangol(given) as opened:
        assert opened.webhook_secret == SECRET
    assert SECRET not in repr(given)


@pytest.mark.parametrize(
    ("name", "value"), [("webhook_secret", SecretStr("hunter2")), ("webhook_allow", "10.1.2.3/16")]
)
def test_a_setting_that_cannot_be_used_is_told_at_once(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"DANGOL_{name.upper()}"):
        Dangol(settings(tmp_path, **{name: value}))


def test_an_installation_obeys_its_settings(tmp_path: Path) -> None:
    with receiver() as crm:
        given = {"webhook_allow": f"127.0.0.1:{crm.port}", "webhook_timeout": timedelta(seconds=0.2)}
        crm.answers = [status(204), crm.hangs]
        with Dangol(settings(tmp_path, **given)) as opened:
            later = opened.clock.now() + HOUR
            made = [Call(name, f"{crm.url}/{name}", b"{}", later) for name in ("first", "second")]
            outcomes = [opened.pipeline.caller.send_many([one])[0] for one in made]
            assert outcomes[0] == Accepted("answered 204")
            assert isinstance(outcomes[1], Unknown)
            (request, _) = crm.received
            assert verify(opened.webhook_secret, request.headers, request.body, now=opened.clock.now())
