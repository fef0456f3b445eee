"""``/k/<token>``: whoever is asked again, as Korean law has it every two years, keeps what they agreed to, or ends it.

A GET shows what there is and since when; only a button records. Who does nothing keeps it all the same.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response

from dangol.bootstrap import Dangol
from dangol.consent import choosing, keeping
from dangol.model.vocabulary import Purpose
from dangol.surfaces.recipients.brand import house
from dangol.surfaces.recipients.gateway import Fields, language_of, last, page
from dangol.surfaces.recipients.moments import Moments
from dangol.surfaces.recipients.naming import name_of, wordings
from dangol.surfaces.recipients.preferences import how_of
from dangol.surfaces.recipients.visiting import Entrance, notice
from dangol.surfaces.recipients.words import KEEP_VERSION, WORDS

SOURCE = "page:keep"


def make_router(dangol: Dangol) -> APIRouter:
    """The page under ``/k/``; mount it at the root."""
    pages = KeepingPage(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    router.add_api_route("/k/{token}", pages.show, methods=["GET", "HEAD"])
    router.add_api_route("/k/{token}", pages.answer, methods=["POST"])
    return router


class KeepingPage:
    """The handlers. Both answers are one press away, and neither is dressed up."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._entrance = Entrance(dangol, lost="an answer could not be kept")

    def show(self, token: str, request: Request) -> Response:
        profile_id = self._entrance.read(self._dangol.links.read_keep, token, request)
        return profile_id if isinstance(profile_id, Response) else self._page(profile_id, request)

    async def answer(self, token: str, request: Request) -> Response:
        profile_id = self._entrance.read(self._dangol.links.read_keep, token, request)
        if isinstance(profile_id, Response):
            return profile_id
        again = partial(self._page, profile_id, request)
        return await self._entrance.take(token, request, again=again, act=partial(self._answered, profile_id, request))

    def _page(self, profile_id: str, request: Request, status: int = 200, wrong: str = "") -> Response:
        with self._dangol.database.read() as tx:
            person, here = choosing.standing(tx, profile_id), house(tx, self._dangol.releases)
        if person is None:
            return notice(request, 200, "nobody")
        language = language_of(request, person.profile.locale)
        words = WORDS[language]
        held = keeping.to_keep(person)
        if not held:
            return page("notice.html", language=language, told=words["keep_nothing"], house=here)
        say = Moments(person.profile.timezone, words)
        about = [
            (name_of(matter, here, language), words["since"].format(when=say(held[matter].since))) for matter in held
        ]
        return page(
            "keep.html", language=language, status=status, house=here, about=about, wrong=words["wrong"].get(wrong, "")
        )

    def _answered(self, profile_id: str, request: Request, fields: Fields) -> Response:
        said = last(fields, "answer")
        if said not in ("keep", "stop"):
            return self._page(profile_id, request, 400, "press")
        now, hasher = self._dangol.clock.now(), self._dangol.pipeline.hasher
        with self._dangol.database.write() as tx:
            person, here = choosing.locked(tx, profile_id), house(tx, self._dangol.releases)
            if person is None:
                return notice(request, 200, "nobody")
            language = language_of(request, person.profile.locale)
            words, how = WORDS[language], how_of(request, SOURCE, language, KEEP_VERSION)
            if said == "stop":
                ended = choosing.leaving_all(person, (Purpose.MARKETING,), words["keep_stop"], how, now)
                choosing.record(tx, person, ended, now=now, hasher=hasher)
                told = words["keep_stopped"]
            else:
                told = words["kept" if keeping.to_keep(person) else "keep_nothing"]
                keeping.keep(tx, person, wordings(person, here, language), how, now=now, hasher=hasher)
        return page("notice.html", language=language, told=told, house=here)
