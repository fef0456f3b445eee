"""The filters a message may use. Each is bounded, free of side effects, and speaks the text's locale."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tossi
from babel.core import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, is_currency
from jinja2.runtime import Undefined
from markupsafe import escape

from dangol.content.links import Links, in_text


class Refused(Exception):
    """A message asked for more than it may have, or its data does not fit it."""


MAX_TEXT = 10_000
"""Characters that one value may have."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HEARD = 200
_CODE = 3
"""Letters of a currency."""
_DATE_FORMATS = ("short", "medium", "long", "full")


def printable(value: Any) -> Any:
    """What every ``{{ … }}`` passes through: text is cleaned, whole floats lose their ``.0``, the rest is refused.

    Raises Refused for what no reader should see: lists, mappings, nothing, true/false, raw dates.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Undefined):
        return str(value)  # raises, with its name
    if isinstance(value, bool) or value is None:
        found = "nothing (null)" if value is None else "true or false"
        raise Refused(f"expected text or a number; found {found}")
    if isinstance(value, int | float | Decimal):
        return _plain_number(value)
    if isinstance(value, date):
        raise Refused("found a date; write it with the `date` filter")
    raise Refused(f"expected text or a number; found {_kind(value)}")


def clean(text: str) -> str:
    """Text of one value: composed (NFC), without control and direction-changing characters, of bounded length."""
    if len(text) > MAX_TEXT:
        raise Refused(f"a value is longer than {MAX_TEXT:,} characters")
    if text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text)):
        return text
    kind = type(text)  # Markup stays Markup
    if not unicodedata.is_normalized("NFC", text):
        text = kind(unicodedata.normalize("NFC", text))
    if not text.isprintable() and _CONTROL.search(text):
        text = kind(_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return text


def in_text_alone(value: Any) -> str:
    """What ``{{ … }}`` puts into plain text."""
    if type(value) is str:
        return clean(value)
    return str(value if type(value) is int else printable(value))


def in_html(value: Any) -> str:
    """What ``{{ … }}`` puts into HTML: escaped, unless it is mark-up of ours.

    The same characters as ``markupsafe.escape``, which makes an object of its own of every value.
    """
    if type(value) is str:
        return (
            clean(value)
            .replace("&", "&amp;")
            .replace(">", "&gt;")
            .replace("<", "&lt;")
            .replace("'", "&#39;")
            .replace('"', "&#34;")
        )
    return str(value) if type(value) is int else escape(printable(value))


def bounded(value: Any) -> Any:
    """What ``~`` and macros return; stops texts that double themselves."""
    if isinstance(value, str) and len(value) > 8 * MAX_TEXT:
        raise Refused(f"a text grew beyond {8 * MAX_TEXT:,} characters")
    return value


def present(value: Any) -> bool:
    """The test ``is present``: known, not null, not blank and not empty."""
    if isinstance(value, str):
        return bool(value.strip())
    return not (isinstance(value, Undefined) or value is None or value in ([], {}, ()))


def url(links: Links, value: Any) -> str:
    """A link's target, if it is one that a reader may be sent to. Raises Refused."""
    text = str(printable(value)).strip()
    if not links.allows(text):
        raise Refused(f"expected {links.expected}; found {text[:60]!r}")
    return text


def url_part(value: Any) -> str:
    """A value inside a link, percent-encoded. Applied to every tag in a link that does not begin it."""
    return quote(str(printable(value)), safe="")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def _plain_number(value: float | Decimal) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Undefined):
        str(value)  # raises, with its name
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"expected a number; found {str(value)[:40]!r}") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise Refused(f"expected a number below 10^15; found {str(value)[:40]!r}")
    return number


@lru_cache(maxsize=8192)
def _amount(locale: str, value: Decimal, currency: str, style: str) -> str:
    if not is_currency(currency):
        raise Refused(f"expected a currency such as KRW, USD or EUR; found {currency[:20]!r}")
    if style == "code":  # symbols such as ₩ and € make an SMS more costly
        return format_currency(value, currency, format="¤¤ #,##0.00", locale=locale)
    if style != "symbol":
        raise Refused(f"expected the style symbol or code; found {style[:20]!r}")
    if currency == "KRW" and locale.partition("_")[0] == "ko":
        return f"{format_decimal(value, format='#,##0', locale=locale)}원"  # as Koreans write it
    return format_currency(value, currency, locale=locale)


