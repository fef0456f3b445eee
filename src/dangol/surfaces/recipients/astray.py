"""What recipients see where there is nothing to see: a path that is no page, or a page that is not opened like this."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response

from dangol.bootstrap import Dangol
from dangol.consent.links import PREFERENCES
from dangol.surfaces.recipients.brand import House
from dangol.surfaces.recipients.gateway import language_of, page
from dangol.surfaces.recipients.holder import locale_at
from dangol.surfaces.recipients.words import WORDS


def nothing_here(dangol: Dangol, request: Request, status: int, headers: Mapping[str, str] | None) -> Response:
    """A page in the language of whoever the link was made for, which says how to go on."""
    path = request.scope["path"]
    language = language_of(request, locale_at(dangol, path))
    words = WORDS[language]
    told = words["later"] if status == 503 else words["astray"]
    parts = path.removeprefix(PREFERENCES).split("/")
    inside = path.startswith(PREFERENCES) and len(parts) == 2
    go = (f"../{parts[0]}?lang={language}", words["erase_back"]) if inside and status != 503 else None
    return page(
        "notice.html", language=language, status=status, headers=dict(headers or {}), told=told, go=go, house=House()
    )
