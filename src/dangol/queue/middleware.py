"""What dangol adds to Dramatiq's own middleware: wake-ups that grow stale, and waiting that ends with the worker."""

from __future__ import annotations

import threading

from dramatiq import Broker, Middleware, Worker
from dramatiq.broker import MessageProxy
from dramatiq.common import current_millis
from dramatiq.middleware import SkipMessage

from dangol import meters


class WakeUpAge(Middleware):
    """Passes over messages older than their actor's ``max_age`` (in milliseconds).

    Dramatiq's own AgeLimit keeps them among the dead letters for a week. A stale wake-up is worth nothing: by then
    the sweeper has told about its work again.
    """

    @property
    def actor_options(self) -> set[str]:
        return {"max_age"}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        max_age = broker.get_actor(message.actor_name).options.get("max_age")
        age = current_millis() - message.message_timestamp
        meters.observe("wake_up_age_seconds", age / 1000, work=message.actor_name.removeprefix("dangol."))
        if max_age is not None and age >= max_age:
            raise SkipMessage("the sweeper has told about this work again")


class Stopping(Middleware):
    """Knows when the worker is told to stop, so that nobody who waits in an actor keeps it from stopping."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds``; True, at once, if the worker is to stop."""
        return self._told.wait(seconds)

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._told.clear()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._told.set()
