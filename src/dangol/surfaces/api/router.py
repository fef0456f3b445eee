"""``POST /v1/track``, ``/v1/identify``, ``/v1/batch``, ``/v1/journeys`` and ``/v1/consents``.

docs/triggers.md is the manual, of consents docs/consent.md.

200 means committed; everything else is JSON with ``code`` and ``message``. The pipeline is synchronous, so its work is
done in threads; ``track`` calls that come at the same time are committed together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from dangol import meters
from dangol.bootstrap import Dangol
from dangol.errors import InvalidEvent, StoreUnavailable, UnknownCampaign, UnknownVersion
from dangol.model.people import IncomingEvent
from dangol.profiles.validation import parse_profile
from dangol.surfaces.api.body import Refused, check_key, header_key, read_json
from dangol.surfaces.api.calls import Round, parse_batch, parse_start, parse_track, status_of
from dangol.surfaces.api.consents import Consents
from dangol.surfaces.api.replies import take
from dangol.surfaces.together import Together

_RETRY_AFTER_SECONDS = "5"
_TOGETHER = 200
"""Single calls in one transaction at most: people are locked until it ends."""
_WRITERS = 2
"""Transactions of single calls at one time."""
_log = structlog.get_logger(__name__)

Answer = dict[str, Any]
Work = Callable[[Mapping[str, Any]], Awaitable[Answer]]


def make_router(dangol: Dangol) -> APIRouter:
    """The event API of this installation; mount it at the root."""
    intake = Intake(dangol)
    router = APIRouter(prefix="/v1", tags=["events"])

    def accept(path: str, work: Work, summary: str) -> None:
        router.add_api_route(path, _endpoint(intake, work), methods=["POST"], summary=summary)

    accept("/track", intake.track, "Report what a customer did")
    accept("/identify", _in_thread(intake.identify), "Say who a customer is")
    accept("/batch", _in_thread(intake.batch), "Report up to 2,500 calls at once")
    accept("/journeys", _in_thread(intake.start), "Start a journey of a campaign that is entered through the API")
    consents = Consents(dangol)
    accept("/consents", _in_thread(consents.record), "Report what customers agree to, or do not agree to any more")
    router.add_api_route(
        "/consents", _question(intake, consents), methods=["GET"], summary="Ask what a customer agrees to"
    )
    accept(
        "/replies",
        _in_thread(lambda body: take(dangol.pipeline, body)),
        "Report what a customer answered to a text message",
    )
    return router


def _in_thread(work: Callable[[Mapping[str, Any]], Answer]) -> Work:
    async def in_thread(body: Mapping[str, Any]) -> Answer:
        return await run_in_threadpool(work, body)

    return in_thread


def _question(intake: Intake, consents: Consents) -> Callable[[Request, str | None], Awaitable[JSONResponse]]:
    async def endpoint(request: Request, userId: str | None = None) -> JSONResponse:  # noqa: N803 - as callers write it
        try:
            await intake.admit(header_key(request))
            answer = await run_in_threadpool(consents.states, userId)
            return JSONResponse(answer, headers={"Cache-Control": "no-store"})
        except Refused as error:
            return _error(error.status, error.code, str(error), headers=error.headers, **error.details)

    return endpoint


def _endpoint(intake: Intake, work: Work) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            presented = header_key(request)
            if presented is not None:
                await intake.admit(presented)
            body = await read_json(request)
            if presented is None:
                await intake.admit(body.get("writeKey"))
            return JSONResponse(await work(body))
        except Refused as error:
            return _error(error.status, error.code, str(error), headers=error.headers, **error.details)
        except InvalidEvent as error:
            return _error(status_of(error), error.code, str(error))
        except StoreUnavailable as error:
            _log.warning("the API waits for the database", error=str(error))
            return _later("store_unavailable", "the database is away")
        except UnknownVersion as error:
            _log.error("a campaign in service cannot be run", error=str(error))
            return _later("campaign_unavailable", "a campaign cannot be run at the moment")

    return endpoint


def _later(code: str, why: str) -> JSONResponse:
    meters.count("intake_refused", why=code)
    message = f"{why}; send the same again, with the same messageId"
    return _error(503, code, message, headers={"Retry-After": _RETRY_AFTER_SECONDS})


def _error(
    status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, **details: Any
) -> JSONResponse:
    content = {"success": False, "code": code, "message": message, **details}
    return JSONResponse(content, status_code=status, headers=dict(headers or {}))


class Intake:
    """What the endpoints do once a request has been read; returns what to answer when everything is committed.

    Raises InvalidEvent, Refused and StoreUnavailable.
    """

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._pipeline = dangol.pipeline
        self._write_key: str | None = None
        self._events = Together[IncomingEvent](
            lambda events: self._pipeline.ingest(events, patient=False).left,
            most=_TOGETHER,
            at_once=_WRITERS if dangol.database.is_postgresql else 1,
            alone=self._pipeline.ingest,
        )

    async def admit(self, presented: object) -> None:
        """Raises Refused, 401, unless ``presented`` is the write key."""
        if self._write_key is None:
            self._write_key = await run_in_threadpool(lambda: self._dangol.write_key)  # it may be in the database
        check_key(presented, self._write_key)

    async def track(self, body: Mapping[str, Any]) -> Answer:
        await self._events([parse_track(_call(body), now=self._dangol.clock.now())])
        return {"success": True}

    def identify(self, body: Mapping[str, Any]) -> Answer:
        self._pipeline.identify([parse_profile(_call(body), places=self._dangol.known_places())])
        return {"success": True}

    def start(self, body: Mapping[str, Any]) -> Answer:
        """Start a journey; asked again with the same ``messageId``, the answer is the same."""
        campaign, request = parse_start(body, now=self._dangol.clock.now())
        try:
            started = self._pipeline.start(campaign, request)
        except UnknownCampaign as error:
            raise Refused(404, "unknown_campaign", str(error)) from error
        refused = {"refused": started.refused.value, "message": started.refused.meaning} if started.refused else {}
        return {"success": True, "journey": started.journey_id, **refused}

    def batch(self, body: Mapping[str, Any]) -> Answer:
        """Commit the calls that are right, then refuse the request if there were others, naming each."""
        batch = parse_batch(body, now=self._dangol.clock.now(), places=self._dangol.known_places)
        self._commit(batch.rounds)
        ignored: Answer = {"ignored": list(batch.ignored)} if batch.ignored else {}
        if batch.errors:
            raise Refused(
                400,
                "invalid_calls",
                f"{len(batch.errors):,} of {batch.size:,} calls were refused; the others are committed",
                details={"errors": list(batch.errors), **ignored},
            )
        return {"success": True, **ignored}

    def _commit(self, rounds: Sequence[Round]) -> None:
        for each in rounds:
            if each.changes:
                self._pipeline.identify(each.changes)
            if each.events:
                self._pipeline.ingest(each.events)


def _call(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "writeKey"}
