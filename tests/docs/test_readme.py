"""The README and its Korean twin: the same code in both, and the code is true."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from dangol.checking import check_workspace
from dangol.definitions.workspace import load_workspace
from tests.docs.pages import ROOT, blocks, read, titled

ENGLISH, KOREAN = read("README.md"), read("README.ko.md")
EXAMPLES = titled("yaml", ENGLISH) | titled("jinja", ENGLISH)
SHELL = "".join(text for language, text in blocks(ENGLISH) if language == "sh")
SHIPPED = load_workspace(ROOT)


def test_the_twins_have_the_same_code() -> None:
    assert blocks(KOREAN) == blocks(ENGLISH)


def test_the_twins_have_the_same_sections_links_and_promises() -> None:
    def shape(text: str) -> list[list[str]]:
        headings = [marks for marks, _ in re.findall(r"^(#+) (.*)$", text, re.MULTILINE)]
        links = sorted(re.findall(r"\]\(((?!README)[^)]+)\)", text))
        return [headings, links, re.findall(r"^\| (G\d) ", text, re.MULTILINE)]

    assert shape(KOREAN) == shape(ENGLISH)


def test_the_example_campaign_and_its_message_pass_the_check(tmp_path: Path) -> None:
    for folder in ("campaigns", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert set(EXAMPLES) == {
        "campaigns/kept_cart.yaml",
        "templates/kept_cart/email.en.md.j2",
        "templates/kept_cart/email.ko.md.j2",
    }
    for path, text in EXAMPLES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert check_workspace(tmp_path) == []


def test_the_example_call_is_json() -> None:
    (data,) = re.findall(r"--data '(\{.*?\})'", SHELL, re.DOTALL)
    assert json.loads(data)["userId"] == "c-1042"


def test_the_example_event_is_in_the_shipped_tracking_plan() -> None:
    ((event, given),) = re.findall(r'dangol trigger "([^"]+)" (.*)', SHELL)
    listed = SHIPPED.tracking_plan.events[event]
    assert set(re.findall(r"--prop (\w+)=", given)) <= set(listed)


@pytest.mark.parametrize("number", ["6,919", "2,357"])
def test_the_demo_is_told_as_it_is(number: str) -> None:
    assert number in ENGLISH
    assert number in KOREAN
    assert number in read("src/dangol/simulate/data/README.md")
