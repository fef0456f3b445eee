"""``/p/<token>``: the preference centre. What somebody gets, how often, in which language; what we hold; or nothing.

A GET or HEAD shows and changes nothing, whoever fetches it; a POST does one thing and leads back to the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from dangol.batch.pauses import go_on
from dangol.bootstrap import Dangol
from dangol.consent import asking, choosing, keeping, ledger
from dangol.consent.choosing import How, Standing
from dangol.consent.links import Visit
from dangol.consent.requesting import as_requests, letters_for
from dangol.model.people import IncomingEvent, Preferences
from dangol.model.vocabulary import ConsentAction, Purpose, Reason
from dangol.surfaces.recipients import grid
from dangol.surfaces.recipients.brand import House, house
from dangol.surfaces.recipients.gateway import (
    Fields,
    back,
    language_of,
    last,
    page,
)
from dangol.surfaces.recipients.moments import Moments
from dangol.surfaces.recipients.naming import name_of, wordings
from dangol.surfaces.recipients.visiting import Entrance, notice
from dangol.surfaces.recipients.words import FREQUENCIES, KEEP_VERSION, LANGUAGES, PAUSES, WORDING_VERSION, WORDS

SOURCE = "page:preferences"
FRESH = timedelta(days=30)
"""How old a link may be for its holder to download data: an old letter may have been passed on."""
_PROMPTED = (Purpose.MARKETING, Purpose.SERVICE)
_SAID_YES = (ConsentAction.GRANTED, ConsentAction.CONFIRMED, ConsentAction.RECONFIRMED, ConsentAction.IMPORTED)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, a name of ``done`` in words.py, and the events to report once it is committed."""

    what: str
    asked: Sequence[IncomingEvent] = ()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who came by which link, in which language, and from where."""

    token: str
    visit: Visit
    language: str
    how: How


def make_router(dangol: Dangol) -> APIRouter:
    """The pages under ``/p/``; mount it at the root."""
    pages = PreferencePages(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    router.add_api_route("/p/{token}", pages.show, methods=["GET", "HEAD"])
    router.add_api_route("/p/{token}", pages.change, methods=["POST"])
    router.add_api_route("/p/{token}/erasure", pages.show_erasure, methods=["GET", "HEAD"])
    router.add_api_route("/p/{token}/erasure", pages.ask_erasure, methods=["POST"])
    router.add_api_route("/p/{token}/data", pages.download, methods=["POST"])
    return router


class PreferencePages:
    """The handlers. Somebody who was erased, or never was, gets a calm page that says nothing about them."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._entrance = Entrance(dangol, lost="a choice could not be kept")
        self._do: dict[str, Callable[[Connection, Visitor, Standing, Fields, datetime], Done | None]] = {
            "save": self._save,
            "pause": self._pause,
            "resume": self._resume,
            "language": self._speak,
            "leave": self._leave,
            "keep": self._keep,
        }

    # What is shown.

    def show(self, token: str, request: Request) -> Response:
        visit = self._read(token, request)
        if isinstance(visit, Response):
            return visit
        with self._dangol.database.read() as tx:
            return self._page(tx, visit.profile_id, request)

    def show_erasure(self, token: str, request: Request) -> Response:
        visit = self._read(token, request)
        if isinstance(visit, Response):
            return visit
        with self._dangol.database.read() as tx:
            person = choosing.standing(tx, visit.profile_id)
            if person is None:
                return notice(request, 200, "nobody")
            language = language_of(request, person.profile.locale)
            return page("erasure.html", language=language, house=house(tx, self._dangol.releases), token=token)

    def _page(
        self, tx: Connection, profile_id: str, request: Request, *, status: int = 200, wrong: str = ""
    ) -> Response:
        person = choosing.standing(tx, profile_id)
        if person is None:
            return notice(request, 200, "nobody")
        here, language = house(tx, self._dangol.releases), language_of(request, person.profile.locale)
        words, now = WORDS[language], self._dangol.clock.now()
        choices = grid.groups(person, here, language, words)
        say = Moments(person.profile.timezone, words)
        requested = asking.open_of(tx, profile_id)
        return page(
            "preferences.html",
            language=language,
            status=status,
            house=here,
            groups=choices,
            shown=grid.shown_values(choices),
            often=_often(person.preferences),
            frequencies=list(FREQUENCIES),
            paused=say(person.preferences.paused_until) if _is_paused(person.preferences, now) else "",
            pauses=PAUSES,
            languages=LANGUAGES,
            speaks=(person.profile.locale or language).partition("-")[0],
            held=_held(tx, person, here, language, say),
            keeps=bool(keeping.to_keep(person)),
            erasure=say(requested[0].due_at) if requested else "",
            done=words["done"].get(request.query_params.get("done", ""), "") if not wrong else "",
            wrong=words["wrong"].get(wrong, ""),
            token=request.path_params["token"],
        )

    # What is done.

    async def change(self, token: str, request: Request) -> Response:
        return await self._take(token, request, self._changed)

    async def ask_erasure(self, token: str, request: Request) -> Response:
        return await self._take(token, request, self._asked)

    async def download(self, token: str, request: Request) -> Response:
        return await self._take(token, request, self._downloaded)

    async def _take(self, token: str, request: Request, act: Callable[[Visit, Request, Fields], Response]) -> Response:
        """Read a form and act on it, unless it came from elsewhere, too often or too long."""
        visit = self._read(token, request)
        if isinstance(visit, Response):
            return visit
        again = partial(self._again, visit, request)
        return await self._entrance.take(token, request, again=again, act=partial(act, visit, request))

    def _changed(self, visit: Visit, request: Request, fields: Fields) -> Response:
        act = self._do.get(last(fields, "do"))
        if act is None:
            return self._again(visit, request, 400, "choice")
        now = self._dangol.clock.now()
        with self._dangol.database.write() as tx:
            person = choosing.locked(tx, visit.profile_id)
            if person is None:
                return notice(request, 200, "nobody")
            visitor = self._visitor(visit, request, person)
            done = act(tx, visitor, person, fields, now)
        if done is None:
            return self._again(visit, request, 400, "choice")
        # Told apart from what was recorded: if this fails, whoever ticks the box again is sent the link.
        self._dangol.pipeline.ingest(done.asked)
        language = last(fields, "language") if done.what == "language" else visitor.language
        return back("", done=done.what, lang=language)

    def _save(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        here = house(tx, self._dangol.releases)
        groups = grid.groups(person, here, visitor.language, WORDS[visitor.language])
        choice = grid.choice_of(fields.get("shown", ()), fields.get("on", ()), groups)
        often = last(fields, "often")
        if choice is None or often not in ("", *FREQUENCIES):
            return None
        said = as_requests(
            person,
            choosing.changes_of(person, choice, visitor.how, now),
            lambda channel, purpose: here.asks_to_confirm(person.profile, channel, purpose),
        )
        written = choosing.record(tx, person, said, now=now, hasher=self._dangol.pipeline.hasher)
        asked = letters_for(person, said, written)
        if often:
            chosen = replace(person.preferences, at_most=FREQUENCIES[often], per_days=7)
            if (chosen.at_most, person.preferences.at_most) != (None, None):
                self._prefer(tx, person, chosen, now)
        return Done("asked" if asked else "saved", asked)

    def _pause(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        days = last(fields, "days")
        if days not in {str(length) for length in PAUSES}:
            return None
        self._prefer(tx, person, choosing.paused(person.preferences, now + timedelta(days=int(days))), now)
        return Done("paused")

    def _resume(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        self._prefer(tx, person, choosing.paused(person.preferences, None), now)
        go_on(tx, person.profile.id, now)
        return Done("resumed")

    def _speak(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        language = last(fields, "language")
        if language not in LANGUAGES:
            return None
        before = person.profile.locale or ""
        if before.partition("-")[0].lower() != language:  # a region stays, such as that of en-GB
            self._prefer(tx, person, person.preferences, now, locale=language)
        return Done("language")

    def _leave(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        wording = WORDS[visitor.language]["leave_button"]
        said = choosing.leaving_all(person, _PROMPTED, wording, visitor.how, now)
        choosing.record(tx, person, said, now=now, hasher=self._dangol.pipeline.hasher)
        return Done("left")

    def _keep(self, tx: Connection, visitor: Visitor, person: Standing, fields: Fields, now: datetime) -> Done | None:
        language, hasher = visitor.language, self._dangol.pipeline.hasher
        how = replace(visitor.how, wording_version=KEEP_VERSION)
        said = wordings(person, house(tx, self._dangol.releases), language)
        keeping.keep(tx, person, said, how, now=now, hasher=hasher)
        return Done("kept")

    def _prefer(
        self, tx: Connection, person: Standing, chosen: Preferences, now: datetime, *, locale: str | None = None
    ) -> None:
        entropy = self._dangol.entropy
        choosing.prefer(tx, person, chosen, locale=locale, source=SOURCE, now=now, entropy=entropy)

    def _asked(self, visit: Visit, request: Request, fields: Fields) -> Response:
        if last(fields, "do") != "erase":
            return self._again(visit, request, 400, "choice")
        now = self._dangol.clock.now()
        with self._dangol.database.write() as tx:
            person = choosing.locked(tx, visit.profile_id)
            if person is None:
                return notice(request, 200, "nobody")
            visitor = self._visitor(visit, request, person)
            wording = WORDS[visitor.language]["erase_button"]
            said = choosing.leaving_all(person, _PROMPTED, wording, visitor.how, now)
            choosing.record(tx, person, said, now=now, hasher=self._dangol.pipeline.hasher)
            asking.ask(tx, visit.profile_id, source=SOURCE, now=now, entropy=self._dangol.entropy)
        return back(f"../{visitor.token}", done="left", lang=visitor.language)

    def _downloaded(self, visit: Visit, request: Request, fields: Fields) -> Response:
        if self._dangol.clock.now() - visit.made_on > FRESH + timedelta(days=1):
            return self._again(visit, request, 403, "stale")
        with self._dangol.database.read() as tx:
            person = choosing.standing(tx, visit.profile_id)
        if person is None:
            return notice(request, 200, "nobody")
        external_id = person.profile.external_id
        document = self._dangol.pipeline.export(external_id, by=SOURCE, reason=Reason.ASKED_BY_RECIPIENT)
        headers = {
            "Content-Disposition": 'attachment; filename="my-data.json"',
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
        return Response(text, media_type="application/json", headers=headers)

    # What both need.

    def _again(self, visit: Visit, request: Request, status: int, wrong: str) -> Response:
        with self._dangol.database.read() as tx:
            return self._page(tx, visit.profile_id, request, status=status, wrong=wrong)

    def _read(self, token: str, request: Request) -> Visit | Response:
        return self._entrance.read(self._dangol.links.read_preferences, token, request)

    def _visitor(self, visit: Visit, request: Request, person: Standing) -> Visitor:
        language = language_of(request, person.profile.locale)
        return Visitor(
            request.path_params["token"], visit, language, how_of(request, SOURCE, language, WORDING_VERSION)
        )


def how_of(request: Request, source: str, language: str, version: str) -> How:
    """What the ledger keeps about the way in which somebody said something; addresses and browsers sealed."""
    address = request.client.host if request.client is not None else ""
    return How(source, language, version, address[:100], request.headers.get("user-agent", "")[:500])


def _is_paused(chosen: Preferences, now: datetime) -> bool:
    return chosen.paused_until is not None and chosen.paused_until > now


def _often(chosen: Preferences) -> str:
    """Which of the choices is in force; empty for one that is not offered here."""
    if chosen.at_most is None:
        return "usual"
    return next((name for name, most in FREQUENCIES.items() if most == chosen.at_most and chosen.per_days == 7), "")


def _held(tx: Connection, person: Standing, here: House, language: str, say: Moments) -> list[dict[str, str]]:
    """The consents that we hold, with since when and in which words."""
    words = WORDS[language]
    wordings = {
        (row.channel, row.purpose, row.topic): row.wording
        for row in ledger.history(tx, person.profile.id)
        if row.action in _SAID_YES and row.wording
    }
    general = {(channel, purpose, ""): state for (channel, purpose), state in person.general.items()}
    held = []
    for matter, state in sorted({**general, **person.topics}.items()):
        when = (
            words["since"].format(when=say(state.since))
            if state.since
            else words["on"].format(when=say(state.occurred_at))
        )
        held.append(
            {
                "about": name_of(matter, here, language),
                "status": f"{words['statuses'][state.status]} ({when})",
                "wording": wordings.get(matter, "") if state.granted else "",
                "granted": "yes" if state.granted else "",
            }
        )
    return held
