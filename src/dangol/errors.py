"""Every error dangol raises on purpose, in one tree.

The docstring of a class is its default message. ``exit_code`` is what the command line returns:
1 the check found problems, 2 wrong usage, 3 something outside dangol failed.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from dangol.model.problem import Problem


class DangolError(Exception):
    """Something went wrong in dangol."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class UsageError(DangolError):
    """The command was called in a way it does not understand."""

    exit_code = 2


class ProblemsFound(DangolError):
    """The workspace has problems; every one of them is listed, not only the first."""

    exit_code = 1

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ExpressionError(DangolError):
    """An expression could not be understood.

    ``offset`` is the zero-based place in the expression's own text.
    """

    exit_code = 1

    def __init__(self, message: str, *, offset: int = 0, suggestion: str | None = None) -> None:
        self.offset = offset
        self.suggestion = suggestion
        super().__init__(message)


class RenderError(DangolError):
    """A message could not be rendered for this person; nothing was sent."""


class ContentTooLong(RenderError):
    """The rendered text exceeds the channel's limit; nothing was sent."""


class InvalidEvent(DangolError):
    """An event was refused because it is malformed; ``code`` names why."""

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class UnknownProfile(DangolError):
    """No profile has this id."""

    exit_code = 2


class UnknownCampaign(DangolError):
    """No campaign in service has this key."""

    exit_code = 2


class UnknownVersion(DangolError):
    """This database does not hold the campaign version that was asked for."""


class ErasedProfile(DangolError):
    """This person was erased: the key that could open their records no longer exists."""

    exit_code = 1


class StoreUnavailable(DangolError):
    """The database cannot be used right now."""


class BrokerUnavailable(DangolError):
    """The message broker cannot be reached right now."""


class AlreadyRunning(DangolError):
    """Another dangol process holds this database."""
