"""The work of each phase, run in a child process: ``python -m bench.phases PHASE '{"…": …}'``; see ``measure``."""

from __future__ import annotations

import cProfile
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import structlog
from dramatiq import Worker
from pydantic import SecretStr
from sqlalchemy import func, select

from bench import population, stations
from bench.letter import FIRES_AT, TEMPLATE, reader, write_workspace
from bench.measure import Sample, Stopwatch, answer
from bench.rivals import per_actor
from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.content.messages import Messages, compile_messages
from dangol.definitions.workspace import load_workspace
from dangol.ids import SeededEntropy
from dangol.model.message import Accepted, Envelope, Outcome, Rendered
from dangol.model.vocabulary import Channel, Purpose
from dangol.queue.worker import seldom_collected
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.tables import messages
from dangol.sweeper import Due

HTML_BYTES = range(8_000, 10_241)
_BEFORE = FIRES_AT.replace(hour=FIRES_AT.hour - 1)


class Accepting:
    """Takes every message at once and remembers only how many there were, and how large."""

    name = "memory"
    channels = frozenset({Channel.EMAIL})

    def __init__(self) -> None:
        self.accepted = 0
        self.html_bytes = 0

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        self.accepted += len(batch)
        self.html_bytes = max(self.html_bytes, len(batch[0].rendered.html.encode()))
        return [Accepted(envelope.message_id) for envelope in batch]

    def hand(self, address: str, rendered: Rendered) -> str:
        """The same for one message."""
        self.accepted += 1
        self.html_bytes = max(self.html_bytes, len(rendered.html.encode()))
        return address

    def close(self) -> None:
        pass


@contextmanager
def _opened(url: str, provider: Accepting, *, workers: bool = False) -> Iterator[tuple[Dangol, VirtualClock]]:
    clock = VirtualClock(_BEFORE)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            _env_file=None,
            home=Path(home),
            workspace=write_workspace(Path(home)),
            database_url=url,
            broker_url="",
            secret_key=SecretStr(population.SECRET),
        )
        entropy = SeededEntropy("bench")
        with (
            Dangol(
                settings, clock=clock, entropy=entropy, providers={Channel.EMAIL: provider}, workers=workers
            ) as dangol,
            seldom_collected(),  # as in a worker process
        ):
            yield dangol, clock


def prepare(url: str, recipients: int, old_log_rows: int) -> Sample:
    """Fill a database, deploy, fire the schedule and take the audience in: every message planned, none delivered.

    What is timed is taking the audience in.
    """
    with _opened(url, Accepting()) as (dangol, clock):
        population.fill(dangol.database, recipients=recipients, old_log_rows=old_log_rows)
        dangol.deploy(by="bench")
        clock.move_to(FIRES_AT)
        watch = Stopwatch(url)
        for run_id in dangol.sweeper.sweep().runs:
            while dangol.pipeline.fan_out(run_id):
                pass
        return watch.stop(recipients)


def pipeline(url: str, recipients: int, threads: int) -> Sample:
    """Deliver everything that is planned, as a worker process does: sweeper, broker in memory, batches."""
    provider = Accepting()
    with _opened(url, provider, workers=True) as (dangol, clock):
        clock.move_to(FIRES_AT)
        assert dangol.broker is not None
        assert dangol.actors is not None
        worker = Worker(dangol.broker, worker_threads=threads, worker_timeout=100)
        worker.start()
        _warm(dangol)
        watch = Stopwatch(url)
        while due := dangol.sweeper.sweep():
            dangol.actors.tell(due)
            for queue in dangol.broker.get_declared_queues():
                dangol.broker.join(queue)
            worker.join()
        sample = watch.stop(recipients, accepted=provider.accepted, html_bytes=provider.html_bytes, threads=threads)
        worker.stop()
        _check(dangol.database, recipients, provider)
    return sample


def stations_of(url: str, recipients: int) -> Sample:
    """The same in one thread, with a stopwatch at every station."""
    provider = Accepting()
    with _opened(url, provider) as (dangol, clock), stations.timed(cpu=not url.startswith("postgresql")) as seconds:
        clock.move_to(FIRES_AT)
        _warm(dangol)
        seconds.clear()
        watch = Stopwatch(url)
        while due := dangol.sweeper.sweep():
            for batch in _batches(due, dangol.pipeline.batch_size):
                dangol.pipeline.deliver(batch)
        return watch.stop(recipients, stations=dict(seconds))


