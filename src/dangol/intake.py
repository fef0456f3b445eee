"""Events as a queue carries them: unchecked, without anybody to answer to. None of them is lost."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence

import structlog

from dangol.errors import DangolError, InvalidEvent
from dangol.model.people import IncomingEvent
from dangol.pipeline import Pipeline
from dangol.profiles import events
from dangol.profiles.shape import check_object
from dangol.profiles.validation import parse_event

_log = structlog.get_logger(__name__)


class Intake:
    """Checks events, ingests the good ones and keeps the others aside, in ``rejected_events``, with the reason."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def accept(self, raw: Sequence[object], *, source: str) -> None:
        """Take events over; when this returns each is ingested or kept aside.

        Raises a DangolError if that cannot be done now; calling again with the same events is then safe.
        """
        now = self._pipeline.clock.now()
        good: list[tuple[object, IncomingEvent]] = []
        bad: list[tuple[object, str, str]] = []
        for item in raw:
            try:
                good.append((item, parse_event(check_object(item), source=source, now=now)))
            except InvalidEvent as refused:
                bad.append((item, refused.code, str(refused)))
        bad += self._ingest(good)
        if bad:
            self._keep_aside(bad, source)

    def _ingest(self, good: Sequence[tuple[object, IncomingEvent]]) -> list[tuple[object, str, str]]:
        """Ingest all at once; if a bug of ours stops that, one by one. Returns those that fail even alone."""
        if not good:
            return []
        try:
            self._pipeline.ingest([event for _, event in good])
        except DangolError:
            raise
        except Exception as error:
            if len(good) > 1:
                return [failed for item in good for failed in self._ingest([item])]
            # Its own text may quote the event, so only what broke is told; once it is mended it can be sent in again.
            what = type(error).__name__
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("an event is kept aside", error=what, at=f"{place.filename}:{place.lineno}")
            return [(good[0][0], "failed", f"could not be ingested: {what}")]
        return []

    def _keep_aside(self, bad: Sequence[tuple[object, str, str]], source: str) -> None:
        pipeline = self._pipeline
        with pipeline.database.write() as tx:
            for item, code, message in bad:
                events.reject(
                    tx,
                    source=source,
                    code=code,
                    message=message,
                    payload=json.dumps(item, ensure_ascii=False, default=str),
                    now=pipeline.clock.now(),
                    entropy=pipeline.entropy,
                )
