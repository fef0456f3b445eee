"""docs/operations.md names the figures that there are, with their kinds, labels and meanings."""

from __future__ import annotations

from dangol.meters import METERS
from tests.docs.pages import read, table


def test_every_figure_is_explained_as_the_catalogue_does() -> None:
    told = {tuple(cells) for cells in table(read("docs/operations.md"), "Figures")}
    assert told == {
        (f"`{meter.exposed}`", meter.kind.value, ", ".join(f"`{label}`" for label in meter.labels), meter.meaning)
        for meter in METERS.values()
    }
