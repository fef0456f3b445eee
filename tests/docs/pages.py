"""The pages that people read, and what is found in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "requirements").glob("*.md")])
_BLOCK = re.compile(r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block, in order."""
    return [(match["language"], match["text"]) for match in _BLOCK.finditer(text)]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _BLOCK.sub("", text)


def table(text: str, heading: str) -> Iterator[list[str]]:
    """The cells of the rows under the heading, up to the next one of any level; without heads and rulers."""
    section = re.split(r"^#+ ", text.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def titled(language: str, text: str) -> dict[str, str]:
    """Blocks of this language whose first line, a comment, names their file."""
    found = {}
    for given, block in blocks(text):
        first, _, rest = block.partition("\n")
        if given == language and first.startswith("# "):
            found[first.removeprefix("# ")] = rest
    return found
