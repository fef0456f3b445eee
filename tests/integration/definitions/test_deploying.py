"""What is in service changes whole or not at all, by one at a time, on the record, and can be put back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from dangol import release
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import forms
from dangol.definitions import history, versions
from dangol.definitions.git import commit_of
from dangol.errors import ProblemsFound, StoreUnavailable, UnknownVersion, UsageError
from dangol.model.fragmentation import Fragmentation
from dangol.settings import Settings
from dangol.store.bulk import insert_many
from dangol.store.tables import blobs, consent_forms, deployments, journeys, messages
from tests.integration.pipeline.conftest import carrier, dangol, house, settings
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note, write_workspace

__all__ = ["carrier", "dangol", "house"]
SECOND = timedelta(seconds=1)


def named(house: House, *keys: str, name: str = "") -> list[versions.Deployment]:
    """Deploy campaigns with these keys, all with this name."""
    house.clock.advance(SECOND)
    campaigns = [campaign(key, {"wait": "1 day"}, note(), name=name or key) for key in keys]
    root = write_workspace(house.dangol.settings.home / "shop", *campaigns)
    return house.dangol.deploy(by="tests", root=root)


def in_service(dangol: Dangol) -> dict[str, str]:
    with dangol.database.read() as tx:
        return versions.active(tx)


def past(house: House, key: str | None = None) -> list[history.Past]:
    with house.database.read() as tx:
        return history.history(tx, key)


# Some campaigns, and none.


def test_deploying_one_campaign_leaves_the_others_as_they_are(house: House, tmp_path: Path) -> None:
    named(house, "a", "b", "c")
    before = in_service(house.dangol)
    root = write_workspace(tmp_path / "other", campaign("a", name="A"), campaign("b", name="B"))
    (change,) = house.dangol.deploy(by="tests", root=root, keys=["a"])
    assert change.campaign_key == "a"
    assert in_service(house.dangol) == {**before, "a": change.version_id}
    (gone,) = house.dangol.deploy(by="tests", root=root, keys=["c"])
    assert (gone.campaign_key, gone.version_id) == ("c", None)
    with pytest.raises(UsageError, match="there is no campaign 'd'"):
        house.dangol.deploy(by="tests", root=root, keys=["d"])


def test_what_cannot_be_run_never_goes_into_service(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    named(house, "a")
    before = in_service(house.dangol)
    monkeypatch.setattr(release, "compile_release", lambda version: 1 / 0)
    with pytest.raises(UnknownVersion, match="cannot be run"):
        named(house, "a", "b", name="New")
    assert in_service(house.dangol) == before


# The record.


def test_the_history_says_what_came_into_service_when_by_whom_and_how(house: House) -> None:
    (first,) = named(house, "a")
    named(house, "a", name="A")
    house.knows("kim").orders("kim")
    house.dangol.rollback("a", by="lee")
    named(house)
    told = [(one.action, one.version_id == first.version_id, one.in_service, one.journeys) for one in past(house, "a")]
    assert told == [
        ("withdraw", False, False, 0),
        ("rollback", True, False, 0),
        ("deploy", False, False, 1),
        ("deploy", True, False, 0),
    ]
    assert [one.deployed_by for one in past(house)] == ["tests", "lee", "tests", "tests"]
    assert past(house, "b") == []


def test_the_version_in_service_is_marked(house: House) -> None:
    named(house, "a", "b")
    named(house, "a", "b", name="C")
    assert [(one.campaign_key, one.in_service) for one in past(house)] == [
        ("b", True),
        ("a", True),
        ("b", False),
        ("a", False),
    ]


def _git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, "-C", str(root), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_git_commit_is_kept_and_said_to_be_dirty_if_the_workspace_is(house: House, tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop", campaign("a"))
    assert commit_of(root) is None
    _git(root, "init", "--quiet")
    assert commit_of(root) is None
    _git(root, "add", ".")
    _git(root, "commit", "--quiet", "--message", "one")
    commit = _git(root, "rev-parse", "HEAD")
    house.dangol.deploy(by="tests", root=root)
    (root / "notes.txt").write_text("no part of the workspace")
    assert commit_of(root) == commit
    (root / "campaigns" / "a.yaml").write_text((root / "campaigns" / "a.yaml").read_text() + "\n")
    house.dangol.deploy(by="tests", root=root)
    assert [one.git_commit for one in past(house)] == [f"{commit}-dirty", commit]


def test_deploying_does_not_depend_on_git(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_workspace(tmp_path / "shop", campaign("a"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert commit_of(root) is None
    assert len(house.dangol.deploy(by="tests", root=root)) == 1


# Rolling back.


def test_a_rollback_undoes_and_a_second_one_goes_further_back(house: House) -> None:
    one, two, three = (named(house, "a", name=name)[0].version_id for name in ("1", "2", "3"))
    assert house.dangol.rollback("a", by="tests").version_id == two
    assert house.dangol.rollback("a", by="tests").version_id == one
    with pytest.raises(UsageError, match="a had no version before"):
        house.dangol.rollback("a", by="tests")
    assert house.dangol.rollback("a", by="tests", to=str(three)[:6]).version_id == three
    four = named(house, "a", name="4")[0].version_id
    assert four not in (one, two, three)
    assert house.dangol.rollback("a", by="tests").version_id == three


def test_a_campaign_that_was_taken_out_comes_back_as_it_was(house: House) -> None:
    named(house, "a", "b", name="1")
    two = named(house, "a", "b", name="2")[0].version_id
    named(house, "b", name="2")
    assert house.dangol.rollback("a", by="tests").version_id == two
    assert set(in_service(house.dangol)) == {"a", "b"}


@pytest.mark.parametrize(
    ("key", "to", "why"),
    [
        ("aa", "", "the campaign 'aa' was never deployed"),
        ("a", "zz", "no version of a begins with 'zz': there are"),
        ("a", "", "a had no version before"),
    ],
)
def test_a_rollback_to_nowhere_is_told(house: House, key: str, to: str, why: str) -> None:
    named(house, "a")
    with pytest.raises(UsageError, match=why):
        house.dangol.rollback(key, by="tests", to=to)


def test_rolling_back_to_what_is_in_service_is_told(house: House) -> None:
    (change,) = named(house, "a")
    with pytest.raises(UsageError, match="is in service already"):
        house.dangol.rollback("a", by="tests", to=str(change.version_id))


# Promoting.


@pytest.fixture
def production(sqlite_template: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[Dangol]:
    with Dangol(_production(tmp_path / "production"), clock=clock) as opened:
        yield opened


def _production(home: Path) -> Settings:
    return settings(f"sqlite:///{home / 'production.sqlite3'}", home)


def test_promotion_puts_exactly_the_same_versions_into_service(
    house: House, production: Dangol, tmp_path: Path
) -> None:
    production.deploy(by="tests", root=write_workspace(tmp_path / "old", campaign("a", name="old"), campaign("z")))
    named(house, "a", "b")
    changes = production.promote(house.database, by="ops")
    assert in_service(production) == in_service(house.dangol)
    assert {change.campaign_key for change in changes} == {"a", "b", "z"}
    assert production.promote(house.database, by="ops") == []
    with production.database.read() as tx:
        latest = history.history(tx)[:3]
        assert {(one.campaign_key, one.action) for one in latest} == {
            ("a", "promote"),
            ("b", "promote"),
            ("z", "withdraw"),
        }
        assert versions.load(tx, in_service(production)["b"]).campaign.key == "b"


def test_promoting_some_campaigns_leaves_the_others(house: House, production: Dangol, tmp_path: Path) -> None:
    production.deploy(by="tests", root=write_workspace(tmp_path / "old", campaign("z")))
    named(house, "a", "b")
    assert [change.campaign_key for change in production.promote(house.database, by="ops", keys=["b"])] == ["b"]
    assert set(in_service(production)) == {"b", "z"}
    with pytest.raises(UsageError, match="no campaign 'y' is in service there; there are a, b"):
        production.promote(house.database, by="ops", keys=["y"])


def test_what_was_altered_on_the_way_is_refused_and_nothing_changes(house: House, production: Dangol) -> None:
    named(house, "a")
    with house.database.write() as tx:
        some = tx.execute(blobs.select().limit(1)).one()
        tx.execute(blobs.update().where(blobs.c.hash == some.hash).values(content=some.content + " "))
    with pytest.raises(UnknownVersion, match="was altered in the database it comes from"):
        production.promote(house.database, by="ops")
    assert in_service(production) == {}


def test_promoting_from_where_nothing_is_in_service_takes_nothing_out(house: House, production: Dangol) -> None:
    named(house, "a")
    with pytest.raises(UsageError, match="nothing is in service"):
        house.dangol.promote(production.database, by="ops")
    assert set(in_service(house.dangol)) == {"a"}


def _with_form(house: House, text: str | None) -> None:
    root = write_workspace(house.dangol.settings.home / "shop", campaign("a"))
    wording = {"ko": {"title": "소식", "text": text}, "en": {"title": "News", "text": text}}
    found = {"news": {"channels": ["email"], "wording": wording}} if text is not None else {}
    (root / "campaigns/consent-forms.yaml").write_text(json.dumps({"forms": found}), encoding="utf-8")
    house.dangol.deploy(by="tests", root=root)


def _form(dangol: Dangol) -> tuple[str, str] | None:
    """Name and words of the form that can be filled in."""
    with dangol.database.read() as tx:
        found = forms.current(tx, "news")
    return (found.name, found.form.wording["ko"].text) if found is not None else None


def test_a_promotion_takes_the_consent_forms_along(house: House, production: Dangol) -> None:
    _with_form(house, "First.")
    _with_form(house, "Second.")
    production.promote(house.database, by="ops")
    assert (_form(house.dangol), _form(production)) == (("news/2", "Second."), ("news/1", "Second."))
    production.promote(house.database, by="ops")
    assert _form(production) == ("news/1", "Second.")
    _with_form(house, None)
    production.promote(house.database, by="ops")
    assert _form(production) is None


def test_a_promotion_from_an_older_release_leaves_the_consent_forms(house: House, production: Dangol) -> None:
    _with_form(house, "First.")
    production.promote(house.database, by="ops")
    with house.database.write() as tx:
        tx.exec_driver_sql("DROP TABLE consent_forms")
    production.promote(house.database, by="ops")
    assert _form(production) == ("news/1", "First.")


@pytest.mark.parametrize(
    ("definition", "changed_id", "why"),
    [
        ({"channels": ["email"]}, True, "the form news/2 is not what its id says; it was altered"),
        (
            {"channels": ["pigeon"]},
            False,
            r"the form news/2 cannot be read by this release \(channels.0: .*upgrade first",
        ),
    ],
)
def test_a_form_that_was_altered_or_cannot_be_read_is_refused_and_nothing_changes(
    house: House, production: Dangol, definition: dict[str, Any], changed_id: bool, why: str
) -> None:
    _with_form(house, "First.")
    wanted = {"wording": {"en": {"title": "News", "text": "Second."}}} | definition
    row = forms._new("news", 2, wanted, house.clock.now(), "tests")
    with house.database.write() as tx:
        insert_many(tx, consent_forms, [row | ({"id": "0" * 64} if changed_id else {})])
    with pytest.raises(UnknownVersion, match=why):
        production.promote(house.database, by="ops")
    assert (in_service(production), _form(production)) == ({}, None)


# How far the texts tell the same facts.

EMAIL = "---\nsubject: A note\npreheader: P\ntitle: T\n---\nIt costs ₩30,000 until {day}.\n"
TEXTS = {"note/email.en.md.j2": EMAIL.format(day="Nov 30"), "note/sms.en.txt.j2": "It costs 30,000 won.\n"}
COUNTED = Fragmentation(told=3, missing=1)


def _costs(house: House, **texts: str) -> list[versions.Deployment]:
    house.clock.advance(SECOND)
    told = TEXTS | {"note/email.en.md.j2": EMAIL.format(day=texts.get("day", "Nov 30"))}
    root = write_workspace(house.dangol.settings.home / "shop", campaign("a", note("email", "sms")), texts=told)
    return house.dangol.deploy(by="tests", root=root)


def test_a_deployment_keeps_how_far_its_texts_tell_the_same(house: House) -> None:
    _costs(house)
    named(house, "a")
    assert [one.facts for one in past(house, "a")] == [Fragmentation(), COUNTED]


def test_a_rollback_knows_what_was_counted_when_the_version_was_deployed(house: House) -> None:
    _costs(house)
    named(house, "a")
    house.dangol.rollback("a", by="lee")
    assert past(house, "a")[0].facts == COUNTED


def test_a_promotion_takes_over_what_was_counted(house: House, production: Dangol) -> None:
    _costs(house)
    production.promote(house.database, by="ops")
    with production.database.read() as tx:
        assert [one.facts for one in history.history(tx)] == [COUNTED]


def test_what_was_deployed_before_anybody_counted_is_not_said_to_be_the_same(house: House, production: Dangol) -> None:
    _costs(house)
    with house.database.write() as tx:
        tx.execute(deployments.update().values(facts_told=None, facts_differing=None, facts_missing=None))
    production.promote(house.database, by="ops")
    assert past(house, "a")[0].facts is None
    with production.database.read() as tx:
        assert [one.facts for one in history.history(tx)] == [None]


def test_texts_that_differ_are_not_deployed(house: House) -> None:
    texts = TEXTS | {"note/sms.en.txt.j2": "It costs 40,000 won.\n"}
    root = write_workspace(house.dangol.settings.home / "shop", campaign("a", note("email", "sms")), texts=texts)
    with pytest.raises(ProblemsFound) as refused:
        house.dangol.deploy(by="tests", root=root)
    (problem,) = refused.value.problems
    assert (problem.code, problem.path, problem.line) == ("fact-differs", "templates/note/sms.en.txt.j2", 1)
    assert "templates/note/email.en.md.j2:6:10" in problem.message


# At the same time.


def test_of_two_deployments_at_once_one_is_in_service_whole(house: House, tmp_path: Path) -> None:
    keys = [f"c{number}" for number in range(6)]
    roots = [write_workspace(tmp_path / name, *(campaign(key, name=name) for key in keys)) for name in ("one", "other")]
    made = [house.dangol.checked(root) for root in roots]
    wanted = [{key: versions.version_of(workspace, key)[0] for key in keys} for workspace in made]
    for _ in range(5):
        start = Barrier(2)

        def put(number: int, start: Barrier = start) -> Any:
            start.wait()
            return house.dangol.deploy(by=str(number), root=roots[number], workspace=made[number])

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(put, range(2)))
        assert in_service(house.dangol) in wanted
    by = [row.deployed_by for row in house.rows(deployments)]
    assert all(len(set(by[start : start + 6])) == 1 for start in range(0, len(by), 6))


def test_deploying_while_work_goes_on_mixes_no_versions(house: House, tmp_path: Path) -> None:
    def edition(word: str) -> Path:
        text = {"note/email.en.md.j2": f"---\nsubject: {word}\npreheader: P\ntitle: T\n---\n{word}\n"}
        return write_workspace(tmp_path / word, campaign("a", {"wait": "1 hour"}, note(ref="n"), name=word), texts=text)

    editions = {word: house.dangol.checked(edition(word)) for word in ("one", "other")}
    words = {versions.version_of(workspace, "a")[0]: word for word, workspace in editions.items()}
    people = [f"p{number}" for number in range(24)]
    house.dangol.deploy(by="tests", workspace=editions["one"])
    house.knows(*people)

    def change(_: int) -> None:
        for workspace in (editions["other"], editions["one"]) * 3:
            house.dangol.deploy(by="tests", workspace=workspace)

    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(house.orders, who) for who in people]
        work.append(threads.submit(change, 0))
        for one in work:
            one.result()
    house.pass_time(timedelta(hours=2))
    begun = {row.id: row.version_id for row in house.rows(journeys)}
    sent = {envelope.message_id: envelope.rendered.subject for envelope in house.carrier.accepted}
    assert len(sent) == len(people)
    for row in house.rows(messages):
        assert row.version_id == begun[row.journey_id]
        assert sent[row.id] == f"(광고) {words[row.version_id]}"


def test_whoever_was_told_by_a_plan_gets_what_was_planned(house: House, tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop", campaign("a"))
    checked = house.dangol.checked(root)
    planned = house.dangol.plan(checked).campaigns[0].version_id
    write_workspace(tmp_path / "shop", campaign("a", name="changed meanwhile"))
    (change,) = house.dangol.deploy(by="tests", root=root, workspace=checked)
    assert change.version_id == planned


def test_a_database_without_a_schema_is_said_to_have_none(house: House) -> None:
    """On either: what is missing, and how to make it."""
    with house.database.write() as tx:
        tx.execute(text("ALTER TABLE deployments RENAME TO moved"))
    with pytest.raises(StoreUnavailable, match="its schema is missing"), house.database.read() as tx:
        versions.active(tx)
