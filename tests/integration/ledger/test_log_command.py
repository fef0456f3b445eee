"""``dangol log`` and ``dangol explain``: the log for people in a terminal and for programs in a pipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.errors import UnknownProfile, UsageError
from dangol.store.tables import log
from dangol.surfaces.cli import log as module
from dangol.surfaces.inquiry import UnknownEntry
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

Run = Callable[..., Result]
RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}


@pytest.fixture
def run(dangol: Dangol, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.add_typer(module.app)
    app.command()(module.explain)
    monkeypatch.setattr(module, "open_dangol", lambda _: dangol)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, width: int = 80) -> Result:
        monkeypatch.setenv("COLUMNS", str(width))
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture
def shop(house: House) -> House:
    """A receipt to Alice and to Bob on one day, a text to Alice on the next; Bob agreed to nothing."""
    house.opens_with(campaign("receipts", RECEIPT, purpose="transactional"), campaign("texts", note("sms", ref="text")))
    house.knows("alice").knows("bob", agreeing_to=())
    house.orders("alice", "bob", order_id="A-1", value=30)
    house.pass_time(timedelta(days=1))
    house.orders("alice", order_id="A-2", value=1)
    house.work()
    return house


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]


def rows_of(text: str) -> list[str]:
    return re.findall(r"^ *(\d+)  ", text, flags=re.MULTILINE)


class TestList:
    def test_newest_first_with_a_cursor(self, shop: House, run: Run) -> None:
        everything = lines(run("log", "list", "--json", "--limit", "1000"))
        numbers = [entry["seq"] for entry in everything]
        assert numbers == sorted(numbers, reverse=True)
        first = run("log", "list", "--limit", "3")
        assert rows_of(first.output) == [str(number) for number in numbers[:3]]
        assert f"--before {numbers[2]}" in first.output
        second = run("log", "list", "--limit", "3", "--before", str(numbers[2]))
        assert rows_of(second.output) == [str(number) for number in numbers[3:6]]

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            (["--profile", "bob", "--reason", "consent_missing"], 1),
            (["--campaign", "texts", "--decision", "message_accepted"], 2),
            (["--channel", "sms", "--decision", "message_sending"], 2),
            (["--decision", "message_accepted", "--from", "2026-03-03"], 2),
            (["--decision", "message_accepted", "--to", "2026-03-02"], 3),
            (
                [
                    "--decision",
                    "message_accepted",
                    "--from",
                    "2026-03-02T10:00+09:00",
                    "--to",
                    "2026-03-02T10:01+09:00",
                ],
                3,
            ),
            (["--from", "2027-01-01"], 0),
        ],
    )
    def test_filters(self, shop: House, run: Run, filters: list[str], found: int) -> None:
        assert len(lines(run("log", "list", "--json", *filters))) == found

    def test_json_names_the_person_as_the_back_end_does(self, shop: House, run: Run) -> None:
        (entry,) = lines(run("log", "list", "--json", "--profile", "bob", "--reason", "consent_missing"))
        assert (entry["profile"], entry["campaign_key"], entry["channel"]) == ("bob", "texts", "sms")

    @pytest.mark.parametrize("width", [80, 120])
    def test_fits_the_terminal(self, shop: House, run: Run, width: int) -> None:
        output = run("log", "list", width=width).output
        assert max(map(len, output.splitlines())) <= width
        assert "accepted_by_provider" in output

    @pytest.mark.parametrize("filters", [["--reason", "cappd"], ["--from", "x"], ["--channel", "fax"]])
    def test_a_filter_that_means_nothing_is_a_mistake(self, shop: House, run: Run, filters: list[str]) -> None:
        assert isinstance(run("log", "list", *filters).exception, UsageError)

    def test_an_unknown_person_is_said_to_be_unknown(self, shop: House, run: Run) -> None:
        for command in (["log", "list"], ["explain"]):
            error = run(*command, "--profile", "nobody").exception
            assert isinstance(error, UnknownProfile)
            assert error.exit_code == 2
            assert "'nobody'" in str(error)


class TestShow:
    def test_shows_everything_and_the_proof(self, shop: House, run: Run) -> None:
        entry = shop.log("message_sending", campaign_key="texts")[0]
        shown = run("log", "show", entry.id)
        assert shown.exit_code == 0
        for told in ("alice", "message_sending", "granted for marketing by sms", "How are you?", "byte for byte"):
            assert told in shown.output
        assert run("log", "show", str(entry.seq)).output == shown.output

    def test_json_holds_text_consent_and_proof(self, shop: House, run: Run) -> None:
        entry = shop.log("message_accepted", campaign_key="receipts", profile_id=shop.id_of("alice"))[0]
        (shown,) = lines(run("log", "show", entry.id, "--json"))
        assert isinstance(shown["reproduction"], dict)
        assert (shown["reproduction"]["matches"], shown["reproduction"]["address"]) == (True, "alice@example.com")

    def test_an_entry_without_a_text_needs_no_proof(self, shop: House, run: Run) -> None:
        entry = shop.log("journey_entered")[0]
        shown = run("log", "show", entry.id)
        assert shown.exit_code == 0
        assert "Rendered again" not in shown.output

    def test_a_failed_proof_is_exit_code_1(self, shop: House, run: Run) -> None:
        entry = shop.log("message_sending")[0]
        with shop.database.write() as tx:
            if shop.database.is_postgresql:
                tx.exec_driver_sql("ALTER TABLE log DISABLE TRIGGER USER")
            else:
                tx.exec_driver_sql("DROP TRIGGER log_refuses_update")
            tx.execute(log.update().where(log.c.id == entry.id).values(content_hash="0" * 64))
        shown = run("log", "show", entry.id)
        assert shown.exit_code == 1
        assert "NOT the bytes that were sent" in shown.output

    def test_an_erasure_is_no_failure(self, shop: House, run: Run) -> None:
        entry = shop.log("message_sending", profile_id=shop.id_of("alice"))[0]
        shop.erases("alice")
        shown = run("log", "show", entry.id)
        assert shown.exit_code == 0
        assert "cannot be shown: This person was erased" in shown.output
        assert "alice@example.com" not in shown.output

    @pytest.mark.parametrize("wanted", ["0", "99999", "nothing", "A" * 26, "9" * 25])
    def test_an_unknown_entry_is_said_to_be_unknown(self, shop: House, run: Run, wanted: str) -> None:
        error = run("log", "show", wanted).exception
        assert isinstance(error, UnknownEntry)
        assert error.exit_code == 1


class TestExplain:
    def test_tells_each_message_in_words(self, shop: House, run: Run) -> None:
        told = run("explain", "--profile", "bob", "--campaign", "texts").output
        assert "NOT SENT  note" in told
        assert "No consent is on record for SMS" in told
        assert "receipts" not in told

    def test_tells_it_in_korean(self, shop: House, run: Run) -> None:
        told = run("explain", "--profile", "bob", "--language", "ko").output
        assert "보내지 않음" in told
        assert "이메일로 보냈습니다." in told

    def test_tells_programs_in_json(self, shop: House, run: Run) -> None:
        told = lines(run("explain", "--profile", "bob", "--json"))
        assert {account["campaign"] for account in told} == {"receipts", "texts"}

    def test_a_person_without_a_story_is_no_mistake(self, shop: House, run: Run) -> None:
        shop.knows("carol")
        assert "nothing about carol" in run("explain", "--profile", "carol").output
        assert lines(run("explain", "--profile", "carol", "--json")) == []
