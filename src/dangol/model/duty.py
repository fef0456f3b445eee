"""What dangol itself reports about people's consents, and the links that texts may hold for one recipient."""

from __future__ import annotations

CONSENT_REQUESTED = "Consent Requested"
"""Somebody asked to hear from us and has yet to confirm it: the first half of a double opt-in."""
OUTCOME_DUE = "Consent Outcome Due"
"""Somebody agreed or withdrew, and the law wants them told what came of it."""
RECONFIRMATION_DUE = "Consent Reconfirmation Due"
"""A consent comes of an age at which the law wants it confirmed again."""
MESSAGE_REPLIED = "Message Replied"
"""Somebody answered a message with something that is no keyword."""

DUTY_SOURCE = "duty"
"""Where events and consents that a duty made say they come from."""

LINKS = frozenset({"preferences", "unsubscribe", "confirm", "keep"})
"""``links.…`` in texts: pages for the one who reads them."""
CONFIRM = "confirm"
"""The link that only a journey entered by ``CONSENT_REQUESTED`` can make."""
