"""Which file is which text: paths, locales and front matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from babel.core import Locale, UnknownLocaleError

from dangol.content import voice
from dangol.content.carriers import LONGEST_TTL, SMS_PARTS
from dangol.content.tags import RESERVED, Origin
from dangol.definitions.document import Document, did_you_mean, locate
from dangol.definitions.yaml import read_yaml
from dangol.model.durations import format_duration, parse_duration
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel

LAYOUT = "templates/brand/email.mjml.j2"
MACROS = "templates/brand/macros.j2"
BRAND_FILES = (voice.PATH, LAYOUT, MACROS)
MAX_BYTES = 256_000

_TEXT = re.compile(r"templates/([a-z][a-z0-9_]{0,63})/(?:(email)\.(.+)\.(md|html|mjml)|(sms|push)\.(.+)\.txt)\.j2")
_FRONT = re.compile(r"---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)", re.DOTALL)

REQUIRED: Mapping[Channel, tuple[str, ...]] = {
    Channel.EMAIL: ("subject", "preheader", "title"),
    Channel.SMS: (),
    Channel.PUSH: ("title",),
}
OPTIONAL: Mapping[Channel, tuple[str, ...]] = {
    Channel.EMAIL: (),
    Channel.SMS: ("max_segments", "smart", "when_longer", "short"),
    Channel.PUSH: ("link", "image", "collapse_key", "ttl", "fit"),
}


class Syntax(StrEnum):
    """What an email's body is written in; other channels have plain text."""

    MARKDOWN = "md"
    HTML = "html"
    MJML = "mjml"


@dataclass(frozen=True, slots=True)
class Options:
    """What front matter says besides texts."""

    max_segments: int = SMS_PARTS
    smart: bool = False
    when_longer: str = "refuse"
    ttl: timedelta | None = None
    fit: bool = False


@dataclass(frozen=True, slots=True)
class TextFile:
    """One channel's text of one message in one locale, as its author wrote it."""

    path: str
    template: str
    channel: Channel
    locale: str
    front: Mapping[str, tuple[str, Origin]]
    body: str
    body_origin: Origin
    text: str = field(repr=False)
    options: Options = Options()
    syntax: Syntax = Syntax.MARKDOWN


def read_sources(sources: Mapping[str, str]) -> tuple[list[TextFile], list[Problem]]:
    """Every message text among ``sources``, in the order of their paths, and every problem of their outer shape."""
    files: list[TextFile] = []
    problems: list[Problem] = []
    for path in sorted(sources):
        if not path.startswith("templates/"):
            continue
        text = sources[path].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        found = _outer_problems(path, text)
        if not found and path not in BRAND_FILES:
            file, found = _read_text(path, text)
            files += [file] if file else []
        problems += found
    return files, problems + _doubles(files)


def _doubles(files: list[TextFile]) -> list[Problem]:
    """An email is written in one syntax: of two files for one locale nobody could say which is sent."""
    first: dict[tuple[str, Channel, str], TextFile] = {}
    problems = []
    for file in files:
        known = first.setdefault((file.template, file.channel, file.locale), file)
        if known is not file:
            message = f"`{known.path}` is the same text in another syntax; expected one of the two"
            problems.append(Problem(file.path, 1, 1, "two-texts", message, "remove one"))
    return problems


def _outer_problems(path: str, text: str) -> list[Problem]:
    if len(text) > MAX_BYTES:
        return [Problem(path, 1, 1, "too-large", f"the file is larger than {MAX_BYTES:,} characters")]
    if match := RESERVED.search(text):
        message = f"found the private-use character U+{ord(match[0]):04X}; dangol uses it itself"
        return [Problem(path, *locate(text, match.start()), "bad-character", message, "remove it")]
    return []


def _read_text(path: str, text: str) -> tuple[TextFile | None, list[Problem]]:
    match = _TEXT.fullmatch(path)
    if match is None:
        message = "this is not the name of a message text"
        hint = (
            "expected templates/<message>/email.<locale>.md.j2 (or .html.j2, .mjml.j2), sms.<locale>.txt.j2"
            " or push.<locale>.txt.j2"
        )
        return None, [Problem(path, 1, 1, "unknown-file", message, hint)]
    channel = Channel(match[2] or match[5])
    locale = match[3] or match[6]
    if not _is_locale(locale):
        message = f"`{locale}` in the file's name is no locale; expected one such as ko, en or ko-KR"
        return None, [Problem(path, 1, 1, "unknown-locale", message)]
    front, options, body, body_line, problems = _front_matter(path, text, channel)
    if not body.strip():
        problems.append(
            Problem(path, body_line, 1, "empty-text", "the text is empty", "write it below the front matter")
        )
    syntax = Syntax(match[4] or "md")
    file = TextFile(path, match[1], channel, locale, front, body, Origin(path, body_line), text, options, syntax)
    return file, problems


