"""A shop whose figures are collected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dangol import meters
from dangol.surfaces.watching.prometheus import Figures
from tests.integration.pipeline.conftest import carrier, dangol, house

__all__ = ["carrier", "dangol", "house"]


class Seen:
    """Figures, read back from the page that Prometheus would read."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def __call__(self, name: str, **labels: str) -> float:
        """The sum over all lines of this name with these labels."""
        families = text_string_to_metric_families(self._figures.page().decode())
        lines = [line for family in families for line in family.samples if line.name == name]
        return sum(line.value for line in lines if labels.items() <= line.labels.items())


@pytest.fixture
def seen() -> Iterator[Seen]:
    figures = Figures()
    meters.collect_in(figures)
    yield Seen(figures)
    meters.collect_in(None)
