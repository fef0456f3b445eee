"""What carriers report changes states, slots, suppressions and consents as far as it proves something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dangol.consent import ledger
from dangol.model.message import Refused, Unknown
from dangol.model.vocabulary import Channel, Purpose, Scope
from dangol.store.tables import consents, events, feedback, messages, suppressions
from tests.integration.pipeline.house import House
from tests.integration.pipeline.reports import became, comes, later, report
from tests.workspaces import TRACKING_PLAN, campaign, note

LETTERS = campaign("letters")
TEXTS = campaign("texts", note("sms"), event="Checkout Started")


@pytest.fixture
def shop(house: House) -> House:
    """Kim got a letter, which the carrier took."""
    house.opens_with(LETTERS, TEXTS).knows("kim").orders("kim")
    house.work()
    house.clock.advance(timedelta(minutes=1))
    return house


def state(house: House) -> str:
    (message,) = house.messages
    return message.state


def causes(house: House) -> list[str]:
    return [row.cause for row in house.rows(suppressions) if row.lifted_at is None]


def agrees(house: House, channel: Channel = Channel.EMAIL, who: str = "kim") -> bool:
    with house.database.read() as tx:
        held = ledger.states(tx, [house.id_of(who)])[house.id_of(who)].get((channel, Purpose.MARKETING))
    return held is not None and held.granted


def mine(house: House, channel: Channel = Channel.EMAIL) -> dict[str, Any]:
    return {"address": "kim@example.com" if channel is Channel.EMAIL else house.carrier.accepted[-1].to}


def test_what_arrived_is_delivered_and_the_log_says_who_reported_it(shop: House) -> None:
    comes(shop, report(shop, "delivered"))
    assert state(shop) == "delivered"
    assert shop.told("message_")[-1] == ("message_delivered", "reported")
    assert shop.log("message_delivered")[0].evidence == {"provider": "sendgrid"}


@pytest.mark.parametrize("late", ["processed", "sent", "deferred"])
def test_a_late_sent_never_undoes_delivered(shop: House, late: str) -> None:
    comes(shop, report(shop, "delivered"))
    before = shop.told()
    comes(shop, report(shop, late))
    assert (state(shop), shop.told()) == ("delivered", before)


def test_what_came_back_after_it_was_delivered_has_bounced(shop: House) -> None:
    comes(shop, report(shop, "delivered"))
    comes(shop, report(shop, "bounced", finding="soft"))
    assert state(shop) == "bounced"


def test_delivered_never_undoes_bounced(shop: House) -> None:
    comes(shop, report(shop, "bounced", finding="soft"))
    comes(shop, report(shop, "delivered"))
    assert state(shop) == "bounced"


@pytest.mark.parametrize("kind", ["failed", "bounced"])
def test_what_the_carrier_took_counts_under_caps_also_if_it_comes_back_later(shop: House, kind: str) -> None:
    (before,) = shop.slots
    comes(shop, report(shop, kind))
    assert (state(shop), shop.slots) == (kind, [before])


@pytest.mark.parametrize(("kind", "counts"), [("delivered", True), ("bounced", True), ("failed", False)])
def test_what_was_refused_counts_only_if_the_carrier_had_it_after_all(house: House, kind: str, counts: bool) -> None:
    house.carrier.script("kim@example.com", Refused(permanent=True, detail="no such mailbox"))
    house.opens_with(LETTERS).knows("kim").orders("kim")
    house.work()
    assert house.slots == []
    comes(house, report(house, kind))
    assert bool(house.slots) is counts


@pytest.mark.parametrize("order", [("delivered", "bounced"), ("bounced", "delivered")])
def test_a_slot_is_kept_in_whatever_order_reports_come(shop: House, order: tuple[str, str]) -> None:
    (before,) = shop.slots
    for kind in order:
        comes(shop, report(shop, kind))
    assert shop.slots == [before]


@pytest.mark.parametrize(
    ("kind", "settled"),
    [("processed", "accepted"), ("delivered", "delivered"), ("opened", "delivered"), ("bounced", "bounced")],
)
def test_an_unknown_is_settled_by_what_the_carrier_reports(house: House, kind: str, settled: str) -> None:
    house.carrier.script("kim@example.com", Unknown("no answer"))
    house.opens_with(LETTERS).knows("kim").orders("kim")
    house.work()
    assert state(house) == "unknown"
    comes(house, report(house, kind))
    assert state(house) == settled
    assert house.told("message_accepted") == [("message_accepted", "reported")]
    assert len(house.carrier.handed_over) == 1


def test_a_message_that_is_to_be_tried_again_is_not_sent_once_it_is_known_to_have_arrived(shop: House) -> None:
    shop.carrier.script("lee@example.com", Refused(permanent=False, detail="busy"))
    shop.knows("lee").orders("lee")
    shop.work()
    (tried,) = [place for place, row in enumerate(shop.messages) if row.state == "planned"]
    comes(shop, report(shop, "delivered", message=tried))
    later(shop, hours=1)
    assert [row.state for row in shop.messages] == ["accepted", "delivered"]
    assert len(shop.carrier.handed_over) == 2


def test_a_report_about_a_message_that_never_left_the_house_changes_nothing(house: House) -> None:
    house.opens_with(campaign("later", {"wait": "1 hour"}, note())).knows("kim").orders("kim")
    house.pass_time(timedelta(hours=1))
    with house.database.write() as tx:
        tx.execute(update(messages).values(state="cancelled", attempt=0))
    comes(house, report(house, "delivered"))
    assert (state(house), became(house)) == ("cancelled", ["contradicted"])


def test_a_report_that_overtakes_our_own_writing_waits_for_it(shop: House) -> None:
    with shop.database.write() as tx:
        tx.execute(update(messages).values(state="sending", lease_until=shop.clock.now() + timedelta(minutes=10)))
    comes(shop, report(shop, "delivered"))
    assert (state(shop), became(shop)) == ("sending", [None])
    with shop.database.write() as tx:
        tx.execute(update(messages).values(state="accepted", lease_until=None))
    later(shop, seconds=10)
    assert (state(shop), became(shop)) == ("delivered", ["applied"])


def test_a_message_is_found_by_the_carriers_own_id(shop: House) -> None:
    with shop.database.write() as tx:
        tx.execute(update(messages).values(provider="sendgrid", provider_reference="X1"))
    comes(shop, report(shop, "delivered", message_id="", reference="X1"))
    assert (state(shop), shop.rows(feedback)[0].message_id) == ("delivered", shop.messages[0].id)


def test_a_carriers_id_that_several_messages_have_names_none(shop: House) -> None:
    shop.orders("kim")
    shop.work()
    with shop.database.write() as tx:
        tx.execute(update(messages).values(provider="sendgrid", provider_reference="X1"))
    comes(shop, report(shop, "delivered", message_id="", reference="X1"))
    assert {row.state for row in shop.messages} == {"accepted"}


def test_a_message_that_nobody_knows_is_looked_for_and_then_given_up(shop: House) -> None:
    comes(shop, report(shop, "delivered", message_id="0" * 26))
    assert became(shop) == [None]
    later(shop, hours=2)
    assert became(shop) == ["unmatched"]


def test_what_is_reported_twice_is_known(shop: House) -> None:
    assert comes(shop, report(shop, "delivered"), report(shop, "delivered")) == 1
    before = shop.told()
    assert comes(shop, report(shop, "delivered")) == 0
    assert shop.told() == before


# Addresses and consents.


@pytest.mark.parametrize(
    ("kind", "finding", "cause"),
    [
        ("bounced", "hard", "hard_bounce"),
        ("failed", "invalid", "invalid"),
        ("complained", "complained", "complaint"),
        ("unsubscribed", "opted_out", "stop"),
    ],
)
def test_a_dead_or_unwilling_address_is_left_alone_at_once(shop: House, kind: str, finding: str, cause: str) -> None:
    comes(shop, report(shop, kind, finding=finding, **mine(shop)))
    assert causes(shop) == [cause]
    shop.orders("kim")
    shop.work()
    assert [row.state for row in shop.messages][1:] == ["suppressed"]


@pytest.mark.parametrize("finding", ["blocked", ""])
def test_a_message_turned_away_for_what_it_is_says_nothing_about_the_address(shop: House, finding: str) -> None:
    comes(shop, report(shop, "bounced", finding=finding, **mine(shop)))
    assert causes(shop) == []


@pytest.mark.parametrize(("kind", "finding"), [("complained", "complained"), ("unsubscribed", "opted_out")])
def test_who_complains_or_unsubscribes_takes_back_marketing_by_email_only(shop: House, kind: str, finding: str) -> None:
    comes(shop, report(shop, kind, finding=finding, **mine(shop)))
    assert (agrees(shop), agrees(shop, Channel.SMS)) == (False, True)
    (withdrawn,) = [row for row in shop.rows(consents) if row.action == "withdrawn"]
    assert (withdrawn.channel, withdrawn.purpose, withdrawn.source) == ("email", "marketing", f"sendgrid:{kind}")


def test_who_said_stop_to_the_carrier_gets_no_more_texts(house: House) -> None:
    house.opens_with(TEXTS).knows("kim").happens("Checkout Started", "kim")
    house.work()
    comes(
        house,
        report(
            house, "failed", provider="twilio", channel=Channel.SMS, finding="opted_out", detail="21610",
            address=house.carrier.accepted[-1].to,
        ),
    )  # fmt: skip
    (held,) = house.rows(suppressions)
    assert (held.cause, held.scope, held.source) == ("stop", Scope.PROMPTED.value, "sms:twilio")
    assert (agrees(house, Channel.SMS), agrees(house)) == (False, True)


def test_a_complaint_about_a_message_that_nobody_knows_is_obeyed_all_the_same(shop: House) -> None:
    comes(shop, report(shop, "complained", message_id="0" * 26, finding="complained", **mine(shop)))
    assert causes(shop) == ["complaint"]
    later(shop, hours=2)
    assert (causes(shop), len(shop.log("suppression_added"))) == (["complaint"], 1)


def letters(house: House, kind: str, days: int, **others: Any) -> None:
    """On each of these days kim gets a letter, of which this is reported."""
    for _ in range(days):
        house.orders("kim")
        house.work()
        number = max(range(len(house.messages)), key=lambda place: house.messages[place].planned_at)
        comes(house, report(house, kind, message=number, id=f"{kind}-{house.clock.now()}", **mine(house), **others))
        house.sleep(timedelta(days=1))


def test_an_address_out_of_reach_five_times_in_a_row_over_three_days_is_left_alone(house: House) -> None:
    house.opens_with(LETTERS).knows("kim")
    letters(house, "bounced", 4, finding="soft")
    assert causes(house) == []
    letters(house, "bounced", 1, finding="soft")
    assert causes(house) == ["soft_bounce"]


def test_a_delivery_ends_a_row_of_soft_bounces(house: House) -> None:
    house.opens_with(LETTERS).knows("kim")
    letters(house, "bounced", 4, finding="soft")
    letters(house, "delivered", 1)
    letters(house, "bounced", 4, finding="soft")
    assert causes(house) == []


def test_five_soft_bounces_in_one_day_are_a_bad_day(house: House) -> None:
    house.opens_with(LETTERS).knows("kim")
    for number in range(5):
        house.orders("kim")
        house.work()
        comes(house, report(house, "bounced", message=number, id=f"b{number}", finding="soft", **mine(house)))
    assert causes(house) == []


def test_an_address_is_reached_again_once_a_message_arrives_there(house: House) -> None:
    house.opens_with(LETTERS).knows("kim")
    letters(house, "bounced", 5, finding="soft")
    comes(house, report(house, "delivered", message=0, **mine(house)))
    assert causes(house) == []
    assert house.told("suppression_lifted") == [("suppression_lifted", "reported")]


# Journeys hear of it.


def listening(*names: str) -> dict[str, Any]:
    return {"events": {**TRACKING_PLAN["events"], **{name: {"message": "string", "url": "string"} for name in names}}}


@pytest.fixture
def attentive(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A shop whose tracking plan lists deliveries, openings and clicks."""
    names = ("Message Delivered", "Message Opened", "Message Clicked", "Message Opened By Machine")
    monkeypatch.setitem(TRACKING_PLAN, "events", listening(*names)["events"])
    return house


