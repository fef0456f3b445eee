"""Which steps of a campaign are the same step in another version of it, and what became of each. Pure.

Steps are the same if they have the same ``ref``; of those left over, if they say the same; of those left over still,
if they have the same verb at the same place between steps that are the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dangol.definitions.fields import FieldChange, compare, flatten
from dangol.model.durations import format_duration
from dangol.model.steps import (
    AllOf,
    Emit,
    Exit,
    If,
    PlacedStep,
    Send,
    Set,
    Split,
    Step,
    Until,
    Wait,
    WaitFor,
    Webhook,
)

Became = Literal["added", "removed", "moved", "changed"]
_BRANCHES = {"then", "else"}


@dataclass(frozen=True, slots=True)
class StepChange:
    """What became of one step.

    ``step`` is its name, ``says`` what it does, both as in the newest version that has it. ``old`` and ``new`` are
    its positions; None where it is not. ``earlier``: it was moved ahead of steps that came before it.
    """

    became: Became
    step: str
    says: str
    old: str | None
    new: str | None
    fields: tuple[FieldChange, ...] = ()
    earlier: bool = False


def step_changes(old: Sequence[PlacedStep], new: Sequence[PlacedStep]) -> tuple[StepChange, ...]:
    """Every step that was added, removed, moved or changed, in the order of the new version, removed ones first."""
    pairs = same_steps(old, new)
    removed = [_only("removed", placed) for index, placed in enumerate(old) if index not in dict(pairs)]
    matched = {new_index: old_index for old_index, new_index in pairs}
    moved = _moved(old, new, pairs)
    changes = list(removed)
    for index, placed in enumerate(new):
        if index not in matched:
            changes.append(_only("added", placed))
            continue
        before = old[matched[index]]
        fields = compare(_fields(before), _fields(placed))
        if index in moved or fields:
            became: Became = "moved" if index in moved else "changed"
            positions = (before.position, placed.position)
            changes.append(
                StepChange(became, placed.name, says(placed.step), *positions, fields, moved.get(index, False))
            )
    return tuple(changes)


def same_steps(old: Sequence[PlacedStep], new: Sequence[PlacedStep]) -> list[tuple[int, int]]:
    """Indexes of the steps that are the same, ordered by the new version's."""
    pairs: dict[int, int] = {}
    _pair([placed.step.ref for placed in old], [placed.step.ref for placed in new], pairs)
    _pair([_content(placed) for placed in old], [_content(placed) for placed in new], pairs)
    _pair(*_verbs_between(old, new, pairs), pairs)
    return sorted(pairs.items(), key=lambda pair: pair[1])


def says(step: Step) -> str:
    """What a step does, in a few words: ``send cart_reminder by push, then email``."""
    match step:
        case Wait(wait=wait):
            return f"wait until {wait.until}" if isinstance(wait, Until) else f"wait {format_duration(wait)}"
        case WaitFor(wait_for=awaited):
            return f"wait for {awaited.event} within {format_duration(awaited.within)}"
        case If(condition=condition):
            return f"if {condition}"
        case Split():
            return f"split {step.experiment} ({', '.join(f'{arm} {part}' for arm, part in step.weights.items())})"
        case Send(send=message, channels=channels):
            names = [channel.value for channel in step.every_channel]
            said = f"send {message} by {(' and ' if isinstance(channels, AllOf) else ', then ').join(names)}"
            return f"{said}, in the digest {step.digest}" if step.digest else said
        case Set(set=values):
            return f"set {', '.join(values)}"
        case Emit(emit=event):
            return f"emit {event}"
        case Webhook(webhook=url):
            return f"webhook {url}"
        case Exit(exit=why):
            return f"exit {why}"


def nested(position: str, text: str) -> str:
    """The text of a step, indented as deep as its branch, which is named before its first step."""
    *before, branch, index = position.split(".")
    if not before:
        return text
    return f"{'  ' * (len(before) // 2)}{f'{branch}: ' if index == '0' else ''}{text}"


