"""What a simulation finds out, on the real pipeline."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dangol.definitions.workspace import read_sources
from dangol.errors import ProblemsFound, UsageError
from dangol.simulate import part
from dangol.simulate.part import Variant
from dangol.simulate.report import html_report
from dangol.simulate.words import weeks_note
from dangol.surfaces.cli.simulate_tables import tell
from tests.integration.simulate.world import (
    QUIET,
    events_file,
    happened,
    people_file,
    simulated,
    workspace,
)
from tests.workspaces import NIGHT, ROOT, campaign, cap, note, scheduled

LIVELY = """
people:
  consents: {marketing: {email: 80%, sms: 60%, push: 50%}}
  past: {Order Completed: 0.5}
events:
  Checkout Started:
    rate: 6
    properties: {value: {from: 1000, to: 90000}}
    then: [{event: Order Completed, share: 50%, after: 2 hours, keeps: [value]}]
  Order Completed: {properties: {order_id: {id: order}}}
responses: [{open: 30%, click: 10%, purchase: 5%, after: 3 hours}]
costs: {sms: {per_segment: 20}, email: {per_thousand: 1000}}
limits: {email: {per_second: 0.001, per_day: 10}}
"""


def named(found: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for one in found["variants"][-1]["campaigns"] if one["key"] == key)


@pytest.fixture
def shop(tmp_path: Path) -> Variant:
    split = {"split": {"copy": {"plain": 50, "warm": 50}}, "plain": [note("email")], "warm": [note("push", "email")]}
    return workspace(
        tmp_path,
        campaign("cart", {"wait": "1 hour"}, split, event="Checkout Started", holdout="20%"),
        campaign("thanks", note("sms", "email", ref="thank"), goal={"event": "Order Completed", "within": "3 days"}),
        policies={"caps": [cap(2)], "quiet_hours": NIGHT},
    )


def test_two_runs_find_the_same(shop: Variant) -> None:
    first = simulated(shop, behaviour=LIVELY, people=60, days=2)
    assert first["variants"][0]["sent"] > 10
    assert simulated(shop, behaviour=LIVELY, people=60, days=2) == first


def test_one_and_two_processes_find_the_same(shop: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "_SMALLEST_PART", 40)
    one = simulated(shop, behaviour=LIVELY, people=90, days=2)
    assert simulated(shop, behaviour=LIVELY, people=90, days=2, processes=2) == one


def test_how_people_are_divided_changes_nobodys_luck(shop: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulated(shop, behaviour=LIVELY, people=60, days=2)
    monkeypatch.setattr(part, "_SMALLEST_PART", 25)
    assert simulated(shop, behaviour=LIVELY, people=60, days=2) == whole


def test_another_seed_finds_something_else(shop: Variant) -> None:
    found = [simulated(shop, behaviour=LIVELY, people=60, days=2, seed=seed)["variants"] for seed in (1, 2)]
    assert found[0] != found[1]


def test_the_answers_hold_together(shop: Variant) -> None:
    found = simulated(shop, behaviour=LIVELY, people=100, days=7)
    now = found["variants"][0]
    cart, thanks = named(found, "cart"), named(found, "thanks")
    assert now["sent"] == sum(now["sent_by_channel"].values()) == sum(one["sent"] for one in now["campaigns"])
    assert now["sent"] == sum(day["email"] + day["sms"] + day["push"] for day in now["volume"]["days"])
    assert len(now["volume"]["days"]) == 7
    assert sum(now["weeks"]["all"]) == found["people"] == 100
    assert now["people_reached"] + sum(one["people"] for one in now["nothing"]) == 100
    assert cart["refused"]["held_out"] > 0
    assert {group["group"] for group in cart["groups"]} >= {"all", "copy: plain", "copy: warm"}
    assert {group["group"] for group in thanks["groups"]} == {"all", "came_to_message"}
    assert cart["deferred"]["quiet_hours"]["mean_hours"] > 0
    assert now["cost"]["sms"] == 20 * now["segments"]
    assert now["cost"]["email"] == pytest.approx(now["sent_by_channel"]["email"])
    email = next(one for one in now["volume"]["limits"] if one["channel"] == "email")
    assert email["busiest_hour_takes_seconds"] == email["in_busiest_hour"] / 0.001
    assert email["hours_over"] > 0
    assert now["bought"] > 0
    assert now["samples"]


def test_a_campaign_that_takes_anothers_place_is_named(tmp_path: Path) -> None:
    shop = workspace(
        tmp_path,
        campaign("greedy", note(), priority=90),
        campaign("starved", {"wait": "1 hour"}, note(on_capped="drop"), priority=10),
        policies={"caps": [cap(1, key="weekly")]},
    )
    names = ["ada", "ben", "cho"]
    orders = events_file(tmp_path, *(happened(name, "Order Completed", 10, order_id="1") for name in names))
    found = simulated(shop, audience=people_file(tmp_path, names), events=orders)
    assert found["variants"][0]["competition"] == [
        {"campaign": "starved", "cap": "weekly", "refused": 3, "deferred": 0, "rerouted": 0, "held_by": {"greedy": 3}}
    ]
    assert named(found, "greedy")["sent"] == 3
    assert named(found, "starved")["refused"] == {"capped": 3}


def test_every_holder_of_a_slot_is_named_however_many_there_are(tmp_path: Path) -> None:
    rivals = [campaign(f"rival{number}", note(ref="it"), priority=90 - number) for number in range(6)]
    starved = campaign("starved", {"wait": "1 hour"}, note(on_capped="drop"), priority=10)
    shop = workspace(tmp_path, *rivals, starved, policies={"caps": [cap(6, key="weekly")]})
    order = events_file(tmp_path, happened("ada", "Order Completed", 10, order_id="1"))
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=order)
    console = Console(width=100, record=True, file=io.StringIO())
    tell(console, found)
    said, page = console.export_text(), html_report(found, "en")
    held = said.partition("Who takes whose place")[2].partition("Volume against")[0]
    for number in range(6):
        assert f"rival{number} 1" in held
        assert f"rival{number} 1</span>" in page


def test_who_gets_what_names_the_message_and_the_step(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note(ref="thank"), {"send": "letter", "channels": ["email"]}))
    calls = events_file(tmp_path, happened("ada", "Order Completed", 10, order_id="1"))
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=calls)
    steps = [(step["message"], step["step"]) for step in named(found, "thanks")["steps"]]
    assert sorted(steps) == [("letter", "0.1"), ("note", "thank")]
    [person] = found["variants"][0]["samples"]
    assert {line["message"] for line in person["lines"] if line["decision"] == "message_accepted"} == {"note", "letter"}


def test_hours_of_the_day_are_those_of_the_people(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    order = events_file(tmp_path, happened("ada", "Order Completed", 10, order_id="1"))
    people = people_file(tmp_path, ["ada"], timezone="America/New_York")
    hours = simulated(shop, audience=people, events=order)["variants"][0]["volume"]["hours_of_day"]
    assert [hour["hour"] for hour in hours if hour["email"]] == [20]


def test_events_happen_at_their_times(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", {"wait": "2 hours"}, note(ref="thank")))
    calls = events_file(tmp_path, happened("ada", "Order Completed", 10.1, order_id="1"))
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=calls)
    assert [step["first"] for step in named(found, "thanks")["steps"]] == ["2026-11-02T12:00+09:00"]


def test_an_exit_wins_over_a_message_due_at_the_same_instant(tmp_path: Path) -> None:
    shop = workspace(
        tmp_path,
        campaign("cart", {"wait": "2 hours"}, note(), event="Checkout Started", exit=["Order Completed"]),
    )
    calls = events_file(
        tmp_path,
        happened("ada", "Checkout Started", 10),
        happened("ada", "Order Completed", 12, order_id="1"),
        happened("ben", "Checkout Started", 10),
    )
    found = simulated(shop, audience=people_file(tmp_path, ["ada", "ben"]), events=calls)
    assert named(found, "cart")["sent"] == 1
    assert named(found, "cart")["ends"] == {"completed": 1, "exit_event": 1}


def test_events_from_before_the_start_are_history_and_begin_nothing(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("third", note(), where='count("Order Completed") == 3'))
    calls = [happened("ada", "Order Completed", hours, order_id=str(hours)) for hours in (-48, -24, 10)]
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=events_file(tmp_path, *calls))
    assert found["variants"][0]["events"] == {"Order Completed": 1}
    assert named(found, "third")["entries"] == 1


def test_old_events_are_moved_into_the_window_if_asked(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    calls = events_file(tmp_path, happened("ada", "Order Completed", -24 * 90 + 10, order_id="1"))
    people = people_file(tmp_path, ["ada"])
    unmoved = simulated(shop, audience=people, events=calls)
    assert unmoved["assumptions"]["notes"][0]["code"] == "note_outside"
    assert named(unmoved, "thanks")["sent"] == 0
    moved = simulated(shop, audience=people, events=calls, shift_events=True)
    assert [step["first"] for step in named(moved, "thanks")["steps"]] == ["2026-11-02T10:00+09:00"]


def test_events_that_nobody_will_notice_are_counted(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    calls = [happened(who, "Order Completed", 10, order_id="1") for who in ("ada", "ben", "cho")]
    calls += [happened("ben", "Order Completed", 11, order_id="2"), happened("ada", "Order Cmpleted", 12)]
    file = events_file(tmp_path, *calls)
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=file)
    notes = {note["code"]: note["values"] for note in found["assumptions"]["notes"]}
    assert notes["note_strangers"] == {"file": str(file), "events": 3, "people": 2}
    assert notes["note_unplanned"] == {"file": str(file), "names": "Order Cmpleted"}


@pytest.mark.parametrize(("days", "said"), [(14, None), (10, "last 3 days"), (3, "3 days")])
def test_days_that_make_no_week_are_told_of(tmp_path: Path, days: int, said: str | None) -> None:
    shop = workspace(tmp_path, scheduled("daily", note()))
    note_of_weeks = weeks_note(simulated(shop, people=2, days=days, grain=timedelta(hours=6)), "en")
    assert said in note_of_weeks if said else note_of_weeks == "Shares of all weeks of all people."


def test_without_an_audience_the_people_are_those_of_the_events(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    calls = [happened(name, "Order Completed", 10, order_id="1") for name in ("ada", "ben")]
    found = simulated(shop, events=events_file(tmp_path, *calls))
    assert (found["people"], named(found, "thanks")["entries"]) == (2, 2)


def test_consents_that_are_brought_count_and_no_others(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    consents = tmp_path / "consents.csv"
    rows = ["profile_id,channel,purpose,action,occurred_at", "ada,email,marketing,granted,2026-01-01T00:00:00Z"]
    consents.write_text("\n".join(rows))
    calls = [happened(name, "Order Completed", 10, order_id="1") for name in ("ada", "ben")]
    found = simulated(
        shop,
        audience=people_file(tmp_path, ["ada", "ben"]),
        consents=consents,
        events=events_file(tmp_path, *calls),
    )
    assert named(found, "thanks")["sent"] == 1
    assert found["variants"][0]["nothing"] == [{"reason": "consent_missing", "people": 1, "campaigns": {}}]


def test_a_purchase_after_a_message_is_about_what_the_journey_began_with(tmp_path: Path) -> None:
    cart = campaign(
        "cart",
        note(),
        event="Checkout Started",
        goal={"event": "Order Completed", "where": "event.value == entry.value", "within": "3 days"},
    )
    buying = QUIET + "events: {Order Completed: {}}\nresponses: [{purchase: 100%, after: 1 hour}]\n"
    calls = events_file(tmp_path, happened("ada", "Checkout Started", 10, value=4711))
    people = people_file(tmp_path, ["ada"])
    found = simulated(workspace(tmp_path, cart), behaviour=buying, audience=people, events=calls)
    assert named(found, "cart")["bought"] == 1
    assert named(found, "cart")["groups"][0] == {
        "group": "all",
        "journeys": 1,
        "converted": 1,
        "undecided": 0,
        "share": 1.0,
    }


def test_who_came_to_a_message_is_compared_with_who_was_held_out_from_one(tmp_path: Path) -> None:
    cart = campaign(
        "cart",
        {"wait": "2 hours"},
        note(),
        event="Checkout Started",
        holdout="50%",
        goal={"event": "Order Completed", "within": "2 days"},
    )
    shop = workspace(tmp_path, cart)
    names = [f"p{number}" for number in range(12)]
    calls = [happened(who, "Checkout Started", 10) for who in names]
    calls += [happened(who, "Order Completed", 11, order_id="1") for who in names[:3]]
    calls += [happened(who, "Order Completed", 20, order_id="2") for who in names[:7]]
    calls += [happened("late", "Checkout Started", 100)]
    found = simulated(shop, audience=people_file(tmp_path, [*names, "late"]), events=events_file(tmp_path, *calls))
    groups = {group["group"]: group for group in named(found, "cart")["groups"]}
    assert groups["all"]["journeys"] == 13
    assert groups["all"]["converted"] == 7
    assert groups["came_to_message"]["journeys"] + groups["held_out"]["journeys"] == 10
    assert groups["came_to_message"]["converted"] + groups["held_out"]["converted"] == 4
    assert groups["all"]["undecided"] == 1


def test_only_the_campaigns_that_are_named_run(tmp_path: Path) -> None:
    shop = workspace(tmp_path, scheduled("daily", note()), scheduled("other", note()))
    found = simulated(shop, people=5, days=2, campaigns=("daily",))
    assert [one["key"] for one in found["variants"][0]["campaigns"]] == ["daily"]
    assert named(found, "daily")["sent"] == 10
    with pytest.raises(UsageError, match="did you mean 'daily'"):
        simulated(shop, campaigns=("dayly",))


def test_bad_lines_are_told_all_at_once_with_file_and_line(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    people = tmp_path / "people.csv"
    people.write_text("profile_id,email\nada,ada@example.com\nben,nonsense\n")
    events = tmp_path / "events.jsonl"
    events.write_text('{"userId": "ada"}\nnot json\n')
    with pytest.raises(ProblemsFound) as found:
        simulated(shop, audience=people, events=events)
    told = str(found.value)
    assert f"{people}:3:1: error[invalid_email]" in told
    assert f"{events}:1:1:" in told
    assert f"{events}:2:1: error[malformed_json]" in told


def test_a_campaign_that_stays_empty_is_named_with_what_kept_it_so(tmp_path: Path) -> None:
    shop = workspace(
        tmp_path,
        campaign("rich", note(), where="event.value > 1000"),
        campaign("cart", note(), event="Checkout Started"),
        campaign("gift", note(), event="Gift Requested"),
        scheduled("yearly", note(), cron="0 10 1 6 *"),
        scheduled("nobody", note(), entry={"schedule": "0 12 * * *", "audience": "false"}),
        campaign("thanks", note()),
    )
    calls = events_file(tmp_path, happened("ada", "Order Completed", 10, order_id="1", value=5))
    found = simulated(shop, audience=people_file(tmp_path, ["ada"]), events=calls)
    assert {note["code"]: note["values"] for note in found["campaign_notes"]} == {
        "note_unmet": {"campaign": "rich", "event": "Order Completed", "times": 1},
        "note_never": {"names": "cart (`Checkout Started`), gift (`Gift Requested`)"},
        "note_unscheduled": {"names": "yearly"},
        "note_alone": {"names": "nobody"},
    }


def test_people_without_any_consent_are_told_of(tmp_path: Path) -> None:
    shop = workspace(tmp_path, campaign("thanks", note()))
    found = simulated(shop, behaviour="costs: {email: {per_message: 1}}", people=3, days=1)
    assert "note_consents" in [note["code"] for note in found["assumptions"]["notes"]]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_is_one_file_that_loads_nothing(tmp_path: Path, shop: Variant, language: Any) -> None:
    people = people_file(tmp_path, ["<script>alert(1)</script>"], email="ada@example.com")
    calls = events_file(tmp_path, happened("<script>alert(1)</script>", "Order Completed", 10, order_id="1"))
    html = html_report(simulated(shop, audience=people, events=calls), language)
    assert "<script" not in html
    assert "src=" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "&lt;script&gt;" in html
    assert f'<html lang="{language}">' in html
    assert html.count('<svg role="img"') == html.count("<desc>") == 3


def test_the_shipped_campaigns_run_with_the_shipped_behaviour() -> None:
    shop = Variant("now", read_sources(ROOT))
    shipped = (ROOT / "src/dangol/simulate/data/behaviour.yaml").read_text(encoding="utf-8")
    found = simulated(shop, behaviour=shipped, people=120, days=3)
    assert found["variants"][0]["entries"] > 0
    assert not any("render_failed" in one["refused"] for one in found["variants"][0]["campaigns"])


def test_parts_of_the_people_share_the_days_number_of_a_new_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"channel": "email", "starts": "2026-11-02", "per_day": [7, 11]}
    blast = scheduled("news", note("email"), entry={"schedule": "0 9 2 11 *", "audience": "true"})
    shop = workspace(tmp_path, blast, policies={"warm_up": [plan]})
    monkeypatch.setattr(part, "_SMALLEST_PART", 10)
    found = simulated(shop, people=30, days=4)["variants"][0]
    days = [day["email"] for day in found["volume"]["days"]]
    assert days[:2] == [7, 11]
    assert sum(days) == 30
    assert named({"variants": [found]}, "news")["deferred"]["warming_up"]["messages"] == 23


def test_addresses_that_are_no_more_are_refused_and_the_next_channel_follows(tmp_path: Path) -> None:
    step = note("email", "sms", on_failed="next_channel")
    shop = workspace(tmp_path, scheduled("news", step, entry={"schedule": "0 9 2 11 *", "audience": "true"}))
    found = simulated(shop, behaviour=QUIET + "dead: {email: 30%}\n", people=40, days=2)["variants"][0]
    dead = 40 - found["sent_by_channel"]["email"]
    assert 4 <= dead <= 20
    assert named({"variants": [found]}, "news")["rerouted"]["email: provider_refused"] == dead
    assert 0 < found["sent_by_channel"]["sms"] <= dead  # some have no telephone, or a law asks for more consent