def waits_for(event: str) -> dict[str, Any]:
    waits = {"wait_for": {"event": event, "within": "1 day"}, "then": [{"send": "letter", "channels": ["email"]}]}
    return campaign("letters", note(), waits)


def test_a_journey_goes_on_when_its_message_is_opened(attentive: House) -> None:
    attentive.opens_with(waits_for("Message Opened")).knows("kim").orders("kim")
    attentive.work()
    at = attentive.clock.now().replace(microsecond=0)
    comes(attentive, report(attentive, "opened", at=at))
    assert len(attentive.sent) == 2
    (event,) = [row for row in attentive.rows(events) if row.name == "Message Opened"]
    (opened,) = [row for row in attentive.messages if row.state == "delivered"]
    assert event.properties == {
        "message": "note",
        "message_id": opened.id,
        "campaign": "letters",
        "stage": "loyalty",
        "step": "0.0",
        "channel": "email",
        "machine": False,
    }


def test_a_machine_that_opens_a_message_is_not_the_person(attentive: House) -> None:
    attentive.opens_with(waits_for("Message Opened")).knows("kim").orders("kim")
    attentive.work()
    comes(attentive, report(attentive, "opened", machine=True))
    assert len(attentive.sent) == 1
    assert {row.name for row in attentive.rows(events)} == {"Order Completed", "Message Opened By Machine"}
    assert attentive.log("message_opened")[0].evidence["machine"] is True


