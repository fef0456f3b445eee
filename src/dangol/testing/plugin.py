"""pytest collects ``campaigns/tests/*.yaml``: one test a scenario, with the timeline of those that fail.

pytest loads this by itself where dangol is installed. It imports the rest of dangol only when it meets such a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr

if TYPE_CHECKING:
    from dangol.scenarios.cases import Case
    from dangol.scenarios.rehearsal import Rehearsal
    from dangol.scenarios.run import Attempt

_attempts: pytest.StashKey[dict[Path, Attempt]] = pytest.StashKey()
_told: pytest.StashKey[set[Path]] = pytest.StashKey()
_rehearsals: pytest.StashKey[dict[Path, Rehearsal]] = pytest.StashKey()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """``campaigns/tests/<campaign>.yaml`` of any workspace."""
    if file_path.suffix == ".yaml" and file_path.parts[-3:-1] == ("campaigns", "tests"):
        return ScenarioModule.from_parent(parent, path=file_path)
    return None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what scenarios were played in."""
    for rehearsal in config.stash.get(_rehearsals, {}).values():
        rehearsal.close()


class ScenarioModule(pytest.File):
    """One file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        from dangol.errors import DangolError

        root = self.path.parents[2]
        path = self.path.relative_to(root).as_posix()
        try:
            found = _attempt(self.config, root)
        except DangolError as error:
            raise self.CollectError(str(error)) from error
        if wrong := found.in_scenarios(path):
            raise self.CollectError("\n".join(map(str, wrong)))
        if found.programme is None:
            raise self.CollectError(_told_once(self.config, root, found))
        for case in found.programme.cases():
            if case.path == path:
                yield ScenarioItem.from_parent(self, name=case.name, case=case)


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, case: Case, **others: Any) -> None:
        super().__init__(**others)
        self.case = case

    def runtest(self) -> None:
        from structlog.testing import capture_logs

        from dangol.scenarios.compare import compare

        with capture_logs() as logged:
            result = compare(self.case, _rehearsal(self.config, self.path.parents[2]).play(self.case))
        if not result.passed:
            for entry in logged:
                if entry["log_level"] in {"warning", "error", "critical"}:
                    self.add_report_section("call", "log", str(entry))
            raise ScenarioFailed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ScenarioFailed):
            return _Told(excinfo.value, self.path, self.case.line)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name


class _Told(TerminalRepr):
    """The timeline; pytest's short summary takes the first failure from ``reprcrash``."""

    def __init__(self, failed: ScenarioFailed, path: Path, line: int) -> None:
        self.reprcrash = ReprFileLocation(str(path), line, str(failed))
        self._report = failed.report

    def toterminal(self, tw: Any) -> None:
        tw.line(self._report)


class ScenarioFailed(Exception):
    """A scenario did not go as expected; ``report`` is its timeline."""

    def __init__(self, result: Any) -> None:
        from dangol.scenarios.report import as_text

        self.report = as_text(result)
        super().__init__(result.failures[0].summary)


def _attempt(config: pytest.Config, root: Path) -> Attempt:
    """What could be read of a workspace, once however many files it has, and whether it could be used or not."""
    from dangol.scenarios.run import attempt

    known = config.stash.setdefault(_attempts, {})
    if root not in known:
        known[root] = attempt(root)
    return known[root]


def _told_once(config: pytest.Config, root: Path, found: Attempt) -> str:
    """The errors of a workspace that cannot be used, in full for the first of its files."""
    told = config.stash.setdefault(_told, set())
    if root in told:
        return f"{root} cannot be used; its {len(found.errors)} errors are told above"
    told.add(root)
    return "\n".join(map(str, found.errors))


def _rehearsal(config: pytest.Config, root: Path) -> Rehearsal:
    from dangol.scenarios.rehearsal import Rehearsal

    opened = config.stash.setdefault(_rehearsals, {})
    if root not in opened:
        programme = _attempt(config, root).programme
        assert programme is not None
        opened[root] = Rehearsal(programme.workspace)
    return opened[root]
