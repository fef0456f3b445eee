"""People of a run, what they want, and a back end that reports what they do until it is accepted."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from dangol.bootstrap import Dangol
from dangol.model.people import ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction
from tests.acceptance.faults.judge import Story
from tests.acceptance.load.director import FOREVER, agree
from tests.acceptance.load.judge import Night, Rule
from tests.workspaces import campaign, cap, note, write_workspace

EDGE, NIGHT, DAY = "Africa/Abidjan", "Pacific/Tarawa", "Asia/Dhaka"
"""Where a minute in three is quiet, where it is quiet all the time, and where it is not: 0, 12 and 6 hours ahead."""
RULES = (Rule("weekly", 4, timedelta(days=7)), Rule("texts", 1, timedelta(minutes=10), "sms"))
_RECEIPT = {"send": "receipt", "ref": "receipt", "channels": ["email"]}
_EVENTS = {"Order Completed": 55, "Gift Requested": 15, "Checkout Started": 20, "Checkout Resumed": 10}
"""What people do, and how often of a hundred times; the first is answered by a receipt, the others by advertising."""
_REGULARS, _SHARE = 20, 0.1
"""So many people do so large a share of all: their caps are always used up."""
_IDENTIFIED_AT_ONCE = 2_000


def quiet_times(now: datetime) -> list[Night]:
    """From the next minute on every third one for two hours, and half a day from now a night of six hours."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    short = [minute + timedelta(minutes=1 + 3 * place) for place in range(40)]
    long = minute + timedelta(hours=12)
    spans = [(one, one + timedelta(minutes=1)) for one in short]
    spans.append((long - timedelta(hours=2), long + timedelta(hours=4)))
    return [(begins.time(), ends.time()) for begins, ends in spans]


class People:
    """``names`` by number: of ten, the first wants no advertising, the second lives where it is night, the third will
    change their mind, three more live where it is quiet now and then."""

    def __init__(self, many: int, expires: timedelta, now: datetime) -> None:
        self.names = [f"p{number}" for number in range(many)]
        self.leaving = iter(self.names[2::10])
        self._expires = f"{expires.total_seconds():.0f} seconds"
        nights = quiet_times(now)
        self.story = Story(nights=nights, rules=RULES)
        for number, name in enumerate(self.names):
            zone = {1: NIGHT, 3: EDGE, 4: EDGE, 5: EDGE}.get(number % 10, DAY)
            for address in _addresses(number, name):
                self.story.owners[address], self.story.zones[address] = name, zone
        for name in self.names[::10]:
            for channel in Channel:
                self.story.without[name, channel.value] = [(0, FOREVER)]

    def workspace(self, root: Path) -> Path:
        """Receipts for orders; advertising by email, text message and push, under caps and at no quiet time."""
        how = {"expires_after": self._expires, "on_capped": "drop"}
        quiet = [{"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}"} for begins, ends in self.story.nights]
        texts = 'message.channel == "sms" and message.purpose == "marketing"'
        return write_workspace(
            root,
            campaign("shop", _RECEIPT, purpose="transactional"),
            campaign("letters", note("email", **how), event="Gift Requested"),
            campaign("texts", note("sms", **how), event="Checkout Started"),
            campaign("pushes", note("push", **how), event="Checkout Resumed"),
            policies={
                "quiet_hours": quiet,
                "caps": [cap(4, key="weekly"), cap(1, "rolling 10 minutes", key="texts", applies_to=texts)],
            },
        )

    def move_in(self, dangol: Dangol) -> None:
        for first in range(0, len(self.names), _IDENTIFIED_AT_ONCE):
            numbers = range(first, min(first + _IDENTIFIED_AT_ONCE, len(self.names)))
            dangol.pipeline.identify([self._profile(number) for number in numbers])
            agree(dangol, [self.names[number] for number in numbers], Channel, ConsentAction.GRANTED)
        agree(dangol, self.names[::10], Channel, ConsentAction.WITHDRAWN)

    def _profile(self, number: int) -> ProfileChange:
        name = self.names[number]
        email, phone, device = _addresses(number, name)
        return ProfileChange(
            name,
            email=email,
            phone=phone,
            locale="en",
            timezone=self.story.zones[email],
            device_token=device,
            device_platform="ios",
        )

    def event(self, number: int) -> dict[str, Any]:
        """What happens as number so and so, always the same."""
        dice = random.Random(number)
        (event,) = dice.choices(list(_EVENTS), list(_EVENTS.values()))
        who = dice.choice(self.names[:_REGULARS] if dice.random() < _SHARE else self.names)
        properties = {
            "Order Completed": {"order_id": f"A-{number}", "value": 3},
            "Gift Requested": {"gift": "a cup"},
            "Checkout Started": {"value": 3},
        }.get(event, {})
        return {"type": "track", "messageId": f"e{number}", "userId": who, "event": event, "properties": properties}


def _addresses(number: int, name: str) -> tuple[str, str, str]:
    return f"{name}@example.com", f"+4670{1_000_000 + number}", f"device-{name}"


class BackEnd:
    """Reports over HTTP, again and again until it is accepted, as the documentation asks of it.

    ``batch`` events at a time, ``rate`` a second at most over all its threads; ``waits`` while it is set.
    """

    def __init__(self, people: People, port: int, *, rate: float, batch: int, threads: int) -> None:
        self._people, self._port = people, port
        self._rate, self._batch = rate / threads, batch
        self._numbers, self._lock = count(1), threading.Lock()
        self._over, self.waits = threading.Event(), threading.Event()
        self.refused, self.withdrawals = 0, 0
        work = [self._report] * threads + [self._leave]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "the API accepts nothing any more"

    def _report(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            with self._lock:
                numbers = [next(self._numbers) for _ in range(self._batch)]
            self._until_accepted("batch", [self._people.event(number) for number in numbers])
            with self._lock:
                self._people.story.accepted.update(f"e{number}" for number in numbers)
            due = max(due + self._batch / self._rate, time.monotonic())
            self._over.wait(due - time.monotonic())
            while self.waits.is_set() and not self._over.is_set():
                self._over.wait(0.2)

    def _leave(self) -> None:
        """One after the other changes their mind, and from then on wants no advertising."""
        while not self._over.wait(0.7):
            name = next(self._people.leaving, None)
            if name is None:
                return
            told = [
                {"userId": name, "channel": channel.value, "purpose": "marketing", "action": "withdrawn"}
                for channel in Channel
            ]
            self._until_accepted("consents", told)
            now = time.time_ns()
            for channel in Channel:
                self._people.story.without[name, channel.value] = [(now, FOREVER)]
            self.withdrawals += 1

    def _until_accepted(self, what: str, told: Sequence[dict[str, Any]]) -> None:
        for _ in self._tries():
            if self._accepted(what, told):
                return

    def _tries(self) -> Iterator[None]:
        while True:
            yield
            self.refused += 1
            time.sleep(0.2)

    def _accepted(self, what: str, told: Sequence[dict[str, Any]]) -> bool:
        body = json.dumps({"batch": told, "writeKey": "k"}).encode()
        address = f"http://127.0.0.1:{self._port}/v1/{what}"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bool(response.status == 200)
        except OSError:
            return False
