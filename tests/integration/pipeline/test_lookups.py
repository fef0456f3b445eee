"""An unknown message is asked for where it may be; what nobody can tell for sure stays so, and nothing is resent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from dangol.delivery.provider import NothingSent, Sought
from dangol.lookups import AFTER, GIVEN_UP, Lookups
from dangol.model.feedback import Feedback, FeedbackKind
from dangol.model.message import Unknown
from dangol.model.vocabulary import Channel
from dangol.store.tables import messages
from dangol.testing import FakeProvider
from tests.integration.pipeline.house import House
from tests.workspaces import campaign, note

MINUTE = timedelta(minutes=1)


class Archive(FakeProvider):
    """A provider that can be asked. ``kept``: kind and reference of what it has to the address that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[FeedbackKind, str]] = []
        self.asked: list[Sought] = []
        self.away = False

    def find(self, sought: Sought) -> Sequence[Feedback]:
        if self.away:
            raise NothingSent("not reached")
        self.asked.append(sought)
        return [Feedback("fake", f"{ref}:{kind}", kind, Channel.SMS, None, reference=ref) for kind, ref in self.kept]


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def look(house: House, archive: Archive) -> Callable[..., int]:
    """Time goes by, a round is made, and what it found is worked off."""
    lookups = Lookups(house.pipeline, {Channel.SMS: [archive]})

    def round_(after: timedelta = AFTER) -> int:
        house.sleep(after)
        found = lookups.run()
        house.work()
        return found

    return round_


@pytest.fixture
def shop(house: House) -> House:
    """Of Kim's text nobody knows whether the carrier took it."""
    house.opens_with(campaign("texts", note("sms"))).knows("kim")
    texted(house)
    return house


def texted(house: House) -> None:
    house.carrier.script(phone(house), Unknown("no answer"))
    house.orders("kim")
    house.work()


def phone(house: House) -> str:
    return f"+82105{sum(map(ord, 'kim')) % 10_000_000:07d}"


def states(house: House) -> list[str]:
    return [row.state for row in house.messages]


@pytest.mark.parametrize(
    ("kind", "state"),
    [(FeedbackKind.SENT, "accepted"), (FeedbackKind.DELIVERED, "delivered"), (FeedbackKind.BOUNCED, "bounced")],
)
def test_the_one_message_that_it_can_be_settles_it(
    shop: House, archive: Archive, look: Callable[..., int], kind: FeedbackKind, state: str
) -> None:
    archive.kept = [(kind, "SM1")]
    assert look() == 1
    assert states(shop) == [state]
    (asked,) = archive.asked
    assert (asked.to, asked.text) == (phone(shop), shop.carrier.handed_over[0].rendered.text)
    assert asked.since < shop.log("message_sending")[0].at < asked.until
    assert shop.told("message_accepted") == [("message_accepted", "reported")]
    assert len(shop.carrier.handed_over) == 1


@pytest.mark.parametrize("kept", [[], [(FeedbackKind.SENT, "SM1"), (FeedbackKind.SENT, "SM2")]])
def test_none_or_several_leave_it_unknown_and_are_asked_for_once(
    shop: House, archive: Archive, look: Callable[..., int], kept: list[tuple[FeedbackKind, str]]
) -> None:
    archive.kept = kept
    assert [look(), look(), look(timedelta(days=2))] == [0, 0, 0]
    assert states(shop) == ["unknown"]
    assert len(archive.asked) == 1
    assert len(shop.carrier.handed_over) == 1


def test_reports_are_waited_for_first(shop: House, archive: Archive, look: Callable[..., int]) -> None:
    archive.kept = [(FeedbackKind.SENT, "SM1")]
    assert look(AFTER - MINUTE) == 0
    assert not archive.asked
    assert look(MINUTE) == 1


def test_what_a_report_settled_is_not_asked_for(shop: House, archive: Archive, look: Callable[..., int]) -> None:
    (message,) = shop.messages
    report = Feedback("fake", "1", FeedbackKind.DELIVERED, Channel.SMS, None, message_id=message.id)
    shop.pipeline.take_in([report])
    shop.work()
    assert look() == 0
    assert not archive.asked
    assert states(shop) == ["delivered"]


def test_a_report_that_nobody_could_match_before_does_not_stand_in_the_way(
    shop: House, archive: Archive, look: Callable[..., int]
) -> None:
    shop.pipeline.take_in([Feedback("fake", "SM1:sent", FeedbackKind.SENT, Channel.SMS, None, reference="SM1")])
    archive.kept = [(FeedbackKind.SENT, "SM1")]
    assert look() == 1
    assert states(shop) == ["accepted"]


def test_a_message_that_is_known_to_be_another_of_ours_is_not_taken_for_it(
    shop: House, archive: Archive, look: Callable[..., int]
) -> None:
    shop.orders("kim")
    shop.work()
    known = next(row.provider_reference for row in shop.messages if row.state == "accepted")
    archive.kept = [(FeedbackKind.DELIVERED, known)]
    assert look() == 0
    assert sorted(states(shop)) == ["accepted", "unknown"]


def test_of_two_alike_that_are_unknown_nobody_can_tell_which_one_is_there(
    shop: House, archive: Archive, look: Callable[..., int]
) -> None:
    texted(shop)
    archive.kept = [(FeedbackKind.DELIVERED, "SM1")]
    assert look() == 0
    assert states(shop) == ["unknown", "unknown"]


def test_a_provider_that_is_away_is_asked_again_for_a_day(
    shop: House, archive: Archive, look: Callable[..., int]
) -> None:
    archive.away, archive.kept = True, [(FeedbackKind.SENT, "SM1")]
    with pytest.raises(NothingSent):
        look()
    archive.away = False
    assert look(MINUTE) == 1
    assert states(shop) == ["accepted"]


def test_after_a_day_nobody_is_asked(shop: House, archive: Archive, look: Callable[..., int]) -> None:
    archive.kept = [(FeedbackKind.SENT, "SM1")]
    assert look(GIVEN_UP + MINUTE) == 0
    assert not archive.asked


def test_another_provider_than_the_messages_is_not_asked(
    shop: House, archive: Archive, look: Callable[..., int]
) -> None:
    with shop.database.write() as tx:
        tx.execute(update(messages).values(provider="another"))
    assert look() == 0
    assert not archive.asked


def test_who_was_erased_is_not_asked_for(shop: House, archive: Archive, look: Callable[..., int]) -> None:
    shop.erases("kim")
    archive.kept = [(FeedbackKind.SENT, "SM1")]
    assert look() == 0
    assert not archive.asked


def test_a_round_is_made_beside_other_work_and_once_a_minute(shop: House, archive: Archive) -> None:
    archive.kept = [(FeedbackKind.SENT, "SM1")]
    shop.sleep(AFTER)
    lookups = Lookups(shop.pipeline, {Channel.SMS: [archive]})
    for _ in range(3):
        lookups.turn()
        lookups.wait(MINUTE)
    assert len(archive.asked) == 1
    shop.work()
    assert states(shop) == ["accepted"]
