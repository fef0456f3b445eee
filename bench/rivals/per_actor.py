"""One Dramatiq message and one database transaction per recipient, through the ORM: how most teams would write it.

It is written with care, so that what is measured is the shape and not carelessness: templates are compiled once, a
recipient's facts come in two indexed queries, there is one insert and one commit, sessions come from a pool, nothing
is loaded again after the commit, the broker is in memory without middleware that the work does not need, and of
several thread counts the best is taken. It promises less than dangol: caps can be raced, a crash loses or repeats.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import Any
from zoneinfo import ZoneInfo

import dramatiq
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import JSON, Engine, ForeignKey, Index, and_, bindparam, create_engine, event, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from bench.letter import CAMPAIGN, TEMPLATE, reader
from bench.population import CAPPED, OPTED_OUT, SUPPRESSED
from dangol.content.messages import Messages
from dangol.model.message import Rendered
from dangol.model.vocabulary import Channel

_DAY = clock_time(8), clock_time(21)
_WEEKLY, _DAILY = 3, 1
Hand = Callable[[str, Rendered], str]
"""Hands one message to the provider; returns its reference."""


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own way


class Customer(Base):
    __tablename__ = "rival_customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    locale: Mapped[str]
    timezone: Mapped[str]
    attributes: Mapped[dict[str, Any]]


class Consent(Base):
    __tablename__ = "rival_consents"
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    granted: Mapped[bool]


class Suppression(Base):
    __tablename__ = "rival_suppressions"
    address: Mapped[str] = mapped_column(primary_key=True)
    cause: Mapped[str]


class Sent(Base):
    __tablename__ = "rival_log"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int]
    campaign: Mapped[str]
    channel: Mapped[str]
    outcome: Mapped[str]
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    __table_args__ = (Index("ix_rival_log_customer", "customer_id", "at"),)


class Sender:
    """The actor's body: facts, checks, text, provider, one row, one commit."""

    def __init__(self, engine: Engine, texts: Messages, now: datetime, hand: Hand) -> None:
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        self._texts = texts
        self._now = now
        self._hand = hand

    def send(self, customer_id: int) -> None:
        """Everything about one letter, in one transaction."""
        with self._sessions() as session:
            facts = session.execute(_FACTS, {"customer": customer_id}).one()
            used = session.execute(_USED, {"customer": customer_id, **self._since}).one()
            outcome, detail = self._send(*facts, *used)
            session.add(
                Sent(
                    customer_id=customer_id,
                    campaign=CAMPAIGN,
                    channel=Channel.EMAIL.value,
                    outcome=outcome,
                    detail=detail,
                    at=self._now,
                )
            )
            session.commit()

    @property
    def _since(self) -> dict[str, datetime]:
        return {"week": self._now - timedelta(days=7), "day": self._now - timedelta(days=1)}

    def _send(
        self, customer: Customer, granted: bool | None, suppressed: str | None, weekly: int, daily: int
    ) -> tuple[str, dict[str, Any]]:
        if suppressed:
            return "suppressed", {"cause": suppressed}
        if not granted:
            return "no consent", {}
        local = self._now.astimezone(ZoneInfo(customer.timezone)).time()
        if not _DAY[0] <= local < _DAY[1]:
            return "quiet hours", {}
        if weekly >= _WEEKLY or daily >= _DAILY:
            return "capped", {"weekly": weekly, "daily": daily}
        context = {"profile": customer.attributes, "event": {}}
        rendered = self._texts.render(TEMPLATE, Channel.EMAIL, customer.locale, context)
        return "accepted", {"reference": self._hand(customer.email, rendered)}


def _statements() -> tuple[Any, Any]:
    """The two queries, built once, as a careful author would after a look at a profile."""
    from_customer = (
        select(Customer, Consent.granted, Suppression.cause)
        .outerjoin(Consent, and_(Consent.customer_id == Customer.id, Consent.channel == Channel.EMAIL.value))
        .outerjoin(Suppression, Suppression.address == Customer.email)
        .where(Customer.id == bindparam("customer"))
    )
    used = select(func.count(Sent.id), func.count(Sent.id).filter(Sent.at > bindparam("day"))).where(
        Sent.customer_id == bindparam("customer"), Sent.at > bindparam("week"), Sent.outcome == "accepted"
    )
    return from_customer, used


_FACTS, _USED = _statements()


def open_engine(url: str, threads: int) -> Engine:
    """An engine tuned as ours is: a connection for every thread; on SQLite a log that is synced."""
    if url.startswith("postgresql"):
        return create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), pool_size=threads)
    engine = create_engine(url, pool_size=threads, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def fill(engine: Engine, recipients: int, now: datetime) -> None:
    """The same people as ``bench.population``: opted out, had their letter today, suppressed."""
    Base.metadata.create_all(engine)
    rows: dict[type[Base], list[dict[str, Any]]] = {Customer: [], Consent: [], Sent: [], Suppression: []}
    for number in range(recipients):
        known = reader(number)
        lot = random.Random(f"lot {number}").random()
        names = ("email", "locale", "timezone", "attributes")
        rows[Customer].append({"id": number, **{name: known[name] for name in names}})
        rows[Consent].append({"customer_id": number, "channel": "email", "granted": lot >= OPTED_OUT})
        if OPTED_OUT <= lot < OPTED_OUT + CAPPED:
            earlier = now - timedelta(minutes=90)
            sent = {"customer_id": number, "campaign": CAMPAIGN, "channel": "email", "outcome": "accepted"}
            rows[Sent].append({**sent, "detail": {}, "at": earlier})
        elif lot > 1 - SUPPRESSED:
            rows[Suppression].append({"address": known["email"], "cause": "bounce"})
    with engine.begin() as connection:
        for model, found in rows.items():
            if found:
                connection.execute(insert(model), found)


def run(sender: Sender, customer_ids: Sequence[int], threads: int) -> float:
    """Send to these customers, one actor message each; seconds of the wall clock."""
    broker = StubBroker(middleware=[])
    actor = dramatiq.actor(broker=broker, actor_name="send_letter")(sender.send)
    worker = Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    began = time.perf_counter()
    for customer_id in customer_ids:
        actor.send(customer_id)
    broker.join(actor.queue_name, fail_fast=True)
    worker.join()
    seconds = time.perf_counter() - began
    worker.stop()
    broker.close()
    return seconds
