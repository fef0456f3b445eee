"""Everything that is wrong with a workspace's messages, told at once and before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dangol.content import digests, kinds, limits
from dangol.content import sms as counting
from dangol.content.filter_kinds import OF_TYPE, Kind
from dangol.content.messages import fallbacks
from dangol.content.required import Occasion
from dangol.content.sources import TextFile
from dangol.content.tags import Origin
from dangol.content.voice_check import check_voice
from dangol.content.workshop import FactUsed, Text, Workshop
from dangol.definitions.document import did_you_mean
from dangol.errors import ContentTooLong, RenderError
from dangol.model.duty import CONFIRM, CONSENT_REQUESTED, LINKS
from dangol.model.message import SmsSize
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import STANDARD_ATTRIBUTES, Sms, TrackingPlan


class Sent(NamedTuple):
    """A template that a campaign sends: for which purpose, by which channels, after which event, in which stage."""

    template: str
    purpose: Purpose
    channels: tuple[Channel, ...]
    event: str | None
    stage: str = ""


Anonymous = tuple[str, Purpose, tuple[Channel, ...], str | None]
"""A Sent by its first four values."""


_GIVEN = frozenset({"links", digests.SCOPE})
"""Namespaces that hold what dangol itself gives to a text."""


def _given(scope: str, name: str) -> Kind | None:
    return Kind.TEXT if scope == "links" else digests.FACTS.get(name)


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
    sms: Sms | None = None,
    stages: frozenset[str] | None = None,
    rules: frozenset[str] | None = None,
    digest_texts: Collection[str] = (),
) -> list[Problem]:
    """Every problem of the texts that ``sends`` names, and of the brand's files. Never raises for what they contain.

    ``stages`` are those of the journey map and ``rules`` the ids of the editor's rules: what voice.yaml may name;
    None leaves that unchecked. ``digest_texts`` are the templates of digests. Texts that no campaign sends are compiled
    as those of a service. The list is sorted and has no problem twice.
    """
    return examine(
        sources,
        sends=sends,
        plan=plan,
        default_locale=default_locale,
        sms=sms,
        stages=stages,
        rules=rules,
        digest_texts=digest_texts,
    ).problems


def examine(
    sources: Mapping[str, str],
    *,
    sends: Iterable[Sent | Anonymous],
    plan: TrackingPlan,
    default_locale: str,
    sms: Sms | None = None,
    stages: frozenset[str] | None = None,
    rules: frozenset[str] | None = None,
    digest_texts: Collection[str] = (),
) -> Examined:
    """As ``check_messages``, with what was compiled on the way."""
    workshop = Workshop(sources, checking=True)
    checked = _Check(workshop, plan, default_locale, sms or Sms(), frozenset(digest_texts))
    sent = [Sent(*one) for one in sends]
    for template, purpose, channels, event, stage in sent:
        for channel in channels:
            checked.send(template, purpose, channel, event, stage)
    checked.unsent()
    if workshop.voice is not None:
        occasions = {Occasion(one.purpose, channel, one.stage) for one in sent for channel in one.channels}
        workshop.problems += check_voice(workshop.voice, occasions=occasions, stages=stages, rules=rules)
    everywhere = {(path, purpose, ""): text for (path, purpose), text in checked.compiled.items()}
    return Examined(workshop, {**everywhere, **checked.staged})


class _Check:
    def __init__(
        self, workshop: Workshop, plan: TrackingPlan, default_locale: str, carrier: Sms, digest_texts: frozenset[str]
    ) -> None:
        self.workshop = workshop
        self.digest_texts = digest_texts
        self.carrier = carrier
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
            if text := self._text(file, purpose):
                self._facts(text, event)
                self._kinds(text, self._of_event(event))
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

    def unsent(self) -> None:
        """The texts that no campaign sends yet: everything but what depends on the event that they will follow."""
        sent = {path for path, _ in self.compiled}
        for file in self.workshop.files.values():
            if file.path not in sent and (text := self._text(file, Purpose.SERVICE)):
                self._facts(text, None, sent=False)
                self._kinds(text, self._of_any_event)

    def _text(self, file: TextFile, purpose: Purpose) -> Text | None:
        if (file.path, purpose) not in self.compiled:
            text = self.compiled[file.path, purpose] = self.workshop.compile(file, purpose)
            if text is not None:
                self._lengths(text)
        return self.compiled[file.path, purpose]

    def _kinds(self, text: Text, known: kinds.Known) -> None:
        for part, tree in text.written:
            for finding in [*kinds.mistakes(tree, text.macros, known), *digests.mistakes(tree)]:
                origin = part.origins.get(finding.line, Origin(text.file.path, 1))
                self.workshop.complain(origin, finding.code, finding.message, finding.word, finding.hint)

    def _of_event(self, event: str | None) -> kinds.Known:
        properties = self.plan.events.get(event or "", {})

        def known(scope: str, name: str) -> Kind | None:
            if scope in _GIVEN:
                return _given(scope, name)
            if scope == "profile":
                return self._of_profile(name)
            return OF_TYPE[properties[name]] if name in properties else None

        return known

    def _of_any_event(self, scope: str, name: str) -> Kind | None:
        if scope in _GIVEN:
            return _given(scope, name)
        if scope == "profile":
            return self._of_profile(name)
        found = {properties[name] for properties in self.plan.events.values() if name in properties}
        return OF_TYPE[found.pop()] if len(found) == 1 else None

    def _of_profile(self, name: str) -> Kind | None:
        found = STANDARD_ATTRIBUTES.get(name) or self.plan.attributes.get(name)
        return OF_TYPE[found] if found is not None else None

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

    def _facts(self, text: Text, event: str | None, *, sent: bool = True) -> None:
        for fact in text.facts:
            if fact.scope == "links":
                self._link(fact, event, sent=sent)
            elif fact.scope == "profile":
                self._known(fact, frozenset({*STANDARD_ATTRIBUTES, *self.plan.attributes}), "attribute")
            elif fact.scope == digests.SCOPE:
                self._of_digest(fact, text.file.template)
            elif text.file.template in self.digest_texts:
                message = f"`event.{fact.name}`: a digest holds messages that followed many events, so it has none"
                hint = "say it in the subject or the preheader of the messages themselves"
                self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, hint)
            elif not sent:
                names = frozenset(name for properties in self.plan.events.values() for name in properties)
                self._known(fact, names, "property of any event")
            elif event is None:
                message = f"`event.{fact.name}`: the campaign starts by schedule, so there is no event"
                self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, "")
            elif event in self.plan.events:
                self._known(fact, frozenset(self.plan.events[event]), f"property of `{event}`")

    def _of_digest(self, fact: FactUsed, template: str) -> None:
        if template not in self.digest_texts:
            message = f"found `digest.{fact.name}`, but `{template}` is the text of no digest"
            hint = f"name it in policies.yaml, as `digests: {{weekly: {{template: {template}, …}}}}`"
            self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, hint)
        elif fact.name not in digests.FACTS:
            message = f"found `digest.{fact.name}`; a digest has {' and '.join(sorted(digests.FACTS))}"
            hint = did_you_mean(fact.name, frozenset(digests.FACTS))
            self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, hint)

    def _link(self, fact: FactUsed, event: str | None, *, sent: bool) -> None:
        if fact.name not in LINKS:
            message = f"found the unknown link `links.{fact.name}`"
            self.workshop.complain(fact.origin, "unknown-link", message, fact.name, did_you_mean(fact.name, LINKS))
        elif fact.name == CONFIRM and sent and event != CONSENT_REQUESTED:
            message = (
                f"`links.confirm` confirms what `{CONSENT_REQUESTED}` asks for; the campaign does not begin with it"
            )
            hint = f"send it in a campaign with `entry: {{event: {CONSENT_REQUESTED}}}`, or use `links.preferences`"
            self.workshop.complain(fact.origin, "unknown-link", message, fact.name, hint)

    def _known(self, fact: FactUsed, names: frozenset[str], kind: str) -> None:
        if fact.name not in names:
            message = f"found `{fact.scope}.{fact.name}`, which is no {kind} in the tracking plan"
            self.workshop.complain(fact.origin, "unknown-fact", message, fact.name, did_you_mean(fact.name, names))

    def _lengths(self, text: Text) -> None:
        """Texts that are too long for everyone, whatever is put in."""
        static, at = text.static, Origin(text.file.path, 1)
        if text.file.channel is Channel.SMS:
            self._sms_length(text, at)
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

    def _sms_length(self, text: Text, at: Origin) -> None:
        options, encoding = text.file.options, self.carrier.encoding
        written = counting.composed(text.static["short" if "short" in text.more else "body"])
        plainer, _ = counting.plainer(written, encoding)
        try:
            found = limits.check_sms(plainer if options.smart else written, encoding, options.max_segments)
        except ContentTooLong as error:
            self.workshop.complain(at, "too-long", f"{error}; this is before any data")
        except RenderError as error:
            self.workshop.complain(
                at, "not-in-alphabet", str(error), hint="write it with other characters, or add `smart: true`"
            )
        else:
            if not options.smart and plainer != written:
                self._costly(at, found, counting.size(plainer, encoding))

    def _costly(self, at: Origin, found: SmsSize, plainer: SmsSize) -> None:
        """Typographic quotes and the like that make an SMS dearer than it need be."""
        costs = [
            f"{mine[0]} {mine[1]} in place of {other[0]} in {country}"
            for country in self.carrier.prices
            if (mine := counting.price(found, country, self.carrier.prices))
            and (other := counting.price(plainer, country, self.carrier.prices))
        ]
        message = f"quotes, dashes or spaces make this {found.parts} segments in place of {plainer.parts}"
        hint = "write them plainly, or add front matter with `smart: true`"
        self.workshop.complain(at, "costly-sms", "; ".join([message, *costs]), "", hint, "warning")

    def _push_length(self, at: Origin, what: str, text: str, limit: int) -> None:
        if len(text) > limit:
            message = f"the push {what} has {len(text)} characters before any data; at most {limit} are sent"
            self.workshop.complain(at, "too-long", message)
