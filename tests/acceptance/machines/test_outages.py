"""Broker and database fall away and come back: nothing accepted is lost, and no process has to be restarted."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.machines.fleet import Fleet
from tests.acceptance.machines.servers import OwnPostgres, OwnRedis
from tests.acceptance.test_up import until
from tests.contract.providers.smtp_server import SmtpServer

pytestmark = pytest.mark.postgres


class Town:
    """Servers, and a web process, a worker and a scheduler on them."""

    def __init__(self, folder: Path, mail: SmtpServer) -> None:
        self.redis, self.postgres, self.mail = OwnRedis(folder), OwnPostgres(), mail
        self.redis.start()
        self.postgres.start()
        self.fleet = Fleet(folder, self.postgres.url, self.redis.url, mail.port)
        self.fleet.open_shop("alice")
        self.processes: list[subprocess.Popen[str]] = []

    def starts(self) -> None:
        self.processes = [self.fleet.start("worker"), self.fleet.start("scheduler"), self.fleet.web()]

    def has_sent(self, order: str) -> bool:
        return any(f"order {order}" in str(mail.message["Subject"]) + mail.text for mail in self.mail.received)

    def orders(self, order: str) -> tuple[int, str]:
        return self.fleet.track("alice", order)

    def end(self) -> None:
        self.fleet.end()
        self.redis.kill()
        self.postgres.remove()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with SmtpServer() as mail:
        made = Town(tmp_path_factory.mktemp("town"), mail)
        try:
            made.starts()
            yield made
        finally:
            made.end()


def all_alive(town: Town) -> bool:
    return [process.poll() for process in town.processes] == [None, None, None]


def test_while_the_broker_is_away_events_are_accepted_and_go_out_once_it_is_back(town: Town) -> None:
    assert town.orders("before")[0] == 200
    until("the message before", lambda: town.has_sent("before"))
    town.redis.kill()
    assert town.orders("meanwhile")[0] == 200
    assert town.fleet.get("/readyz") == 200
    town.redis.start()
    until("the message meanwhile", lambda: town.has_sent("meanwhile"))
    assert all_alive(town)


def test_a_database_that_fails_over_stops_no_process_and_loses_nothing(town: Town) -> None:
    assert town.orders("first")[0] == 200
    until("the first message", lambda: town.has_sent("first"))
    town.postgres.stop()
    assert town.orders("refused") == (503, "5")
    assert town.fleet.get("/readyz") == 503
    assert town.fleet.get("/livez") == 200
    town.postgres.start()
    until("acceptance", lambda: town.orders("refused")[0] == 200)
    until("the message", lambda: town.has_sent("refused"))
    assert all_alive(town)
    sent = Counter(str(mail.message["X-Dangol-Message-Id"]) for mail in town.mail.received)
    assert set(sent.values()) == {1}
