"""ARCHITECTURE.md draws the floors that the import contract enforces, and names files that are there."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import ROOT, blocks, read

PAGE = read("ARCHITECTURE.md")
PACKAGE = ROOT / "src/dangol"
ROOMS = {path.stem for path in PACKAGE.iterdir() if path.name[0] not in "._" and path.suffix in ("", ".py")}


def drawn() -> list[str]:
    drawing = next(text for language, text in blocks(PAGE) if language == "text")
    return [re.split(r" {2,}", line)[0] for line in drawing.splitlines()]


def test_the_drawing_is_the_import_contract() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract for contract in contracts if contract["type"] == "layers")
    assert drawn() == layers["layers"]


def test_every_room_is_on_a_floor() -> None:
    assert {room for floor in drawn() for room in re.split(r" [|:] ", floor)} == ROOMS


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w./-]+(?:\.py|\.md|\.toml|\.yaml|/))`", PAGE)
    places = (ROOT, ROOT / "docs", PACKAGE, ROOT / "templates/brand", PACKAGE / "expressions")
    assert [file for file in named if not any((place / file).exists() for place in places)] == []
