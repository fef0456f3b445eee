"""Twilio as its own library meets it."""

from __future__ import annotations

import http.client
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from dangol.devproviders import Sim
from tests.integration.devproviders.conftest import ask

CALLBACK = "https://shop.example/hooks/twilio/status?message=m-1"


@pytest.fixture
def twilio(sim: Sim) -> Client:
    known = sim.credentials()["twilio"]
    client = Client(known["account_sid"], known["auth_token"], http_client=TwilioHttpClient(timeout=5))
    client.api.base_url = sim.url
    return client


@pytest.fixture
def sender(sim: Sim) -> str:
    return str(sim.credentials()["twilio"]["from"])


def test_a_message_is_made_fetched_and_listed(sim: Sim, twilio: Client, sender: str) -> None:
    made = twilio.messages.create(to="+12025550199", from_=sender, body="Hello", status_callback=CALLBACK)
    assert (made.status, made.to, made.body, made.num_segments) == ("queued", "+12025550199", "Hello", "1")
    (entry,) = sim.record()
    assert (entry["provider"], entry["message_id"], entry["reference"]) == ("twilio", "m-1", made.sid)
    sim.settle()
    assert twilio.messages(made.sid).fetch().status == "delivered"
    today = made.date_created
    assert [one.sid for one in twilio.messages.list(to="+12025550199", date_sent=today.date())] == [made.sid]
    assert twilio.messages.list(to="+12025550198") == []
    assert twilio.messages.list(to="+12025550199", date_sent_before="2020-01-01") == []


def test_long_lists_come_in_pages(twilio: Client, sender: str) -> None:
    made = [twilio.messages.create(to="+12025550199", from_=sender, body=str(number)).sid for number in range(7)]
    assert [one.sid for one in twilio.messages.list(to="+12025550199", page_size=3)] == made[::-1]


def test_a_messaging_service_accepts_first(sim: Sim, twilio: Client) -> None:
    service = sim.credentials()["twilio"]["messaging_service_sid"]
    made = twilio.messages.create(to="+12025550199", messaging_service_sid=service, body="가" * 71)
    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")
    assert twilio.messages(made.sid).fetch().num_segments == "2"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "12"}, 21211),
        ({"to": ""}, 21604),
        ({"from_": "", "messaging_service_sid": ""}, 21603),
        ({"from_": "+15005550001"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "shop"}, 21609),
        ({"messaging_service_sid": "MG0"}, 21701),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"to": "+15005550023"}, 21635),
    ],
)
def test_a_refusal_has_twilios_code(sim: Sim, twilio: Client, sender: str, changes: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(**{"to": "+12025550199", "from_": sender, "body": "Hello"} | changes)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert sim.record() == []
    assert sim.counts()["providers"]["twilio"][str(code)] == 1


@pytest.mark.parametrize(("ending", "status", "code"), [("20", 429, 20429), ("21", 500, 20500), ("22", 503, 20503)])
def test_a_number_names_the_trouble(sim: Sim, sender: str, ending: str, status: int, code: int) -> None:
    answer = post(sim, To=f"+120255500{ending}", From=sender, Body="Hello")
    assert (answer.status, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert answer.json()["more_info"].endswith(str(code))
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_a_wrong_login_is_told_with_20003(sim: Sim) -> None:
    client = Client("AC" + "0" * 32, "wrong")
    client.api.base_url = sim.url
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to="+12025550199", from_="+15005550006", body="Hello")
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_the_account_can_be_fetched(twilio: Client) -> None:
    account = twilio.api.accounts(twilio.account_sid).fetch()
    assert (account.sid, account.status) == (twilio.account_sid, "active")


def test_what_is_not_there_is_20404(twilio: Client) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)


def test_who_wrote_stop_is_not_written_to_until_start(sim: Sim, twilio: Client, sender: str) -> None:
    sim.inbound("+12025550199", "STOP", opt_out_type="STOP")
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to="+12025550199", from_=sender, body="Hello")
    assert refused.value.code == 21610
    sim.inbound("+12025550199", "START", opt_out_type="START")
    assert twilio.messages.create(to="+12025550199", from_=sender, body="Hello").sid


def test_a_message_that_does_not_arrive_says_why(sim: Sim, twilio: Client, sender: str) -> None:
    made = twilio.messages.create(to="+12025550040", from_=sender, body="Hello")
    sim.settle()
    fetched = twilio.messages(made.sid).fetch()
    assert (fetched.status, fetched.error_code) == ("undelivered", 30003)


@pytest.mark.parametrize(("ending", "error"), [("32", ConnectionResetError), ("36", http.client.IncompleteRead)])
def test_an_answer_can_break_off(sim: Sim, sender: str, ending: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        post(sim, To=f"+120255500{ending}", From=sender, Body="Hello")
    assert len(sim.record()) == 1


def post(sim: Sim, **form: str) -> Any:
    known = sim.credentials()["twilio"]
    login = b64encode(f"{known['account_sid']}:{known['auth_token']}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
    path = f"/2010-04-01/Accounts/{known['account_sid']}/Messages.json"
    return ask(sim.url, "POST", path, urlencode(form).encode(), headers)
