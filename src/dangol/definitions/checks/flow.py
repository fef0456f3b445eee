"""The steps of a campaign as they were written, branches included: is every one reached, and can each be told?"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from dangol.definitions.checks.names import check_unique
from dangol.definitions.document import Document, Path
from dangol.model.problem import Problem
from dangol.model.steps import MAX_NESTING, MAX_POSITION, arms_of, verbs_of

MAX_STEPS = 200
EFFECTS = frozenset({"send", "set", "emit", "webhook"})
"""Verbs that do something; the others only lead there."""


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """A step; ``verb`` is empty if it has not exactly one.

    ``branches`` are the paths of its branches' lists; ``depth`` counts the branches around it.
    """

    path: Path
    verb: str
    position: str
    depth: int
    branches: tuple[Path, ...]


def steps_of(document: Document) -> list[WrittenStep]:
    """Every step, each before what its branches contain."""
    found: list[WrittenStep] = []
    for number, (stage, _) in enumerate(document.items(("stages",))):
        found += _below(document, (*stage, "steps"), str(number), 0)
    return found


def _below(document: Document, listed: Path, prefix: str, depth: int) -> Iterator[WrittenStep]:
    for number, path in enumerate(steps_in(document, listed)):
        step = step_at(document, path, f"{prefix}.{number}", depth)
        yield step
        for branch in step.branches:
            yield from _below(document, branch, f"{step.position}.{branch[-1]}", depth + 1)


def steps_in(document: Document, listed: Path) -> list[Path]:
    """The places of the steps in this list; none where it is no list."""
    return [path for path, _ in document.items(listed)] if isinstance(document.get(listed), list) else []


def step_at(document: Document, path: Path, position: str = "", depth: int = 0) -> WrittenStep:
    """The step that is written here."""
    value = document.get(path)
    verbs = verbs_of(value) if isinstance(value, dict) else []
    verb = verbs[0] if len(verbs) == 1 else ""
    names = {"if": ("then", "else"), "wait_for": ("then", "else"), "split": tuple(arms_of(value) or ())}
    branches = tuple((*path, name) for name in names.get(verb, ()))
    return WrittenStep(path, verb, position, depth, branches)


def check_flow(document: Document, steps: Sequence[WrittenStep]) -> Iterator[Problem]:
    yield from _check_size(document, steps)
    yield from _reach(document, [path for stage, _ in document.items(("stages",)) for path in _of(document, stage)])
    yield from _check_names(document, steps)
    for step in steps:
        yield from _check_branches(document, step)
    if steps and all(step.verb and step.verb not in EFFECTS for step in steps):
        message = "this campaign does nothing: no step sends, sets, emits or calls"
        yield document.problem("no-effect", ("stages",), message, hint="add a `send`", key=True, severity="warning")


def _of(document: Document, stage: Path) -> list[Path]:
    return steps_in(document, (*stage, "steps"))


def _check_size(document: Document, steps: Sequence[WrittenStep]) -> Iterator[Problem]:
    if len(steps) > MAX_STEPS:
        path = steps[MAX_STEPS].path
        yield document.problem("too-many-steps", path, f"found {len(steps)} steps; expected at most {MAX_STEPS}")
    deep = next((step for step in steps if step.depth > MAX_NESTING), None)
    if deep is not None:
        message = f"this step is too deep: it stands in {deep.depth} branches; expected at most {MAX_NESTING}"
        yield document.problem("too-deep", deep.path, message, hint="let it `emit` an event that begins a campaign")
        return
    far = next((step for step in steps if len(step.position) > MAX_POSITION), None)
    if far is not None:
        message = f"the way to this step has {len(far.position)} characters; expected at most {MAX_POSITION}"
        yield document.problem("too-deep", far.path, f"{message}: {far.position}", hint="give the arms shorter names")


# Reaching.


def _reach(document: Document, paths: Sequence[Path]) -> Generator[Problem, None, bool]:
    """Tell the first step of a list that nothing leads to; returns whether every way through the list ends."""
    for index, path in enumerate(paths):
        step = step_at(document, path)
        if (yield from _ends(document, step)):
            if index + 1 < len(paths):
                message = f"this step is never reached: {_why(document, step)}"
                yield document.problem("unreachable-step", paths[index + 1], message, hint=_MOVE)
            return True
    return False


_MOVE = "remove it, or move the `exit`"


def _ends(document: Document, step: WrittenStep) -> Generator[Problem, None, bool]:
    """Does the journey end here, whichever branch it takes?"""
    going_on = 0
    for branch in step.branches:
        ended = yield from _reach(document, steps_in(document, branch))
        going_on += not ended
    return step.verb == "exit" or (bool(step.branches) and going_on == 0)


def _why(document: Document, step: WrittenStep) -> str:
    line, _ = document.place((*step.path, step.verb), key=True)
    if step.verb == "exit":
        return f"the `exit` in line {line} ends the journey"
    return f"every branch of the `{step.verb}` in line {line} ends with an `exit`"


def _check_branches(document: Document, step: WrittenStep) -> Iterator[Problem]:
    """A ``wait_for`` without branches still waits; other steps that lead nowhere are a slip."""
    if step.verb not in {"if", "split"} or not step.branches:
        return
    if not any(document.get(branch) for branch in step.branches):
        path, message = (*step.path, step.verb), f"no branch of this `{step.verb}` has a step, so it decides nothing"
        yield document.problem("idle-branches", path, message, key=True, severity="warning")


# Names.


def _check_names(document: Document, steps: Sequence[WrittenStep]) -> Iterator[Problem]:
    refs: dict[str, int] = {}
    experiments: dict[str, int] = {}
    for step in steps:
        yield from check_unique(document, (*step.path, "ref"), refs, "duplicate-ref", "ref")
        if step.verb == "split" and arms_of(document.get(step.path)) is not None:
            ((path, _),) = document.items((*step.path, "split"))
            name, (line, _) = str(path[-1]), document.place(path, key=True)
            if name in experiments:
                message = f"the experiment `{name}` was used before, in line {experiments[name]}"
                hint = "give it a name of its own: a name stands for one draw"
                yield document.problem("duplicate-experiment", path, message, hint=hint, key=True)
            experiments.setdefault(name, line)
