"""Forms that anybody can fill in: what they ask for, and that it counts only once it is confirmed."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from dangol.bootstrap import Dangol
from dangol.consent import forms, ledger
from dangol.definitions.workspace import read_workspace
from dangol.model.vocabulary import NIGHT, Channel, Purpose
from dangol.profiles import people
from dangol.store.tables import consent_forms, consents, events, profiles
from dangol.surfaces.web import create_app
from tests.integration.pipeline.house import House
from tests.integration.recipients.conftest import TOPICS, URL
from tests.integration.recipients.usable import mistakes
from tests.workspaces import campaign, note, write_workspace

WORDING = {
    "ko": {
        "title": "소식 받기",
        "text": "단골레코드가 광고성 소식을 보내는 데 동의합니다.",
        "night": "밤에도 받겠습니다.",
    },
    "en": {"title": "Hear from us", "text": "Dangol Records may send me advertising.", "night": "At night too."},
}
NEWS = {"channels": ["email"], "jurisdiction": "KR", "wording": WORDING, "frames": ["https://shop.example"]}
BOTH = {"channels": ["email", "sms"], "jurisdiction": "KR", "topics": ["records", "evenings"], "wording": WORDING}
EMAIL, MARKETING = Channel.EMAIL, Purpose.MARKETING
CAROL = "carol@example.com"


def deploy(house: House, **of: Any) -> None:
    root = write_workspace(house._folder / "workspace", campaign("letters", note("email")), policies={"topics": TOPICS})
    (root / "campaigns/consent-forms.yaml").write_text(json.dumps({"forms": of}), encoding="utf-8")
    house.dangol.deploy(by="tests", root=root)


@pytest.fixture(autouse=True)
def _deployed(house: House) -> None:
    deploy(house, news=NEWS, both=BOTH)


def send(client: TestClient, key: str = "news", version: int = 1, **fields: Any) -> Response:
    told = {"email": "carol@example.com", "agree": "yes", "version": str(version)} | fields
    return client.post(f"/forms/{key}?lang=en", data=told)


def reported(house: House) -> list[dict[str, Any]]:
    return [row.properties for row in house.rows(events, name="Consent Requested")]


def test_a_form_shows_what_people_agree_to_and_ticks_nothing_for_them(client: TestClient) -> None:
    for language in ("ko", "en"):
        for path in ("/forms/news", "/forms/news/embed", "/forms/both"):
            answer = client.get(f"{path}?lang={language}")
            assert answer.status_code == 200
            assert WORDING[language]["text"] in answer.text
            assert " checked" not in answer.text
            assert mistakes(answer.text, language) == []


def test_who_fills_it_in_asked_for_it_and_did_not_agree_yet(house: House, client: TestClient) -> None:
    answer = send(client)
    assert (answer.status_code, "Follow it to confirm" in answer.text) == (200, True)
    (row,) = house.rows(consents, source="form:news")
    assert (row.action, row.channel, row.topic, row.wording) == (
        "requested",
        "email",
        "",
        "Dangol Records may send me advertising.",
    )
    assert (row.wording_version, row.jurisdiction, row.locale) == ("news/1", "KR", "en")
    assert reported(house) == [{"channel": "email", "purpose": "marketing", "topic": "", "consent_id": row.id}]
    person = next(one for one in house.rows(profiles) if one.email == "carol@example.com")
    assert re.fullmatch(r"form:[0-9a-f]{32}", person.external_id)
    with house.database.read() as tx:
        (held,) = ledger.history(tx, person.id)
        assert (held.ip, held.user_agent) == ("testclient", "testclient")


def test_topics_and_the_night_are_confirmed_with_one_link(house: House, client: TestClient) -> None:
    send(client, "both", topic=["records", "evenings"], night="yes")
    (asked,) = reported(house)
    link = house.dangol.links.confirm(asked["consent_id"], EMAIL, CAROL, house.clock.now())
    assert link is not None
    page = client.get(link.removeprefix(URL)).text
    assert all(name in page for name in ("New records · Email", "Listening evenings · Email", "at night too · Email"))
    house.clock.advance(timedelta(minutes=5))
    client.post(link.removeprefix(URL), data={"confirm": "yes"})
    person = next(one for one in house.rows(profiles) if one.email == "carol@example.com")
    with house.database.read() as tx:
        held = ledger.topic_states(tx, [person.id])[person.id]
    assert {topic for (_, _, topic), state in held.items() if state.granted} == {"records", "evenings", NIGHT}


def test_every_address_is_a_person_of_its_own_until_the_back_end_says_otherwise(
    house: House, client: TestClient
) -> None:
    send(client, "both", topic="records", phone="010-1234-5678")
    found = [row for row in house.rows(profiles) if row.external_id.startswith("form:")]
    assert sorted((row.email or "", row.phone or "") for row in found) == [
        ("", "+821012345678"),
        ("carol@example.com", ""),
    ]
    assert sorted(one["channel"] for one in reported(house)) == ["email", "sms"]


def test_everybody_who_is_named_is_locked_at_once_so_that_two_forms_never_wait_for_one_another(
    house: House, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[list[str]] = []
    lock = people.lock
    monkeypatch.setattr(people, "lock", lambda tx, ids: (held.append(sorted(set(ids))), lock(tx, ids)))
    send(client, "both", phone="+821012345678", topic="records")
    everybody = sorted({row.profile_id for row in house.rows(consents, source="form:both")})
    assert len(everybody) == 2
    assert held[0] == everybody


def test_nobodys_mailbox_can_be_filled_through_a_form(house: House, client: TestClient) -> None:
    answers = []
    for minute in range(3):
        answers += [send(client).status_code for _ in range(2 + minute)]
        house.clock.advance(timedelta(minutes=1))
    assert set(answers) == {200}
    assert len(reported(house)) == 1
    assert [send(client).status_code for _ in range(7)] == [200] * 5 + [429] * 2


def test_who_asks_for_other_topics_on_the_same_day_is_sent_a_link_for_those(house: House, client: TestClient) -> None:
    for topic in ("records", "records", "evenings"):
        send(client, "both", topic=topic)
        house.clock.advance(timedelta(minutes=1))
    asked = reported(house)
    assert sorted(one["topic"] for one in asked) == ["evenings", "records"]
    (evenings,) = (one["consent_id"] for one in asked if one["topic"] == "evenings")
    link = house.dangol.links.confirm(evenings, EMAIL, CAROL, house.clock.now()) or ""
    client.post(link.removeprefix(URL), data={"confirm": "yes"})
    person = next(one for one in house.rows(profiles) if one.email == "carol@example.com")
    with house.database.read() as tx:
        held = ledger.topic_states(tx, [person.id])[person.id]
    assert {topic for (_, _, topic), state in held.items() if state.granted} == {"evenings"}


def test_who_agreed_already_is_told_the_same_and_asked_nothing(house: House, client: TestClient) -> None:
    told = send(client).text
    (asked,) = reported(house)
    link = house.dangol.links.confirm(asked["consent_id"], EMAIL, CAROL, house.clock.now()) or ""
    client.post(link.removeprefix(URL), data={"confirm": "yes"})
    number = len(house.rows(consents))
    house.clock.advance(timedelta(days=2))
    assert send(client).text == told
    assert (len(house.rows(consents)), len(reported(house))) == (number, 1)


@pytest.mark.parametrize(
    ("key", "fields", "wrong"),
    [
        ("news", {"email": "carol"}, "email"),
        ("news", {"email": ""}, "address"),
        ("news", {"email": "c" * 9_000}, "email"),
        ("news", {"agree": ""}, "agree"),
        ("news", {"version": "2"}, "changed"),
        ("news", {"version": ""}, "incomplete"),
        ("both", {"topic": "records", "phone": "12"}, "phone"),
        ("both", {}, "topics"),
        ("both", {"topic": "x"}, "topics"),
    ],
)
def test_what_cannot_be_taken_is_told_beside_what_was_typed(
    house: House, client: TestClient, key: str, fields: dict[str, str], wrong: str
) -> None:
    answer = send(client, key, **fields)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert f'id="wrong-{wrong}"' in answer.text
    assert mistakes(answer.text, "en") == []
    assert house.rows(consents, source=f"form:{key}") == []


def test_what_is_typed_is_never_taken_for_html(client: TestClient) -> None:
    answer = send(client, email='"><script>x</script>')
    assert answer.status_code == 400
    assert "<script" not in answer.text


def test_only_the_sites_that_are_named_may_show_it_in_a_frame(client: TestClient) -> None:
    def framed(path: str) -> str:
        return client.get(path).headers["Content-Security-Policy"].rpartition("frame-ancestors ")[2]

    assert framed("/forms/news/embed") == "https://shop.example"
    assert framed("/forms/news") == framed("/forms/both/embed") == "'none'"


def test_a_form_of_another_site_or_too_long_is_refused(house: House, client: TestClient) -> None:
    told = {"email": "carol@example.com", "agree": "yes", "version": "1"}
    assert client.post("/forms/news", data=told, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/forms/news", data=told | {"x": "y" * 20_000}).status_code == 413
    assert client.post("/forms/other", data=told).status_code == 404
    assert client.get("/forms/other").status_code == 404
    assert house.rows(consents, source="form:news") == []


def test_versions_count_up_when_a_form_changes_and_one_that_left_cannot_be_filled_in(
    house: House, client: TestClient
) -> None:
    deploy(house, news=NEWS, both=BOTH)
    assert len(house.rows(consent_forms)) == 2
    changed = {**WORDING, "en": {**WORDING["en"], "text": "Otherwise."}}
    deploy(house, news={**NEWS, "wording": changed})
    with house.database.read() as tx:
        now = forms.current(tx, "news")
        assert now is not None
        assert (now.name, now.form.wording["en"].text) == ("news/2", "Otherwise.")
        assert forms.current(tx, "both") is None
    assert send(client, "news", version=1).status_code == 400
    assert send(client, "both", topic="records").status_code == 404
    deploy(house, news={**NEWS, "wording": changed}, both=BOTH)
    with house.database.read() as tx:
        again = forms.current(tx, "both")
    assert again is not None
    assert again.version == 3


def test_a_new_wording_is_no_new_version_of_any_campaign(house: House) -> None:
    before = house.dangol.plan(house.dangol.checked(house._folder / "workspace"))
    deploy(house, news={**NEWS, "frames": []})
    after = house.dangol.plan(house.dangol.checked(house._folder / "workspace"))
    assert [one.version_id for one in before.campaigns] == [one.version_id for one in after.campaigns]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({**NEWS, "topics": ["record"]}, "unknown-topic"),
        ({**NEWS, "purpose": "transactional"}, "bad-value"),
        ({**NEWS, "channels": ["push"]}, ""),
        ({**NEWS, "frames": ["http://shop.example"]}, ""),
        ({**NEWS, "wording": {}}, ""),
        ({**NEWS, "wording": {**WORDING, "en": {"title": "T", "text": "X"}}}, "bad-value"),
        ({**NEWS, "worded": {}}, "unknown-key"),
    ],
)
def test_mistakes_in_the_file_are_told_with_their_place(tmp_path: Path, form: dict[str, Any], code: str) -> None:
    root = write_workspace(tmp_path / "w", campaign("letters", note("email")), policies={"topics": TOPICS})
    (root / "campaigns/consent-forms.yaml").write_text(json.dumps({"forms": {"news": form}}), encoding="utf-8")
    workspace, problems = read_workspace(root)
    assert workspace is None
    assert {problem.path for problem in problems} == {"campaigns/consent-forms.yaml"}
    assert code in ("", problems[0].code)


def test_a_back_end_can_read_the_words_for_a_form_of_its_own(dangol: Dangol) -> None:
    with TestClient(create_app(dangol), base_url="http://127.0.0.1:8000") as api:
        told = api.get("/v1/forms/news?locale=en-GB", auth=("k", "")).json()
        assert (told["wordingVersion"], told["locale"]) == ("news/1", "en")
        assert told["wording"] == "Dangol Records may send me advertising."
        assert told["nightWording"] == "Dangol Records may send me advertising.\n\nAt night too."
        assert told["wordingHash"] == hashlib.sha256(told["wording"].encode()).hexdigest()
        assert api.get("/v1/forms/other", auth=("k", "")).status_code == 404
        assert api.get("/v1/forms/news").status_code == 401
        assert api.get("/v1/forms/news", auth=("x", "")).status_code == 401
