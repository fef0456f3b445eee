"""The pages of messages: what is in service, or the files as they are now, followed as they are saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.surfaces.web import create_app
from tests.integration.pages.test_pages import words
from tests.integration.pipeline.house import House
from tests.outline import Outline
from tests.workspaces import campaign, note

RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}
SMS = "templates/note/sms.en.txt.j2"


@pytest.fixture
def hub(house: House) -> House:
    house.opens_with(
        campaign("notes", note("email", "sms", "push"), name="안부"),
        campaign("again", note("email")),
        campaign("receipts", RECEIPT, purpose="transactional"),
    )
    return house


@pytest.fixture
def root(hub: House, tmp_path: Path) -> Path:
    """The files that are in service, to be changed."""
    return Path(shutil.copytree(tmp_path / "workspace", tmp_path / "files"))


@pytest.fixture
def live(dangol: Dangol, root: Path) -> Iterator[TestClient]:
    with TestClient(create_app(dangol, workspace=root), raise_server_exceptions=False) as opened:
        yield opened


class TestInService:
    def test_the_list_has_every_message_with_who_sends_it(self, hub: House, client: TestClient) -> None:
        page = client.get("/messages")
        assert "2 messages" in words(page)
        assert "again , 안부" in words(page)
        assert 'href="/messages/note"' in page.text
        assert "letter" not in page.text

    def test_a_message_stands_in_every_channel(self, hub: House, client: TestClient) -> None:
        page = client.get("/messages/note?campaign=notes")
        outline = Outline(page.text)
        assert len(outline.all("iframe")) == 4
        assert "Dangol Records: Hello Alex. How are you?" in words(page)
        assert [one["id"] for one in outline.all("h2")] == ["email", "sms", "push"]
        assert "Said to somebody who does not exist." in words(page)

    def test_choices_are_kept_from_link_to_link(self, hub: House, client: TestClient) -> None:
        page = client.get("/messages/note?campaign=notes&sample=long&language=ko")
        links = [one["href"] for one in Outline(page.text).all("a")]
        assert "/messages/note?language=ko&sample=emoji&campaign=notes" in links
        assert "/messages/note?language=ko&sample=long" in links
        assert "/messages/note?sample=long&campaign=notes" in links
        assert "/messages?language=ko" in links
        assert [one.get("aria-current") for one in Outline(page.text).all("a")].count("page") == 3

    def test_korean_words_are_marked_as_korean(self, hub: House, client: TestClient) -> None:
        page = client.get("/messages?language=ko")
        assert "보내는 캠페인" in words(page)
        assert {"class": "showing", "lang": "ko"} in Outline(page.text).all("div")

    def test_the_campaigns_page_leads_here(self, hub: House, client: TestClient) -> None:
        assert 'href="/messages/note?of=service&amp;campaign=notes"' in client.get("/campaigns/notes").text
        assert client.get("/messages/note?of=service&campaign=notes").status_code == 200

    @pytest.mark.parametrize(
        ("path", "status", "said"),
        [
            ("/messages/noet", 404, "There is no message 'noet'; did you mean `note`?"),
            ("/messages/note?campaign=nots", 404, "did you mean `notes`?"),
            ("/messages/note?sample=shrt", 400, "did you mean `short`?"),
            ("/messages/note?of=files", 400, "Of: expected service"),
            ("/messages?language=fr", 400, "expected en or ko"),
            ("/messages/-/state", 404, "follow no files"),
        ],
    )
    def test_what_is_not_there_is_said(self, hub: House, client: TestClient, path: str, status: int, said: str) -> None:
        response = client.get(path)
        assert response.status_code == status
        if path != "/messages/-/state":
            assert said in words(response)

    def test_nothing_is_said_of_an_empty_installation(self, client: TestClient) -> None:
        assert "There are no messages yet." in words(client.get("/messages"))

    def test_no_script_runs_and_nothing_is_loaded(self, hub: House, client: TestClient) -> None:
        for path in ("/messages", "/messages/note"):
            response = client.get(path)
            policy = response.headers["content-security-policy"]
            assert "script-src" not in policy
            assert policy.startswith("default-src 'none'")
            assert not Outline(response.text).all("script")


class TestFiles:
    def test_the_files_are_shown_and_what_is_in_service_can_be_asked_for(self, live: TestClient, root: Path) -> None:
        (root / SMS).write_text("Something new.\n")
        assert "Something new." in words(live.get("/messages/note"))
        assert "How are you?" in words(live.get("/messages/note?of=service"))
        assert 'href="/messages/note?of=service"' in live.get("/messages/note").text

    def test_texts_that_nobody_sends_yet_are_there(self, live: TestClient) -> None:
        assert "No campaign sends it." in words(live.get("/messages/letter"))

    def test_the_state_changes_with_every_save_and_only_then(self, live: TestClient, root: Path) -> None:
        def state() -> str:
            return str(live.get("/messages/-/state").json()["state"])

        before = state()
        assert state() == before
        assert f'data-live="{before}"' in live.get("/messages/note").text
        (root / SMS).write_text("Longer than before.\n")
        changed = state()
        assert changed != before
        (root / "templates/note/sms.ko.txt.j2").write_text("새 글\n")
        added = state()
        assert added not in {before, changed}
        (root / "templates/note/sms.ko.txt.j2").unlink()
        assert state() == changed

    def test_only_the_pieces_that_changed_differ(self, live: TestClient, root: Path) -> None:
        def pieces() -> dict[str, str]:
            parts = live.get("/messages/note").text.split('data-piece="')[1:]
            return {name: rest for name, _, rest in (part.partition('"') for part in parts)}

        before = pieces()
        (root / SMS).write_text("Changed.\n")
        after = pieces()
        assert {name for name in after if after[name] != before[name]} == {"sms-en"}
        assert before.keys() == after.keys() == {"head", "email-en", "sms-en", "push-en"}

    def test_a_mistake_stands_in_place_of_the_text_with_its_line(self, live: TestClient, root: Path) -> None:
        (root / SMS).write_text("Fine.\n{{ profile.name | uper }}\n")
        page = live.get("/messages/note")
        said = words(page)
        assert "Cannot be shown until this is mended:" in said
        assert f"{SMS}:2:" in said
        assert "did you mean `upper`?" in said
        assert "How are you?" in said  # the other channels
        assert "error 1" in words(live.get("/messages"))

    def test_a_mistake_in_the_brand_is_told_where_every_message_is(self, live: TestClient, root: Path) -> None:
        with (root / "templates/brand/macros.j2").open("a") as macros:
            macros.write("{% macro x() %}")
        page = live.get("/messages/note")
        assert page.status_code == 200
        assert "templates/brand/macros.j2:" in words(page)

    def test_files_that_everything_needs_are_told_on_every_page(self, live: TestClient, root: Path) -> None:
        (root / "campaigns/tracking-plan.yaml").write_text("events: [")
        for path in ("/messages", "/messages/note"):
            page = live.get(path)
            assert page.status_code == 200
            assert "campaigns/tracking-plan.yaml:1:" in words(page)
            assert len(Outline(page.text).all("h1")) == 1

    def test_a_broken_campaign_is_told_above_the_others(self, live: TestClient, root: Path) -> None:
        (root / "campaigns/again.yaml").write_text("key: again\n")
        page = live.get("/messages")
        assert "campaigns/again.yaml:1:1" in words(page)
        assert "receipt" in words(page)

    def test_a_workspace_that_went_away_is_said_in_words(self, live: TestClient, root: Path) -> None:
        shutil.rmtree(root)
        assert live.get("/messages").status_code == 400
        assert live.get("/messages/-/state").status_code == 400

    def test_the_one_script_is_our_own_and_may_ask_nobody_else(self, live: TestClient) -> None:
        page = live.get("/messages/note")
        assert Outline(page.text).all("script") == [{"src": "/static/live.js", "defer": None}]
        assert "script-src 'self'; connect-src 'self'" in page.headers["content-security-policy"]
        assert live.get("/static/live.js").headers["content-type"].startswith("text/javascript")
        assert not Outline(live.get("/messages/note?of=service").text).all("script")

    def test_who_follows_is_told_aloud(self, live: TestClient) -> None:
        (status,) = [one for one in Outline(live.get("/messages").text).all("p") if one.get("id") == "live"]
        assert status["role"] == "status"
