"""Webhooks back: SendGrid's events in batches, Twilio's callbacks and inbound messages one by one, all signed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.events import MAIL_LIVES, Mail, Text, mail_event, text_event, text_life
from dangol.devproviders.options import Options, Provider
from dangol.devproviders.outgoing import Poster
from dangol.devproviders.signing import sendgrid_signature, twilio_signature

SENDGRID_PATH = "/hooks/sendgrid"
INBOUND_PATH = "/hooks/twilio/inbound"
BATCH = 1000
_TICK = 0.05
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_GIVE_UP = 24 * 3600.0
_BATCHES_AT_ONCE, _CALLBACKS_AT_ONCE = 4, 16
_SHUFFLED_WITHIN = 20
"""Ticks among which shuffled events are strewn: a second."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_Event = tuple[Mail, str] | tuple[Text, str] | tuple[None, dict[str, str]]


class Webhooks:
    """Keeps what is to be told until its time, and tells it. Everything happens on one loop."""

    def __init__(self, options: Options, credentials: Credentials, decider: Decider) -> None:
        self._credentials, self._decider = credentials, decider
        self._to = (options.webhooks_to or "").rstrip("/")
        self._public = (options.public_url or self._to).rstrip("/")
        self._seed = options.seed
        self._under_way = 0
        self._posters: dict[str, Poster] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self.forget()

    @property
    def tells_mail(self) -> bool:
        """Whether anybody listens to SendGrid's events."""
        return bool(self._to)

    def forget(self) -> None:
        """Drop what was not told yet; what is on its way right now may still arrive."""
        for task in self._tasks:
            task.cancel()
        self._due: dict[int, list[_Event]] = {}
        self._mail: list[dict[str, Any]] = []
        self._random = random.Random(self._seed)  # noqa: S311 - draws of a simulation
        self.counts: Counter[str] = Counter()
        self._batches, self._callbacks = asyncio.Semaphore(_BATCHES_AT_ONCE), asyncio.Semaphore(_CALLBACKS_AT_ONCE)

    def start(self) -> None:
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def close(self) -> None:
        """Stop telling."""
        tasks = [*self._tasks, *([self._ticking] if self._ticking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for poster in self._posters.values():
            poster.close()

    @property
    def pending(self) -> int:
        """Events that are not told yet."""
        return sum(len(events) for events in self._due.values()) + len(self._mail) + self._under_way

    # what carriers call

    def mail(self, mail: Mail) -> None:
        """Everything that happens to an email from now on."""
        self._later("sendgrid", [(mail, name) for name in MAIL_LIVES[mail.fate]])

    def text(self, text: Text) -> None:
        """Everything that happens to an SMS from now on; its status changes whether or not anybody is told."""
        events: list[_Event] = [(text, status) for status in text_life(text.fate)]
        if text.fate in ("STOP", "HELP"):
            events.append((None, self.inbound_form(text.to, text.sender, text.fate, text.fate)))
        self._later("twilio", events)

    def inbound(self, form: dict[str, str]) -> None:
        """Somebody wrote an SMS."""
        self._due.setdefault(_now(), []).append((None, form))

    def inbound_form(self, sender: str, to: str, body: str, opt_out_type: str = "") -> dict[str, str]:
        """The form of an inbound message; Advanced Opt-Out adds the type that it recognised."""
        self.counts["inbound made"] += 1
        sid = f"SM{self._random.getrandbits(128):032x}"
        form = {
            "AccountSid": self._credentials.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": body,
            "From": sender,
            "MessageSid": sid,
            "MessagingServiceSid": self._credentials.messaging_service,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "SmsStatus": "received",
            "To": to,
        }
        return form | ({"OptOutType": opt_out_type} if opt_out_type else {})

    def _later(self, provider: Provider, events: Sequence[_Event]) -> None:
        """Each of a message's events in its turn, sooner or later, once or twice, as the behaviour has it."""
        behaviour, now = self._decider.behaviour[provider], _now()
        delay, duplicates, shuffle = behaviour.webhook_delay, behaviour.webhook_duplicates, behaviour.webhook_shuffle
        if not (delay or duplicates or shuffle):
            self._due.setdefault(now, []).extend(events)
            return
        for place, event in enumerate(events, 1):
            tick = now + round(place * delay / _TICK)
            for _ in range(2 if self._random.random() < duplicates else 1):
                strewn = self._random.randrange(_SHUFFLED_WITHIN) if shuffle else 0
                self._due.setdefault(tick + strewn, []).append(event)

    # telling

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            now = _now()
            for tick in sorted(tick for tick in self._due if tick < now):
                self._turn_up(self._due.pop(tick))
            while self._mail:
                batch, self._mail = self._mail[:BATCH], self._mail[BATCH:]
                self._go(self._tell_mail(batch), len(batch))

    def _turn_up(self, events: list[_Event]) -> None:
        """The time of these has come."""
        if len(events) > 1 and any(self._decider.behaviour[p].webhook_shuffle for p in ("sendgrid", "twilio")):
            self._random.shuffle(events)
        for thing, what in events:
            if isinstance(thing, Mail):
                self._mail.append(mail_event(thing, str(what)))
            elif isinstance(thing, Text):
                self._move(thing, str(what))
            elif isinstance(what, dict):
                self._tell_inbound(what)

    def _move(self, text: Text, status: str) -> None:
        if status != "sent" or text.status in ("accepted", "queued"):
            text.status = status
        if status in ("undelivered", "failed"):
            text.error = int(text.fate)
        if text.callback:
            self._tell_text(text.callback, text_event(text, status), "callbacks")

    def _tell_inbound(self, form: dict[str, str]) -> None:
        if self._to:
            self._tell_text(f"{self._public}{INBOUND_PATH}", form, "inbound")

    def _tell_text(self, url: str, form: dict[str, str], kind: str) -> None:
        """Signed for the URL that Twilio would call; delivered to `webhooks_to` if given, as a tunnel would."""
        parts = urlsplit(url)
        origin = self._to or f"{parts.scheme}://{parts.netloc}"
        if (urlsplit(origin).hostname or "") not in _LOOPBACK and not self._to:
            self.counts[f"{kind} not told"] += 1
            return
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        headers = {
            "Host": parts.netloc,
            "User-Agent": "TwilioProxy/1.1",
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": twilio_signature(self._credentials.auth_token, url, form),
        }
        self._go(self._tell_one(kind, origin, target, headers, urlencode(form).encode()), 1)

    def _go(self, telling: Coroutine[Any, Any, None], events: int) -> None:
        task = asyncio.get_running_loop().create_task(telling)
        self._under_way += events
        self._tasks.add(task)

        def over(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._under_way -= events

        task.add_done_callback(over)

    async def _tell_one(self, kind: str, origin: str, target: str, headers: dict[str, str], body: bytes) -> None:
        """Twilio tries once more if it could not connect, and not if it was answered with an error."""
        async with self._callbacks:
            status = await self._poster(origin).post(target, headers, body)
            if status == 0:
                self.counts[f"{kind} tried again"] += 1
                await asyncio.sleep(_FIRST_PAUSE)
                status = await self._poster(origin).post(target, headers, body)
        self._count(kind, status, 1)

    async def _tell_mail(self, events: list[dict[str, Any]]) -> None:
        """SendGrid tries again until it gets a 2xx, for a day."""
        body, pause, until = orjson.dumps(events) + b"\r\n", _FIRST_PAUSE, time.monotonic() + _GIVE_UP
        poster = self._poster(self._to)
        while True:
            timestamp = str(int(time.time()))
            headers = {
                "Host": poster.authority,
                "User-Agent": "SendGrid Event API",
                "Content-Type": "application/json; charset=utf-8",
                "X-Twilio-Email-Event-Webhook-Signature": sendgrid_signature(
                    self._credentials.webhook_key, timestamp, body
                ),
                "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            }
            async with self._batches:
                status = await poster.post(SENDGRID_PATH, headers, body)
            if 200 <= status < 300 or time.monotonic() > until:
                break
            self.counts["events tried again"] += len(events)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._count("events", status, len(events))

    def _count(self, kind: str, status: int, events: int) -> None:
        self.counts[f"{kind} told" if 200 <= status < 300 else f"{kind} failed"] += events

    def _poster(self, origin: str) -> Poster:
        if origin not in self._posters:
            self._posters[origin] = Poster(origin)
        return self._posters[origin]


def _now() -> int:
    return int(time.monotonic() / _TICK)
