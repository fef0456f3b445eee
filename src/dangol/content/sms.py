"""SMS as carriers count it: alphabets, billed parts, bytes, prices, and cheaper spellings of the same text.

GSM 03.38 has 128 characters and ten more that take two places; a single other character turns the whole text into
UCS-2, which holds less than half. Korean carriers count bytes of EUC-KR instead. Figures are in ``data/carriers.toml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from smsutil.codecs import GSM_EXT_CHARSET

from dangol.content.carriers import LONG_BYTES, PRICES, SHORT_BYTES
from dangol.errors import RenderError
from dangol.model.message import SmsSize
from dangol.model.sms import GSM, split
from dangol.model.workspace import SmsEncoding

_KINDS: Mapping[str, Mapping[str, str]] = {
    "quotes": {**dict.fromkeys("‘’‚‛′‹›", "'"), **dict.fromkeys("“”„‟″«»", '"')},
    "dashes": dict.fromkeys("‐‑‒–—―−", "-"),
    "ellipses": {"…": "..."},
    "spaces": dict.fromkeys(map(chr, (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F)), " "),
    "invisible": dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
    "bullets": dict.fromkeys("•·∙‣", "-"),
    "full-width forms": {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {"\u3000": " "},
    "signs": {"×": "x", "÷": "/", "™": "(TM)", "©": "(C)", "®": "(R)"},
}
_REPLACEMENTS = {char: (kind, plain) for kind, pairs in _KINDS.items() for char, plain in pairs.items()}
_REPLACEABLE = re.compile(f"[{re.escape(''.join(_REPLACEMENTS))}]")


def composed(text: str) -> str:
    """Composed (NFC), so that Hangul costs a character and not three; no white space around it or at line ends."""
    lines = unicodedata.normalize("NFC", text).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def size(text: str, encoding: SmsEncoding = SmsEncoding.GSM) -> SmsSize:
    """How the carrier counts a text. Raises RenderError if its alphabet lacks a character of it."""
    if encoding is SmsEncoding.EUCKR:
        count = len(_korean(text))
        long = count > SHORT_BYTES
        return SmsSize("EUC-KR", count, LONG_BYTES if long else SHORT_BYTES, 1, long=long)
    parts = len(split(text))
    if _is_gsm(text):
        units = len(text) + sum(text.count(char) for char in GSM_EXT_CHARSET)
        return SmsSize("GSM-7", units, 160 if parts == 1 else 153 * parts, parts)
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2
    return SmsSize("UCS-2", units, 70 if parts == 1 else 67 * parts, parts)


def too_long(found: SmsSize, most: int) -> bool:
    """Whether a text is more than ``most`` billed parts; of Korean ones, 1 means a short message."""
    return (found.long and most == 1) if found.alphabet == "EUC-KR" else found.parts > most


def plainer(text: str, encoding: SmsEncoding = SmsEncoding.GSM) -> tuple[str, dict[str, int]]:
    """The text with quotes, dashes, spaces and the like in the carrier's alphabet, if that makes it cheaper.

    Also returns how many of each kind were replaced; nothing if the text is as it was. Letters are never changed.
    """
    replaced: dict[str, int] = {}

    def plain(match: re.Match[str]) -> str:
        kind, spelling = _REPLACEMENTS[match[0]]
        if match[0] in GSM or (encoding is SmsEncoding.EUCKR and _is_korean(match[0])):
            return match[0]
        replaced[kind] = replaced.get(kind, 0) + 1
        return spelling

    rewritten = _REPLACEABLE.sub(plain, text)
    if not replaced or not _cheaper(rewritten, text, encoding):
        return text, {}
    return rewritten, dict(sorted(replaced.items()))


def _cheaper(one: str, other: str, encoding: SmsEncoding) -> bool:
    if encoding is SmsEncoding.EUCKR:  # what cannot be sent at all costs most
        return _is_korean(one) > _is_korean(other)
    return size(one).parts < size(other).parts


def price(found: SmsSize, country: str, prices: Mapping[str, str] | None = None) -> tuple[Decimal, str] | None:
    """What a text costs in a country (ISO code) and in which currency; None if nobody said.

    ``prices`` are the workspace's, ``KR`` to ``9 KRW``; the packaged list prices serve where it has none.
    """
    key = f"{country}/long" if found.long else country
    packaged = PRICES["euckr" if found.alphabet == "EUC-KR" else "gsm"]
    said = (prices or {}).get(key) or packaged.get(key)
    if said is None:
        return None
    amount, _, currency = said.partition(" ")
    return Decimal(amount) * found.parts, currency


def _is_gsm(text: str) -> bool:
    return GSM.issuperset(text)


def _is_korean(text: str) -> bool:
    try:
        text.encode("cp949")
    except UnicodeEncodeError:
        return False
    return True


def _korean(text: str) -> bytes:
    try:
        return text.encode("cp949")
    except UnicodeEncodeError as error:
        char = text[error.start]
        name = f"U+{ord(char):04X} {unicodedata.name(char, '').lower()}".rstrip()
        raise RenderError(f"expected characters of Korean carriers' alphabet (EUC-KR); found {name}") from None
