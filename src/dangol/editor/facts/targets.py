"""Where a reader is led: links, mail addresses and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import phonenumbers

from dangol.editor.facts.found import Found
from dangol.editor.facts.model import Kind

_LINK = re.compile(
    r"(?:(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,30}://|\b(?:mailto|tel|sms):|\bwww\.)[^\s<>\"'`\\^{}|]{1,2000}",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_PHONE = re.compile(r"(?<![\w+.-])(?:\+\d{1,3}[ -]?)?(?:\(0?\d{1,4}\)[ -]?|\d{2,4}[ -])\d{3,4}[ -]\d{4}(?![\w-]?\d)")
_SHORT = re.compile(r"(?<![\d-])1[5689]\d{2}-\d{4}(?![\d-])")
_LOCALE = re.compile(r"(?:ko|en)(?:[-_](?:kr|us|gb|au|ca))?|kr", re.IGNORECASE)
_TRACKING = re.compile(
    r"utm_\w+|gclid|fbclid|msclkid|yclid|igshid|mc_[ce]id|_hs\w+|ref|source|src|channel|medium|campaign|"
    r"lang|language|locale|hl|n_media|n_query|n_rank|n_ad\w*",
    re.IGNORECASE,
)


def links(text: str) -> Iterator[Found]:
    """Links in a text or in Markdown; punctuation after them is none of theirs."""
    for match in _LINK.finditer(text):
        written = match[0].rstrip(".,;:!?…~")
        while written.endswith(")") and written.count(")") > written.count("("):
            written = written[:-1].rstrip(".,;:!?")
        if written.endswith(("]", "』", "」")):
            written = written[:-1]
        yield Found(Kind.LINK, (target(written),), match.start(), match.start() + len(written))


def addresses(text: str) -> Iterator[Found]:
    """Mail addresses that stand in a text."""
    for match in _ADDRESS.finditer(text):
        yield Found(Kind.LINK, (target(f"mailto:{match[0]}"),), match.start(), match.end())


def phones(text: str, region: str = "KR") -> Iterator[Found]:
    """Phone numbers, as ``region`` dials them."""
    for match in _PHONE.finditer(text):
        yield Found(Kind.PHONE, (_dialled(match[0], region),), match.start(), match.end())
    for match in _SHORT.finditer(text):
        yield Found(Kind.PHONE, (match[0].replace("-", ""),), match.start(), match.end())


def _dialled(number: str, region: str) -> str:
    try:
        return phonenumbers.format_number(phonenumbers.parse(number, region), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", number)


def target(link: str) -> str:
    """A link without what may differ: locale in path or query, tracking, `www.`, `http` for `https`, a last slash."""
    scheme, _, rest = link.partition(":")
    if scheme.lower() in {"mailto", "tel", "sms"}:
        number = rest.partition("?")[0].lower()
        return f"{scheme.lower()}:{number if scheme.lower() == 'mailto' else _dialled(number, 'KR')}"
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
    except ValueError:
        return link
    host = parts.netloc.lower().removeprefix("www.")
    steps = [step for step in parts.path.split("/") if step and not _LOCALE.fullmatch(step)]
    asked = sorted((key, value) for key, value in parse_qsl(parts.query) if not _TRACKING.fullmatch(key))
    query = f"?{urlencode(asked)}" if asked else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    kind = parts.scheme.lower()
    if kind not in {"http", "https"}:  # an app's: its first step stands where a host does
        return f"app://{'/'.join([step for step in (host, *steps) if step])}{query}"
    return f"https://{'/'.join([host, *map(unquote, steps)])}{query}{fragment}"


def same_target(one: str, other: str) -> bool:
    """Whether two targets lead to the same: a deep link and a link to the web do so if their paths agree."""
    if one == other:
        return True
    if one.startswith("app://") == other.startswith("app://"):
        return False
    app, web = (one, other) if one.startswith("app://") else (other, one)
    path = web.removeprefix("https://").partition("/")[2].partition("#")[0]
    return app.removeprefix("app://") == path
