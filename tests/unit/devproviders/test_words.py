"""Addresses say what happens."""

from __future__ import annotations

import pytest

from dangol.devproviders.words import ORDINARY, Act, Fault, by_words, of_email, of_phone, of_token


@pytest.mark.parametrize(
    ("address", "act"),
    [
        ("bounce@example.com", Act(fate="bounce")),
        ("BOUNCE@example.com", Act(fate="bounce")),
        ("anna+bounce@example.com", Act(fate="bounce")),
        ("anna+slow2s@example.com", Act(delay=2.0)),
        ("anna+slow50ms+click@example.com", Act(delay=0.05, fate="click")),
        ("anna@bounce.example.com", Act(fate="bounce")),
        ("anna+click@slow2s.example.com", Act(delay=2.0, fate="click")),
        ("429@example.com", Act(refusal="429")),
        ("anna+429-7s@example.com", Act(refusal="429", retry_after=7.0)),
        ("anna+once-503@example.com", Act(refusal="503", once=True)),
        ("anna+once-reset-after-body@example.com", Act(fault=Fault.RESET_AFTER_BODY, once=True)),
        ("timeout-after-accept@example.com", Act(fault=Fault.TIMEOUT_AFTER_ACCEPT)),
    ],
)
def test_an_email_address_says_what_happens(address: str, act: Act) -> None:
    assert of_email(address) == act


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com",
        "bouncer@example.com",
        "anna+shop@example.com",
        "anna.bounce@example.com",
        "slow@x.com",
        "slows@x.com",
    ],
)
def test_an_ordinary_email_address_says_nothing(address: str) -> None:
    assert of_email(address) == ORDINARY


@pytest.mark.parametrize(
    ("number", "act"),
    [
        ("+15005550001", Act(refusal="21211")),
        ("+821055500" + "04", Act(refusal="21610")),
        ("+12025550020", Act(refusal="429")),
        ("+12025550040", Act(fate="30003")),
        ("+12025550006", ORDINARY),
        ("+821012345601", ORDINARY),
    ],
)
def test_the_end_of_a_phone_number_says_what_happens(number: str, act: Act) -> None:
    assert of_phone(number) == act


@pytest.mark.parametrize(
    ("token", "act"),
    [
        ("unregistered-abc", Act(refusal="gone")),
        ("gone", Act(refusal="gone")),
        ("slow2s-quota-abc", Act(delay=2.0, refusal="429")),
        ("once-503:abc", Act(refusal="503", once=True)),
        ("timeout-after-accept-1", Act(fault=Fault.TIMEOUT_AFTER_ACCEPT)),
        ("dGhpcyBpcw:APA91bH-gone", ORDINARY),
        ("goner-1", ORDINARY),
    ],
)
def test_the_beginning_of_a_token_says_what_happens(token: str, act: Act) -> None:
    assert of_token(token) == act


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("bounce+slow2s", Act(delay=2.0, fate="bounce")),
        ("21610", Act(refusal="21610")),
        ("30003", Act(fate="30003")),
        ("stop", Act(fate="STOP")),
        ("unregistered", Act(refusal="gone")),
        ("nonsense", None),
        ("bounce+nonsense", None),
    ],
)
def test_a_command_names_what_happens_with_the_same_words(words: str, act: Act | None) -> None:
    assert by_words(words) == act


def test_only_what_is_said_to_break_before_leaves_nothing_accepted() -> None:
    assert {fault for fault in Fault if not fault.accepted} == {Fault.HANG, Fault.RESET_BEFORE}
