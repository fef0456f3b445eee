"""A database of any earlier release is brought to this one with its data in place, and means the same as before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.definitions.history import history
from dangol.ids import SeededEntropy
from dangol.ledger import reader
from dangol.model.vocabulary import Channel, Reason
from dangol.settings import Settings
from dangol.simulate.runner import Runner
from dangol.store.database import Database
from dangol.store.tables import INSERT_ONLY, consent_states, journeys, log, messages, metadata
from dangol.testing import FakeProvider
from tests.integration.store.conftest import bring_to
from tests.integration.store.earlier import NOW, fill, open_shop, revisions, tables_of, this_row
from tests.workspaces import campaign, cap, note, write_workspace

EARLIER = revisions()[:-1]


@pytest.mark.parametrize("revision", revisions())
def test_every_row_is_there_after_the_upgrade_as_it_was_and_no_more_changeable_than_before(
    unmigrated: Database, revision: str
) -> None:
    bring_to(unmigrated, revision)
    with unmigrated.write() as tx:
        before = fill(tx)
    unmigrated.migrate()
    with unmigrated.read() as tx:
        after = {table.name: _row(tx, table, before[table.name]) for table in tables_of(tx) if table.name in before}
    assert after.keys() == before.keys()
    for name, row in before.items():
        assert {column: after[name][column] for column in row} == row, name
    for name in sorted({table.name for table in INSERT_ONLY} & before.keys()):
        _refuses_changes(unmigrated, name)


def _refuses_changes(database: Database, name: str) -> None:
    column = metadata.tables[name].primary_key.columns[0].name
    for change in (f"DELETE FROM {name}", f"UPDATE {name} SET {column} = {column}"):
        with pytest.raises(DBAPIError, match="insert-only"), database.write() as tx:
            tx.exec_driver_sql(change)


def _row(tx: Connection, table: Table, wanted: dict[str, Any]) -> dict[str, Any]:
    row = tx.execute(select(table).where(*this_row(table, wanted))).one()
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row._mapping.items()}


@pytest.mark.parametrize("revision", EARLIER)
def test_a_shop_goes_on_where_it_was(unmigrated: Database, revision: str, tmp_path: Path) -> None:
    """The log reads the same to the byte, journeys wake, messages go out, caps count what was, a no stays no."""
    steps = {"wait": "1 hour"}, note()
    workspace = write_workspace(tmp_path / "shop", campaign("cart", *steps), policies={"caps": [cap(1)]})
    bring_to(unmigrated, revision)
    open_shop(unmigrated, workspace)
    before = _log(unmigrated)
    unmigrated.migrate()
    assert _log(unmigrated) == before
    clock, carrier = VirtualClock(NOW), FakeProvider()
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        database_url=unmigrated.url.render_as_string(hide_password=False),
        secret_key=SecretStr("s"),
    )
    providers = dict.fromkeys(Channel, carrier)
    with Dangol(settings, clock=clock, entropy=SeededEntropy("tests"), providers=providers) as dangol:
        Runner(dangol.pipeline, dangol.sweeper, clock, grain=timedelta(seconds=1)).run_until(NOW + timedelta(hours=2))
        with dangol.database.read() as tx:
            ended = {row.id: (row.end_reason, row.correlation, row.hops) for row in tx.execute(select(journeys))}
            reasons = {row.profile_id: row.reason for row in tx.execute(select(messages)) if row.id != "M-old"}
            (deployed,) = history(tx)
            numbers = tx.execute(select(log.c.seq).order_by(log.c.seq)).scalars().all()
    assert sorted(envelope.to for envelope in carrier.accepted) == ["ana@example.com", "dee@example.com"]
    assert (reasons["P-ben"], reasons["P-cho"]) == (Reason.CAPPED, Reason.CONSENT_WITHDRAWN)
    assert ended["J-ana"] == ("completed", "", 0)
    assert deployed.facts is None
    assert numbers == list(range(1, len(numbers) + 1))


def _log(database: Database) -> tuple[str, list[tuple[int, str]]]:
    """The log's digest, and its entries by number."""
    with database.read() as tx:
        return reader.digest(tx), [(row.seq, row.id) for row in tx.execute(select(log.c.seq, log.c.id))]


def test_a_consent_of_the_first_release_rests_on_its_row_of_the_ledger(unmigrated: Database, tmp_path: Path) -> None:
    bring_to(unmigrated, "0001")
    open_shop(unmigrated, write_workspace(tmp_path / "shop", campaign("cart", note())))
    unmigrated.migrate()
    with unmigrated.read() as tx:
        rows = {row.profile_id: row for row in tx.execute(select(consent_states))}
    assert (rows["P-ana"].status, rows["P-ana"].proven, rows["P-ana"].since) == ("granted", True, NOW)
    assert (rows["P-cho"].status, rows["P-cho"].since) == ("withdrawn", None)
