"""What the editor works on: where words come from, sentences, links, a whole message as one sample reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dangol.editor.wishes import Wishes
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Purpose

DATA = "\ue020"
"""Stands for a character that data put in, where a rule looks for what an author wrote."""

PARTS = ("subject", "preheader", "title", "greeting", "body", "sign_off")


@dataclass(frozen=True, slots=True)
class Send:
    """A campaign's step that sends a template: for which purpose, on which channels, in which stage.

    ``unsent``: no campaign does, and the purpose is a guess.
    """

    template: str
    purpose: Purpose
    channels: tuple[Channel, ...]
    event: str | None = None
    stage: str = ""
    campaign: str = ""
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: the ``index``-th character of a file, from 0.

    ``data``: it is a tag that puts data in, which says ``inner``.
    """

    path: str
    index: int
    data: bool
    exact: bool = True
    inner: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """One part of a message as it is said, Markdown included. ``runs`` tells from which index on which place holds."""

    text: str
    runs: tuple[tuple[int, Place], ...]

    def runs_written(self) -> tuple[object, ...]:
        """What an author wrote of it and which tags put data in, whatever the data: alike for readers alike."""
        ends = [*(run for run, _ in self.runs), len(self.text)][1:]
        return tuple(
            place if place.data else (place, self.text[run:end])
            for (run, place), end in zip(self.runs, ends, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Prose:
    """A passage without mark-up. ``mask`` has DATA for what is no author's; ``back`` gives each character's index
    in the passage."""

    text: str
    mask: str
    back: tuple[int, ...]
    passage: Passage


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of ``part``, which begins at ``start`` of the part's prose. ``block`` counts paragraphs and items.

    ``quoted``: it is what somebody else said. ``label``: it is the text of a button.
    """

    text: str
    mask: str
    part: str
    start: int
    block: int
    quoted: bool = False
    label: bool = False

    @property
    def authored(self) -> bool:
        """Whether an author wrote any of its letters."""
        return any(character.isalpha() for character in self.mask)


@dataclass(frozen=True, slots=True)
class Link:
    """A link: its label, its target, where the label starts in the body's prose, and whether it is a button."""

    label: str
    target: str
    start: int
    button: bool
    written: str
    """The target as an author wrote it, with DATA for data."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the body; ``start`` is where it stands in the body's prose."""

    alt: str
    target: str
    start: int


@dataclass(frozen=True, slots=True)
class Scene:
    """In which circumstances something is said. ``unsent``: by no campaign yet, and the purpose is a guess."""

    template: str
    locale: str
    channel: Channel
    purpose: Purpose
    stage: str
    event: str
    wishes: Wishes
    unsent: bool = False

    @property
    def language(self) -> str:
        return self.locale.partition("-")[0]

    @property
    def is_complaint(self) -> bool:
        """Whether somebody has been let down: messages in which empathy comes before the solution."""
        words = f"{self.event} {self.template}".lower()
        return self.stage == "after_service" or "complaint" in words or "apolog" in words


@dataclass(frozen=True, slots=True)
class Reading:
    """One message as one kind of reader sees it."""

    scene: Scene
    parts: Mapping[str, Prose]
    sentences: tuple[Sentence, ...]
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    rendered: Rendered | None = None

    def of(self, *parts: str) -> tuple[Sentence, ...]:
        """The author's own sentences in these parts, quotations excepted."""
        return tuple(one for one in self.sentences if one.part in parts and one.authored and not one.quoted)


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: from ``start`` to ``end`` of ``part``, what was written and why it matters, what to do.

    Rules on sentences count from the sentence's start and need no part. ``needle`` is what to look for in a source
    where there is no place to count from.
    """

    start: int
    end: int
    message: str
    hint: str = ""
    part: str = "body"
    needle: str = field(default="", compare=False)
