"""Figures as Prometheus reads them. The only module that knows Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from dangol.meters import METERS, Kind, Meter

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LookedUp = Mapping[str, Mapping[tuple[str, ...], float]]
"""Gauge → values of its labels → value."""


class Figures:
    """All figures of one process. ``look_up`` answers what is looked up each time somebody asks; it does not raise."""

    def __init__(self, look_up: Callable[[], LookedUp] | None = None) -> None:
        self._registry = CollectorRegistry()
        self._kept = {meter.name: _made(meter, self._registry) for meter in METERS.values() if not meter.looked_up}
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        if look_up is not None:
            self._registry.register(_Looking(look_up))

    def count(self, meter: Meter, n: float, labels: dict[str, str]) -> None:
        child = self._of(meter, labels)
        assert isinstance(child, Counter), f"{meter.name} is no counter"
        child.inc(n)

    def observe(self, meter: Meter, value: float, labels: dict[str, str]) -> None:
        child = self._of(meter, labels)
        assert isinstance(child, Histogram), f"{meter.name} is no histogram"
        child.observe(value)

    def page(self) -> bytes:
        """Everything, in the text format."""
        return generate_latest(self._registry)

    def _of(self, meter: Meter, labels: dict[str, str]) -> Counter | Histogram:
        kept = self._kept[meter.name]
        return kept.labels(**labels) if meter.labels else kept


class _Looking(Collector):
    def __init__(self, look_up: Callable[[], LookedUp]) -> None:
        self._look_up = look_up

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names alone, so that registering asks no database."""
        return [_family(meter) for meter in METERS.values() if meter.looked_up]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, values in self._look_up().items():
            family = _family(METERS[name])
            for labels, value in values.items():
                family.add_metric(list(labels), value)
            yield family


def _family(meter: Meter) -> GaugeMetricFamily:
    return GaugeMetricFamily(meter.exposed, meter.meaning, labels=meter.labels)


def _made(meter: Meter, registry: CollectorRegistry) -> Counter | Histogram:
    name, labels = f"dangol_{meter.name}", meter.labels
    if meter.kind is Kind.COUNTER:
        return Counter(name, meter.meaning, labels, registry=registry)
    return Histogram(name, meter.meaning, labels, registry=registry, buckets=meter.buckets)
