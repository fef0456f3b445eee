"""What the settings say is kept for how long, and what became of a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from dangol.ledger.entries import Journal, Subject
from dangol.model.vocabulary import Decision, Reason


class Kind(StrEnum):
    """What is removed each for itself. Messages, calls and slots go with their journeys."""

    REJECTED = "rejected"
    EVENTS = "events"
    JOURNEYS = "journeys"
    LOG = "log"


_SETTINGS = {kind: kind.name for kind in Kind} | {Kind.JOURNEYS: "MESSAGES"}


@dataclass(frozen=True, slots=True)
class Keep:
    """How long each kind is kept at least; None is for ever."""

    rejected: timedelta | None = None
    events: timedelta | None = None
    journeys: timedelta | None = None
    log: timedelta | None = None

    def of(self, kind: Kind) -> timedelta | None:
        return {
            Kind.REJECTED: self.rejected,
            Kind.EVENTS: self.events,
            Kind.JOURNEYS: self.journeys,
            Kind.LOG: self.log,
        }[kind]

    def rule(self, kind: Kind) -> str:
        """The setting, as the log and the record of a removal name it."""
        kept = self.of(kind)
        assert kept is not None
        return f"DANGOL_KEEP_{_SETTINGS[kind]}=P{kept.days}D"


@dataclass(frozen=True, slots=True)
class Removed:
    """How many of one kind went, or would go, of those ``before`` an instant; ``with_them``: rows that belong to them,
    by table. 0 where a part of a round found nothing, or only took a step towards it."""

    kind: Kind
    before: datetime
    count: int = 0
    with_them: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes the entry that says what went, by which rule and who applied it, in the transaction of the removal."""

    keep: Keep
    by: str

    def tell(self, tx: Connection, removed: Removed, *, at: datetime, first: str, **more: int) -> None:
        journal = Journal(at)
        evidence = {
            "kind": removed.kind.value,
            "removed": removed.count,
            **removed.with_them,
            **more,
            "before": removed.before.isoformat(),
            "setting": self.keep.rule(removed.kind),
            "by": self.by,
        }
        subject = Subject(occasion=f"{removed.kind.value}:{first}")
        journal.add(Decision.RECORDS_REMOVED, Reason.KEPT_LONG_ENOUGH, subject, evidence=evidence)
        journal.write(tx)
