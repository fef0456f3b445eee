"""Everything that is wrong with a workspace's messages, told at once and before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dangol.content import limits
from dangol.content.messages import fallbacks
from dangol.content.required import Occasion
from dangol.content.sources import TextFile
from dangol.content.tags import Origin
from dangol.content.voice_check import check_voice
from dangol.content.workshop import FactUsed, Text, Workshop
from dangol.definitions.document import did_you_mean
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import STANDARD_ATTRIBUTES, TrackingPlan


class Sent(NamedTuple):
    """A template that a campaign sends: for which purpose, by which channels, after which event, in which stage."""

    template: str
    purpose: Purpose
    channels: tuple[Channel, ...]
    event: str | None
    stage: str = ""


Anonymous = tuple[str, Purpose, tuple[Channel, ...], str | None]
"""A Sent by its first four values."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at the messages gave: the texts that can be said, each compiled once, and every problem.

    ``texts`` are by path, purpose and the stage for which the voice has words of its own, mostly empty; None stands for
    a text with problems.
    """

    workshop: Workshop
    texts: dict[tuple[str, Purpose, str], Text | None]

    @property
    def problems(self) -> list[Problem]:
        """Sorted, none twice."""
        return sorted(set(self.workshop.problems))


def check_messages(
    sources: Mapping[str, str],
    *,
    sends: Iterable[Sent | Anonymous],
    plan: TrackingPlan,
    default_locale: str,
    stages: frozenset[str] | None = None,
    rules: frozenset[str] | None = None,
) -> list[Problem]:
    """Every problem of the texts that ``sends`` names, and of the brand's files. Never raises for what they contain.

    ``stages`` are those of the journey map and ``rules`` the ids of the editor's rules: what voice.yaml may name;
    None leaves that unchecked. Texts that no campaign sends are read but not compiled. The list is sorted and has no
    problem twice.
    """
    return examine(sources, sends=sends, plan=plan, default_locale=default_locale, stages=stages, rules=rules).problems


def examine(
    sources: Mapping[str, str],
    *,
    sends: Iterable[Sent | Anonymous],
    plan: TrackingPlan,
    default_locale: str,
    stages: frozenset[str] | None = None,
    rules: frozenset[str] | None = None,
) -> Examined:
    """As ``check_messages``, with what was compiled on the way."""
    workshop = Workshop(sources)
    checked = _Check(workshop, plan, default_locale)
    sent = [Sent(*one) for one in sends]
    for template, purpose, channels, event, stage in sent:
        for channel in channels:
            checked.send(template, purpose, channel, event, stage)
    if workshop.voice is not None:
        occasions = {Occasion(one.purpose, channel, one.stage) for one in sent for channel in one.channels}
        workshop.problems += check_voice(workshop.voice, occasions=occasions, stages=stages, rules=rules)
    everywhere = {(path, purpose, ""): text for (path, purpose), text in checked.compiled.items()}
    return Examined(workshop, {**everywhere, **checked.staged})


class _Check:
    def __init__(self, workshop: Workshop, plan: TrackingPlan, default_locale: str) -> None:
        self.workshop = workshop
        self.plan = plan
        self.default_locale = default_locale
        self.compiled: dict[tuple[str, Purpose], Text | None] = {}
        self.staged: dict[tuple[str, Purpose, str], Text | None] = {}

    def send(self, template: str, purpose: Purpose, channel: Channel, event: str | None, stage: str) -> None:
        locales = self.workshop.locales(template, channel)
        if not set(locales) & set(fallbacks(None, self.default_locale)):
            self._missing(template, channel, bool(locales))
        for locale in locales:
            file = self.workshop.files[template, channel, locale]
            if (file.path, purpose) not in self.compiled:
                text = self.compiled[file.path, purpose] = self.workshop.compile(file, purpose)
                if text is not None:
                    self._lengths(text)
            if text := self.compiled[file.path, purpose]:
                self._facts(text, event)
                if own := self.workshop.stage_of(file, stage):
                    self._in_stage(file, purpose, own, event)

    def _in_stage(self, file: TextFile, purpose: Purpose, stage: str, event: str | None) -> None:
        """A text as the voice has it said in a stage for which it has words of its own."""
        if (file.path, purpose, stage) not in self.staged:
            text = self.staged[file.path, purpose, stage] = self.workshop.compile(file, purpose, stage)
            if text is not None:
                self._lengths(text)
        if text := self.staged[file.path, purpose, stage]:
            self._facts(text, event)

    def _missing(self, template: str, channel: Channel, in_others: bool) -> None:
        suffix = "md" if channel is Channel.EMAIL else "txt"
        path = f"templates/{template}/{channel.value}.{self.default_locale}.{suffix}.j2"
        if any(problem.path == path for problem in self.workshop.problems):
            return  # it is there, but could not be read
        others = "; it is there in other locales only" if in_others else ""
        message = f"`{template}` is sent by {channel.value} but has no text in `{self.default_locale}`{others}"
        names = frozenset(name for name, _, _ in self.workshop.files)
        hint = "write this file" if template in names else did_you_mean(template, names)
        self.workshop.problems.append(Problem(path, 1, 1, "missing-text", message, hint))

    def _facts(self, text: Text, event: str | None) -> None:
        for fact in text.facts:
            if fact.scope == "profile":
                self._known(fact, frozenset({*STANDARD_ATTRIBUTES, *self.plan.attributes}), "attribute")
            elif event is None:
                message = f"`event.{fact.name}`: the campaign starts by schedule, so there is no event"
                self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, "")
            elif event in self.plan.events:
                self._known(fact, frozenset(self.plan.events[event]), f"property of `{event}`")

    def _known(self, fact: FactUsed, names: frozenset[str], kind: str) -> None:
        if fact.name not in names:
            message = f"found `{fact.scope}.{fact.name}`, which is no {kind} in the tracking plan"
            self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, did_you_mean(fact.name, names))

    def _lengths(self, text: Text) -> None:
        """Texts that are too long for everyone, whatever is put in."""
        static, at = text.static, Origin(text.file.path, 1)
        if text.file.channel is Channel.SMS and (parts := limits.segments(static["body"])) > limits.SMS_SEGMENTS:
            message = f"the SMS has {parts} segments before any data; at most {limits.SMS_SEGMENTS} are sent"
            self.workshop.complain(at, "too-long", message)
        if text.file.channel is Channel.PUSH:
            self._push_length(at, "title", text.prefix + static["subject"], limits.PUSH_TITLE)
            self._push_length(at, "text", static["body"], limits.PUSH_BODY)
        if text.file.channel is Channel.EMAIL:
            if len(static["subject"]) > limits.SUBJECT:
                message = f"the subject has more than {limits.SUBJECT} characters before any data"
                self.workshop.complain(at, "too-long", message)
            if (size := len(static["html"].encode())) > limits.EMAIL_CLIPPED_BYTES:
                message = f"the HTML has {size:,} bytes; Gmail cuts off what is beyond {limits.EMAIL_CLIPPED_BYTES:,}"
                self.workshop.complain(at, "will-be-clipped", message, severity="warning")

    def _push_length(self, at: Origin, what: str, text: str, limit: int) -> None:
        if len(text) > limit:
            message = f"the push {what} has {len(text)} characters before any data; at most {limit} are sent"
            self.workshop.complain(at, "too-long", message)
