"""How a recipient leaves by a link: in one click by the mail program, or on a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import ledger as consent_ledger
from dangol.consent.links import GOOD_FOR, Leave, Links
from dangol.ids import SeededEntropy
from dangol.model.message import Envelope
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.tables import consents
from dangol.surfaces.web import create_app
from dangol.testing import FakeProvider
from tests.integration.pipeline.conftest import settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

URL = "https://letters.dangol.example"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def carrier() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def dangol(
    sqlite_database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path, carrier: FakeProvider
) -> Iterator[Dangol]:
    url = sqlite_database.url.render_as_string(hide_password=False)
    chosen = settings(url, tmp_path).model_copy(update={"public_url": URL})
    with Dangol(chosen, clock=clock, entropy=entropy, providers=dict.fromkeys(Channel, carrier)) as opened:
        yield opened


@pytest.fixture
def house(dangol: Dangol, clock: VirtualClock, carrier: FakeProvider, tmp_path: Path) -> House:
    house = House(dangol, clock, carrier, tmp_path)
    house.opens_with(campaign("letters", note("email", ref="letter"))).knows("alice")
    house.orders("alice")
    house.work()
    return house


@pytest.fixture
def client(dangol: Dangol) -> Iterator[TestClient]:
    with TestClient(create_app(dangol), base_url=URL) as opened:
        yield opened


def letter(house: House) -> Envelope:
    (envelope,) = [one for one in house.carrier.accepted if one.channel is Channel.EMAIL]
    return envelope


def link(house: House) -> str:
    return letter(house).headers["List-Unsubscribe"].partition(">")[0].removeprefix(f"<{URL}")


def ledger(house: House) -> list[tuple[str, str, str, str]]:
    with house.database.read() as tx:
        rows = tx.execute(
            select(consents.c.channel, consents.c.action, consents.c.source, consents.c.wording).where(
                consents.c.action == "withdrawn"
            )
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def test_marketing_email_says_how_to_leave_by_mail_and_in_one_click(house: House) -> None:
    headers = letter(house).headers
    https, mail = headers["List-Unsubscribe"].split(", ")
    assert https.startswith(f"<{URL}/u/")
    assert mail.startswith("<mailto:")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "alice" not in https


def test_only_marketing_email_says_so(
    dangol: Dangol, carrier: FakeProvider, clock: VirtualClock, tmp_path: Path
) -> None:
    house = House(dangol, clock, carrier, tmp_path)
    receipt = {"send": "receipt", "ref": "receipt", "channels": ["email"]}
    house.opens_with(campaign("receipts", receipt, purpose="transactional")).knows("bob").orders(
        "bob", order_id="A-1", value=30
    )
    house.work()
    assert [one.headers for one in house.carrier.accepted] == [{}]


def test_one_click_withdraws_the_consent_at_once_and_says_by_what(house: House, client: TestClient) -> None:
    answer = client.post(link(house), data=ONE_CLICK)
    assert answer.status_code == 200
    message_id = letter(house).message_id
    assert ledger(house) == [("email", "withdrawn", f"one-click:{message_id}", "List-Unsubscribe=One-Click")]


def test_as_multipart_form_too(house: House, client: TestClient) -> None:
    assert client.post(link(house), files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert len(ledger(house)) == 1


def test_leaving_twice_is_leaving_once(house: House, client: TestClient, clock: VirtualClock) -> None:
    for _ in range(2):
        assert client.post(link(house), data=ONE_CLICK).status_code == 200
        clock.advance(timedelta(seconds=1))
    assert len(ledger(house)) == 1


def test_who_agreed_again_can_leave_again_by_the_same_link(
    house: House, client: TestClient, clock: VirtualClock
) -> None:
    client.post(link(house), data=ONE_CLICK)
    clock.advance(timedelta(seconds=1))
    house.knows("alice")
    clock.advance(timedelta(seconds=1))
    client.post(link(house), data=ONE_CLICK)
    assert len(ledger(house)) == 2


def test_who_kept_one_topic_only_leaves_that_too(house: House, client: TestClient, clock: VirtualClock) -> None:
    house.withdraws("alice")
    clock.advance(timedelta(days=1))
    topic = ConsentChange(
        "alice",
        Channel.EMAIL,
        Purpose.MARKETING,
        ConsentAction.GRANTED,
        clock.now(),
        "page:preferences",
        wording="Yes.",
        topic="records",
    )
    house.pipeline.record_consents([topic])
    clock.advance(timedelta(days=1))
    client.post(link(house), data=ONE_CLICK)
    with house.database.read() as tx:
        held = consent_ledger.topic_states(tx, [house.id_of("alice")])[house.id_of("alice")]
    assert not any(state.granted for state in held.values())


def test_nothing_more_is_sent_to_who_left(house: House, client: TestClient) -> None:
    client.post(link(house), data=ONE_CLICK)
    house.pass_time(timedelta(days=60))
    house.orders("alice")
    house.work()
    assert len([one for one in house.carrier.accepted if one.channel is Channel.EMAIL]) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_following_the_link_changes_nothing(house: House, client: TestClient, method: str) -> None:
    answer = client.request(method, link(house))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert ledger(house) == []


def test_the_page_asks_and_its_button_leaves(house: House, client: TestClient) -> None:
    page = client.get(f"{link(house)}?lang=ko").text
    assert '<html lang="ko">' in page
    assert '<button name="leave" value="yes">수신거부</button>' in page
    assert "광고성 이메일을 받지 않으시려면" in page
    done = client.post(link(house), data={"leave": "yes"}, headers={"Accept-Language": "en"})
    assert "You have unsubscribed" in done.text
    assert ledger(house)[0][2].startswith("leaving-page:")


@pytest.mark.parametrize(
    ("query", "accepts", "language"),
    [
        ("", "en-US", "en"),
        ("", "ko", "ko"),
        ("", "fr", "en"),
        ("", "", "ko"),
        ("?lang=en", "ko", "en"),
        ("?lang=x", "ko", "ko"),
    ],
)
def test_the_page_speaks_the_readers_language(
    house: House, client: TestClient, query: str, accepts: str, language: str
) -> None:
    url = house.dangol.links.leave(
        Leave(house.id_of("alice"), Channel.EMAIL, Purpose.MARKETING, "m"), house.clock.now()
    )
    assert url is not None
    page = client.get(url.removeprefix(URL) + query, headers={"Accept-Language": accepts})
    assert f'<html lang="{language}">' in page.text


@pytest.mark.parametrize(("query", "language"), [("", "en"), ("?lang=ko", "ko")])
def test_the_language_of_the_person_goes_before_the_browsers(
    house: House, client: TestClient, query: str, language: str
) -> None:
    page = client.get(link(house) + query, headers={"Accept-Language": "ko"})
    assert f'<html lang="{language}">' in page.text


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "no"}, {"leave": "no"}, {"x": "y"}])
def test_a_post_that_does_not_say_so_changes_nothing(house: House, client: TestClient, body: dict[str, str]) -> None:
    assert client.post(link(house), data=body).status_code == 400
    assert ledger(house) == []


def test_a_body_that_is_too_large_is_refused(house: House, client: TestClient) -> None:
    assert client.post(link(house), data={**ONE_CLICK, "x": "y" * 5_000}).status_code == 413
    assert ledger(house) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_forged_link_is_told_as_such(house: House, client: TestClient, method: str) -> None:
    good = link(house)
    wrong = Links([b"another secret"], URL).leave(
        Leave(house.id_of("alice"), Channel.EMAIL, Purpose.MARKETING, "m"), house.clock.now()
    )
    assert wrong is not None
    for path in (good[:-1] + ("A" if good[-1] != "A" else "B"), "/u/x", "/u/" + "a" * 2_000, wrong.removeprefix(URL)):
        answer = client.request(method, path, data=ONE_CLICK if method == "POST" else None)
        assert answer.status_code == 404
        assert "<form" not in answer.text
    assert ledger(house) == []


def test_an_expired_link_is_told_as_such(house: House, client: TestClient, clock: VirtualClock) -> None:
    path = link(house)
    clock.advance(GOOD_FOR - timedelta(seconds=1))
    assert client.get(path).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert client.post(path, data=ONE_CLICK).status_code == 410
    assert ledger(house) == []


def test_the_answer_tells_nobody_whether_a_person_is_known(house: House, client: TestClient) -> None:
    nobody = house.dangol.links.leave(Leave("0" * 26, Channel.EMAIL, Purpose.MARKETING, "m", "en"), house.clock.now())
    assert nobody is not None
    known = [client.get(link(house)).text, client.post(link(house), data=ONE_CLICK).text]
    house.erases("alice")
    erased = [client.get(link(house)).text, client.post(link(house), data=ONE_CLICK).text]
    path = nobody.removeprefix(URL)
    assert known == erased == [client.get(path).text, client.post(path, data=ONE_CLICK).text]
    assert len(ledger(house)) == 1


def test_one_link_cannot_be_hammered(house: House, client: TestClient, clock: VirtualClock) -> None:
    answers = [client.post(link(house), data=ONE_CLICK).status_code for _ in range(25)]
    assert answers == [200] * 20 + [429] * 5
    clock.advance(timedelta(minutes=1))
    assert client.post(link(house), data=ONE_CLICK).status_code == 200


def test_by_the_name_that_recipients_know_nothing_else_can_be_reached(dangol: Dangol) -> None:
    with TestClient(create_app(dangol, hosts=("127.0.0.1",)), base_url=URL) as public:
        assert [public.get(path).status_code for path in ("/", "/mailbox", "/log", "/v1/track", "/healthz")] == [
            404
        ] * 5
        assert public.get("/u/x").status_code == 404
        assert "링크" in public.get("/u/x").text
    with TestClient(create_app(dangol, hosts=("127.0.0.1",)), base_url="http://127.0.0.1:8000") as own:
        assert own.get("/static/icon.svg").status_code == 200
    with TestClient(create_app(dangol, hosts=("127.0.0.1",)), base_url="https://evil.example") as other:
        assert other.get("/static/icon.svg").status_code == 400


def test_without_a_public_url_there_is_no_link() -> None:
    leave = Leave("0" * 26, Channel.EMAIL, Purpose.MARKETING, "m")
    assert Links([b"secret"]).leave(leave, datetime(2026, 3, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize("url", ["http://x.example", "x.example", "https://", "https://x.example/?a", "https://x y"])
def test_the_public_url_is_an_https_url(url: str) -> None:
    with pytest.raises(ValidationError, match="public_url"):
        Settings(_env_file=None, public_url=url)


def test_a_public_url_may_have_a_path() -> None:
    url = Settings(_env_file=None, public_url="https://x.example/letters/").public_url
    leave = Leave("0" * 26, Channel.EMAIL, Purpose.MARKETING, "m")
    link = Links([b"secret"], url).leave(leave, datetime(2026, 3, 2, tzinfo=UTC))
    assert link is not None
    assert link.startswith("https://x.example/letters/u/")


def test_who_left_at_one_process_gets_nothing_more_from_another(
    database: Database, clock: VirtualClock, entropy: SeededEntropy, tmp_path: Path, carrier: FakeProvider
) -> None:
    url = database.url.render_as_string(hide_password=False)
    chosen = settings(url, tmp_path).model_copy(update={"public_url": URL})
    providers = dict.fromkeys(Channel, carrier)
    with (
        Dangol(chosen, clock=clock, entropy=entropy, providers=providers) as web,
        Dangol(chosen, clock=clock, entropy=entropy, providers=providers) as worker,
    ):
        house = House(worker, clock, carrier, tmp_path)
        house.opens_with(campaign("letters", note("email", ref="letter"))).knows("alice").orders("alice")
        url = web.links.leave(Leave(house.id_of("alice"), Channel.EMAIL, Purpose.MARKETING, "m"), clock.now()) or ""
        with TestClient(create_app(web), base_url=URL) as client:
            assert client.post(url.removeprefix(URL), data=ONE_CLICK).status_code == 200
        house.work()  # within the same instant
    assert house.carrier.accepted == []
    assert house.states == [("suppressed", "consent_withdrawn")]
