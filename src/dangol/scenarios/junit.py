"""Results as JUnit XML, in the form that CI servers agree on: a suite a file, a case a scenario."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from dangol.scenarios.report import as_text
from dangol.scenarios.run import Played

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(played: Sequence[Played]) -> str:
    """The document, ending with a line break. Failures hold the timeline."""
    root = ET.Element("testsuites", name="dangol")
    _count(root, played)
    for path in dict.fromkeys(one.result.case.path for one in played):
        of_file = [one for one in played if one.result.case.path == path]
        suite = ET.SubElement(root, "testsuite", name=path)
        _count(suite, of_file)
        for one in of_file:
            _case(suite, one)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(element: ET.Element, played: Sequence[Played]) -> None:
    failed = sum(not one.result.passed for one in played)
    counts = {"tests": len(played), "failures": failed, "errors": 0, "skipped": 0}
    for name, count in counts.items():
        element.set(name, str(count))
    element.set("time", f"{sum(one.seconds for one in played):.3f}")


def _case(suite: ET.Element, one: Played) -> None:
    case = one.result.case
    element = ET.SubElement(
        suite,
        "testcase",
        name=_clean(case.name),
        classname=f"campaigns.{case.campaign}",
        file=case.path,
        line=str(case.line),
        time=f"{one.seconds:.3f}",
    )
    if not one.result.passed:
        failure = ET.SubElement(element, "failure", message=_clean(one.result.failures[0].summary), type="scenario")
        failure.text = _clean(as_text(one.result))


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
