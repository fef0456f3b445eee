"""Where everything is wired together; nothing else in dangol makes a connection, and nothing does so at import."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr

from dangol.batch.handover import Patience
from dangol.clock import Clock, SystemClock
from dangol.consent.suppressions import AddressHasher
from dangol.definitions import versions
from dangol.definitions.workspace import load_workspace
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.provider import Provider
from dangol.delivery.providers.mailbox import Mailbox
from dangol.delivery.providers.smtp import Smtp
from dangol.errors import ProblemsFound, UsageError
from dangol.ids import Entropy, SystemEntropy
from dangol.intake import Intake
from dangol.model.vocabulary import Channel
from dangol.pipeline import Pipeline, Timing
from dangol.queue.actors import Actors
from dangol.queue.broker import Broker, make_broker
from dangol.queue.scheduler import Scheduler
from dangol.release import Releases, check_texts
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.housekeeping import remembered
from dangol.sweeper import Sweeper

_BUNDLED = Path(__file__).parent / "workspace"
_CHECKOUT = Path(__file__).parents[2]


class Dangol(AbstractContextManager["Dangol"]):
    """An opened installation: the database is migrated, the providers are set up, nothing runs by itself.

    With ``workers=True`` a broker is connected too, due messages are announced on it at once, and ``actors`` and
    ``scheduler()`` can be used; without, the next sweep of a running scheduler finds what is due. ``durable=False``
    is for runs that can be run again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        providers: Mapping[Channel, Provider] | None = None,
        workers: bool = False,
        durable: bool = True,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.database = Database(settings.database, pool_size=max(10, settings.worker_threads + 2), durable=durable)
        self.database.migrate()
        self.mailbox = Mailbox(settings.mailbox, self.clock)
        self.dispatcher = Dispatcher(providers if providers is not None else self._providers(), self.clock)
        self.releases = Releases()
        self.timing = Timing(
            queue_lease=settings.queue_lease,
            send_lease=settings.send_lease,
            patience=Patience(settings.max_attempts, settings.retry_after),
        )
        self.pipeline = Pipeline(
            database=self.database,
            clock=self.clock,
            entropy=self.entropy,
            hasher=AddressHasher(self._secret("secret_key", settings.secret_key).encode()),
            dispatcher=self.dispatcher,
            releases=self.releases,
            timing=self.timing,
            batch_size=settings.batch_size,
        )
        self.sweeper = Sweeper(database=self.database, clock=self.clock, releases=self.releases, timing=self.timing)
        self.broker: Broker | None = None
        self.actors: Actors | None = None
        if workers:
            self._connect_workers()

    @property
    def write_key(self) -> str:
        """The key that backend services present to the HTTP API."""
        return self._secret("write_key", self.settings.write_key)

    @property
    def name(self) -> str:
        """This process, for leases and messages to operators."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def deploy(self, *, by: str, root: Path | None = None) -> list[versions.Deployment]:
        """Check the workspace and put it into service; no change, no new version.

        Raises ProblemsFound with everything that is wrong; what is in service then stays.
        """
        workspace = load_workspace(root or self.settings.workspace)
        problems = [problem for problem in check_texts(workspace) if problem.severity == "error"]
        if problems:
            raise ProblemsFound(problems)
        now = self.clock.now()
        with self.database.write() as tx:
            # What came due before now belongs to the version that was in service then.
            self.sweeper.fire(tx, now)
            return versions.deploy(tx, workspace, at=now, by=by)

    def scheduler(self) -> Scheduler:
        """A scheduler on this installation's broker."""
        if self.actors is None:
            raise UsageError("a scheduler needs workers to tell; open dangol with workers=True")
        return Scheduler(self.sweeper, self.actors, holder=self.name, tick=self.settings.tick)

    def close(self) -> None:
        """Let go of connections; safe to call twice."""
        self.dispatcher.close()
        self.mailbox.close()
        if self.broker is not None:
            self.broker.close()
        self.database.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect_workers(self) -> None:
        self.broker = make_broker(self.settings.broker_url)
        self.actors = Actors(
            self.broker,
            self.pipeline,
            Intake(self.pipeline),
            max_age=self.settings.queue_lease,
            batch_size=self.settings.batch_size,
        )
        self.pipeline.wake = self.actors.deliver

    def _secret(self, name: str, given: SecretStr | None) -> str:
        if given is not None:
            return given.get_secret_value()
        with self.database.write() as tx:
            return remembered(tx, name, lambda: self.entropy.bytes(32).hex())

    def _providers(self) -> dict[Channel, Provider]:
        chosen = {
            Channel.EMAIL: self.settings.email_provider,
            Channel.SMS: self.settings.sms_provider,
            Channel.PUSH: self.settings.push_provider,
        }
        return {channel: self._provider(name) for channel, name in chosen.items() if name != "none"}

    def _provider(self, name: str) -> Provider:
        if name == "mailbox":
            return self.mailbox
        if name == "smtp":
            return Smtp(
                self.settings.smtp_host,
                self.settings.smtp_port,
                clock=self.clock,
                username=self.settings.smtp_username,
                password=self.settings.smtp_password,
                security=self.settings.smtp_security,
                timeout=self.settings.smtp_timeout,
                patience=self.settings.send_lease / 2,
            )
        raise UsageError(f"provider {name!r} is not known; expected mailbox, smtp or none")


def open_dangol(settings: Settings) -> Dangol:
    """Open an installation for one command: no broker, no clock but the machine's."""
    return Dangol(settings)


def shipped_workspace() -> Path:
    """The workspace that comes with dangol: in an installed package beside the code, in a checkout at its top."""
    return _BUNDLED if _BUNDLED.is_dir() else _CHECKOUT