def _is_locale(name: str) -> bool:
    try:
        return str(Locale.parse(name, sep="-")).replace("_", "-") == name
    except (ValueError, UnknownLocaleError):
        return False


def _front_matter(
    path: str, text: str, channel: Channel
) -> tuple[dict[str, tuple[str, Origin]], Options, str, int, list[Problem]]:
    """The front matter's texts and options, the body, the body's first line, and problems."""
    expected = (*REQUIRED[channel], *OPTIONAL[channel])
    match = _FRONT.match(text)
    if match is None:
        problems = []
        if REQUIRED[channel]:
            message = f"expected front matter with {_listed(REQUIRED[channel])} between two lines `---`; found none"
            problems.append(Problem(path, 1, 1, "missing-front-matter", message))
        return {}, Options(), text, 1, problems
    body_line = text.count("\n", 0, match.end()) + 1
    document, problems = read_yaml(path, "\n" + match[1])
    front: dict[str, tuple[str, Origin]] = {}
    if document is None:
        told = [_with_quotes_hint(problem, text) for problem in problems]
        return front, Options(), text[match.end() :], body_line, told
    if not isinstance(document.value, dict):
        message = f"expected {_listed(expected)} in the front matter"
        told = [*problems, Problem(path, 1, 1, "wrong-kind", message)]
        return front, Options(), text[match.end() :], body_line, told
    options, found = _options(document, channel)
    problems += found
    for key, value in document.value.items():
        if key in _READERS and key in expected:
            continue
        problems += _front_problems(document, key, value, expected)
        place = document.values[(key,)]
        front[key] = str(value), Origin(path, place.line + (place.style in {"|", ">"}))
    problems += [
        Problem(path, 1, 1, "missing-key", f"expected the key `{key}` in the front matter; found none", f"add `{key}:`")
        for key in REQUIRED[channel]
        if key not in front
    ]
    return front, options, text[match.end() :], body_line, problems


def _segments(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= SMS_PARTS:
        raise ValueError(f"expected a whole number from 1 to {SMS_PARTS}; found {value!r}")
    return value


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false; found {value!r}")  # noqa: TRY004 - told to authors, as the others are
    return value


def _when_longer(value: object) -> str:
    if value not in {"refuse", "short"}:
        raise ValueError(f"expected refuse or short; found {value!r}")
    return str(value)


def _ttl(value: object) -> timedelta:
    duration = parse_duration(value)
    if duration > LONGEST_TTL:
        raise ValueError(f"expected at most {format_duration(LONGEST_TTL)}; found {value!r}")
    return duration


_READERS: Mapping[str, Callable[[object], Any]] = {
    "max_segments": _segments,
    "smart": _yes_or_no,
    "when_longer": _when_longer,
    "ttl": _ttl,
    "fit": _yes_or_no,
}
"""The keys that are settings; every other key is a text."""


def _options(document: Document, channel: Channel) -> tuple[Options, list[Problem]]:
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    said: Mapping[str, object] = document.value
    for key in said.keys() & _READERS.keys() & set(OPTIONAL[channel]):
        try:
            found[key] = _READERS[key](said[key])
        except ValueError as error:
            problems.append(document.problem("wrong-value", (key,), f"`{key}`: {error}"))
    if ("short" in said) != (found.get("when_longer") == "short") and channel is Channel.SMS and not problems:
        key = "short" if "short" in said else "when_longer"
        message = "`short` is used with `when_longer: short`, and that needs a `short`"
        hint = "add `when_longer: short`" if key == "short" else "add `short:` and the shorter text"
        problems.append(document.problem("incomplete", (key,), message, key=True, hint=hint))
    return Options(**found), problems


def _front_problems(document: Document, key: str, value: object, expected: tuple[str, ...]) -> list[Problem]:
    if key not in expected:
        hint = did_you_mean(key, frozenset(expected))
        return [document.problem("unknown-key", (key,), f"found the unknown key `{key}`", hint=hint, key=True)]
    if not isinstance(value, str) or not value.strip():
        hint = "put a value that begins with `{{` in quotes" if isinstance(value, dict) else "put it in quotes"
        return [document.problem("wrong-kind", (key,), f"expected text for `{key}`", hint=hint, key=True)]
    return []


def _with_quotes_hint(problem: Problem, text: str) -> Problem:
    lines = text.split("\n")
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    if re.match(r"\s*\w+:\s*\{[{%]", line):
        hint = "put a value that begins with `{{` in quotes"
        return Problem(problem.path, problem.line, problem.column, problem.code, problem.message, hint)
    return problem


def _listed(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
