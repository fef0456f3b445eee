"""Words that the brand uses, avoids and bans: how they are found, and whether the voice keeps to them itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from dangol.content.voice import Banned, LocaleVoice, VoiceFile
from dangol.definitions.document import Path
from dangol.model.problem import Problem

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_HANGUL = re.compile("[가-힣]")


@lru_cache(maxsize=4096)
def pattern(word: str) -> re.Pattern[str]:
    """What finds ``word`` in a text: whole words, whatever their case and the white space in them.

    A Korean word may go on, for particles and endings follow it without a space.
    """
    inner = r"\s+".join(re.escape(part) for part in word.split())
    end = "" if _HANGUL.match(word[-1]) else r"(?!\w)"
    return re.compile(rf"(?<!\w){inner}{end}" if word[0].isalnum() else inner, re.IGNORECASE)


def written(text: str) -> str:
    """The text with its tags blanked out; every other character keeps its place."""
    return _TAG.sub(lambda tag: " " * len(tag[0]), text)


def check_terms(file: VoiceFile, locale: str) -> Iterator[Problem]:
    """Where the glossary contradicts itself, and where the voice says what it wants nobody to say."""
    told = file.voice.locales[locale]
    yield from _twice(file, ("locales", locale, "glossary"), "say", [term.say for term in told.glossary])
    yield from _twice(file, ("locales", locale, "banned"), "say_not", [one.say_not for one in told.banned])
    yield from _contradictions(file, locale, told)
    yield from _broken(file, locale, told)


def _twice(file: VoiceFile, at: Path, key: str, words: Iterable[str]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, word in enumerate(words):
        first = seen.setdefault(_same(word), index)
        if first != index:
            line = file.document.place((*at, first))[0]
            message = f"found `{word}` twice; the first is in line {line}"
            yield file.document.problem("duplicate-entry", (*at, index, key), message, hint="put both into one entry")


def _contradictions(file: VoiceFile, locale: str, told: LocaleVoice) -> Iterator[Problem]:
    preferred = {_same(term.say): term.say for term in reversed(told.glossary)}
    avoided: dict[str, str] = {}
    for index, term in enumerate(told.glossary):
        at: Path = ("locales", locale, "glossary", index)
        for number, word in enumerate(term.avoid):
            message = ""
            if _same(word) in preferred:
                message = f"`{word}` is to be avoided here, but the glossary prefers it elsewhere"
                if _same(word) == _same(term.say):
                    message = f"`{word}` is preferred and avoided by one entry"
            elif (other := avoided.setdefault(_same(word), term.say)) != term.say:
                message = f"for `{word}` the glossary says both `{other}` and `{term.say}`"
            if message:
                hint = "remove one of the two"
                yield file.document.problem("contradictory-glossary", (*at, "not", number), message, hint=hint)
    for index, term in enumerate(told.glossary):
        for word, say in avoided.items():
            if _same(term.say) != word and pattern(word).search(term.say):
                message = f"the preferred `{term.say}` contains `{word}`, which is to be avoided for `{say}`"
                path = ("locales", locale, "glossary", index, "say")
                yield file.document.problem("contradictory-glossary", path, message, hint="change one of the two")


def _broken(file: VoiceFile, locale: str, told: LocaleVoice) -> Iterator[Problem]:
    """The brand's own texts that say what is banned or avoided; of words that begin alike the longest is told."""
    unwanted = [("banned-in-voice", one.say_not, "`banned` forbids", _rather(one)) for one in told.banned]
    avoided = [
        ("avoided-in-voice", word, "the glossary avoids", f"say `{term.say}`")
        for term in told.glossary
        for word in term.avoid
    ]
    for path in own_texts(file, locale):
        text = written(file.document.text_at(path) or "")
        found: dict[int, tuple[str, str, str, str]] = {}
        for code, word, why, hint in unwanted if "glossary" in path else [*unwanted, *avoided]:
            for match in pattern(word).finditer(text):
                if len(match[0]) > len(found.get(match.start(), ("", ""))[1]):
                    found[match.start()] = (code, match[0], why, hint)
        for offset, (code, said, why, hint) in found.items():
            message = f"the brand's own text says `{said}`, which {why}"
            yield file.document.problem(code, path, message, hint=hint, offset=offset)


def _rather(banned: Banned) -> str:
    return f"rather: {banned.rather}" if banned.rather else "say it otherwise"


def own_texts(file: VoiceFile, locale: str) -> Iterator[Path]:
    """Where voice.yaml has what readers in ``locale`` get to see, and what authors are told to write."""
    at: Path = ("locales", locale)
    inside = ("address", "salutation", "sign_off", "stages", "label", "phrases", "footer", "disclosure")
    yield from (path for key in ("promise", "values") for path in _leaves(file, ("brand", key, locale)))
    for key in inside:
        yield from _leaves(file, (*at, key))
    yield from ((*path, "say") for path, _ in file.document.items((*at, "glossary")))
    yield from (
        (*path, "rather")
        for path, one in file.document.items((*at, "banned"))
        if isinstance(one, dict) and "rather" in one
    )


def _leaves(file: VoiceFile, path: Path) -> Iterator[Path]:
    if file.document.text_at(path) is not None:
        yield path
    for below, _ in file.document.items(path):
        yield from _leaves(file, below)


def _same(word: str) -> str:
    return " ".join(word.casefold().split())
