"""Compiled messages: what a campaign's version says, ready to be said to anyone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from email.headerregistry import Address
from typing import Any

from dangol.content import digests, limits, sms
from dangol.content.dialect import FACTS
from dangol.content.disclosures import Pack, labels_of
from dangol.content.links import Links, in_push
from dangol.content.sandbox import Budget, Program
from dangol.content.sources import TextFile
from dangol.content.voice import Voice
from dangol.content.workshop import Text, Workshop
from dangol.errors import ProblemsFound, RenderError
from dangol.model.message import Rendered
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel, Purpose
from dangol.model.workspace import SmsEncoding


def compile_messages(
    sources: Mapping[str, str],
    *,
    templates: Iterable[str],
    purpose: Purpose,
    default_locale: str,
    sms_encoding: SmsEncoding = SmsEncoding.GSM,
    stages: Mapping[str, Collection[str]] | None = None,
) -> Messages:
    """Compile the texts of ``templates`` in every channel and locale; everything is parsed here, once.

    ``sources`` maps workspace paths (``templates/…``) to texts; ``sms_encoding`` is how the workspace's SMS carrier
    counts. ``stages`` says in which stages of the journey each template is sent: where the voice has words of its own
    for one, the text is compiled for it too. Raises ProblemsFound with every error.
    """
    workshop = Workshop(sources)
    texts: dict[tuple[str, Channel], dict[str, Text]] = {}
    staged: dict[tuple[str, Channel, str], dict[str, Text]] = {}
    wanted = sorted(set(templates))
    for template in wanted:
        if not any(name == template for name, _, _ in workshop.files):
            path = f"templates/{template}/"
            workshop.problems.append(Problem(path, 1, 1, "unknown-template", f"there is no text in {path}"))
    for (template, channel, locale), file in workshop.files.items():
        if template in wanted and (text := workshop.compile(file, purpose)):
            texts.setdefault((template, channel), {})[locale] = text
            for stage in sorted({workshop.stage_of(file, one) for one in (stages or {}).get(template, ())} - {""}):
                if text := workshop.compile(file, purpose, stage):
                    staged.setdefault((template, channel, stage), {})[locale] = text
    if errors := [problem for problem in workshop.problems if problem.severity == "error"]:
        raise ProblemsFound(sorted(errors))
    assert workshop.voice is not None
    return Messages(
        texts,
        workshop.voice.voice,
        purpose,
        default_locale,
        sms_encoding,
        packs=workshop.packs,
        staged=staged,
    )


def fallbacks(locale: str | None, default_locale: str) -> tuple[str, ...]:
    """Locales in the order in which a text is looked for: ``ko-KR``, ``ko``, then the workspace's."""
    language, _, region = (locale or "").replace("_", "-").partition("-")
    full = f"{language.lower()}-{region.upper()}" if region else language.lower()
    return tuple(dict.fromkeys((full, language.lower(), default_locale, default_locale.partition("-")[0])))


