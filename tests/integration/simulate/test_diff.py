"""Two states of the campaigns, the same people: who changes, and why."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from markupsafe import escape
from typer.testing import CliRunner

from dangol.definitions import versions
from dangol.definitions.workspace import load_workspace, read_sources
from dangol.errors import DangolError, ProblemsFound, UsageError
from dangol.simulate import part
from dangol.simulate.behaviour import parse_behaviour
from dangol.simulate.engine import run, scratch
from dangol.simulate.listing import join_listing
from dangol.simulate.part import Variant
from dangol.simulate.phrases import Language
from dangol.simulate.report import html_report
from dangol.simulate.setup import Wanted, prepare
from dangol.simulate.variants import at_revision, checked, deployed, with_version
from dangol.simulate.words import because
from dangol.store.database import Database
from dangol.surfaces.cli.simulate import simulate
from tests.integration.simulate.world import QUIET, START, events_file, happened, people_file, simulated, workspace
from tests.workspaces import NIGHT, campaign, cap, note, write_workspace

LANGUAGES: tuple[Language, ...] = ("en", "ko")
BEFORE = campaign("thanks", note(ref="thank"), where="event.value >= 50")


def orders(folder: Path, **values: int) -> Path:
    calls = (happened(who, "Order Completed", 10, order_id="1", value=value) for who, value in values.items())
    return events_file(folder, *calls)


def test_exactly_the_people_whose_outcome_changes_are_named_and_why(tmp_path: Path) -> None:
    now = campaign("thanks", note(ref="thank"), where="event.value >= 30")
    variants = workspace(tmp_path, BEFORE, name="before"), workspace(tmp_path, now)
    events = orders(tmp_path, ada=10, ben=40, cho=60)
    found = simulated(*variants, audience=people_file(tmp_path, ["ada", "ben", "cho"]), events=events)
    difference = found["difference"]
    assert difference["people"] == 1
    assert difference["kinds"] == [{"campaign": "thanks", "kind": "gained", "people": 1}]
    (ben,) = difference["listed"]
    (change,) = ben["changes"]
    assert ben["profile"] == "ben"
    assert (change["before"], change["why"]) == (None, "never_entered")
    assert change["after"] == {
        "state": "accepted",
        "reason": "accepted_by_provider",
        "message": "note",
        "channel": "email",
        "at": "2026-11-02T10:00+09:00",
    }
    assert [variant["sent"] for variant in found["variants"]] == [1, 2]
    report = html_report(found, "en")
    assert "1 of 3 people see a difference" in report
    assert report.index('<th scope="row">ben</th>') < report.index("gets a message more", report.index(">ben<"))
    assert ">ada<" not in report.partition("What some people get")[0]


@pytest.mark.parametrize(
    ("now", "kind", "why", "after"),
    [
        (
            campaign("thanks", {"wait": "3 hours"}, note(ref="thank")),
            "other_time",
            "planned_otherwise",
            "2026-11-02T13:00+09:00",
        ),
        (
            campaign("thanks", note("sms", "email", ref="thank")),
            "other_channel",
            "other_channels",
            "2026-11-02T10:00+09:00",
        ),
        (campaign("thanks", note(ref="thank"), holdout="99%"), "lost", "held_out", "2026-11-02T10:00+09:00"),
    ],
)
def test_another_time_channel_or_refusal_is_told(
    tmp_path: Path, now: dict[str, object], kind: str, why: str, after: str
) -> None:
    before = workspace(tmp_path, campaign("thanks", note(ref="thank")), name="before")
    change = only_change(tmp_path, before, workspace(tmp_path, now))
    assert (change["kind"], change["how"], change["why"], change["after"]["at"]) == (kind, None, why, after)


def only_change(folder: Path, before: Variant, now: Variant, hour: float = 10) -> dict[str, Any]:
    """How the one message differs that ada gets for an order."""
    order = events_file(folder, happened("ada", "Order Completed", hour, order_id="1", value=1))
    found = simulated(before, now, audience=people_file(folder, ["ada"]), events=order)
    (person,) = found["difference"]["listed"]
    (change,) = person["changes"]
    for language in LANGUAGES:
        assert escape(because(change, language)) in html_report(found, language)
    return dict(change)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_message_that_is_put_off_or_no_longer_so_says_for_what_reason(tmp_path: Path, swapped: bool) -> None:
    thanks = campaign("thanks", note())
    variants = [
        workspace(tmp_path, thanks, name="before"),
        workspace(tmp_path, thanks, policies={"quiet_hours": NIGHT}),
    ]
    change = only_change(tmp_path, *(reversed(variants) if swapped else variants), hour=22)
    assert (change["kind"], change["why"]) == ("other_time", "quiet_hours")
    assert change["how"] == ("not_put_off" if swapped else "put_off")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_message_that_is_rerouted_or_no_longer_so_says_for_what_reason(tmp_path: Path, swapped: bool) -> None:
    thanks = campaign("thanks", note("sms", "email", on_capped="reroute"))
    no_sms = {"caps": [cap(0, applies_to='message.channel == "sms"')]}
    variants = [
        workspace(tmp_path, thanks, name="before"),
        workspace(tmp_path, thanks, policies=no_sms),
    ]
    change = only_change(tmp_path, *(reversed(variants) if swapped else variants))
    assert (change["kind"], change["why"]) == ("other_channel", "capped")
    assert change["how"] == ("not_rerouted" if swapped else "rerouted")


@pytest.mark.parametrize(
    ("path", "old", "new", "why"),
    [
        ("note/email.en.md.j2", "How are you?", "How have you been?", "text_changed"),
        ("brand/email.mjml.j2", "</mj-body>", "<mj-raw>new</mj-raw></mj-body>", "brand_changed"),
    ],
)
def test_another_text_is_told_and_where_it_was_changed(tmp_path: Path, path: str, old: str, new: str, why: str) -> None:
    before = workspace(tmp_path, campaign("thanks", note()), name="before")
    edited = {path: before.sources[f"templates/{path}"].replace(old, new)}
    change = only_change(tmp_path, before, workspace(tmp_path, campaign("thanks", note()), texts=edited))
    assert (change["kind"], change["why"]) == ("other_text", why)


def test_another_message_at_the_same_step_is_another_text(tmp_path: Path) -> None:
    before = workspace(tmp_path, campaign("thanks", note(ref="it")), name="before")
    letter = {"send": "letter", "channels": ["email"], "ref": "it"}
    change = only_change(tmp_path, before, workspace(tmp_path, campaign("thanks", letter)))
    assert (change["kind"], change["why"]) == ("other_text", "other_message")
    assert [change[side]["message"] for side in ("before", "after")] == ["note", "letter"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_message_that_moves_past_the_last_day_is_not_lost(tmp_path: Path, swapped: bool) -> None:
    soon = workspace(tmp_path, campaign("thanks", {"wait": "1 day"}, note()), name="before")
    later = workspace(tmp_path, campaign("thanks", {"wait": "20 days"}, note()))
    change = only_change(tmp_path, *((later, soon) if swapped else (soon, later)))
    assert (change["kind"], change["why"]) == ("into_window" if swapped else "after_window", "still_in_journey")


def test_a_message_whose_step_moved_is_still_the_same_message(tmp_path: Path) -> None:
    before = workspace(tmp_path, campaign("thanks", note()), name="before")
    change = only_change(tmp_path, before, workspace(tmp_path, campaign("thanks", {"wait": "3 hours"}, note())))
    assert (change["kind"], change["why"]) == ("other_time", "planned_otherwise")


def test_the_same_campaigns_change_nobody(tmp_path: Path) -> None:
    variants = workspace(tmp_path, BEFORE, name="before"), workspace(tmp_path, BEFORE)
    found = simulated(
        *variants, behaviour="events: {Order Completed: {rate: 30, properties: {value: 70}}}", people=20, days=2
    )
    assert found["variants"][0]["entries"] > 0
    assert found["difference"]["people"] == 0


def test_the_list_is_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    now = campaign("thanks", note(ref="thank"))
    variants = workspace(tmp_path, BEFORE, name="before"), workspace(tmp_path, now)
    names = ["ada", "ben", "cho", "dan"]
    found = simulated(
        *variants,
        audience=people_file(tmp_path, names),
        events=orders(tmp_path, **dict.fromkeys(names, 1)),
        limit=2,
    )
    assert [one["profile"] for one in found["difference"]["listed"]] == ["ada", "ben"]
    assert (found["difference"]["people"], found["difference"]["not_listed"]) == (4, 2)


def test_everybody_who_changes_is_written_to_a_file_whatever_the_limit(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(part, "_SMALLEST_PART", 3)
    now = campaign("thanks", note(ref="thank"))
    variants = workspace(tmp_path, BEFORE, name="before"), workspace(tmp_path, now)
    names = ["ada", "ben", "cho", "dan", "eve"]
    orders_of_all = orders(tmp_path, **dict.fromkeys(names, 1))
    written = []
    for processes in (1, 2):
        wanted = Wanted(
            variants,
            parse_behaviour("behaviour.yaml", QUIET),
            START,
            days=2,
            audience=people_file(tmp_path, names),
            events=orders_of_all,
            limit=1,
            listing=True,
        )
        with scratch() as folder:
            plan, _ = prepare(wanted, Path(folder))
            run(plan, processes=processes, folder=Path(folder))
            assert plan.listing is not None
            join_listing(plan.listing, tmp_path / "changed.csv")
        written.append((tmp_path / "changed.csv").read_text(encoding="utf-8"))
    assert written[0] == written[1]
    rows = list(csv.DictReader(written[0].splitlines()))
    assert sorted(row["profile_id"] for row in rows) == names
    assert {(row["change"], row["why"], row["before_at"], row["after_message"]) for row in rows} == {
        ("gained", "never_entered", "", "note")
    }
    assert {row["after_at"] for row in rows} == {"2026-11-02T10:00+09:00"}


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose workspace lies below its top, with one commit; then the campaign was changed on disk."""
    root = write_workspace(tmp_path / "repository" / "marketing", BEFORE)
    git(tmp_path / "repository", "init", "-q")
    git(tmp_path / "repository", "add", "-A")
    git(tmp_path / "repository", "commit", "-qm", "first")
    write_workspace(root, campaign("thanks", note(ref="thank")))
    return root


