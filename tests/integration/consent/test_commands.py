"""``dangol consent``, ``suppression`` and ``profile`` from the outside: what they print, change and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from freezegun import freeze_time
from typer.testing import CliRunner

from dangol.bootstrap import open_dangol
from dangol.errors import DangolError, ErasedProfile, UnknownProfile, UsageError
from dangol.model.people import ProfileChange
from dangol.settings import Settings
from tests.commands import app

GRANT = ("consent", "grant", "c-1", "--channel", "email", "--purpose", "marketing")
WITHDRAW = ("consent", "withdraw", "c-1", "--channel", "email", "--purpose", "marketing")
KIM = "kim@example.com"
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DANGOL_OPERATOR", "lee")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("DANGOL_DATABASE_URL", raising=False)
    with open_dangol(Settings()) as dangol:
        dangol.pipeline.identify(
            [ProfileChange("c-1", email=KIM, phone="+821012345678", attributes={"name": "김단골"})]
        )
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def states(*arguments: str) -> dict[str, str]:
    told = json.loads(run("consent", "show", "c-1", "--json", *arguments))
    return {f"{one['channel']} {one['purpose']} {one['topic']}".strip(): one["status"] for one in told["states"]}


def test_a_grant_says_what_holds_and_warns_without_evidence() -> None:
    assert "c-1: email · marketing is granted" in run(*GRANT, "--wording", "News?")
    assert "nobody can show this consent" in run(*GRANT, "--topic", "tea")
    assert states() == {"email marketing": "granted", "email marketing tea": "granted"}


def test_wording_comes_from_a_file_and_everything_is_kept(home: Path) -> None:
    (home / "words.txt").write_text("소식을 받을게요\n", encoding="utf-8")
    run(
        *GRANT, "--wording-file", "words.txt", "--wording-version", "2", "--locale", "ko-KR", "--jurisdiction", "KR",
        "--proof", "call 17", "--basis", "written_consent", "--at", "2026-03-02T09:00+09:00",
    )  # fmt: skip
    (row,) = json.loads(run("consent", "show", "c-1", "--json"))["ledger"]
    assert (row["wording"], row["wording_version"], row["locale"]) == ("소식을 받을게요", "2", "ko-KR")
    assert (row["proof"], row["basis"], row["jurisdiction"]) == ("call 17", "written_consent", "KR")
    assert (row["source"], row["utc_offset"]) == ("staff:lee", 540)


def test_the_past_is_shown_as_it_was_and_as_it_was_known() -> None:
    run(*GRANT, "--at", "2026-01-01", "--proof", "p")
    run(*WITHDRAW, "--at", "2026-02-01T12:00Z")
    assert states() == {"email marketing": "withdrawn"}
    assert states("--as-of", "2026-01-31") == {"email marketing": "granted"}
    assert states("--as-of", "2026-02-01") == {"email marketing": "withdrawn"}
    assert states("--as-of", "2025-12-31") == {}
    assert states("--known-at", "2026-02-02") == {}  # both were recorded only now
    shown = run("consent", "show", "c-1", "--as-of", "2026-01-31")
    assert "as of 2026-01-31 23:59:59 UTC" in shown
    assert "withdrawn" not in shown


def test_a_late_report_says_that_something_else_decides() -> None:
    run(*WITHDRAW, "--at", "2026-02-01")
    assert "is withdrawn; something else that was said decides" in run(*GRANT, "--at", "2026-01-01", "--proof", "p")


def test_a_person_without_consents_is_told_so() -> None:
    assert "there is no consent to anything" in run("consent", "show", "c-1")


MISTAKES: list[tuple[tuple[str, ...], type[DangolError], str]] = [
    ((*GRANT, "--at", "2999-01-01"), UsageError, "--at: .* later than now"),
    ((*GRANT, "--at", "soon"), UsageError, "--at: expected an ISO 8601 time"),
    ((*WITHDRAW, "--at", "1969-01-01"), UsageError, "--at: expected a time from 1970"),
    ((*GRANT, "--topic", "Sale News"), UsageError, "--topic: expected a key"),
    ((*GRANT, "--basis", "writen_consent"), UsageError, "--basis: .*did you mean 'written_consent'"),
    ((*GRANT, "--jurisdiction", "US-ZZ"), UsageError, "--jurisdiction: expected a place .*found 'US-ZZ'"),
    ((*GRANT, "--wording-version", "v" * 101), UsageError, "--wording-version: expected at most 100"),
    ((*GRANT, "--wording", "a", "--wording-file", "b"), UsageError, "say the words once"),
    ((*GRANT, "--wording-file", "absent.txt"), UsageError, "cannot be read"),
    (("consent", "show", "c-9"), UnknownProfile, "c-9"),
    (("consent", "show", "c-1", "--as-of", "yesterday"), UsageError, "--as-of"),
    (("suppression", "add"), UsageError, "either an address or"),
    (("suppression", "add", "kim"), UsageError, "cannot tell what 'kim' is"),
    (("suppression", "add", "--profile", "c-1"), UsageError, "--channel"),
    (("suppression", "add", "--profile", "c-1", "--channel", "push"), UsageError, "no address for push"),
    (("profile", "erase", "c-1"), UsageError, "--yes"),
    (("profile", "export", "c-1", "--output", "folder"), UsageError, "--output: folder is a folder"),
]


def test_mistakes_are_told(home: Path) -> None:
    (home / "folder").mkdir()
    for arguments, error, message in MISTAKES:
        with pytest.raises(error, match=message):
            run(*arguments)
    assert states() == {}


def test_an_unknown_channel_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["consent", "grant", "c-1", "--channel", "fax", "--purpose", "marketing"])
    assert result.exit_code == 2
    assert "fax" in result.output


def test_an_address_is_suppressed_shown_and_lifted() -> None:
    assert "is suppressed: manual, keeps away marketing" in run("suppression", "add", KIM, "--scope", "marketing")
    assert "is already suppressed" in run("suppression", "add", KIM, "--scope", "marketing")
    shown = CliRunner().invoke(app, ["suppression", "show", "--profile", "c-1", "--channel", "email"])
    assert shown.exit_code == 1
    assert "staff:lee" in shown.output
    assert f"{KIM}: lifted manual" in run("suppression", "lift", KIM, "--because", "typo")
    assert f"{KIM} is not suppressed" in run("suppression", "lift", KIM)
    (one,) = json.loads(run("suppression", "show", KIM, "--json"))
    assert (one["lifted_by"], one["lifted_because"]) == ("lee", "typo")
    assert "was never suppressed" in run("suppression", "show", "010-1234-5678")


def test_a_complaint_is_lifted_by_the_consent_that_answers_it() -> None:
    with freeze_time(datetime.now(UTC) - timedelta(hours=1)):
        run("suppression", "add", "--profile", "c-1", "--channel", "email", "--cause", "complaint")
    with pytest.raises(DangolError, match="only a new express consent"):
        run("suppression", "lift", KIM)
    run(*GRANT, "--wording", "Do you want our news again?")
    assert "was never" not in run("suppression", "show", KIM)  # exit code 0: the consent lifted it
    (one,) = json.loads(run("suppression", "show", KIM, "--json"))
    assert one["lifted_by"] == "staff:lee"


def test_an_080_list_stops_whoever_has_the_number(home: Path) -> None:
    run("consent", "grant", "c-1", "--channel", "sms", "--purpose", "marketing", "--proof", "p", "--at", "2026-01-01")
    (home / "optout.txt").write_text("번호,일시\n010-1234-5678,2026-02-01 10:00\n", encoding="cp949")
    told = run("import", "suppressions", "optout.txt", "--format", "080", "--encoding", "cp949", "--json")
    assert json.loads(told) | {"file": ""} == {
        "kind": "suppressions", "file": "", "rows": 1, "imported": 1, "known": 0, "rejected": 0, "reject_file": None,
    }  # fmt: skip
    assert states() == {"sms marketing": "withdrawn"}
    ledger = json.loads(run("consent", "show", "c-1", "--json"))["ledger"]
    assert (ledger[-1]["source"], ledger[-1]["occurred_at"]) == ("080", "2026-02-01T01:00:00+00:00")
    assert CliRunner().invoke(app, ["suppression", "show", "010-1234-5678"]).exit_code == 1
    run("consent", "grant", "c-1", "--channel", "sms", "--purpose", "marketing", "--wording", "다시 받을게요")
    again = run("suppression", "import", "optout.txt", "--format", "080", "--encoding", "cp949", "--json")
    assert json.loads(again)["known"] == 1
    assert states() == {"sms marketing": "granted"}
    assert CliRunner().invoke(app, ["suppression", "show", "010-1234-5678"]).exit_code == 0


def test_an_imported_claim_never_lifts_and_unknown_topics_are_warned_of(home: Path) -> None:
    run("suppression", "add", KIM, "--cause", "complaint")
    (home / "old.csv").write_text(
        "profile_id,channel,purpose,action,occurred_at,topic,wording\n"
        "c-1,email,marketing,granted,2026-01-01,,\n"
        "c-1,email,marketing,granted,2026-01-01,tea,Tea news?\n"
    )
    run("consent", "import", "old.csv")
    rows = json.loads(run("consent", "show", "c-1", "--json"))["ledger"]
    assert sorted((row["action"], row["source"]) for row in rows) == [
        ("granted", "import:old.csv:3"),
        ("imported", "import:old.csv:2"),
    ]
    assert CliRunner().invoke(app, ["suppression", "show", KIM]).exit_code == 1


def test_a_person_is_shown_exported_and_erased(home: Path) -> None:
    run(*GRANT, "--wording", "News?")
    shown = run("profile", "show", "c-1")
    assert KIM in shown
    assert "김단골" in shown
    assert "email · marketing" in shown
    told = run("profile", "export", "c-1", "--output", "kim.json", "--asked")
    assert "all that is held about c-1" in told
    document: dict[str, Any] = json.loads((home / "kim.json").read_text(encoding="utf-8"))
    assert document["profile"]["email"] == KIM
    assert "c-1 is erased" in run("profile", "erase", "c-1", "--yes", "--asked")
    assert "was erased already" in run("profile", "erase", "c-1")
    assert "names nobody" in run("profile", "show", "c-1")
    assert KIM not in run("profile", "show", "c-1")
    with pytest.raises(ErasedProfile):
        run(*GRANT)
    with pytest.raises(ErasedProfile):
        run("profile", "export", "c-1")
    with pytest.raises(DangolError, match="only the person can"):
        run("suppression", "lift", KIM)
    assert states() == {"email marketing": "granted"}  # who agreed to what stays on record, without a name


def test_a_grant_says_which_suppression_it_lifted() -> None:
    with freeze_time("2026-01-01"):
        run("suppression", "add", KIM, "--cause", "complaint")
    told = run(*GRANT, "--wording", "News?")
    assert "lifted by it: the suppression of the address for email (complaint)" in told
    assert "lifted" not in run(*GRANT, "--wording", "News again?")


def test_somebody_who_was_erased_is_told_in_one_line() -> None:
    run(*GRANT, "--wording", "News?")
    run("profile", "erase", "c-1", "--yes")
    for arguments in (
        ("consent", "show", "c-1"),
        ("profile", "show", "c-1"),
        ("policy", "explain", "--profile", "c-1", "--channel", "email"),
    ):
        told = [line for line in run(*arguments).splitlines() if "nothing is sent" in line]
        assert len(told) == 1
        assert "rased on 20" in told[0]


def test_tables_can_be_read_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = "새 소식과 할인 정보를 이메일로 받을게요. 언제든지 철회할 수 있습니다."
    run(*GRANT, "--topic", "records", "--wording", words, "--proof", "call 17", "--jurisdiction", "KR")
    shown = run("consent", "show", "c-1")
    (row,) = json.loads(run("consent", "show", "c-1", "--json"))["ledger"]
    assert shown.count(row["id"]) == 2
    assert len(shown.splitlines()) <= 20
    run("suppression", "add", KIM, "--cause", "complaint", "--note", "by phone")
    listed = CliRunner().invoke(app, ["suppression", "show", KIM]).output
    assert "all but transactional" in listed
    rules = run("policy", "rules", "--jurisdiction", "KR")
    assert "Network Act §50(1), §50(1)1, Enforcement Decree §61(1)" in " ".join(rules.split())
    assert max(len(line) for line in [*shown.splitlines(), *listed.splitlines(), *rules.splitlines()]) <= 80
