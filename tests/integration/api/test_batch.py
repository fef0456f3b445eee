"""``/v1/batch``: what is right is committed, what is wrong is named, and nothing is lost in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.store.tables import events, profiles
from tests.integration.api.conftest import Post, rows


def track(message_id: str, **changed: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "c-1", "event": "Order Completed", "messageId": message_id, **changed}


def test_a_batch_is_committed_and_answered_with_200(post: Post, dangol: Dangol) -> None:
    batch = [{"type": "identify", "userId": "c-1", "traits": {"vip": True}}, track("m-1"), track("m-2", userId="c-2")]
    answer = post("/v1/batch", {"batch": batch})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert sorted(event.message_id for event in rows(dangol, events)) == ["m-1", "m-2"]
    assert {row.external_id: row.attributes for row in rows(dangol, profiles)} == {"c-1": {"vip": True}, "c-2": {}}


def test_an_empty_batch_is_fine(post: Post) -> None:
    assert post("/v1/batch", {"batch": []}).json() == {"success": True}


def test_sent_twice_it_counts_once(post: Post, dangol: Dangol) -> None:
    for _ in range(2):
        assert post("/v1/batch", {"batch": [track("m-1"), track("m-2"), track("m-1")]}).status_code == 200
    assert len(rows(dangol, events)) == 2


def test_bad_calls_are_named_one_by_one_and_the_good_ones_are_committed(post: Post, dangol: Dangol) -> None:
    batch = [
        track("m-0"),
        track("m-1", event=None),
        "a text",
        track("m-3", properties={"text": "x" * 33_000}),
        {"type": "identify", "userId": "c-1", "traits": {"email": "nobody"}},
        {"type": ["track"]},
        {"userId": "c-1"},
        track("m-7"),
    ]
    answer = post("/v1/batch", {"batch": batch})
    assert answer.status_code == 400
    told = answer.json()
    assert (told["success"], told["code"]) == (False, "invalid_calls")
    assert told["message"] == "6 of 8 calls were refused; the others are committed"
    assert [(error["index"], error["code"]) for error in told["errors"]] == [
        (1, "invalid_event"),
        (2, "not_an_object"),
        (3, "too_large"),
        (4, "invalid_email"),
        (5, "invalid_type"),
        (6, "invalid_type"),
    ]
    assert all(error["message"] for error in told["errors"])
    assert sorted(event.message_id for event in rows(dangol, events)) == ["m-0", "m-7"]


def test_calls_that_dangol_has_no_use_for_are_accepted_and_noted(post: Post, dangol: Dangol) -> None:
    batch = [{"type": type_, "userId": "c-1"} for type_ in ("page", "screen", "group", "alias")]
    answer = post("/v1/batch", {"batch": [*batch, track("m-1")]})
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert [(note["index"], note["type"]) for note in answer.json()["ignored"]] == [
        (0, "page"),
        (1, "screen"),
        (2, "group"),
        (3, "alias"),
    ]
    assert len(rows(dangol, events)) == 1


def test_what_the_batch_says_holds_for_every_call_unless_the_call_says_otherwise(
    post: Post, dangol: Dangol, clock: VirtualClock
) -> None:
    skewed = clock.now() - timedelta(hours=3)
    body = {
        "sentAt": skewed.isoformat(),
        "context": {"locale": "ko-KR", "timezone": "Asia/Seoul"},
        "batch": [
            {"type": "identify", "userId": "c-1"},
            {"type": "identify", "userId": "c-2", "context": {"locale": "en-GB"}},
            track("m-1", timestamp=(skewed - timedelta(minutes=1)).isoformat()),
        ],
    }
    assert post("/v1/batch", body).status_code == 200
    told = {row.external_id: (row.locale, row.timezone) for row in rows(dangol, profiles)}
    assert told == {"c-1": ("ko-KR", "Asia/Seoul"), "c-2": ("en-GB", "Asia/Seoul")}
    assert rows(dangol, events)[0].occurred_at == clock.now() - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_batch"),
        ({"batch": {}}, 400, "invalid_batch"),
        ({"batch": [], "context": "web"}, 400, "invalid_context"),
        ({"batch": [], "context": {"page": "x" * 33_000}}, 413, "too_large"),
        ({"batch": [], "sentAt": "now"}, 400, "invalid_timestamp"),
        ({"batch": [{}] * 2_501}, 413, "too_large"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_batch_that_makes_no_sense_is_refused_as_a_whole(
    body: dict[str, Any], status: int, code: str, post: Post
) -> None:
    answer = post("/v1/batch", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_largest_batch_is_taken(post: Post, dangol: Dangol) -> None:
    batch = [track(f"m-{number}", userId=f"c-{number % 700}") for number in range(2_500)]
    assert post("/v1/batch", {"batch": batch}).status_code == 200
    with dangol.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(events)).scalar_one() == 2_500


def test_the_order_of_one_persons_calls_is_kept(post: Post, dangol: Dangol) -> None:
    batch = [
        {"type": "identify", "userId": "c-1", "traits": {"tier": "silver"}},
        track("m-1"),
        {"type": "identify", "userId": "c-1", "traits": {"tier": "gold"}},
        track("m-2"),
    ]
    assert post("/v1/batch", {"batch": batch}).status_code == 200
    assert rows(dangol, profiles)[0].attributes == {"tier": "gold"}
    assert len(rows(dangol, events)) == 2
