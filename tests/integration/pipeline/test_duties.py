"""What the law wants done about consents as time goes by, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from dangol.duties import Duties, Raised
from dangol.ledger.reader import Filter, history
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentAction, ConsentStatus, Decision, Purpose
from dangol.store.tables import consent_states, consents, events, rejected_events
from dangol.surfaces.due import Standing, duties_raised
from dangol.surfaces.pages.health import examine
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

OUTCOME, RECONFIRMATION = "Consent Outcome Due", "Consent Reconfirmation Due"


@pytest.fixture
def shop(house: House) -> House:
    house.pipeline.identify([])
    return house.knows("alice", agreeing_to=[], country="KR")


def says(
    house: House,
    action: ConsentAction,
    *channels: Channel,
    who: str = "alice",
    at: datetime | None = None,
    **others: Any,
) -> None:
    house.pipeline.record_consents(
        [
            ConsentChange(who, channel, Purpose.MARKETING, action, at or house.clock.now(), "form", **others)
            for channel in channels or (Channel.EMAIL,)
        ]
    )


def reported(house: House, name: str) -> list[dict[str, Any]]:
    return [row.properties for row in house.rows(events) if row.name == name]


def raised(house: House) -> list[dict[str, Any]]:
    with house.database.read() as tx:
        return [dict(entry.evidence) for entry in history(tx, Filter(decision=Decision.DUTY_RAISED.value))]


def test_whoever_agrees_or_withdraws_is_told_once_for_all_channels(shop: House) -> None:
    says(shop, ConsentAction.GRANTED, Channel.SMS, Channel.EMAIL)
    day = shop.clock.now()
    assert shop.dangol.duties.run() == Raised(notices=1)
    shop.sleep(timedelta(hours=2))
    says(shop, ConsentAction.WITHDRAWN, Channel.SMS)
    assert shop.dangol.duties.run() == Raised(notices=1)
    assert shop.dangol.duties.run() == Raised()
    first, second = reported(shop, OUTCOME)
    assert (first["action"], first["channels"], first["purpose"]) == ("granted", ["email", "sms"], "marketing")
    assert (second["action"], second["channels"]) == ("withdrawn", ["sms"])
    assert first["due_by"] == (day + timedelta(days=14, hours=9)).date().isoformat()
    assert [told["rule"] for told in raised(shop)] == ["KR-outcome-notice"] * 2
    assert raised(shop)[0]["consent"] in {row.id for row in shop.rows(consents)}


def test_the_night_is_told_about_by_itself_and_topics_are_not(shop: House) -> None:
    says(shop, ConsentAction.GRANTED, Channel.SMS)
    says(shop, ConsentAction.GRANTED, Channel.SMS, topic=NIGHT)
    says(shop, ConsentAction.GRANTED, Channel.SMS, topic="jazz")
    assert shop.dangol.duties.run() == Raised(notices=2)
    assert sorted(told["night"] for told in reported(shop, OUTCOME)) == [False, True]


def test_a_consent_for_topics_alone_is_the_consent_and_the_last_withdrawal_ends_it(shop: House) -> None:
    says(shop, ConsentAction.REQUESTED, topic="jazz")
    shop.sleep(timedelta(minutes=1))
    says(shop, ConsentAction.CONFIRMED, topic="jazz")
    says(shop, ConsentAction.GRANTED, topic="soul")
    assert shop.dangol.duties.run() == Raised(notices=1)
    shop.sleep(timedelta(hours=2))
    says(shop, ConsentAction.WITHDRAWN, topic="jazz")
    assert shop.dangol.duties.run() == Raised()
    shop.sleep(timedelta(hours=2))
    says(shop, ConsentAction.WITHDRAWN, topic="soul")
    assert shop.dangol.duties.run() == Raised(notices=1)
    assert [told["action"] for told in reported(shop, OUTCOME)] == ["granted", "withdrawn"]


def test_a_consent_for_topics_alone_is_asked_about_once_and_not_beside_one_for_all(shop: House) -> None:
    says(shop, ConsentAction.GRANTED, topic="jazz")
    says(shop, ConsentAction.GRANTED, topic="soul")
    shop.sleep(timedelta(days=1))
    says(shop, ConsentAction.GRANTED, Channel.SMS)
    shop.sleep(timedelta(days=1))
    says(shop, ConsentAction.GRANTED, Channel.SMS, topic="jazz")
    shop.sleep(timedelta(days=710))
    assert Duties(shop.pipeline).run().reconfirmations == 2
    assert sorted(told["channels"] for told in reported(shop, RECONFIRMATION)) == [["email"], ["sms"]]


@pytest.mark.parametrize(
    "said",
    [
        {"action": ConsentAction.GRANTED, "basis": Basis.SOFT_OPT_IN.value},
        {"action": ConsentAction.IMPORTED, "basis": Basis.IMPORTED.value},
        {"action": ConsentAction.REQUESTED},
        {"action": ConsentAction.GRANTED, "jurisdiction": "US"},
        {"action": ConsentAction.GRANTED, "at": datetime(2020, 5, 1, tzinfo=UTC)},
    ],
    ids=["soft opt-in", "import", "request", "elsewhere", "another system's"],
)
def test_there_is_no_notice_of(shop: House, said: dict[str, Any]) -> None:
    says(shop, **said)
    assert shop.dangol.duties.run() == Raised()


def test_people_elsewhere_and_the_erased_are_left_alone(shop: House) -> None:
    shop.knows("bob", agreeing_to=[Channel.EMAIL], country="US", phone="+12125550123")
    says(shop, ConsentAction.GRANTED)
    shop.erases("alice")
    assert shop.dangol.duties.run() == Raised()
    assert shop.rows(rejected_events) == []


def test_what_was_recorded_while_nothing_ran_is_told_afterwards(shop: House) -> None:
    assert shop.dangol.duties.run() == Raised()
    says(shop, ConsentAction.GRANTED)
    shop.sleep(timedelta(days=30))
    assert Duties(shop.pipeline).run() == Raised()  # nothing was noted, so the law's own fourteen days are looked at
    says(shop, ConsentAction.WITHDRAWN)
    assert Duties(shop.pipeline).run() == Raised(notices=1)
    says(shop, ConsentAction.GRANTED)
    shop.sleep(timedelta(days=30))
    assert Duties(shop.pipeline).run() == Raised(notices=1)


def test_pages_and_turns_bound_the_work_and_skip_nobody(shop: House) -> None:
    names = [f"c{number}" for number in range(9)]
    shop.knows(*names, agreeing_to=Channel, country="KR")
    duties, found = Duties(shop.pipeline, page=4), []
    for _ in range(12):
        found.append(duties.turn(pages=1).notices)
    assert sum(found) == 9
    assert max(found) <= 2  # three channels a person, four rows a page
    assert duties.turn(pages=1_000) == Raised()
    shop.sleep(timedelta(minutes=59))
    says(shop, ConsentAction.GRANTED)
    assert duties.turn() == Raised()
    shop.sleep(timedelta(minutes=2))
    assert duties.turn() == Raised(notices=1)


def test_consents_are_asked_about_before_their_second_anniversary_and_again_two_years_later(shop: House) -> None:
    agreed = shop.clock.now()
    says(shop, ConsentAction.GRANTED, Channel.EMAIL, Channel.PUSH)
    assert shop.dangol.duties.run().reconfirmations == 0
    counted = []
    for days in (690, 15, 15, 15, 330, 365, 15):
        shop.sleep(timedelta(days=days))
        counted.append(Duties(shop.pipeline).run().reconfirmations)
    assert counted == [0, 1, 0, 0, 0, 0, 1]
    first = reported(shop, RECONFIRMATION)[0]
    assert first["agreed_on"] == (agreed + timedelta(hours=9)).date().isoformat()
    assert first["channels"] == ["email", "push"]
    assert [told["rule"] for told in raised(shop)].count("KR-reconfirm") == 2


def test_whoever_confirmed_or_withdrew_is_not_asked(shop: House) -> None:
    says(shop, ConsentAction.GRANTED, Channel.EMAIL, Channel.SMS)
    shop.sleep(timedelta(days=600))
    says(shop, ConsentAction.RECONFIRMED, Channel.EMAIL)
    says(shop, ConsentAction.WITHDRAWN, Channel.SMS)
    shop.sleep(timedelta(days=110))
    assert shop.dangol.duties.run().reconfirmations == 0


@pytest.mark.parametrize(
    ("basis", "country", "rule", "months"),
    [
        (Basis.IMPLIED_PURCHASE, "CA", "CA-consent", 24),
        (Basis.IMPLIED_INQUIRY, "CA", "CA-consent", 6),
        (Basis.SOFT_OPT_IN, "KR", "KR-consent", 6),
    ],
)
def test_what_stands_in_a_consents_stead_ends(house: House, basis: Basis, country: str, rule: str, months: int) -> None:
    house.knows("carol", agreeing_to=[], country=country, phone=None)
    says(house, ConsentAction.GRANTED, Channel.EMAIL, who="carol", basis=basis.value)
    house.sleep(timedelta(days=30 * months - 5))
    assert Duties(house.pipeline).run() == Raised()
    house.sleep(timedelta(days=20))
    assert Duties(house.pipeline).run() == Raised(lapses=1)
    assert Duties(house.pipeline).run() == Raised()
    [state] = house.rows(consent_states)
    assert (state.granted, state.status) == (False, ConsentStatus.EXPIRED)
    [row] = [row for row in house.rows(consents) if row.action == ConsentAction.EXPIRED]
    assert row.source == f"duty:{rule}"
    assert raised(house)[0]["rule"] == rule


def test_a_duty_is_raised_once_when_two_schedulers_run(shop: House) -> None:
    shop.knows("bob", "carol", "dave", country="KR")
    shop.knows("erin", agreeing_to=[], country="CA", phone=None)
    says(shop, ConsentAction.GRANTED, who="erin", basis=Basis.IMPLIED_INQUIRY.value)
    shop.sleep(timedelta(days=200))
    says(shop, ConsentAction.WITHDRAWN, who="bob")
    says(shop, ConsentAction.WITHDRAWN, who="carol")
    found = together(Duties(shop.pipeline, page=1), Duties(shop.pipeline, page=2))
    assert sum(found, Raised()) == Raised(notices=2, lapses=1)
    assert len(raised(shop)) == 3


def changing(house: House, *changes: dict[str, Any], **jurisdictions: Any) -> House:
    """The shop, with these changes of rules in service."""
    told = {"jurisdictions": {"rules": list(changes), **jurisdictions}}
    return house.opens_with(campaign("hello", note("email")), policies=told)


def test_a_rule_that_the_workspace_in_service_turned_off_raises_nothing(shop: House) -> None:
    off = {"id": "KR-outcome-notice", "off": True, "reason": "our agency writes to them", "by": "counsel"}
    changing(shop, off)
    says(shop, ConsentAction.GRANTED)
    assert Duties(shop.pipeline).run() == Raised()
    changing(shop)
    assert Duties(shop.pipeline).run() == Raised(notices=1)


@pytest.mark.parametrize(("days", "lapsed"), [(330, 0), (380, 1)])
def test_a_consents_stand_in_ends_when_the_workspace_in_service_says(house: House, days: int, lapsed: int) -> None:
    changing(house, {"id": "EU-consent-mail", "accepts": {"consent": "always", "soft_opt_in": "1 year"}})
    house.knows("carol", "dave", agreeing_to=[], country="FR", phone=None)
    says(house, ConsentAction.GRANTED, who="carol", basis=Basis.SOFT_OPT_IN.value)
    says(house, ConsentAction.GRANTED, who="dave", basis=Basis.SOFT_OPT_IN.value, jurisdiction="FR")
    house.sleep(timedelta(days=days))
    assert Duties(house.pipeline).run().lapses == 2 * lapsed


def test_whoever_may_be_anywhere_is_where_the_workspace_serves(house: House) -> None:
    changing(house, serves=["US"])
    house.knows("carol", agreeing_to=[], country=None, phone=None)
    says(house, ConsentAction.GRANTED, who="carol")
    assert Duties(house.pipeline).run() == Raised()


def test_consents_end_in_bounded_parts_and_go_on_where_a_stopped_process_got_to(house: House) -> None:
    names = [f"c{number}" for number in range(9)]
    house.knows(*names, "alice", agreeing_to=[], country="CA", phone=None)
    for name in names:
        says(house, ConsentAction.GRANTED, who=name, basis=Basis.IMPLIED_INQUIRY.value)
    says(house, ConsentAction.GRANTED, who="alice", basis=Basis.SOFT_OPT_IN.value)
    house.sleep(timedelta(days=200))
    stopped, found = Duties(house.pipeline, page=4), 0
    while not found:
        found = stopped.turn(pages=1).lapses
    assert found <= 4
    rest = Duties(house.pipeline, page=4).run().lapses
    assert found + rest == len(names)


def together(*duties: Duties) -> Sequence[Raised]:
    gate, found = Barrier(len(duties)), list[Raised]()

    def run(one: Duties) -> None:
        gate.wait()
        found.append(one.run())

    threads = [Thread(target=run, args=(one,)) for one in duties]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_list_says_who_was_told_and_who_is_overdue(shop: House) -> None:
    letter = campaign("tells", note("email"), event=OUTCOME, purpose="transactional", again="always")
    shop.opens_with(letter)
    shop.knows("bob", agreeing_to=[], country="KR", email=None)
    says(shop, ConsentAction.GRANTED, Channel.SMS)
    says(shop, ConsentAction.GRANTED, Channel.SMS, who="bob")
    shop.dangol.duties.run()
    shop.work()
    shop.sleep(timedelta(days=15))
    assert standing(shop) == {("alice", Standing.TOLD, False, ""), ("bob", Standing.FAILED, True, "address_missing")}
    shop.opens_with()
    says(shop, ConsentAction.WITHDRAWN, Channel.SMS)
    shop.dangol.duties.run()
    assert ("alice", Standing.NOBODY, False, "") in standing(shop)


def test_a_round_counts_what_is_overdue_as_the_list_does(shop: House) -> None:
    shop.opens_with(campaign("tells", note("email"), event=OUTCOME, purpose="transactional", again="always"))
    shop.knows("bob", "carol", agreeing_to=[], country="KR", email=None)
    for who in ("alice", "bob", "carol"):
        says(shop, ConsentAction.GRANTED, Channel.SMS, who=who)
    for days, late in ((0, 0), (14, 0), (1, 2)):
        shop.sleep(timedelta(days=days))
        shop.dangol.duties.turn(pages=1_000)
        shop.work()
        assert sum(overdue for _, _, overdue, _ in standing(shop)) == late
        assert examine(shop.dangol)[1]["duties"] == {"overdue": late, "counted_at": shop.clock.now().isoformat()}


def standing(house: House) -> set[tuple[str, Standing, bool, str]]:
    with house.database.read() as tx:
        found = duties_raised(tx, house.clock.now(), house.pipeline.releases.law(tx))
    return {(one.profile, one.standing, one.overdue, one.reason) for one in found}
