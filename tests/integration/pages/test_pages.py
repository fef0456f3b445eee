"""The pages: what is there is shown, what is not is said in words, and nothing that was written by others runs."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from dangol.errors import StoreUnavailable
from dangol.ledger.reader import Entry
from dangol.store.tables import log
from tests.integration.pipeline.house import House
from tests.outline import Outline
from tests.workspaces import campaign, note

NASTY = "<script>alert(1)</script>"


def entry_of(shop: House, decision: str, campaign: str) -> Entry:
    """Alice's."""
    return shop.log(decision, campaign_key=campaign, profile_id=shop.id_of("alice"))[0]


def words(response: Response) -> str:
    """The page's text as a reader sees it."""
    shown = re.sub(r"<head>.*?</head>|<[^>]*>", " ", response.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(shown))


EVERY_PAGE = [
    *("/", "/mailbox", "/mailbox/1", "/log", "/explain", "/explain?profile=alice", "/docs", "/nowhere"),
    *("/map", "/campaigns", "/campaigns/texts", "/campaigns/nope", "/calendar", "/calendar?month=2026-12"),
    *("/messages", "/messages/note", "/messages/note?sample=emoji&language=ko", "/messages/nope"),
]


@pytest.mark.parametrize("path", EVERY_PAGE)
class TestEveryPage:
    def test_has_landmarks_one_heading_and_labels(self, shop: House, client: TestClient, path: str) -> None:
        outline = Outline(client.get(path).text)
        assert [one["lang"] for one in outline.all("html")] == ["en"]
        titles = [title for title in outline.all("title") if "id" not in title]  # those with ids name pictures
        assert len(outline.all("h1")) == len(outline.all("main")) == len(titles) == 1
        labelled = {label["for"] for label in outline.all("label")}
        fields = outline.all("input") + outline.all("select")
        assert all(field["id"] in labelled for field in fields)
        ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert all(frame["title"] for frame in outline.all("iframe"))

    def test_lets_nothing_in_from_elsewhere(self, shop: House, client: TestClient, path: str) -> None:
        response = client.get(path)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "script" not in {tag for tag, _ in Outline(response.text).tags}
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-frame-options"] == "DENY"
        linked = Outline(response.text).all("link") + Outline(response.text).all("img")
        assert all((one.get("href") or one.get("src") or "").startswith("/static/") for one in linked)


def test_the_overview_counts_messages_by_state(shop: House, client: TestClient) -> None:
    assert "4 accepted" in words(client.get("/"))
    assert "2 suppressed" in words(client.get("/"))


def test_the_overview_of_an_empty_installation_says_what_to_do(client: TestClient) -> None:
    assert "dangol trigger" in words(client.get("/"))
    assert "dangol deploy" in words(client.get("/"))


