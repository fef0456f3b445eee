"""Behaviour set by address: words in an email address, the end of a phone number, the beginning of a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import Enum
from functools import lru_cache


class Fault(Enum):
    """How the way between caller and carrier breaks."""

    HANG = "hang"
    RESET_BEFORE = "reset-before"
    RESET_AFTER_BODY = "reset-after-body"
    TIMEOUT_AFTER_ACCEPT = "timeout-after-accept"
    ERROR_AFTER_ACCEPT = "500-after-accept"
    JUNK = "junk"
    CUT = "cut"

    @property
    def accepted(self) -> bool:
        """Whether the carrier has the message all the same."""
        return self not in (Fault.HANG, Fault.RESET_BEFORE)


@dataclass(frozen=True, slots=True)
class Act:
    """What is to happen with one request; empty fields mean the ordinary."""

    delay: float = 0.0
    """Seconds before the answer."""
    refusal: str = ""
    """Which refusal the provider answers with: an HTTP status or a name of its own."""
    retry_after: float = 0.0
    fault: Fault | None = None
    fate: str = ""
    """What becomes of the message afterwards: ``bounce``, ``open``, ``30003``, …"""
    once: bool = False
    """Refusal or fault happen at the first request for this address only."""

    def with_(self, other: Act) -> Act:
        """Both together; where both say something, the other wins."""
        changed = {field.name: value for field in fields(other) if (value := getattr(other, field.name))}
        return Act(**({field.name: getattr(self, field.name) for field in fields(self)} | changed))

    def without_trouble(self) -> Act:
        """The same once the trouble that happens only once is over."""
        return Act(delay=self.delay, fate=self.fate)


ORDINARY = Act()

_STATUSES = ("400", "401", "403", "404", "413", "429", "500", "502", "503")
_COMMON = {
    **{status: Act(refusal=status) for status in _STATUSES},
    **{fault.value: Act(fault=fault) for fault in Fault},
}
EMAIL_FATES = {
    "bounce": "bounce",
    "blocked": "blocked",
    "dropped": "dropped",
    "deferred": "deferred",
    "open": "open",
    "machine-open": "machine_open",
    "click": "click",
    "spam": "spam",
    "unsubscribe": "unsubscribe",
    "silent": "silent",
}
TOKEN_REFUSALS = {
    "unregistered": "gone",
    "gone": "gone",
    "missing": "missing",
    "invalid": "invalid",
    "quota": "429",
    "unavailable": "503",
    "mismatch": "mismatch",
}
_EMAIL = _COMMON | {word: Act(fate=fate) for word, fate in EMAIL_FATES.items()}
_TOKEN = _COMMON | {word: Act(refusal=refusal) for word, refusal in TOKEN_REFUSALS.items()}

PHONE_MARK = "55500"
"""A phone number whose last seven digits are these and two more behaves as those two say."""
PHONES = {
    # Twilio's own magic numbers: https://www.twilio.com/docs/iam/test-credentials
    "01": Act(refusal="21211"),
    "02": Act(refusal="21612"),
    "03": Act(refusal="21408"),
    "04": Act(refusal="21610"),
    "09": Act(refusal="21614"),
    # ours
    "20": Act(refusal="429"),
    "21": Act(refusal="500"),
    "22": Act(refusal="503"),
    "23": Act(refusal="21635"),
    "29": Act(refusal="429", once=True),
    "30": Act(fault=Fault.HANG),
    "31": Act(fault=Fault.RESET_BEFORE),
    "32": Act(fault=Fault.RESET_AFTER_BODY),
    "33": Act(fault=Fault.TIMEOUT_AFTER_ACCEPT),
    "34": Act(fault=Fault.ERROR_AFTER_ACCEPT),
    "35": Act(fault=Fault.JUNK),
    "36": Act(fault=Fault.CUT),
    "37": Act(delay=2.0),
    "40": Act(fate="30003"),
    "41": Act(fate="30005"),
    "42": Act(fate="30006"),
    "43": Act(fate="30007"),
    "44": Act(fate="30008"),
    "45": Act(fate="30034"),
    "46": Act(fate="silent"),
    "47": Act(fate="late-sent"),
    "50": Act(fate="STOP"),
    "51": Act(fate="HELP"),
}

_SLOW = re.compile(r"slow(\d+(?:\.\d+)?)(ms|s)")
_BUSY = re.compile(r"(429|503)-(\d+)s")


def by_words(text: str) -> Act | None:
    """The act that a command names, as in ``bounce+slow2s`` or ``21610``; None if a word is not known."""
    acts = [_word(word, _EMAIL) or _word(word, _TOKEN) or _code(word) for word in text.lower().split("+")]
    return None if None in acts else _together(act for act in acts if act is not None)


def _code(word: str) -> Act | None:
    return next((act for act in PHONES.values() if word in (act.refusal, act.fate.lower()) and not act.once), None)


def of_email(address: str) -> Act:
    """The act that the local part, its tags or the first label of the domain name."""
    local, _, domain = address.lower().rpartition("@")
    if "+" not in local:
        act = _word(local, _EMAIL)
    else:
        act = _together(found for part in local.split("+") if (found := _word(part, _EMAIL)) is not None)
    of_domain = _of_domain(domain)
    if act is None or act is ORDINARY:
        return of_domain
    return act if of_domain is ORDINARY else of_domain.with_(act)


def of_phone(number: str) -> Act:
    """The act that the last seven digits name."""
    return PHONES.get(number[-2:], ORDINARY) if number[-7:-2] == PHONE_MARK else ORDINARY


def of_token(token: str) -> Act:
    """The act that the words before a token name, as in ``gone-…`` or ``slow2s:429:…``."""
    act = ORDINARY
    rest = token
    while match := _leading(rest):
        found, rest = match
        act = act.with_(found)
    return act


def _leading(text: str) -> tuple[Act, str] | None:
    """The longest word that the text begins with, and what follows."""
    for end in range(min(len(text), _LONGEST), 0, -1):
        if end == len(text) or text[end] in "-:.":
            act = _word(text[:end], _TOKEN)
            if act is not None:
                return act, text[end + 1 :]
    return None


_LONGEST = 32


@lru_cache(maxsize=4096)
def _of_domain(domain: str) -> Act:
    return _word(domain.partition(".")[0], _EMAIL) or ORDINARY


def _together(acts: Iterable[Act]) -> Act:
    whole = ORDINARY
    for act in acts:
        whole = whole.with_(act)
    return whole


def _word(word: str, known: dict[str, Act]) -> Act | None:
    act = known.get(word)
    if act is not None or not word.startswith(("slow", "429-", "503-", "once-")):
        return act
    if word.startswith("once-"):
        again = _word(word.removeprefix("once-"), known)
        return None if again is None else again.with_(Act(once=True))
    if match := _SLOW.fullmatch(word):
        return Act(delay=float(match[1]) * (0.001 if match[2] == "ms" else 1.0))
    if match := _BUSY.fullmatch(word):
        return Act(refusal=match[1], retry_after=float(match[2]))
    return None


Reader = Callable[[str], Act]
