"""Who leaves has left: whatever they had agreed to, asked for or let run out before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dangol.consent import ledger
from dangol.consent.links import Leave
from dangol.model.people import ConsentChange
from dangol.model.vocabulary import Channel, ConsentAction, ConsentStatus, Purpose
from tests.integration.pipeline.house import House

ABOUT = (Channel.EMAIL, Purpose.MARKETING)


def says(house: House, action: ConsentAction, topic: str = "") -> None:
    house.clock.advance(timedelta(minutes=1))
    told = ConsentChange("kim", *ABOUT, action, house.clock.now(), "form:a", wording="News?", topic=topic)
    house.pipeline.record_consents([told])


def leaves(house: House) -> bool:
    house.clock.advance(timedelta(minutes=1))
    link = Leave(house.id_of("kim"), *ABOUT, "m1")
    return house.pipeline.withdraw(link, source="one-click:m1", wording="Unsubscribe")


def standing(house: House) -> dict[str, ConsentStatus]:
    with house.database.read() as tx:
        person = house.id_of("kim")
        held = ledger.as_of(tx, [person], house.clock.now())[person]
        return {topic: state.status for (_, _, topic), state in held.items()}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "said",
    [
        [],
        [(ConsentAction.GRANTED, "")],
        [(ConsentAction.GRANTED, "tea")],
        [(ConsentAction.REQUESTED, "")],
        [(ConsentAction.GRANTED, ""), (ConsentAction.EXPIRED, "")],
        [(ConsentAction.WITHDRAWN, ""), (ConsentAction.GRANTED, "tea")],
        [(ConsentAction.WITHDRAWN, ""), (ConsentAction.REQUESTED, "tea")],
    ],
)
def test_nothing_is_left_standing(house: House, said: list[tuple[ConsentAction, str]]) -> None:
    house.knows("kim", agreeing_to=[])
    for action, topic in said:
        says(house, action, topic)
    assert leaves(house)
    assert standing(house)[""] is ConsentStatus.WITHDRAWN
    assert ConsentStatus.GRANTED not in standing(house).values()
    says(house, ConsentAction.CONFIRMED)
    says(house, ConsentAction.CONFIRMED, "tea")
    assert ConsentStatus.GRANTED not in standing(house).values()
    assert not leaves(house)


def test_an_erased_person_has_nothing_to_leave(house: House) -> None:
    house.knows("kim")
    link = Leave(house.id_of("kim"), *ABOUT, "m1")
    house.pipeline.erase("kim", by="lee")
    assert not house.pipeline.withdraw(link, source="one-click:m1", wording="Unsubscribe")
