"""Carriers, the public address and health, asked of a web server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from dangol.clock import VirtualClock
from dangol.queue.probe import Probed
from dangol.settings import Settings
from dangol.surfaces.doctor import broker, carriers, web
from dangol.surfaces.doctor.finding import Finding, Verdict
from dangol.surfaces.doctor.visit import Visit

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:1"


class Carriers(Settings):
    sendgrid_api_key: SecretStr | None = None
    sendgrid_url: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr | None = None
    twilio_api_key: str = ""
    twilio_api_secret: SecretStr | None = None
    twilio_url: str = ""


class Site:
    """Answers each path with what it was told; notes what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.date = NOW
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                site.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                status, told = site.answers.get(self.path, (404, {}))
                body = json.dumps(told).encode()
                self.send_response_only(status)
                self.send_header("Date", format_datetime(site.date))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - as http.server calls it

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def visit(**given: object) -> Visit:
    settings = Carriers(_env_file=None).model_copy(update=given)
    return Visit(settings, clock=VirtualClock(NOW), timeout=2.0)


def verdicts(findings: Iterator[Finding]) -> list[Verdict]:
    return [one.verdict for one in findings]


def with_sendgrid(url: str, **more: object) -> Visit:
    key = SecretStr("SG.secret")
    return visit(email_provider="sendgrid", sendgrid_api_key=key, sendgrid_url=url, **more)


def with_twilio(url: str, **more: object) -> Visit:
    token = SecretStr("token")
    return visit(sms_provider="twilio", twilio_account_sid="AC1", twilio_auth_token=token, twilio_url=url, **more)


def test_a_sendgrid_key_that_may_send_is_fine(site: Site) -> None:
    site.answers["/v3/scopes"] = (200, {"scopes": ["mail.send", "alerts.read"]})
    assert verdicts(carriers.sendgrid(with_sendgrid(site.url))) == [Verdict.FINE, Verdict.FINE]
    assert site.asked == [("GET", "/v3/scopes", "Bearer SG.secret")]


@pytest.mark.parametrize(
    ("status", "told", "verdict", "said"),
    [
        (200, {"scopes": ["alerts.read"]}, Verdict.PROBLEM, "mail.send"),
        (401, {}, Verdict.PROBLEM, "refuses the credentials"),
        (500, {}, Verdict.UNANSWERED, "answers 500"),
    ],
)
def test_a_sendgrid_key_that_does_not_do_is_told(
    site: Site, status: int, told: object, verdict: Verdict, said: str
) -> None:
    site.answers["/v3/scopes"] = (status, told)
    found = next(carriers.sendgrid(with_sendgrid(site.url)))
    assert (found.verdict, said in found.what) == (verdict, True)
    assert "SG.secret" not in str(found)


def test_a_twilio_account_is_asked_for_by_its_own_name(site: Site) -> None:
    site.answers["/2010-04-01/Accounts/AC1.json"] = (200, {"status": "active"})
    assert verdicts(carriers.twilio(with_twilio(site.url)))[0] is Verdict.FINE
    site.answers["/2010-04-01/Accounts/AC1.json"] = (200, {"status": "suspended"})
    assert "suspended" in next(carriers.twilio(with_twilio(site.url))).what


def test_a_carrier_that_is_not_reached_is_unknown_and_not_fine() -> None:
    assert verdicts(carriers.sendgrid(with_sendgrid(NOWHERE))) == [Verdict.UNANSWERED]
    assert verdicts(carriers.twilio(with_twilio(NOWHERE))) == [Verdict.UNANSWERED]


def test_a_chosen_carrier_without_a_key_is_a_problem() -> None:
    assert verdicts(carriers.sendgrid(visit(email_provider="sendgrid"))) == [Verdict.PROBLEM]
    assert verdicts(carriers.twilio(visit(sms_provider="twilio"))) == [Verdict.PROBLEM]


def test_carriers_that_are_not_chosen_are_not_asked() -> None:
    assert verdicts(carriers.sendgrid(visit())) == verdicts(carriers.twilio(visit())) == [Verdict.SKIPPED]


@pytest.mark.parametrize(("minutes", "verdict"), [(0, Verdict.FINE), (-3, Verdict.PROBLEM), (3, Verdict.PROBLEM)])
def test_a_carriers_clock_shows_that_ours_is_wrong(site: Site, minutes: int, verdict: Verdict) -> None:
    site.answers["/v3/scopes"] = (200, {"scopes": ["mail.send"]})
    site.date = (
        NOW.replace(year=NOW.year) if minutes == 0 else datetime.fromtimestamp(NOW.timestamp() + 60 * minutes, UTC)
    )
    assert verdicts(carriers.sendgrid(with_sendgrid(site.url)))[1] is verdict


