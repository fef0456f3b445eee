"""``/healthz``: 200 only while the database answers and a scheduler leads."""

from __future__ import annotations

from datetime import timedelta

from fastapi.testclient import TestClient

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.queue.scheduler import LEASE
from dangol.store.carriers import leave_alone
from dangol.store.housekeeping import take_lease
from dangol.surfaces.web import LOOPBACK_NAMES, create_app
from tests.integration.pipeline.house import House


def lead(dangol: Dangol) -> None:
    with dangol.database.write() as tx:
        take_lease(tx, LEASE, "scheduler", dangol.clock.now(), timedelta(seconds=10))


def test_without_a_scheduler_the_installation_is_not_well(client: TestClient) -> None:
    response = client.get("/healthz")
    assert response.status_code == 503
    assert "no scheduler has run" in response.json()["scheduler"]["problem"]


def test_while_a_scheduler_leads_it_is_well(dangol: Dangol, client: TestClient, clock: VirtualClock) -> None:
    lead(dangol)
    clock.advance(timedelta(seconds=3))
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": {"ok": True},
        "scheduler": {"ok": True, "lease_ends_in": 7.0},
        "due_messages": {"count": 0, "oldest": 0.0},
        "duties": {"overdue": None, "counted_at": None},
        "carriers": {},
    }


def test_a_scheduler_that_fell_silent_is_told(dangol: Dangol, client: TestClient, clock: VirtualClock) -> None:
    lead(dangol)
    clock.advance(timedelta(seconds=25))
    response = client.get("/healthz")
    assert (response.status_code, response.json()["scheduler"]["lease_ends_in"]) == (503, -15.0)


def test_the_queue_of_due_messages_is_told(shop: House, client: TestClient) -> None:
    shop.orders("alice", order_id="A-2", value=1)
    shop.sleep(timedelta(seconds=90))
    assert client.get("/healthz").json()["due_messages"] == {"count": 3, "oldest": 90.0}


def test_requests_under_a_foreign_name_are_refused(dangol: Dangol) -> None:
    with TestClient(create_app(dangol, hosts=LOOPBACK_NAMES)) as client:
        for name, status in (("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("evil.example", 400)):
            assert client.get("/log", headers={"Host": name}).status_code == status


def test_carriers_that_are_left_alone_are_told(dangol: Dangol, client: TestClient) -> None:
    now = dangol.clock.now()
    with dangol.database.write() as tx:
        leave_alone(tx, "fake", now + timedelta(seconds=30), "failing", 3, now=now)
        leave_alone(tx, "spare", now, "busy", 0, now=now)
        leave_alone(tx, "tried", now - timedelta(hours=1), "failing", 4, now=now)
    told = client.get("/healthz").json()
    assert told["carriers"] == {
        "fake": {"why": "failing", "failures": 3, "for": 30.0},
        "tried": {"why": "failing", "failures": 4, "for": 0.0},
    }
