"""Links lead somewhere, records are listed, and nothing names where packages are downloaded from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name, prose, read

RECORDS = sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
HOSTS = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("pypi", "python", "org")))
FOLDERS = ("docs", "requirements", "src", "tests", "bench", "campaigns", "templates", ".ci")
TEXT = {".md", ".py", ".txt", ".toml", ".yaml", ".j2", ".html", ".css", ".csv", ""}


def anchors(page: Path) -> set[str]:
    """Headings as the common hosts of Markdown turn them into anchors."""
    headings = re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return not file.exists() or bool(anchor and anchor not in anchors(file))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_on_the_page_resolves(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8")))
    inside = [target for target in targets if not re.match(r"https?://|mailto:", target)]
    assert [target for target in inside if broken(page, target)] == []


def test_every_page_is_listed_in_the_overview() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", read("docs/README.md")))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} == listed


def test_every_decision_record_is_listed_with_its_title() -> None:
    listed = re.findall(r"^\| (\d+) \| \[(.*)\]\((.*)\) \|$", read("docs/adr/README.md"), re.MULTILINE)
    assert [file for _, _, file in listed] == RECORDS
    assert all(read(f"docs/adr/{file}").startswith(f"# {number}. {title}\n") for number, title, file in listed)


def test_records_are_numbered_without_gaps_and_short() -> None:
    assert [int(record[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    assert [record for record in RECORDS if len(read(f"docs/adr/{record}").splitlines()) > 40] == []


def test_no_file_names_a_package_registry() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    ours = [path for path in files if not {"__pycache__", ".venv"} & set(path.parts)]  # rivals have one of their own
    texts = [path for path in ours if path.is_file() and path.suffix in TEXT]
    assert len(texts) > 100
    assert [name(path) for path in texts if any(host in path.read_text(encoding="utf-8") for host in HOSTS)] == []
