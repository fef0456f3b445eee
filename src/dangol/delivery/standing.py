"""How carriers stand: which ones are left alone for a while, because they asked for it or because nothing gets through.

A carrier is *busy* until the instant that it asked for. It is *failing* once so many hand-overs in a row came to
nothing, and then left alone for a while, twice as long after each further failure. After that one hand-over, a small
one, is the *trial*; everybody else holds back until it is answered. One message that gets through ends it. What one
process learns here, the others read from the database, where it is also settled whose the trial is.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dangol.delivery.provider import LATE
from dangol.model.message import Accepted, Outcome, Refused, Unknown
from dangol.model.vocabulary import RefusalCause

_LONGEST_ASKED = timedelta(hours=1)
_HOLD_BACK = timedelta(seconds=5)
"""For how long others hold back, each time that they ask, while a trial is begun or under way."""
BUSY, FAILING = "busy", "failing"


@dataclass(frozen=True, slots=True)
class Away:
    """A carrier that is left alone ``until`` then; ``failures`` in a row made it so, none if it is only busy.

    ``tried_until`` is until when somebody is believed to try it, if anybody is.
    """

    until: datetime
    why: str
    failures: int = 0
    tried_until: datetime | None = None

    def to_be_tried(self, now: datetime) -> bool:
        """Is its pause over, and nobody known to try it?"""
        return self.why == FAILING and now >= self.until and (self.tried_until is None or now >= self.tried_until)


@dataclass(frozen=True, slots=True)
class Caution:
    """After how many hand-overs in a row that came to nothing a carrier is left alone, and for how long at first."""

    failures: int = 3
    first_pause: timedelta = timedelta(seconds=30)
    longest_pause: timedelta = timedelta(minutes=10)

    def pause(self, failures: int) -> timedelta:
        """The pause after so many failures in a row, which are as many as are tolerated or more."""
        return min(self.first_pause * (1 << min(failures - self.failures, 16)), self.longest_pause)


class Standing:
    """Every carrier's standing, as far as this process knows; may be used from several threads."""

    def __init__(self, caution: Caution | None = None) -> None:
        self._caution = caution or Caution()
        self._lock = threading.Lock()
        self._away: dict[str, Away] = {}
        self._failures: dict[str, int] = {}
        self._news: dict[str, Away | None] = {}
        self._tried: set[str] = set()

    def away(self, carrier: str, now: datetime) -> Away | None:
        """Why and until when this carrier is left alone; None if it may be given messages by anybody."""
        known = self._away.get(carrier)
        if known is None or now < known.until:
            return known
        return replace(known, until=now + _HOLD_BACK) if known.why == FAILING else None

    def to_be_tried(self, now: datetime) -> set[str]:
        """Carriers whose pause is over, and which nobody is known to try."""
        with self._lock:  # other threads hear of carriers meanwhile
            return {carrier for carrier, known in self._away.items() if known.to_be_tried(now)}

    def trying(self, carriers: Collection[str]) -> None:
        """A hand-over of this process is about to try these; what is learned of them is for it to pass on."""
        with self._lock:
            self._tried.update(carriers)

    def hear(self, carrier: str, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Learn from what came of one hand-over."""
        asked = [one.retry_after for one in outcomes if isinstance(one, Refused) and one.retry_after is not None]
        counted = [one for one in outcomes if one is not LATE]
        if not counted:
            return
        with self._lock:
            if asked:
                pause = min(max(asked), _LONGEST_ASKED)
                self._put(carrier, Away(now + pause, BUSY))
            elif any(map(_got_through, counted)):
                self._well(carrier)
            else:
                self._failed(carrier, now)

    def again(self, carrier: str) -> None:
        """Somebody says that this carrier may be given messages again."""
        with self._lock:
            self._failures.pop(carrier, None)
            self._away.pop(carrier, None)
            self._news.pop(carrier, None)

    def news(self, tried: Collection[str] = ()) -> dict[str, Away | None]:
        """What was learned since the last call, by carrier; None for one that is well again.

        Of carriers on trial only those that the caller has ``tried``: their end and their answer are told together, or
        somebody would find them untried in between.
        """
        with self._lock:
            self._tried.difference_update(tried)
            kept = {carrier: away for carrier, away in self._news.items() if carrier in self._tried}
            news = {carrier: away for carrier, away in self._news.items() if carrier not in kept}
            self._news = kept
        return news

    def told(self, others: Mapping[str, Away]) -> None:
        """What all processes have learned. What this one has not passed on yet stands beside it.

        Whoever was found well by others begins anew here, too.
        """
        with self._lock:
            for name in self._away.keys() - others.keys() - self._news.keys():
                self._failures.pop(name, None)
            self._away = {**others, **{name: away for name, away in self._news.items() if away is not None}}
            for name in self._failures.keys() | others.keys():
                known = others.get(name)
                if known is not None and known.failures:
                    self._failures[name] = max(self._failures.get(name, 0), known.failures)

    def _well(self, carrier: str) -> None:
        self._failures.pop(carrier, None)
        if self._away.pop(carrier, None) is not None:
            self._news[carrier] = None

    def _failed(self, carrier: str, now: datetime) -> None:
        failures = self._failures[carrier] = self._failures.get(carrier, 0) + 1
        if failures >= self._caution.failures:
            self._put(carrier, Away(now + self._caution.pause(failures), FAILING, failures))

    def _put(self, carrier: str, away: Away) -> None:
        self._away[carrier] = self._news[carrier] = away


def _got_through(outcome: Outcome) -> bool:
    """Does this outcome show that the carrier works? A refusal of one message does, one of our account does not."""
    match outcome:
        case Accepted():
            return True
        case Refused(permanent, _, _, cause):
            return permanent and cause is not RefusalCause.ACCOUNT
        case Unknown():
            return False
