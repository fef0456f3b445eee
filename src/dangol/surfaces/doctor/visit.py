"""What the checks of one visit share: the settings, one look at the database, and how to ask others."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dangol.clock import Clock, SystemClock
from dangol.errors import DangolError, StoreUnavailable, UnknownVersion
from dangol.model.vocabulary import Channel
from dangol.release import Release, Releases
from dangol.settings import Settings
from dangol.store.database import Database
from dangol.store.schema import Schema, standing


class NotAsked(DangolError):
    """The database could not be asked; the check of the database says why. ``answered``: it is there all the same."""

    def __init__(self, message: str, *, answered: bool = False) -> None:
        self.answered = answered
        super().__init__(message)


@dataclass
class Visit:
    """``processes`` is how many processes share the database; ``timeout`` is how many seconds one question may take.

    Nothing is changed: the database is not migrated, no key is made, no file appears.
    """

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    offline: bool = False
    dns_server: str = ""
    web: str = ""
    """Where a web process answers, to be asked for its health."""
    processes: int = 4
    timeout: float = 5.0

    @cached_property
    def database(self) -> Database:
        """The database. Raises StoreUnavailable if there is none yet, UsageError if its URL is none."""
        database = Database(self.settings.database, pool_size=1)
        path = database.url.database
        if not database.is_postgresql and path and path != ":memory:" and not Path(path).exists():
            raise StoreUnavailable(f"database {path}: there is no such file yet; run `dangol migrate`")
        return database

    @cached_property
    def schema(self) -> Schema:
        """How the schema stands. Raises StoreUnavailable."""
        with self.database.read() as tx:
            return standing(tx)

    @cached_property
    def releases(self) -> list[Release]:
        """What is in service and can be run. Raises NotAsked."""
        self.need_tables()
        with self.database.read() as tx:
            try:
                return Releases().active(tx)
            except UnknownVersion as error:
                raise NotAsked(str(error)) from error

    def reach(self) -> Database:
        """The database, if it answers. Raises NotAsked."""
        try:
            _ = self.schema
        except DangolError as error:
            raise NotAsked("the database does not answer") from error
        return self.database

    def need_tables(self) -> Database:
        """The database, if it can be asked about work. Raises NotAsked."""
        database = self.reach()
        if self.schema in {Schema.MISSING, Schema.BEHIND}:
            raise NotAsked("the schema of this release is not there yet", answered=True)
        return database

    @property
    def chosen(self) -> dict[Channel, list[str]]:
        """Channel → names of its providers as the settings give them; a channel that has none is left out."""
        settings = self.settings
        given = {
            Channel.EMAIL: settings.email_provider,
            Channel.SMS: settings.sms_provider,
            Channel.PUSH: settings.push_provider,
        }
        names = {channel: [name.strip() for name in text.split(",")] for channel, text in given.items()}
        return {channel: of for channel, of in names.items() if of not in ([""], ["none"])}

    @property
    def real(self) -> set[str]:
        """Names of the chosen providers that reach anybody."""
        return {name for names in self.chosen.values() for name in names} - {"mailbox"}

    @property
    def in_production(self) -> bool:
        """Whether people depend on this installation: something reaches them, or several machines share the work."""
        return bool(self.real or self.settings.broker_url or self.settings.public_url)

    def close(self) -> None:
        if "database" in self.__dict__:
            self.database.close()
