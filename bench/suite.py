"""The parts of ``python -m bench``: each measures something and gives lines of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from bench import ceiling, hooks, queueing
from bench.installation import EMBEDDED, WORKERS, Shape, installed, occasion, write_blast_workspace
from bench.measure import in_child
from bench.rivals import post_office_run, runs
from bench.sending import Sent, send
from bench.stores import Store, new_store
from bench.table import Measure, at_least, at_most
from bench.urgent import Lags, Triggers, measure, readers_needed

_SLOW = 0.05
_ORDERS = 50.0, 8.0
"""Orders a second while a blast runs, and for how many seconds."""
_TIMES_OURS = 3.0


class Sized(Protocol):
    """How much is measured; see ``bench.__main__.Sizes``."""

    @property
    def recipients(self) -> int: ...
    @property
    def ceiling(self) -> int: ...
    @property
    def rival(self) -> int: ...
    @property
    def trigger_rate(self) -> float: ...
    @property
    def trigger_seconds(self) -> float: ...
    @property
    def events(self) -> int: ...
    @property
    def grown(self) -> tuple[int, int]: ...
    @property
    def old_rows(self) -> int: ...


class Suite:
    """Runs parts, in the order of ``PARTS``. ``figures`` has everything that they found."""

    PARTS = ("embedded", "workers", "rivals", "triggers", "webhooks", "growth")

    def __init__(self, sizes: Sized, server: str, folder: Path, say: Console) -> None:
        self._sizes, self._server, self._folder, self._say = sizes, server, folder, say
        self._at = occasion(datetime.now(UTC)).at
        self._workspace = write_blast_workspace(folder / "workspace", self._at)
        self._sent: dict[str, Sent] = {}
        self._runs = 0
        self.figures: dict[str, Any] = {}

    def run(self, part: str) -> list[Measure]:
        """The lines of this part."""
        work: dict[str, Callable[[], list[Measure]]] = {
            "embedded": lambda: self._blast(EMBEDDED),
            "workers": lambda: self._blast(WORKERS),
            "rivals": self._rivals,
            "triggers": self._triggers,
            "webhooks": self._webhooks,
            "growth": self._growth,
        }
        return work[part]()

    # A blast to everybody

    def _blast(self, shape: Shape) -> list[Measure]:
        recipients, name = self._sizes.recipients, "embedded" if shape is EMBEDDED else "workers"
        server = self._server if shape.workers else ""
        lines = []
        with self._prepared(server, recipients) as store:
            for latency, aim in ((0.0, 6_000), (_SLOW, 4_000)):
                key = f"{name} {latency * 1000:.0f} ms"
                sent = self._send(key, shape, store, recipients, latency)
                note = f"{sent.cpu_us:.0f} µs of CPU each; {sent.whole:,.0f}/s with all webhooks worked off"
                lines.append(Measure(f"{key}: messages/s", sent.steady, "/s", at_least(aim), note))
            if shape.workers:
                lines += self._orders_meanwhile(shape, store, recipients)
        fast = self._sent[f"{name} 0 ms"]
        share = fast.steady / self._floor
        lines.append(Measure(f"{name}: share of Jinja2 alone", share, "share", at_least(0.35), f"{self._floor:,.0f}/s"))
        working = [used for process, used in fast.memory.items() if process.startswith(("worker", "up"))]
        lines.append(Measure(f"{name}: memory of a worker", max(working), "MB", at_most(200)))
        times = self._ceiling.per_core / fast.steady
        said = f"one core takes {self._ceiling.per_core:,.0f}/s, {self._ceiling.cpu_us:.0f} µs each"
        lines.append(Measure(f"{name}: the carriers' ceiling", times, "×", at_least(_TIMES_OURS), said))
        return lines

    def _orders_meanwhile(self, shape: Shape, store: Store, recipients: int) -> list[Measure]:
        sent = self._send("workers and orders", shape, store, recipients, _SLOW, orders=self._orders)
        assert sent.urgent is not None
        predicted = queueing.predict(sent, self._orders)
        self.figures["queueing"] = predicted.as_json()
        said = f"predicted {predicted.p99_ms:,.0f} ms; p50 {sent.urgent.percentile(50):,.0f} ms"
        lag = sent.urgent.percentile(99)
        return [Measure("trigger → hand-off in a blast, p99", lag, "ms", at_most(2_000), said)]

    @property
    def _orders(self) -> tuple[float, float]:
        return _ORDERS[0], min(_ORDERS[1], self._sizes.trigger_seconds)

    def _send(
        self,
        key: str,
        shape: Shape,
        store: Store,
        recipients: int,
        latency: float,
        orders: tuple[float, float] | None = None,
    ) -> Sent:
        with self._copied(store) as copied, self._say.status(key):
            sent = send(shape, copied, self._workspace, self._next_folder(), recipients, latency=latency, orders=orders)
        self._sent[key] = sent
        self.figures.setdefault("blasts", {})[key] = sent.as_json()
        return sent

    @cached_property
    def _floor(self) -> float:
        """Letters a second that Jinja2 alone renders on one core."""
        with self._say.status("Jinja2 alone"):
            sample = in_child("jinja", recipients=min(self._sizes.recipients, 20_000))
        self.figures["floor"] = sample.messages / sample.cpu
        return sample.messages / sample.cpu

    @cached_property
    def _ceiling(self) -> ceiling.Ceiling:
        with self._say.status("the carriers' ceiling"):
            return ceiling.measure(self._sizes.ceiling)

    # Others

    def _rivals(self) -> list[Measure]:
        lines = []
        for latency, aim in ((0.0, 15.0), (_SLOW, 15.0)):
            with self._say.status(f"one actor a message, {latency * 1000:.0f} ms"):
                found = runs.per_actor(self._server, self._next_folder(), self._sizes.rival, latency)
            lines.append(self._against("one actor a message", found, latency, at_least(aim)))
        if not post_office_run.installed():
            return [*lines, Measure("× django-post-office", None, "×", at_least(7), post_office_run.HOW_TO_INSTALL)]
        for latency in (0.0, _SLOW):
            with self._say.status(f"django-post-office, {latency * 1000:.0f} ms"):
                found = post_office_run.measure(self._server, self._next_folder(), self._sizes.rival, latency)
            lines.append(self._against("django-post-office", found, latency, at_least(7)))
        return lines

    def _against(self, name: str, found: runs.Rival, latency: float, aim: Any) -> Measure:
        """How many times as fast the workers are; not known if they were not measured in this run."""
        self.figures.setdefault("rivals", {})[f"{name} {latency * 1000:.0f} ms"] = found.as_json()
        ours = self._sent.get(f"workers {latency * 1000:.0f} ms")
        times = ours.steady / found.rate if ours is not None else None
        cpu = f", {found.cpu_us / ours.cpu_us:.1f} × our CPU" if ours is not None else ""
        note = f"{found.rate:,.0f}/s, {found.cpu_us:,.0f} µs of CPU each{cpu}"
        return Measure(f"× {name}, {latency * 1000:.0f} ms", times, "×", aim, note)

    # What one person waits for, what carriers report

    def _triggers(self) -> list[Measure]:
        rate, seconds = self._sizes.trigger_rate, self._sizes.trigger_seconds
        people = readers_needed([(rate, seconds), (rate, 1.0)])
        with (
            self._prepared(self._server, people, planned=False) as store,
            installed(WORKERS, store, self._workspace, self._next_folder()) as installation,
            self._say.status("triggers"),
        ):
            installation.start()
            measure(
                installation, triggers := Triggers(people), rate=rate / 4, seconds=1.0
            )  # each process compiles once
            lags = measure(installation, triggers.anew(), rate=rate, seconds=seconds)
        self.figures["triggers"] = lags.as_json()
        return self._lag_lines(lags)

    def _lag_lines(self, lags: Lags) -> list[Measure]:
        note = f"{lags.rate:.0f} triggers/s over HTTP, {len(lags.lags):,} in all"
        return [
            Measure("trigger → hand-off, p50", lags.percentile(50), "ms", at_most(50), note),
            Measure("trigger → hand-off, p99", lags.percentile(99), "ms", at_most(250)),
        ]

    def _webhooks(self) -> list[Measure]:
        lines = []
        for server in (self._server, ""):
            store = new_store(self._folder, server).create()
            try:
                with self._say.status("webhooks"):
                    found = hooks.measure(store, self._sizes.events)
            finally:
                store.drop()
            self.figures.setdefault("webhooks", {})[found.name] = {"events": found.events, "seconds": found.seconds}
            note = f"{found.cpu / found.events * 1e6:.0f} µs of CPU each"
            rate = found.events / found.seconds
            lines.append(Measure(f"webhooks in, {found.name}: events/s", rate, "/s", at_least(10_000), note))
        return lines

    # What grows

    def _growth(self) -> list[Measure]:
        small, large = self._sizes.grown
        costs = {size: self._cost(size, 0) for size in (small, large)}
        grown = self._cost(small, self._sizes.old_rows)
        notes = [
            f"{small:,}: {costs[small].cpu_us:.0f} µs; {large:,}: {costs[large].cpu_us:.0f} µs",
            f"0: {costs[small].cpu_us:.0f} µs; {self._sizes.old_rows:,}: {grown.cpu_us:.0f} µs",
        ]
        memory = [max(used for name, used in costs[size].memory.items() if "worker" in name) for size in (small, large)]
        dearer = [costs[large].cpu_us / costs[small].cpu_us - 1, grown.cpu_us / costs[small].cpu_us - 1]
        return [
            Measure("dearer with more recipients", dearer[0], "%", at_most(0.15), notes[0]),
            Measure("dearer with old log rows", dearer[1], "%", at_most(0.15), notes[1]),
            Measure("more memory with more recipients", memory[1] / memory[0] - 1, "%", at_most(0.15)),
        ]

    def _cost(self, recipients: int, old_rows: int) -> Sent:
        """A blast behind a broker; the one that was measured already, if it was as large."""
        known = self._sent.get("workers 0 ms")
        if known is not None and known.recipients == recipients and not old_rows:
            return known
        with self._prepared(self._server, recipients, old_rows) as store:
            return self._send(f"workers, {recipients:,} and {old_rows:,} old rows", WORKERS, store, recipients, 0.0)

    # Databases and folders

    @contextmanager
    def _prepared(self, server: str, recipients: int, old_rows: int = 0, *, planned: bool = True) -> Iterator[Store]:
        store = new_store(self._folder, server).create()
        try:
            with self._say.status(f"preparing {recipients:,} recipients"):
                in_child(
                    "prepare",
                    of="bench.sending",
                    url=store.url,
                    workspace=str(self._workspace),
                    recipients=recipients,
                    at=self._at.isoformat(),
                    old_log_rows=old_rows,
                    planned=planned,
                )
            yield store
        finally:
            store.drop()

    @contextmanager
    def _copied(self, store: Store) -> Iterator[Store]:
        copied = store.copy()
        try:
            yield copied
        finally:
            copied.drop()

    def _next_folder(self) -> Path:
        self._runs += 1
        folder = self._folder / f"run{self._runs}"
        folder.mkdir()
        return folder
