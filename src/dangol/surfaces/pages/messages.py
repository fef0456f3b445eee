"""The pages of messages: all of them, and one in every channel and locale. No real person's data is shown here."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from urllib.parse import urlencode

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

from dangol.bootstrap import Dangol
from dangol.clock import Clock
from dangol.definitions.sources import state_of
from dangol.editor.samples import DEFAULT, Sample, sample_named
from dangol.errors import UsageError
from dangol.ledger.words import Language
from dangol.surfaces import inquiry
from dangol.surfaces.pages.render import drawing, showing
from dangol.surfaces.showing.book import Book, book_in_service, book_of_files
from dangol.surfaces.showing.pieces import Link, broken_piece, index_piece, looks, message_piece
from dangol.surfaces.showing.sheets import rows_of, sheet_of
from dangol.surfaces.showing.viewing import Viewer
from dangol.surfaces.showing.words import WORDS
from dangol.surfaces.standing import Standing

_FILES, _SERVICE = "files", "service"
_LANGUAGES = {"en": "English", "ko": "한국어"}


class Files:
    """A workspace's files as they are now, read again only after one has changed."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lock = Lock()
        self._read: tuple[str, Book] | None = None

    def state(self) -> str:
        """A word that changes when a file does. Raises UsageError where there is no workspace any more."""
        return state_of(self._root)

    def book(self) -> tuple[str, Book]:
        """The messages, and the state of the files that they were read from."""
        with self._lock:
            state = self.state()
            if self._read is None or self._read[0] != state:
                self._read = (state, book_of_files(self._root, now=self._clock.now()))
            return self._read


class MessagePages:
    """The handlers. With ``files`` the pages show these and follow them; what is in service can be asked for."""

    def __init__(self, dangol: Dangol, files: Files | None = None) -> None:
        self._dangol = dangol
        self._files = files
        self._standing = Standing(dangol)
        self._viewer = Viewer()

    def index(self, request: Request) -> Response:
        asked = _Asked(request, follows=self._files is not None)
        state, book = self._book(asked)
        if not book.sayings and book.problems:
            piece = broken_piece(book, asked.language)
        else:
            piece = index_piece(rows_of(self._viewer, book, asked.href), book, asked.language)
        return self._page(asked, "", state, piece)

    def message(self, message: str, request: Request) -> Response:
        asked = _Asked(request, follows=self._files is not None)
        state, book = self._book(asked)
        if not book.sayings and book.problems:
            return self._page(asked, message, state, broken_piece(book, asked.language))
        try:
            saying = book.saying(message, asked.campaign or None)
        except UsageError as error:
            raise HTTPException(404, f"{str(error)[0].upper()}{str(error)[1:]}.".replace("?.", "?")) from None
        sheet = sheet_of(self._viewer, book, saying, asked.sample, asked.href, index=asked.here(""))
        return self._page(asked, message, state, message_piece(sheet, asked.language))

    def state(self) -> Response:
        """The state of the files, for the page that follows them."""
        if self._files is None:
            raise HTTPException(404, "These pages follow no files.")
        return JSONResponse({"state": self._files.state()}, headers={"Cache-Control": "no-store"})

    def style(self) -> Response:
        return drawing(looks(), "text/css")

    def _book(self, asked: _Asked) -> tuple[str, Book]:
        """What is asked for, with the state of the files if it is them."""
        if self._files is not None and asked.of == _FILES:
            return self._files.book()
        with self._dangol.database.read() as tx:
            services = self._standing.services(tx)
        return "", book_in_service(one.version for one in services.values() if one.version is not None)

    def _page(self, asked: _Asked, message: str, state: str, piece: str) -> Response:
        words = WORDS[asked.language]
        turns = {
            words["which"]: [
                Link(words[of], asked.language, asked.here(message, of=of), of == asked.of)
                for of in ((_FILES, _SERVICE) if self._files is not None else (_SERVICE,))
            ],
            words["language"]: [
                Link(name, key, asked.here(message, language=key), key == asked.language)
                for key, name in _LANGUAGES.items()
            ],
        }
        title = message or words["messages"]
        return showing(live=state, title=title, piece=piece, turns=turns, language=asked.language, words=words)


class _Asked:
    """What the visitor chose. Raises UsageError for what cannot be chosen."""

    def __init__(self, request: Request, *, follows: bool) -> None:
        given = {
            name: inquiry.bounded(name, request.query_params.get(name, "").strip())
            for name in ("sample", "campaign", "of", "language")
        }
        self.sample = sample_named(given["sample"] or DEFAULT.key)
        self.campaign = given["campaign"]
        self.language: Language = inquiry.read_language(given["language"] or None)
        self._usual = _FILES if follows else _SERVICE
        self.of = given["of"] or self._usual
        if self.of not in {self._usual, _SERVICE}:
            raise UsageError(f"of: expected {' or '.join(sorted({self._usual, _SERVICE}))}; found {self.of[:40]!r}")

    def here(self, message: str, **changed: str) -> str:
        """This page, or that of another message, with other choices."""
        return self._address(message, {"sample": self.sample.key, "campaign": self.campaign, **changed})

    def href(self, message: str, sample: Sample, campaign: str | None) -> str:
        return self._address(message, {"sample": sample.key, "campaign": campaign or ""})

    def _address(self, message: str, choices: dict[str, str]) -> str:
        chosen = {"of": self.of, "language": self.language, **choices}
        usual = {"sample": DEFAULT.key, "campaign": "", "of": self._usual, "language": "en"}
        told = {name: value for name, value in chosen.items() if value != usual[name]}
        if not message:
            told = {name: value for name, value in told.items() if name in {"of", "language"}}
        path = f"/messages/{message}" if message else "/messages"
        return f"{path}?{urlencode(told)}" if told else path
