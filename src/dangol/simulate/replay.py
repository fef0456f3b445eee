"""Replay the CDNOW sample through the pipeline and sum up what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from sqlalchemy import Connection, func, select

from dangol.clock import VirtualClock
from dangol.consent import suppressions
from dangol.ledger.reader import digest
from dangol.model.vocabulary import Channel, Decision
from dangol.pipeline import Pipeline
from dangol.simulate.cdnow import Moment, timeline
from dangol.simulate.runner import Runner
from dangol.store.tables import events, journeys, log, messages
from dangol.sweeper import Sweeper

STARTS = datetime(1997, 1, 1, tzinfo=UTC)
ENDS = datetime(1998, 7, 1, tzinfo=UTC)
_GRAIN = timedelta(hours=3)
_REFUSALS = (
    Decision.JOURNEY_REFUSED,
    Decision.MESSAGE_SUPPRESSED,
    Decision.MESSAGE_EXPIRED,
    Decision.MESSAGE_CANCELLED,
    Decision.MESSAGE_FAILED,
    Decision.MESSAGE_UNKNOWN,
)


def replay(
    pipeline: Pipeline,
    sweeper: Sweeper,
    clock: VirtualClock,
    progress: Callable[[datetime, int], None],
    *,
    until: datetime = ENDS,
) -> None:
    """Run the orders up to ``until``; ``progress`` is told the date and how many orders the last step had."""
    runner = Runner(pipeline, sweeper, clock, grain=_GRAIN)
    for moment in takewhile(lambda moment: moment.at < until, timeline(_GRAIN)):
        runner.run_until(moment.at)
        _happen(pipeline, moment)
        runner.deliver_announced()
        progress(moment.at, len(moment.orders))
    runner.run_until(until)


def _happen(pipeline: Pipeline, moment: Moment) -> None:
    if moment.profiles:
        pipeline.identify(moment.profiles)
    if moment.consents:
        pipeline.record_consents(moment.consents)
    for address in moment.unreachable:
        with pipeline.database.write() as tx:
            suppressions.suppress(
                tx,
                channel=Channel.EMAIL,
                address_hash=pipeline.hasher.hash(Channel.EMAIL, address),
                cause="hard_bounce",
                source="demo",
                now=moment.at,
                entropy=pipeline.entropy,
            )
    if moment.orders:
        pipeline.ingest(moment.orders)


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a replay.

    ``journeys`` counts by campaign and outcome; ``messages`` by campaign, channel and state; ``refusals`` and
    ``deferrals`` log entries by reason.
    """

    triggers: int
    firings: int
    journeys: dict[tuple[str, str], int]
    messages: dict[tuple[str, str, str], int]
    refusals: Counter[str]
    deferrals: Counter[str]
    log_entries: int
    log_digest: str


def summarise(tx: Connection) -> Summary:
    """Sum up a database."""
    by_reason = select(log.c.decision, log.c.reason, func.count()).group_by(log.c.decision, log.c.reason)
    reasons = [(row[0], row[1], row[2]) for row in tx.execute(by_reason)]
    outcome = func.coalesce(journeys.c.end_reason, journeys.c.status)
    in_journeys = select(journeys.c.campaign_key, outcome, func.count()).group_by(journeys.c.campaign_key, outcome)
    channel = func.coalesce(messages.c.channel, messages.c.channels)
    of_messages = select(messages.c.campaign_key, channel, messages.c.state, func.count()).group_by(
        messages.c.campaign_key, channel, messages.c.state
    )
    return Summary(
        triggers=tx.execute(select(func.count()).select_from(events).where(events.c.hops == 0)).scalar_one(),
        firings=sum(count for decision, _, count in reasons if decision == Decision.SCHEDULE_FIRED),
        journeys={(row[0], row[1]): row[2] for row in sorted(map(tuple, tx.execute(in_journeys)))},
        messages={(row[0], row[1], row[2]): row[3] for row in sorted(map(tuple, tx.execute(of_messages)))},
        refusals=_count(reasons, _REFUSALS),
        deferrals=_count(reasons, (Decision.MESSAGE_DEFERRED,)),
        log_entries=sum(count for _, _, count in reasons),
        log_digest=digest(tx),
    )


def _count(reasons: list[tuple[str, str, int]], wanted: tuple[Decision, ...]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for decision, reason, count in reasons:
        if decision in wanted:
            counted[reason] += count
    return counted
