"""What Twilio's error codes say about a message, an address, an account.

From Twilio's error dictionary, July 2024 and later; docs/providers.md has the table for people, with how sure each line
is. The same codes come in answers and, later, with the status of a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dangol.model.feedback import Finding
from dangol.model.message import Refused
from dangol.model.vocabulary import RefusalCause


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says of a refused hand-over (``permanent``, ``cause``) and, reported later, of the address."""

    permanent: bool
    cause: RefusalCause | None = None
    finding: Finding = Finding.NONE


_FOR_NOW = Meaning(False)
_FOR_GOOD = Meaning(True)
_OPTED_OUT = Meaning(True, RefusalCause.OPTED_OUT, Finding.OPTED_OUT)
_NO_NUMBER = Meaning(True, RefusalCause.DEAD_ADDRESS, Finding.INVALID)
_DEAD = Meaning(True, RefusalCause.DEAD_ADDRESS, Finding.HARD)
_CONTENT = Meaning(True, RefusalCause.CONTENT)
_FILTERED = Meaning(True, RefusalCause.CONTENT, Finding.BLOCKED)
# An operator has to do something first; the messages wait meanwhile.
_ACCOUNT = Meaning(False, RefusalCause.ACCOUNT)
_UNREGISTERED = Meaning(False, RefusalCause.ACCOUNT, Finding.BLOCKED)

CODES: Mapping[int, Meaning] = {
    # the request as a whole
    14107: _FOR_NOW,
    20003: _ACCOUNT,
    20005: _ACCOUNT,
    20008: _ACCOUNT,
    20403: _ACCOUNT,
    20404: _ACCOUNT,
    20429: _FOR_NOW,
    # who is to get it
    21211: _NO_NUMBER,
    21214: _NO_NUMBER,
    21217: _NO_NUMBER,
    21265: _FOR_GOOD,  # a short code
    21266: _FOR_GOOD,  # the sender's own number
    21408: _ACCOUNT,  # the region is not enabled
    21604: _NO_NUMBER,
    21608: _ACCOUNT,  # a trial account writes to verified numbers only
    21610: _OPTED_OUT,
    21612: _FOR_GOOD,
    21614: _NO_NUMBER,
    21635: _NO_NUMBER,
    21219: _ACCOUNT,
    # who sends it
    21212: _ACCOUNT,
    21603: _ACCOUNT,
    21606: _ACCOUNT,
    21607: _ACCOUNT,
    21611: _FOR_NOW,  # the number's queue is full
    21659: _ACCOUNT,
    21660: _ACCOUNT,
    21661: _ACCOUNT,
    21701: _ACCOUNT,
    21703: _ACCOUNT,
    21704: _ACCOUNT,
    21705: _ACCOUNT,
    # what it says
    21602: _CONTENT,
    21605: _CONTENT,
    21617: _CONTENT,
    21619: _CONTENT,
    # what became of it later
    30001: _FOR_NOW,
    30002: _ACCOUNT,
    30003: Meaning(False, finding=Finding.SOFT),  # switched off
    30004: Meaning(True, finding=Finding.BLOCKED),
    30005: Meaning(True, finding=Finding.SOFT),  # not known, at least at the moment
    30006: _DEAD,  # a landline, or out of every carrier's reach
    30007: _FILTERED,
    30008: _FOR_NOW,
    30032: _ACCOUNT,
    30034: _UNREGISTERED,
    63038: _ACCOUNT,
}


def refusal(code: int, told: str) -> Refused:
    """What a code means for a message; one that is not in the table refuses for good. ``told`` leads the detail."""
    meaning = CODES.get(code, _FOR_GOOD)
    return Refused(meaning.permanent, f"{told}: {code}" if code else told, cause=meaning.cause)


def finding(code: str) -> Finding:
    """What the code of a message that failed says of the number; one that is not in the table says nothing."""
    known = CODES.get(int(code)) if code.isascii() and code.isdecimal() else None
    return known.finding if known is not None else Finding.NONE
