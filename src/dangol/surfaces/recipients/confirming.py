"""``/c/<token>``: confirming a consent that was asked for. A GET shows what it is about; only the button confirms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from dangol.bootstrap import Dangol
from dangol.consent import confirming
from dangol.consent.confirming import Asked, SentElsewhere, WasSentTo
from dangol.consent.links import Confirmation
from dangol.model.vocabulary import NIGHT, ConsentStatus
from dangol.surfaces.recipients.brand import House, house
from dangol.surfaces.recipients.gateway import Fields, language_of, last, page
from dangol.surfaces.recipients.holder import locale_of
from dangol.surfaces.recipients.preferences import how_of
from dangol.surfaces.recipients.visiting import Entrance
from dangol.surfaces.recipients.words import WORDS

SOURCE = "page:confirmation"


def make_router(dangol: Dangol) -> APIRouter:
    """The page under ``/c/``; mount it at the root."""
    pages = ConfirmationPage(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    router.add_api_route("/c/{token}", pages.show, methods=["GET", "HEAD"])
    router.add_api_route("/c/{token}", pages.confirm, methods=["POST"])
    return router


class ConfirmationPage:
    """The handlers. Confirming twice is confirming once."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._entrance = Entrance(dangol, lost="a consent could not be confirmed")

    def show(self, token: str, request: Request) -> Response:
        link = self._entrance.read(self._dangol.links.read_confirmation, token, request)
        if isinstance(link, Response):
            return link
        return self._shown(link, request)

    async def confirm(self, token: str, request: Request) -> Response:
        link = self._entrance.read(self._dangol.links.read_confirmation, token, request)
        if isinstance(link, Response):
            return link
        again = partial(self._shown, link, request)
        return await self._entrance.take(token, request, again=again, act=partial(self._confirm, link, request))

    def _shown(self, link: Confirmation, request: Request, status: int = 200, wrong: str = "") -> Response:
        """The page, with what was wrong about a form that came in; nothing is confirmed."""
        with self._dangol.database.read() as tx:
            asked = confirming.asked_for(tx, link.consent_id)
            try:
                stands = confirming.status_of(tx, asked, self._was_sent_to(link))
            except SentElsewhere:
                return self._sent_elsewhere(tx, request, asked)
            return self._answer(tx, request, asked, stands, status=status, wrong=wrong)

    def _confirm(self, link: Confirmation, request: Request, fields: Fields) -> Response:
        if last(fields, "confirm") != "yes":
            return self._shown(link, request, 400, "press")
        now, hasher = self._dangol.clock.now(), self._dangol.pipeline.hasher
        with self._dangol.database.write() as tx:
            asked = confirming.asked_for(tx, link.consent_id)
            how = how_of(request, SOURCE, language_of(request, _locale(tx, asked)), "")
            try:
                status = confirming.confirm(tx, asked, how, now=now, hasher=hasher, was_sent_to=self._was_sent_to(link))
            except SentElsewhere:
                return self._sent_elsewhere(tx, request, asked)
        with self._dangol.database.read() as tx:
            return self._answer(tx, request, asked, status)

    def _answer(
        self,
        tx: Connection,
        request: Request,
        asked: Sequence[Asked],
        stands: ConsentStatus | None,
        *,
        status: int = 200,
        wrong: str = "",
    ) -> Response:
        here = house(tx, self._dangol.releases)
        language = language_of(request, _locale(tx, asked))
        words = WORDS[language]
        if stands not in (ConsentStatus.PENDING, ConsentStatus.GRANTED):
            return page("notice.html", language=language, status=status, told=words["confirm_over"], house=here)
        if stands is ConsentStatus.GRANTED:
            return page("notice.html", language=language, status=status, told=words["confirmed"], house=here)
        asked = sorted(asked, key=lambda one: one.topic == NIGHT)
        about = [f"{_name(one, here, language)} · {words['channels'][one.channel]}" for one in asked]
        wordings = _wordings(asked)
        told = words["wrong"].get(wrong, "")
        return page(
            "confirm.html",
            language=language,
            status=status,
            house=here,
            about=about,
            wordings=wordings,
            wrong=told,
        )

    def _was_sent_to(self, link: Confirmation) -> WasSentTo:
        return partial(self._dangol.links.was_sent_to, link)

    def _sent_elsewhere(self, tx: Connection, request: Request, asked: Sequence[Asked]) -> Response:
        language, here = language_of(request, _locale(tx, asked)), house(tx, self._dangol.releases)
        return page("notice.html", language=language, status=410, told=WORDS[language]["confirm_elsewhere"], house=here)


def _locale(tx: Connection, asked: Sequence[Asked]) -> str | None:
    """The language in which it was asked for, else the person's own."""
    return (asked[0].locale or locale_of(tx, asked[0].profile_id)) if asked else None


def _wordings(asked: Sequence[Asked]) -> list[str]:
    """What was read, once; what only begins another of these is left out."""
    found = list(dict.fromkeys(one.wording for one in asked if one.wording))
    return [text for text in found if not any(other != text and other.startswith(text) for other in found)]


def _name(asked: Asked, here: House, language: str) -> str:
    if asked.topic == NIGHT:
        return str(WORDS[language]["night_topic"])
    return here.topic(asked.topic, language)[0] if asked.topic else str(WORDS[language]["purposes"][asked.purpose])