class TestMailbox:
    def test_lists_the_newest_first_and_filters(self, shop: House, client: TestClient) -> None:
        assert "4 messages" in words(client.get("/mailbox"))
        assert "1 message" in words(client.get("/mailbox?channel=push"))
        found = words(client.get("/mailbox?search=alice%40"))
        assert "1 message" in found
        assert "Your order A-1" in found
        assert "Nothing here for this search" in words(client.get("/mailbox?search=%25"))

    def test_pages_by_fifty(self, house: House, client: TestClient) -> None:
        house.opens_with(campaign("shop", note("email"))).knows(*(f"c{number:02d}" for number in range(60)))
        house.orders(*(f"c{number:02d}" for number in range(60)))
        house.work()
        first = client.get("/mailbox")
        assert len(re.findall(r'href="/mailbox/\d+"', first.text)) == 50
        (older,) = re.findall(r'href="(\?[^"]*before=\d+)" rel="next"', first.text)
        second = client.get(f"/mailbox{older}")
        assert len(re.findall(r'href="/mailbox/\d+"', second.text)) == 10
        assert 'rel="next"' not in second.text

    def test_an_email_is_framed_and_locked_in(self, shop: House, client: TestClient) -> None:
        seq = next(mail.seq for mail in shop.dangol.mailbox.page() if mail.recipient == "alice@example.com")
        page = client.get(f"/mailbox/{seq}")
        (frame,) = Outline(page.text).all("iframe")
        assert frame["src"] == f"/mailbox/{seq}/html"
        assert frame["sandbox"] in ("", None)
        inside = client.get(str(frame["src"]))
        assert inside.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert inside.headers["x-frame-options"] == "SAMEORIGIN"
        assert "You paid 30" in inside.text
        assert "You paid 30" in words(client.get(f"/mailbox/{seq}?part=text"))

    def test_sms_and_push_are_shown_as_on_a_phone(self, shop: House, client: TestClient) -> None:
        pages = [client.get(f"/mailbox/{mail.seq}").text for mail in shop.dangol.mailbox.page(limit=10)]
        assert any('class="bubble"' in page and re.search(r"\d segments?, ", page) for page in pages)
        assert any('class="notice"' in page for page in pages)

    def test_what_a_customer_is_called_is_never_mark_up(self, shop: House, client: TestClient) -> None:
        shop.knows("eve", attributes={"name": NASTY})
        shop.orders("eve", order_id=NASTY, value=1)
        shop.work()
        for mail in shop.dangol.mailbox.page(limit=10):
            for part in ("html", "text", "headers"):
                assert NASTY not in client.get(f"/mailbox/{mail.seq}?part={part}").text
        assert NASTY not in client.get("/mailbox").text

    @pytest.mark.parametrize("seq", ["999", "0", "-1", "x", "9" * 30, "1%00", "²"])
    def test_an_unknown_number_is_a_friendly_404(self, shop: House, client: TestClient, seq: str) -> None:
        response = client.get(f"/mailbox/{seq}")
        assert response.status_code == 404
        assert "The mailbox has no message" in words(response)
        assert client.get(f"/mailbox/{seq}/html").status_code == 404


class TestLog:
    def test_filters_by_every_field(self, shop: House, client: TestClient) -> None:
        page = client.get("/log", params={"profile": "bob", "reason": "consent_missing", "channel": "sms"})
        rows = Outline(page.text).all("th")
        assert len([row for row in rows if row.get("scope") == "row"]) == 1
        assert "message suppressed" in words(page)
        assert "No entries match" in words(client.get("/log?from=2027-01-01"))
        assert "No entries match" not in words(client.get("/log?from=2026-03-02&to=2026-03-02"))
        assert "No entries match" in words(client.get("/log?to=2026-03-01"))

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("reason=cappd", "did you mean `capped`?"),
            ("channel=pigeon", "expected `email`, `push` or `sms`"),
            ("decision=x", "Decision: 'x' is not known"),
            ("from=yesterday", "expected a date such as 2026-03-02"),
            ("to=9999-12-31", "expected a date"),
            ("before=abc", "expected a whole number"),
            ("before=99999999999999999999", "expected a whole number"),
            ("campaign=" + "x" * 201, "at most 200 characters"),
            ("campaign=%00", "at most 200 characters"),
        ],
    )
    def test_a_bad_filter_is_a_400_in_words(self, shop: House, client: TestClient, query: str, told: str) -> None:
        response = client.get(f"/log?{query}")
        assert response.status_code == 400
        assert told in words(response)

    def test_an_unknown_person_is_a_404_in_words(self, shop: House, client: TestClient) -> None:
        for path in ("/log", "/explain"):
            response = client.get(path, params={"profile": "nobody"})
            assert response.status_code == 404
            assert "o profile has the id" in words(response)

    def test_filters_are_kept_while_paging(self, shop: House, client: TestClient) -> None:
        shop.orders(*["alice"] * 60, order_id="A-2", value=1)
        shop.work()
        page = client.get("/log?profile=alice&campaign=receipts")
        (older,) = re.findall(r'href="(\?[^"]*)" rel="next"', page.text)
        assert "profile=alice" in older
        assert "campaign=receipts" in older
        assert client.get("/log" + older.replace("&amp;", "&")).status_code == 200


