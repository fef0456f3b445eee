"""A provider that an installed package brings: found by its entry point, held to the contract, chosen by a setting."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dangol.clock import SystemClock
from dangol.delivery.http.messages import Limits
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import Provider, takes
from dangol.delivery.providers.registry import Registry
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Refused, Rendered
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.settings import Settings
from dangol.testing.provider_contract import KOREAN, Arrived, ProviderContract
from tests.contract.providers.carriers import HANG_UP, HttpCarrier, Say, running

PACKAGE = Path(__file__).parent / "package"
SOON = timedelta(seconds=2)
APPROVED = {"HELLO": f"{KOREAN}\n#{{번호}}", "ORDER": "#{이름}님, 주문하신 상품(#{상품})이 출발했어요."}


class Relay(HttpCarrier):
    """A relay to Kakao: it knows the approved texts, and refuses any other."""

    def parsed(self, body: bytes) -> dict[str, Any]:
        return dict(json.loads(body))

    def check(self, path: str, headers: Mapping[str, str], message: dict[str, Any]) -> str:
        if (path, headers["Authorization"]) != ("/alimtalk/messages", "Bearer k"):
            return "another path or key"
        return "" if message["template"] in APPROVED else "no approved template"

    def recipient(self, message: dict[str, Any]) -> str:
        return str(message["to"])

    def accepted(self, number: int) -> Say:
        return Say(200, {"code": "0000", "reference": f"k-{number}"})


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package, where pip would have put it: beside its ``dist-info`` on the path."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    yield
    sys.modules.pop("alimtalk", None)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    file = tmp_path / "alimtalk.json"
    file.write_text(json.dumps(APPROVED), encoding="utf-8")
    return file


def chosen(url: str, templates: Path, transport: Transport, setting: str = "alimtalk") -> list[Provider]:
    options = {"url": url, "key": "k", "templates": str(templates)}
    registry = Registry(
        Settings(_env_file=None, sms_provider=setting, email_provider="none", push_provider="none"),
        clock=SystemClock(),
        transport=transport,
        options=lambda name: options if name == "alimtalk" else {},
        made={},
    )
    return registry.chosen()[Channel.SMS]


class TestAlimTalk(ProviderContract):
    channel = Channel.SMS
    sender = "@dangol"
    in_order = False

    @pytest.fixture(autouse=True)
    def _relay(self, templates: Path, dead_port: int) -> Iterator[None]:
        limits = Limits(connect=SOON, tls=SOON, read=SOON, total=SOON, connections=32)
        self.transport, self.templates = Transport(clock=SystemClock(), limits=limits), templates
        self.dead = f"http://127.0.0.1:{dead_port}"
        with running(Relay()) as self.carrier:
            yield
            assert not self.carrier.wrong
        self.transport.close()

    def make_provider(self) -> Provider:
        return chosen(self.carrier.url, self.templates, self.transport)[0]

    def make_unreachable_provider(self) -> Provider:
        return chosen(self.dead, self.templates, self.transport)[0]

    def address(self, number: int) -> str:
        return f"+82101234{number:04}"

    def refused_address(self) -> str:
        return self.carrier.answer("+821055550001", Say(400, {"code": "4000"}))

    def busy_address(self) -> str:
        return self.carrier.answer("+821055550002", Say(429))

    def lost_address(self) -> str:
        return self.carrier.answer("+821055550003", HANG_UP)

    def arrived(self) -> list[Arrived]:
        return [Arrived(told["id"], told["to"], told["text"]) for told in self.carrier.taken]

    def sms(self, text: str, to: str = "+821012345678") -> Envelope:
        return Envelope("01K" + "0" * 23, Channel.SMS, to, "@dangol", Rendered(Channel.SMS, "ko", text=text))

    def test_it_takes_approved_texts_and_korean_numbers_only(self) -> None:
        provider = self.make_provider()
        assert not takes(provider, self.sms("한결님, 주문하신 드리퍼가 출발했어요."))
        assert takes(provider, self.sms("한결님, 주문하신 상품(드리퍼 세트)이 출발했어요."))
        assert not takes(provider, self.sms("한결님, 주문하신 상품(드리퍼)이 출발했어요. 오늘만 할인!"))
        assert not takes(provider, self.sms("한결님, 주문하신 상품(드리퍼)이 출발했어요.", to="+14155550100"))

    def test_whoever_has_no_kakao_may_be_reached_by_another_carrier(self) -> None:
        to = self.carrier.answer("+821055550009", Say(400, {"code": "3008"}))
        (outcome,) = self.make_provider().send_many([self.sms("한결님, 주문하신 상품(드리퍼)이 출발했어요.", to)])
        assert outcome == Refused(True, "AlimTalk refused: 3008", cause=RefusalCause.ELSEWHERE)

    def test_its_own_reference_is_kept(self) -> None:
        (outcome,) = self.make_provider().send_many([self.sms("한결님, 주문하신 상품(드리퍼)이 출발했어요.")])
        assert outcome == Accepted("k-0")


def test_a_package_is_known_by_name_once_it_is_installed(templates: Path) -> None:
    transport = Transport(clock=SystemClock())
    with pytest.raises(UsageError, match=r"did you mean 'alimtalk'\?"):
        chosen("https://relay.example", templates, transport, setting="alimtak")
    assert [one.name for one in chosen("https://relay.example", templates, transport)] == ["alimtalk"]


def test_what_it_lacks_is_told_by_the_names_of_its_settings(templates: Path) -> None:
    transport = Transport(clock=SystemClock())
    with pytest.raises(UsageError, match="set DANGOL_PROVIDER_ALIMTALK_URL"):
        chosen("", templates, transport)
    with pytest.raises(UsageError, match=r"DANGOL_PROVIDER_ALIMTALK_TEMPLATES: .* cannot be read"):
        chosen("https://relay.example", templates.with_name("none.json"), transport)
