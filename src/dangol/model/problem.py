"""A mistake in a file, told so that its author can mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. Lines and columns count from 1, as editors do.

    The message says what was found and what was expected; ``hint`` says what to do, or names the nearest valid
    word. An error stops a deployment; a warning and a note do not.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        text = f"{self.path}:{self.line}:{self.column}: {self.severity}[{self.code}] {self.message}"
        return f"{text} ({self.hint})" if self.hint else text
