"""``GET /v1/forms/<key>``: the wording of a form in its current version, for back ends that show a form of their own.

What they then report to ``/v1/consents`` names this wording and version, so that the ledger can show both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from dangol.bootstrap import Dangol
from dangol.consent import forms
from dangol.errors import StoreUnavailable
from dangol.surfaces.api.body import Refused, check_key, header_key

_LANGUAGE = "ko"


def make_router(dangol: Dangol) -> APIRouter:
    """The one endpoint; mount it at the root."""
    router = APIRouter(prefix="/v1", tags=["consents"])

    async def form(key: str, request: Request, locale: str = _LANGUAGE) -> JSONResponse:
        try:
            return JSONResponse(await run_in_threadpool(_form, dangol, key, locale, header_key(request)))
        except Refused as error:
            return _error(error.status, error.code, str(error), error.headers)
        except StoreUnavailable:
            return _error(503, "store_unavailable", "the database is away; ask again", {"Retry-After": "5"})

    summary = "Read what people agree to by a consent form"
    router.add_api_route("/forms/{key}", form, methods=["GET"], summary=summary, response_model=None)
    return router


def _form(dangol: Dangol, key: str, locale: str, presented: str | None) -> dict[str, Any]:
    check_key(presented, dangol.write_key)
    with dangol.database.read() as tx:
        registered = forms.current(tx, key)
    if registered is None:
        raise Refused(404, "unknown_form", f"no form `{key[:80]}` is in service; consent-forms.yaml has them")
    form = registered.form
    found, worded = form.worded(locale.partition("-")[0].lower())
    wording, at_night = worded.said(), worded.said(night=True)
    return {
        "success": True,
        "form": registered.key,
        "version": registered.version,
        "wordingVersion": registered.name,
        "locale": found,
        "title": worded.title,
        "wording": wording,
        "wordingHash": hashlib.sha256(wording.encode()).hexdigest(),
        "nightWording": at_night if worded.night else None,
        "channels": [channel.value for channel in form.channels],
        "purpose": form.purpose.value,
        "topics": list(form.topics),
        "jurisdiction": form.jurisdiction,
    }


def _error(status: int, code: str, message: str, headers: Mapping[str, str]) -> JSONResponse:
    content = {"success": False, "code": code, "message": message}
    return JSONResponse(content, status_code=status, headers=dict(headers))
