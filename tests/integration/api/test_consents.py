"""Back ends tell what customers agree to, and ask; told twice is told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent.suppressions import NewSuppression, active
from dangol.model.people import ProfileChange
from dangol.model.vocabulary import Channel
from dangol.store.tables import consents, events
from tests.integration.api.conftest import WRITE_KEY, Post, basic, rows

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
GRANT = {
    "userId": "c-1",
    "channel": "email",
    "purpose": "marketing",
    "action": "granted",
    "occurredAt": "2026-03-02T09:30:00+09:00",
    "wording": "News by email?",
    "source": "form:checkout",
}


def ask(client: TestClient, user_id: str, **headers: str) -> Any:
    return client.get("/v1/consents", params={"userId": user_id}, headers=headers or basic(WRITE_KEY))


def test_a_consent_is_recorded_once_and_can_be_asked_for(dangol: Dangol, client: TestClient, post: Post) -> None:
    first, second = (post("/v1/consents", GRANT | {"ip": "203.0.113.7", "userAgent": "Firefox"}) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() == {"success": True, "consent": first.json()["consent"], "status": "granted"}
    (row,) = rows(dangol, consents)
    assert (row.id, row.source, row.utc_offset) == (first.json()["consent"], "api:form:checkout", 540)
    (state,) = ask(client, "c-1").json()["consents"]
    assert (state["status"], state["proven"], state["consent"]) == ("granted", True, row.id)
    assert state["since"] == "2026-03-02T00:30:00+00:00"


@SQLITE
def test_a_withdrawal_without_a_time_counts_from_now(client: TestClient, post: Post) -> None:
    post("/v1/consents", GRANT)
    told = {"userId": "c-1", "channel": "email", "purpose": "marketing", "action": "withdrawn"}
    assert post("/v1/consents", told).json()["status"] == "withdrawn"
    (state,) = ask(client, "c-1").json()["consents"]
    assert (state["status"], state["since"], state["topic"]) == ("withdrawn", None, None)


@SQLITE
def test_a_late_withdrawal_is_answered_with_what_holds(post: Post) -> None:
    late = GRANT | {"action": "withdrawn", "occurredAt": "2026-03-01T00:00:00Z"}
    assert [post("/v1/consents", told).json()["status"] for told in (GRANT, late)] == ["granted", "granted"]


def test_of_a_batch_the_good_are_committed_and_the_bad_are_named(dangol: Dangol, post: Post) -> None:
    bad = [
        GRANT | {"channel": "fax"},
        GRANT | {"occurredAt": "2026-03-02T01:00:01Z"},
        GRANT | {"topic": "Sale News"},
        GRANT | {"wordingVersion": 3},
        GRANT | {"colour": "red"},
        "granted",
    ]
    answer = post("/v1/consents", {"batch": [GRANT, *bad, GRANT | {"userId": "c-2", "topic": "night"}]})
    assert answer.status_code == 400
    told = answer.json()
    assert [(error["index"], error["code"]) for error in told["errors"]] == [
        (1, "invalid_channel"),
        (2, "consent_in_future"),
        (3, "invalid_topic"),
        (4, "invalid_wording_version"),
        (5, "unknown_field"),
        (6, "not_an_object"),
    ]
    assert told["errors"][1]["message"].startswith("occurredAt: ")
    assert told["errors"][3]["message"].startswith("wordingVersion: ")
    assert {row.topic for row in rows(dangol, consents)} == {"", "night"}


@SQLITE
def test_a_batch_is_answered_in_its_order(post: Post) -> None:
    told = [GRANT, GRANT | {"action": "withdrawn", "channel": "sms"}, GRANT | {"action": "requested", "topic": "tea"}]
    answer = post("/v1/consents", {"batch": told}).json()
    assert [one["status"] for one in answer["consents"]] == ["granted", "withdrawn", "pending"]


@SQLITE
def test_what_makes_no_sense_is_refused(post: Post) -> None:
    no_user = {name: value for name, value in GRANT.items() if name != "userId"}
    bodies: list[dict[str, Any]] = [{"batch": {}}, {"batch": [{}] * 2501}, no_user, {}]
    answers = [post("/v1/consents", body) for body in bodies]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (400, "invalid_batch"),
        (413, "too_large"),
        (400, "missing_user"),
        (400, "invalid_action"),
    ]


@SQLITE
@pytest.mark.parametrize(
    ("said", "code", "near"),
    [
        ({"basis": "writen_consent"}, "invalid_basis", "'written_consent'"),
        ({"jurisdiction": "US_CA"}, "invalid_jurisdiction", "'US-CA'"),
    ],
)
def test_what_a_consent_rests_on_and_whose_law_it_is_are_words_of_ours(
    dangol: Dangol, post: Post, said: dict[str, str], code: str, near: str
) -> None:
    answer = post("/v1/consents", GRANT | said)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert f"did you mean {near}" in answer.json()["message"]
    assert rows(dangol, consents) == []


@SQLITE
def test_what_is_asked_for_is_reported_once_so_that_a_link_can_be_sent(dangol: Dangol, post: Post) -> None:
    asked = GRANT | {"action": "requested"}
    first, _ = post("/v1/consents", asked), post("/v1/consents", asked)
    (event,) = rows(dangol, events)
    assert (event.name, event.properties) == (
        "Consent Requested",
        {"channel": "email", "purpose": "marketing", "topic": "", "consent_id": first.json()["consent"]},
    )
    post("/v1/consents", GRANT | {"channel": "sms"})
    assert post("/v1/consents", asked | {"channel": "sms"}).json()["status"] == "granted"
    assert len(rows(dangol, events)) == 1


@SQLITE
@pytest.mark.parametrize("weak", [{"basis": "implied_purchase"}, {"wording": ""}])
def test_who_holds_a_weaker_consent_is_asked_and_keeps_it_meanwhile(
    dangol: Dangol, client: TestClient, post: Post, weak: dict[str, str]
) -> None:
    held = post("/v1/consents", GRANT | weak).json()["consent"]
    asked = post("/v1/consents", GRANT | {"action": "requested", "occurredAt": "2026-03-02T09:40:00+09:00"}).json()
    assert [event.properties["consent_id"] for event in rows(dangol, events)] == [asked["consent"]]
    (state,) = ask(client, "c-1").json()["consents"]
    assert (state["status"], state["consent"], state["asked"]) == ("granted", held, asked["consent"])


@SQLITE
def test_nothing_is_stored_about_the_erased_and_a_withdrawal_of_theirs_is_fine(
    dangol: Dangol, client: TestClient, post: Post
) -> None:
    post("/v1/consents", GRANT)
    dangol.pipeline.erase("c-1", by="lee")
    before = rows(dangol, consents)
    answer = post("/v1/consents", GRANT | {"action": "withdrawn", "occurredAt": "2026-03-02T00:40:00Z"})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "consent": None, "ignored": "erased"})
    assert rows(dangol, consents) == before
    assert (ask(client, "c-1").status_code, ask(client, "c-1").json()["code"]) == (410, "erased")


@SQLITE
def test_a_new_express_consent_lifts_a_complaint(dangol: Dangol, clock: VirtualClock, post: Post) -> None:
    dangol.pipeline.identify([ProfileChange("c-1", email="kim@example.com")])
    hashed = dangol.pipeline.hasher.hash(Channel.EMAIL, "kim@example.com")
    since = clock.now() - timedelta(hours=1)
    dangol.pipeline.suppress([NewSuppression(Channel.EMAIL, hashed, "complaint", "tests", since)])
    post("/v1/consents", GRANT)
    with dangol.database.read() as tx:
        assert active(tx, [hashed]) == []


@SQLITE
def test_only_who_has_the_write_key_may_tell_or_ask(client: TestClient, post: Post) -> None:
    assert client.post("/v1/consents", json=GRANT).status_code == 401
    assert client.post("/v1/consents", json=GRANT | {"writeKey": WRITE_KEY}).status_code == 200
    assert ask(client, "c-1", **basic("guess")).status_code == 401
    assert client.get("/v1/consents", params={"userId": "c-1", "writeKey": WRITE_KEY}).status_code == 401
    assert (ask(client, "c-9").status_code, ask(client, "").status_code) == (404, 400)
