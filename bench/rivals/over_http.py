"""The rival with one actor a message, as it runs in production: Redis, two worker processes, SendGrid's own library.

``python -m bench.rivals.over_http work '{…}'`` is one worker process; ``prepare`` fills its database.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from bench.letter import FIRES_AT
from bench.phases import texts_of_the_letter
from bench.rivals import per_actor
from dangol.model.message import Rendered

_ACTOR = "send_letter"
_FROM = "letter@dangol.example"


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker process is told: where everything is, and how many threads to run."""

    url: str
    broker: str
    carrier: str
    key: str
    threads: int


def hand_over(carrier: str, key: str) -> Callable[[str, Rendered], str]:
    """Hands one letter to SendGrid as its documentation shows it, with a client that is made once."""
    client = SendGridAPIClient(key, host=carrier)

    def hand(address: str, rendered: Rendered) -> str:
        mail = Mail(_FROM, address, rendered.subject, rendered.text, rendered.html)
        answer = client.send(mail)
        return str(answer.headers["X-Message-Id"])

    return hand


def enqueue(broker_url: str, count: int) -> None:
    """One broker message a recipient; not part of what is timed."""
    broker = RedisBroker(url=broker_url)  # type: ignore[no-untyped-call]
    actor = dramatiq.actor(broker=broker, actor_name=_ACTOR)(_never)
    for customer_id in range(count):
        actor.send(customer_id)
    broker.close()


def _never(customer_id: int) -> None:
    raise AssertionError("workers run in processes of their own")


def prepare(url: str, recipients: int) -> None:
    """The rival's database, filled with the same readers."""
    engine = per_actor.open_engine(url, 1)
    per_actor.fill(engine, recipients, FIRES_AT.replace(tzinfo=None))
    engine.dispose()


def work(order: Order) -> None:
    """Send until told to stop."""
    engine = per_actor.open_engine(order.url, order.threads)
    hand = hand_over(order.carrier, order.key)
    sender = per_actor.Sender(engine, texts_of_the_letter(), FIRES_AT, hand)
    broker = RedisBroker(url=order.broker)  # type: ignore[no-untyped-call]
    dramatiq.actor(broker=broker, actor_name=_ACTOR)(sender.send)
    worker = dramatiq.Worker(broker, worker_threads=order.threads)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    worker.start()
    print("at work", flush=True)
    over.wait()
    worker.stop()
    broker.close()
    engine.dispose()


def main() -> None:
    """Do what the command line says."""
    what, told = sys.argv[1], json.loads(sys.argv[2])
    if what == "prepare":
        prepare(**told)
    else:
        work(Order(**told))


if __name__ == "__main__":
    main()