class Messages:
    """The messages of one version. Any number of threads may render from one instance."""

    def __init__(
        self,
        texts: Mapping[tuple[str, Channel], Mapping[str, Text]],
        voice: Voice,
        purpose: Purpose,
        default_locale: str,
        sms_encoding: SmsEncoding = SmsEncoding.GSM,
        *,
        packs: Mapping[str, Pack],
        staged: Mapping[tuple[str, Channel, str], Mapping[str, Text]] | None = None,
    ) -> None:
        self._packs = packs
        self._sms = sms_encoding
        self._push_links = in_push(tuple(voice.brand.app_schemes))
        self._texts = texts
        self._staged = staged or {}
        self._voice = voice
        self._purpose = purpose
        self._default_locale = default_locale
        self._channels = {
            template: frozenset(channel for name, channel in texts if name == template) for template, _ in texts
        }
        self._lacking: dict[tuple[str, tuple[Channel, ...]], frozenset[Channel]] = {}
        self._prefixes: dict[tuple[str, Channel, tuple[str, ...]], str] = {}
        self._senders: dict[tuple[Channel, str], str] = {}
        self._chosen: dict[tuple[str, Channel, str | None, str], Text] = {}

    @property
    def voice(self) -> Voice:
        """The voice in which they are said."""
        return self._voice

    def channels(self, template: str) -> frozenset[Channel]:
        """The channels that the message has a text for."""
        return self._channels.get(template, frozenset())

    def lacking(self, template: str, channels: tuple[Channel, ...]) -> frozenset[Channel]:
        """Those of these channels that the message has no text for."""
        found = self._lacking.get((template, channels))
        if found is None:
            found = self._lacking[template, channels] = frozenset(channels) - self.channels(template)
        return found

    def variables(
        self, template: str, channel: Channel, locale: str | None, stage: str = ""
    ) -> frozenset[tuple[str, str]]:
        """What rendering reads, as ``("profile", "name")`` or ``("links", "preferences")``; voice and macros included.

        Raises RenderError if there is no text.
        """
        return self._text(template, channel, locale, stage).variables

    def render(
        self,
        template: str,
        channel: Channel,
        locale: str | None,
        context: Mapping[str, Mapping[str, Any]],
        stage: str = "",
        *,
        jurisdictions: Collection[str] = (),
    ) -> Rendered:
        """The message for one person: ``context`` has ``profile``, ``event`` and, where the text names any, ``links``
        and ``digest``.

        The same context gives the same bytes.

        ``stage`` is the stage of the journey in which it is sent, for a voice that has words of its own for it.
        ``jurisdictions`` are the codes of the packs that bind the person: their labels stand before the text beside
        that of its language, each once.
        Raises RenderError, in words, if there is no text or the data does not fit it; ContentTooLong if the channel
        cannot carry the result.
        """
        text = self._text(template, channel, locale, stage)
        values = _values(context)
        prefix = self._prefix(text.prefix, channel, tuple(sorted(jurisdictions)))
        if channel is Channel.EMAIL:
            return _email(text, prefix, values)
        if channel is Channel.SMS:
            return _sms(text, prefix, values, self._sms)
        return _push(text, prefix, values, self._push_links)

    def item(
        self,
        template: str,
        locale: str | None,
        context: Mapping[str, Mapping[str, Any]],
        rendered: Rendered,
        stage: str = "",
    ) -> dict[str, str]:
        """What a digest tells of this email, which ``render`` gave for the same context; see ``digests.FIELDS``.

        Without the labels before the subject: the digest carries them. Raises RenderError as ``render`` does.
        """
        text = self._text(template, Channel.EMAIL, locale, stage)
        values = _values(context)
        return {
            "subject": limits.one_line(_run(text.subject, text.file, values)),
            "preheader": limits.one_line(_run(text.more["preheader"], text.file, values)),
            "link": digests.first_link(rendered.text),
        }

    def _prefix(self, own: str, channel: Channel, codes: tuple[str, ...]) -> str:
        """The label of a text's language and those of the packs, without doubles, as they stand before the text."""
        if not codes:
            return own
        found = self._prefixes.get((own, channel, codes))
        if found is None:
            asked = labels_of(self._packs, codes, self._purpose, channel)
            found = "".join([*(label for label in asked if label.strip() not in own), own])
            if len(self._prefixes) < 10_000:
                self._prefixes[own, channel, codes] = found
        return found

    def sender(self, channel: Channel, locale: str) -> str:
        """Who the channel shows as sender of a text in ``locale``: ``단골레코드 <hello@…>``, a number, a name."""
        found = self._senders.get((channel, locale))
        if found is None:
            found = self._senders[channel, locale] = self._sender(channel, locale)
        return found

    def _sender(self, channel: Channel, text_locale: str) -> str:
        brand = self._voice.brand
        if channel is Channel.SMS:
            return brand.sms_sender
        names = (*fallbacks(text_locale, self._default_locale), *brand.name)
        locale = next(name for name in names if name in brand.name)
        if channel is Channel.PUSH:
            return brand.name[locale]
        return str(Address(brand.name[locale], addr_spec=brand.email))

    def from_address(self, channel: Channel) -> str:
        """The address or number that the channel's messages come from; "" for push, which has none."""
        brand = self._voice.brand
        return {Channel.EMAIL: brand.email, Channel.SMS: brand.sms_sender}.get(channel, "")

    def headers(self, channel: Channel) -> dict[str, str]:
        """Headers that go with every message on the channel: how to leave, for marketing email."""
        if channel is not Channel.EMAIL or self._purpose is not Purpose.MARKETING:
            return {}
        return {"List-Unsubscribe": f"<mailto:{self._voice.brand.unsubscribe}?subject=unsubscribe>"}

    def _text(self, template: str, channel: Channel, locale: str | None, stage: str) -> Text:
        found = self._chosen.get((template, channel, locale, stage))
        if found is None:
            found = self._find(template, channel, locale, stage)
            if len(self._chosen) < 10_000:  # locales come from profiles, so there may be any number of them
                self._chosen[template, channel, locale, stage] = found
        return found

    def _find(self, template: str, channel: Channel, locale: str | None, stage: str) -> Text:
        texts = {**self._texts.get((template, channel), {}), **self._staged.get((template, channel, stage), {})}
        order = fallbacks(locale, self._default_locale)
        for name in order:
            if name in texts:
                return texts[name]
        looked_for = ", ".join(name for name in order if name)
        raise RenderError(f"the message `{template}` has no {channel.value} text in {looked_for}")


