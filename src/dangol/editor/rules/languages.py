"""One message in several languages: nothing left untranslated, the same data and links in all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dangol.content.sources import TextFile
from dangol.editor.lexicon import quoted
from dangol.editor.model import Hit, Scene, Sentence
from dangol.editor.registry import Scope, Severity, rule

_HANGUL = re.compile("[가-힣]")
_LATIN_WORD = re.compile(r"(?<![\w@/.:-])[A-Za-z][a-z'’]*(?![\w@/:-])")
_LANGUAGE_OF_PEOPLE = frozenset({"name", "given_name", "timezone", "locale"})
_FACT = re.compile(r"\b(profile|event)\.([A-Za-z]\w*)")
_TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TARGET = re.compile(r"https?://[^\s)\"'{}<>]+|(?<=\()(?:mailto|tel):[^\s)\"'{}]+")


@rule(
    "untranslated",
    Scope.SENTENCE,
    Severity.ERROR,
    looks_for="Korean sentences in an English text, English sentences in a Korean one",
    why="Whoever gets the text chose its language.",
    bad="Thank you for your order. 배송이 시작되면 알려 드리겠습니다.",
    better="Thank you for your order. We tell you when it leaves.",
)
def untranslated(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    hangul = len(_HANGUL.findall(sentence.mask))
    latin = _LATIN_WORD.findall(sentence.mask)
    if scene.language == "ko" and len(latin) >= 4 and hangul < 2 * len(latin):
        first = _LATIN_WORD.search(sentence.mask)
        assert first is not None
        message = f"{quoted(sentence.mask[first.start() :])} is English in a Korean text"
        yield Hit(first.start(), len(sentence.mask), message, "한국어로 옮기세요")
    elif scene.language != "ko" and hangul >= 4:
        first = _HANGUL.search(sentence.mask)
        assert first is not None
        message = f"{quoted(sentence.mask[first.start() :])} is Korean in a text for `{scene.locale}`"
        yield Hit(first.start(), len(sentence.mask), message, "translate it")


@rule(
    "locale-data-differs",
    Scope.LOCALES,
    Severity.WARNING,
    looks_for="Data that one locale of a message names and another does not",
    why="Readers of one language are told less than others. Names and time zones may differ.",
    bad="ko: {{ event.order_id }} … en: no order number",
    better="{{ event.order_id }} in both",
)
def locale_data_differs(texts: Mapping[str, TextFile]) -> Iterable[Hit]:
    named = {locale: _facts(file.text) for locale, file in texts.items()}
    for fact in sorted({fact for facts in named.values() for fact in facts}):
        without = sorted(locale for locale, facts in named.items() if fact not in facts)
        if not without:
            continue
        locale = next(name for name in sorted(named) if fact in named[name])
        start = named[locale][fact]
        message = f"`{fact}` is named in `{locale}` and not in {_listed(without)}"
        yield Hit(start, start + len(fact), message, "name it in all locales, or in none", locale)


@rule(
    "locale-links-differ",
    Scope.LOCALES,
    Severity.WARNING,
    looks_for="Links that one locale of a message has and another has not; a path for the language is no difference",
    why="Readers of one language are sent elsewhere.",
    bad="ko: https://dangol.example/new … en: https://dangol.example/sale",
    better="https://dangol.example/new in both",
)
def locale_links_differ(texts: Mapping[str, TextFile]) -> Iterable[Hit]:
    linked = {locale: _targets(file.text, locale) for locale, file in texts.items()}
    for target in sorted({target for targets in linked.values() for target in targets}):
        without = sorted(locale for locale, targets in linked.items() if target not in targets)
        if not without:
            continue
        locale = next(name for name in sorted(linked) if target in linked[name])
        start = linked[locale][target]
        message = f"the link {quoted(target)} is in `{locale}` and not in {_listed(without)}"
        yield Hit(start, start + len(target), message, "use the same link in all locales", locale)


def _facts(text: str) -> dict[str, int]:
    """What the text names of its data, and where first. A fact that is only asked about is not named."""
    text = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    found: dict[str, int] = {}
    for tag in _TAG.finditer(text):
        if tag[0].startswith("{{"):
            for fact in _FACT.finditer(tag[0]):
                if fact[2] not in _LANGUAGE_OF_PEOPLE and fact[2] != "currency":
                    found.setdefault(fact[0], tag.start() + fact.start())
    return found


def _targets(text: str, locale: str) -> dict[str, int]:
    text = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    found: dict[str, int] = {}
    for match in _TARGET.finditer(text):
        target = match[0].rstrip(".,;:!?/")
        bare = re.sub(rf"/{re.escape(locale.partition('-')[0])}(?=/|$)", "", target)
        found.setdefault(bare, match.start())
    return found


def _listed(locales: list[str]) -> str:
    return ", ".join(f"`{locale}`" for locale in locales)