def deliver(url: str, recipients: int, profile: str = "") -> Sample:
    """The same without stopwatches; ``profile`` is a file for cProfile's figures, which makes all of it dearer."""
    provider = Accepting()
    with _opened(url, provider) as (dangol, clock):
        clock.move_to(FIRES_AT)
        _warm(dangol)
        profiler = cProfile.Profile() if profile else None
        watch = Stopwatch(url)
        with profiler or nullcontext():
            while due := dangol.sweeper.sweep():
                for batch in _batches(due, dangol.pipeline.batch_size):
                    dangol.pipeline.deliver(batch)
        sample = watch.stop(recipients, accepted=provider.accepted)
        if profiler is not None:
            profiler.dump_stats(profile)
        _check(dangol.database, recipients, provider)
    return sample


def _warm(dangol: Dangol) -> None:
    """What a worker process does once: connect, compile the version, load each language's formats."""
    with dangol.database.write() as tx:
        (release,) = dangol.releases.active(tx)
    for known in map(reader, range(20)):
        context = {"profile": known["attributes"], "event": {}}
        release.messages.render(TEMPLATE, Channel.EMAIL, known["locale"], context)


def _batches(due: Due, size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(due.messages), size):
        yield due.messages[start : start + size]


def _check(database: Database, recipients: int, provider: Accepting) -> None:
    """A fast run that did not do the work counts for nothing."""
    with database.read() as tx:
        states: dict[str, int] = dict(
            tx.execute(
                select(messages.c.state, func.count())
                .where(messages.c.updated_at >= FIRES_AT)
                .group_by(messages.c.state)
            )
            .tuples()
            .all()
        )
    if sum(states.values()) != recipients or states.get("accepted") != provider.accepted:
        raise RuntimeError(f"expected {recipients} messages decided; found {states}, handed over {provider.accepted}")
    if provider.html_bytes not in HTML_BYTES:
        raise RuntimeError(f"expected 8–10 KB of HTML; found {provider.html_bytes} bytes")


def jinja(recipients: int) -> Sample:
    """The floor: nothing but the same compiled templates, in the same sandbox, for the same people."""
    texts = texts_of_the_letter()
    people = [
        (known["locale"], {"profile": known["attributes"], "event": {}}) for known in map(reader, range(recipients))
    ]
    rendered = [texts.render(TEMPLATE, Channel.EMAIL, *person) for person in people[:20]]
    html_bytes = max(len(text.html.encode()) for text in rendered)
    watch = Stopwatch()
    for locale, context in people:
        texts.render(TEMPLATE, Channel.EMAIL, locale, context)
    return watch.stop(recipients, html_bytes=html_bytes)


def texts_of_the_letter() -> Messages:
    """The letter, compiled as a version of it would be."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = load_workspace(write_workspace(Path(folder)))
    return compile_messages(
        workspace.sources,
        templates=[TEMPLATE],
        purpose=Purpose.MARKETING,
        default_locale=workspace.policies.locale,
    )


def rival(url: str, recipients: int, threads: list[int]) -> Sample:
    """One actor message per recipient, with the thread count that did best on the first few."""
    provider = Accepting()
    engine = per_actor.open_engine(url, max(threads))
    tried = max(1, recipients // 10)
    per_actor.fill(engine, recipients + tried * len(threads), FIRES_AT.replace(tzinfo=None))
    texts = texts_of_the_letter()
    sender = per_actor.Sender(engine, texts, FIRES_AT, provider.hand)
    numbers = iter(range(recipients + tried * len(threads)))
    speeds = {count: tried / per_actor.run(sender, [next(numbers) for _ in range(tried)], count) for count in threads}
    best = max(speeds, key=speeds.__getitem__)
    watch = Stopwatch(url)
    per_actor.run(sender, list(numbers), best)
    sample = watch.stop(recipients, threads=best, html_bytes=provider.html_bytes)
    engine.dispose()
    return sample


PHASES = {
    "prepare": prepare,
    "pipeline": pipeline,
    "stations": stations_of,
    "deliver": deliver,
    "jinja": jinja,
    "rival": rival,
}


def main() -> None:
    """Run the phase that the command line names and print its sample."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    phase, arguments = sys.argv[1], json.loads(sys.argv[2])
    answer(PHASES[phase](**arguments))  # type: ignore[operator]


if __name__ == "__main__":
    main()
