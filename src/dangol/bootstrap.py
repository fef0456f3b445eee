"""Where everything is wired together; nothing else in dangol makes a connection, and nothing does so at import."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr
from sqlalchemy import Connection

from dangol.batch.handover import Patience
from dangol.clock import Clock, SystemClock, VirtualClock
from dangol.consent import forms
from dangol.consent.keys import FINGERPRINT, Keys, fingerprint
from dangol.consent.links import Links
from dangol.consent.suppressions import AddressHasher
from dangol.definitions import versions
from dangol.definitions.git import commit_of
from dangol.definitions.history import version_before
from dangol.definitions.promotion import copy_in_service, facts_there, to_promote
from dangol.definitions.workspace import Workspace, load_workspace
from dangol.delivery.addresses import AddressGuard
from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.http.messages import Limits
from dangol.delivery.http.transport import Transport
from dangol.delivery.pacing import parse_pace
from dangol.delivery.provider import Provider
from dangol.delivery.providers.mailbox import Mailbox
from dangol.delivery.providers.registry import Registry
from dangol.delivery.signatures import Signer, new_secret
from dangol.delivery.standing import Caution, Standing
from dangol.delivery.webhooks import Caller, HttpCaller, NoCalls
from dangol.duties import Duties
from dangol.editor.laws import loosened
from dangol.errors import ProblemsFound, UsageError
from dangol.ids import Entropy, SystemEntropy
from dangol.intake import Intake
from dangol.jurisdictions import known_places
from dangol.ledger.entries import Journal, Subject
from dangol.lookups import Lookups
from dangol.model.vocabulary import Channel, Decision, Reason
from dangol.pipeline import Pipeline, Timing
from dangol.planner.migration import migrate
from dangol.planner.plan import GROWTH, Plan, make_plan
from dangol.queue.actors import Actors
from dangol.queue.broker import Broker, make_broker
from dangol.queue.scheduler import Scheduler
from dangol.release import Releases
from dangol.retention.kinds import Keep
from dangol.retention.rounds import Retention
from dangol.settings import Settings, provider_options
from dangol.steering import Steering
from dangol.store.database import Database
from dangol.store.housekeeping import recalled, remembered
from dangol.sweeper import Sweeper

_BUNDLED = Path(__file__).parent / "workspace"
_CHECKOUT = Path(__file__).parents[2]


class Dangol(AbstractContextManager["Dangol"]):
    """An opened installation: the database is migrated, the providers are set up, nothing runs by itself.

    With ``workers=True`` a broker is connected too, due messages are announced on it at once, and ``actors`` and
    ``scheduler()`` can be used; without, the next sweep of a running scheduler finds what is due. ``durable=False``
    is for runs that can be run again. On a virtual clock no other system is called, unless ``caller`` is given.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        providers: Mapping[Channel, Provider] | None = None,
        caller: Caller | None = None,
        workers: bool = False,
        durable: bool = True,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.database = Database(settings.database, pool_size=settings.pool_size, durable=durable)
        self.database.migrate()
        self.mailbox = Mailbox(settings.mailbox, self.clock)
        self.transport = Transport(clock=self.clock, limits=_limits(settings))
        self.providers = _lists(providers) if providers is not None else self._providers()
        self.pace = parse_pace(settings.pace, self._chosen()) if providers is None else {}
        self.dispatcher = Dispatcher(self.providers, self.clock, Standing(_caution(settings)))
        self.releases = Releases()
        self.timing = Timing(
            queue_lease=settings.queue_lease,
            send_lease=settings.send_lease,
            patience=Patience(settings.max_attempts, settings.retry_after),
            feedback_kept=settings.feedback_kept,
        )
        keys = self._keys()
        self.links = Links([key.encode() for key in keys.links], settings.public_url)
        self.pipeline = Pipeline(
            database=self.database,
            clock=self.clock,
            entropy=self.entropy,
            hasher=AddressHasher(keys.hashes.encode()),
            links=self.links,
            dispatcher=self.dispatcher,
            caller=caller or self._caller(),
            releases=self.releases,
            timing=self.timing,
            pace=self.pace,
            batch_size=settings.batch_size,
            soft_bounces=settings.soft_bounces,
        )
        self.steering = Steering(self.pipeline)
        self.sweeper = Sweeper(database=self.database, clock=self.clock, releases=self.releases, timing=self.timing)
        self.duties = Duties(self.pipeline, page=settings.batch_size)
        self.lookups = Lookups(self.pipeline, self.providers)
        self.retention = Retention(
            database=self.database,
            clock=self.clock,
            releases=self.releases,
            keep=Keep(settings.keep_rejected, settings.keep_events, settings.keep_messages, settings.keep_log),
            by=settings.operator or self.name,
            page=settings.batch_size,
        )
        self.broker: Broker | None = None
        self.actors: Actors | None = None
        if workers:
            self._connect_workers()

    @property
    def write_key(self) -> str:
        """The key that backend services present to the HTTP API."""
        return self._secret("write_key", self.settings.write_key)

    @property
    def webhook_secret(self) -> str:
        """What calls to other systems are signed with; receivers check them with it."""
        given = self.settings.webhook_secret
        return self._secret("webhook_secret", given, lambda: new_secret(self.entropy.bytes(32)))

    @property
    def name(self) -> str:
        """This process, for leases and messages to operators."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def checked(self, root: Path | None = None) -> Workspace:
        """The workspace at ``root``, the settings' by default, with how far its texts tell the same facts.

        Raises ProblemsFound with everything that is wrong.
        """
        from dangol.checking import review_texts  # only who deploys needs an editor, and the memory it takes

        workspace = load_workspace(root or self.settings.workspace, now=self.clock.now())
        found, reviewed = review_texts(workspace)
        problems = [problem for problem in found if problem.severity == "error"]
        if problems:
            raise ProblemsFound(problems)
        return replace(workspace, facts=reviewed.fragmentation)

    def plan(self, workspace: Workspace, *, keys: Collection[str] = (), growth: float = GROWTH) -> Plan:
        """What deploying a checked workspace, or the campaigns ``keys`` of it, would change. Changes nothing.

        ``growth`` is the share by which an audience may grow without a warning.
        """
        with self.database.read() as tx:
            asked = versions.named(workspace, versions.active(tx), keys)
            cut = {key: versions.cut(workspace, key) if key in workspace.campaigns else None for key in asked}
            return make_plan(tx, cut, now=self.clock.now(), growth=growth, forms=workspace.forms)

    def plan_promotion(self, source: Database, *, keys: Collection[str] = (), growth: float = GROWTH) -> Plan:
        """What promoting from ``source`` would change. Changes nothing. Raises UsageError and UnknownVersion as
        ``promote``."""
        with self.database.read() as tx, source.read() as there:
            wanted = to_promote(there, tx, keys)
            cut = {key: versions.load(there, id_) if id_ is not None else None for key, id_ in wanted.items()}
            offered = forms.offered(there)
            return make_plan(tx, cut, now=self.clock.now(), growth=growth, forms=offered)

    def plan_rollback(self, key: str, *, to: str = "") -> Plan:
        """What a rollback would change. Changes nothing. Raises UsageError and UnknownVersion as ``rollback``."""
        with self.database.read() as tx:
            target = versions.load(tx, version_before(tx, key, to))
            return make_plan(tx, {key: target}, now=self.clock.now())

    def deploy(
        self,
        *,
        by: str,
        root: Path | None = None,
        workspace: Workspace | None = None,
        keys: Collection[str] = (),
        migrate: bool = False,
    ) -> list[versions.Deployment]:
        """Check the workspace and put it, or the campaigns ``keys`` of it, into service; no change, no new version.

        ``workspace`` is one that was ``checked`` before. With ``migrate`` people under way in the campaigns that
        change, and in those named, are taken along. Raises ProblemsFound with everything that is wrong, and
        MigrationRefused with all who cannot be taken along, UnknownVersion if a version cannot be run; what is in
        service then stays.
        """
        checked = workspace or self.checked(root)
        commit = commit_of(root or self.settings.workspace)
        with self._changing() as (tx, now):
            changes = versions.deploy(tx, checked, at=now, by=by, keys=keys, git_commit=commit)
            self._must_run(tx, changes)
            forms.register(tx, checked.forms, at=now, by=by)
            self._log_loosened(tx, now, changes)
            return self._moving(tx, now, changes, keys) if migrate else changes

    def rollback(self, key: str, *, by: str, to: str = "", migrate: bool = False) -> versions.Deployment:
        """Put the version that was in service before, or that whose id begins with ``to``, back into service.

        Raises UsageError if there is none, UnknownVersion if it cannot be run any more, MigrationRefused as deploy.
        """
        with self._changing() as (tx, now):
            target = version_before(tx, key, to)
            self.releases.get(tx, target)
            changes = versions.put(tx, {key: target}, versions.Record(now, by, versions.Action.ROLLBACK))
            self._log_loosened(tx, now, changes)
            return (self._moving(tx, now, changes) if migrate else changes)[0]

    def promote(
        self, source: Database, *, by: str, keys: Collection[str] = (), migrate: bool = False
    ) -> list[versions.Deployment]:
        """Put exactly the versions that are in service in ``source`` into service here, or only those of ``keys``.

        The consent forms come along, all of them, as they do when a workspace is deployed. Raises UnknownVersion if
        something was altered or cannot be run here, UsageError if there is nothing to promote, MigrationRefused as
        deploy.
        """
        with self._changing() as (tx, now):
            with source.read() as there:
                wanted = copy_in_service(there, tx, keys)
                facts = facts_there(there, [version_id for version_id in wanted.values() if version_id is not None])
                offered = forms.offered(there)
            changes = versions.put(tx, wanted, versions.Record(now, by, versions.Action.PROMOTE, facts=facts))
            self._must_run(tx, changes)
            if offered is not None:
                forms.register(tx, offered, at=now, by=by)
            self._log_loosened(tx, now, changes)
            return self._moving(tx, now, changes, keys) if migrate else changes

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, datetime]]:
        """A transaction in which nobody else changes what is in service, and its instant."""
        with self.database.write() as tx:
            versions.one_at_a_time(tx)
            now = self.clock.now()
            # What came due before now belongs to the version that was in service then.
            self.sweeper.fire(tx, now)
            yield tx, now

    def known_places(self) -> frozenset[str]:
        """The places that reports may name: those of the packs of the workspace in service."""
        with self.database.read() as tx:
            return known_places(self.releases.law(tx).as_written)

    def _must_run(self, tx: Connection, changes: list[versions.Deployment]) -> None:
        """Nothing goes into service that cannot be run: it would hold up every event. Raises UnknownVersion."""
        for change in changes:
            if change.version_id is not None:
                self.releases.get(tx, change.version_id)

    def _log_loosened(self, tx: Connection, now: datetime, changes: list[versions.Deployment]) -> None:
        """Write down which rules of law the versions that go into service keep less strictly, why and who says so."""
        journal = Journal(now)
        for change in changes:
            if change.version_id is not None:
                law = self.releases.get(tx, change.version_id).rulebook.law
                for rule_id, told in loosened(law.as_written, law.jurisdictions):
                    subject = Subject(change.campaign_key, change.version_id, occasion=rule_id)
                    evidence = {"rules": [rule_id], "why": told.reason, "by": told.by}
                    journal.add(Decision.RULE_LOOSENED, Reason.BY_HAND, subject, evidence=evidence)
        journal.write(tx)

    def _moving(
        self, tx: Connection, now: datetime, changes: list[versions.Deployment], also: Collection[str] = ()
    ) -> list[versions.Deployment]:
        """Take people under way along to what is in service now; returns the changes with how many journeys moved."""
        in_service = versions.active(tx)
        keys = {change.campaign_key for change in changes} | set(also)
        wanted = [versions.load(tx, in_service[key]) for key in sorted(keys & in_service.keys())]
        moved = migrate(tx, wanted, at=now)
        told = [replace(change, moved=moved.pop(change.campaign_key, 0)) for change in changes]
        # A campaign that did not change may still have people on older versions.
        return told + [
            versions.Deployment(key, in_service[key], in_service[key], count) for key, count in moved.items() if count
        ]

    def scheduler(self) -> Scheduler:
        """A scheduler on this installation's broker."""
        if self.actors is None:
            raise UsageError("a scheduler needs workers to tell; open dangol with workers=True")
        return Scheduler(
            self.sweeper,
            self.actors,
            self.duties,
            self.retention,
            self.lookups,
            holder=self.name,
            tick=self.settings.tick,
        )

    def close(self) -> None:
        """Let go of connections; safe to call twice."""
        self.dispatcher.close()
        self.transport.close()
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
        self.pipeline.wake_first = self.actors.deliver_first
        self.pipeline.wake_receivers = self.actors.receive

    def _keys(self) -> Keys:
        """The keys of links and of address hashes. Raises UsageError if the addresses hashed before would be lost."""
        settings = self.settings
        newest = self._secret("secret_key", settings.secret_key)
        older = settings.secret_keys_old.get_secret_value() if settings.secret_keys_old is not None else ""
        hashes = settings.hash_key.get_secret_value() if settings.hash_key is not None else ""
        keys = Keys.of(newest, older, hashes)
        with self.database.read() as tx:
            known = recalled(tx, FINGERPRINT)
        if known is None:
            with self.database.write() as tx:
                known = remembered(tx, FINGERPRINT, lambda: fingerprint(keys.hashes))
        return keys.settled(known, told=bool(hashes))

    def _secret(self, name: str, given: SecretStr | None, make: Callable[[], str] | None = None) -> str:
        if given is not None:
            return given.get_secret_value()
        with self.database.write() as tx:
            return remembered(tx, name, make or (lambda: self.entropy.bytes(32).hex()))

    def _caller(self) -> Caller:
        if isinstance(self.clock, VirtualClock):
            return NoCalls()
        return HttpCaller(
            Signer(self.webhook_secret),
            AddressGuard(self.settings.webhook_allow),
            clock=self.clock,
            connect_timeout=self.settings.webhook_connect_timeout,
            timeout=self.settings.webhook_timeout,
        )

    def _chosen(self) -> set[str]:
        return {provider.name for serving in self.providers.values() for provider in serving}

    def _providers(self) -> dict[Channel, list[Provider]]:
        registry = Registry(
            self.settings,
            clock=self.clock,
            transport=self.transport,
            options=provider_options,
            made={"mailbox": self.mailbox},
        )
        return registry.chosen()


def _caution(settings: Settings) -> Caution:
    return Caution(settings.carrier_failures, settings.carrier_pause)


def _limits(settings: Settings) -> Limits:
    return Limits(
        connect=settings.carrier_connect_timeout,
        tls=settings.carrier_connect_timeout,
        read=settings.carrier_read_timeout,
        total=settings.carrier_timeout,
        connections=settings.carrier_connections,
    )


def _lists(providers: Mapping[Channel, Provider]) -> dict[Channel, list[Provider]]:
    return {channel: [provider] for channel, provider in providers.items()}


def open_dangol(settings: Settings) -> Dangol:
    """Open an installation for one command: no broker, no clock but the machine's."""
    return Dangol(settings)


def shipped_workspace() -> Path:
    """The workspace that comes with dangol: in an installed package beside the code, in a checkout at its top."""
    return _BUNDLED if _BUNDLED.is_dir() else _CHECKOUT
