"""A database of the release before is brought to this one with its data in place, and its journeys go on."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Connection, text

from dangol.bootstrap import Dangol
from dangol.clock import VirtualClock
from dangol.consent import ledger
from dangol.consent.folding import fold, holding
from dangol.definitions import versions
from dangol.definitions.history import history
from dangol.definitions.workspace import load_workspace
from dangol.ids import SeededEntropy
from dangol.model.vocabulary import Basis, Channel, Purpose
from dangol.settings import Settings
from dangol.simulate.runner import Runner
from dangol.store import database as module
from dangol.store.database import Database
from dangol.store.tables import blobs, journeys
from dangol.store.types import to_text
from dangol.testing import FakeProvider
from tests.conftest import POSTGRES, service_missing
from tests.workspaces import campaign, note, write_workspace

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
EMAIL_MARKETING = (Channel.EMAIL, Purpose.MARKETING)
MIGRATIONS = Path(module.__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database as the first release made it."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
        yield _first_schema(database)
        database.close()
        return
    name = f"dangol_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    except psycopg.OperationalError as error:
        service_missing("PostgreSQL (DANGOL_TEST_POSTGRES_URL)", error)
    database = Database(POSTGRES.rsplit("/", 1)[0] + f"/{name}")
    yield _first_schema(database)
    database.close()
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def _first_schema(database: Database) -> Database:
    return _upgraded(database, "0001")


def _upgraded(database: Database, revision: str) -> Database:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return database


def _fill(database: Database, workspace_root: Path) -> None:
    """A customer who waits on a journey, written with the columns that there were."""
    workspace = load_workspace(workspace_root)
    version_id, manifest = versions.version_of(workspace, "cart")
    at, soon = to_text(NOW), to_text(NOW + timedelta(hours=1))
    with database.write() as tx:
        for path, hash_ in manifest.items():
            tx.execute(blobs.insert().values(hash=hash_, content=workspace.sources[path]))
        for statement, values in (
            (
                "INSERT INTO versions (id, campaign_key, manifest, created_at, created_by) "
                "VALUES (:id, 'cart', :manifest, :at, 'kim')",
                {"id": version_id, "manifest": json.dumps(manifest), "at": at},
            ),
            (
                "INSERT INTO deployments (campaign_key, version_id, deployed_at, deployed_by) "
                "VALUES ('cart', :id, :at, 'kim')",
                {"id": version_id, "at": at},
            ),
            (
                "INSERT INTO profiles (id, external_id, email, locale, timezone, attributes, created_at, updated_at) "
                "VALUES ('P1', 'ana', 'ana@example.com', 'en', 'Asia/Seoul', '{}', :at, :at)",
                {"at": at},
            ),
            (
                "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at) "
                "VALUES ('P1', 'email', 'marketing', true, 'C1', :at)",
                {"at": at},
            ),
            (
                "INSERT INTO journeys (id, campaign_key, version_id, profile_id, entry_key, status, position, wake_at, "
                "entered_at) VALUES ('J1', 'cart', :id, 'P1', 'E1', 'waiting', '0.1', :soon, :at)",
                {"id": version_id, "at": at, "soon": soon},
            ),
        ):
            tx.execute(text(statement), values)
        key = text("INSERT INTO profile_keys (profile_id, key) VALUES ('P1', :key)")
        tx.execute(key, {"key": b"k" * 64})


def test_journeys_of_the_release_before_go_on(old: Database, tmp_path: Path) -> None:
    workspace = write_workspace(tmp_path / "shop", campaign("cart", {"wait": "1 hour"}, note()))
    _fill(old, workspace)
    clock, carrier = VirtualClock(NOW), FakeProvider()
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        database_url=old.url.render_as_string(hide_password=False),
        secret_key=SecretStr("s"),
    )
    providers = dict.fromkeys(Channel, carrier)
    with Dangol(settings, clock=clock, entropy=SeededEntropy("tests"), providers=providers) as dangol:
        Runner(dangol.pipeline, dangol.sweeper, clock, grain=timedelta(seconds=1)).run_until(NOW + timedelta(hours=2))
        with dangol.database.read() as tx:
            (journey,) = tx.execute(journeys.select()).all()
        with dangol.database.read() as tx:
            (deployed,) = history(tx)
    assert [envelope.to for envelope in carrier.accepted] == ["ana@example.com"]
    assert deployed.facts is None
    assert (journey.end_reason, journey.correlation, journey.hops) == ("completed", "", 0)


def _said_of_old(tx: Connection, person: str, said: Sequence[tuple[str, int, str, bool]]) -> None:
    """What the release before knew of one person: rows of its ledger, and the last of them as the state."""
    rows = [
        {
            "id": f"{person}-{number:02}",
            "person": person,
            "action": action,
            "basis": basis,
            "wording": "Yes, write to me." if worded else "",
            "at": to_text(NOW + timedelta(days=day)),
        }
        for number, (action, day, basis, worded) in enumerate(said)
    ]
    for row in rows:
        tx.execute(
            text(
                "INSERT INTO consents (id, profile_id, channel, purpose, action, basis, source, wording, occurred_at, "
                "recorded_at) VALUES (:id, :person, 'email', 'marketing', :action, :basis, 'web', :wording, :at, :at)"
            ),
            row,
        )
    last = max(rows, key=lambda row: (row["at"], row["action"] == "withdrawn", row["id"]))
    tx.execute(
        text(
            "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at) "
            "VALUES (:person, 'email', 'marketing', :granted, :id, :at)"
        ),
        {"granted": last["action"] == "granted", **{name: last[name] for name in ("person", "id", "at")}},
    )


def test_states_of_the_release_before_tell_what_the_fold_of_their_rows_tells(old: Database) -> None:
    """Hundreds of pasts: bases and evidence of every strength, withdrawals between, and several at one instant."""
    draws = random.Random(5)
    bases = [basis.value for basis in Basis] + ["contract"]
    _upgraded(old, "0004")
    with old.write() as tx:
        for number in range(300):
            said = [
                (
                    draws.choice(["granted", "granted", "withdrawn"]),
                    draws.randrange(6),
                    draws.choice(bases),
                    number % 2 == 0 or draws.random() < 0.5,
                )
                for _ in range(draws.randrange(1, 7))
            ]
            _said_of_old(tx, f"P{number:03}", said)
    old.migrate()
    with old.read() as tx:
        people = [f"P{number:03}" for number in range(300)]
        told = {one: states[EMAIL_MARKETING] for one, states in ledger.states(tx, people).items()}
        folded = {one: holding(fold(past))[*EMAIL_MARKETING, ""] for one, past in ledger.pasts(tx, people).items()}
    assert told == folded
    assert any(state.granted and state.since != state.confirmed_at for state in told.values())
    assert any(state.granted and state.occurred_at < NOW + timedelta(days=5) for state in told.values())


def test_a_state_without_rows_is_kept_and_proves_nothing(old: Database) -> None:
    _upgraded(old, "0004")
    at = to_text(NOW)
    with old.write() as tx:
        tx.execute(
            text(
                "INSERT INTO consent_states (profile_id, channel, purpose, granted, consent_id, occurred_at) "
                "VALUES ('P1', 'email', 'marketing', true, 'C1', :at)"
            ),
            {"at": at},
        )
    old.migrate()
    with old.read() as tx:
        state = ledger.states(tx, ["P1"])["P1"][EMAIL_MARKETING]
    assert (state.granted, state.consent_id, state.proven, state.since, state.confirmed_at) == (
        True,
        "C1",
        False,
        NOW,
        NOW,
    )
