"""Settings that are right one by one and wrong together, and keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from dangol.settings import Settings
from dangol.surfaces.doctor.finding import Finding, Verdict
from dangol.surfaces.doctor.settings import contradictions, keys
from dangol.surfaces.doctor.visit import Visit

POSTGRES, REDIS = "postgresql://db.example.com/dangol", "redis://cache.example.com"
LONG = SecretStr("k" * 64)
MINUTE = timedelta(minutes=1)


def visit(**given: object) -> Visit:
    return Visit(Settings(_env_file=None).model_copy(update=given))


def found(verdict: Verdict, findings: object) -> list[Finding]:
    return [one for one in findings if one.verdict is verdict]  # type: ignore[attr-defined]


def test_the_defaults_contradict_nothing() -> None:
    assert [one.verdict for one in contradictions(visit())] == [Verdict.FINE]


@pytest.mark.parametrize(
    ("given", "said", "fix"),
    [
        ({"broker_url": REDIS}, "SQLite", "DANGOL_DATABASE_URL"),
        ({"smtp_timeout": 10 * MINUTE}, "DANGOL_SMTP_TIMEOUT", "DANGOL_SEND_LEASE"),
        ({"webhook_timeout": 10 * MINUTE}, "DANGOL_WEBHOOK_TIMEOUT", "DANGOL_SEND_LEASE"),
        ({"tick": MINUTE}, "DANGOL_QUEUE_LEASE", "DANGOL_QUEUE_LEASE"),
        ({"email_provider": "smtp"}, "DANGOL_PUBLIC_URL", "https://"),
        ({"email_provider": "smtp", "smtp_username": "shop"}, "DANGOL_SMTP_PASSWORD is not set", "or neither"),
        (
            {
                "email_provider": "smtp",
                "smtp_username": "shop",
                "smtp_password": SecretStr("p"),
                "smtp_host": "smtp.example.com",
            },
            "in the clear",
            "starttls",
        ),
    ],
)
def test_what_contradicts_is_a_problem_that_names_the_setting_to_change(
    given: dict[str, object], said: str, fix: str
) -> None:
    problems = found(Verdict.PROBLEM, contradictions(visit(**given)))
    assert [one for one in problems if said in one.what and fix in one.fix]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"database_url": POSTGRES}, "without a broker"),
        ({"database_url": POSTGRES, "broker_url": REDIS}, "no channel has a provider"),
        ({"stop_within": 11 * MINUTE}, "DANGOL_STOP_WITHIN"),
    ],
)
def test_what_is_only_odd_is_a_warning(given: dict[str, object], said: str) -> None:
    assert [one for one in found(Verdict.WARNING, contradictions(visit(**given))) if said in one.what]


def test_keys_are_no_matter_while_nobody_depends_on_the_installation() -> None:
    assert [one.verdict for one in keys(visit())] == [Verdict.SKIPPED]


def test_keys_that_dangol_made_are_told_once_people_depend_on_it() -> None:
    (told,) = keys(visit(broker_url=REDIS))
    assert told.verdict is Verdict.WARNING
    assert "DANGOL_SECRET_KEY" in told.what
    assert "docs/recipients.md" in told.fix


def test_a_short_key_is_a_problem_and_is_not_shown() -> None:
    given = {"broker_url": REDIS, "secret_key": LONG, "webhook_secret": LONG, "write_key": SecretStr("changeme")}
    (told,) = keys(visit(**given))
    assert told.verdict is Verdict.PROBLEM
    assert "DANGOL_WRITE_KEY" in told.what
    assert "changeme" not in str(told)


def test_long_keys_are_fine() -> None:
    given = dict.fromkeys(("write_key", "secret_key", "webhook_secret"), LONG)
    assert [one.verdict for one in keys(visit(broker_url=REDIS, **given))] == [Verdict.FINE]


def test_several_providers_of_a_channel_are_told_apart() -> None:
    asked = visit(email_provider="sendgrid, smtp", sms_provider="none", push_provider="mailbox")
    assert asked.real == {"sendgrid", "smtp"}
    assert "sms" not in asked.chosen
