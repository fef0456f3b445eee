"""Which file is which text: paths, locales and front matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from babel.core import Locale, UnknownLocaleError

from dangol.content import voice
from dangol.content.tags import RESERVED, Origin
from dangol.definitions.document import Document, did_you_mean, locate
from dangol.definitions.yaml import read_yaml
from dangol.model.problem import Problem
from dangol.model.vocabulary import Channel

LAYOUT = "templates/brand/email.mjml.j2"
MACROS = "templates/brand/macros.j2"
BRAND_FILES = (voice.PATH, LAYOUT, MACROS)
MAX_BYTES = 256_000

_TEXT = re.compile(r"templates/([a-z][a-z0-9_]{0,63})/(?:(email)\.(.+)\.md|(sms|push)\.(.+)\.txt)\.j2")
_FRONT = re.compile(r"---[ \t]*\n(.*?)(?:^|\n)---[ \t]*(?:\n|\Z)", re.DOTALL)

REQUIRED: Mapping[Channel, tuple[str, ...]] = {
    Channel.EMAIL: ("subject", "preheader", "title"),
    Channel.SMS: (),
    Channel.PUSH: ("title",),
}
OPTIONAL: Mapping[Channel, tuple[str, ...]] = {Channel.EMAIL: (), Channel.SMS: (), Channel.PUSH: ("link",)}


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
    return files, problems


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
        hint = "expected templates/<message>/email.<locale>.md.j2, sms.<locale>.txt.j2 or push.<locale>.txt.j2"
        return None, [Problem(path, 1, 1, "unknown-file", message, hint)]
    channel = Channel(match[2] or match[4])
    locale = match[3] or match[5]
    if not _is_locale(locale):
        message = f"`{locale}` in the file's name is no locale; expected one such as ko, en or ko-KR"
        return None, [Problem(path, 1, 1, "unknown-locale", message)]
    front, body, body_line, problems = _front_matter(path, text, channel)
    if not body.strip():
        problems.append(
            Problem(path, body_line, 1, "empty-text", "the text is empty", "write it below the front matter")
        )
    return TextFile(path, match[1], channel, locale, front, body, Origin(path, body_line), text), problems


def _is_locale(name: str) -> bool:
    try:
        return str(Locale.parse(name, sep="-")).replace("_", "-") == name
    except (ValueError, UnknownLocaleError):
        return False


def _front_matter(
    path: str, text: str, channel: Channel
) -> tuple[dict[str, tuple[str, Origin]], str, int, list[Problem]]:
    """The front matter's values, the body, the body's first line, and problems."""
    expected = (*REQUIRED[channel], *OPTIONAL[channel])
    match = _FRONT.match(text)
    if match is None:
        problems = []
        if REQUIRED[channel]:
            message = f"expected front matter with {_listed(REQUIRED[channel])} between two lines `---`; found none"
            problems.append(Problem(path, 1, 1, "missing-front-matter", message))
        return {}, text, 1, problems
    body_line = text.count("\n", 0, match.end()) + 1
    document, problems = read_yaml(path, "\n" + match[1])
    front: dict[str, tuple[str, Origin]] = {}
    if document is None:
        return front, text[match.end() :], body_line, [_with_quotes_hint(problem, text) for problem in problems]
    if not isinstance(document.value, dict):
        message = f"expected {_listed(expected)} in the front matter" if expected else "an SMS has no front matter"
        return front, text[match.end() :], body_line, [*problems, Problem(path, 1, 1, "wrong-kind", message)]
    for key, value in document.value.items():
        problems += _front_problems(document, key, value, expected)
        place = document.values[(key,)]
        front[key] = str(value), Origin(path, place.line + (place.style in {"|", ">"}))
    problems += [
        Problem(path, 1, 1, "missing-key", f"expected the key `{key}` in the front matter; found none", f"add `{key}:`")
        for key in REQUIRED[channel]
        if key not in front
    ]
    return front, text[match.end() :], body_line, problems


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
