"""How long an order waits while a blast runs, and what that tells about more workers: ``python -m bench.queueing``.

A discrete-event simulation of the queue in front of the workers. Batches of a blast wait for threads; single orders
wait in the same line, or have threads of their own, as dangol gives them. A batch costs CPU time, of which the cores of
a machine have only so much, and waits for the carrier while others use it. CPU time a message and the carrier's latency
are those of a blast that was measured; what a batch costs however small, 8 ms, is what receipts cost that were sent one
by one.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import quantiles
from typing import Any

from bench.sending import Sent


@dataclass(frozen=True, slots=True)
class Model:
    """Workers in front of a carrier.

    ``message`` is CPU seconds of a message in a batch, ``batch`` those of a batch however small; ``latency`` is the
    carrier's, of each round of ``connections`` requests of a process. ``told_ahead`` messages of the blast wait in the
    line before an order comes. ``first_threads`` of each process are for orders alone, and take all that wait
    together; with none orders stand in that line. ``deciders`` of a process's threads work on the blast at a time, the
    others wait for the carrier. ``other`` CPU seconds a message are used by what is not a worker, on the same
    ``cores``. ``turn`` is the seconds in which CPU time is handed round.
    """

    processes: int = 2
    threads: int = 4
    cores: float = 2.0
    first_threads: int = 2
    deciders: int = 1
    batch_size: int = 200
    message: float = 250e-6
    batch: float = 8e-3
    other: float = 100e-6
    latency: float = 0.05
    connections: int = 256
    told_ahead: int = 10_000
    turn: float = 5e-3

    @property
    def workers(self) -> int:
        return self.processes * self.threads


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says: messages a second of the blast, and how long orders wait until they are handed over."""

    rate: float
    p50_ms: float
    p99_ms: float
    orders: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Job:
    """What one thread has in hand: ``cpu`` seconds still to be worked, then ``waits`` for the carrier.

    It is ``size`` messages of the blast, or the orders that ``came`` then.
    """

    came: tuple[float, ...]
    size: int
    cpu: float
    waits: float

    @property
    def order(self) -> bool:
        return bool(self.came)


