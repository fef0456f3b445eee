"""People of an installation: their consents, slots and journeys count, and its database is only read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.errors import DangolError
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Channel
from dangol.settings import Settings
from dangol.simulate.crowd import Stored, reading
from dangol.store.database import Database
from dangol.store.tables import metadata
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.integration.simulate.world import START, simulated, workspace
from tests.workspaces import campaign, cap, note, scheduled

CAPS = {"caps": [cap(1, "rolling 3 days")]}


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Any:
    clock, carrier = VirtualClock(START - timedelta(hours=20)), FakeProvider()
    url = database.url.render_as_string(hide_password=False)
    settings = Settings(home=tmp_path / "home", database_url=url)
    with Dangol(settings, clock=clock, entropy=SeededEntropy("t"), providers=dict.fromkeys(Channel, carrier)) as dangol:
        yield House(dangol, clock, carrier, tmp_path)


def url_of(house: House) -> str:
    return house.database.url.render_as_string(hide_password=False)


def everything(database: Database) -> dict[str, list[Any]]:
    with database.read() as tx:
        return {
            name: sorted(map(repr, tx.execute(select(table)).all())) for name, table in sorted(metadata.tables.items())
        }


def test_real_people_are_simulated_and_nothing_is_written_to_their_database(house: House, tmp_path: Path) -> None:
    house.opens_with(campaign("thanks", note(), {"wait": "2 days"}, note(ref="again")), policies=CAPS)
    house.knows("ada", "ben", "cho", "dan")
    house.withdraws("ben", Channel.EMAIL)
    house.bounces(Channel.EMAIL, "cho@example.com")
    house.orders("dan")
    house.work()
    before = everything(house.database)
    shop = workspace(tmp_path, scheduled("daily", note()), policies=CAPS)
    found = simulated(shop, database_url=url_of(house), days=1)
    assert everything(house.database) == before
    (daily,) = [one for one in found["variants"][0]["campaigns"] if one["key"] == "daily"]
    assert found["people"] == daily["entries"] == 4
    assert daily["sent"] == 1  # ada
    assert daily["refused"] == {"address_suppressed": 1, "capped": 1, "consent_withdrawn": 1}
    (rival,) = found["variants"][0]["competition"]
    assert (rival["campaign"], rival["held_by"]) == ("daily", {"thanks": 1})


def test_journeys_on_their_way_go_on_in_the_simulation_alone(house: House, tmp_path: Path) -> None:
    house.opens_with(campaign("thanks", {"wait": "2 days"}, note()))
    house.knows("ada")
    house.orders("ada")
    house.work()
    shop = workspace(tmp_path, scheduled("other", note(), cron="0 12 1 1 *"))
    found = simulated(shop, database_url=url_of(house), days=3)
    (thanks,) = [one for one in found["variants"][0]["campaigns"] if one["key"] == "thanks"]
    assert thanks["sent"] == 1
    assert house.sent == []


def test_people_who_were_erased_are_left_out_with_all_their_rows(house: House, tmp_path: Path) -> None:
    house.opens_with(campaign("thanks", {"wait": "2 days"}, note()))
    house.knows("ada", "ben")
    house.orders("ada", "ben")
    house.work()
    house.erases("ada")
    found = simulated(workspace(tmp_path, scheduled("daily", note())), database_url=url_of(house), days=1)
    (daily,) = [one for one in found["variants"][0]["campaigns"] if one["key"] == "daily"]
    assert found["people"] == daily["sent"] == 1


def test_a_connection_for_reading_cannot_write(house: House) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"), reading(url_of(house)) as tx:
        tx.exec_driver_sql("DELETE FROM leases")


def test_a_database_of_another_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    database = Database(f"sqlite:///{path}")
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE profiles (id TEXT)")
    database.close()
    with pytest.raises(DangolError, match="dangol migrate"):
        Stored(f"sqlite:///{path}").parts(10)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DangolError, match="there is no file"):
        Stored(f"sqlite:///{tmp_path / 'none.sqlite3'}").parts(10)
    assert not (tmp_path / "none.sqlite3").exists()


def test_the_password_is_not_shown() -> None:
    assert "geheim" not in repr(Stored("postgresql://a:geheim@localhost/x", secret="geheim"))