def test_a_click_as_fast_as_the_delivery_is_a_scanners(attentive: House) -> None:
    attentive.opens_with(waits_for("Message Clicked")).knows("kim").orders("kim")
    attentive.work()
    attentive.clock.advance(timedelta(minutes=1))
    now = attentive.clock.now()
    comes(attentive, report(attentive, "clicked", at=now - timedelta(seconds=9), url="https://shop.example/"))
    assert became(attentive) == [None]
    comes(attentive, report(attentive, "delivered", at=now - timedelta(seconds=10)))
    later(attentive, seconds=10)
    assert became(attentive) == ["applied", "applied"]
    assert (len(attentive.sent), attentive.log("message_clicked")[0].evidence["machine"]) == (1, True)


def test_a_click_whose_delivery_nobody_reports_is_the_persons(attentive: House) -> None:
    attentive.opens_with(waits_for("Message Clicked")).knows("kim").orders("kim")
    attentive.work()
    comes(attentive, report(attentive, "clicked", url="https://shop.example/"))
    later(attentive, minutes=2)
    assert len(attentive.sent) == 2


def test_events_that_no_tracking_plan_lists_are_not_made(shop: House) -> None:
    comes(shop, report(shop, "delivered"), report(shop, "opened"))
    assert [row.name for row in shop.rows(events)] == ["Order Completed"]


