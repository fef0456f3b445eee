"""Every command that a page, the Procfile or an error message names exists, with the options it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.commands import app
from tests.docs.pages import PAGES, ROOT, blocks, name, prose, read

COMMANDS: Any = typer.main.get_command(app)
_IN_PROSE = re.compile(r"`(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?dangol ([^`]+)`")
_IN_BLOCK = re.compile(r"(?:^|[ $(/])dangol (?=[a-z-])(.*)$")
_MAKE = re.compile(r"(?:^|`)(?:[A-Z]+=\S+ )?make ([a-z]+)(?=`|$)", re.MULTILINE)
ELSEWHERE = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.j2"), *(ROOT / "src").rglob("*.html")]


def mentioned(page: Path) -> Iterator[str]:
    """Command lines after ``dangol``."""
    text = page.read_text(encoding="utf-8")
    yield from _IN_PROSE.findall(prose(text))
    for language, block in blocks(text):
        if language in {"", "sh", "console", "text"}:
            for line in block.replace("\\\n", " ").splitlines():
                yield from _IN_BLOCK.findall(line.partition("  #")[0])


def mistakes(line: str) -> str:
    """What is wrong with a command line; empty if nothing is."""
    words = shlex.split(re.sub(r'\)"?$|…', "", line), posix=False)
    command = COMMANDS
    while words and hasattr(command, "commands"):
        found = command.commands.get(words[0].partition("|")[0])
        if found is None:
            return f"no command {words[0]!r} in `dangol {line}`"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown} in `dangol {line}`" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_on_the_page_exists(page: Path) -> None:
    assert [wrong for line in mentioned(page) if (wrong := mistakes(line))] == []


def test_every_command_that_the_code_recommends_exists() -> None:
    found = {
        line.replace("`", "")
        for path in ELSEWHERE
        for line in re.findall(r"`{1,2}dangol ([a-z-]+(?: [a-z-]+)?)", path.read_text(encoding="utf-8"))
    }
    assert found
    assert [wrong for line in sorted(found) if (wrong := mistakes(line))] == []


def test_the_pages_together_name_every_command() -> None:
    said = {tuple(line.split()[:1]) for page in PAGES for line in mentioned(page)}
    assert {command for command in COMMANDS.commands if (command,) not in said} == set()


def test_the_procfile_runs_commands_that_exist() -> None:
    processes = dict(line.split(": ", 1) for line in read("Procfile").splitlines())
    assert set(processes) == {"web", "worker", "scheduler"}
    lines = [command.removeprefix("dangol ") for command in processes.values()]
    assert [wrong for line in lines if (wrong := mistakes(line))] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / ".ci/run"], ids=name)
def test_every_make_target_on_the_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.MULTILINE))
    assert set(_MAKE.findall(page.read_text(encoding="utf-8"))) <= targets