def _values(context: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {**{scope: context.get(scope, {}) for scope in FACTS}, "_budget": Budget()}


def _email(text: Text, prefix: str, values: dict[str, Any]) -> Rendered:
    subject = _labelled(prefix, limits.one_line(_run(text.subject, text.file, values)))
    limits.check_subject(subject)
    html = _run(text.html, text.file, values)
    return Rendered(Channel.EMAIL, text.file.locale, _run(text.body, text.file, values), subject, html)


def _sms(text: Text, prefix: str, values: dict[str, Any], encoding: SmsEncoding) -> Rendered:
    options, notes = text.file.options, dict[str, Any]()
    body, replaced = _sms_text(text, prefix, text.body, values, encoding)
    if "short" in text.more and sms.too_long(sms.size(body, encoding), options.max_segments):
        body, replaced = _sms_text(text, prefix, text.more["short"], values, encoding)
        notes["variant"] = "short"
    if replaced:
        notes["rewritten"] = replaced
    size = limits.check_sms(body, encoding, options.max_segments)
    return Rendered(Channel.SMS, text.file.locale, body, segments=size.parts, size=size, notes=notes)


def _sms_text(
    text: Text, prefix: str, program: Program, values: dict[str, Any], encoding: SmsEncoding
) -> tuple[str, dict[str, int]]:
    body = _labelled(prefix, sms.composed(_run(program, text.file, values)))
    return sms.plainer(body, encoding) if text.file.options.smart else (body, {})


def _push(text: Text, prefix: str, values: dict[str, Any], links: Links) -> Rendered:
    options, more = text.file.options, {name: _run(program, text.file, values) for name, program in text.more.items()}
    title = _labelled(prefix, limits.one_line(_run(text.subject, text.file, values)))
    body, notes = sms.composed(_run(text.body, text.file, values)), dict[str, Any]()
    if options.fit:
        whole, tail = (title, body), more["tail"].rstrip()
        title, body = limits.fit_push(title, body, tail)
        notes |= {"cut": True} if (title, body) != (whole[0], f"{whole[1]}{tail}") else {}
    rendered = Rendered(
        Channel.PUSH,
        text.file.locale,
        body,
        title,
        link=_run(text.link, text.file, values),
        image=more.get("image", ""),
        collapse_key=limits.one_line(more.get("collapse_key", "")),
        ttl=options.ttl,
        notes=notes,
    )
    limits.check_push(rendered, links)
    return rendered


def _labelled(prefix: str, text: str) -> str:
    """The text after its disclosure, which it never gets twice."""
    return text if not prefix or text.startswith(prefix.strip()) else f"{prefix}{text}"


def _run(program: Program | None, file: TextFile, values: dict[str, Any]) -> str:
    if program is None:
        return ""
    try:
        return program.render(values)
    except Exception as error:  # whatever data does to a template has one meaning: this person gets no message
        origin, words = program.explain(error)
        place = f"{origin.path}:{origin.line}" if origin else file.path
        raise RenderError(f"{place}: {words}") from error
