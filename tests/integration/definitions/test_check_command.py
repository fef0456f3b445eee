"""``dangol check`` and ``dangol schema`` as an author, an editor and a CI job meet them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from dangol.definitions.workspace import load_workspace
from dangol.errors import UsageError
from dangol.surfaces.cli.check import check, schema
from tests.workspaces import copy_part

app = typer.Typer()
app.command()(check)
app.command()(schema)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    copy_part(tmp_path / "shop", "win_back", "vip_thanks", "second_purchase", "order_confirmation")
    monkeypatch.delenv("DANGOL_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def spoil(shop: Path, name: str, old: str, new: str) -> None:
    file = shop / "campaigns" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_good_workspace_is_told_in_one_line(shop: Path) -> None:
    result = run("check")
    campaigns = len(load_workspace(shop).campaigns)
    messages = sum(folder.is_dir() and folder.name != "brand" for folder in (shop / "templates").iterdir())
    assert (result.exit_code, result.output) == (0, f"{campaigns} campaigns, {messages} messages: no problems\n")


def test_problems_are_shown_like_a_good_compiler_does(shop: Path) -> None:
    spoil(shop, "win_back.yaml", "stage: loyalty", "stage: loyality")
    spoil(shop, "win_back.yaml", "channels: [email, sms]", "channels: [email, smss]")
    result = run("check")
    assert result.exit_code == 1
    assert result.output == (
        "campaigns/win_back.yaml:19:12: error[unknown-stage] found the stage `loyality`, which is not in "
        "journey-map.yaml\n"
        "  19 |   - stage: loyality\n"
        "     |            ^\n"
        "  = did you mean `loyalty`?\n"
        "\n"
        "campaigns/win_back.yaml:28:27: error[unknown-word] expected `email`, `sms` or `push`; found `smss`\n"
        "  28 |         channels: [email, smss]\n"
        "     |                           ^\n"
        "  = did you mean `sms`?\n"
        "\n"
        "2 problems in 1 file\n"
    )


def test_the_caret_stands_right_under_wide_characters(shop: Path) -> None:
    spoil(shop, "vip_thanks.yaml", "tags: [vip]", "tags: [가나다]")
    spoil(shop, "vip_thanks.yaml", "owner: crm", "owner: 단골 # 고객 관리\n단골: {고객: 1}")
    assert "4 | 단골: {고객: 1}\n    | ^\n" in run("check").output
    spoil(shop, "vip_thanks.yaml", "단골: {고객: 1}", "goal: {event: Order Completed, within: 1 day, 고객: 1}")
    spoil(shop, "vip_thanks.yaml", "tags: [가나다]", 'tags: ["가나다", b c]')
    assert '| tags: ["가나다", b c]\n    |        ^\n' in run("check").output
    assert '| tags: ["가나다", b c]\n    |                  ^\n' in run("check").output


def test_paths_choose_whose_problems_are_shown(shop: Path) -> None:
    spoil(shop, "win_back.yaml", "stage: loyalty", "stage: loyality")
    assert run("check", "campaigns/vip_thanks.yaml").exit_code == 0
    assert run("check", "templates").exit_code == 0
    assert run("check", "campaigns/win_back.yaml").exit_code == 1
    assert run("check", str(shop / "campaigns")).exit_code == 1


def test_warnings_are_shown_and_do_not_fail(shop: Path) -> None:
    spoil(shop, "second_purchase.yaml", "[push, email]", "[email]")
    spoil(shop, "second_purchase.yaml", "on_capped: defer", "on_capped: reroute")
    result = run("check")
    assert result.exit_code == 0
    assert "warning[nowhere-to-reroute]" in result.output
    assert result.output.endswith("1 problem in 1 file, warnings only\n")


def test_json_is_a_list_of_objects(shop: Path) -> None:
    assert json.loads(run("check", "--format", "json").output) == []
    spoil(shop, "win_back.yaml", "stage: loyalty", "stage: loyality")
    result = run("check", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.output) == [
        {
            "path": "campaigns/win_back.yaml",
            "line": 19,
            "column": 12,
            "code": "unknown-stage",
            "message": "found the stage `loyality`, which is not in journey-map.yaml",
            "hint": "did you mean `loyalty`?",
            "severity": "error",
        }
    ]


def test_github_annotations_are_escaped(shop: Path) -> None:
    spoil(shop, "win_back.yaml", "holdout: 10%", "holdout: 100%")
    spoil(shop, "win_back.yaml", "stage: loyalty", 'stage: "a,b:c"')
    assert run("check", "--format", "github").output.splitlines() == [
        "::error file=campaigns/win_back.yaml,line=17,col=10,title=dangol bad-value::"
        "expected a percentage from 0%25 to below 100%25; found '100%25'",
        "::error file=campaigns/win_back.yaml,line=19,col=12,title=dangol bad-name::"
        "expected lower-case letters, digits and `_`, starting with a letter, 64 at most; found `a,b:c`",
    ]


def say(shop: Path, path: str, more: str) -> None:
    """Add a line to a text."""
    file = shop / "templates" / path
    file.write_text(f"{file.read_text(encoding='utf-8')}{more}\n", encoding="utf-8")


def test_notes_are_shown_and_change_nothing(shop: Path) -> None:
    voice = shop / "templates/brand/voice.yaml"
    voice.write_text(f"{voice.read_text(encoding='utf-8')}\nrules: {{cliche: note}}\n", encoding="utf-8")
    say(shop, "win_back/email.en.md.j2", "\nPlease do not hesitate to write.")
    result = run("check")
    assert result.exit_code == 0
    assert "note[cliche] `do not hesitate` is a set phrase" in result.output
    assert result.output.endswith("1 problem in 1 file, notes only\n")
    assert run("check", "--format", "github").output.startswith("::notice file=templates/win_back/email.en.md.j2,line=")
    assert [one["severity"] for one in json.loads(run("check", "--format", "json").output)] == ["note"]


def test_waivers_are_listed_with_place_rule_and_reason(shop: Path) -> None:
    assert run("check", "--waivers").output == "0 waivers\n"
    waiver = "\n{# voice: allow cliche because we quote a form #}\nPlease do not hesitate to write."
    say(shop, "win_back/email.en.md.j2", waiver)
    assert run("check").exit_code == 0
    told = run("check", "--waivers").output
    assert told.startswith("templates/win_back/email.en.md.j2:")
    assert told.endswith(": cliche because we quote a form\n1 waiver\n")
    (listed,) = json.loads(run("check", "--waivers", "--format", "json").output)
    assert (listed["rules"], listed["reason"]) == (["cliche"], "we quote a form")
    assert run("check", "--waivers", "templates/vip_thanks").output == "0 waivers\n"


def test_paths_are_told_as_seen_from_the_current_folder(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(shop, "win_back.yaml", "stage: loyalty", "stage: loyality")
    monkeypatch.chdir(shop.parent)
    assert run("check", "shop/campaigns").output.startswith("shop/campaigns/win_back.yaml:19:12:")
    monkeypatch.setenv("DANGOL_WORKSPACE", str(shop))
    assert run("check").output.startswith("shop/campaigns/win_back.yaml:19:12:")
    monkeypatch.chdir(shop / "templates")
    monkeypatch.delenv("DANGOL_WORKSPACE")
    assert run("check").output.startswith(f"{shop.as_posix()}/campaigns/win_back.yaml:19:12:")


def test_a_wrong_call_is_a_usage_error(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(run("check", "nothing").exception, UsageError)
    assert run("check", "--format", "xml").exit_code == 2
    monkeypatch.chdir(tmp_path)
    assert isinstance(run("check").exception, UsageError)
    shutil.copytree(shop, tmp_path / "other")
    assert "different workspaces" in str(run("check", "shop", "other").exception)


def test_a_huge_file_is_told_without_an_excerpt(shop: Path) -> None:
    with (shop / "campaigns/huge.yaml").open("wb") as stream:
        stream.truncate(100_000_000)
    result = run("check")
    assert result.exit_code == 1
    assert "campaigns/huge.yaml:1:1: error[too-large]" in result.output


def test_the_schema_is_printed_or_written_for_every_kind(tmp_path: Path) -> None:
    printed = json.loads(run("schema").output)
    assert printed["title"] == "Campaign"
    assert json.loads(run("schema", "policies").output)["title"] == "Policies"
    result = run("schema", "--output", str(tmp_path / "schemas"))
    assert result.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "schemas").iterdir()) == [
        "campaign.schema.json",
        "journey-map.schema.json",
        "jurisdiction.schema.json",
        "policies.schema.json",
        "scenarios.schema.json",
        "segments.schema.json",
        "tracking-plan.schema.json",
        "voice.schema.json",
    ]
    assert json.loads((tmp_path / "schemas/campaign.schema.json").read_text()) == printed
    (tmp_path / "file").write_text("")
    assert isinstance(run("schema", "--output", str(tmp_path / "file")).exception, UsageError)


def test_facts_are_listed_with_the_index_of_each_campaign(shop: Path) -> None:
    text = shop / "templates/order_confirmation/sms.en.txt.j2"
    text.write_text("{{ event.order_id }} for 99,000 won\n")
    shown = run("check", "--facts", "campaigns/order_confirmation.yaml").output
    assert "✗ 99,000 won" in shown
    assert "order_confirmation" in shown
    result = run("check", "--facts", "--format", "json", "campaigns/order_confirmation.yaml")
    told = json.loads(result.output)
    assert result.exit_code == 1
    assert [one["code"] for one in told["problems"] if one["severity"] == "error"] == ["fact-differs"]
    (message,) = told["facts"]["messages"]
    (money,) = [one for one in message["facts"] if one["kind"] == "money"]
    assert money["differing"] == ["sms.en"]
    assert money["told"]["sms.en"] == "99,000 won"
    numbers = told["facts"]["campaigns"]["order_confirmation"]
    assert numbers["differing"] == 1
    assert numbers["fragmentation"] == numbers["differing"] + numbers["missing"]


def test_what_a_shorter_channel_leaves_out_is_told_with_the_facts_only(shop: Path) -> None:
    notes = "note[fact-missing] the email in en does not tell"
    assert notes in run("check", "--facts").output
    assert notes not in run("check").output