class Simulation:
    """Runs a model; times are seconds from its beginning. The same model and seed give the same answer."""

    def __init__(self, model: Model, *, orders: tuple[float, float], messages: int, seed: int = 1) -> None:
        self._model = model
        self._draw = random.Random(seed)
        self._rate, self._lasting = orders
        self._unsent = messages
        self._messages = messages
        self._line: deque[_Job] = deque()
        self._urgent: list[float] = []
        self._working: list[list[_Job]] = [[] for _ in range(model.processes)]
        self._waiting: list[tuple[float, int, int, _Job]] = []
        self._lags: list[float] = []
        self._now = 0.0
        self._number = 0

    def run(self) -> Prediction:
        """Until the blast is over and every order is handed over."""
        coming = self._orders()
        sent = 0
        while sent < self._messages or coming or self._in_hand:
            self._tell()
            while coming and coming[0] <= self._now:
                self._join(coming.popleft())
            self._begin()
            self._work()
            self._now += self._model.turn
            sent += self._hand_over()
        cuts = quantiles(self._lags, n=100, method="inclusive") if len(self._lags) > 1 else [0.0] * 99
        return Prediction(self._messages / self._now, cuts[49] * 1000, cuts[98] * 1000, len(self._lags))

    @property
    def _in_hand(self) -> bool:
        return bool(self._line or self._urgent or self._waiting or any(self._working))

    def _orders(self) -> deque[float]:
        """When they come: at random, so many a second."""
        at, found = 0.0, deque[float]()
        while self._rate and (at := at + self._draw.expovariate(self._rate)) < self._lasting:
            found.append(at)
        return found

    def _tell(self) -> None:
        """The scheduler keeps the line filled with batches."""
        ahead = sum(job.size for job in self._line)
        while self._unsent and ahead < self._model.told_ahead:
            size = min(self._model.batch_size, self._unsent)
            self._line.append(self._job(size))
            self._unsent -= size
            ahead += size

    def _job(self, size: int, came: tuple[float, ...] = ()) -> _Job:
        model = self._model
        messages = size or len(came)
        cpu = model.batch + messages * (model.message + model.other)
        rounds = -(-messages // max(1, model.connections // model.threads))
        return _Job(came, size, cpu * self._draw.uniform(0.8, 1.2), rounds * model.latency)

    def _join(self, at: float) -> None:
        if self._model.first_threads:
            self._urgent.append(at)
        else:
            self._line.append(self._job(0, (at,)))

    def _begin(self) -> None:
        """Threads that are free take the next jobs; a thread that waits for the carrier is not free."""
        held = [list(jobs) for jobs in self._working]
        for _, process, _, job in self._waiting:
            held[process].append(job)
        if self._model.first_threads:
            self._begin_orders(held)
        while self._line:
            free = [number for number, jobs in enumerate(held) if self._may_begin(number, jobs)]
            if not free:
                return
            process = min(free, key=lambda number: len(held[number]))
            self._give(process, self._line.popleft(), held)

    def _begin_orders(self, held: list[list[_Job]]) -> None:
        """A free thread of those for orders takes all that wait."""
        process = min(range(len(held)), key=lambda number: sum(job.order for job in held[number]))
        if self._urgent and sum(job.order for job in held[process]) < self._model.first_threads:
            together, self._urgent = tuple(self._urgent), []
            self._give(process, self._job(0, together), held)

    def _may_begin(self, process: int, held: Sequence[_Job]) -> bool:
        in_line = [job for job in held if not (self._model.first_threads and job.order)]
        deciding = sum(not job.order for job in self._working[process])
        return len(in_line) < self._model.threads and deciding < self._model.deciders

    def _give(self, process: int, job: _Job, held: list[list[_Job]]) -> None:
        self._working[process].append(job)
        held[process].append(job)

    def _work(self) -> None:
        """A turn of CPU time: one core at most for a process, all cores shared by those that have work."""
        busy = [process for process, jobs in enumerate(self._working) if jobs]
        share = min(1.0, self._model.cores / len(busy)) if busy else 0.0
        for process in busy:
            self._spend(process, self._model.turn * share)

    def _spend(self, process: int, left: float) -> None:
        """The threads of a process take turns; what one does not need goes to the next."""
        jobs = self._working[process]
        while jobs and left > 1e-9:
            each = left / len(jobs)
            for job in list(jobs):
                used = min(each, job.cpu)
                job.cpu -= used
                left -= used
                if job.cpu <= 1e-9:
                    jobs.remove(job)
                    self._number += 1
                    heapq.heappush(self._waiting, (self._now + job.waits, process, self._number, job))

    def _hand_over(self) -> int:
        """Jobs that the carrier has answered are over; how many messages of the blast they held."""
        sent = 0
        while self._waiting and self._waiting[0][0] <= self._now:
            at, _, _, job = heapq.heappop(self._waiting)
            self._lags += [max(at, came) - came for came in job.came]
            sent += job.size
        return sent


def measured(sent: Sent) -> Model:
    """The model of a blast that was measured: its CPU times by process, and the latency of its carriers."""
    workers = sum(spent for name, spent in sent.cpu.items() if name.startswith("worker")) / 1e6
    others = sent.all_cpu_us / 1e6 - workers
    return Model(message=workers, other=max(0.0, others), latency=sent.latency_ms / 1000)


def predict(sent: Sent, orders: tuple[float, float]) -> Prediction:
    """How soon orders would be handed over in that blast."""
    model = measured(sent)
    return Simulation(model, orders=orders, messages=sent.recipients).run()


def scaled(model: Model, machines: Sequence[int]) -> dict[int, Prediction]:
    """The same with more machines like this one, a blast of twenty seconds each."""
    found = {}
    for count in machines:
        more = replace(model, processes=model.processes * count, cores=model.cores * count)
        messages = int(20 * more.cores / (more.message + more.other))
        found[count] = Simulation(more, orders=(50.0 * count, 15.0), messages=messages).run()
    return found


def main() -> None:
    """Print what the model says about one machine and more, with the CPU times that the command line gives."""
    parser = argparse.ArgumentParser(prog="python -m bench.queueing", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--message-us", type=float, default=250.0, help="CPU of a worker for a message (250)")
    parser.add_argument("--other-us", type=float, default=100.0, help="CPU of all others for a message (100)")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="of the carrier (50)")
    asked = parser.parse_args()
    model = Model(message=asked.message_us / 1e6, other=asked.other_us / 1e6, latency=asked.latency_ms / 1000)
    rows = {
        "in one line": Simulation(replace(model, first_threads=0), orders=(50.0, 8.0), messages=50_000).run(),
        "threads for orders": Simulation(model, orders=(50.0, 8.0), messages=50_000).run(),
        **{f"{count} machines": found for count, found in scaled(model, (2, 8)).items()},
    }
    print(f"{'':<28} {'messages/s':>12} {'orders: p50':>12} {'p99':>10}")
    for name, found in rows.items():
        print(f"{name:<28} {found.rate:>12,.0f} {found.p50_ms:>9,.0f} ms {found.p99_ms:>7,.0f} ms")


if __name__ == "__main__":
    main()
