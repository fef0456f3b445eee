"""The pages' addresses. Handlers read, and hand what they read to a template; nothing here changes anything."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, func, select

from dangol.bootstrap import Dangol
from dangol.definitions import versions
from dangol.errors import UsageError
from dangol.ledger import reader
from dangol.ledger.explain import OUTCOMES, tell
from dangol.ledger.reader import Entry
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Decision, MessageState, Reason
from dangol.proof import reproduce, sending
from dangol.store.tables import messages
from dangol.surfaces import inquiry
from dangol.surfaces.pages.campaigns import CampaignPages
from dangol.surfaces.pages.health import examine
from dangol.surfaces.pages.messages import Files, MessagePages
from dangol.surfaces.pages.render import asset, message_html, page
from dangol.surfaces.watching.readiness import ready

_LOG_FILTERS = ("profile", "campaign", "channel", "decision", "reason", "message", "from", "to")
_PAGE = 50
_PARTS = ("html", "text", "headers")


def make_router(dangol: Dangol, workspace: Path | None = None) -> APIRouter:
    """All pages of this installation; those of messages follow the files of ``workspace``, if one is given."""
    router = APIRouter(include_in_schema=False, default_response_class=Response)
    pages, hub = Pages(dangol), CampaignPages(dangol)
    shown = MessagePages(dangol, Files(workspace, dangol.clock) if workspace is not None else None)
    for path, handler in (
        ("/", pages.overview),
        ("/mailbox", pages.mailbox),
        ("/mailbox/{seq}", pages.mail),
        ("/mailbox/{seq}/html", pages.mail_html),
        ("/log", pages.log),
        ("/log/{entry_id}", pages.entry),
        ("/log/{entry_id}/html", pages.entry_html),
        ("/explain", pages.explain),
        ("/map", hub.map),
        ("/campaigns", hub.campaigns),
        ("/campaigns/{key}", hub.campaign),
        ("/campaigns/{key}/graph.svg", hub.graph),
        ("/campaigns/{key}/previews/{message}/{channel}/{locale}", hub.preview_html),
        ("/messages", shown.index),
        ("/messages/-/state", shown.state),
        ("/messages/{message}", shown.message),
        ("/calendar", hub.calendar),
        ("/docs", pages.docs),
        ("/static/drawing.css", hub.drawing_style),
        ("/static/showing.css", shown.style),
        ("/static/{name}", pages.static),
        ("/healthz", pages.healthz),
        ("/livez", pages.livez),
        ("/readyz", pages.readyz),
    ):
        router.add_api_route(path, handler, methods=["GET", "HEAD"])
    return router


class Pages:
    """The handlers; what a visitor asks for wrongly is raised as UsageError, UnknownProfile or a 404."""

    def __init__(self, dangol: Dangol) -> None:
        self._dangol = dangol

    def overview(self) -> Response:
        with self._dangol.database.read() as tx:
            counted = select(messages.c.state, func.count().label("number")).group_by(messages.c.state)
            counts = {row.state: row.number for row in tx.execute(counted)}
            in_service = versions.active_since(tx)
        states = {state.value: counts.get(state.value, 0) for state in MessageState if counts.get(state.value)}
        return page("overview.html", states=states, in_service=in_service, mailbox=self._dangol.mailbox.count())

    def mailbox(self, request: Request) -> Response:
        asked = _asked(request, ("channel", "search"))
        before = inquiry.read_number("before", request.query_params.get("before"))
        channel, search = inquiry.read_channel(asked["channel"]), asked["search"] or None
        found = self._dangol.mailbox.page(channel=channel, search=search, before_seq=before, limit=_PAGE + 1)
        return page(
            "mailbox.html",
            asked=asked,
            channels=list(Channel),
            mails=found[:_PAGE],
            total=self._dangol.mailbox.count(channel=channel, search=search),
            older=found[_PAGE - 1].seq if len(found) > _PAGE else None,
            is_first=before is None,
        )

    def mail(self, seq: str, request: Request) -> Response:
        part = request.query_params.get("part", "html")
        if part not in _PARTS:
            raise UsageError(f"part: expected {', '.join(_PARTS)}")
        mail = self._dangol.mailbox.get(_number(seq))
        if mail is None:
            raise HTTPException(404, f"The mailbox has no message {seq[:40]}.")
        return page("mail.html", mail=mail, part=part)

    def mail_html(self, seq: str) -> Response:
        mail = self._dangol.mailbox.get(_number(seq))
        if mail is None or not mail.html:
            raise HTTPException(404, f"The mailbox has no HTML message {seq[:40]}.")
        return message_html(mail.html)

    def log(self, request: Request) -> Response:
        asked = _asked(request, _LOG_FILTERS)
        before = inquiry.read_number("before", request.query_params.get("before"))
        with self._dangol.database.read() as tx:
            found = reader.newest(tx, inquiry.read_filter(tx, asked), before=before, limit=_PAGE + 1)
            people = inquiry.names(tx, found)
        return page(
            "log.html",
            asked=asked,
            entries=found[:_PAGE],
            people=people,
            outcomes=OUTCOMES,
            older=found[_PAGE - 1].seq if len(found) > _PAGE else None,
            is_first=before is None,
            channels=list(Channel),
            decisions=list(Decision),
            reasons=list(Reason),
        )

    def entry(self, entry_id: str) -> Response:
        with self._dangol.database.read() as tx:
            entry = _entry(tx, entry_id)
            handed_over = sending(tx, entry)
            proof = reproduce(tx, self._dangol.releases, handed_over) if handed_over else None
            person = inquiry.names(tx, [entry]).get(entry.profile_id or "")
            consent = inquiry.consent_record(tx, entry)
        return page(
            "entry.html",
            entry=entry,
            line=tell(entry),
            outcomes=OUTCOMES,
            person=person,
            consent=consent,
            proof=proof,
            handed_over=handed_over,
        )

    def entry_html(self, entry_id: str) -> Response:
        rendered = self._rendered(entry_id)
        if rendered is None or not rendered.html:
            raise HTTPException(404, "This entry has no HTML message.")
        return message_html(rendered.html)

    def _rendered(self, entry_id: str) -> Rendered | None:
        with self._dangol.database.read() as tx:
            handed_over = sending(tx, _entry(tx, entry_id))
            return reproduce(tx, self._dangol.releases, handed_over).rendered if handed_over else None

    def explain(self, request: Request) -> Response:
        asked = _asked(request, ("profile", "campaign", "language"))
        language = inquiry.read_language(asked["language"])
        accounts = None
        if asked["profile"]:
            with self._dangol.database.read() as tx:
                person = inquiry.find_person(tx, asked["profile"])
                accounts = inquiry.account_of(tx, person, campaign=asked["campaign"], language=language)
        return page("explain.html", asked=asked, language=language, accounts=accounts)

    def docs(self, request: Request) -> Response:
        return page("docs.html", schema=request.app.openapi())

    def static(self, name: str) -> Response:
        found = asset(name)
        if found is None:
            raise HTTPException(404, "There is no such file.")
        return found

    def livez(self) -> Response:
        return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})

    def readyz(self) -> Response:
        fit, told = ready(self._dangol, needs_broker=False)
        return JSONResponse(told, 200 if fit else 503, {"Cache-Control": "no-store"})

    def healthz(self) -> Response:
        well, particulars = examine(self._dangol)
        return JSONResponse(particulars, 200 if well else 503, {"Cache-Control": "no-store"})


def _asked(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """What the visitor filled in, by field; raises UsageError for what is too long to be meant."""
    return {name: inquiry.bounded(name, request.query_params.get(name, "").strip()) for name in names}


def _number(text: str) -> int:
    try:
        return inquiry.read_number("number", text) or 0
    except UsageError:
        raise HTTPException(404, f"The mailbox has no message {text[:40]}.") from None


def _entry(tx: Connection, entry_id: str) -> Entry:
    entry = inquiry.find_entry(tx, entry_id)
    if entry is None:
        raise HTTPException(404, f"The log has no entry {entry_id[:40]}.")
    return entry


def problem(status: int, words: str) -> Response:
    """A page that says what went wrong and where to go on."""
    titles = {400: "That was not understood", 404: "Not found", 503: "Not available right now"}
    return page("problem.html", status=status, title=titles.get(status, "That did not work"), words=words)
