"""``dangol plan``, ``deploy``, ``rollback`` and ``versions`` as a marketer, an operator and a CI job meet them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dangol.errors import UsageError
from tests.commands import app
from tests.workspaces import campaign, note, write_workspace

CAP = {"key": "weekly", "limit": 3, "window": "rolling 7 days"}
WAIT = {"wait": "1 day"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the workspace that commands find."""
    for name in [name for name in os.environ if name.startswith("DANGOL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")

    def write(*campaigns: dict[str, Any], **others: Any) -> Path:
        made = write_workspace(tmp_path / "made", *campaigns, **others)
        for folder in ("campaigns", "templates"):
            target = tmp_path / "shop" / folder
            subprocess.run(["rm", "-rf", str(target)], check=True)
            (made / folder).rename(target)
        return tmp_path / "shop"

    return write


def run(*arguments: str, **others: Any) -> Result:
    result = CliRunner().invoke(app, list(arguments), **others)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_plan_is_told_in_a_campaigns_own_words(shop: Callable[..., Path]) -> None:
    text = "---\nsubject: A {word}\npreheader: P\ntitle: T\n---\nHow {word} are you?\n"
    shop(
        campaign("a", WAIT, note(ref="n"), holdout="10%"),
        texts={"note/email.en.md.j2": text.format(word="note")},
        policies={"caps": [CAP]},
    )
    assert run("deploy").exit_code == 0
    assert run("trigger", "Order Completed", "--profile", "kim", "--create").exit_code == 0
    shop(
        campaign("a", {"wait": "2 hours"}, note("push", ref="n"), {"exit": "done"}, holdout="5%"),
        campaign("b"),
        texts={"note/email.en.md.j2": text.format(word="word")},
        policies={"caps": [{**CAP, "limit": 5}]},
    )
    result = run("plan")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "holdout: 10% → 5%",
        "~ wait 2 hours",
        "wait: 1 day → 2 hours",
        "channels: email → push",
        "+ exit done",
        "caps.weekly.limit: 3 → 5",
        "note email en",
        "2 subject: A [-note-]{+word+}",
        "6 How [-note-]{+word+} are you?",
        "warning[cap-loosened] a: the cap weekly allows 5 instead of 3",
        "warning[text-shared] a: the texts of note change, which b also sends",
        "1 new, 1 changed.",
    ):
        assert line in lines
    assert any(line.startswith("1 person at `n` finishes on") and line.endswith("on at `n`") for line in lines)


def test_a_plan_is_told_to_tools_in_json(shop: Callable[..., Path]) -> None:
    shop(campaign("a"))
    (told,) = json.loads(run("plan", "--json").stdout)["campaigns"]
    assert (told["key"], told["status"], told["replaced"], told["people"]) == ("a", "new", None, 0)


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_a_workspace_with_problems_is_told_as_a_check_tells_it(shop: Callable[..., Path], command: str) -> None:
    shop(campaign("a", note(ref="x"), note(ref="x")))
    result = run(command)
    assert (result.exit_code, result.stdout) == (1, "")
    errors, summary, _ = result.stderr.rpartition("1 problem in 1 file")
    assert summary
    assert run("check").stdout.startswith(errors)  # which goes on with warnings


def test_problems_that_forbid_a_plan_are_told_to_tools_in_json(shop: Callable[..., Path]) -> None:
    shop(campaign("a", note(ref="x"), note(ref="x")))
    result = run("plan", "--json")
    (problem,) = json.loads(result.stdout)["problems"]
    assert (result.exit_code, problem["code"], problem["path"]) == (1, "duplicate-ref", "campaigns/a.yaml")


@pytest.mark.parametrize("text", ["much", "-5%", "nan"])
def test_a_share_that_is_none_is_refused(shop: Callable[..., Path], text: str) -> None:
    shop(campaign("a"))
    with pytest.raises(UsageError, match="--audience-warning: expected a percentage"):
        run("plan", f"--audience-warning={text}")


def test_without_a_terminal_warnings_are_printed_and_it_goes_on(shop: Callable[..., Path]) -> None:
    shop(campaign("a", holdout="5%"))
    assert "a: new " in run("deploy").stdout
    shop(campaign("a"))
    result = run("deploy")
    assert "warning[holdout-loosened]" in result.stderr
    assert "a: new version " in result.stdout
    assert run("deploy").stdout == "nothing to do: what is in service is the same\n"


def _on_a_terminal(answer: str, *arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "dangol"), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(60), said.decode()


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_a_warning_is_confirmed_first(shop: Callable[..., Path], answer: str, code: int) -> None:
    shop(campaign("a", holdout="5%"))
    run("deploy")
    shop(campaign("a"))
    exit_code, said = _on_a_terminal(answer, "deploy")
    assert exit_code == code
    assert "Deploy?" in said
    assert ("new version" in said) is (code == 0)


def test_on_a_terminal_nothing_is_asked_if_there_is_nothing_to_warn_of_or_yes_was_said(
    shop: Callable[..., Path],
) -> None:
    shop(campaign("a", holdout="5%"))
    assert "Deploy?" not in _on_a_terminal("", "deploy")[1]
    shop(campaign("a"))
    exit_code, said = _on_a_terminal("", "deploy", "--yes")
    assert exit_code == 0
    assert "Deploy?" not in said
    assert "new version" in said


