"""Map, campaigns and calendar: one place for everything that runs, and nothing on it about a single person."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete

from dangol.clock import VirtualClock
from dangol.store.bulk import insert_many
from dangol.store.tables import blobs, controls
from tests.integration.pages.test_pages import words
from tests.integration.pipeline.house import House
from tests.outline import Outline
from tests.workspaces import campaign, note, scheduled

NASTY = "<script>alert(1)</script>"
JOURNEY = (
    note("push", "email", ref="hello"),
    {"wait": "2 days"},
    {
        "split": {"copy": {"short": 50, "long": 50}},
        "short": [note("sms", ref="short")],
        "long": [{"send": "letter", "channels": ["email"], "ref": "long"}],
    },
)


@pytest.fixture
def hub(house: House) -> House:
    """Two customers on their way through a journey with branches, and a campaign that fires at noon."""
    goal = {"event": "Complaint Raised", "within": "3 days"}
    texts = {"note/sms.ko.txt.j2": "{{ profile.given_name }}님, 잘 지내시나요?\n"}
    house.opens_with(
        campaign("journey", *JOURNEY, owner="crm", goal=goal, name="단골의 길"), scheduled("noon"), texts=texts
    )
    house.knows("alice", "bob")
    house.orders("alice", "bob")
    house.work()
    return house


class TestMap:
    def test_shows_the_stages_in_order_with_their_campaigns_by_channel(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/map"))
        assert told.index("Purchase") < told.index("Loyalty")
        assert "2 stages" in told
        assert re.search(r"sms 단골의 길 note", told)

    def test_tells_the_gaps(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/map"))
        assert "The stage “Purchase” has no message" in told
        assert "The stage “Loyalty” has no owner" in told
        assert "The campaign `noon` has no owner" in told

    def test_measures_kpis_and_says_whether_they_are_as_wanted(self, house: House, client: TestClient) -> None:
        kpi = {"name": "Known by name", "expression": "profile.vip", "target": "at most 40%"}
        stages = [
            {"key": "loyalty", "name": "Loyalty", "intent": "Be known.", "kpi": kpi, "moment_of_truth": True},
            {"key": "purchase", "name": "Purchase", "intent": "Pay.", "kpi": "Orders"},
        ]
        self.opens(house, stages)
        house.knows("alice", attributes={"vip": True}).knows("bob")
        told = words(client.get("/map"))
        assert "Known by name : 50% not as wanted wanted at most 40%; 1 of 2 people" in told
        assert "Loyalty moment of truth" in told
        assert "Orders not measured" in told

    def test_measures_anew_after_ten_minutes(self, house: House, client: TestClient, clock: VirtualClock) -> None:
        kpi = {"name": "K", "expression": "profile.vip", "target": "40%"}
        self.opens(house, [{"key": "loyalty", "name": "Loyalty", "intent": "Be known.", "kpi": kpi}])
        assert "nobody to ask about" in words(client.get("/map"))
        house.knows("alice", attributes={"vip": True})
        assert "nobody to ask about" in words(client.get("/map"))
        clock.advance(timedelta(minutes=10))
        assert "100% as wanted" in words(client.get("/map"))

    def test_without_anything_in_service_it_says_what_to_do(self, client: TestClient) -> None:
        assert "dangol deploy" in words(client.get("/map"))

    def opens(self, house: House, stages: list[dict[str, Any]]) -> None:
        from tests import workspaces

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workspaces, "JOURNEY_MAP", {"stages": stages})
            house.opens_with(campaign("shop"))


class TestCampaigns:
    def test_lists_what_runs_with_its_numbers(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/campaigns"))
        assert "2 campaigns" in told
        assert re.search(r"단골의 길 journey crm marketing in service 2 2 2 –", told)
        assert re.search(r"noon nobody marketing in service – – –", told)

    def test_tells_what_is_paused_and_what_was_withdrawn(self, hub: House, client: TestClient) -> None:
        with hub.database.write() as tx:
            row = {"campaign_key": "journey", "action": "pause", "at": hub.clock.now(), "by": "mina", "note": ""}
            insert_many(tx, controls, [row])
        hub.opens_with(campaign("journey", *JOURNEY))
        told = words(client.get("/campaigns"))
        assert re.search(r"journey nobody marketing paused", told)
        assert re.search(r"noon out of service", told)
        assert "Withdrawn" in words(client.get("/campaigns/noon"))


class TestCampaign:
    def test_tells_its_version_and_who_deployed_it(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/campaigns/journey"))
        assert re.search(r"Version [0-9a-f]{12} ", told)
        assert "Deployed 2026-03-02 01:00:00 by tests" in told
        assert "On their way 2 people" in told

    def test_draws_the_journey_with_the_people_in_it(self, hub: House, client: TestClient) -> None:
        page = client.get("/campaigns/journey").text
        (picture,) = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
        texts = [element.text for element in ET.fromstring(picture).iter() if element.get("class") == "count"]
        assert texts == ["2 waiting"]
        assert "<style" not in picture
        assert "Split copy (2 people wait before this)" in words(client.get("/campaigns/journey"))
        assert 'href="/static/drawing.css"' in page
        assert client.get("/static/drawing.css").headers["content-type"].startswith("text/css")

    def test_counts_people_by_step(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/campaigns/journey"))
        assert re.search(r"hello Loyalty Send note –", told)
        assert re.search(r"0\.2 Loyalty Split copy 2", told)

    def test_people_on_an_earlier_version_are_told(self, hub: House, client: TestClient) -> None:
        hub.opens_with(campaign("journey", *JOURNEY, name="Changed"))
        assert "2 people of whom 2 on earlier versions" in words(client.get("/campaigns/journey"))

    def test_previews_every_text_with_made_up_data(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/campaigns/journey"))
        assert "하늘님, 잘 지내시나요?" in told
        assert "A letter" in told
        (src,) = [frame["src"] for frame in Outline(client.get("/campaigns/journey").text).all("iframe")][-1:]
        inside = client.get(str(src))
        assert inside.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert "How have you been?" in inside.text

    def test_the_digest_that_its_messages_wait_for_is_among_the_previews(
        self, house: House, client: TestClient
    ) -> None:
        text = "---\nsubject: This week\npreheader: P\ntitle: T\n---\n"
        text += "{% for item in digest.items %}\n{{ item.subject }}\n\n{% endfor %}\n"
        digests = {"weekly": {"template": "roundup", "at": "10:00"}, "unused": {"template": "letter", "at": "10:00"}}
        waits = campaign("waits", note("email", "push", digest="weekly"))
        house.opens_with(
            waits, campaign("other", note()), texts={"roundup/email.en.md.j2": text}, policies={"digests": digests}
        )
        assert "This week" in words(client.get("/campaigns/waits"))
        assert "Kind of Blue" in client.get("/campaigns/waits/previews/roundup/email/en").text
        for path in ("waits/previews/roundup/push/en", "waits/previews/letter/email/en"):
            assert client.get(f"/campaigns/{path}").status_code == 404
        assert "This week" not in words(client.get("/campaigns/other"))
        assert client.get("/campaigns/other/previews/roundup/email/en").status_code == 404

    def test_a_text_that_cannot_be_shown_says_why(self, house: House, client: TestClient) -> None:
        texts = {
            "note/email.en.md.j2": "---\nsubject: A\npreheader: P\ntitle: T\n---\n{{ 1 / (event.value - 39000) }}\n"
        }
        house.opens_with(campaign("shop", note()), texts=texts)
        assert "Cannot be shown with made-up data: templates/note/email.en.md.j2:6" in words(
            client.get("/campaigns/shop")
        )

    def test_tells_what_is_coming(self, hub: House, client: TestClient) -> None:
        told = words(client.get("/campaigns/journey"))
        assert "Wed 04 Mar 2 people to go on to 0.2: Split copy" in told
        assert "Mon 02 Mar 12:00 the schedule fires" in words(client.get("/campaigns/noon"))

    def test_nobody_is_named(self, hub: House, client: TestClient) -> None:
        hub.sleep(timedelta(days=2))
        hub.work()
        for path in ("/map", "/campaigns", "/campaigns/journey", "/calendar"):
            page = client.get(path).text
            for secret in ("alice", "bob", "Alice", '@example.com"', "+82105", hub.id_of("alice")):
                assert secret not in page, (path, secret)

    def test_what_an_author_writes_is_never_mark_up(self, house: House, client: TestClient) -> None:
        steps = ({"webhook": f"https://crm.example/{NASTY}"}, note())
        house.opens_with(campaign("shop", *steps, name=NASTY, owner=NASTY))
        for path in ("/map", "/campaigns", "/campaigns/shop", "/calendar", "/campaigns/shop/graph.svg"):
            assert NASTY not in client.get(path).text

    def test_a_version_that_cannot_be_read_is_told_not_raised(self, hub: House, client: TestClient) -> None:
        with hub.database.write() as tx:
            tx.execute(delete(blobs))
        for path in ("/map", "/campaigns", "/campaigns/journey", "/calendar"):
            assert client.get(path).status_code == 200
        assert "unreadable" in words(client.get("/campaigns/journey"))
        assert client.get("/campaigns/journey/graph.svg").status_code == 404

    @pytest.mark.parametrize(
        "path",
        [
            "nope",
            "%00",
            "nope/graph.svg",
            "journey/previews/note/email/fr",
            "journey/previews/note/fax/en",
            "journey/previews/receipt/email/en",
            "journey/previews/note/sms/en",
            "nope/previews/note/email/en",
        ],
    )
    def test_what_is_not_there_is_a_friendly_404(self, hub: House, client: TestClient, path: str) -> None:
        response = client.get(f"/campaigns/{path}")
        assert response.status_code == 404
        assert len(Outline(response.text).all("h1")) == 1

    def test_a_misspelt_campaign_is_guessed(self, hub: House, client: TestClient) -> None:
        assert "did you mean `journey`?" in words(client.get("/campaigns/jorney"))

    def test_the_picture_alone_is_inert_and_without_people(self, hub: House, client: TestClient) -> None:
        response = client.get("/campaigns/journey/graph.svg")
        assert response.headers["content-type"].startswith("image/svg+xml")
        assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        root = ET.fromstring(response.text)
        assert not [element for element in root.iter() if element.get("class") == "count"]


class TestCalendar:
    def cells(self, html: str) -> dict[str, str]:
        """ISO date → the words in its cell."""
        found = re.findall(r'<td role="cell"[^>]*>\s*<time datetime="([\d-]+)">(.*?)</td>', html, re.DOTALL)
        return {day: re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip() for day, text in found}

    def test_shows_the_month_in_the_workspaces_zone(self, hub: House, client: TestClient) -> None:
        page = client.get("/calendar")
        cells = self.cells(page.text)
        assert len(cells) == 31
        assert cells["2026-03-02"].startswith("Mon 2 today")
        assert "12:00 noon" in cells["2026-03-02"]
        assert "2 go on 단골의 길" in cells["2026-03-04"]
        assert 'aria-current="date"' in page.text
        assert "March 2026" in words(page)
        assert "Asia/Seoul" in words(page)

    def test_is_a_table_that_can_be_read_aloud(self, hub: House, client: TestClient) -> None:
        outline = Outline(client.get("/calendar").text)
        assert len(outline.all("caption")) == 1
        assert [head["scope"] for head in outline.all("th")] == ["col"] * 7
        assert outline.all("abbr")[0]["title"] == "Monday"

    def test_over_how_long_a_campaign_goes_out_is_told(self, house: House, client: TestClient) -> None:
        house.opens_with(scheduled("noon", spread="6 hours"))
        assert "12:00 noon over 6 hours" in self.cells(client.get("/calendar").text)["2026-03-02"]
        assert "the schedule fires, its messages go out over 6 hours" in words(client.get("/campaigns/noon"))

    def test_first_and_last_days_of_campaigns_are_told(self, house: House, client: TestClient) -> None:
        house.opens_with(campaign("sale", starts="2026-03-09", ends="2026-03-11"))
        cells = self.cells(client.get("/calendar").text)
        assert cells["2026-03-09"] == "Mon 9 sale starts"
        assert cells["2026-03-11"] == "Wed 11 sale ends"

    def test_leads_to_the_months_around_and_no_further_than_two_years(self, client: TestClient) -> None:
        assert 'href="?month=2026-02" rel="prev"' in client.get("/calendar").text
        assert 'href="?month=2026-04" rel="next"' in client.get("/calendar").text
        assert 'rel="next"' not in client.get("/calendar?month=2028-03").text
        assert len(self.cells(client.get("/calendar?month=2028-02").text)) == 29

    @pytest.mark.parametrize("month", ["2026-13", "x", "2028-04", "2024-02", "0000-00", "9999-12", "2026-3-1"])
    def test_a_month_that_is_none_is_said_in_words(self, client: TestClient, month: str) -> None:
        response = client.get(f"/calendar?month={month}")
        assert response.status_code == 400
        assert "Month: " in words(response)

    def test_a_month_without_anything_says_so(self, house: House, client: TestClient) -> None:
        house.opens_with(campaign("shop"))
        assert "Nothing is planned in April 2026." in words(client.get("/calendar?month=2026-04"))

    def test_messages_that_come_next_are_told_by_name(self, house: House, client: TestClient) -> None:
        house.opens_with(campaign("shop", {"wait": "2 days"}, note())).knows("alice", "bob")
        house.orders("alice", "bob")
        house.work()
        told = self.cells(client.get("/calendar").text)["2026-03-04"]
        assert "2 × note shop , if nothing ends it before" in told
        hold(house, "shop", "pause")
        assert "paused" in self.cells(client.get("/calendar").text)["2026-03-04"]


class TestWhatDoesNotRun:
    """What is paused or over is no part of what the map covers, and is not hidden either."""

    def test_the_map_counts_only_what_sends_now_and_names_the_others(self, hub: House, client: TestClient) -> None:
        hold(hub, "journey", "pause")
        hold(hub, "noon", "stop")
        told = words(client.get("/map"))
        assert re.search(r"they send nothing now: 단골의 길 \(paused\) ?, noon \(stopped\)", told)
        assert "The stage “Loyalty” has no message" in told

    def test_a_paused_campaign_still_tells_what_it_would_do(self, hub: House, client: TestClient) -> None:
        hold(hub, "noon", "pause")
        told = words(client.get("/campaigns/noon"))
        assert "The campaign is paused: nothing of this happens until somebody resumes it" in told
        assert "12:00 the schedule fires" in told

    def test_a_campaign_that_begins_later_tells_its_first_firing(self, house: House, client: TestClient) -> None:
        house.opens_with(scheduled("season", starts="2026-03-15"))
        assert "Sun 15 Mar 12:00 the schedule fires" in words(client.get("/campaigns/season"))

    def test_where_people_leave_is_told_by_stage(self, hub: House, client: TestClient) -> None:
        hub.pass_time(timedelta(hours=1))
        hub.happens("Complaint Raised", "alice", topic="t")
        told = words(client.get("/map"))
        assert re.search(r"1 journey that ended here 100% reached their goal, 0% left before the end", told), told
        assert "nothing has happened here" in told


def test_a_campaign_with_a_key_counts_journeys_not_people(house: House, client: TestClient) -> None:
    entry = {"event": "Checkout Started", "key": "event.cart_id", "again": "always"}
    house.opens_with(campaign("cart", {"wait": "2 days"}, note(), entry=entry)).knows("alice")
    for cart in ("one", "two"):
        house.happens("Checkout Started", "alice", cart_id=cart)
    told = words(client.get("/campaigns/cart"))
    assert "On their way 2 journeys one for each event.cart_id, so one person may have several" in told
    assert "Journeys per step" in told


def hold(house: House, key: str, action: str) -> None:
    with house.database.write() as tx:
        row = {"campaign_key": key, "action": action, "at": house.clock.now(), "by": "mina", "note": ""}
        insert_many(tx, controls, [row])
