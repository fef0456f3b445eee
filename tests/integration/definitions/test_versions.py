"""Versions are immutable, named by their content, and read back as what they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, func, select

from dangol.clock import VirtualClock
from dangol.definitions.versions import Deployment, active, deploy, load, version_of
from dangol.definitions.workspace import Workspace, parse_workspace
from dangol.errors import UnknownVersion
from dangol.store.database import Database
from dangol.store.tables import blobs, deployments, versions
from tests.unit.definitions.samples import CAMPAIGN, SHARED, sources

THANKS = (
    CAMPAIGN.replace("key: cart", "key: thanks").replace("send: nudge", "send: thanks").replace("push, email", "sms")
)


def workspace(changed: dict[str, str] | None = None, **campaigns: str) -> Workspace:
    files = {**sources(**(campaigns or {"cart": CAMPAIGN, "thanks": THANKS})), **(changed or {})}
    found, problems = parse_workspace(files)
    assert found is not None, problems
    return found


def put(connection: Connection, clock: VirtualClock, wanted: Workspace) -> list[Deployment]:
    clock.advance(timedelta(minutes=1))
    return deploy(connection, wanted, at=clock.now(), by="tester")


def test_a_version_holds_what_decides_the_campaign_and_nothing_else() -> None:
    id_, manifest = version_of(workspace(), "cart")
    assert set(manifest) == {
        "campaigns/cart.yaml",
        "campaigns/journey-map.yaml",
        "campaigns/policies.yaml",
        "campaigns/tracking-plan.yaml",
        "templates/brand/voice.yaml",
        "templates/nudge/email.en.md.j2",
        "templates/nudge/email.ko.md.j2",
        "templates/nudge/push.ko.txt.j2",
    }
    assert len(id_) == 64
    segments = {"campaigns/segments.yaml": "segments: {}\n"}
    assert "campaigns/segments.yaml" in version_of(workspace(segments), "cart")[1]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("campaigns/cart.yaml", True),
        ("campaigns/policies.yaml", True),
        ("templates/brand/voice.yaml", True),
        ("templates/nudge/email.en.md.j2", True),
        ("templates/nudge/sms.ko.txt.j2", True),
        ("templates/nudge2/sms.ko.txt.j2", False),
        ("templates/thanks/sms.ko.txt.j2", False),
        ("campaigns/thanks.yaml", False),
    ],
)
def test_its_id_changes_with_its_own_content_only(path: str, changes: bool) -> None:
    before = workspace()
    after = workspace({path: before.sources.get(path, "") + "# changed\n"})
    assert (version_of(before, "cart") != version_of(after, "cart")) is changes


def test_its_id_is_a_pinned_function_of_the_content() -> None:
    assert version_of(workspace(), "cart")[0] == version_of(workspace(cart=CAMPAIGN), "cart")[0]


def test_deploying_the_same_content_again_does_nothing(database: Database, clock: VirtualClock) -> None:
    wanted = workspace()
    with database.write() as connection:
        first = put(connection, clock, wanted)
        assert [(one.campaign_key, one.replaced) for one in first] == [("cart", None), ("thanks", None)]
        assert put(connection, clock, wanted) == []
        assert active(connection) == {key: version_of(wanted, key)[0] for key in ("cart", "thanks")}
        assert _count(connection) == (9, 2, 2)


def test_only_what_changed_is_deployed_and_old_versions_stay(database: Database, clock: VirtualClock) -> None:
    old = workspace()
    new = workspace({"campaigns/cart.yaml": CAMPAIGN.replace("name: Cart", "name: Basket")})
    with database.write() as connection:
        put(connection, clock, old)
        assert put(connection, clock, new) == [
            Deployment("cart", version_of(new, "cart")[0], version_of(old, "cart")[0])
        ]
        assert _count(connection) == (10, 3, 3)
        assert put(connection, clock, old) == [
            Deployment("cart", version_of(old, "cart")[0], version_of(new, "cart")[0])
        ]
        assert _count(connection) == (10, 3, 4)
        assert active(connection)["cart"] == version_of(old, "cart")[0]


def test_a_campaign_that_left_the_workspace_is_taken_out_of_service(database: Database, clock: VirtualClock) -> None:
    both, one = workspace(), workspace(cart=CAMPAIGN)
    with database.write() as connection:
        put(connection, clock, both)
        gone = version_of(both, "thanks")[0]
        assert put(connection, clock, one) == [Deployment("thanks", None, gone)]
        assert set(active(connection)) == {"cart"}
        assert put(connection, clock, one) == []
        assert load(connection, gone).campaign == both.campaigns["thanks"]
        assert [change.campaign_key for change in put(connection, clock, both)] == ["thanks"]


def test_a_version_read_back_is_what_was_read_from_disk(database: Database, clock: VirtualClock) -> None:
    korean = SHARED["campaigns/policies.yaml"] + "quiet_hours: [{from: 21:00, to: 08:00}]\n"
    disk = workspace({"campaigns/policies.yaml": korean, "templates/brand/voice.yaml": "말투: 다정하게 😀\n"})
    with database.write() as connection:
        put(connection, clock, disk)
    with database.read() as connection:
        id_ = active(connection)["cart"]
        version = load(connection, id_)
    assert version.id == id_
    assert version.campaign == disk.campaigns["cart"]
    assert version.workspace == replace(
        disk,
        campaigns={"cart": disk.campaigns["cart"]},
        sources={path: disk.sources[path] for path in version_of(disk, "cart")[1]},
    )
    assert version_of(version.workspace, "cart")[0] == id_


def test_an_unknown_version_is_told(database: Database) -> None:
    with database.read() as connection, pytest.raises(UnknownVersion, match="holds no campaign version nope"):
        load(connection, "nope")


def test_a_version_that_this_release_cannot_read_is_told(database: Database, clock: VirtualClock) -> None:
    with database.write() as connection:
        put(connection, clock, workspace())
        id_ = active(connection)["cart"]
        path_hash = version_of(workspace(), "cart")[1]["campaigns/cart.yaml"]
        connection.execute(blobs.update().where(blobs.c.hash == path_hash).values(content="key: [\n"))
        with pytest.raises(UnknownVersion, match="deploy cart again"):
            load(connection, id_)


def test_deploying_many_campaigns_takes_few_statements(sqlite_database: Database, clock: VirtualClock) -> None:
    many = {f"c{number}": CAMPAIGN.replace("key: cart", f"key: c{number}") for number in range(40)}
    statements: list[str] = []
    event.listen(sqlite_database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with sqlite_database.write() as connection:
        assert len(put(connection, clock, workspace(**many))) == 40
    assert len(statements) <= 8


def _count(connection: Connection) -> tuple[int, ...]:
    tables = (blobs, versions, deployments)
    return tuple(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
