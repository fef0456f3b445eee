"""A suppressed address stays so until it is lifted by the rule for its cause, whoever it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from dangol.clock import VirtualClock
from dangol.consent.lifting import SuppressionStays
from dangol.consent.suppressions import RULES, NewSuppression, lift, record_of, suppress, suppressed
from dangol.errors import InvalidEvent
from dangol.ids import SeededEntropy
from dangol.model.people import ConsentChange, Suppressed
from dangol.model.vocabulary import NIGHT, Channel, ConsentAction, Purpose, Reason, Scope, SuppressionCause
from dangol.store.database import Database
from dangol.store.tables import suppressions
from tests.integration.pipeline.house import House
from tests.workspaces import campaign

ALICE, BOB = "a" * 64, "b" * 64
KIM = "kim@example.com"
HOUR = timedelta(hours=1)


def test_the_first_cause_is_told_and_the_same_cause_is_kept_once(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    for cause in ("bounce", "complaint", "bounce"):
        clock.advance(timedelta(minutes=1))
        with database.write() as connection:
            suppress(
                connection,
                channel=Channel.EMAIL,
                address_hash=ALICE,
                cause=cause,
                source="webhook",
                now=clock.now(),
                entropy=entropy,
            )
    with database.read() as connection:
        assert suppressed(connection, [ALICE, BOB]) == {ALICE: Suppressed("bounce")}
        assert connection.execute(select(func.count()).select_from(suppressions)).scalar_one() == 2


def test_lifting_one_cause_leaves_the_others(database: Database, clock: VirtualClock, entropy: SeededEntropy) -> None:
    with database.write() as connection:
        for cause in ("bounce", "complaint"):
            suppress(
                connection,
                channel=Channel.EMAIL,
                address_hash=ALICE,
                cause=cause,
                source="webhook",
                now=clock.now(),
                entropy=entropy,
            )
        assert lift(connection, address_hash=ALICE, now=clock.now(), cause="bounce", by="kim", because="typo") == 1
        assert suppressed(connection, [ALICE]) == {ALICE: Suppressed("complaint", Scope.PROMPTED)}
        assert lift(connection, address_hash=ALICE, now=clock.now()) == 1
        assert lift(connection, address_hash=ALICE, now=clock.now()) == 0
        assert suppressed(connection, [ALICE]) == {}
        told = {one.cause: (one.lifted_by, one.lifted_because) for one in record_of(connection, ALICE)}
        assert told == {"bounce": ("kim", "typo"), "complaint": (None, None)}


def test_a_wider_scope_is_added_and_a_narrower_one_is_not(
    database: Database, clock: VirtualClock, entropy: SeededEntropy
) -> None:
    with database.write() as connection:

        def manual(scope: Scope) -> bool:
            return (
                suppress(
                    connection,
                    channel=Channel.EMAIL,
                    address_hash=ALICE,
                    cause="manual",
                    source="staff",
                    now=clock.now(),
                    entropy=entropy,
                    scope=scope,
                )
                is not None
            )

        assert [manual(Scope.PROMPTED), manual(Scope.MARKETING), manual(Scope.ALL)] == [True, False, True]
        assert suppressed(connection, [ALICE]) == {ALICE: Suppressed("manual", Scope.ALL)}


def test_every_cause_has_a_rule() -> None:
    assert set(RULES) == set(SuppressionCause)


Shut = Callable[[str], None]


@pytest.fixture
def shut(house: House) -> Shut:
    """Suppresses Kim's email address for a cause, an hour ago."""

    def shut(cause: str) -> None:
        hashed = house.pipeline.hasher.hash(Channel.EMAIL, KIM)
        told = NewSuppression(Channel.EMAIL, hashed, cause, "tests", house.clock.now() - HOUR)
        house.pipeline.suppress([told], reason=Reason.REPORTED)

    return shut


def agrees(house: House, source: str = "form:newsletter", **others: object) -> str:
    told = {
        "channel": Channel.EMAIL,
        "purpose": Purpose.MARKETING,
        "action": ConsentAction.GRANTED,
        "occurred_at": house.clock.now(),
        "wording": "소식을 받을게요",
        **others,
    }
    return house.pipeline.record_consents([ConsentChange("kim", source=source, **told)])[0]  # type: ignore[arg-type]


def causes(house: House) -> set[str]:
    with house.database.read() as tx:
        hashed = house.pipeline.hasher.hash(Channel.EMAIL, KIM)
        return {one.cause for one in record_of(tx, hashed) if one.lifted_at is None}


