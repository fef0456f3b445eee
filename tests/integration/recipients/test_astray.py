"""Whoever takes a wrong turn among the pages for recipients meets a page for recipients, in their own language."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from dangol.consent.links import Leave
from dangol.model.vocabulary import Channel, Purpose
from tests.integration.pipeline.house import House
from tests.integration.recipients.conftest import URL
from tests.integration.recipients.usable import mistakes

KOREAN, ENGLISH = "찾으시는 화면이 없습니다", "There is no such page"


def links(house: House, name: str) -> dict[str, str]:
    """The paths of this person's links, by kind."""
    id_, now, made = house.id_of(name), house.clock.now(), house.dangol.links
    found = {
        "p": made.preferences(id_, now),
        "k": made.keep(id_, now),
        "u": made.leave(Leave(id_, Channel.EMAIL, Purpose.MARKETING, "01M", "ko-KR"), now),
    }
    return {kind: (url or "").removeprefix(URL) for kind, url in found.items()}


@pytest.fixture
def paths(house: House) -> dict[str, str]:
    house.knows("bora", locale="ko-KR")
    return links(house, "bora")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_can_only_be_sent_is_no_page_and_leads_back(
    house: House, client: TestClient, paths: dict[str, str], method: str
) -> None:
    answer = client.request(method, f"{paths['p']}/data", headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"].startswith("text/html")
    if method == "GET":
        assert KOREAN in answer.text
        assert mistakes(answer.text, "ko") == []
        assert f"../{paths['p'].removeprefix('/p/')}" in answer.text


@pytest.mark.parametrize(("kind", "method"), [("p", "PUT"), ("k", "DELETE"), ("u", "PATCH")])
def test_another_way_of_asking_is_told_in_the_holders_language(
    client: TestClient, paths: dict[str, str], kind: str, method: str
) -> None:
    answer = client.request(method, paths[kind], headers={"Accept-Language": "en"})
    assert (answer.status_code, KOREAN in answer.text) == (405, True)


@pytest.mark.parametrize("path", ["/u/", "/p/x/y/z", "/c/", "/k/", "/forms/", "/p/guess/data"])
def test_a_path_that_is_no_page_is_told_in_the_browsers_language(client: TestClient, path: str) -> None:
    for language, words in (("ko", KOREAN), ("en", ENGLISH)):
        answer = client.get(path, headers={"Accept-Language": language})
        assert answer.status_code in (404, 405)
        assert words in answer.text
        assert mistakes(answer.text, language) == []
        assert "no-store" in answer.headers["cache-control"]


def test_the_page_to_leave_by_speaks_the_holders_language(client: TestClient, paths: dict[str, str]) -> None:
    headers = {"Accept-Language": "en"}
    assert "수신거부" in client.get(paths["u"], headers=headers).text
    assert "처리하지 못했습니다" in client.post(paths["u"], headers=headers).text
    assert "수신거부가 처리되었습니다" in client.post(paths["u"], data={"leave": "yes"}, headers=headers).text
    assert "You have unsubscribed" in client.post(f"{paths['u']}?lang=en", data={"leave": "yes"}).text