def _number(locale: str, value: Any) -> str:
    return format_decimal(_decimal(value), locale=locale)


def _date(locale: str, value: Any, format: str = "long", timezone: str | None = None) -> str:
    if format not in _DATE_FORMATS:
        raise Refused(f"expected a date format of {', '.join(_DATE_FORMATS)}; found {format!r}")
    return format_date(_moment(value, timezone), format=format, locale=locale)


def _time(locale: str, value: Any, timezone: str | None = None) -> str:
    moment = _moment(value, timezone)
    if not isinstance(moment, datetime):
        raise Refused(f"expected a date with a time; found {value!r}"[:80])
    pattern = "short"
    if locale.partition("_")[0] == "ko":  # as it is said: 오후 3시, 오후 3시 30분; particles fit it then
        pattern = "aaaa h시 m분" if moment.minute else "aaaa h시"
    told = format_time(moment, format=pattern, tzinfo=moment.tzinfo or UTC, locale=locale)
    # CLDR's narrow space before PM is in no SMS alphabet: it would make three segments of one.
    return told.replace("\u202f", " ")


def _moment(value: Any, timezone: str | None) -> date:
    if isinstance(value, Undefined):
        str(value)  # raises, with its name
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            raise Refused(f"expected a date such as 2026-03-02; found {value[:40]!r}") from None
    if not isinstance(value, date):
        raise Refused(f"expected a date; found {_kind(value)}")
    if timezone is not None and isinstance(value, datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(ZoneInfo(timezone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Refused(f"expected a time zone such as Asia/Seoul; found {timezone[:40]!r}") from None
    return value


@lru_cache(maxsize=8192)
def _postfix(word: str, particle: str) -> str:
    return str(tossi.postfix(word, particle))


def _josa(value: Any, particle: str) -> str:
    """The word with the Korean particle that fits its last sound: ``하나`` and ``이`` give ``하나가``."""
    word = str(printable(value))
    heard = word[-_HEARD:]  # no more of a long text is kept in mind than is heard
    if heard.endswith(("%", "％")):
        heard = "퍼센트"
    return f"{word}{_postfix(heard, particle).removeprefix(heard)}"


def _default(value: Any, otherwise: Any) -> Any:
    return value if present(value) else otherwise


def _join(values: Iterable[Any], separator: str = ", ") -> str:
    if isinstance(values, Undefined):
        str(values)  # raises, with its name
    if not isinstance(values, list | tuple):
        raise Refused(f"expected a list; found {_kind(values)}")
    if len(values) > 1000:
        raise Refused("expected a list of at most 1,000 items")
    return clean(separator.join(str(printable(value)) for value in values))


def _plural(count: Any, one: str, many: str) -> str:
    return one if _decimal(count) == 1 else many


def _truncate(value: Any, length: int) -> str:
    text = str(printable(value))
    return text if len(text) <= length else f"{text[: max(length - 1, 0)].rstrip()}…"


def _length(value: Any) -> int:
    return len(value)


def _on_text(change: Callable[[str], str]) -> Callable[[Any], str]:
    def apply(value: Any) -> str:
        return change(str(printable(value)))

    return apply


def filters_for(locale: Locale, schemes: tuple[str, ...] = ()) -> dict[str, Callable[..., Any]]:
    """Every filter by name, for one locale; ``schemes`` are those of links into the brand's app."""
    name = str(locale)

    def written(value: Any, currency: Any, style: str = "symbol") -> str:
        return _amount(name, _decimal(value), str(printable(currency)).upper(), style)

    whole = lru_cache(maxsize=8192)(written)

    def amount(value: Any, currency: Any, style: str = "symbol") -> str:
        common = type(value) is int and type(currency) is str and len(currency) <= _CODE
        return whole(value, currency, style) if common and type(style) is str else written(value, currency, style)

    def number(value: Any) -> str:
        return _number(name, value)

    return {
        "amount": amount,
        "number": number,
        "date": partial(_date, name),
        "time": partial(_time, name),
        "josa": _josa,
        "url": partial(url, in_text(schemes)),
        "default": _default,
        "join": _join,
        "plural": _plural,
        "truncate": _truncate,
        "length": _length,
        "lower": _on_text(str.lower),
        "upper": _on_text(str.upper),
        "trim": _on_text(str.strip),
    }


TESTS: dict[str, Callable[..., bool]] = {
    "present": present,
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: value is None,
}
"""Every test by name."""
