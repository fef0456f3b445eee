"""Addresses and places in one spelling: email, E.164 phone, country, locale, time zone."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import phonenumbers
from babel import Locale, localedata
from babel.core import parse_locale
from email_validator import EmailNotValidError, validate_email

from dangol.errors import InvalidEvent
from dangol.profiles.shape import shown

_NOT_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
_LONGEST_ZONE = 64
_STATE = re.compile(r"[A-Z0-9]{1,3}")


def normalise_email(value: str) -> str:
    """The address with its domain in lower case and in NFC. Raises InvalidEvent, code ``invalid_email``."""
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidEvent("invalid_email", f"email: {error} Found {shown(value)}") from None


def fold_email(value: str) -> str:
    """One spelling for all that may be the same mailbox: without regard to case, in the local part too, and in NFC."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", value.strip()).casefold())


def normalise_phone(value: str, country: str | None) -> str:
    """The number as E.164 (``+821012345678``). A national number needs ``country``.

    Raises InvalidEvent, code ``invalid_phone``.
    """
    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_valid_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    expected = f"a number valid in {country}" if country else "a number with its country code, or a country beside it"
    raise InvalidEvent("invalid_phone", f"phone: expected {expected}, such as +821012345678; found {shown(value)}")


def split_country(value: str) -> tuple[str, str]:
    """ISO 3166-1 alpha-2 and, of ``US-FL`` (ISO 3166-2), the state; both in upper case, the state empty if not told.

    Raises InvalidEvent, code ``invalid_country``. Whether the country has that state is not looked at.
    """
    code, hyphen, state = value.strip().upper().partition("-")
    if code not in _countries() or (hyphen and not _STATE.fullmatch(state)):
        expected = "two letters such as KR, and a state if it is known, such as US-FL"
        raise InvalidEvent("invalid_country", f"country: expected {expected}; found {shown(value)}")
    return code, state


def normalise_locale(value: str) -> str:
    """A BCP 47 tag such as ``ko``, ``ko-KR`` or ``zh-Hant-TW``; underscores are understood.

    Language and country are checked one by one: ``en-KR`` is a real customer. Raises InvalidEvent, code
    ``invalid_locale``.
    """
    try:
        language, territory, script, *_ = parse_locale(value.replace("_", "-"), sep="-")
    except ValueError:
        language, territory, script = "", None, None
    known_place = territory is None or territory.isdigit() or territory in _countries()
    if not (language and localedata.exists(language) and known_place):
        raise InvalidEvent("invalid_locale", f"locale: expected a tag such as ko-KR or en; found {shown(value)}")
    return "-".join(part for part in (language, script, territory) if part)


def check_timezone(value: str) -> str:
    """``value`` as given: a zone that does not exist is kept, and the policy treats it as unknown.

    Raises InvalidEvent, code ``invalid_timezone``, for what is too long to be a name.
    """
    if len(value) > _LONGEST_ZONE:
        raise InvalidEvent("invalid_timezone", f"timezone: expected a name such as Asia/Seoul; found {shown(value)}")
    return value


@cache
def _countries() -> frozenset[str]:
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - _NOT_COUNTRIES
