"""``/hooks/…``: carriers report what became of messages. docs/feedback.md is the manual.

A request is checked against its signature, stored, with others that come at the same time, and acknowledged; the work
is done by workers afterwards. Only what somebody wrote back is obeyed before the answer, because the answer to it goes
back in the response. 503 asks a carrier to try again; whatever it sends twice is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
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
from dangol.model.feedback import Arrivals, Feedback
from dangol.model.vocabulary import Channel
from dangol.profiles.contact import normalise_phone
from dangol.surfaces.hooks.requests import RETRY_AFTER, Answer, public_url_of, read_body
from dangol.surfaces.hooks.tally import Came, Tally
from dangol.surfaces.together import Together

_HOOKS = HOOKS.rstrip("/")
MOST_BYTES = 10 * 1024 * 1024
MOST_OF_ONE = 64 * 1024
"""Twilio and devices report one thing at a time."""
_QUICK = 32 * 1024
"""Bytes up to which checking and reading a request takes less than giving it to another thread."""
_TOGETHER = 2_000
"""Reports in one transaction at most, unless one request has more."""
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
Read = Callable[[bytes, Request], Arrivals]
Work = Callable[[bytes, Request], Awaitable[Response]]


def make_router(dangol: Dangol, tally: Tally) -> APIRouter:
    """The hooks of this installation; mount it at the root. Raises UsageError for a key that is none."""
    hooks = Hooks(dangol, tally)
    router = APIRouter()

    def accept(path: str, name: str, work: Work, most: int) -> None:
        # A plain route: what FastAPI does for typed parameters is half of what such a request costs.
        router.add_route(_HOOKS + path, _endpoint(tally, name, work, most), methods=["POST"])

    def store(name: str, read: Read, headers: Mapping[str, str] | None = None) -> Work:
        together = Together(partial(hooks.take_in, name), most=_TOGETHER, at_once=1)

        async def work(body: bytes, request: Request) -> Response:
            arrivals = read(body, request) if len(body) <= _QUICK else await run_in_threadpool(read, body, request)
            if arrivals.reports:
                await together(arrivals.reports)
            tally.count(name, Came.UNREADABLE, arrivals.unreadable)
            return Response(status_code=204, headers=headers)

        return work

    async def answer(body: bytes, request: Request) -> Response:
        return await run_in_threadpool(hooks.twilio_inbound, body, request)

    accept("/sendgrid", sendgrid.PROVIDER, store(sendgrid.PROVIDER, hooks.sendgrid), MOST_BYTES)
    accept("/twilio/status", twilio.PROVIDER, store(twilio.PROVIDER, hooks.twilio_status), MOST_OF_ONE)
    accept("/twilio/inbound", twilio.PROVIDER, answer, MOST_OF_ONE)
    accept("/push", push.PROVIDER, store(push.PROVIDER, hooks.push, _ANYWHERE), MOST_OF_ONE)
    router.add_route(f"{_HOOKS}/push", _preflight, methods=["OPTIONS"])
    return router


def _endpoint(tally: Tally, name: str, work: Work, most: int) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await read_body(request, most)
        if body is None:
            tally.count(name, Came.TOO_LARGE)
            return Answer(413, f"expected at most {most:,} bytes").response()
        try:
            return await work(body, request)
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


async def _preflight(_request: Request) -> Response:
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

    def sendgrid(self, body: bytes, request: Request) -> Arrivals:
        if self._sendgrid is None:
            raise self._not_set_up(sendgrid.PROVIDER, "DANGOL_SENDGRID_WEBHOOK_KEY")
        self._must_be_good(sendgrid.PROVIDER, self._sendgrid.check(body, request.headers, self._dangol.clock.now()))
        try:
            return sendgrid.parse(body)
        except Unreadable as error:
            raise self._malformed(sendgrid.PROVIDER, error) from None

    def twilio_status(self, body: bytes, request: Request) -> Arrivals:
        fields, url = self._from_twilio(body, request)
        return twilio.parse_status(fields, url)

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

    def push(self, body: bytes, request: Request) -> Arrivals:
        try:
            reported = push.parse(body)
        except Unreadable as error:
            raise self._malformed(push.PROVIDER, error, _ANYWHERE) from None
        if not self._dangol.links.is_receipt(reported.feedback.message_id, reported.receipt):
            self._tally.count(push.PROVIDER, Came.FORGED)
            raise Answer(403, "this receipt is not of this message", _ANYWHERE)
        return Arrivals((reported.feedback,))

    def take_in(self, name: str, reports: Sequence[Feedback]) -> Sequence[Feedback]:
        """Store these reports, of one request or of several; none is left."""
        new = self._pipeline.take_in(reports)
        self._tally.count(name, Came.ACCEPTED, new)
        self._tally.count(name, Came.REPEATED, len(reports) - new)
        return ()

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
