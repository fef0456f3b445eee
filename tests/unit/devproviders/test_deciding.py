"""Seeded draws, limits and what was set by command."""

from __future__ import annotations

import pytest

from dangol.devproviders.deciding import Bucket, Decider
from dangol.devproviders.options import Behaviour
from dangol.devproviders.words import ORDINARY, Act, Fault

PEOPLE = [f"person{number}@example.com" for number in range(2000)]


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def decisions(seed: str, **behaviour: object) -> list[Act]:
    decider = Decider(seed, Behaviour.model_validate(behaviour))
    return [decider.decide("sendgrid", address) for address in PEOPLE]


def test_the_same_seed_decides_the_same() -> None:
    rates = {"error_rate": 0.1, "junk_rate": 0.1, "latency": 0.05, "jitter": 0.02}
    assert decisions("a", **rates) == decisions("a", **rates)
    assert decisions("a", **rates) != decisions("b", **rates)


def test_shares_are_kept() -> None:
    acts = decisions("a", error_rate="10%", timeout_after_accept_rate="5%")
    assert sum(act.refusal == "500" for act in acts) / len(acts) == pytest.approx(0.10, abs=0.02)
    assert sum(act.fault is Fault.TIMEOUT_AFTER_ACCEPT for act in acts) / len(acts) == pytest.approx(0.05, abs=0.02)


def test_the_next_attempt_is_drawn_anew() -> None:
    decider = Decider("a", Behaviour(error_rate=0.5))
    attempts = [decider.decide("sendgrid", "anna@example.com").refusal for _ in range(50)]
    assert set(attempts) == {"", "500"}


def test_latency_varies_by_no_more_than_the_jitter() -> None:
    delays = [act.delay for act in decisions("a", latency="50ms", jitter="20ms")]
    assert 0.03 <= min(delays) < 0.035
    assert 0.065 < max(delays) <= 0.07


def test_what_the_address_says_goes_before_what_is_drawn() -> None:
    decider = Decider("a", Behaviour(error_rate=1.0, latency=0.05))
    assert decider.decide("sendgrid", "429@example.com").refusal == "429"
    assert decider.decide("sendgrid", "slow2s@example.com").delay == 2.0


def test_during_an_outage_nothing_is_accepted() -> None:
    decider = Decider("a", Behaviour(outage=True, retry_after=7))
    act = decider.decide("sendgrid", "anna@example.com")
    assert (act.refusal, decider.retry_after("sendgrid", act)) == ("503", 7)


def test_what_happens_once_does_not_happen_again() -> None:
    decider = Decider("a", Behaviour())
    assert [decider.decide("sendgrid", "anna+once-503@example.com").refusal for _ in range(3)] == ["503", "", ""]


def test_the_limit_is_kept_and_refills() -> None:
    watch = Watch()
    decider = Decider("a", Behaviour(rate_limit=50), now=watch)
    assert [decider.decide("twilio", "+821012345678").refusal for _ in range(7)] == [""] * 5 + ["429"] * 2
    watch.now += 0.025
    assert [decider.decide("twilio", "+821012345678").refusal for _ in range(2)] == ["", "429"]
    assert decider.decide("fcm", "token").refusal == "", "each provider has a limit of its own"


def test_a_bucket_holds_a_tenth_of_a_second_and_at_least_one() -> None:
    slow = Bucket(2.0, 0.0)
    assert [slow.take(0.0), slow.take(0.0), slow.take(0.5)] == [True, False, True]


def test_one_provider_behaves_otherwise() -> None:
    decider = Decider("a", Behaviour(), {"twilio": Behaviour(outage=True)})
    assert decider.decide("twilio", "+821012345678").refusal == "503"
    assert decider.decide("sendgrid", "anna@example.com") == ORDINARY


def test_a_reset_brings_back_how_it_started() -> None:
    decider = Decider("a", Behaviour(), {"twilio": Behaviour(outage=True)})
    decider.behave("twilio", Behaviour())
    decider.addresses["anna@example.com"] = Act(fate="bounce")
    decider.reset()
    assert decider.decide("twilio", "+821012345678").refusal == "503"
    assert decider.decide("sendgrid", "anna@example.com") == ORDINARY


def test_a_person_does_the_same_with_the_same_message() -> None:
    decider = Decider("a", Behaviour(bounce_rate=0.2, open_rate=0.3))
    fates = [decider.fate("sendgrid", address, ORDINARY, "m-1") for address in PEOPLE]
    assert fates == [decider.fate("sendgrid", address, ORDINARY, "m-1") for address in PEOPLE]
    assert fates.count("bounce") / len(fates) == pytest.approx(0.2, abs=0.03)
    assert fates.count("open") / len(fates) == pytest.approx(0.3, abs=0.04)
    assert decider.fate("sendgrid", "x@example.com", Act(fate="click"), "m-1") == "click"
