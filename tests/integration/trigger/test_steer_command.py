"""``dangol pause``, ``resume`` and ``stop``: what an operator sees, and what the log keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from dangol.bootstrap import Dangol
from dangol.errors import DangolError, UnknownCampaign, UnknownProfile, UsageError
from dangol.ledger.reader import Filter, history
from dangol.model.people import IncomingEvent, ProfileChange
from dangol.settings import Settings
from dangol.store.tables import journeys
from tests.commands import app
from tests.workspaces import campaign, note, write_workspace


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with one person on a journey of ``cart``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DANGOL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DANGOL_OPERATOR", "kim")
    settings = Settings()
    with Dangol(settings) as dangol:
        cart = campaign("cart", {"wait": "2 hours"}, note(), event="Checkout Started")
        dangol.deploy(by="tests", root=write_workspace(tmp_path / "shop", cart))
        dangol.pipeline.identify([ProfileChange("ana", email="ana@example.com")])
        dangol.pipeline.ingest([IncomingEvent("m1", "ana", "Checkout Started", {}, dangol.clock.now(), "tests")])
    return settings


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def decided(settings: Settings) -> list[tuple[str, dict[str, object]]]:
    with Dangol(settings) as dangol, dangol.database.read() as tx:
        return [(entry.decision, dict(entry.evidence)) for entry in history(tx, Filter())][1:]


def test_a_campaign_is_paused_and_resumed_with_who_and_why_on_record(shop: Settings) -> None:
    assert run("pause", "cart", "--note", "a wrong price") == "cart is paused\n"
    assert run("pause", "cart") == "cart is already paused\n"
    assert run("resume", "cart") == "cart is running\n"
    assert decided(shop) == [
        ("campaign_paused", {"by": "kim", "note": "a wrong price"}),
        ("campaign_resumed", {"by": "kim", "note": ""}),
    ]


def test_stopping_tells_how_many_journeys_ended(shop: Settings) -> None:
    assert run("stop", "cart") == "cart is stopped; 1 journey ended\n"
    assert [decision for decision, _ in decided(shop)] == ["campaign_stopped", "journey_ended"]


def test_one_persons_journeys_are_steered_by_profile(shop: Settings) -> None:
    assert run("pause", "--profile", "ana") == "1 journey of ana: paused\n"
    assert run("resume", "cart", "--profile", "ana") == "1 journey of ana in cart: running\n"
    assert run("stop", "cart", "--profile", "ana") == "1 journey of ana in cart: stopped\n"
    assert run("stop", "cart", "--profile", "ana") == "0 journeys of ana in cart: stopped\n"


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (("pause",), UsageError, "say which campaign to pause"),
        (("stop", "carts"), UnknownCampaign, "no campaign `carts` was ever in service; did you mean `cart`?"),
        (("pause", "--profile", "bob"), UnknownProfile, "no profile has the id 'bob'"),
        (("pause", "carts", "--profile", "ana"), UnknownCampaign, "did you mean `cart`?"),
    ],
)
def test_what_cannot_be_steered_is_told(
    shop: Settings, arguments: tuple[str, ...], error: type[DangolError], told: str
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, error)
    assert told in str(result.exception)
    assert result.exception.exit_code == 2


def test_of_two_carts_one_is_steered_by_its_journey(shop: Settings) -> None:
    with Dangol(shop) as dangol:
        entry = {"event": "Checkout Started", "key": "event.cart_id", "again": "always"}
        both = campaign("carts", {"wait": "2 hours"}, note(), entry=entry)
        dangol.deploy(by="tests", root=write_workspace(shop.home / "two", both))
        now = dangol.clock.now()
        told = [IncomingEvent(cart, "ana", "Checkout Started", {"cart_id": cart}, now, "tests") for cart in ("a", "b")]
        dangol.pipeline.ingest(told)
        with dangol.database.read() as tx:
            rows = tx.execute(select(journeys).where(journeys.c.campaign_key == "carts")).all()
    one, other = (row.id for row in rows)
    assert run("pause", "--journey", one) == "1 journey: paused\n"
    with Dangol(shop) as dangol, dangol.database.read() as tx:
        statuses = {row.id: row.status for row in tx.execute(select(journeys))}
    assert (statuses[one], statuses[other]) == ("paused", "waiting")
    assert run("resume", "--journey", one) == "1 journey: running\n"
    for arguments, why in (((), "no campaign and no --profile"), (("nope",), "there is no journey 'nope'")):
        result = CliRunner().invoke(app, ["stop", "--journey", *(arguments or (one, "--profile", "ana"))])
        assert isinstance(result.exception, UsageError)
        assert why in str(result.exception)