def test_a_revision_is_read_without_a_checkout(repository: Path) -> None:
    now = dict(read_sources(repository))
    then = at_revision(repository, "HEAD")
    assert set(then) == set(now)
    assert {path for path in now if now[path] != then[path]} == {"campaigns/thanks.yaml"}
    assert "event.value >= 50" in then["campaigns/thanks.yaml"]
    assert dict(read_sources(repository)) == now
    checked(then)


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~5", "--upload-pack=x", ""])
def test_a_revision_that_is_not_there_is_wrong_usage(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError, match="--diff"):
        at_revision(repository, revision)


def test_without_a_repository_there_are_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no git repository"):
        at_revision(write_workspace(tmp_path / "alone", BEFORE), "HEAD")


def test_without_git_there_are_no_revisions(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="git is not installed"):
        at_revision(repository, "HEAD")


def test_a_revision_that_cannot_run_is_told_with_its_places(repository: Path) -> None:
    broken = {**at_revision(repository, "HEAD"), "campaigns/policies.yaml": "timezone: Mars/Olympus\n"}
    with pytest.raises(ProblemsFound, match=r"campaigns/policies\.yaml:1"):
        checked(broken)


def test_places_in_another_state_name_that_state(repository: Path) -> None:
    broken = {**at_revision(repository, "HEAD"), "campaigns/policies.yaml": "timezone: Mars/Olympus\n"}
    with pytest.raises(ProblemsFound, match=r"^HEAD:campaigns/policies\.yaml:1"):
        checked(broken, state="HEAD")