@pytest.mark.parametrize(
    ("leaving", "log", "verdict"),
    [
        (404, 404, Verdict.FINE),
        (502, 404, Verdict.PROBLEM),
        (301, 404, Verdict.PROBLEM),
        (404, 200, Verdict.PROBLEM),
    ],
)
def test_the_public_address_serves_recipients_and_nobody_else(
    site: Site, leaving: int, log: int, verdict: Verdict
) -> None:
    site.answers |= {"/u/doctor": (leaving, {}), "/log": (log, {})}
    assert verdicts(web.public_url(visit(public_url=site.url))) == [verdict]


def test_a_public_address_that_is_not_reached_is_unknown() -> None:
    assert verdicts(web.public_url(visit(public_url=NOWHERE))) == [Verdict.UNANSWERED]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(401, Verdict.FINE), (403, Verdict.FINE), (404, Verdict.PROBLEM), (200, Verdict.PROBLEM), (503, Verdict.WARNING)],
)
def test_whoever_does_not_sign_must_be_refused(site: Site, status: int, verdict: Verdict) -> None:
    site.answers["/hooks/sendgrid"] = (status, {})
    site_of_ours = with_sendgrid(site.url, public_url=site.url, sendgrid_webhook_key="a-key")
    assert verdicts(web.hooks(site_of_ours)) == [verdict]
    assert site.asked[0][0] == "POST"


def test_without_the_key_of_sendgrids_reports_none_is_heeded(site: Site) -> None:
    site.answers["/hooks/sendgrid"] = (503, {})
    told = list(web.hooks(with_sendgrid(site.url, public_url=site.url)))
    assert verdicts(iter(told)) == [Verdict.PROBLEM, Verdict.WARNING]
    assert "DANGOL_SENDGRID_WEBHOOK_KEY" in told[0].what


def test_a_web_process_tells_what_ails_it(site: Site) -> None:
    site.answers["/healthz"] = (503, {"status": "failing", "scheduler": {"ok": False, "problem": "it has stopped"}})
    asked = visit()
    asked.web = site.url
    (found,) = web.health(asked)
    assert (found.verdict, "it has stopped" in found.what) == (Verdict.PROBLEM, True)
    site.answers["/healthz"] = (200, {"status": "ok"})
    assert verdicts(web.health(asked)) == [Verdict.FINE]


@pytest.mark.parametrize(
    ("probed", "verdict", "fix"),
    [
        (Probed("Redis", "7.2.4", eviction="allkeys-lru", keeps_log=True), Verdict.PROBLEM, "noeviction"),
        (Probed("Redis", "7.2.4", eviction="noeviction", keeps_log=False), Verdict.WARNING, "appendonly yes"),
        (Probed("Redis", "5.0.14", eviction="noeviction", keeps_log=True), Verdict.PROBLEM, "6.0"),
        (Probed("RabbitMQ", "3.8.1"), Verdict.PROBLEM, "3.9"),
        (Probed("Redis", "7.2.4", lost_after_ms=400_000), Verdict.PROBLEM, "dangol.queue.broker"),
    ],
)
def test_a_broker_that_may_forget_is_told_with_the_command_that_mends_it(
    probed: Probed, verdict: Verdict, fix: str
) -> None:
    (found,) = broker.judge(probed)
    assert (found.verdict, fix in found.fix) == (verdict, True)


def test_a_broker_that_keeps_what_it_is_told_is_fine() -> None:
    assert list(broker.judge(Probed("Redis", "7.2.4", "noeviction", True, True, 10_000))) == []
    assert list(broker.judge(Probed("Valkey", "", None, None, None, 10_000))) == []


def test_a_broker_that_is_away_is_unknown() -> None:
    asked = visit(broker_url="redis://127.0.0.1:1")
    assert verdicts(broker.broker(asked)) == [Verdict.UNANSWERED]
    assert verdicts(broker.broker(visit(broker_url="amqp://127.0.0.1:1"))) == [Verdict.UNANSWERED]
    assert verdicts(broker.broker(visit(broker_url="kafka://k"))) == [Verdict.PROBLEM]
    assert verdicts(broker.broker(visit())) == [Verdict.SKIPPED]
