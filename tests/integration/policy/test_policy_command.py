"""``dangol policy``: which rules bind a person and what the gate would say; what a deployment loosens is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.errors import DangolError, UnknownCampaign, UnknownProfile, UsageError
from dangol.ledger.reader import Filter, history
from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Decision, Purpose
from dangol.settings import Settings
from tests.commands import app
from tests.workspaces import campaign, note, write_workspace

LOOSER = {"id": "KR-night", "from": "22:00", "reason": "Our counsel reads it otherwise.", "by": "Legal"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation that knows one Korean who agreed to SMS, and one of whom it knows no place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    root = write_workspace(tmp_path / "shop", campaign("cart", note()), policies={"jurisdictions": {"rules": [LOOSER]}})
    monkeypatch.setenv("DANGOL_WORKSPACE", str(root))
    settings = Settings()
    with Dangol(settings) as dangol:
        dangol.deploy(by="tests", root=root)
        known: dict[str, Any] = {"country": "KR", "phone": "+821012345678", "timezone": "Asia/Seoul"}
        dangol.pipeline.identify([ProfileChange("kim", **known), ProfileChange("lee", email="lee@example.com")])
        granted = ConsentChange(
            "kim", Channel.SMS, Purpose.MARKETING, ConsentAction.GRANTED, dangol.clock.now(), "tests"
        )
        dangol.pipeline.record_consents([granted])
    return settings


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["policy", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.usefixtures("shop")
class TestExplain:
    ASKED = ("explain", "--profile", "kim", "--channel", "sms")

    def test_it_names_place_rules_sources_and_verdict(self) -> None:
        told = run(*self.ASKED, "--at", "2036-03-02T12:00+09:00")
        for words in ("the profile's country", "KR-consent", "KR-night", "Network Act", "granted", "would go out"):
            assert words in " ".join(told.split())
        assert "not legal advice" in told

    def test_it_says_at_night_until_when_a_message_waits(self) -> None:
        answer = json.loads(run(*self.ASKED, "--at", "2036-03-03T22:30+09:00", "--json"))
        assert (answer["verdict"], answer["reason"]) == ("defer", "quiet_hours")
        assert answer["until"] == "2036-03-03T23:00:00+00:00"
        assert answer["evidence"]["rules"] == ["KR-night"]
        assert answer["jurisdictions"] == [{"code": "KR", "because": "country"}]
        assert {rule["id"] for rule in answer["rules"]} >= {"KR-consent", "KR-night", "KR-label-sms"}

    def test_it_answers_for_a_time_before_there_was_a_consent(self) -> None:
        answer = json.loads(run(*self.ASKED, "--at", "2020-03-02T12:00+09:00", "--json"))
        assert (answer["verdict"], answer["reason"], answer["consent"]) == ("suppress", "consent_missing", None)

    @pytest.mark.parametrize("confirmed", [True, False])
    def test_it_tells_whether_a_consent_was_confirmed(self, shop: Settings, confirmed: bool) -> None:
        if confirmed:
            with Dangol(shop) as dangol:
                answered = ConsentChange(
                    "kim", Channel.SMS, Purpose.MARKETING, ConsentAction.CONFIRMED, dangol.clock.now(), "tests"
                )
                dangol.pipeline.record_consents([answered])
        at = ("--at", "2036-03-02T12:00+09:00")
        assert ("confirmed by a second message" in " ".join(run(*self.ASKED, *at).split())) is confirmed
        assert json.loads(run(*self.ASKED, *at, "--json"))["consent"]["confirmed"] is confirmed

    @pytest.mark.parametrize(
        ("language", "said"), [("en", "No consent is on record for email"), ("ko", "이메일 수신 동의")]
    )
    def test_the_verdict_names_the_channel(self, language: str, said: str) -> None:
        told = " ".join(run("explain", "--profile", "lee", "--channel", "email", "--lang", language).split())
        assert said in told
        assert "{" not in told

    def test_it_speaks_korean(self) -> None:
        told = run("explain", "--profile", "lee", "--channel", "email", "--lang", "ko")
        assert "지역을 알 수 없어" in " ".join(told.split())
        assert "발송되지 않습니다" in told

    def test_it_asks_by_a_campaign_in_service(self) -> None:
        answer = json.loads(run(*self.ASKED, "--campaign", "cart", "--json"))
        assert answer["version"]

    def test_it_knows_the_state_of_somebody_who_was_imported_with_one(self, shop: Settings, tmp_path: Path) -> None:
        rows = tmp_path / "people.csv"
        rows.write_text("profile_id,country,phone\nrosa,US-FL,\nsam,US,\n", encoding="utf-8")
        imported = CliRunner().invoke(app, ["import", "profiles", str(rows)], catch_exceptions=False)
        assert imported.exit_code == 0, imported.output
        asked = ("--channel", "sms", "--json")
        places = json.loads(run("explain", "--profile", "rosa", *asked))["jurisdictions"]
        assert [place["code"] for place in places] == ["US", "US-FL"]
        places = json.loads(run("explain", "--profile", "sam", *asked))["jurisdictions"]
        assert {place["because"] for place in places} == {"country", "state_unknown"}

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (["explain", "--profile", "nobody", "--channel", "sms"], UnknownProfile),
            (["explain", "--profile", "kim", "--channel", "sms", "--campaign", "none"], UnknownCampaign),
            (["explain", "--profile", "kim", "--channel", "sms", "--at", "soon"], UsageError),
            (["rules", "--jurisdiction", "ZZ"], UsageError),
        ],
    )
    def test_what_cannot_be_asked_is_told(self, arguments: list[str], error: type[DangolError]) -> None:
        with pytest.raises(error):
            run(*arguments)


@pytest.mark.usefixtures("shop")
class TestRules:
    def test_they_are_listed_with_marks_and_what_the_workspace_makes_of_them(self) -> None:
        found = {one["id"]: one for one in map(json.loads, run("rules", "--json").splitlines())}
        assert found["KR-night"]["changed"]["loosened"]
        assert found["KR-night"]["changed"]["by"] == "Legal"
        assert found["KR-night"]["mark"] == "V"
        assert found["KR-consent"]["changed"] is None
        listed = run("rules", "--jurisdiction", "kr").split()
        assert {"looser", "·"} <= set(listed)

    def test_those_that_were_recalled_are_listed_for_the_lawyer(self) -> None:
        found = [json.loads(line) for line in run("rules", "--recalled", "--json").splitlines()]
        assert found
        assert all(one["mark"].startswith("R") and one["recalled"] for one in found)

    def test_a_pack_comes_with_what_it_includes(self) -> None:
        found = [
            json.loads(line)["jurisdiction"] for line in run("rules", "--jurisdiction", "DE", "--json").splitlines()
        ]
        assert set(found) == {"DE", "EU"}


def test_a_deployment_writes_down_what_is_loosened_and_why(shop: Settings) -> None:
    with Dangol(shop) as dangol, dangol.database.read() as tx:
        [entry] = [one for one in history(tx, Filter()) if one.decision == Decision.RULE_LOOSENED]
    assert entry.campaign_key == "cart"
    assert entry.evidence == {"rules": ["KR-night"], "why": "Our counsel reads it otherwise.", "by": "Legal"}