def test_a_revision_needs_no_database(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()[:10]
    monkeypatch.setenv("DANGOL_WORKSPACE", str(repository))
    monkeypatch.setenv("DANGOL_DATABASE_URL", f"sqlite:///{repository / 'nowhere.sqlite3'}")
    app = typer.Typer()
    app.command()(simulate)
    few = ["--people", "4", "--days", "1", "--diff"]
    assert CliRunner().invoke(app, [*few, revision]).exit_code == 0
    error = CliRunner().invoke(app, [*few, "0123456789ab"]).exception
    assert isinstance(error, DangolError)
    assert "no revision '0123456789ab'" in str(error)
    assert "nowhere.sqlite3" in str(error)


def test_a_deployed_version_is_found_by_the_beginning_of_its_id(repository: Path, sqlite_database: Database) -> None:
    workspace_then = load_workspace(write_workspace(repository.parent / "then", BEFORE))
    with sqlite_database.write() as tx:
        (deployment,) = versions.deploy(tx, workspace_then, at=START, by="tests")
    assert deployment.version_id is not None
    url = f"sqlite:///{sqlite_database.url.database}"
    found = deployed(url, deployment.version_id[:12])
    assert found is not None
    merged = with_version(read_sources(repository), found)
    assert merged["campaigns/thanks.yaml"] == workspace_then.sources["campaigns/thanks.yaml"]
    assert deployed(url, "0123456789ab") is None
    assert deployed(url, "HEAD") is None
