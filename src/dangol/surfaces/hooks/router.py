"""``/hooks/…``: carriers report what became of messages. docs/feedback.md is the manual.

A request is checked against its signature, stored and acknowledged; the work is done by workers afterwards. Only what
somebody wrote back is obeyed before the answer, because the answer to it goes back in the response. 503 asks a carrier
to try again; whatever it sends twice is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from xml.sax.saxutils import escape

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from dangol.batch.replies import Reply
from dangol.bootstrap import Dangol
from dangol.consent.keywords import LONGEST, Intent
from dangol.consent.links import HOOKS
from dangol.delivery.feedback import push, sendgrid, twilio
from dangol.delivery.feedback.plain import Unreadable
from dangol.delivery.feedback.verdict import Check
from dangol.errors import DangolError, InvalidEvent, StoreUnavailable
from dangol.model.feedback import Arrivals
from dangol.model.vocabulary import Channel
from dangol.profiles.contact import normalise_phone
from dangol.surfaces.hooks.requests import RETRY_AFTER, Answer, public_url_of, read_body
from dangol.surfaces.hooks.tally import Came, Tally

MOST_BYTES = 10 * 1024 * 1024
MOST_OF_ONE = 64 * 1024
"""Twilio and devices report one thing at a time."""
_OPT_OUT = {"STOP": Intent.STOP, "START": Intent.START, "HELP": Intent.HELP}
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response>{}</Response>'
_ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""A service worker reports from the shop's own site; what it may do here follows from its receipt alone."""
_REFUSED = {Check.MISSING: Came.UNSIGNED, Check.FORGED: Came.FORGED, Check.STALE: Came.STALE}
_log = structlog.get_logger(__name__)
Work = Callable[[bytes, Request], Response]


def make_router(dangol: Dangol, tally: Tally) -> APIRouter:
    """The hooks of this installation; mount it at the root. Raises UsageError for a key that is none."""
    hooks = Hooks(dangol, tally)
    router = APIRouter(prefix=HOOKS.rstrip("/"), include_in_schema=False, default_response_class=Response)

    def accept(path: str, name: str, work: Work, most: int) -> None:
        router.add_api_route(path, _endpoint(tally, name, work, most), methods=["POST"])

    accept("/sendgrid", sendgrid.PROVIDER, hooks.sendgrid, MOST_BYTES)
    accept("/twilio/status", twilio.PROVIDER, hooks.twilio_status, MOST_OF_ONE)
    accept("/twilio/inbound", twilio.PROVIDER, hooks.twilio_inbound, MOST_OF_ONE)
    accept("/push", push.PROVIDER, hooks.push, MOST_OF_ONE)
    router.add_api_route("/push", _preflight, methods=["OPTIONS"])
    return router


def _endpoint(tally: Tally, name: str, work: Work, most: int) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await read_body(request, most)
        if body is None:
            tally.count(name, Came.TOO_LARGE)
            return Answer(413, f"expected at most {most:,} bytes").response()
        try:
            return await run_in_threadpool(work, body, request)
        except Answer as answer:
            return answer.response()
        except StoreUnavailable as error:
            tally.count(name, Came.STORE_AWAY)
            _log.warning("a report waits for the database", hook=name, error=str(error))
            return Answer(503, "the database is away; send the same again", RETRY_AFTER).response()
        except DangolError as error:
            _log.error("a report cannot be taken in now", hook=name, error=type(error).__name__)
            return Answer(503, "not now; send the same again", RETRY_AFTER).response()

    return endpoint


async def _preflight() -> Response:
    return Response(status_code=204, headers=_ANYWHERE)


