"""A few weeks in the life of a shop, drawn at random but the same for the same seed."""

from __future__ import annotations

import random
from datetime import timedelta

from dangol.model.message import Accepted, Envelope, Outcome, Refused, Unknown
from dangol.model.vocabulary import Channel
from tests.integration.pipeline.house import House
from tests.workspaces import NIGHT, campaign, cap, note, scheduled

NAMES = ("Aurelia Quist", "Bartholomew Ives", "Cassandra Oye", "Desmond Ulf", "Euphemia Roe", "Fitzgerald Yun")
PEOPLE = tuple(f"id{place}" for place in range(len(NAMES)))
CAMPAIGNS = (
    campaign("receipt", {"send": "receipt", "channels": ["email", "sms"]}, purpose="transactional", priority=100),
    campaign("thanks", {"wait": "1 day"}, note("push", "email", on_capped="reroute"), where="event.value > 50"),
    campaign("cart", note("sms", "email", expires_after="6 hours"), event="Checkout Started", exit=["Order Completed"]),
    campaign(
        "win_back",
        {"wait": "5 days"},
        {"send": "note", "channels": {"all": ["email", "sms"]}, "on_capped": "defer", "expires_after": "3 days"},
        goal={"event": "Order Completed", "within": "30 days"},
        again={"after": "2 days"},
        holdout="20%",
    ),
    scheduled("news", note("email", on_capped="drop"), priority=10),
)
POLICIES = {
    "quiet_hours": NIGHT,
    "unknown_timezone": ["Asia/Seoul", "Europe/London"],
    "caps": [cap(3), cap(1, "calendar day", key="daily")],
    "capped_purposes": ["marketing"],
}
SMS_RECEIPT = {"receipt/sms.en.txt.j2": "Order {{ event.order_id }}, {{ event.value }}.\n"}


def play(house: House, seed: int, *, days: int = 8) -> House:
    """Run the shop: people with and without consents and addresses order, leave carts, withdraw, and bounce."""
    drawn = random.Random(seed)
    answers = random.Random(seed + 1)
    house.carrier._answer = lambda envelope: _answer(answers, envelope)
    workspace = {"policies": POLICIES, "texts": SMS_RECEIPT}
    house.opens_with(*CAMPAIGNS, **workspace)
    for person, name in zip(PEOPLE, NAMES, strict=True):
        house.knows(
            person,
            agreeing_to=[channel for channel in Channel if drawn.random() < 0.8],
            attributes={"name": name, "given_name": name.split()[0]},
            phone=f"+8210{drawn.randrange(10**8):08d}" if drawn.random() < 0.8 else None,
            device_token=f"token-{name.split()[1]}" if drawn.random() < 0.5 else None,
            timezone=drawn.choice(["Asia/Seoul", "America/New_York", None]),
        )
    house.bounces(Channel.EMAIL, f"{PEOPLE[-1]}@example.com")
    end = house.clock.now() + timedelta(days=days)
    while house.clock.now() < end:
        _something_happens(house, drawn)
        house.pass_time(timedelta(minutes=drawn.randrange(1, 600)))
    house.opens_with(*CAMPAIGNS[:-1], **workspace)  # no more news, so that everything comes to its end
    house.pass_time(timedelta(days=40))
    return house


def _something_happens(house: House, drawn: random.Random) -> None:
    who = drawn.choice(PEOPLE)
    before = house.clock.now() - timedelta(minutes=drawn.choice([0, 0, 0, 30, 3000]))
    match drawn.randrange(10):
        case 0:
            house.withdraws(who, drawn.choice(list(Channel)))
        case 1 | 2 | 3:
            house.happens("Checkout Started", who, at=before, value=10)
        case 4:
            house.orders(who, at=before, value=1)  # without an order's number no receipt can be written
        case _:
            house.orders(who, at=before, value=drawn.randrange(100), order_id=f"A-{drawn.randrange(1000)}")


def _answer(drawn: random.Random, envelope: Envelope) -> Outcome:
    roll = drawn.random()
    if roll < 0.15:
        return Refused(permanent=False, detail="busy")
    if roll < 0.2:
        return Refused(permanent=True, detail="no such mailbox")
    if roll < 0.25:
        return Unknown(detail="the line went dead")
    return Accepted(reference=f"r-{envelope.message_id}")
