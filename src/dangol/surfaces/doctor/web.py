"""What others must reach: recipients' pages, health, and the endpoints that carriers report to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dangol.delivery.asking import Unanswered, ask
from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, unanswered, warning
from dangol.surfaces.doctor.visit import Visit

_REPORTING = {"sendgrid": "sendgrid", "twilio": "twilio/status"}
"""Which carriers report, and to which hook."""
HOOKS = "/hooks"


def public_url(visit: Visit) -> Iterator[Finding]:
    """The public address answers, over https, and shows nothing to outsiders that is not theirs."""
    url = visit.settings.public_url
    if not url:
        yield skipped("DANGOL_PUBLIC_URL is not set")
        return
    if visit.offline:
        yield skipped("left out, --offline")
        return
    try:
        page = ask("GET", f"{url}/u/doctor", timeout=visit.timeout)
        pages = ask("GET", f"{url}/log", timeout=visit.timeout)
    except Unanswered as error:
        yield unanswered(
            f"{url}: {error}",
            "recipients cannot leave, and carriers cannot report what became of messages",
            "check its DNS record, its certificate and the proxy that passes /u/, /p/, /c/, /forms/ and /hooks/ on",
        )
        return
    if page.status >= 500 or page.status in {301, 302, 307, 308}:
        yield problem(
            f"{url}/u/… answers {page.status}",
            "that is not dangol's page for leaving: recipients see an error, or are sent elsewhere",
            "let the proxy pass /u/, /p/, /c/ and /forms/ on to `dangol web` unchanged, with their Host header",
        )
    elif pages.status == 200:
        yield problem(
            f"{url}/log is open to everybody",
            "the pages show personal data and ask for no password",
            "let the proxy pass the Host header on, so that dangol keeps its pages to itself, or only /u/, /p/, /c/, "
            "/forms/ and /hooks/",
        )
    else:
        yield fine(f"{url} is reached, and keeps the staff's pages to itself")


def health(visit: Visit) -> Iterator[Finding]:
    """A web process says that it is well."""
    base = visit.web
    if not base:
        yield skipped("name a web process with --web http://127.0.0.1:8000 to ask it")
        return
    try:
        answer = ask("GET", f"{base.rstrip('/')}/healthz", timeout=visit.timeout)
        told = json.loads(answer.body)
    except (Unanswered, ValueError) as error:
        yield unanswered(
            f"{base}/healthz: {error}", "nobody accepts events there", "start `dangol web`, or look at its own log"
        )
        return
    if answer.status != 200:
        parts = [part for part in told.values() if isinstance(part, dict) and part.get("problem")]
        said = "; ".join(str(part["problem"]) for part in parts) or f"it answers {answer.status}"
        yield problem(f"{base}: {said}", "what is due does not go out", "docs/operations.md, When something is away")
    else:
        yield fine(f"{base} is well")


def hooks(visit: Visit) -> Iterator[Finding]:
    """Whoever cannot sign is refused where carriers report."""
    url = visit.settings.public_url
    names = sorted(visit.real & _REPORTING.keys())
    if not names or not url or visit.offline:
        yield skipped("no such provider is chosen, or it cannot be reached from here")
        return
    if "sendgrid" in names and not visit.settings.sendgrid_webhook_key:
        yield problem(
            "DANGOL_SENDGRID_WEBHOOK_KEY is not set",
            "what SendGrid reports cannot be checked, so it is not taken: no bounce and no complaint is heeded",
            "in SendGrid, Settings, Mail Settings, Event Webhook: turn on signing, and copy the verification key",
        )
    for name in names:
        target = f"{url}{HOOKS}/{_REPORTING[name]}"
        try:
            answer = ask("POST", target, timeout=visit.timeout, headers=_JSON, body=b"[]")
        except Unanswered as error:
            yield unanswered(
                f"{target}: {error}", f"{name} cannot report what became of messages", "see the public address above"
            )
            continue
        yield from _refused(target, name, answer.status)


def _refused(target: str, name: str, status: int) -> Iterator[Finding]:
    if status == 404:
        yield problem(
            f"{target} answers 404",
            f"{name} cannot report bounces, complaints and STOP: they would never be heeded",
            f"let the proxy pass {HOOKS}/ on to `dangol web`",
        )
    elif 400 <= status < 500:
        yield fine(f"{target} refuses what is not signed")
    elif status < 400:
        yield problem(
            f"{target} takes what is not signed (it answers {status})",
            "anybody could report bounces and STOP in somebody's name",
            f"let the proxy pass {HOOKS}/ on to `dangol web` unchanged, and set the key that {name} signs with",
        )
    else:
        yield warning(f"{target} answers {status}", f"{name} will have to report again", "see the log of `dangol web`")


_JSON = {"Content-Type": "application/json"}
