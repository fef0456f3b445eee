"""Writing the log: entries are gathered during a transaction and appended to it in one statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from dangol import ids, meters, traces
from dangol.ledger.sealing import PersonKey
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel, Decision, Reason
from dangol.store.bulk import among, insert_many
from dangol.store.database import after_commit
from dangol.store.tables import log, profile_keys


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, as far as it is known; what concerns a person or an address is about no campaign."""

    campaign_key: str | None = None
    version_id: str | None = None
    profile_id: str | None = None
    journey_id: str | None = None
    message_id: str | None = None
    stage: str | None = None
    step: str | None = None
    occasion: str = ""
    """Tells apart decisions that are otherwise alike: an event's id, the number of an attempt."""


class Journal:
    """The log entries of one transaction.

    Every entry's id is derived from what it records and when, so the same decision recorded twice by mistake
    collides instead of hiding. Evidence holds no personal data; what is personal is sealed.
    """

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._at_text = at.isoformat()
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        decision: Decision,
        reason: Reason,
        subject: Subject,
        *,
        channel: Channel | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an entry."""
        self._rows.append(
            {
                "id": self._entry_id(decision, reason, subject, channel),
                "at": self._at,
                "decision": decision.value,
                "reason": reason.value,
                "profile_id": subject.profile_id,
                "campaign_key": subject.campaign_key,
                "version_id": subject.version_id,
                "journey_id": subject.journey_id,
                "message_id": subject.message_id,
                "stage": subject.stage,
                "step": subject.step,
                "channel": channel.value if channel else None,
                "evidence": evidence or {},
                "content_hash": None,
                "sealed": None,
            }
        )

    def _entry_id(self, decision: Decision, reason: Reason, subject: Subject, channel: Channel | None) -> str:
        return ids.derive(
            self._at,
            self._at_text,
            decision.value,
            reason.value,
            subject.message_id or subject.journey_id or f"{subject.campaign_key or ''}:{subject.profile_id}",
            channel.value if channel else "",
            subject.occasion,
        )

    def attach(
        self,
        key: PersonKey,
        *,
        address: str,
        rendered: Rendered,
        context: Mapping[str, Any],
        jurisdictions: Sequence[str] = (),
        shortened: bool = False,
    ) -> None:
        """Give the latest entry what it needs to be rendered again: the address, the context and the codes of the packs
        whose labels the text carries, sealed. With ``shortened`` also for how long a carrier may keep it,
        which is then not what its text says."""
        row = self._rows[-1]
        row["content_hash"] = key.content_hash(rendered.content())
        kept: dict[str, Any] = {"to": address, "locale": rendered.locale, "context": context}
        if jurisdictions:
            kept["jurisdictions"] = sorted(jurisdictions)
        if shortened and rendered.ttl is not None:
            kept["ttl"] = int(rendered.ttl.total_seconds())
        row["sealed"] = key.seal(row["id"], kept)

    def __len__(self) -> int:
        return len(self._rows)

    def forget_after(self, count: int) -> None:
        """Take back all but the first ``count`` entries, which are not written yet."""
        del self._rows[count:]

    def write(self, connection: Connection) -> None:
        """Append all entries, in the order in which they were added."""
        insert_many(connection, log, self._rows)
        if meters.on():
            alike = Counter((row["decision"], row["reason"], row["channel"]) for row in self._rows)
            after_commit(connection, partial(_tell, alike))
        if traces.on():
            for row in self._rows:
                told = {name: row[name] for name in ("decision", "reason", "channel")}
                traces.concerns(row["journey_id"], message=row["message_id"], **told)


def _tell(alike: Counter[tuple[str, str, str | None]]) -> None:
    for (decision, reason, channel), n in alike.items():
        meters.count("decisions", n, decision=decision, reason=reason, channel=channel or "")


def load_keys(connection: Connection, profile_ids: Sequence[str]) -> dict[str, PersonKey]:
    """The keys of these people; a person who was erased has none."""
    rows = connection.execute(_KEYS, {"ids": profile_ids}).all()
    return {profile_id: PersonKey(key) for profile_id, key in rows}


_KEYS = select(profile_keys.c.profile_id, profile_keys.c.key).where(among(profile_keys.c.profile_id, "ids"))
