"""Traces over OpenTelemetry, if the extra ``telemetry`` is installed and an endpoint is set.

A passage of a batch through a station becomes one span in the trace of each journey that it concerns. The parent of
all is the journey itself, whose ids are derived from its own and which nobody has to send.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dangol import traces
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.traces import Passage

_LACKING = (
    "DANGOL_TELEMETRY_ENDPOINT is set, and the libraries that send traces are not installed; "
    "install dangol[telemetry], or leave the setting empty"
)
_SIXTY_FOUR_BITS = 1 << 64


class Spans:
    """Turns passages into OpenTelemetry's spans. ``share`` of the journeys, from 0 to 1, are traced whole."""

    def __init__(self, tracer: Any, share: float) -> None:
        self._tracer = tracer
        self._bound = round(share * _SIXTY_FOUR_BITS)
        self._api = import_module("opentelemetry.trace")

    def wants(self, journey_id: str) -> bool:
        return trace_id(journey_id) % _SIXTY_FOUR_BITS < self._bound

    def take(self, passage: Passage) -> None:
        alike = _by_message(passage)
        for (journey_id, _), told in alike.items():
            attributes = {f"dangol.{name}": ",".join(dict.fromkeys(values)) for name, values in told.items()}
            span = self._tracer.start_span(
                passage.name,
                context=self._api.set_span_in_context(self._api.NonRecordingSpan(self._of(journey_id))),
                start_time=passage.began,
                attributes={"dangol.journey": journey_id, "dangol.batch": len(alike), **attributes},
            )
            if passage.error:
                span.set_status(self._api.Status(self._api.StatusCode.ERROR, passage.error))
            span.end(end_time=passage.ended)

    def _of(self, journey_id: str) -> Any:
        return self._api.SpanContext(
            trace_id=trace_id(journey_id),
            span_id=_derived("span", journey_id, 8),
            is_remote=True,
            trace_flags=self._api.TraceFlags(self._api.TraceFlags.SAMPLED),
        )


def _by_message(passage: Passage) -> dict[tuple[str, str], dict[str, list[str]]]:
    """One span for a journey and message, though a passage may say several things about it."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for journey_id, told in passage.concerned:
        about = found.setdefault((journey_id, told.get("message", "")), {})
        for name, value in told.items():
            about.setdefault(name, []).append(value)
    return found


@contextmanager
def traced(settings: Settings, process: str, exporter: Any = None) -> Iterator[None]:
    """Send traces of this process until the end; what has not been sent by then is sent. Nothing without an endpoint.

    Raises UsageError if the libraries are not there.
    """
    if not settings.telemetry_endpoint:
        yield
        return
    try:
        provider = _provider(settings, process, exporter)
    except ImportError:
        raise UsageError(_LACKING) from None
    traces.collect_in(Spans(provider.get_tracer("dangol"), settings.telemetry_share))
    try:
        yield
    finally:
        traces.collect_in(None)
        provider.shutdown()


def _provider(settings: Settings, process: str, exporter: Any) -> Any:
    """Imported here, because the extra need not be installed."""
    sdk = import_module("opentelemetry.sdk.trace")
    export = import_module("opentelemetry.sdk.trace.export")
    resources = import_module("opentelemetry.sdk.resources")
    if exporter is None:
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        exporter = otlp.OTLPSpanExporter(endpoint=settings.telemetry_endpoint)
    resource = resources.Resource.create({"service.name": f"dangol-{process}"})
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider


def trace_id(journey_id: str) -> int:
    """The id of a journey's trace: 128 bits, never 0."""
    return _derived("trace", journey_id, 16)


def _derived(what: str, journey_id: str, size: int) -> int:
    digest = hashlib.blake2b(journey_id.encode(), digest_size=size, person=what.encode())
    return int.from_bytes(digest.digest(), "big") or 1