def test_messages_that_set_one_another_off_are_cut_short(attentive: House) -> None:
    attentive.opens_with(LETTERS, campaign("again", event="Message Delivered")).knows("kim").orders("kim")
    attentive.work()
    for number in range(12):
        open_ones = [place for place, row in enumerate(attentive.messages) if row.state == "accepted"]
        comes(attentive, *(report(attentive, "delivered", message=one, id=f"{number}-{one}") for one in open_ones))
        attentive.sleep(timedelta(minutes=1))
    assert len(attentive.sent) == 9
    assert attentive.told("event_refused") == [("event_refused", "too_many_hops")]


# People who are gone, and rows that are old.


def test_of_a_report_about_somebody_erased_only_that_it_came_is_kept(shop: House) -> None:
    shop.pipeline.erase("kim", by="tests")
    before = len(shop.log())
    comes(shop, report(shop, "clicked", url="https://shop.example/", reference="X1", **mine(shop)))
    (row,) = shop.rows(feedback)
    assert (row.became, row.message_id, row.reference, row.url, row.address_hash) == ("erased", None, None, None, None)
    assert len(shop.log()) == before


def test_erasing_somebody_deletes_what_was_reported_about_them(shop: House) -> None:
    comes(shop, report(shop, "delivered", **mine(shop)))
    comes(shop, report(shop, "complained", message_id="0" * 26, finding="complained", **mine(shop)))
    shop.pipeline.erase("kim", by="tests")
    assert shop.rows(feedback) == []


def test_an_export_has_what_was_reported(shop: House) -> None:
    comes(shop, report(shop, "delivered", **mine(shop)))
    (told,) = shop.pipeline.export("kim", by="tests")["feedback"]
    assert (told["kind"], "address_hash" in told) == ("delivered", False)


def test_processed_reports_are_forgotten_after_a_while(shop: House) -> None:
    comes(shop, report(shop, "delivered"))
    shop.sleep(timedelta(days=29))
    shop.work()
    assert len(shop.rows(feedback)) == 1
    shop.sleep(timedelta(days=2))
    shop.work()
    assert shop.rows(feedback) == []


def test_nothing_personal_is_stored_of_a_report(shop: House) -> None:
    comes(shop, report(shop, "bounced", finding="hard", **mine(shop)))
    stored = str([tuple(row) for row in shop.rows(feedback)]) + str([row.evidence for row in shop.log()])
    assert "kim@" not in stored


def test_what_the_carrier_let_drop_before_is_no_news_about_a_message_that_is_tried_again(house: House) -> None:
    house.carrier.script("kim@example.com", Refused(permanent=False, detail="busy"))
    house.opens_with(LETTERS).knows("kim").orders("kim")
    house.work()
    comes(house, report(house, "failed"))
    assert state(house) == "planned"
    later(house, hours=1)
    assert (state(house), len(house.sent)) == ("accepted", 1)
