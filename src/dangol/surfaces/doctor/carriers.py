"""Carriers: whether they know us, and may do what we ask of them. Nothing is sent."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

from dangol.delivery.asking import Answer, Unanswered, ask
from dangol.surfaces.doctor.database import skewed
from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, unanswered
from dangol.surfaces.doctor.visit import Visit

_WHOLE_SECOND = timedelta(seconds=1)


def sendgrid(visit: Visit) -> Iterator[Finding]:
    """SendGrid takes the key, and the key may send."""
    told = visit.settings
    key = _secret(told.sendgrid_api_key)
    if "sendgrid" not in visit.real:
        yield skipped("not chosen")
    elif not key:
        yield _lacks("DANGOL_SENDGRID_API_KEY", "email")
    elif visit.offline:
        yield skipped("left out, --offline")
    else:
        url = f"{told.sendgrid_url.rstrip('/')}/v3/scopes"
        yield from _asked(visit, "SendGrid", url, f"Bearer {key}", _may_send)


def _may_send(told: Any) -> Iterator[Finding]:
    scopes = told.get("scopes", []) if isinstance(told, dict) else []
    if "mail.send" in scopes:
        yield fine("SendGrid takes the key, and the key may send")
    else:
        yield problem(
            "the SendGrid key may not send: it lacks the scope mail.send",
            "every email would be refused",
            "in SendGrid, Settings, API Keys: give the key Mail Send",
        )


def twilio(visit: Visit) -> Iterator[Finding]:
    """Twilio knows the account, and it is active."""
    told = visit.settings
    account = told.twilio_account_sid
    user, password = account, _secret(told.twilio_auth_token)
    if told.twilio_api_key:
        user, password = told.twilio_api_key, _secret(told.twilio_api_secret)
    if "twilio" not in visit.real:
        yield skipped("not chosen")
    elif not account or not password:
        yield _lacks("DANGOL_TWILIO_ACCOUNT_SID and DANGOL_TWILIO_AUTH_TOKEN", "SMS")
    elif visit.offline:
        yield skipped("left out, --offline")
    else:
        url = f"{told.twilio_url.rstrip('/')}/2010-04-01/Accounts/{account}.json"
        basic = b64encode(f"{user}:{password}".encode()).decode()
        yield from _asked(visit, "Twilio", url, f"Basic {basic}", _active)


def _active(told: Any) -> Iterator[Finding]:
    status = told.get("status") if isinstance(told, dict) else None
    if status == "active":
        yield fine("Twilio knows the account, and it is active")
    else:
        yield problem(
            f"the Twilio account is {status or 'in a state that it does not tell'}",
            "every SMS would be refused",
            "look at the account in Twilio's console; mostly a bill is unpaid",
        )


def _asked(visit: Visit, name: str, url: str, authorization: str, judge: Any) -> Iterator[Finding]:
    try:
        answer = ask("GET", url, timeout=visit.timeout, headers={"Authorization": authorization})
    except Unanswered as error:
        yield unanswered(
            f"{name} at {url.split('/', 3)[2]}: {error}",
            "messages to it would wait and be tried again",
            "check the way out of this network: DNS, firewall, the setting of its URL",
        )
        return
    if answer.status in {401, 403}:
        yield problem(
            f"{name} refuses the credentials ({answer.status})",
            "every message to it would be refused",
            f"make new ones in {name}'s console and set them; a key of another region or account does not work",
        )
    elif answer.status != 200:
        yield unanswered(
            f"{name} answers {answer.status}",
            "it has trouble of its own, or its URL is set wrongly",
            f"look at {name}'s status page; check the setting of its URL",
        )
    else:
        yield from judge(_json(answer))
        yield from _same_time(visit, name, answer)


def _same_time(visit: Visit, name: str, answer: Answer) -> Iterator[Finding]:
    """Its Date header is a second clock to compare with; it tells whole seconds."""
    try:
        there = parsedate_to_datetime(answer.headers["date"])
        skew = there + _WHOLE_SECOND / 2 - visit.clock.now()
    except (KeyError, ValueError, TypeError):
        return
    yield from skewed(skew, 2 * _WHOLE_SECOND, name)


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _lacks(settings: str, what: str) -> Finding:
    return problem(f"{settings} not set", f"no {what} can be handed over", f"set {settings}; docs/providers.md")


def _secret(given: SecretStr | None) -> str:
    return given.get_secret_value() if given is not None else ""
