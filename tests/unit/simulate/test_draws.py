"""Chance is a function of what it is about."""

from __future__ import annotations

import math
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from dangol.simulate.draws import Draws, poisson, waiting_time

KEYS = st.lists(st.text(max_size=8), min_size=1, max_size=3)


@given(seed=st.integers(), key=KEYS)
def test_a_draw_is_the_same_whenever_it_is_made(seed: int, key: list[str]) -> None:
    draws = Draws(seed)
    before = draws.eight(*key)
    draws.eight("something", "else")
    assert draws.eight(*key) == before == Draws(seed).eight(*key)
    assert all(0 <= one < 1 for one in before)


def test_another_seed_is_other_luck() -> None:
    assert Draws(1).eight("p1", "open") != Draws(2).eight("p1", "open")


def test_draws_of_many_people_are_spread_evenly() -> None:
    draws = Draws(0)
    drawn = [draws.one(f"p{number}", "open") for number in range(4_000)]
    assert abs(fmean(drawn) - 0.5) < 0.02
    assert abs(sum(one < 0.1 for one in drawn) / 4_000 - 0.1) < 0.02


@given(mean=st.floats(0, 50), uniform=st.floats(0, 1, exclude_max=True))
def test_a_count_is_the_least_one_whose_probability_reaches_the_draw(mean: float, uniform: float) -> None:
    count = poisson(mean, uniform)
    below = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count))
    assert below <= uniform + 1e-9


def test_counts_have_the_mean_that_was_asked_for() -> None:
    draws = Draws(0)
    assert abs(fmean(poisson(2.5, draws.one(str(number))) for number in range(4_000)) - 2.5) < 0.1


@given(uniform=st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_more_than_five_times_its_mean(uniform: float) -> None:
    assert 0 <= waiting_time(60.0, uniform) <= 300
