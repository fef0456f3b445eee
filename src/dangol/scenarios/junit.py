"""Results as JUnit XML, in the form that CI servers agree on: a suite a file, a case a scenario or a mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from dangol.model.problem import Problem
from dangol.scenarios.report import as_text
from dangol.scenarios.run import Played

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(played: Sequence[Played]) -> str:
    """The document, ending with a line break. Failures hold the timeline."""
    root = ET.Element("testsuites", name="dangol")
    _count_played(root, played)
    for path in dict.fromkeys(one.result.case.path for one in played):
        of_file = [one for one in played if one.result.case.path == path]
        suite = ET.SubElement(root, "testsuite", name=path)
        _count_played(suite, of_file)
        for one in of_file:
            _case(suite, one)
    return _document(root)


def junit_of_problems(problems: Sequence[Problem]) -> str:
    """The document of a run that could not begin: each mistake is a case of its own, with an error."""
    root = ET.Element("testsuites", name="dangol")
    _count(root, errors=len(problems))
    for path in dict.fromkeys(problem.path for problem in problems):
        of_file = [problem for problem in problems if problem.path == path]
        suite = ET.SubElement(root, "testsuite", name=path)
        _count(suite, errors=len(of_file))
        for problem in of_file:
            _mistake(suite, problem)
    return _document(root)


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count_played(element: ET.Element, played: Sequence[Played]) -> None:
    failed = sum(not one.result.passed for one in played)
    _count(element, passed=len(played) - failed, failures=failed, seconds=sum(one.seconds for one in played))


def _count(element: ET.Element, *, passed: int = 0, failures: int = 0, errors: int = 0, seconds: float = 0) -> None:
    counts = {"tests": passed + failures + errors, "failures": failures, "errors": errors, "skipped": 0}
    for name, count in counts.items():
        element.set(name, str(count))
    element.set("time", f"{seconds:.3f}")


def _mistake(suite: ET.Element, problem: Problem) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        name=f"{problem.line}:{problem.column} {problem.code}",
        classname=problem.path.removesuffix(".yaml").replace("/", "."),
        file=problem.path,
        line=str(problem.line),
        time="0.000",
    )
    error = ET.SubElement(element, "error", message=_clean(problem.message), type=problem.code)
    error.text = _clean(str(problem))


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
