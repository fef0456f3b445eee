"""The preference centre: what somebody sees by their own link, and what becomes of what they choose."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import asking, choosing, ledger
from dangol.consent.links import GOOD_FOR
from dangol.ledger import reader
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Purpose
from dangol.store.tables import consents, events, preferences, profiles, requests
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.integration.recipients.conftest import TOPICS, URL
from tests.integration.recipients.usable import mistakes
from tests.workspaces import campaign, note

EMAIL, SMS, PUSH = Channel
MARKETING = Purpose.MARKETING


def path(house: House, name: str = "alice") -> str:
    url = house.dangol.links.preferences(house.id_of(name), house.clock.now())
    assert url is not None
    return url.removeprefix(URL)


def shown(page: str) -> list[str]:
    return re.findall(r'name="shown" value="([^"]+)"', page)


def ticked(page: str) -> list[str]:
    return re.findall(r'name="on" value="([^"]+)" checked', page)


class Reader:
    """Somebody with the page open in a browser."""

    def __init__(self, client: TestClient, path: str) -> None:
        self.client, self.path = client, path
        self.page = client.get(path).text
        self.on = set(ticked(self.page))

    def saves(self, *, on: str = "", off: str = "", often: str = "usual") -> Response:
        boxes = (self.on | set(on.split())) - set(off.split())
        fields = {"do": "save", "shown": shown(self.page), "on": sorted(boxes), "often": often}
        return self.client.post(self.path, data=fields)


def holds(house: House, channel: Channel, topic: str = "", name: str = "alice") -> bool:
    with house.database.read() as tx:
        person = choosing.standing(tx, house.id_of(name))
    assert person is not None
    return person.agrees((channel, MARKETING, topic))


def said(house: House) -> list[tuple[str, str, str]]:
    """What was said on the page: action, channel and topic, in order."""
    rows = [row for row in house.rows(consents) if row.source == "page:preferences"]
    return sorted((row.action, row.channel, row.topic) for row in rows)


# What is shown.


def test_the_page_shows_topics_by_channel_as_they_hold(house: House, client: TestClient) -> None:
    page = client.get(path(house), headers={"Accept-Language": "ko"}).text
    assert "New records" in page  # Alice's own language goes before the browser's
    assert "On Fridays" in page
    assert len(ticked(page)) == 9
    assert 'value="marketing:sms:evenings" checked' in page
    house.withdraws("alice", SMS)
    assert 'value="marketing:sms:evenings"> ' in client.get(path(house)).text


def test_only_channels_that_reach_the_person_are_shown(house: House, client: TestClient) -> None:
    house.knows("bob", phone=None, device_token=None, agreeing_to=())
    assert shown(client.get(path(house, "bob")).text)[:3] == [
        "0:marketing:email:records",
        "0:marketing:email:evenings",
        "0:marketing:email:",
    ]


def test_the_page_tells_no_address(house: House, client: TestClient) -> None:
    page = client.get(path(house)).text
    assert "alice" not in page.lower()
    assert "+8210" not in page


def test_whoever_follows_a_link_changes_nothing(house: House, client: TestClient) -> None:
    before = [house.rows(table) for table in (consents, preferences, requests, profiles)]
    for method in ("GET", "HEAD"):
        for headers in ({}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}):
            for more in ("", "/erasure", "?do=leave", "?do=save&often=1"):
                answer = client.request(method, path(house) + more, headers=headers)
                assert answer.status_code == 200
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert [house.rows(table) for table in (consents, preferences, requests, profiles)] == before


# What is chosen.


def test_a_topic_can_be_left_alone(house: House, client: TestClient) -> None:
    answer = Reader(client, path(house)).saves(off="marketing:email:records")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "?done=saved&lang=en"
    assert said(house) == [("withdrawn", "email", "records")]
    assert [holds(house, EMAIL, "records"), holds(house, EMAIL, "evenings"), holds(house, EMAIL)] == [False, True, True]


def test_a_topic_can_be_taken_alone_by_somebody_who_left_everything(house: House, client: TestClient) -> None:
    house.withdraws("alice")
    house.clock.advance(timedelta(days=1))
    Reader(client, path(house)).saves(on="marketing:email:evenings")
    assert said(house) == [("granted", "email", "evenings")]
    assert [holds(house, EMAIL, "evenings"), holds(house, EMAIL, "records"), holds(house, EMAIL)] == [
        True,
        False,
        False,
    ]


def test_who_gives_up_the_rest_keeps_the_topics_that_stay_ticked(house: House, client: TestClient) -> None:
    Reader(client, path(house)).saves(off="marketing:email: marketing:email:records")
    assert said(house) == [("granted", "email", "evenings"), ("withdrawn", "email", "")]
    assert [holds(house, EMAIL, "evenings"), holds(house, EMAIL, "records"), holds(house, EMAIL)] == [
        True,
        False,
        False,
    ]


def test_who_takes_the_rest_does_not_take_the_topics_that_stay_unticked(house: House, client: TestClient) -> None:
    house.knows("bob", agreeing_to=())
    Reader(client, path(house, "bob")).saves(on="marketing:email: marketing:email:records")
    assert [holds(house, EMAIL, topic, "bob") for topic in ("records", "evenings", "")] == [True, False, True]


def test_a_yes_keeps_the_words_that_were_shown_and_where_it_came_from(house: House, client: TestClient) -> None:
    house.knows("bob", agreeing_to=())
    Reader(client, path(house, "bob")).saves(on="marketing:email:records")
    with house.database.read() as tx:
        (row,) = ledger.history(tx, house.id_of("bob"))
    assert row.wording.startswith("I agree to get the advertising that I ticked")
    assert row.wording.endswith("New records · Email")
    assert (row.basis, row.wording_version, row.locale) == ("consent", "preferences-2", "en")
    assert (row.ip, row.user_agent) == ("testclient", "testclient")
    assert row.wording.partition("\n")[0] in client.get(path(house, "bob")).text


def test_saving_without_a_change_says_nothing(house: House, client: TestClient) -> None:
    assert Reader(client, path(house)).saves().status_code == 303
    assert said(house) == []
    assert house.rows(preferences) == []


def test_a_page_left_open_does_not_undo_what_was_said_since(house: House, client: TestClient) -> None:
    reader = Reader(client, path(house))
    house.withdraws("alice")
    house.clock.advance(timedelta(minutes=1))
    reader.saves(off="marketing:sms:records")
    assert not any(holds(house, channel) for channel in Channel)


def test_a_consent_for_the_night_can_be_taken_back(house: House, client: TestClient) -> None:
    assert NIGHT not in client.get(path(house)).text
    change = ConsentChange(
        "alice", SMS, MARKETING, ConsentAction.GRANTED, house.clock.now(), "tests", wording="밤", topic=NIGHT
    )
    house.pipeline.record_consents([change])
    house.clock.advance(timedelta(minutes=1))
    Reader(client, path(house)).saves(off="marketing:sms:night")
    assert said(house) == [("withdrawn", "sms", NIGHT)]


def test_how_often_is_kept_and_entered_in_the_log(house: House, client: TestClient) -> None:
    Reader(client, path(house)).saves(often="1")
    (row,) = house.rows(preferences)
    assert (row.at_most, row.per_days) == (1, 7)
    assert house.told("preferences") == [("preferences_changed", "asked_by_recipient")]
    assert 'value="1" checked' in client.get(path(house)).text
    Reader(client, path(house)).saves(often="usual")
    assert house.rows(preferences)[0].at_most is None


def test_a_pause_begins_now_and_can_be_ended(house: House, client: TestClient) -> None:
    for days in (7, 30, 90):
        assert client.post(path(house), data={"do": "pause", "days": str(days)}).status_code == 303
        assert house.rows(preferences)[0].paused_until == house.clock.now() + timedelta(days=days)
    assert "Paused until" in client.get(path(house)).text
    client.post(path(house), data={"do": "resume"})
    assert house.rows(preferences)[0].paused_until is None
    assert "Paused until" not in client.get(path(house)).text


def test_what_waits_for_a_pause_goes_out_when_it_is_ended(house: House, client: TestClient) -> None:
    client.post(path(house), data={"do": "pause", "days": "7"})
    house.orders("alice")
    house.work()
    assert house.states == [("planned", "paused_by_recipient")]
    house.clock.advance(timedelta(days=1))
    client.post(path(house), data={"do": "resume"})
    house.work()
    assert [state for state, _ in house.states] == ["accepted"]


def test_the_language_is_that_of_the_messages_and_of_the_page(house: House, client: TestClient) -> None:
    answer = client.post(path(house), data={"do": "language", "language": "ko"})
    assert answer.headers["Location"] == "?done=language&lang=ko"
    assert house.rows(profiles, external_id="alice")[0].locale == "ko"
    assert '<html lang="ko">' in client.get(path(house)).text
    house.knows("bob", locale="ko-KR")
    client.post(path(house, "bob"), data={"do": "language", "language": "ko"})
    assert house.rows(profiles, external_id="bob")[0].locale == "ko-KR"


def test_everything_can_be_left_by_one_button(house: House, client: TestClient) -> None:
    answer = client.post(path(house), data={"do": "leave"})
    assert answer.headers["Location"] == "?done=left&lang=en"
    assert not any(holds(house, channel, topic) for channel in Channel for topic in ("", "records"))
    number = len(house.rows(consents))
    house.clock.advance(timedelta(minutes=1))
    client.post(path(house), data={"do": "leave"})
    assert len(house.rows(consents)) == number


def test_what_is_held_is_told_with_since_when_and_in_which_words(house: House, client: TestClient) -> None:
    assert "2026" in client.get(path(house)).text
    house.knows("bob", agreeing_to=())
    assert "We hold no consents of yours." in client.get(path(house, "bob")).text
    Reader(client, path(house, "bob")).saves(on="marketing:email:records")
    page = client.get(path(house, "bob")).text
    assert "<details><summary>The words you agreed to</summary>" in page


# What is asked for.


def test_data_can_be_downloaded_as_a_file_for_machines(house: House, client: TestClient) -> None:
    answer = client.post(f"{path(house)}/data")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["profile"]["email"] == "alice@example.com"
    assert house.told("data") == [("data_exported", "asked_by_recipient")]


def test_data_is_given_only_to_who_comes_by_a_recent_link(house: House, client: TestClient) -> None:
    link = path(house)
    house.clock.advance(timedelta(days=32))
    answer = client.post(f"{link}/data")
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert house.told("data") == []


def test_erasure_is_asked_for_on_a_page_of_its_own_and_stops_messages_at_once(house: House, client: TestClient) -> None:
    assert "cannot be undone" in client.get(f"{path(house)}/erasure").text
    for _ in range(2):
        assert client.post(f"{path(house)}/erasure", data={"do": "erase"}).status_code == 303
    (request,) = house.rows(requests)
    assert (request.kind, request.source, request.done_at) == ("erasure", "page:preferences", None)
    assert request.due_at == asking.a_month_after(house.clock.now())
    assert not any(holds(house, channel) for channel in Channel)
    assert house.told("data") == [("data_requested", "asked_by_recipient")]
    page = client.get(path(house)).text
    assert "It will be done by" in page
    assert "/erasure" not in page


def test_an_erasure_answers_the_request(house: House, client: TestClient) -> None:
    client.post(f"{path(house)}/erasure", data={"do": "erase"})
    house.pipeline.erase("alice", by="tests")
    assert house.rows(requests)[0].done_by == "tests"


@pytest.mark.parametrize(
    ("asked", "due"),
    [((2026, 1, 31), (2026, 2, 28)), ((2028, 1, 31), (2028, 2, 29)), ((2026, 12, 15), (2027, 1, 15))],
)
def test_a_month_is_one_of_the_calendar(asked: tuple[int, int, int], due: tuple[int, int, int]) -> None:
    assert asking.a_month_after(datetime(*asked, 9, tzinfo=UTC)) == datetime(*due, 9, tzinfo=UTC)


# What is refused.


def test_a_link_of_somebody_who_was_erased_says_nothing_about_them(house: House, client: TestClient) -> None:
    link = path(house)
    nobody = house.dangol.links.preferences("0" * 26, house.clock.now())
    assert nobody is not None
    house.pipeline.erase("alice", by="tests")
    for more in ("", "/erasure"):
        pages = {client.get(one + more).text for one in (link, nobody.removeprefix(URL))}
        assert len(pages) == 1
    number = len(house.rows(consents))
    for more, fields in (("", {"do": "leave"}), ("/erasure", {"do": "erase"}), ("/data", {})):
        answer = client.post(link + more, data=fields)
        assert (answer.status_code, "보여 드릴 것이 없습니다" in answer.text) == (200, True)
    assert len(house.rows(consents)) == number


def test_forged_cut_off_and_expired_links_are_told_as_such(house: House, client: TestClient) -> None:
    good = path(house)
    token = good.removeprefix("/p/")
    for wrong in ("x", token[:-1], token + "A", token.lower(), "a" * 5_000, "%00", token.replace(".", "%2E%2E")):
        for more in ("", "/erasure"):
            answer = client.get(f"/p/{wrong}{more}")
            assert (answer.status_code, "<form" in answer.text) == (404, False)
            assert client.post(f"/p/{wrong}{more}", data={"do": "leave"}).status_code == 404
    house.clock.advance(GOOD_FOR + timedelta(days=1))
    for more in ("", "/erasure", "/data"):
        assert client.post(good + more, data={"do": "leave"}).status_code == 410
    assert said(house) == []


def test_what_our_page_does_not_send_changes_nothing_and_is_told(house: House, client: TestClient) -> None:
    for fields in (
        {},
        {"do": "x"},
        {"do": "pause", "days": "8"},
        {"do": "pause"},
        {"do": "language", "language": "xx"},
        {"do": "save", "often": "9"},
        {"do": "save", "shown": "1:marketing:fax:"},
        {"do": "save", "shown": "x"},
        {"do": "save", "on": "marketing"},
    ):
        answer = client.post(path(house), data=fields)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert said(house) == []


def test_boxes_that_the_page_does_not_have_are_passed_over(house: House, client: TestClient) -> None:
    fields = {"do": "save", "shown": ["0:marketing:email:night", "0:transactional:email:"], "on": []}
    fields["on"] = ["marketing:email:night", "transactional:email:"]
    assert client.post(path(house), data=fields).status_code == 303
    assert said(house) == []


def test_a_form_of_another_site_is_refused_and_our_own_is_taken(house: House, client: TestClient) -> None:
    others = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"})
    for headers in others:
        assert client.post(path(house), data={"do": "leave"}, headers=headers).status_code == 403
    assert said(house) == []
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": URL}, {}):
        assert client.post(path(house), data={"do": "leave"}, headers=headers).status_code == 303


def test_forms_come_in_either_encoding_and_not_too_long(house: House, client: TestClient) -> None:
    assert client.post(path(house), files={"do": (None, "pause"), "days": (None, "7")}).status_code == 303
    assert client.post(path(house), data={"do": "pause", "days": "30", "x": "y" * 20_000}).status_code == 413
    assert client.post(path(house), data={f"f{n}": "1" for n in range(300)}).status_code == 400
    assert client.post(path(house), content=b"\xff\xfe", headers={"Content-Type": "x"}).status_code == 400


def test_one_link_cannot_be_hammered(house: House, client: TestClient) -> None:
    answers = [client.post(path(house), data={"do": "resume"}).status_code for _ in range(25)]
    assert answers == [303] * 20 + [429] * 5


# How it is made.


def test_pages_can_be_used_by_everybody(house: House, client: TestClient) -> None:
    for language in ("ko", "en"):
        for more in ("", "/erasure"):
            page = client.get(f"{path(house)}{more}?lang={language}").text
            assert mistakes(page, language) == []


def test_pages_of_an_installation_without_campaigns_say_less(
    dangol: Dangol, client: TestClient, clock: VirtualClock
) -> None:
    dangol.pipeline.identify([])
    house = House(dangol, clock, FakeProvider(), Path())
    house.knows("alice", agreeing_to=())
    page = client.get(path(house)).text
    assert mistakes(page, "en") == []
    assert shown(page)[0] == "0:marketing:email:"


def test_what_was_done_stands_in_the_log_in_words(house: House, client: TestClient) -> None:
    client.post(path(house), data={"do": "pause", "days": "7"})
    with house.database.read() as tx:
        (entry,) = [one for one in reader.history(tx, reader.Filter()) if one.decision == "preferences_changed"]
    assert entry.evidence["pause"] == "until"


# Where a law counts a consent only once it was confirmed.


class TestDoubleOptIn:
    """A yes on the page is the first half; the link in a message is the other."""

    @pytest.fixture
    def german(self, house: House) -> House:
        rules = {"rules": [{"id": "DE-doi", "double_opt_in": "required"}]}
        house.opens_with(campaign("letters", note("email")), policies={"topics": TOPICS, "jurisdictions": rules})
        house.knows("gerda", country="DE", phone=None, device_token=None, agreeing_to=())
        return house

    def status(self, house: House, topic: str = "") -> str | None:
        with house.database.read() as tx:
            person = choosing.standing(tx, house.id_of("gerda"))
        assert person is not None
        state = person.state((EMAIL, MARKETING, topic))
        return state.status if state is not None else None

    def letters(self, house: House) -> list[dict[str, object]]:
        return [row.properties for row in house.rows(events) if row.name == "Consent Requested"]

    def test_what_is_ticked_waits_to_be_confirmed_and_the_page_says_so(self, german: House, client: TestClient) -> None:
        reader = Reader(client, path(german, "gerda"))
        assert "begins once you follow the link in a message" in reader.page
        answer = reader.saves(on="marketing:email:")
        assert answer.headers["location"] == "?done=asked&lang=en"
        assert self.status(german) == "pending"
        page = client.get(f"{path(german, 'gerda')}?done=asked").text
        assert "What you newly ticked begins once you follow the link" in page
        assert "Waiting for you to confirm" in page
        assert mistakes(page, "en") == []
        (asked,) = self.letters(german)
        (row,) = [row for row in german.rows(consents) if row.action == "requested"]
        assert asked == {"channel": "email", "purpose": "marketing", "topic": "", "consent_id": row.id}

    def test_the_link_that_is_sent_confirms_all_that_was_ticked_at_once(
        self, german: House, client: TestClient
    ) -> None:
        Reader(client, path(german, "gerda")).saves(on="marketing:email:records marketing:email:evenings")
        (asked,) = self.letters(german)
        german.clock.advance(timedelta(hours=1))
        row_id, now = str(asked["consent_id"]), german.clock.now()
        confirm = german.dangol.links.confirm(row_id, EMAIL, "gerda@example.com", now)
        assert confirm is not None
        client.post(confirm.removeprefix(URL), data={"confirm": "yes"})
        assert [self.status(german, topic) for topic in ("records", "evenings")] == ["granted", "granted"]

    def test_a_topic_under_a_confirmed_consent_counts_at_once(self, german: House, client: TestClient) -> None:
        for action in (ConsentAction.GRANTED, ConsentAction.CONFIRMED):
            now = german.clock.now()
            german.pipeline.record_consents(
                [ConsentChange("gerda", EMAIL, MARKETING, action, now, "tests", wording="W")]
            )
            german.clock.advance(timedelta(hours=1))
        Reader(client, path(german, "gerda")).saves(off="marketing:email:records")
        german.clock.advance(timedelta(hours=1))
        assert Reader(client, path(german, "gerda")).saves(on="marketing:email:records").headers["location"] == (
            "?done=saved&lang=en"
        )
        assert self.status(german, "records") == "granted"
        assert self.letters(german) == []

    def test_nobodys_mailbox_is_filled_in_a_day(self, german: House, client: TestClient) -> None:
        for _ in range(3):
            Reader(client, path(german, "gerda")).saves(on="marketing:email:")
            german.clock.advance(timedelta(minutes=5))
        assert len(self.letters(german)) == 1

    def test_what_is_unticked_ends_at_once(self, german: House, client: TestClient) -> None:
        now = german.clock.now()
        german.pipeline.record_consents(
            [ConsentChange("gerda", EMAIL, MARKETING, ConsentAction.GRANTED, now, "tests", wording="W")]
        )
        german.clock.advance(timedelta(hours=1))
        assert (
            Reader(client, path(german, "gerda"))
            .saves(off="marketing:email: marketing:email:records marketing:email:evenings")
            .status_code
            == 303
        )
        assert self.status(german) == "withdrawn"
        assert self.letters(german) == []

    def test_elsewhere_a_yes_counts_at_once(self, german: House, client: TestClient) -> None:
        german.knows("bora", country="KR", phone=None, device_token=None, agreeing_to=())
        reader = Reader(client, path(german, "bora"))
        assert "begins once you follow the link in a message" not in reader.page
        reader.saves(on="marketing:email:")
        assert holds(german, EMAIL, name="bora")


def test_no_heading_is_said_twice(house: House, client: TestClient) -> None:
    for language in ("ko", "en"):
        page = client.get(f"{path(house)}?lang={language}").text
        heads = re.findall(r"<(?:h3|legend)>([^<]+)<", page)
        assert len(heads) == len(set(heads))
