"""What there is to draw of a campaign: a tree of boxes in bands, independent of how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dangol.model.campaign import Campaign
from dangol.model.steps import END, START, STEP_TYPES, Exit, PlacedStep, Step
from dangol.surfaces.drawing.words import branch_words, entry_words, exit_words, goal_words, step_words


@dataclass(frozen=True, slots=True)
class Branch:
    """One way on from a box; without boxes it leads straight to where the branches meet again."""

    name: str
    label: str
    boxes: tuple[Box, ...]

    @property
    def leaves(self) -> bool:
        """Does nobody come out of it again?"""
        return bool(self.boxes) and self.boxes[-1].leaves


@dataclass(frozen=True, slots=True)
class Box:
    """One step. ``kind`` is its verb; ``people`` is how many are about to run it: they wait right before it."""

    kind: str
    placed: PlacedStep
    heading: str
    lines: tuple[str, ...]
    branches: tuple[Branch, ...]
    people: int

    @property
    def ref(self) -> str:
        return self.placed.step.ref or ""

    @property
    def leaves(self) -> bool:
        """Does nobody go on below it?"""
        if isinstance(self.placed.step, Exit):
            return True
        return bool(self.branches) and all(branch.leaves for branch in self.branches)


@dataclass(frozen=True, slots=True)
class Band:
    """The part of a campaign that belongs to one stage of the journey map."""

    stage: str
    name: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A campaign, ready to be drawn.

    ``ending`` people wait after the last step.
    """

    campaign: Campaign
    entry: str
    entry_lines: tuple[str, ...]
    bands: tuple[Band, ...]
    exits: tuple[str, ...]
    goal: str
    title: str
    ending: int = 0

    @property
    def reaches_end(self) -> bool:
        """Does anybody come to the end of the last step?"""
        return not self.bands[-1].boxes[-1].leaves


def make_chart(
    campaign: Campaign, *, stage_names: Mapping[str, str] | None = None, people: Mapping[str, int] | None = None
) -> Chart:
    """The campaign as a chart.

    ``stage_names`` says what the journey map calls its stages; ``people`` maps a step's position to how many wait
    right before it.
    """
    counts, names = by_step(campaign, people or {}), stage_names or {}
    maker = _Maker({placed.position: placed for placed in campaign.placed}, counts)
    heading, lines = entry_words(campaign)
    bands = tuple(
        Band(stage.stage, names.get(stage.stage, stage.stage), maker.boxes(stage.steps, str(index)))
        for index, stage in enumerate(campaign.stages)
    )
    return Chart(
        campaign,
        heading,
        lines,
        bands,
        exit_words(campaign.exits),
        goal_words(campaign.goal) if campaign.goal else "",
        title=f"{campaign.name} ({campaign.key})",
        ending=counts.get(END, 0),
    )


def by_step(campaign: Campaign, people: Mapping[str, int]) -> dict[str, int]:
    """Position → people; who has not run a step yet waits before the first."""
    counts = dict(people)
    if entering := counts.pop(START, 0):
        first = campaign.placed[0].position
        counts[first] = counts.get(first, 0) + entering
    return counts


@dataclass(frozen=True, slots=True)
class _Maker:
    steps: Mapping[str, PlacedStep]
    people: Mapping[str, int]

    def boxes(self, steps: Sequence[Step], prefix: str) -> tuple[Box, ...]:
        return tuple(self._box(self.steps[f"{prefix}.{index}"]) for index in range(len(steps)))

    def _box(self, placed: PlacedStep) -> Box:
        branches = tuple(
            Branch(name, branch_words(placed.step, name), self.boxes(steps, f"{placed.position}.{name}"))
            for name, steps in placed.branches.items()
        )
        kind = next(verb for verb, model in STEP_TYPES.items() if isinstance(placed.step, model))
        return Box(kind, placed, *step_words(placed.step), branches, self.people.get(placed.position, 0))
