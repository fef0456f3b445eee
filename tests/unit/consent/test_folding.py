"""What follows from what was said does not depend on when we learnt of it; in doubt it is no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.consent.folding import Matter, Said, fold, fold_on, holding
from dangol.model.people import ConsentState
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentAction, ConsentStatus, Purpose

START = datetime(2026, 3, 2, tzinfo=UTC)
GRANTED, WITHDRAWN = ConsentAction.GRANTED, ConsentAction.WITHDRAWN
REQUESTED, CONFIRMED = ConsentAction.REQUESTED, ConsentAction.CONFIRMED
RECONFIRMED, EXPIRED, IMPORTED = ConsentAction.RECONFIRMED, ConsentAction.EXPIRED, ConsentAction.IMPORTED
RESTORED = ConsentAction.RESTORED


def said(
    action: ConsentAction,
    day: int,
    topic: str = "",
    *,
    basis: str = "consent",
    evidence: bool = True,
    jurisdiction: str = "",
    n: str = "",
) -> Said:
    at = START + timedelta(days=day)
    return Said(
        f"{day}{action}{topic}{n}",
        Channel.EMAIL,
        Purpose.MARKETING,
        topic,
        action,
        basis,
        at,
        evidence,
        jurisdiction,
    )


def held(*rows: Said, topic: str = "") -> ConsentState | None:
    return fold(rows).get((Channel.EMAIL, Purpose.MARKETING, topic))


def status(*rows: Said, topic: str = "") -> ConsentStatus | None:
    state = held(*rows, topic=topic)
    return state.status if state is not None else None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([said(GRANTED, 1)], ConsentStatus.GRANTED),
        ([said(GRANTED, 1), said(WITHDRAWN, 2)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 1), said(WITHDRAWN, 2), said(GRANTED, 3)], ConsentStatus.GRANTED),
        ([said(WITHDRAWN, 2), said(GRANTED, 2)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 2), said(EXPIRED, 2)], ConsentStatus.EXPIRED),
        ([said(GRANTED, 1), said(EXPIRED, 2), said(WITHDRAWN, 2)], ConsentStatus.WITHDRAWN),
        ([said(EXPIRED, 1)], None),
        ([said(WITHDRAWN, 1), said(EXPIRED, 2)], ConsentStatus.WITHDRAWN),
        ([said(RECONFIRMED, 1)], None),
        ([said(WITHDRAWN, 1), said(RECONFIRMED, 2)], ConsentStatus.WITHDRAWN),
        ([said(REQUESTED, 1)], ConsentStatus.PENDING),
        ([said(GRANTED, 1), said(REQUESTED, 2)], ConsentStatus.GRANTED),
        ([said(WITHDRAWN, 1), said(REQUESTED, 2)], ConsentStatus.PENDING),
        ([said(REQUESTED, 1), said(CONFIRMED, 2)], ConsentStatus.GRANTED),
        ([said(CONFIRMED, 2)], None),
        ([said(REQUESTED, 1), said(WITHDRAWN, 2), said(CONFIRMED, 3)], ConsentStatus.WITHDRAWN),
        ([said(IMPORTED, 1)], ConsentStatus.GRANTED),
        ([said(WITHDRAWN, 1), said(IMPORTED, 2)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 1), said(EXPIRED, 2), said(IMPORTED, 3)], ConsentStatus.EXPIRED),
        ([said(REQUESTED, 1), said(IMPORTED, 2)], ConsentStatus.PENDING),
        ([said(RESTORED, 1)], None),
        ([said(WITHDRAWN, 1), said(RESTORED, 2)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 1), said(WITHDRAWN, 2), said(RESTORED, 3)], ConsentStatus.GRANTED),
        ([said(GRANTED, 1), said(WITHDRAWN, 2), said(RESTORED, 2)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 1), said(WITHDRAWN, 2), said(WITHDRAWN, 3), said(RESTORED, 4)], ConsentStatus.WITHDRAWN),
        ([said(GRANTED, 1), said(WITHDRAWN, 2), said(EXPIRED, 3), said(RESTORED, 4)], ConsentStatus.WITHDRAWN),
    ],
)
def test_the_rule_for_each_action(rows: list[Said], expected: ConsentStatus | None) -> None:
    assert status(*rows) == expected


@pytest.mark.parametrize("weak", [{"basis": "implied_purchase"}, {"evidence": False}])
def test_a_request_beside_a_weaker_consent_is_open_until_it_is_confirmed(weak: dict[str, Any]) -> None:
    before, asked, answer = said(GRANTED, 1, **weak), said(REQUESTED, 2), said(CONFIRMED, 3)
    for told in permutations([before, asked]):
        state = held(*told)
        assert state is not None
        assert (state.granted, state.consent_id, state.asked) == (True, before.id, asked.id)
    for told in permutations([before, asked, answer]):
        state = held(*told)
        assert state is not None
        assert (state.basis, state.proven, state.confirmed, state.asked) == ("consent", True, True, "")


def test_nothing_is_asked_of_who_agreed_expressly_and_provably() -> None:
    for state in (held(said(GRANTED, 1), said(REQUESTED, 2)), held(said(REQUESTED, 1), said(GRANTED, 2))):
        assert state is not None
        assert (state.status, state.asked) == (ConsentStatus.GRANTED, "")


def test_a_request_outlives_the_consent_beside_it_unless_that_is_withdrawn() -> None:
    rows = [said(GRANTED, 1, basis="implied_purchase"), said(REQUESTED, 2)]
    assert status(*rows, said(EXPIRED, 3), said(CONFIRMED, 4)) == ConsentStatus.GRANTED
    assert status(*rows, said(WITHDRAWN, 3), said(CONFIRMED, 4)) == ConsentStatus.WITHDRAWN


def test_a_span_begins_with_its_first_grant_and_is_as_fresh_as_its_last() -> None:
    rows = [said(GRANTED, 0), said(WITHDRAWN, 1), said(GRANTED, 2), said(GRANTED, 3), said(RECONFIRMED, 5)]
    state = held(*rows)
    assert state is not None
    assert (state.since, state.confirmed_at) == (START + timedelta(days=2), START + timedelta(days=5))
    assert state.consent_id == rows[3].id  # the reconfirmation is no proof of the consent


def test_without_consent_there_is_no_span() -> None:
    state = held(said(GRANTED, 0), said(EXPIRED, 1))
    assert state is not None
    assert (state.since, state.confirmed_at) == (None, None)


@pytest.mark.parametrize(
    ("rows", "confirmed"),
    [
        ([said(GRANTED, 1)], False),
        ([said(REQUESTED, 1)], False),
        ([said(REQUESTED, 1), said(GRANTED, 2)], False),
        ([said(REQUESTED, 1), said(CONFIRMED, 2)], True),
        ([said(GRANTED, 1), said(REQUESTED, 2), said(CONFIRMED, 3)], True),
        ([said(GRANTED, 1, basis="written_consent"), said(CONFIRMED, 2)], True),
        ([said(REQUESTED, 1), said(CONFIRMED, 2), said(GRANTED, 3, basis="written_consent")], True),
        ([said(REQUESTED, 1), said(CONFIRMED, 2), said(RECONFIRMED, 3)], True),
        ([said(REQUESTED, 1), said(CONFIRMED, 2), said(WITHDRAWN, 3), said(GRANTED, 4)], False),
        ([said(REQUESTED, 1), said(CONFIRMED, 2), said(EXPIRED, 3), said(GRANTED, 4)], False),
        ([said(REQUESTED, 1), said(WITHDRAWN, 2), said(CONFIRMED, 3), said(GRANTED, 4)], False),
        ([said(GRANTED, 1), said(RECONFIRMED, 2)], False),
        ([said(IMPORTED, 1)], False),
    ],
)
def test_a_consent_is_confirmed_by_a_second_message_for_as_long_as_it_goes_on(
    rows: list[Said], confirmed: bool
) -> None:
    for told in permutations(rows):
        state = held(*told)
        assert state is not None
        assert state.confirmed is confirmed


def test_a_confirmation_beside_a_better_consent_leaves_the_better_one() -> None:
    state = held(said(GRANTED, 1, basis="written_consent"), said(CONFIRMED, 2, evidence=False))
    assert state is not None
    assert (state.basis, state.proven, state.confirmed) == ("written_consent", True, True)


def test_an_import_is_unproven_whatever_it_says_of_itself() -> None:
    state = held(said(IMPORTED, 1, basis="written_consent"))
    assert state is not None
    assert (state.basis, state.proven) == (Basis.IMPORTED.value, False)


def test_a_grant_with_evidence_makes_an_imported_consent_proven() -> None:
    state = held(said(IMPORTED, 1), said(GRANTED, 2))
    assert state is not None
    assert (state.basis, state.proven, state.since) == ("consent", True, START + timedelta(days=1))


@pytest.mark.parametrize(
    "weaker",
    [
        said(GRANTED, 2, basis="implied_purchase"),
        said(GRANTED, 2, evidence=False),
        said(GRANTED, 2, basis="written_consent", evidence=False),
        said(IMPORTED, 2),
    ],
)
def test_a_grant_that_proves_less_changes_nothing(weaker: Said) -> None:
    assert held(said(GRANTED, 1), weaker) == held(said(GRANTED, 1))


def test_a_grant_that_rests_on_more_takes_the_place_of_one_that_rests_on_less() -> None:
    state = held(said(GRANTED, 1, basis="implied_purchase"), said(GRANTED, 2, basis="written_consent"))
    assert state is not None
    assert state.basis == "written_consent"


def test_what_was_shown_when_it_was_asked_for_proves_what_was_confirmed() -> None:
    state = held(said(REQUESTED, 1, jurisdiction="DE"), said(CONFIRMED, 2, evidence=False))
    assert state is not None
    assert state.proven
    assert (state.since, state.jurisdiction) == (START + timedelta(days=2), "DE")


@pytest.mark.parametrize(
    ("before", "refused"),
    [([], None), ([WITHDRAWN], 0), ([GRANTED, EXPIRED], 1), ([WITHDRAWN, REQUESTED], 0), ([REQUESTED], None)],
)
def test_what_waits_to_be_confirmed_remembers_a_no_before_it(before: list[ConsentAction], refused: int | None) -> None:
    state = held(*(said(action, day) for day, action in enumerate(before)), said(REQUESTED, 5))
    assert state is not None
    assert state.refused_at == (None if refused is None else START + timedelta(days=refused))
    assert state.says_nothing_yet is (refused is None)


def test_a_topic_has_a_state_of_its_own() -> None:
    rows = [said(GRANTED, 1), said(WITHDRAWN, 2, "sale"), said(GRANTED, 3, "tea")]
    assert status(*rows) == ConsentStatus.GRANTED
    assert status(*rows, topic="sale") == ConsentStatus.WITHDRAWN
    assert status(*rows, topic="tea") == ConsentStatus.GRANTED


@pytest.mark.parametrize("topic", ["sale", NIGHT])
def test_leaving_the_whole_purpose_ends_the_consents_for_its_topics(topic: str) -> None:
    rows = [said(GRANTED, 1, topic), said(WITHDRAWN, 2), said(GRANTED, 3)]
    assert status(*rows, topic=topic) is None
    assert status(*rows, said(GRANTED, 4, topic), topic=topic) == ConsentStatus.GRANTED


def test_a_topic_that_was_refused_stays_refused_when_the_person_comes_back() -> None:
    rows = [said(WITHDRAWN, 1, "sale"), said(WITHDRAWN, 2), said(GRANTED, 3)]
    assert status(*rows, topic="sale") == ConsentStatus.WITHDRAWN


def test_who_left_altogether_cannot_be_confirmed_for_a_topic_by_an_older_link() -> None:
    rows = [said(REQUESTED, 1, "sale"), said(WITHDRAWN, 2), said(CONFIRMED, 3, "sale")]
    assert status(*rows, topic="sale") == ConsentStatus.WITHDRAWN


@pytest.mark.parametrize("basis", ["written_consent", "consent", "implied_purchase"])
def test_what_is_given_back_is_as_old_and_as_well_proven_as_it_was(basis: str) -> None:
    given = [said(GRANTED, 1, basis=basis, evidence=False, jurisdiction="US")]
    before, after = held(*given), held(*given, said(WITHDRAWN, 2), said(RESTORED, 3))
    assert before is not None
    assert after == replace(before, occurred_at=START + timedelta(days=3))


def test_topics_are_given_back_too_unless_something_was_said_of_them_since() -> None:
    left = [said(GRANTED, 1, "sale"), said(GRANTED, 1, "tea"), said(WITHDRAWN, 2)]
    rows = [*left, said(WITHDRAWN, 3, "tea"), said(RESTORED, 4)]
    assert status(*rows, topic="sale") == ConsentStatus.GRANTED
    assert status(*rows, topic="tea") == ConsentStatus.WITHDRAWN
    assert status(*rows) == ConsentStatus.WITHDRAWN  # all the rest was never agreed to


def test_an_import_for_a_topic_does_not_get_round_a_withdrawal() -> None:
    assert status(said(WITHDRAWN, 1), said(IMPORTED, 2, "sale"), topic="sale") is None
    given_up = [said(GRANTED, 1, NIGHT), said(WITHDRAWN, 2), said(GRANTED, 3), said(IMPORTED, 4, NIGHT)]
    assert status(*given_up, topic=NIGHT) is None


rows = st.builds(
    said,
    st.sampled_from(ConsentAction),
    st.integers(min_value=0, max_value=4),
    st.sampled_from(["", "sale", NIGHT]),
    basis=st.sampled_from(["consent", "implied_purchase", "imported"]),
    evidence=st.booleans(),
    n=st.sampled_from("ab"),
)
some = st.lists(rows, max_size=10, unique_by=lambda row: row.id)


@given(told=some)
def test_no_consent_is_confirmed_without_a_confirmation(told: Sequence[Said]) -> None:
    unanswered = [row for row in told if row.action is not CONFIRMED]
    assert not any(state.confirmed for state in holding(fold(unanswered)).values())
    assert all(state.granted for state in holding(fold(told)).values() if state.confirmed)


@given(told=some, data=st.data())
def test_any_order_of_arrival_leads_to_the_same_states(told: Sequence[Said], data: st.DataObject) -> None:
    assert fold(data.draw(st.permutations(told))) == fold(told)


@settings(max_examples=500)
@given(told=some, day=st.integers(-1, 12))
def test_later_rows_go_on_from_what_is_held_as_if_all_had_been_folded(told: Sequence[Said], day: int) -> None:
    cut = START + timedelta(days=day)
    before, after = [row for row in told if row.occurred_at <= cut], [row for row in told if row.occurred_at > cut]
    gone_on = fold_on(holding(fold(before)), after)
    if gone_on is None:
        assert any(row.action in (RESTORED, IMPORTED) for row in after)
    else:
        assert holding(gone_on) == holding(fold(told))
        assert holding(fold(before)).keys() <= gone_on.keys()


def test_what_looks_back_is_not_gone_on_from_what_is_held() -> None:
    given, left = said(GRANTED, 1, "sale"), said(WITHDRAWN, 2)
    held = holding(fold([given, left]))
    assert fold_on(held, [said(RESTORED, 3)]) is None
    assert fold_on(held, [said(IMPORTED, 3, "sale")]) is None
    assert fold_on(held, [said(IMPORTED, 3)]) is not None


@given(told=some, topic=st.sampled_from(["", "sale", NIGHT]))
def test_a_withdrawal_wins_over_all_before_it_and_beside_it(told: Sequence[Said], topic: str) -> None:
    last = max((row.occurred_at for row in told), default=START)
    leaves = Said("~", Channel.EMAIL, Purpose.MARKETING, topic, WITHDRAWN, "consent", last, True, "")
    states = fold([*told, leaves])
    concerned: list[Matter] = [matter for matter in states if not topic or matter[2] == topic]
    assert not any(states[matter] and states[matter].granted for matter in concerned)  # type: ignore[union-attr]


@given(told=some)
def test_a_consent_always_says_since_when_and_what_proves_it(told: Sequence[Said]) -> None:
    ids = {row.id for row in told}
    for state in holding(fold(told)).values():
        assert state.consent_id in ids
        assert state.granted == (state.status is ConsentStatus.GRANTED)
        assert (state.since is not None) == (state.confirmed_at is not None) == state.granted
        if state.since and state.confirmed_at:
            assert state.since <= min(state.occurred_at, state.confirmed_at)


@given(told=some)
def test_nothing_but_a_word_of_the_person_ends_a_withdrawal(told: Sequence[Said]) -> None:
    leaves = said(WITHDRAWN, -1)
    later = [row for row in told if row.action not in (GRANTED, REQUESTED)]
    assert not any(state.granted for state in holding(fold([leaves, *later])).values())
