"""What people answer to a text message is obeyed at once, and no further than they said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dangol.batch.replies import Answered, Reply
from dangol.consent import ledger
from dangol.consent.keywords import Intent
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Basis, Channel, ConsentAction, Purpose
from dangol.store.tables import consents, events, log, replies, suppressions
from dangol.surfaces.api.router import make_router
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINE = "+821051234567"
WRITES = campaign("texts", note("sms"))
SERVES = campaign("serves", note("sms"), purpose="service", event="Checkout Started")
CONFIRMS = campaign("confirms", note("sms"), purpose="transactional", event="Checkout Resumed")


@pytest.fixture
def shop(house: House) -> House:
    house.opens_with(WRITES, SERVES, CONFIRMS).knows("kim", phone=MINE)
    house.pipeline.record_consents(
        [ConsentChange("kim", Channel.SMS, Purpose.SERVICE, ConsentAction.GRANTED, house.clock.now(), "tests")]
    )
    house.clock.advance(timedelta(hours=1))
    return house


def say(house: House, text: str, *, sender: str = MINE, id: str = "") -> Answered:
    house.clock.advance(timedelta(seconds=1))
    return house.pipeline.reply(
        Reply(Channel.SMS, sender, text, id or f"SM{len(house.rows(replies))}", house.clock.now())
    )


def granted(house: House, who: str = "kim") -> set[str]:
    with house.database.read() as tx:
        held = ledger.states(tx, [house.id_of(who)])[house.id_of(who)]
    return {purpose.value for (channel, purpose), one in held.items() if channel is Channel.SMS and one.granted}


def texted(house: House) -> int:
    """How many texts go out for something of every purpose."""
    before = len(house.sent)
    for event in ("Order Completed", "Checkout Started", "Checkout Resumed"):
        house.happens(event, "kim")
    house.work()
    return len(house.sent) - before


class TestStop:
    @pytest.mark.parametrize("text", ["STOP", "수신거부", "문자 그만 보내주세요"])
    def test_takes_back_everything_but_the_transactional_and_is_confirmed(self, shop: House, text: str) -> None:
        assert texted(shop) == 3
        answer = say(shop, text)
        assert answer.intent is Intent.STOP
        assert answer.text is not None
        assert ("단골레코드" if text != "STOP" else "Dangol Records") in answer.text
        assert granted(shop) == set()
        assert texted(shop) == 1
        (held,) = shop.rows(suppressions)
        assert (held.cause, held.scope, held.lifted_at) == ("stop", "prompted", None)

    def test_reaches_as_far_as_the_policies_say(self, house: House) -> None:
        house.opens_with(WRITES, SERVES, CONFIRMS, policies={"stop_scope": "all"}).knows("kim", phone=MINE)
        say(house, "STOP")
        assert texted(house) == 0
        house.opens_with(WRITES, policies={"stop_scope": "marketing"}).knows("lee", phone="+821051234568")
        say(house, "STOP", sender="+821051234568")
        assert {row.scope for row in house.rows(suppressions)} == {"all", "marketing"}

    def test_is_answered_once_a_day(self, shop: House) -> None:
        assert say(shop, "STOP").text
        assert say(shop, "stop!").text is None
        shop.clock.advance(timedelta(hours=24))
        assert say(shop, "STOP").text

    def test_binds_everybody_with_the_number(self, shop: House) -> None:
        shop.knows("lee", phone=MINE)
        say(shop, "STOP")
        assert granted(shop) == granted(shop, "lee") == set()
        assert sorted(entry.profile_id for entry in shop.log("reply")) == sorted(map(shop.id_of, ("kim", "lee")))

    def test_of_a_number_that_nobody_has_suppresses_it_all_the_same(self, shop: House) -> None:
        assert say(shop, "STOP", sender="+821099999999").text
        shop.knows("new", phone="+821099999999")
        shop.happens("Order Completed", "new")
        shop.work()
        assert shop.sent == []
        assert ("message_suppressed", "address_suppressed") in shop.told("message")

    def test_reported_again_changes_nothing_and_gets_the_same_answer(self, shop: House) -> None:
        first = say(shop, "STOP", id="SM-1")
        rows = len(shop.rows(consents)), len(shop.log())
        shop.clock.advance(timedelta(minutes=1))
        assert say(shop, "STOP", id="SM-1") == first
        assert (len(shop.rows(consents)), len(shop.log())) == rows

    def test_of_the_erased_suppresses_and_says_nothing_of_them(self, shop: House) -> None:
        shop.pipeline.erase("kim", by="tests")
        told = len(shop.rows(consents))
        assert say(shop, "STOP").intent is Intent.STOP
        assert len(shop.rows(consents)) == told


class TestStart:
    def test_gives_back_what_the_stop_took_and_nothing_else(self, shop: House) -> None:
        shop.pipeline.record_consents(
            [ConsentChange("kim", Channel.SMS, Purpose.SERVICE, ConsentAction.WITHDRAWN, shop.clock.now(), "page:x")]
        )
        say(shop, "STOP")
        answer = say(shop, "START")
        assert answer.intent is Intent.START
        assert answer.text is not None
        assert granted(shop) == {"marketing"}
        assert [row for row in shop.rows(suppressions) if row.lifted_at is None] == []
        row = shop.rows(consents, source="sms:START")[0]
        assert (row.action, row.basis, row.proof.split(",")[0]) == ("restored", "consent", "sms:START")

    @pytest.mark.parametrize("basis", ["written_consent", "implied_purchase", "imported"])
    def test_gives_back_neither_more_nor_fresher_than_there_was(self, house: House, basis: str) -> None:
        house.opens_with(WRITES).knows("kim", phone=MINE, agreeing_to=[])
        given = house.clock.now()
        house.pipeline.record_consents(
            [ConsentChange("kim", Channel.SMS, Purpose.MARKETING, ConsentAction.GRANTED, given, "tests", basis)]
        )
        say(house, "STOP")
        house.clock.advance(timedelta(days=400))
        say(house, "START")
        with house.database.read() as tx:
            state = ledger.states(tx, [house.id_of("kim")])[house.id_of("kim")][Channel.SMS, Purpose.MARKETING]
        assert (state.granted, state.basis, state.proven) == (True, basis, False)
        assert (state.since, state.confirmed_at) == (given, given)

    def test_what_would_have_run_out_meanwhile_stays_run_out(self, house: House) -> None:
        house.opens_with(WRITES).knows("kim", phone=MINE, agreeing_to=[], country="KR")
        house.pipeline.record_consents(
            [
                ConsentChange(
                    "kim",
                    Channel.SMS,
                    Purpose.MARKETING,
                    ConsentAction.GRANTED,
                    house.clock.now(),
                    "tests",
                    Basis.IMPLIED_PURCHASE.value,
                )
            ]
        )
        say(house, "STOP")
        house.clock.advance(timedelta(days=400))
        say(house, "START")
        house.orders("kim")
        house.work()
        assert house.sent == []
        house.dangol.duties.run()
        assert granted(house) == set()
        assert house.dangol.duties.run().lapses == 0

    def test_makes_no_consent_where_there_was_none(self, house: House) -> None:
        house.opens_with(WRITES).knows("kim", phone=MINE, agreeing_to=[])
        say(house, "STOP")
        say(house, "START")
        assert granted(house) == set()

    def test_does_not_lift_a_complaint_or_a_bounce(self, shop: House) -> None:
        shop.bounces(Channel.SMS, MINE)
        say(shop, "STOP")
        say(shop, "START")
        assert [row.cause for row in shop.rows(suppressions) if row.lifted_at is None] == ["hard_bounce"]

    def test_without_a_stop_is_something_that_was_said(self, shop: House) -> None:
        assert say(shop, "YES").text is None
        assert granted(shop) == {"marketing", "service"}


class TestEverythingElse:
    def test_who_writes_french_is_answered_in_french(self, shop: House) -> None:
        stopped, started = say(shop, "arrêt", id="1"), say(shop, "Début svp", id="2")
        assert stopped.text is not None
        assert "Répondez START" in stopped.text
        assert started.text is not None
        assert "nos textos" in started.text
        assert "AIDE" not in (say(shop, "INFO", id="3").text or "")
        assert "Aide :" in (say(shop, "aide", id="4").text or "")

    def test_help_says_who_writes_and_how_to_stop(self, shop: House) -> None:
        answer = say(shop, "HELP")
        assert answer.text is not None
        assert "Dangol Records" in answer.text
        assert "STOP" in answer.text
        assert granted(shop) == {"marketing", "service"}

    def test_becomes_an_event_to_which_journeys_react(self, house: House) -> None:
        house.opens_with(WRITES).knows("kim", phone=MINE)
        assert say(house, "is it still in stock?") == Answered(Intent.OTHER, None)
        (event,) = [row for row in house.rows(events) if row.name == "Message Replied"]
        assert event.properties == {"channel": "sms", "text": "is it still in stock?", "intent": "other"}

    def test_what_was_written_is_in_no_row_that_cannot_be_deleted(self, shop: House) -> None:
        say(shop, "stop texting me, my name is Haeun Jeong")
        kept = repr([shop.rows(consents), shop.rows(log), shop.rows(replies), shop.rows(suppressions)])
        assert "Haeun" not in kept
        assert MINE not in kept
        assert "stop sending" in kept or "stop texting" in kept


class TestEndpoint:
    @pytest.fixture
    def api(self, shop: House) -> TestClient:
        app = FastAPI()
        app.include_router(make_router(shop.dangol))
        return TestClient(app)

    def post(self, api: TestClient, **body: Any) -> Any:
        said = {"writeKey": "k", "channel": "sms", "from": "+82 10-5123-4567", "text": "STOP", "messageId": "SM1"}
        return api.post("/v1/replies", json={**said, **body})

    def test_answers_what_was_understood_and_what_to_send(self, api: TestClient) -> None:
        answer = self.post(api)
        assert answer.status_code == 200
        assert answer.json()["intent"] == "stop"
        assert answer.json()["reply"].startswith("Dangol Records: ")
        assert self.post(api, messageId="SM2", text="더 이상 보내지 마세요").json() == {
            "success": True,
            "intent": "stop",
            "reply": None,
        }

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"from": "12"}, "invalid_phone"),
            ({"text": None}, "invalid_text"),
            ({"messageId": ""}, "invalid_message_id"),
            ({"channel": "email"}, "invalid_channel"),
            ({"timestamp": "yesterday"}, "invalid_timestamp"),
            ({"writeKey": "guess"}, "unauthorized"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, api: TestClient, wrong: dict[str, Any], code: str) -> None:
        answer = self.post(api, **wrong)
        assert answer.status_code in {400, 401}
        assert answer.json()["code"] == code
