"""The connections to one server, and who may use them next. Lives on the transport's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque

from dangol.clock import Clock
from dangol.delivery.http.connection import Connection
from dangol.delivery.http.dialing import Dialer, NoConnection
from dangol.delivery.http.messages import Answer, Broken, Limits, NotSent, Origin, Request

_AT_ONCE = 8
"""Connections that are opened at the same time, or as many as there are: what one of them finds out spares the rest,
and work that is done meanwhile needs no more of them."""
_PAUSE = 1.0
"""Seconds in which a server that turns down one more connection is not asked for another."""
_RESERVE = 8
"""One in so many connections is kept for batches that have few."""


class Batch:
    """The answers of one call, as they come. When nobody waits for it any more, nothing of it begins."""

    def __init__(self, size: int) -> None:
        self._answers: list[Answer | None] = [None] * size
        self._left = size
        self.done = threading.Event()
        self.awaited = True

    def answer(self, index: int, answer: Answer) -> None:
        self._answers[index] = answer
        self._left -= 1
        if not self._left:
            self.done.set()

    def answers(self) -> list[Answer]:
        """Every answer; where there is none, nobody can say what became of the request."""
        return [answer or Broken("the transport lost sight of it") for answer in self._answers]


class Lane:
    """What a batch has for one server, in order. ``until`` is when what has not begun is given up (monotonic)."""

    def __init__(self, batch: Batch, until: float) -> None:
        self.batch = batch
        self.until = until
        self.waiting: deque[Job] = deque()
        self.busy = 0

    def drop(self, reason: str) -> None:
        """None of what waits will begin."""
        while self.waiting:
            self.waiting.popleft().drop(reason)


class Job:
    """One request of a batch on its way."""

    __slots__ = ("body", "head", "index", "lane", "not_after")

    def __init__(self, lane: Lane, index: int, head: bytes, request: Request) -> None:
        self.lane = lane
        self.index = index
        self.head, self.body = head, request.body
        self.not_after = request.not_after

    def late(self, clock: Clock) -> bool:
        return self.not_after is not None and clock.now() >= self.not_after

    def answer(self, answer: Answer) -> None:
        """The request is over, after it had begun."""
        self.lane.busy -= 1
        self.lane.batch.answer(self.index, answer)

    def drop(self, reason: str, *, late: bool = False) -> None:
        """The request will not begin."""
        self.lane.batch.answer(self.index, NotSent(reason, late))


class Pool:
    """Connections to one server.

    Batches take turns, so a small one does not wait for a large one to end. The last few connections are only for
    batches that have few, so that it need not even wait for one of the large one's slow requests.
    """

    def __init__(self, origin: Origin, limits: Limits, dialer: Dialer, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._origin = origin
        self._limits = limits
        self._dialer = dialer
        self._clock = clock
        self._reserve = limits.connections // _RESERVE
        self._live: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        self._lanes: deque[Lane] = deque()

    @property
    def working(self) -> bool:
        """Whether there is something whose time can run out soon."""
        return bool(self._lanes or self._opening or len(self._idle) < len(self._live))

    @property
    def empty(self) -> bool:
        return not (self._lanes or self._opening or self._live)

    def add(self, lane: Lane) -> None:
        self._lanes.append(lane)
        self._serve()

    def check_time(self, now: float) -> None:
        """End what takes too long, close what nobody used for long."""
        for lane in [lane for lane in self._lanes if lane.until <= now or not lane.batch.awaited]:
            self._drop(lane, "not begun: the server is too slow")
        for connection in [one for one in self._live if one.busy]:
            connection.check_time(now)
        keep = self._limits.keep.total_seconds()
        for connection in [one for one in self._idle if now - one.idle_since >= keep]:
            connection.hang_up()
        self._serve()

    def close(self) -> None:
        """Hang up: what waits was not sent, what is under way is broken."""
        for lane in list(self._lanes):
            self._drop(lane, "not begun: dangol is stopping")
        for task in self._opening:
            task.cancel()
        for connection in list(self._live):
            if connection.busy:
                connection.give_up("dangol is stopping")
            else:
                connection.hang_up()

    def _serve(self) -> None:
        while self._lanes and (connection := self._unused()) is not None:
            job = self._next()
            if job is None:
                self._idle.append(connection)
                break
            connection.begin(job)
        self._open_more()

    def _unused(self) -> Connection | None:
        """A connection that can be written to, the one used last first: the others may be closed one day."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            self._lost(connection)
            connection.hang_up()
        return None

    def _next(self) -> Job | None:
        """The request whose turn it is on the connection in hand; those too late by now are dropped on the way."""
        others = len(self._live) - len(self._idle) - 1
        plenty = self._limits.connections - others > self._reserve
        for lane in [lane for lane in self._lanes if plenty or lane.busy < self._reserve]:
            self._lanes.remove(lane)
            while lane.waiting:
                if not lane.batch.awaited:
                    lane.drop("nobody waits for it any more")
                    break
                job = lane.waiting.popleft()
                if job.late(self._clock):
                    job.drop("too late", late=True)
                    continue
                lane.busy += 1
                if lane.waiting:
                    self._lanes.append(lane)
                return job
        return None

    def _open_more(self) -> None:
        wanted = sum(len(lane.waiting) for lane in self._lanes)
        room = self._limits.connections - len(self._live)
        if (self._live or self._opening) and time.monotonic() < self._not_before:
            return
        while len(self._opening) < min(wanted, room, max(_AT_ONCE, len(self._live))):
            task = self._loop.create_task(self._open())
            self._opening.add(task)

    async def _open(self) -> None:
        try:
            connection = await self._dialer.dial(self._origin, self._released)
        except NoConnection as error:
            self._opened()
            self._not_reached(str(error))
        else:
            self._opened()
            self._live.add(connection)
            self._idle.append(connection)
        self._serve()

    def _opened(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._opening.discard(task)

    def _not_reached(self, reason: str) -> None:
        """While there are other connections, the requests wait for those; else nothing can be sent."""
        if self._live or self._opening:
            self._not_before = time.monotonic() + _PAUSE
            return
        for lane in list(self._lanes):
            self._drop(lane, reason)

    def _released(self, connection: Connection) -> None:
        if connection.open:
            self._idle.append(connection)
        else:
            self._lost(connection)
        self._serve()

    def _lost(self, connection: Connection) -> None:
        if connection not in self._live:
            return
        self._live.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.still_born:
            self._not_reached("not reached: the server hangs up at once")

    def _drop(self, lane: Lane, reason: str) -> None:
        self._lanes.remove(lane)
        lane.drop(reason)
