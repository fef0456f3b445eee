"""What Twilio's error codes say about a message, an address, an account.

From Twilio's error dictionary, July 2024 and later; docs/providers.md has the table for people, with how sure each line
is. The same codes come in answers and, later, with the status of a message.
"""

from __future__ import annotations

from collections.abc import Mapping

from dangol.model.message import Refused
from dangol.model.vocabulary import RefusalCause

_Meaning = tuple[bool, RefusalCause | None]
_FOR_NOW: _Meaning = (False, None)
_FOR_GOOD: _Meaning = (True, None)
_OPTED_OUT: _Meaning = (True, RefusalCause.OPTED_OUT)
_DEAD: _Meaning = (True, RefusalCause.DEAD_ADDRESS)
_CONTENT: _Meaning = (True, RefusalCause.CONTENT)
# An operator has to do something first; the messages wait meanwhile.
_ACCOUNT: _Meaning = (False, RefusalCause.ACCOUNT)

CODES: Mapping[int, _Meaning] = {
    # the request as a whole
    14107: _FOR_NOW,
    20003: _ACCOUNT,
    20005: _ACCOUNT,
    20008: _ACCOUNT,
    20403: _ACCOUNT,
    20404: _ACCOUNT,
    20429: _FOR_NOW,
    # who is to get it
    21211: _DEAD,
    21214: _DEAD,
    21217: _DEAD,
    21265: _FOR_GOOD,  # a short code
    21266: _FOR_GOOD,  # the sender's own number
    21408: _ACCOUNT,  # the region is not enabled
    21604: _DEAD,
    21608: _ACCOUNT,  # a trial account writes to verified numbers only
    21610: _OPTED_OUT,
    21612: _FOR_GOOD,
    21614: _DEAD,
    21635: _DEAD,
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
    30003: _FOR_NOW,
    30004: _FOR_GOOD,
    30005: _DEAD,
    30006: _DEAD,
    30007: _CONTENT,
    30008: _FOR_NOW,
    30032: _ACCOUNT,
    30034: _ACCOUNT,
    63038: _ACCOUNT,
}


def refusal(code: int, told: str) -> Refused:
    """What a code means for a message; one that is not in the table refuses for good. ``told`` leads the detail."""
    permanent, cause = CODES.get(code, _FOR_GOOD)
    return Refused(permanent, f"{told}: {code}" if code else told, cause=cause)
