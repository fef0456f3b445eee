"""``python -m bench`` sends through dangol's own processes to the simulated carriers, and holds both to account."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.installation import EMBEDDED, occasion, write_blast_workspace
from bench.sending import Sent, prepare, send
from bench.stores import Store, new_store

RECIPIENTS, ORDERS = 60, 10


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    """A database in which every message of a blast is planned, and the workspace it came from."""
    folder = tmp_path_factory.mktemp("bench")
    at = occasion(datetime.now(UTC)).at
    workspace = write_blast_workspace(folder / "workspace", at)
    store = new_store(folder, "").create()
    assert prepare(store.url, str(workspace), RECIPIENTS, at.isoformat()).messages == RECIPIENTS
    return store, workspace


@pytest.fixture(scope="module")
def sent(planned: tuple[Store, Path], tmp_path_factory: pytest.TempPathFactory) -> Sent:
    store, workspace = planned
    return send(EMBEDDED, store.copy(), workspace, tmp_path_factory.mktemp("run"), RECIPIENTS, orders=(ORDERS, 1.0))


def test_everybody_gets_a_message_or_is_kept_back(sent: Sent) -> None:
    assert sent.accepted + sent.kept_back == RECIPIENTS + ORDERS
    assert 0 < sent.kept_back < RECIPIENTS * 0.15
    assert sent.steady > 0


def test_carriers_report_about_each_and_every_report_is_worked_off(sent: Sent) -> None:
    assert sent.webhooks >= 2 * sent.accepted


def test_orders_in_the_middle_of_it_are_timed_from_their_trigger(sent: Sent) -> None:
    assert sent.urgent is not None
    assert len(sent.urgent.lags) == ORDERS
    assert 0 < sent.urgent.percentile(50) <= sent.urgent.percentile(99)


def test_cpu_is_told_by_process_and_carriers_are_not_ours(sent: Sent) -> None:
    assert set(sent.cpu) == {"up", "PostgreSQL", "Redis", "carriers"}
    assert sent.cpu["up"] > 0
    assert sent.cpu_us == sent.all_cpu_us - sent.cpu["carriers"]
    assert sent.memory["up"] > 50
