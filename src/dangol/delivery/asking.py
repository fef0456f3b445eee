"""One question to a web server, for those who look after an installation; no message leaves the house this way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError

from dangol.errors import DangolError

_MOST = 64 * 1024


class Unanswered(DangolError):
    """The server could not be asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` have names in lower case; ``body`` is its first 64 KB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    method: str, url: str, *, timeout: float, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """Ask once, within ``timeout`` seconds a step; redirects are not followed. Raises Unanswered, in plain words."""
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=timeout, read=timeout))
    try:
        response = pool.request(
            method, url, body=body, headers=dict(headers or {}), redirect=False, preload_content=False
        )
        told = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, told, response.read(_MOST))
    except (HTTPError, OSError, ValueError) as error:
        raise Unanswered(_plainly(error)) from error
    finally:
        pool.clear()


def _plainly(error: Exception) -> str:
    """The innermost reason; what urllib3 wraps around it names objects in memory."""
    inner: object = error
    while isinstance(getattr(inner, "reason", None), Exception):
        inner = inner.reason  # type: ignore[attr-defined]
    text = str(inner)
    return text.rpartition(": ")[2] or type(error).__name__
