"""Keeping what one agreed to, by the link in the letter that asks every two years."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from dangol.consent import ledger
from dangol.consent.links import GOOD_FOR
from dangol.model.people import ConsentChange, ConsentState
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Purpose
from dangol.store.tables import consents
from tests.integration.pipeline.house import House
from tests.integration.recipients.conftest import URL
from tests.integration.recipients.usable import mistakes

EMAIL, SMS, PUSH = Channel
MARKETING = Purpose.MARKETING


@pytest.fixture
def link(house: House) -> str:
    """The path of Alice's link, in a letter of two years later."""
    house.clock.advance(timedelta(days=700))
    url = house.dangol.links.keep(house.id_of("alice"), house.clock.now())
    assert url is not None
    return url.removeprefix(URL)


def says(house: House, action: ConsentAction, channel: Channel, topic: str = "", basis: str = "consent") -> None:
    now = house.clock.now()
    change = ConsentChange("alice", channel, MARKETING, action, now, "tests", basis, topic=topic, wording="Yes.")
    house.pipeline.record_consents([change])
    house.clock.advance(timedelta(hours=1))


def held(house: House, channel: Channel) -> ConsentState:
    with house.database.read() as tx:
        return ledger.states(tx, [house.id_of("alice")])[house.id_of("alice")][channel, MARKETING]


def kept(house: House) -> list[tuple[str, str, str]]:
    rows = [row for row in house.rows(consents) if row.action == "reconfirmed"]
    return sorted((row.channel, row.topic, row.source) for row in rows)


def test_the_page_shows_what_holds_and_following_the_link_records_nothing(
    house: House, client: TestClient, link: str
) -> None:
    before = house.rows(consents)
    for method in ("GET", "HEAD"):
        assert client.request(method, link, headers={"Sec-Purpose": "prefetch"}).status_code == 200
    page = client.get(link).text
    assert "News and offers (advertising) · all of it · Email" in page
    assert "alice" not in page.lower()
    assert [mistakes(client.get(f"{link}?lang={one}").text, one) for one in ("ko", "en")] == [[], []]
    assert house.rows(consents) == before


def test_the_button_makes_every_consent_as_fresh_as_today(house: House, client: TestClient, link: str) -> None:
    before = held(house, EMAIL)
    answer = client.post(link, data={"answer": "keep"})
    assert (answer.status_code, "You will go on hearing from us" in answer.text) == (200, True)
    assert kept(house) == [(channel, "", "page:keep") for channel in ("email", "push", "sms")]
    now = held(house, EMAIL)
    assert (now.since, now.confirmed_at) == (before.since, house.clock.now())
    (row, *_) = [row for row in house.rows(consents) if row.action == "reconfirmed"]
    assert row.wording.startswith("I go on agreeing to get the advertising above.")
    assert (row.wording_version, row.locale) == ("keep-1", "en")


def test_pressed_twice_it_is_recorded_once(house: House, client: TestClient, link: str) -> None:
    for _ in range(2):
        assert client.post(link, data={"answer": "keep"}).status_code == 200
    assert len(kept(house)) == 3


def test_topics_and_the_night_are_kept_and_what_rests_on_a_purchase_is_not(
    house: House, client: TestClient, link: str
) -> None:
    house.withdraws("alice", EMAIL)
    house.withdraws("alice", PUSH)
    house.clock.advance(timedelta(hours=1))
    says(house, ConsentAction.GRANTED, EMAIL, "records")
    says(house, ConsentAction.GRANTED, SMS, NIGHT)
    says(house, ConsentAction.GRANTED, PUSH, basis="implied_purchase")
    page = client.get(link).text
    assert "New records · Email" in page
    assert "at night too" in page
    assert "App notification" not in page
    client.post(link, data={"answer": "keep"})
    assert [one[:2] for one in kept(house)] == [("email", "records"), ("sms", ""), ("sms", NIGHT)]


def test_the_other_button_ends_it(house: House, client: TestClient, link: str) -> None:
    answer = client.post(link, data={"answer": "stop"})
    assert (answer.status_code, "You will hear no more news from us" in answer.text) == (200, True)
    assert [held(house, channel).status for channel in Channel] == ["withdrawn"] * 3
    assert "You have not agreed to anything" in client.get(link).text
    assert "You have not agreed to anything" in client.post(link, data={"answer": "keep"}).text
    assert kept(house) == []


@pytest.mark.parametrize(
    ("fields", "headers", "status"),
    [
        ({}, {}, 400),
        ({"answer": "perhaps"}, {}, 400),
        ({"answer": "keep"}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"answer": "k" * 20_000}, {}, 413),
    ],
)
def test_what_is_not_understood_records_nothing_and_shows_the_page_again(
    house: House, client: TestClient, link: str, fields: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answer = client.post(f"{link}?lang=en", data=fields, headers=headers)
    assert answer.status_code == status
    assert mistakes(answer.text, "en") == []
    assert ("Keep it" in answer.text) is (status != 413)
    assert kept(house) == []


def test_a_link_for_another_use_or_of_another_person_keeps_nothing(house: House, client: TestClient, link: str) -> None:
    assert client.get(link.replace("/k/", "/p/")).status_code == 404
    assert client.post(link[:-1] + ("A" if link[-1] != "A" else "B"), data={"answer": "keep"}).status_code == 404
    preferences = house.dangol.links.preferences(house.id_of("alice"), house.clock.now()) or ""
    assert client.post(preferences.replace("/p/", "/k/"), data={"answer": "keep"}).status_code == 404
    house.clock.advance(GOOD_FOR + timedelta(days=2))
    assert client.post(link, data={"answer": "keep"}).status_code == 410
    assert kept(house) == []


def test_somebody_who_was_erased_is_told_nothing(house: House, client: TestClient, link: str) -> None:
    house.pipeline.erase("alice", by="tests")
    for answer in (client.get(f"{link}?lang=en"), client.post(f"{link}?lang=en", data={"answer": "keep"})):
        assert (answer.status_code, "There is nothing to show" in answer.text) == (200, True)
    assert kept(house) == []


def test_a_link_can_be_used_twenty_times_a_minute(house: House, client: TestClient, link: str) -> None:
    answers = [client.post(link, data={"answer": "keep"}).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]


def test_the_preference_centre_keeps_it_too(house: House, client: TestClient, link: str) -> None:
    url = house.dangol.links.preferences(house.id_of("alice"), house.clock.now())
    assert url is not None
    path = url.removeprefix(URL)
    assert 'value="keep"' in client.get(path).text
    answer = client.post(path, data={"do": "keep"})
    assert (answer.status_code, answer.headers["location"]) == (303, "?done=kept&lang=en")
    assert "Noted: you keep what you agreed to." in client.get(f"{path}?done=kept").text
    assert [one[2] for one in kept(house)] == ["page:preferences"] * 3
    client.post(path, data={"do": "leave"})
    assert 'value="keep"' not in client.get(path).text