class Hooks:
    """What the endpoints do once a request has been read. Raises Answer for whatever is not accepted."""

    def __init__(self, dangol: Dangol, tally: Tally) -> None:
        settings = dangol.settings
        self._dangol = dangol
        self._pipeline = dangol.pipeline
        self._tally = tally
        self._sendgrid: sendgrid.SendGridSignatures | None = None
        if settings.sendgrid_webhook_key:
            age = settings.sendgrid_webhook_max_age
            self._sendgrid = sendgrid.SendGridSignatures(settings.sendgrid_webhook_key, age)
        token = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else ""
        shared = settings.twilio_shared_keys.get_secret_value().split() if settings.twilio_shared_keys else []
        self._twilio: twilio.TwilioSignatures | None = None
        if settings.public_url and (token or shared):
            self._twilio = twilio.TwilioSignatures(token, shared)

    def sendgrid(self, body: bytes, request: Request) -> Response:
        if self._sendgrid is None:
            raise self._not_set_up(sendgrid.PROVIDER, "DANGOL_SENDGRID_WEBHOOK_KEY")
        self._must_be_good(sendgrid.PROVIDER, self._sendgrid.check(body, request.headers, self._dangol.clock.now()))
        try:
            arrivals = sendgrid.parse(body)
        except Unreadable as error:
            raise self._malformed(sendgrid.PROVIDER, error) from None
        self._take_in(sendgrid.PROVIDER, arrivals)
        return Response(status_code=204)

    def twilio_status(self, body: bytes, request: Request) -> Response:
        fields, url = self._from_twilio(body, request)
        self._take_in(twilio.PROVIDER, twilio.parse_status(fields, url))
        return Response(status_code=204)

    def twilio_inbound(self, body: bytes, request: Request) -> Response:
        """Obey what somebody wrote, and answer with the one text that goes back; Twilio sends it."""
        fields, _ = self._from_twilio(body, request)
        inbound = twilio.parse_inbound(fields)
        reply = self._reply(inbound) if inbound is not None else None
        if reply is None:
            self._tally.count(twilio.PROVIDER, Came.UNREADABLE)
            return _twiml("")
        answer = self._pipeline.reply(reply)
        self._tally.count(twilio.PROVIDER, Came.REPLIES)
        return _twiml(answer.text or "")

    def push(self, body: bytes, request: Request) -> Response:
        try:
            reported = push.parse(body)
        except Unreadable as error:
            raise self._malformed(push.PROVIDER, error, _ANYWHERE) from None
        if not self._dangol.links.is_receipt(reported.feedback.message_id, reported.receipt):
            self._tally.count(push.PROVIDER, Came.FORGED)
            raise Answer(403, "this receipt is not of this message", _ANYWHERE)
        self._take_in(push.PROVIDER, Arrivals((reported.feedback,)))
        return Response(status_code=204, headers=_ANYWHERE)

    def _from_twilio(self, body: bytes, request: Request) -> tuple[twilio.Fields, str]:
        if self._twilio is None:
            raise self._not_set_up(twilio.PROVIDER, "DANGOL_TWILIO_AUTH_TOKEN and DANGOL_PUBLIC_URL")
        url = public_url_of(request, self._dangol.settings.public_url)
        self._must_be_good(twilio.PROVIDER, self._twilio.check(url, body, request.headers))
        try:
            return twilio.read_fields(body, request.headers), url
        except Unreadable as error:
            raise self._malformed(twilio.PROVIDER, error) from None

    def _reply(self, inbound: twilio.Inbound) -> Reply | None:
        try:
            sender = normalise_phone(inbound.sender, None)
        except InvalidEvent:
            return None
        said = inbound.text[:LONGEST].replace("\0", "\ufffd")
        now = self._dangol.clock.now()
        return Reply(Channel.SMS, sender, said, inbound.message_id, now, _OPT_OUT.get(inbound.opt_out))

    def _take_in(self, name: str, arrivals: Arrivals) -> None:
        new = self._pipeline.take_in(arrivals.reports) if arrivals.reports else 0
        self._tally.count(name, Came.ACCEPTED, new)
        self._tally.count(name, Came.REPEATED, len(arrivals.reports) - new)
        self._tally.count(name, Came.UNREADABLE, arrivals.unreadable)

    def _must_be_good(self, name: str, check: Check) -> None:
        if check is not Check.GOOD:
            self._tally.count(name, _REFUSED[check])
            _log.warning("a request is not from whom it says", hook=name, signature=check.value)
            raise Answer(403, f"the signature is {check.value}")

    def _malformed(self, name: str, error: Unreadable, headers: dict[str, str] | None = None) -> Answer:
        self._tally.count(name, Came.MALFORMED)
        return Answer(400, str(error), headers)

    def _not_set_up(self, name: str, missing: str) -> Answer:
        self._tally.count(name, Came.NOT_SET_UP)
        _log.error("a carrier reports, and nobody can tell whether it is one", hook=name, set=missing)
        return Answer(503, "this hook is not set up", RETRY_AFTER)


def _twiml(text: str) -> Response:
    message = f"<Message>{escape(text)}</Message>" if text else ""
    return Response(_TWIML.format(message), media_type="text/xml")
