"""A pack of the workspace's own binds the gate, the duties and reports, from the deployment that brings it on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dangol.duties import Duties, zones
from dangol.errors import InvalidEvent
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Basis, Channel, ConsentAction, Purpose
from dangol.profiles.validation import parse_profile
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, write_workspace

JP = """\
code: JP
name: {en: Japan, ko: 일본}
read: November 2026
zone: Asia/Tokyo
states: {"13": Tokyo}
rules:
  - id: JP-consent
    kind: consent
    says: {en: An inquiry implies a consent for a month., ko: 문의하면 한 달간 동의한 것으로 봅니다.}
    accepts: {consent: always, implied_inquiry: 1 month}
    source: our counsel
    mark: v
  - id: JP-notice
    kind: outcome_notice
    says: {en: Who agrees is told so., ko: 동의한 분께 알립니다.}
    within: 7 days
    source: our counsel
    mark: v
"""


@pytest.fixture
def shop(house: House, tmp_path: Path) -> House:
    """A shop that knows what its counsel read of Japanese law."""
    root = write_workspace(tmp_path / "shop", campaign("cart", note()))
    (root / "campaigns/jurisdictions").mkdir()
    (root / "campaigns/jurisdictions/JP.yaml").write_text(JP, encoding="utf-8")
    house.dangol.deploy(by="tests", root=root)
    return house


def agrees(house: House, who: str, basis: Basis, jurisdiction: str = "") -> None:
    change = ConsentChange(
        who,
        Channel.EMAIL,
        Purpose.MARKETING,
        ConsentAction.GRANTED,
        house.clock.now(),
        "tests",
        basis=basis.value,
        jurisdiction=jurisdiction,
    )
    house.pipeline.record_consents([change])


def test_the_gate_asks_its_rules(shop: House) -> None:
    shop.knows("hana", "taro", agreeing_to=[], country="JP", phone=None)
    agrees(shop, "hana", Basis.IMPLIED_INQUIRY)
    agrees(shop, "taro", Basis.CONTRACT)
    shop.orders("hana", "taro")
    shop.work()
    assert [address for _, address in shop.sent] == ["hana@example.com"]
    [refused] = shop.log("message_suppressed")
    assert (refused.reason, refused.evidence["rules"]) == ("consent_insufficient", ["JP-consent"])
    assert shop.log("message_sending")[0].evidence["jurisdiction"] == ["JP"]


def test_its_duties_are_raised_and_its_consents_run_out(shop: House) -> None:
    shop.knows("hana", "taro", agreeing_to=[], country="JP", phone=None)
    agrees(shop, "hana", Basis.CONSENT)
    agrees(shop, "taro", Basis.IMPLIED_INQUIRY, "JP")
    duties = Duties(shop.pipeline)
    assert duties.run().notices == 1
    shop.sleep(timedelta(days=40))
    assert duties.run().lapses == 1
    with shop.database.read() as tx:
        assert zones(shop.pipeline.releases.law(tx))["JP-notice"] == "Asia/Tokyo"


def test_reports_may_name_its_places_while_it_is_in_service(shop: House) -> None:
    told = {"userId": "hana", "traits": {"country": "JP-13"}}
    assert {"JP", "JP-13", "KR"} <= shop.dangol.known_places()
    assert parse_profile(told, places=shop.dangol.known_places()).country == "JP"
    with pytest.raises(InvalidEvent):
        parse_profile({**told, "traits": {"country": "JP-99"}}, places=shop.dangol.known_places())
    shop.opens_with(campaign("cart", note()))
    assert "JP" not in shop.dangol.known_places()


def test_without_it_the_pack_for_everybody_binds_again(shop: House) -> None:
    shop.opens_with(campaign("cart", note()))
    shop.knows("hana", agreeing_to=[], country="JP", phone=None)
    agrees(shop, "hana", Basis.IMPLIED_INQUIRY)
    shop.orders("hana")
    shop.work()
    [refused] = shop.log("message_suppressed")
    assert refused.evidence["rules"] == ["default-consent"]
