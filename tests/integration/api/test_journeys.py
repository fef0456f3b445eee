"""``POST /v1/journeys``: a back end starts a journey, once however often it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dangol.bootstrap import Dangol
from dangol.store.tables import journeys
from tests.integration.api.conftest import Post, rows
from tests.workspaces import campaign, note, write_workspace

GIFT = {"campaign": "gift", "userId": "c-1", "properties": {"gift": "record"}, "messageId": "r-1"}


@pytest.fixture(autouse=True)
def gift(dangol: Dangol, tmp_path: Path) -> None:
    entry = {"api": "Gift Requested", "where": 'event.gift != "coal"', "again": "never"}
    workspace = write_workspace(
        tmp_path / "shop", campaign("gift", {"wait": "1 day"}, note(), entry=entry), campaign("orders")
    )
    dangol.deploy(by="tests", root=workspace)


def test_a_journey_begins_and_the_answer_names_it(post: Post, dangol: Dangol) -> None:
    answer = post("/v1/journeys", GIFT)
    [journey] = rows(dangol, journeys)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "journey": journey.id})


def test_the_same_request_again_gets_the_same_answer(post: Post, dangol: Dangol) -> None:
    assert post("/v1/journeys", GIFT).json() == post("/v1/journeys", GIFT).json()
    assert len(rows(dangol, journeys)) == 1


def test_a_refusal_says_why(post: Post) -> None:
    post("/v1/journeys", GIFT)
    answer = post("/v1/journeys", {**GIFT, "messageId": "r-2"})
    assert answer.status_code == 200
    assert (answer.json()["journey"], answer.json()["refused"]) == (None, "already_in_journey")


def test_a_request_that_does_not_meet_where_starts_nothing(post: Post, dangol: Dangol) -> None:
    answer = post("/v1/journeys", {**GIFT, "properties": {"gift": "coal"}})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "journey": None})
    assert rows(dangol, journeys) == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"campaign": "gone"}, 404, "unknown_campaign"),
        ({"campaign": "orders"}, 404, "unknown_campaign"),
        ({"campaign": ""}, 400, "invalid_campaign"),
        ({"campaign": 7}, 400, "invalid_campaign"),
        ({"messageId": None}, 400, "missing_message_id"),
        ({"userId": None}, 400, "missing_user"),
    ],
)
def test_what_is_wrong_is_told(post: Post, dangol: Dangol, change: dict[str, Any], status: int, code: str) -> None:
    answer = post("/v1/journeys", {**GIFT, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert rows(dangol, journeys) == []


def test_without_the_write_key_nothing_starts(client: Any, dangol: Dangol) -> None:
    assert client.post("/v1/journeys", json=GIFT).status_code == 401
    assert rows(dangol, journeys) == []
