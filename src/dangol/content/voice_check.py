"""What is wrong with a voice that can be read: names that do not exist, contradictions, what the law misses.

Reading refuses what no message can be made from. What is here is told to authors, and never stops a version that is
deployed already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from dangol.content.disclosures import Pack, rule_of, serving
from dangol.content.required import Occasion, check_required
from dangol.content.terms import check_terms
from dangol.content.voice import LocaleVoice, VoiceFile
from dangol.definitions.document import Path, did_you_mean
from dangol.model.problem import Problem

ENGLISH = "en"


def check_voice(
    file: VoiceFile,
    *,
    occasions: Collection[Occasion] = (),
    stages: frozenset[str] | None = None,
    rules: frozenset[str] | None = None,
    served: Sequence[Pack] = (),
) -> list[Problem]:
    """Every problem, in the order of the file.

    ``occasions`` are those on which campaigns send something. ``stages`` are the journey map's and ``rules`` the ids
    of the editor's rules; None leaves such names unchecked. ``served`` are the packs of the places that the workspace
    serves.
    """
    problems = [*_brand(file), *_stages(file, ("stages",), file.voice.stages, stages), *_rules(file, rules)]
    for locale, told in file.voice.locales.items():
        at: Path = ("locales", locale)
        problems += _stages(file, (*at, "stages"), told.stages, stages)
        problems += _speech_levels(file, at, told)
        problems += _reading_ease(file, at, told)
        problems += _address(file, at, told)
        problems += _labels(file, locale, told)
        problems += check_terms(file, locale)
        problems += check_required(file, locale, occasions, served)
    return sorted(set(problems))


def _brand(file: VoiceFile) -> Iterator[Problem]:
    """Promise and values are said in every locale of the voice, and in no other."""
    locales = frozenset(file.voice.locales)
    for key in ("promise", "values"):
        told = frozenset(getattr(file.voice.brand, key))
        for locale in sorted(locales - told) if told else ():
            message = f"expected `{key}` of the brand in `{locale}`, which has a voice; found none"
            hint = f"add `{locale}:`"
            yield file.document.problem("missing-key", ("brand", key), message, key=True, hint=hint)
        for locale in sorted(told - locales):
            message = f"found `{key}` in `{locale}`, for which there is no voice"
            hint = did_you_mean(locale, locales)
            yield file.document.problem("unknown-locale", ("brand", key, locale), message, key=True, hint=hint)


def _stages(file: VoiceFile, at: Path, named: Iterable[str], known: frozenset[str] | None) -> Iterator[Problem]:
    for stage in named:
        if known is not None and stage not in known:
            message = f"found the stage `{stage}`, which is not in journey-map.yaml"
            hint = did_you_mean(stage, known)
            yield file.document.problem("unknown-stage", (*at, stage), message, key=True, hint=hint)


def _rules(file: VoiceFile, known: frozenset[str] | None) -> Iterator[Problem]:
    for rule in file.voice.rules:
        if known is not None and rule not in known:
            hint = did_you_mean(rule, known)
            message = f"there is no rule `{rule}`"
            yield file.document.problem("unknown-rule", ("rules", rule), message, key=True, hint=hint)


def _speech_levels(file: VoiceFile, at: Path, told: LocaleVoice) -> Iterator[Problem]:
    forms = {level for phrase in told.phrases.values() if isinstance(phrase, dict) for level in phrase}
    known = frozenset(forms | set(told.speech_level.values()))
    for level in told.also_said:
        if level not in known:
            message = f"found the speech level `{level}`, in which this locale says nothing"
            hint = did_you_mean(level, known)
            yield file.document.problem("unknown-speech-level", (*at, "also_said", level), message, key=True, hint=hint)


def _reading_ease(file: VoiceFile, at: Path, told: LocaleVoice) -> Iterator[Problem]:
    if told.reading_ease is not None and str(at[-1]).partition("-")[0] != ENGLISH:
        message = f"Flesch reading ease is a measure of English; found it for `{at[-1]}`"
        hint = "remove it; `sentence:` limits the words of a sentence in any language"
        yield file.document.problem("not-for-this-language", (*at, "reading_ease"), message, key=True, hint=hint)


def _address(file: VoiceFile, at: Path, told: LocaleVoice) -> Iterator[Problem]:
    if told.address is not None and "address" in told.phrases:
        message = "`address` cannot name a phrase beside the form of address; both are `voice.address`"
        yield file.document.problem("reserved-name", (*at, "phrases", "address"), message, key=True, hint="rename it")


def _labels(file: VoiceFile, locale: str, told: LocaleVoice) -> Iterator[Problem]:
    """Labels that somebody typed; they are honoured, for versions that are deployed have them."""
    pack = serving(file.packs, locale)
    for purpose, channels in told.disclosure.items():
        for channel, said in channels.items():
            if said.prefix:
                label = rule_of(pack, purpose, channel).label
                why = f"dangol puts `{label.text.strip()}` in by itself" if label else "dangol knows of no law for it"
                path = ("locales", locale, "disclosure", purpose.value, channel.value, "prefix")
                message = f"found a label typed by hand: `{said.prefix.strip()}`; {why}"
                hint = "remove `prefix`"
                yield file.document.problem("label-by-hand", path, message, key=True, hint=hint, severity="warning")
