"""The parts in which carriers send an SMS."""

from __future__ import annotations

import smsutil
from smsutil.codecs import GSM_CHARSET

GSM = frozenset(GSM_CHARSET) - {"\x1b"}
"""GSM 03.38's characters; one other turns a whole text into UCS-2."""


def split(text: str) -> tuple[str, ...]:
    """The parts in which a carrier sends a text, for providers that have to cut it themselves.

    Together they are the text. No part ends inside an escaped GSM character or a surrogate pair, and none holds more
    than the 160 or 153 GSM places, 70 or 67 UTF-16 units that there are in a part.
    """
    return tuple(part.content for part in smsutil.split(text).parts) or ("",)
