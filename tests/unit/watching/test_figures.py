"""Figures: stations count by name, and whoever collects is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dangol import meters
from dangol.meters import METERS, Kind, Meter
from dangol.surfaces.watching.prometheus import Figures


@pytest.fixture
def figures() -> Iterator[Figures]:
    collecting = Figures()
    meters.collect_in(collecting)
    yield collecting
    meters.collect_in(None)


def samples(figures: Figures) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(figures.page().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def example(meter: Meter) -> dict[str, str]:
    return dict.fromkeys(meter.labels, "x")


def test_while_nobody_collects_counting_does_nothing() -> None:
    assert not meters.on()
    meters.count("events", 3, result="new")
    with meters.timed("batch_seconds", work="deliver"):
        pass


@pytest.mark.parametrize("meter", [one for one in METERS.values() if not one.looked_up], ids=lambda one: one.name)
def test_every_meter_can_be_moved_and_is_then_on_the_page(figures: Figures, meter: Meter) -> None:
    labels = example(meter)
    match meter.kind:
        case Kind.COUNTER:
            meters.count(meter.name, 2, **labels)
            expected = (meter.exposed, 2.0)
        case Kind.HISTOGRAM:
            meters.observe(meter.name, 2, **labels)
            expected = (f"{meter.exposed}_sum", 2.0)
    assert samples(figures)[expected[0], tuple(sorted(labels.items()))] == expected[1]


def test_a_name_that_the_catalogue_does_not_hold_is_found_out(figures: Figures) -> None:
    with pytest.raises(KeyError, match="eventz"):
        meters.count("eventz", 1)


def test_counting_nothing_makes_no_line(figures: Figures) -> None:
    meters.count("events", 0, result="new")
    assert not [name for name, _ in samples(figures) if name == "dangol_events_total"]


def test_how_long_something_takes_is_told_even_if_it_fails(figures: Figures) -> None:
    def failing() -> None:
        with meters.timed("batch_seconds", work="deliver"):
            raise ValueError

    with pytest.raises(ValueError):
        failing()
    assert samples(figures)["dangol_batch_seconds_count", (("work", "deliver"),)] == 1


def test_no_label_names_a_person() -> None:
    labels = {label for meter in METERS.values() for label in meter.labels}
    assert labels.isdisjoint({"profile", "email", "phone", "message", "journey", "address"})


def test_what_is_looked_up_is_asked_for_when_the_page_is_made() -> None:
    asked = []

    def look_up() -> dict[str, dict[tuple[str, ...], float]]:
        asked.append(1)
        return {"database_up": {(): 1}, "database_connections": {("idle",): 3}}

    figures = Figures(look_up)
    assert asked == []
    seen = samples(figures)
    assert seen["dangol_database_up", ()] == 1
    assert seen["dangol_database_connections", (("state", "idle"),)] == 3
    assert len(asked) == 1
