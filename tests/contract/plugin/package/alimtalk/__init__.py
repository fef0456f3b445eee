"""AlimTalk for dangol: notices over KakaoTalk to Korean phone numbers, in texts that Kakao approved beforehand.

An example of a provider that comes in a package of its own. It carries the channel ``sms``, because the recipient is a
phone number and the text is a text message's; what it cannot carry goes to the next provider of the setting::

    DANGOL_SMS_PROVIDER=alimtalk,twilio
    DANGOL_PROVIDER_ALIMTALK_URL=https://relay.example
    DANGOL_PROVIDER_ALIMTALK_KEY=…
    DANGOL_PROVIDER_ALIMTALK_TEMPLATES=alimtalk.json

``alimtalk.json`` holds the approved templates by code, as they were approved: ``{"ORDER_1": "#{이름}님, 주문하신 …"}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from dangol.delivery.http.messages import Reply, Request
from dangol.delivery.http.transport import Transport
from dangol.delivery.providers.carrying import Unsendable, carry
from dangol.delivery.providers.setup import Setup, carrier_url, lacking
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel, RefusalCause

_PLACEHOLDER = re.compile(r"#\{[^{}]+\}")
_KOREAN = re.compile(r"\+8210\d{7,8}")
_NO_KAKAO_USER = "3008"
_BUSY = "9999"


def alimtalk(setup: Setup) -> AlimTalk:
    """What the entry point names: the provider of these settings."""
    told = setup.options
    lacking(
        "alimtalk",
        {f"DANGOL_PROVIDER_ALIMTALK_{name.upper()}": bool(told.get(name)) for name in ("url", "key", "templates")},
    )
    return AlimTalk(
        carrier_url("provider_alimtalk_url", told["url"]),
        told["key"],
        _approved(Path(told["templates"])),
        transport=setup.transport,
        patience=setup.patience,
    )


class AlimTalk:
    """Hands text messages to Kakao, by way of a relay, if their text is one that was approved."""

    name = "alimtalk"
    channels = frozenset({Channel.SMS})

    def __init__(
        self,
        url: str,
        key: str,
        templates: Mapping[str, re.Pattern[str]],
        *,
        transport: Transport,
        patience: timedelta = timedelta(minutes=5),
    ) -> None:
        self._url = f"{url}/alimtalk/messages"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._templates = templates
        self._transport = transport
        self._patience = patience

    def takes(self, envelope: Envelope) -> bool:
        """Korean mobile numbers, and approved texts only; everything else is the next provider's."""
        return bool(_KOREAN.fullmatch(envelope.to) and self._template(envelope))

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return carry("AlimTalk", self._transport, batch, write=self._write, meaning=_meaning, patience=self._patience)

    def close(self) -> None:
        """The connections are the transport's."""

    def _write(self, envelope: Envelope) -> Request:
        code = self._template(envelope)
        if not code:
            raise Unsendable("no approved AlimTalk template has this text")
        told = {"id": envelope.message_id, "to": envelope.to, "template": code, "text": envelope.rendered.text}
        return Request(self._url, json.dumps(told).encode(), self._headers, not_after=envelope.not_after)

    def _template(self, envelope: Envelope) -> str:
        """The code of the approved template that the text was made from, empty if there is none."""
        text = envelope.rendered.text
        return next((code for code, pattern in self._templates.items() if pattern.fullmatch(text)), "")


def _meaning(reply: Reply) -> Outcome:
    try:
        told = json.loads(reply.body)
        code, reference = str(told["code"]), str(told.get("reference", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        code, reference = "", ""
    if reply.status == 200 and code == "0000":
        return Accepted(reference)
    if code == _NO_KAKAO_USER:
        # The number may well be alive: only Kakao does not know it, and an SMS would reach it.
        return Refused(True, f"AlimTalk refused: {code}", cause=RefusalCause.ELSEWHERE)
    if reply.status == 429 or code == _BUSY:
        return Refused(False, f"AlimTalk is busy: {reply.status}", retry_after=timedelta(minutes=1))
    if 400 <= reply.status < 500:
        return Refused(True, f"AlimTalk refused: {reply.status} {code}".rstrip())
    return Unknown(f"AlimTalk answered {reply.status}")


def _approved(path: Path) -> dict[str, re.Pattern[str]]:
    """Code → what a text of that template looks like. Raises UsageError."""
    told = "DANGOL_PROVIDER_ALIMTALK_TEMPLATES"
    try:
        templates = json.loads(path.read_text(encoding="utf-8"))
        return {code: _pattern(text) for code, text in templates.items()}
    except OSError as error:
        raise UsageError(f"{told}: {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{told}: {path} holds no templates by code: {error}") from error


def _pattern(template: str) -> re.Pattern[str]:
    """Whatever stands in a placeholder is on one line; all the rest is as it was approved."""
    return re.compile("[^\n]+?".join(re.escape(part) for part in _PLACEHOLDER.split(template)))
