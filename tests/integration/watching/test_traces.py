"""Traces: one for each journey, from its trigger to its outcome, by whichever process and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dangol import traces
from dangol.errors import UsageError
from dangol.settings import Settings
from dangol.surfaces.watching import telemetry
from dangol.surfaces.watching.telemetry import Spans, trace_id, traced
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

SETTINGS = Settings(_env_file=None, telemetry_endpoint="http://127.0.0.1:1/v1/traces", telemetry_share=1.0)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def collecting(exporter: InMemorySpanExporter) -> Iterator[None]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.collect_in(Spans(provider.get_tracer("tests"), 1.0))
    yield
    traces.collect_in(None)


def spans_of(exporter: InMemorySpanExporter, journey_id: str) -> list[ReadableSpan]:
    found = [span for span in exporter.get_finished_spans() if span.context.trace_id == trace_id(journey_id)]
    return sorted(found, key=lambda span: span.start_time or 0)


@pytest.mark.usefixtures("collecting")
def test_a_journey_has_one_trace_from_its_trigger_to_its_outcome(house: House, exporter: InMemorySpanExporter) -> None:
    house.opens_with(campaign("shop", {"wait": "1 hour"}, note())).knows("alice", "bob")
    house.orders("alice", "bob")
    house.pass_time(timedelta(hours=2))
    for journey in house.journeys:
        spans = spans_of(exporter, journey.id)
        assert list(dict.fromkeys(span.name for span in spans)) == ["ingest", "plan", "deliver", "hand_over", "settle"]
        assert {span.attributes["dangol.journey"] for span in spans if span.attributes} == {journey.id}
    (message,) = [row for row in house.messages if row.journey_id == house.journeys[0].id]
    told = dict(spans_of(exporter, house.journeys[0].id)[-1].attributes or {})
    assert told["dangol.message"] == message.id
    assert told["dangol.decision"] == "message_accepted"
    (handed_over,) = [span for span in spans_of(exporter, house.journeys[0].id) if span.name == "hand_over"]
    assert dict(handed_over.attributes or {})["dangol.provider"] == "fake"


@pytest.mark.usefixtures("collecting")
def test_no_attribute_is_personal(house: House, exporter: InMemorySpanExporter) -> None:
    house.opens_with(campaign("shop", note())).knows("alice")
    house.orders("alice", order_id="A-1", value=30)
    house.work()
    spans = exporter.get_finished_spans()
    names = {name for span in spans for name in span.attributes or {}}
    assert names <= {
        f"dangol.{name}" for name in ("journey", "message", "batch", "decision", "reason", "channel", "provider")
    }
    assert "alice" not in "".join(span.to_json() for span in spans)


@pytest.mark.usefixtures("collecting")
def test_a_passage_that_breaks_is_told_with_its_error(house: House, exporter: InMemorySpanExporter) -> None:
    def failing() -> None:
        with traces.at("plan"):
            traces.concerns("j1")
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    (span,) = spans_of(exporter, "j1")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "LookupError")


def test_about_the_share_that_was_asked_for_is_traced_and_always_the_same(exporter: InMemorySpanExporter) -> None:
    spans = Spans(TracerProvider().get_tracer("tests"), 0.1)
    wanted = [number for number in range(5000) if spans.wants(f"journey-{number}")]
    assert 400 < len(wanted) < 600
    assert all(spans.wants(f"journey-{number}") for number in wanted)
    assert not Spans(None, 0.0).wants("journey-1")


def test_without_an_endpoint_nothing_is_traced() -> None:
    with traced(Settings(_env_file=None), "worker"):
        assert not traces.on()


def test_with_an_endpoint_spans_are_sent_by_the_end(exporter: InMemorySpanExporter) -> None:
    with traced(SETTINGS, "worker", exporter), traces.at("plan"):
        traces.concerns("j1", message="m1")
    (span,) = spans_of(exporter, "j1")
    assert span.resource.attributes["service.name"] == "dangol-worker"
    assert not traces.on()


def test_an_endpoint_without_the_libraries_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(telemetry, "import_module", absent)
    with pytest.raises(UsageError, match=r"dangol\[telemetry\]"), traced(SETTINGS, "worker"):
        pass


def test_while_nobody_collects_stations_cost_nothing_and_tell_nothing() -> None:
    with traces.at("plan"):
        traces.concerns("j1", message="m1")
    assert not traces.on()
