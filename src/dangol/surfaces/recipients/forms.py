"""``/forms/<key>``: a form by which somebody agrees to be written to; ``/forms/<key>/embed`` for a frame on your site.

Whoever sends it is told the same, whether their address is known or not. What they asked for counts once they followed
the link that they are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from dangol.bootstrap import Dangol
from dangol.consent import filling, forms
from dangol.consent.filling import Filled
from dangol.consent.forms import Registered
from dangol.errors import InvalidEvent, StoreUnavailable
from dangol.model.vocabulary import Channel
from dangol.profiles.contact import normalise_email, normalise_phone
from dangol.surfaces.recipients.brand import House, house
from dangol.surfaces.recipients.gateway import Fields, Often, from_elsewhere, language_of, last, page, read_fields
from dangol.surfaces.recipients.preferences import how_of
from dangol.surfaces.recipients.words import WORDS

_AN_ADDRESS, _A_PLACE = 5, 60
"""How often a minute one address may be given, and how many may come from one network address."""
_FIELDS = {Channel.EMAIL: "email", Channel.SMS: "phone"}
_LONGEST_ADDRESS = 320
_log = structlog.get_logger(__name__)


def make_router(dangol: Dangol) -> APIRouter:
    """The pages under ``/forms/``; mount it at the root."""
    pages = FormPages(dangol)
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    for path in ("/forms/{key}", "/forms/{key}/embed"):
        router.add_api_route(path, pages.show, methods=["GET", "HEAD"])
        router.add_api_route(path, pages.fill_in, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class Entered:
    """What came in, and which parts of it cannot be taken: names of ``form_wrong`` in words.py."""

    addresses: dict[Channel, str]
    topics: tuple[str, ...]
    night: bool
    wrong: tuple[str, ...]


class FormPages:
    """The handlers."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol
        self._by_address, self._by_place = Often(_AN_ADDRESS), Often(_A_PLACE)

    def show(self, key: str, request: Request) -> Response:
        return self._page(key, request, 200, {}, ())

    async def fill_in(self, key: str, request: Request) -> Response:
        place = request.client.host if request.client is not None else ""
        if not self._by_place.once_more(place, self._dangol.clock.now()):
            return _notice(request, 429, "too_often", headers={"Retry-After": "60"})
        fields = await read_fields(request)
        if fields is None:
            return _notice(request, 413, "too_long")
        if from_elsewhere(request, self._dangol.settings.public_url):
            return await run_in_threadpool(self._page, key, request, 403, fields, ("elsewhere",))
        try:
            return await run_in_threadpool(self._take, key, request, fields)
        except StoreUnavailable as error:
            _log.warning("a form could not be kept: the database is away", error=str(error))
            return _notice(request, 503, "later", headers={"Retry-After": "60"})

    def _take(self, key: str, request: Request, fields: Fields) -> Response:
        with self._dangol.database.read() as tx:
            registered = forms.current(tx, key)
        if registered is None:
            return _notice(request, 404, "form_unknown")
        entered = _entered(registered, fields)
        if entered.wrong:
            return self._page(key, request, 400, fields, entered.wrong)
        for channel, address in entered.addresses.items():
            hashed = self._dangol.pipeline.hasher.hash(channel, address)
            if not self._by_address.once_more(hashed, self._dangol.clock.now()):
                return _notice(request, 429, "too_often", headers={"Retry-After": "60"})
        self._record(registered, request, entered)
        return self._done(registered, request)

    def _record(self, registered: Registered, request: Request, entered: Entered) -> None:
        now, pipeline = self._dangol.clock.now(), self._dangol.pipeline
        locale, wording = registered.form.worded(language_of(request))
        how = how_of(request, f"form:{registered.key}", locale, registered.name)
        filled = [
            Filled(channel, address, entered.topics, entered.night, wording)
            for channel, address in sorted(entered.addresses.items())
        ]
        with self._dangol.database.write() as tx:
            asked = filling.fill_in(
                tx,
                registered,
                filled,
                how,
                now=now,
                hasher=pipeline.hasher,
                entropy=self._dangol.entropy,
            )
        # Told apart from what was recorded: if this fails, whoever sends the form again is sent the link.
        pipeline.ingest(asked)

    def _done(self, registered: Registered, request: Request) -> Response:
        language = language_of(request)
        with self._dangol.database.read() as tx:
            here = house(tx, self._dangol.releases)
        told, frames = WORDS[language]["form_done"], _frames(registered, request)
        return page("notice.html", language=language, frames=frames, told=told, house=here)

    def _page(self, key: str, request: Request, status: int, fields: Fields, wrong: Sequence[str]) -> Response:
        language = language_of(request)
        with self._dangol.database.read() as tx:
            registered, here = forms.current(tx, key), house(tx, self._dangol.releases)
        if registered is None:
            return _notice(request, 404, "form_unknown")
        locale, wording = registered.form.worded(language)
        return page(
            "form.html",
            language=language,
            status=status,
            frames=_frames(registered, request),
            house=here,
            form=registered.form,
            version=registered.version,
            locale=locale,
            wording=wording,
            topics=[(topic, *here.topic(topic, language)) for topic in registered.form.topics],
            ticked=fields.get("topic", ()),
            asks={name: channel in registered.form.channels for channel, name in _FIELDS.items()},
            typed={name: last(fields, name)[:_LONGEST_ADDRESS] for name in _FIELDS.values()},
            wrong=wrong,
        )


def _entered(registered: Registered, fields: Fields) -> Entered:
    """What was filled in; a number without a country code is one of the form's jurisdiction."""
    form, wrong = registered.form, []
    country = form.jurisdiction or "KR"
    addresses: dict[Channel, str] = {}
    for channel in form.channels:
        name = _FIELDS[channel]
        typed = last(fields, name).strip()[:_LONGEST_ADDRESS]
        if not typed:
            continue
        try:
            addresses[channel] = normalise_email(typed) if name == "email" else normalise_phone(typed, country)
        except InvalidEvent:
            wrong.append(name)
    if not addresses and not wrong:
        wrong.append("address")
    topics = tuple(topic for topic in form.topics if topic in fields.get("topic", ()))
    if form.topics and not topics:
        wrong.append("topics")
    if not last(fields, "version"):
        wrong.append("incomplete")
    elif last(fields, "version") != str(registered.version):
        wrong.append("changed")
    elif last(fields, "agree") != "yes":
        wrong.append("agree")
    return Entered(addresses, topics, last(fields, "night") == "yes" and _asks_for_night(registered), tuple(wrong))


def _asks_for_night(registered: Registered) -> bool:
    return all(wording.night for wording in registered.form.wording.values())


def _frames(registered: Registered, request: Request) -> str:
    framed = request.url.path.endswith("/embed") and registered.form.frames
    return " ".join(registered.form.frames) if framed else "'none'"


def _notice(request: Request, status: int, what: str, *, headers: dict[str, str] | None = None) -> Response:
    language = language_of(request)
    told = WORDS[language][what]
    return page("notice.html", language=language, status=status, headers=headers, told=told, house=House())