def _only(became: Became, placed: PlacedStep) -> StepChange:
    old, new = (placed.position, None) if became == "removed" else (None, placed.position)
    return StepChange(became, placed.name, says(placed.step), old, new)


def _fields(placed: PlacedStep) -> dict[str, str]:
    """The step's own settings; what its branches hold are steps of their own."""
    hidden = _BRANCHES | set(placed.branches)
    dumped = placed.step.model_dump(mode="json", by_alias=True)
    if isinstance(placed.step, Set):
        # Here nothing is something: it takes the attribute away.
        dumped["set"] = {name: "(removed)" if value is None else value for name, value in dumped["set"].items()}
    return {"stage": placed.stage} | flatten({name: value for name, value in dumped.items() if name not in hidden})


def _content(placed: PlacedStep) -> Hashable:
    return tuple((name, value) for name, value in _fields(placed).items() if name not in {"ref", "stage"})


def _pair(old: Sequence[Hashable | None], new: Sequence[Hashable | None], pairs: dict[int, int]) -> None:
    """Pair the steps left over that have the same token, in order; None goes with nothing."""
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for index in _left(len(old), pairs):
        waiting[old[index]].append(index)
    for index in _left(len(new), pairs.values()):
        if new[index] is not None and waiting[new[index]]:
            pairs[waiting[new[index]].popleft()] = index


def _verbs_between(
    old: Sequence[PlacedStep], new: Sequence[PlacedStep], pairs: dict[int, int]
) -> tuple[list[Hashable], list[Hashable]]:
    """For each step its verb and the nearest paired step before it."""
    behind_old = _anchors(len(old), {index: index for index in pairs})
    behind_new = _anchors(len(new), {after: before for before, after in pairs.items()})
    return (
        [(type(placed.step), anchor) for placed, anchor in zip(old, behind_old, strict=True)],
        [(type(placed.step), anchor) for placed, anchor in zip(new, behind_new, strict=True)],
    )


def _anchors(length: int, known: dict[int, int]) -> list[int]:
    """For each step the old index of the nearest paired step before it; -1 before the first."""
    anchors, last = [], -1
    for index in range(length):
        anchors.append(last)
        last = known.get(index, last)
    return anchors


def _left(length: int, taken: Iterable[int]) -> list[int]:
    gone = set(taken)
    return [index for index in range(length) if index not in gone]


def _moved(old: Sequence[PlacedStep], new: Sequence[PlacedStep], pairs: list[tuple[int, int]]) -> dict[int, bool]:
    """New indexes of the steps that stand elsewhere now → whether ahead of where they stood.

    What a moved step carries along in its branches is not told as moved.
    """
    stay = _longest_rising([before for before, _ in pairs])
    kept = [pair for number, pair in enumerate(pairs) if number in stay]
    counterpart = {old[before].position: new[after].position for before, after in pairs}
    moved: dict[int, bool] = {}
    carried: set[str] = set()
    for number, (before, after) in enumerate(pairs):
        was, now = _branch(old[before].position), _branch(new[after].position)
        same_branch = (counterpart.get(was[0]), was[1]) == now or was == now == ("", "")
        if same_branch and (number in stay or now[0] in carried):
            if now[0] in carried:
                carried.add(new[after].position)
            continue
        carried.add(new[after].position)
        moved[after] = any(first < before and after < then for first, then in kept)
    return moved


def _branch(position: str) -> tuple[str, str]:
    """The step whose branch this is in, and which; both empty outside of branches."""
    parts = position.split(".")
    return (".".join(parts[:-2]), parts[-2]) if len(parts) > 2 else ("", "")


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Places in ``numbers`` of a longest subsequence that rises."""
    ends: list[int] = []
    places: list[int] = []
    came_from: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        came_from.append(places[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[length], places[length] = number, place
    found, place = set(), places[-1] if places else -1
    while place >= 0:
        found.add(place)
        place = came_from[place]
    return found
