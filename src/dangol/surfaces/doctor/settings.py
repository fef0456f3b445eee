"""Settings that contradict each other, and keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import SecretStr

from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, warning
from dangol.surfaces.doctor.visit import Visit

_SHORTEST_KEY = 24
_KEYS = {
    "write_key": "back ends could be impersonated",
    "secret_key": "links of recipients' pages could be forged",
    "webhook_secret": "calls to other systems could be forged",
}
_LOCAL = {"127.0.0.1", "localhost", "::1"}


def contradictions(visit: Visit) -> Iterator[Finding]:
    """Settings that are right one by one and wrong together."""
    found = [*_processes(visit), *_patience(visit), *_smtp(visit), *_reach(visit)]
    yield from found or [fine("no settings contradict each other")]


def _processes(visit: Visit) -> Iterator[Finding]:
    settings = visit.settings
    embedded = not settings.database.startswith("postgresql")
    if settings.broker_url and embedded:
        yield problem(
            "several processes are to share a SQLite database",
            "SQLite has one writer at a time, and no other machine reaches its file",
            "set DANGOL_DATABASE_URL to postgresql://…, or leave DANGOL_BROKER_URL empty and run `dangol up` alone",
        )
    if not settings.broker_url and not embedded:
        yield warning(
            "PostgreSQL without a broker",
            "without DANGOL_BROKER_URL only `dangol up` can run, one process on one machine",
            "set DANGOL_BROKER_URL to redis://… or amqp://… if several processes are to work",
        )


def _patience(visit: Visit) -> Iterator[Finding]:
    settings = visit.settings
    call = settings.webhook_connect_timeout + settings.webhook_timeout
    for name, length in (
        ("DANGOL_SMTP_TIMEOUT", settings.smtp_timeout),
        ("DANGOL_WEBHOOK_TIMEOUT and DANGOL_WEBHOOK_CONNECT_TIMEOUT together", call),
    ):
        if length >= settings.send_lease:
            yield problem(
                f"{name}: {_told(length)}, and DANGOL_SEND_LEASE is {_told(settings.send_lease)}",
                "a hand-over that is still going on would be given up as unknown",
                f"set DANGOL_SEND_LEASE to more than {_told(2 * length)}",
            )
    if settings.queue_lease <= 2 * settings.tick:
        yield problem(
            f"DANGOL_QUEUE_LEASE is {_told(settings.queue_lease)}, and DANGOL_TICK is {_told(settings.tick)}",
            "work would be told about again before a worker can have begun it",
            f"set DANGOL_QUEUE_LEASE to {_told(60 * settings.tick)} or more",
        )
    if settings.stop_within >= settings.send_lease:
        yield warning(
            f"DANGOL_STOP_WITHIN is {_told(settings.stop_within)}, and DANGOL_SEND_LEASE {_told(settings.send_lease)}",
            "a process that stops would wait longer for its work than anybody believes in it",
            f"set DANGOL_STOP_WITHIN to less than {_told(settings.send_lease)}",
        )


def _smtp(visit: Visit) -> Iterator[Finding]:
    settings = visit.settings
    if "smtp" not in visit.real:
        return
    if bool(settings.smtp_username) != bool(settings.smtp_password):
        lacking = "DANGOL_SMTP_PASSWORD" if settings.smtp_username else "DANGOL_SMTP_USERNAME"
        yield problem(
            f"{lacking} is not set, and the other half of the login is",
            "the SMTP server will refuse the login, and with it every email",
            f"set {lacking}, or neither",
        )
    if settings.smtp_username and settings.smtp_security == "none" and settings.smtp_host not in _LOCAL:
        yield problem(
            "the SMTP password travels in the clear",
            "whoever is on the way can read it and send in your name",
            "set DANGOL_SMTP_SECURITY to starttls (port 587) or tls (port 465)",
        )


def _reach(visit: Visit) -> Iterator[Finding]:
    if visit.in_production and not visit.real:
        yield warning(
            "no channel has a provider that reaches anybody",
            "messages end in the mailbox, a file of this machine",
            "set DANGOL_EMAIL_PROVIDER, DANGOL_SMS_PROVIDER or DANGOL_PUSH_PROVIDER; docs/providers.md",
        )
    if visit.real and not visit.settings.public_url:
        yield problem(
            "DANGOL_PUBLIC_URL is not set",
            "recipients have no page to leave, mail programs no one-click button, and carriers cannot report back",
            "set DANGOL_PUBLIC_URL to the https:// address at which recipients reach `dangol web`",
        )


def keys(visit: Visit) -> Iterator[Finding]:
    """Keys are your own, long enough, and not kept beside what they protect."""
    settings = visit.settings
    if not visit.in_production:
        yield skipped("nobody outside depends on this installation yet")
        return
    given: dict[str, SecretStr | None] = {name: getattr(settings, name) for name in _KEYS}
    made = [name for name, key in given.items() if key is None]
    short = [name for name, key in given.items() if key is not None and len(key.get_secret_value()) < _SHORTEST_KEY]
    if made:
        names = ", ".join(f"DANGOL_{name.upper()}" for name in made)
        yield warning(
            f"{names}: made by dangol and kept in the database",
            "whoever reads the database or a backup of it has them",
            "read them out (`dangol write-key`, `dangol webhook-secret`) and set them where you keep secrets; "
            "DANGOL_SECRET_KEY as docs/recipients.md tells, so that links sent before go on working",
        )
    for name in short:
        yield problem(
            f"DANGOL_{name.upper()} has fewer than {_SHORTEST_KEY} characters",
            f"it can be guessed: {_KEYS[name]}",
            "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )
    if not made and not short:
        yield fine("keys are set, and long")


def _told(length: timedelta) -> str:
    seconds = length.total_seconds()
    return f"{seconds:g} s"
