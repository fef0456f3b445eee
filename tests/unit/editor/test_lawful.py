"""A campaign that can never reach part of its audience lawfully is a mistake, and the rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dangol.definitions.workspace import load_workspace
from dangol.editor.lawful import check_lawful
from dangol.model.problem import Problem
from tests.workspaces import campaign, note, write_workspace

NIGHTLY = {"schedule": "0 22 * * *", "audience": "true"}


def problems(folder: Path, entry: dict[str, Any], *steps: dict[str, Any], **changes: Any) -> list[Problem]:
    shown = {**campaign("letter", *steps, **changes), "entry": entry}
    return check_lawful(load_workspace(write_workspace(folder, shown)))


def test_a_text_that_is_due_at_night_and_over_before_the_morning_names_the_rule(tmp_path: Path) -> None:
    [found] = problems(tmp_path, NIGHTLY, note("sms", expires_after="2 hours"))
    assert (found.path, found.code, found.severity) == ("campaigns/letter.yaml", "never-lawful", "error")
    assert "KR-night" in found.message
    assert "South Korea" in found.message


@pytest.mark.parametrize(
    ("entry", "step", "changes"),
    [
        (NIGHTLY, note("sms", expires_after="11 hours"), {}),
        (NIGHTLY, note("sms"), {}),
        (NIGHTLY, note("email", expires_after="2 hours"), {}),
        (NIGHTLY, note("sms", "email", expires_after="2 hours"), {}),
        (NIGHTLY, note("sms", expires_after="2 hours"), {"purpose": "service"}),
        ({**NIGHTLY, "schedule": "0 20 * * *"}, note("sms", expires_after="2 hours"), {}),
        ({**NIGHTLY, "timezone": "America/New_York"}, note("sms", expires_after="2 hours"), {}),
    ],
)
def test_what_gets_through_on_some_channel_or_some_day_is_none(
    tmp_path: Path, entry: dict[str, Any], step: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert problems(tmp_path, entry, step, **changes) == []


def test_a_schedule_by_the_recipients_clock_is_looked_at_there(tmp_path: Path) -> None:
    entry = {**NIGHTLY, "timezone": "recipient"}
    assert len(problems(tmp_path, entry, note("sms", expires_after="2 hours"))) == 1


BRIEF = note("sms", expires_after="2 hours")
BOUGHT = {"event": "Order Completed"}
AT_NIGHT = {"wait": {"until": "22:00"}}


@pytest.mark.parametrize(
    ("entry", "steps"),
    [
        (BOUGHT, [AT_NIGHT, BRIEF]),
        (BOUGHT, [{"wait": "3 days"}, {"wait": {"until": "monday, friday 23:00"}}, BRIEF]),
        (BOUGHT, [AT_NIGHT, {"wait": "1 hour"}, BRIEF]),
        (BOUGHT, [{"wait": {"until": "12:00"}}, {"wait": "10 hours"}, BRIEF]),
        (BOUGHT, [{"wait": {"until": "profile.birthday", "at": "22:00", "yearly": True}}, BRIEF]),
        (BOUGHT, [{"wait": {"until": "12 hours after profile.birthday", "yearly": True}}, BRIEF]),
        ({"event": "Gathering Announced"}, [{"wait": {"until": "1 day before entry.starts_at", "at": "23:00"}}, BRIEF]),
        (BOUGHT, [{"wait": {"until": "2036-12-24", "at": "22:30"}}, BRIEF]),
        (BOUGHT, [AT_NIGHT, {"if": "profile.vip", "then": [note("email")], "else": [{"exit": "no"}]}, BRIEF]),
        (BOUGHT, [{"if": "profile.vip", "then": [AT_NIGHT], "else": [{"wait": {"until": "23:00"}}]}, BRIEF]),
        (BOUGHT, [AT_NIGHT, {"if": "profile.vip", "then": [BRIEF]}]),
        (BOUGHT, [AT_NIGHT, {"split": {"x": {"a": 50, "b": 50}}, "a": [BRIEF], "b": [note("email")]}]),
        (
            BOUGHT,
            [AT_NIGHT, {"wait_for": {"event": "Checkout Started", "within": "1 day"}, "else": [BRIEF]}],
        ),
        ({**NIGHTLY, "schedule": "0 12 * * *"}, [{"wait": "10 hours"}, BRIEF]),
    ],
)
def test_the_last_wait_that_fixes_the_clock_counts_whatever_lets_people_in(
    tmp_path: Path, entry: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    [found] = problems(tmp_path, entry, *steps)
    assert found.code == "never-lawful"
    assert "KR-night" in found.message
    assert found.column > 1  # the place in the file, which is one line of JSON


@pytest.mark.parametrize(
    ("entry", "steps"),
    [
        (NIGHTLY, [{"wait": "12 hours"}, BRIEF]),
        (BOUGHT, [BRIEF]),
        (BOUGHT, [AT_NIGHT, {"wait": "12 hours"}, BRIEF]),
        (BOUGHT, [AT_NIGHT, {"wait": {"until": "12:00"}}, BRIEF]),
        (BOUGHT, [AT_NIGHT, note("sms", expires_after="11 hours")]),
        (BOUGHT, [{"wait": {"until": "2036-12-24", "at": "22:30", "if_past": "continue"}}, BRIEF]),
        ({"event": "Gathering Announced"}, [{"wait": {"until": "12 hours after entry.starts_at"}}, BRIEF]),
        (BOUGHT, [{"if": "profile.vip", "then": [AT_NIGHT]}, BRIEF]),
        (BOUGHT, [{"if": "profile.vip", "then": [AT_NIGHT], "else": [{"wait": {"until": "12:00"}}]}, BRIEF]),
        (
            BOUGHT,
            [AT_NIGHT, {"wait_for": {"event": "Checkout Started", "within": "1 day"}, "then": [BRIEF]}],
        ),
    ],
)
def test_what_may_come_by_day_is_none(tmp_path: Path, entry: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    assert problems(tmp_path, entry, *steps) == []


def lawful_by(folder: Path, rules: list[dict[str, Any]], *steps: dict[str, Any], **policies: Any) -> list[Problem]:
    """What is found of a campaign that an event begins, where the workspace serves the USA and changes these rules."""
    serves = policies.pop("serves", ["US"])
    shown = {**campaign("letter", *steps), "entry": BOUGHT}
    told = {"jurisdictions": {"serves": serves, "rules": rules}, **policies}
    return check_lawful(load_workspace(write_workspace(folder, shown, policies=told)))


def test_states_are_looked_at_where_the_country_is_open(tmp_path: Path) -> None:
    early = {"wait": {"until": "09:30"}}
    [found] = lawful_by(tmp_path, [], early, note("sms", expires_after="10 minutes"))
    assert "Kentucky" in found.message
    assert "US-KY-quiet" in found.message
    assert "US-FL" not in found.message


def test_a_window_by_the_recipients_clock_holds_in_every_zone(tmp_path: Path) -> None:
    [found] = lawful_by(tmp_path, [], AT_NIGHT, BRIEF)
    assert "United States" in found.message
    assert "US-quiet-sms" in found.message


def test_a_limit_that_leaves_no_message_is_named(tmp_path: Path) -> None:
    none = [{"id": "US-FL-limit", "most": 0}]
    [found] = lawful_by(tmp_path / "sms", none, note("sms"))
    assert "Florida" in found.message
    assert "US-FL-limit" in found.message
    assert lawful_by(tmp_path / "both", none, note("sms", "email")) == []


def test_rules_that_no_kind_of_consent_satisfies_are_named(tmp_path: Path) -> None:
    rules = [{"id": "EU-consent-mail", "accepts": {"consent": "always"}}]
    rules.append({"id": "DE-doi", "accepts": {"written_consent": "always"}})
    [found] = lawful_by(tmp_path / "sms", rules, note("sms"), serves=["DE"])
    assert {"DE-doi", "EU-consent-mail"} <= set(found.message.replace(",", " ").split())
    assert lawful_by(tmp_path / "push", rules, note("sms", "push"), serves=["DE"]) == []


def test_imports_without_evidence_are_a_kind_of_consent_only_where_they_count(tmp_path: Path) -> None:
    rules = [{"id": "KR-consent", "accepts": {"imported": "always"}}]
    assert lawful_by(tmp_path / "refuse", rules, note("sms"), serves=["KR"])
    assert lawful_by(tmp_path / "allow", rules, note("sms"), serves=["KR"], imported_consents="allow") == []
