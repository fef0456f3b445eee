"""Is this process fit to be given work? Asked by whoever routes requests and replaces processes.

A broker that is away does not make a web process unready: it goes on to accept events, which the sweeper finds. Taken
out of service, it would lose what it is there to keep. Workers and schedulers can do nothing without their broker.
"""

from __future__ import annotations

from typing import Any

from dangol.bootstrap import Dangol
from dangol.errors import BrokerUnavailable, StoreUnavailable
from dangol.queue.probe import probe
from dangol.store.schema import Schema, standing

Answer = tuple[bool, dict[str, Any]]


def ready(dangol: Dangol, *, needs_broker: bool) -> Answer:
    """Whether it is fit, and the particulars as JSON. Does not raise for what is away."""
    database, broker = _database(dangol), _broker(dangol)
    fit = database["ok"] and (broker["ok"] or not needs_broker)
    return fit, {"status": "ready" if fit else "not ready", "database": database, "broker": broker}


def _database(dangol: Dangol) -> dict[str, Any]:
    try:
        with dangol.database.read() as tx:
            schema = standing(tx)
    except StoreUnavailable as error:
        return {"ok": False, "problem": str(error)}
    if schema in {Schema.CURRENT, Schema.AHEAD}:
        return {"ok": True, "schema": schema.value}
    return {
        "ok": False,
        "schema": schema.value,
        "problem": "the schema is older than this release; run `dangol migrate`",
    }


def _broker(dangol: Dangol) -> dict[str, Any]:
    url = dangol.settings.broker_url
    if not url:
        return {"ok": True, "kind": "in memory"}
    try:
        return {"ok": True, "kind": probe(url).kind}
    except BrokerUnavailable as error:
        return {"ok": False, "problem": str(error)}
