"""What an app or a service worker reports about a push message: that it arrived, was opened, clicked or dismissed.

Neither FCM nor a Web Push service tells the sender, so the receiving side does. It proves by the receipt, which came in
the message's data, that it got the message; the clock of a device is not relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

from dangol.delivery.feedback.plain import Unreadable, our_id, plain_url, read_json
from dangol.model.feedback import Feedback, FeedbackKind
from dangol.model.vocabulary import Channel

PROVIDER = "push"
_KINDS = {
    "delivered": FeedbackKind.DELIVERED,
    "opened": FeedbackKind.OPENED,
    "clicked": FeedbackKind.CLICKED,
    "dismissed": FeedbackKind.DISMISSED,
}


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, and the receipt that is to prove it."""

    feedback: Feedback
    receipt: str


def parse(body: bytes) -> Reported:
    """``{"message": …, "receipt": …, "event": …, "url": …}``. Raises Unreadable, saying what was expected."""
    found = read_json(body)
    if not isinstance(found, dict):
        raise Unreadable("expected a JSON object")
    message_id, event, receipt = our_id(found.get("message")), found.get("event"), found.get("receipt")
    if not message_id:
        raise Unreadable("message: expected the id that the push brought")
    if not isinstance(receipt, str):
        raise Unreadable("receipt: expected the text that the push brought")
    if not isinstance(event, str) or event not in _KINDS:
        raise Unreadable(f"event: expected one of {', '.join(_KINDS)}")
    url = found.get("url")
    feedback = Feedback(
        provider=PROVIDER,
        event_id=f"{message_id}:{event}",
        kind=_KINDS[event],
        channel=Channel.PUSH,
        at=None,
        message_id=message_id,
        url=plain_url(url) if event == "clicked" and isinstance(url, str) else "",
    )
    return Reported(feedback, receipt)
