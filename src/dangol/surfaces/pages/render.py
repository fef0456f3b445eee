"""How pages are made: one template environment, everything escaped, and headers that allow nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dangol import __version__
from dangol.surfaces.showing.words import language_of

_PACKAGE = "dangol.surfaces.pages"
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SHOWING_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Frames on the page inherit it; emails bring their looks along, and nothing else."""
_FOLLOWING_POLICY = f"{_SHOWING_POLICY}; script-src 'self'; connect-src 'self'"
_MESSAGE_POLICY = "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
_DRAWING_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _stamp(at: datetime) -> Markup:
    """An instant in UTC as a ``time`` element."""
    at = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}")


def _percent(share: float) -> str:
    """A share as people say it: ``34%``, ``3.4%``, ``0.3%``."""
    return f"{share * 100:.0f}%" if share >= 0.1 or share == 0 else f"{share * 100:.1f}%"


def _query(values: Mapping[str, object], **changed: object) -> str:
    """A query string of what is not empty."""
    merged = {**values, **changed}
    return "?" + urlencode({name: value for name, value in merged.items() if value not in (None, "")})


_TEMPLATES = Environment(
    loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters.update(
    percent=_percent, language=language_of, stamp=_stamp, plain=lambda code: code.replace("_", " ")
)
_TEMPLATES.globals.update(query=_query, version=__version__)


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from ``templates/``."""
    return HTMLResponse(
        fill(template, **values), status, {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-store"}
    )


def fill(template: str, **values: Any) -> str:
    """The HTML of a page from ``templates/``."""
    return _TEMPLATES.get_template(template).render(values)


def showing(*, live: str, **values: Any) -> HTMLResponse:
    """A page with messages in frames. With ``live``, the state of the files, it follows them by the one script."""
    html = _TEMPLATES.get_template("messages.html").render({**values, "live": live})
    policy = _FOLLOWING_POLICY if live else _SHOWING_POLICY
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def message_html(html: str) -> HTMLResponse:
    """A message's own HTML, for a frame: it can run nothing and send nothing."""
    headers = {"Content-Security-Policy": _MESSAGE_POLICY, "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store"}
    return HTMLResponse(html, headers=headers)


def drawing(text: str, media_type: str) -> Response:
    """A picture of a campaign by itself, or the looks of all; it can bring its own looks and nothing else."""
    headers = {"Content-Security-Policy": _DRAWING_POLICY, "Cache-Control": "no-store"}
    return Response(text, media_type=media_type, headers=headers)


def asset(name: str) -> Response | None:
    """A file of ``static/``, or None."""
    found = next((file for file in files(_PACKAGE).joinpath("static").iterdir() if file.name == name), None)
    if found is None:
        return None
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(found.read_bytes(), media_type=media_type, headers={"Cache-Control": "max-age=300"})