class TestEntry:
    def test_shows_evidence_consent_text_and_proof(self, shop: House, client: TestClient) -> None:
        entry = entry_of(shop, "message_sending", "texts")
        page = client.get(f"/log/{entry.id}")
        told = words(page)
        assert "Handed over by SMS. Every rule allowed it." in told
        assert "granted for marketing by sms" in told
        assert "the same bytes" in told
        assert 'href="/explain?profile=alice&amp;campaign=texts"' in page.text

    def test_can_be_opened_by_its_number(self, shop: House, client: TestClient) -> None:
        entry = entry_of(shop, "message_sending", "texts")
        assert client.get(f"/log/{entry.seq}").text == client.get(f"/log/{entry.id}").text

    def test_the_entry_of_the_answer_shows_the_text_too(self, shop: House, client: TestClient) -> None:
        entry = entry_of(shop, "message_accepted", "receipts")
        assert "Your order A-1" in words(client.get(f"/log/{entry.id}"))
        framed = client.get(f"/log/{entry.id}/html")
        assert framed.headers["content-security-policy"].startswith("sandbox;")

    def test_an_alteration_is_shouted(self, shop: House, client: TestClient) -> None:
        entry = entry_of(shop, "message_sending", "receipts")
        with shop.database.write() as tx:
            tx.exec_driver_sql("DROP TRIGGER log_refuses_update")
            tx.execute(log.update().where(log.c.id == entry.id).values(content_hash="0" * 64))
        assert "not the same bytes" in words(client.get(f"/log/{entry.id}"))

    def test_an_erased_persons_text_is_gone_and_said_to_be(self, shop: House, client: TestClient) -> None:
        entry = entry_of(shop, "message_sending", "receipts")
        shop.erases("alice")
        page = client.get(f"/log/{entry.id}")
        assert page.status_code == 200
        assert "This person was erased" in words(page)
        assert "alice@example.com" not in page.text
        assert client.get(f"/log/{entry.id}/html").status_code == 404

    @pytest.mark.parametrize("wanted", ["x", "0", "9" * 25, "0" * 26, "A" * 300, "..%2Fetc"])
    def test_an_unknown_entry_is_a_friendly_404(self, shop: House, client: TestClient, wanted: str) -> None:
        response = client.get(f"/log/{wanted}")
        assert response.status_code == 404
        assert 'href="/log"' in response.text


class TestExplain:
    def test_says_why_and_why_not_in_english(self, shop: House, client: TestClient) -> None:
        assert "No consent is on record for SMS and this purpose." in words(client.get("/explain?profile=bob"))
        assert "Sent by email." in words(client.get("/explain?profile=alice"))

    def test_says_it_in_korean_and_marks_it_as_korean(self, shop: House, client: TestClient) -> None:
        page = client.get("/explain?profile=bob&language=ko&campaign=texts")
        assert "이 목적의 문자 수신 동의 기록이 없습니다." in words(page)
        assert '<div lang="ko">' in page.text
        assert client.get("/explain?profile=bob&language=xx").status_code == 400

    def test_times_are_the_persons_own(self, shop: House, client: TestClient) -> None:
        assert "2 Mar 2026, 10:00" in words(client.get("/explain?profile=alice"))


def test_a_database_that_is_away_is_a_503_without_a_traceback(
    shop: House, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("database shop: the disk is full; free some space")

    monkeypatch.setattr(shop.dangol.database, "read", away)
    page = client.get("/log")
    assert page.status_code == 503
    assert "Database shop: the disk is full; free some space." in words(page)
    assert "Traceback" not in page.text
    health = client.get("/healthz")
    assert (health.status_code, health.json()["database"]["ok"]) == (503, False)


def test_what_is_no_page_is_a_404_as_a_page_or_as_json(client: TestClient) -> None:
    assert "There is no such page." in words(client.get("/nowhere"))
    assert client.get("/v1/nowhere").json() == {"detail": "Not Found"}
    assert client.get("/static/..%2Frender.py").status_code == 404


def test_the_api_is_described_for_people_and_machines(client: TestClient) -> None:
    assert "/v1/track" in client.get("/openapi.json").json()["paths"]
    assert "/v1/track" in words(client.get("/docs"))
