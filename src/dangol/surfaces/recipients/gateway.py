"""What all pages for recipients share: how requests are read and refused, and how pages are made.

The token in the path is the only credential, and no cookie goes with a request, so that another site can make nobody's
browser do anything that it could not do itself. Where a browser says that a form was sent from another site, it is
refused all the same.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from dangol.surfaces.recipients.words import LANGUAGES, WORDS

_PACKAGE = "dangol.surfaces.recipients"
MOST_BYTES = 16_384
_MOST_FIELDS = 200
_MOST_A_MINUTE = 20
_REMEMBERED = 10_000
_STYLE = files(_PACKAGE).joinpath("recipients.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_TEMPLATES = Environment(
    loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_LANGUAGE_NAMES = {"ko": "한국어", "en": "English"}
Fields = Mapping[str, tuple[str, ...]]
"""A form's fields: name → values, in order."""


class Often:
    """Counts how often a link was used in this minute, in this process; forgets what was used longest ago."""

    def __init__(self, most: int = _MOST_A_MINUTE) -> None:
        self._most = most
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()
        self._lock = threading.Lock()

    def once_more(self, token: str, now: datetime) -> bool:
        """Whether the link may be used now."""
        with self._lock:
            began, count = self._counts.pop(token, (now, 0))
            if now - began >= timedelta(minutes=1):
                began, count = now, 0
            self._counts[token] = began, count + 1
            while len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
            return count < self._most


async def read_fields(request: Request, most: int = MOST_BYTES) -> Fields | None:
    """The fields of a form, encoded either way; empty if the body is none. None if it has more bytes than ``most``."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            return None
    return _fields(bytes(data), request.headers.get("content-type", ""))


def _fields(body: bytes, media_type: str) -> Fields:
    if not media_type.lower().startswith("multipart/form-data"):
        try:
            found = parse_qs(body.decode(errors="replace"), max_num_fields=_MOST_FIELDS)
        except ValueError:
            return {}
        return {name: tuple(values) for name, values in found.items()}
    head = f"Content-Type: {' '.join(media_type.split())}\r\n\r\n".encode(errors="replace")
    whole = message_from_bytes(head + body, policy=HTTP)
    fields: dict[str, tuple[str, ...]] = {}
    for part in whole.iter_parts() if whole.is_multipart() else ():
        name = str(part.get_param("name", header="content-disposition"))
        value = bytes(part.get_payload(decode=True) or b"").decode(errors="replace")
        fields[name] = (*fields.get(name, ()), value)
    return fields


def last(fields: Fields, name: str) -> str:
    """The field's value, the last of several; empty if there is none."""
    return fields.get(name, ("",))[-1]


def from_elsewhere(request: Request, public_url: str) -> bool:
    """Whether the browser says that this form was sent from another site.

    Our pages tell nobody where they are (``no-referrer``), so that their forms come with the origin ``null``.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin", "null")
    own = {request.headers.get("host", ""), urlsplit(public_url).netloc}
    return origin != "null" and urlsplit(origin).netloc not in own


def language_of(request: Request, own: str | None = None) -> str:
    """The page's language: the one asked for, else the person's ``own``, else the browser's, else Korean."""
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    if own and (own := own.partition("-")[0].lower()) in LANGUAGES:
        return own
    accepted = [
        one.partition(";")[0].strip().lower()[:2] for one in request.headers.get("accept-language", "").split(",")
    ]
    return next((name for name in accepted if name in LANGUAGES), "en" if any(accepted) and accepted != ["*"] else "ko")


def page(
    template: str,
    *,
    language: str,
    status: int = 200,
    frames: str = "'none'",
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page from ``templates/``. ``frames`` are the sites that may show it in a frame."""
    other = next(name for name in LANGUAGES if name != language)
    html = _TEMPLATES.get_template(template).render(
        language=language,
        other=other,
        switch=_switch(other, values.get("query", {})),
        other_name=_LANGUAGE_NAMES[other],
        words=WORDS[language],
        style=_STYLE,
        **values,
    )
    return HTMLResponse(html, status, {**_headers(frames), **(headers or {})})


def back(to: str, **query: str) -> Response:
    """After a form was taken: the page again, by a GET. ``to`` is relative, so that a path before ours stays."""
    response = RedirectResponse(f"{to}?{urlencode(query)}", 303)
    response.headers.update(_headers("'none'"))
    return response


def _switch(other: str, query: Mapping[str, str]) -> str:
    return "?" + urlencode({**query, "lang": other})


def _headers(frames: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {frames}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Frame-Options": "DENY",
    }
    if frames != "'none'":
        headers["X-Frame-Options"] = ""  # it knows no list of sites; browsers go by the policy
    return headers