def test_only_an_expected_version_is_deployed(shop: Callable[..., Path]) -> None:
    shop(campaign("a"))
    version = json.loads(run("plan", "--json").stdout)["campaigns"][0]["version_id"]
    with pytest.raises(UsageError, match="the workspace makes no version '0000000000'; there are a "):
        run("deploy", "--expect", "0000000000")
    assert run("versions").stdout == "Nothing was deployed yet.\n"
    assert run("deploy", "--expect", version[:12]).exit_code == 0


def test_the_history_is_listed_and_rolled_back(shop: Callable[..., Path]) -> None:
    shop(campaign("a"))
    run("deploy", "--by", "kim")
    shop(campaign("a", WAIT, note()))
    run("deploy", env={"DANGOL_OPERATOR": "lee"})
    listed = [json.loads(line) for line in run("versions", "a", "--json").stdout.splitlines()]
    assert [(one["deployed_by"], one["in_service"]) for one in listed] == [("lee", True), ("kim", False)]
    assert run("rollback", "a").stdout == f"a: back to {listed[1]['version_id'][:12]}\n"
    shown = run("versions", "a").stdout
    assert shown.count("in service") == 1
    assert "rollback" in shown
    assert "@" in shown
    with pytest.raises(UsageError, match="'b' was never deployed"):
        run("versions", "b")


def test_promotion_takes_a_database_url_and_says_what_is_wrong_with_it(
    shop: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(campaign("a"))
    staging = f"sqlite:///{tmp_path / 'home' / 'dangol.sqlite3'}"
    version = run("deploy").stdout
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "production"))
    assert run("plan", "--from", staging).stdout.endswith("1 new.\n")
    with pytest.raises(UsageError, match="that database runs no version '0000'; there are a "):
        run("deploy", "--from", staging, "--expect", "0000")
    id_ = version.split()[-1]
    assert run("deploy", "--from", staging, "--expect", id_).stdout == version
    assert run("plan", "--from", staging).stdout == "1 unchanged.\n"
    for url, why in (("nonsense", "expected a database URL"), ("sqlite:////no/such.sqlite3", "there is no database")):
        with pytest.raises(UsageError, match=why):
            run("deploy", "--from", url)
    with pytest.raises(UsageError, match="does not go with it"):
        run("deploy", "--from", staging, "--workspace", ".")


def test_promotion_and_rollback_show_what_deploying_would_warn_of(
    shop: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(campaign("a", exit=["Complaint Raised"]))
    staging = f"sqlite:///{tmp_path / 'home' / 'dangol.sqlite3'}"
    run("deploy")
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "production"))
    run("deploy", "--from", staging)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    shop(campaign("a"))
    run("deploy")
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "production"))
    assert "[exit-removed] a:" in run("plan", "--from", staging).output
    assert "[exit-removed] a:" in run("deploy", "--from", staging).output
    shop(campaign("a", exit=["Complaint Raised"]))
    run("deploy")
    assert "[exit-removed] a:" in run("rollback", "a").output


FORM = """\
forms:
  newsletter:
    channels: [email]
    wording: {en: {title: News, text: I want news by email.}}
"""
PACK = """\
code: JP
name: {en: Japan, ko: 일본}
read: November 2026
rules:
  - {id: JP-yes, kind: consent, says: {en: Only a yes counts., ko: 동의만 인정합니다.}, accepts: {consent: always},
     source: our counsel, mark: v}
"""


def test_a_plan_tells_what_becomes_of_forms_where_nothing_else_changed(shop: Callable[..., Path]) -> None:
    forms = shop(campaign("a")) / "campaigns/consent-forms.yaml"
    assert run("deploy").exit_code == 0
    for text, line, told in (
        (FORM, "+ form newsletter added", "added"),
        (FORM.replace("title: News", "title: Our news"), "~ form newsletter changed", "changed"),
        (None, "- form newsletter removed", "removed"),
    ):
        forms.write_text(text, encoding="utf-8") if text is not None else forms.unlink()
        lines = [" ".join(line.split()) for line in run("plan").stdout.splitlines()]
        assert line in lines
        assert ("wording.en.title: News → Our news" in lines) is (told == "changed")
        assert lines[-1] == f"1 unchanged, 1 form {told}."
        data = json.loads(run("plan", "a", "--json").stdout)
        assert [(one["key"], one["became"]) for one in data["forms"]] == [("newsletter", told)]
        assert run("deploy").exit_code == 0
        assert json.loads(run("plan", "--json").stdout)["forms"] == []


def test_a_plan_tells_what_becomes_of_the_workspaces_packs_of_law(shop: Callable[..., Path]) -> None:
    root = shop(campaign("a"), campaign("b"))
    assert run("deploy").exit_code == 0
    pack = root / "campaigns/jurisdictions/JP.yaml"
    pack.parent.mkdir()
    for text, line in (
        (PACK, "+ pack JP added"),
        (PACK.replace("source: our counsel", "source: the law"), "~ pack JP changed"),
        (None, "- pack JP removed"),
    ):
        pack.write_text(text, encoding="utf-8") if text is not None else pack.unlink()
        lines = [" ".join(line.split()) for line in run("plan").stdout.splitlines()]
        assert line in lines
        assert any(one.startswith("2 changed, 1 pack ") for one in lines)
        data = json.loads(run("plan", "--json").stdout)
        assert [one["key"] for one in data["packs"]] == ["JP"]
        assert run("deploy").exit_code == 0
        assert json.loads(run("plan", "--json").stdout)["packs"] == []
