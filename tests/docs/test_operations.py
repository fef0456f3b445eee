"""docs/operations.md names the figures that there are, with their kinds, labels and meanings."""

from __future__ import annotations

from dangol.meters import METERS
from dangol.surfaces.doctor.checks import CHECKS
from tests.docs.pages import read, table


def test_every_figure_is_explained_as_the_catalogue_does() -> None:
    told = {tuple(cells) for cells in table(read("docs/operations.md"), "Figures")}
    assert told == {
        (f"`{meter.exposed}`", meter.kind.value, ", ".join(f"`{label}`" for label in meter.labels), meter.meaning)
        for meter in METERS.values()
    }


def test_every_check_of_the_doctor_is_told_in_its_order() -> None:
    told = [tuple(cells) for cells in table(read("docs/doctor.md"), "Checks")]
    assert told == [(f"`{check.name}`", check.looks_at) for check in CHECKS]
