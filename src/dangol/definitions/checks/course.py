"""One campaign as its steps are checked: its setting, its days, and what ends its journeys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from dangol.definitions.checks.flow import WrittenStep, steps_of
from dangol.definitions.checks.names import Names, day_at, duration_at
from dangol.definitions.checks.values import Setting
from dangol.definitions.document import Document, Path

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Course:
    """One campaign as its steps are checked: its setting, its days, and what ends its journeys."""

    setting: Setting

    @property
    def document(self) -> Document:
        return self.setting.document

    @property
    def names(self) -> Names:
        return self.setting.names

    @cached_property
    def steps(self) -> list[WrittenStep]:
        return steps_of(self.document)

    @cached_property
    def starts(self) -> date | None:
        return day_at(self.document, ("starts",))

    @cached_property
    def ends(self) -> date | None:
        return day_at(self.document, ("ends",))

    @cached_property
    def over(self) -> bool:
        """Has the campaign's last day gone by?"""
        return self.ends is not None and self.names.today is not None and self.ends < self.names.today

    @cached_property
    def left(self) -> timedelta | None:
        """How long the campaign still runs at most; None if nobody can tell, or it is over."""
        first = max((day for day in (self.starts, self.names.today) if day is not None), default=None)
        if self.ends is None or first is None or self.ends < first:
            return None
        return self.ends - first + _DAY

    @cached_property
    def exits(self) -> dict[str, int]:
        """Event → line, of exits without a condition."""
        return {
            event: self.document.place(path)[0]
            for path, event, conditional in exits_of(self.document)
            if not conditional
        }

    @cached_property
    def goal(self) -> str | None:
        """The goal's event, if it counts without a condition."""
        goal = self.document.get(("goal",))
        return self.document.text_at(("goal", "event")) if isinstance(goal, dict) and "where" not in goal else None

    @cached_property
    def longest(self) -> timedelta | None:
        """A time that no journey outlasts by its own steps; None if a moment is waited for."""
        total = timedelta()
        for step in self.steps:
            if step.verb in {"wait", "wait_for"}:
                path = (*step.path, "wait") if step.verb == "wait" else (*step.path, "wait_for", "within")
                duration = duration_at(self.document, path)
                if duration is None:
                    return None
                total += duration
        return total


def exits_of(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Place, event and whether there is a condition, of every exit."""
    for path, exit_ in document.items(("exit",)):
        if isinstance(exit_, str):
            yield path, exit_, False
        elif isinstance(exit_, dict) and (event := document.text_at((*path, "event"))) is not None:
            yield (*path, "event"), event, "where" in exit_