def test_a_new_express_consent_lifts_a_complaint_and_the_log_says_so(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    shut("complaint")
    consent_id = agrees(house)
    assert causes(house) == set()
    (entry,) = house.log("suppression_lifted")
    assert (entry.reason, entry.profile_id) == ("consent_given", house.id_of("kim"))
    assert (entry.evidence["cause"], entry.evidence["consent"]) == ("complaint", consent_id)


def test_what_is_no_express_consent_with_evidence_lifts_nothing(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    shut("complaint")
    agrees(house, wording="")
    agrees(house, "import:old.csv:3")
    agrees(house, basis="implied_purchase")
    agrees(house, topic=NIGHT)
    agrees(house, channel=Channel.SMS)
    assert causes(house) == {"complaint"}


def test_a_consent_from_before_the_complaint_does_not_lift_it(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    shut("complaint")
    agrees(house, occurred_at=house.clock.now() - HOUR)
    assert causes(house) == {"complaint"}


def test_a_late_report_of_a_consent_that_was_withdrawn_since_lifts_nothing(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    shut("complaint")
    house.withdraws("kim", Channel.EMAIL)
    agrees(house, occurred_at=house.clock.now() - HOUR / 2)
    assert causes(house) == {"complaint"}


def test_a_confirmation_is_evidence_by_what_was_shown_when_it_was_asked_for(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    shut("complaint")
    agrees(house, action=ConsentAction.REQUESTED, occurred_at=house.clock.now() - HOUR / 2)
    agrees(house, action=ConsentAction.CONFIRMED, wording="", source="page:confirm")
    assert causes(house) == set()


def test_a_hand_lifts_what_says_nothing_about_the_persons_wish(house: House, shut: Shut) -> None:
    shut("hard_bounce")
    (lifted,) = house.pipeline.lift(Channel.EMAIL, KIM, by="lee", because="mended")
    assert (lifted.cause, causes(house)) == ("hard_bounce", set())
    (entry,) = house.log("suppression_lifted")
    assert (entry.reason, entry.evidence["by"], entry.profile_id) == ("by_hand", "lee", None)
    assert KIM not in str(entry)


@pytest.mark.parametrize("quoted", [f"asked by {KIM}", "called from +82 10-1234-5678"])
def test_no_note_that_stays_after_an_erasure_quotes_an_address(house: House, shut: Shut, quoted: str) -> None:
    shut("hard_bounce")
    hashed = house.pipeline.hasher.hash(Channel.EMAIL, "lee@example.com")
    told = NewSuppression(Channel.EMAIL, hashed, "manual", "tests", house.clock.now(), note=quoted)
    with pytest.raises(InvalidEvent, match="note"):
        house.pipeline.suppress([told])
    with pytest.raises(InvalidEvent, match="because"):
        house.pipeline.lift(Channel.EMAIL, KIM, by="lee", because=quoted)
    assert causes(house) == {"hard_bounce"}
    assert house.log("suppression_lifted") == []


def test_a_hand_alone_does_not_lift_what_the_person_wished(house: House, shut: Shut) -> None:
    wished = {"complaint", "stop", "erased"}
    for cause in ("manual", *wished):
        shut(cause)
    for cause in wished:
        with pytest.raises(SuppressionStays, match=cause):
            house.pipeline.lift(Channel.EMAIL, KIM, by="lee", causes=["manual", cause])
    assert causes(house) == {"manual", *wished}
    house.pipeline.lift(Channel.EMAIL, KIM, by="lee", causes=["manual"])
    assert causes(house) == wished


def test_a_hand_lifts_a_complaint_by_naming_the_consent_that_answers_it(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    consent_id = agrees(house)
    house.pipeline.suppress(
        [
            NewSuppression(
                Channel.EMAIL,
                house.pipeline.hasher.hash(Channel.EMAIL, KIM),
                "complaint",
                "tests",
                house.clock.now() - HOUR,
            )
        ]
    )
    with pytest.raises(SuppressionStays, match="no row"):
        house.pipeline.lift(Channel.EMAIL, KIM, by="lee", consent_id="0" * 26)
    house.pipeline.lift(Channel.EMAIL, KIM, by="lee", consent_id=consent_id)
    assert causes(house) == set()


def test_naming_a_consent_that_does_not_answer_is_told_why(house: House, shut: Shut) -> None:
    house.knows("kim", "lee", agreeing_to=[])
    old = agrees(house, occurred_at=house.clock.now() - 2 * HOUR)
    unproven = agrees(house, wording="", topic="sale")
    other = house.pipeline.record_consents(
        [
            ConsentChange(
                "lee",
                Channel.EMAIL,
                Purpose.MARKETING,
                ConsentAction.GRANTED,
                house.clock.now(),
                "form:newsletter",
                wording="소식",
            )
        ]
    )[0]
    shut("complaint")
    for consent_id, why in [(old, "older"), (unproven, "evidence"), (other, "does not have this address")]:
        with pytest.raises(SuppressionStays, match=why):
            house.pipeline.lift(Channel.EMAIL, KIM, by="lee", consent_id=consent_id)


def test_nobody_lifts_an_erasure_by_naming_somebody_elses_word(house: House, shut: Shut) -> None:
    house.knows("kim", agreeing_to=[])
    staff = agrees(house, "staff:lee")
    shut("erased")
    with pytest.raises(SuppressionStays):
        house.pipeline.lift(Channel.EMAIL, KIM, by="lee", consent_id=staff)


def test_a_suppressed_address_binds_everybody_who_has_it(house: House, shut: Shut) -> None:
    house.opens_with(campaign("thanks"))
    house.knows("kim", "lee", "choi", email=KIM).knows("park")
    shut("complaint")
    house.orders("kim", "lee", "choi", "park")
    house.work()
    assert house.sent == [("email", "park@example.com")]
    assert [state for state in house.states if state[0] == "suppressed"] == [("suppressed", "address_suppressed")] * 3


def test_adding_is_in_the_log_without_the_address(house: House, shut: Shut) -> None:
    shut("complaint")
    (entry,) = house.log("suppression_added")
    assert (entry.reason, entry.channel, entry.campaign_key) == ("reported", "email", None)
    assert entry.evidence == {
        "suppression": entry.evidence["suppression"],
        "cause": "complaint",
        "scope": "prompted",
        "source": "tests",
    }
