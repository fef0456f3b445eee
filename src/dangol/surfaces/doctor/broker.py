"""The broker: reachable, never evicting, kept on disk, and quick to notice a dead worker."""

from __future__ import annotations

from collections.abc import Iterator

from dangol.errors import BrokerUnavailable, UsageError
from dangol.queue.probe import Probed, probe
from dangol.surfaces.doctor.finding import Finding, fine, problem, skipped, unanswered, warning
from dangol.surfaces.doctor.visit import Visit

_OLDEST_REDIS, _OLDEST_RABBITMQ = (6, 0), (3, 9)
_LONGEST_MS = 60_000


def broker(visit: Visit) -> Iterator[Finding]:
    """The broker answers and keeps what it is told."""
    url = visit.settings.broker_url
    if not url:
        yield skipped("in memory, for one process")
        return
    try:
        probed = probe(url, visit.timeout)
    except UsageError as error:
        yield problem(str(error), "workers cannot be told about work", "set DANGOL_BROKER_URL; docs/settings.md")
        return
    except BrokerUnavailable as error:
        yield unanswered(
            str(error),
            "due messages wait until it is back; the API goes on accepting events",
            "start it, or set DANGOL_BROKER_URL to where it is",
        )
        return
    found = list(judge(probed))
    yield from found or [fine(f"{probed.kind} {probed.version} answers and keeps what it is told".replace("  ", " "))]


def judge(probed: Probed) -> Iterator[Finding]:
    """What is not as it should be."""
    oldest = _OLDEST_REDIS if probed.kind == "Redis" else _OLDEST_RABBITMQ
    if probed.version and _numbers(probed.version) < oldest:
        wanted = ".".join(map(str, oldest))
        yield problem(
            f"{probed.kind} {probed.version}", f"dangol is tested on {wanted} and later", f"move to {wanted} or later"
        )
    if probed.eviction is not None and probed.eviction != "noeviction":
        yield problem(
            f"Redis may evict: maxmemory-policy is {probed.eviction}",
            "when memory runs short it throws away events that nobody has committed yet, without a word",
            "redis-cli CONFIG SET maxmemory-policy noeviction, and the same line in redis.conf",
        )
    if probed.keeps_log is False:
        how = "only now and then writes" if probed.keeps_copies else "never writes"
        yield warning(
            f"Redis {how} what it holds to disk",
            "events that wait in it are gone when it restarts; wake-ups are not missed, the database has their work",
            "redis-cli CONFIG SET appendonly yes, and the same line in redis.conf; or report events over HTTP only",
        )
    if probed.lost_after_ms is not None and probed.lost_after_ms > _LONGEST_MS:
        yield problem(
            f"a dead worker is noticed after {probed.lost_after_ms / 1000:g} s",
            "what it held waits for so long",
            "use the broker that dangol makes (dangol.queue.broker)",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
