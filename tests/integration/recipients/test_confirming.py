"""Confirming a consent that was asked for (double opt-in)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from dangol.consent import ledger
from dangol.consent.links import CONFIRM_WITHIN, _mac
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.store.tables import consents
from tests.integration.pipeline.house import House
from tests.integration.recipients.conftest import URL
from tests.integration.recipients.usable import mistakes

WORDS = "I would like the newsletter of Dangol Records by email."


@pytest.fixture
def asked(house: House) -> str:
    """The path of the link by which Bob confirms that he asked for emails."""
    house.knows("bob", agreeing_to=())
    return ask(house)


def ask(house: House, topic: str = "") -> str:
    change = ConsentChange(
        "bob",
        Channel.EMAIL,
        Purpose.MARKETING,
        ConsentAction.REQUESTED,
        house.clock.now(),
        "form:newsletter",
        wording=WORDS,
        wording_version="newsletter/1",
        topic=topic,
        locale="en",
        jurisdiction="DE",
    )
    (consent_id,) = house.pipeline.record_consents([change])
    url = house.dangol.links.confirm(consent_id, Channel.EMAIL, "bob@example.com", house.clock.now())
    assert url is not None
    house.clock.advance(timedelta(hours=1))
    return url.removeprefix(URL)


def status(house: House) -> str:
    with house.database.read() as tx:
        return ledger.states(tx, [house.id_of("bob")])[house.id_of("bob")][Channel.EMAIL, Purpose.MARKETING].status


def test_the_page_shows_what_is_confirmed_and_following_the_link_confirms_nothing(
    house: House,
    client: TestClient,
    asked: str,
) -> None:
    for method in ("GET", "HEAD"):
        answer = client.request(method, asked, headers={"Sec-Purpose": "prefetch"})
        assert answer.status_code == 200
    page = client.get(asked).text
    assert WORDS in page
    assert "bob" not in page
    assert [mistakes(client.get(f"{asked}?lang={one}").text, one) for one in ("ko", "en")] == [[], []]
    assert status(house) == "pending"


def test_a_weaker_consent_holds_until_the_link_makes_it_express(house: House, client: TestClient) -> None:
    house.knows("bob", agreeing_to=())
    weak = ConsentChange(
        "bob", Channel.EMAIL, Purpose.MARKETING, ConsentAction.GRANTED, house.clock.now(), "shop", "implied_purchase"
    )
    house.pipeline.record_consents([weak])
    house.clock.advance(timedelta(hours=1))
    path = ask(house)
    assert (status(house), WORDS in client.get(path).text) == ("granted", True)
    client.post(path, data={"confirm": "yes"})
    with house.database.read() as tx:
        held = ledger.states(tx, [house.id_of("bob")])[house.id_of("bob")][Channel.EMAIL, Purpose.MARKETING]
    assert (held.basis, held.proven, held.confirmed, held.asked) == ("consent", True, True, "")


def test_the_button_confirms_and_says_what_was_agreed_to(house: House, client: TestClient, asked: str) -> None:
    for _ in range(2):
        answer = client.post(asked, data={"confirm": "yes"})
        assert (answer.status_code, "<h1>Confirmed</h1>" in answer.text) == (200, True)
    assert status(house) == "granted"
    requested, confirmed = house.rows(consents, profile_id=house.id_of("bob"))
    assert confirmed.proof == f"consent:{requested.id}"
    assert (confirmed.wording, confirmed.wording_version, confirmed.jurisdiction) == (WORDS, "newsletter/1", "DE")
    assert confirmed.source == "page:confirmation"


@pytest.mark.parametrize("fields", [{}, {"confirm": "no"}, {"x": "yes"}])
def test_another_form_confirms_nothing(
    house: House,
    client: TestClient,
    asked: str,
    fields: dict[str, str],
) -> None:
    unclear = client.post(asked, data=fields)
    assert (unclear.status_code, "Please press a button below." in unclear.text) == (400, True)
    assert WORDS in unclear.text
    elsewhere = client.post(asked, data={"confirm": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (elsewhere.status_code, "another site" in elsewhere.text) == (403, True)
    assert [mistakes(one.text, "en") for one in (unclear, elsewhere)] == [[], []]
    assert status(house) == "pending"


def test_what_was_taken_back_since_is_not_confirmed_by_an_old_link(
    house: House,
    client: TestClient,
    asked: str,
) -> None:
    house.withdraws("bob")
    house.clock.advance(timedelta(hours=1))
    assert "There is nothing to confirm" in client.post(asked, data={"confirm": "yes"}).text
    assert status(house) == "withdrawn"


def test_a_link_confirms_nothing_once_the_person_has_another_address(
    house: House, client: TestClient, asked: str
) -> None:
    house.pipeline.identify([ProfileChange("bob", email="robert@example.com")])
    page = client.get(f"{asked}?lang=en")
    assert (page.status_code, "This link cannot confirm it" in page.text, "<form" in page.text) == (410, True, False)
    assert client.post(asked, data={"confirm": "yes"}).status_code == 410
    assert status(house) == "pending"
    assert [mistakes(client.get(f"{asked}?lang={one}").text, one) for one in ("ko", "en")] == [[], []]
    house.pipeline.identify([ProfileChange("bob", email="Bob@Example.com")])
    client.post(asked, data={"confirm": "yes"})
    assert status(house) == "granted"


def test_a_link_of_a_release_that_did_not_tell_the_address_is_good_until_it_ends(
    house: House, client: TestClient, asked: str
) -> None:
    consent_id, day, *_ = asked.removeprefix("/c/").split(".")
    secret = house.dangol.links._keys[0]
    before = f"/c/{consent_id}.{day}.{_mac(secret, '/c/', f'{consent_id}.{day}')}"
    client.post(before, data={"confirm": "yes"})
    assert status(house) == "granted"


def test_a_link_ends_and_cannot_be_made_up(house: House, client: TestClient, asked: str) -> None:
    assert client.post(asked[:-1] + "!", data={"confirm": "yes"}).status_code == 404
    other = house.dangol.links.confirm("0" * 26, Channel.EMAIL, "bob@example.com", house.clock.now())
    assert other is not None
    answer = client.post(other.removeprefix(URL), data={"confirm": "yes"}, headers={"Accept-Language": "en"})
    assert "There is nothing to confirm" in answer.text
    house.clock.advance(CONFIRM_WITHIN + timedelta(days=1))
    assert client.post(asked, data={"confirm": "yes"}).status_code == 410
    assert status(house) == "pending"


def test_who_was_erased_confirms_nothing(house: House, client: TestClient, asked: str) -> None:
    person = house.id_of("bob")
    house.pipeline.erase("bob", by="tests")
    assert "There is nothing to confirm" in client.post(asked, data={"confirm": "yes"}).text
    assert [row.action for row in house.rows(consents, profile_id=person)] == ["requested"]


def test_a_topic_is_named_and_confirmed_alone(house: House, client: TestClient) -> None:
    house.knows("bob", agreeing_to=())
    link = ask(house, "records")
    assert "New records · Email" in client.get(link).text
    client.post(link, data={"confirm": "yes"})
    with house.database.read() as tx:
        topics = ledger.topic_states(tx, [house.id_of("bob")])[house.id_of("bob")]
    assert topics[Channel.EMAIL, Purpose.MARKETING, "records"].granted


def test_the_page_speaks_the_persons_language_where_the_request_has_none(house: House, client: TestClient) -> None:
    house.knows("bora", locale="ko-KR", agreeing_to=())
    change = ConsentChange(
        "bora", Channel.EMAIL, Purpose.MARKETING, ConsentAction.REQUESTED, house.clock.now(), "api", wording=WORDS
    )
    (consent_id,) = house.pipeline.record_consents([change])
    url = house.dangol.links.confirm(consent_id, Channel.EMAIL, "bora@example.com", house.clock.now())
    assert url is not None
    assert "수신 동의 확인" in client.get(url.removeprefix(URL), headers={"Accept-Language": "en"}).text
