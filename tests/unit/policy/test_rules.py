"""The rules that need no calendar: address, content, consent, expiry, exits, hold-out."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from dangol.model.facts import Allow, Suppress
from dangol.model.people import Suppressed
from dangol.model.vocabulary import Channel, Purpose, Reason, SuppressionCause
from dangol.policy.address import address
from dangol.policy.consent import consent
from dangol.policy.content import content
from dangol.policy.exits import exits
from dangol.policy.expiry import expiry
from dangol.policy.holdout import holdout, position
from tests.unit.policy.builders import ALICE, GRANTED, NOON, WITHDRAWN, facts, message, person, rulebook

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
RULES = rulebook()


class TestAddress:
    @pytest.mark.parametrize(
        ("channel", "without"), [(EMAIL, {"email": None}), (SMS, {"phone": None}), (PUSH, {"devices": ()})]
    )
    def test_a_channel_without_an_address_is_refused_and_the_others_are_not(
        self, channel: Channel, without: dict[str, object]
    ) -> None:
        world = facts(profile=person(**without))
        for other in Channel:
            expected = Suppress(Reason.ADDRESS_MISSING) if other is channel else Allow()
            assert address(world, other, RULES) == expected

    def test_an_empty_address_is_a_missing_one(self) -> None:
        assert address(facts(profile=person(email="")), EMAIL, RULES) == Suppress(Reason.ADDRESS_MISSING)

    def test_a_suppressed_address_is_refused_with_its_cause_and_only_on_its_channel(self) -> None:
        world = facts(suppressed={EMAIL: Suppressed("complaint")})
        assert address(world, EMAIL, RULES) == Suppress(Reason.ADDRESS_SUPPRESSED, {"cause": "complaint"})
        assert address(world, SMS, RULES) == Allow()

    def test_an_erased_address_is_asked_whether_its_owner_filled_in_a_form_and_told_nothing_else(self) -> None:
        asks, anew = message(purpose=Purpose.TRANSACTIONAL), {"asked_anew": frozenset({EMAIL})}
        world = facts(asks, suppressed=dict.fromkeys(Channel, Suppressed("erased")), **anew)
        assert address(world, EMAIL, RULES) == Allow({"asked": "by a form, after an erasure"})
        refused = Suppress(Reason.ADDRESS_SUPPRESSED, {"cause": "erased"})
        assert address(world, SMS, RULES) == refused
        for purpose in (Purpose.MARKETING, Purpose.SERVICE):
            other = facts(message(purpose=purpose), suppressed=world.suppressed, **anew)
            assert address(other, EMAIL, RULES) == refused
        for cause in set(SuppressionCause) - {SuppressionCause.ERASED}:
            assert address(facts(asks, suppressed={EMAIL: Suppressed(cause)}, **anew), EMAIL, RULES) == Suppress(
                Reason.ADDRESS_SUPPRESSED, {"cause": cause}
            )

    @pytest.mark.parametrize("purpose", Purpose)
    def test_an_erased_person_gets_nothing_whatever_the_purpose(self, purpose: Purpose) -> None:
        world = facts(message(purpose=purpose), person(erased_at=NOON))
        assert address(world, EMAIL, RULES) == Suppress(Reason.PROFILE_ERASED, final=True)


class TestContent:
    def test_a_channel_without_a_text_is_refused(self) -> None:
        world = facts(without_text=frozenset({SMS}))
        assert content(world, SMS, RULES) == Suppress(Reason.TEMPLATE_MISSING)
        assert content(world, EMAIL, RULES) == Allow()

    def test_a_channel_without_a_provider_is_refused(self) -> None:
        world = facts(without_provider=frozenset({SMS}))
        assert content(world, SMS, RULES) == Suppress(Reason.PROVIDER_MISSING)
        assert content(world, EMAIL, RULES) == Allow()


class TestConsent:
    @pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.SERVICE])
    def test_no_consent_on_record_means_no(self, purpose: Purpose) -> None:
        world = facts(message(purpose=purpose), consents={})
        assert consent(world, EMAIL, RULES) == Suppress(Reason.CONSENT_MISSING)

    def test_a_consent_covers_its_own_channel_and_purpose_alone(self) -> None:
        world = facts(consents={(EMAIL, Purpose.MARKETING): GRANTED})
        assert consent(world, EMAIL, RULES) == Allow({"consent": GRANTED.consent_id})
        assert consent(world, SMS, RULES) == Suppress(Reason.CONSENT_MISSING)
        service = facts(message(purpose=Purpose.SERVICE), consents={(EMAIL, Purpose.MARKETING): GRANTED})
        assert consent(service, EMAIL, RULES) == Suppress(Reason.CONSENT_MISSING)

    @pytest.mark.parametrize("purpose", Purpose)
    def test_a_withdrawal_on_record_binds_every_purpose(self, purpose: Purpose) -> None:
        world = facts(message(purpose=purpose), consents={(EMAIL, purpose): WITHDRAWN})
        assert consent(world, EMAIL, RULES) == Suppress(Reason.CONSENT_WITHDRAWN, {"consent": WITHDRAWN.consent_id})

    def test_a_transactional_message_needs_no_consent_unless_the_workspace_says_so(self) -> None:
        world = facts(message(purpose=Purpose.TRANSACTIONAL), consents={})
        assert consent(world, EMAIL, RULES) == Allow({"consent": "not required"})
        strict = rulebook(consent_required=tuple(Purpose))
        assert consent(world, EMAIL, strict) == Suppress(Reason.CONSENT_MISSING)


class TestExpiry:
    def test_the_instant_of_expiry_is_too_late_and_the_one_before_is_not(self) -> None:
        tick = timedelta(microseconds=1)
        expired = Suppress(Reason.EXPIRED, {"expired_at": NOON.isoformat()}, final=True)
        world = message(expires_at=NOON)
        assert expiry(facts(world, now=NOON - tick), EMAIL, RULES) == Allow(until=NOON)
        assert expiry(facts(world, now=NOON), EMAIL, RULES) == expired
        assert expiry(facts(world, now=NOON + tick), EMAIL, RULES) == expired

    def test_a_message_without_an_expiry_never_expires(self) -> None:
        assert expiry(facts(now=NOON + timedelta(days=9999)), EMAIL, RULES) == Allow()


@pytest.mark.parametrize("reason", [Reason.EXIT_EVENT, Reason.GOAL_REACHED])
def test_a_journey_that_was_ended_sends_nothing_and_says_what_ended_it(reason: Reason) -> None:
    assert exits(facts(ended=reason), EMAIL, RULES) == Suppress(reason, final=True)
    assert exits(facts(), EMAIL, RULES) == Allow()


class TestHoldout:
    def held_out(self, profile_id: str, share: float, campaign: str = "win_back") -> bool:
        world = facts(message(holdout=share, campaign=campaign), person(id=profile_id))
        return isinstance(holdout(world, EMAIL, RULES), Suppress)

    @pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
    def test_the_share_of_people_held_out_is_the_share_asked_for(self, share: float) -> None:
        people = 20_000
        held = sum(position("win_back", f"person-{number}") < share for number in range(people))
        deviation = (people * share * (1 - share)) ** 0.5
        assert abs(held - people * share) < 4 * deviation

    def test_membership_sticks_whatever_the_order_in_which_people_are_asked(self) -> None:
        names = [f"person-{number}" for number in range(500)]
        first = {name for name in names if self.held_out(name, 0.3)}
        random.Random(7).shuffle(names)
        assert {name for name in names if self.held_out(name, 0.3)} == first

    def test_a_larger_share_keeps_everyone_whom_a_smaller_share_held_out(self) -> None:
        names = [f"person-{number}" for number in range(500)]
        small, large = ({name for name in names if self.held_out(name, share)} for share in (0.1, 0.2))
        assert small < large

    def test_campaigns_draw_independently(self) -> None:
        names = [f"person-{number}" for number in range(4000)]
        both = sum(self.held_out(name, 0.5, "a") and self.held_out(name, 0.5, "b") for name in names)
        assert 850 < both < 1150

    def test_a_share_of_zero_holds_nobody_out(self) -> None:
        assert not any(self.held_out(f"person-{number}", 0.0) for number in range(100))

    def test_the_last_place_of_the_draw_is_still_below_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Highest:
            def __init__(self, *_: object, **__: object) -> None: ...

            def digest(self) -> bytes:
                return b"\xff" * 8

        monkeypatch.setattr("dangol.policy.holdout.hashlib.blake2b", Highest)
        assert position("win_back", ALICE.id) < 1.0

    def test_a_refusal_is_final_and_names_the_share(self) -> None:
        verdict = holdout(facts(message(holdout=1.0)), EMAIL, RULES)
        assert verdict == Suppress(Reason.HELD_OUT, {"share": 1.0, "of": "campaign"}, final=True)
