"""The limit from normal scores: its arithmetic, and that its rate holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.training.anomaly.conformal import normal_limit


@pytest.mark.parametrize(
    ("count", "asked", "rank", "rate", "needed"),
    [
        (2, 0.05, 1, 1 / 3, 19),
        (18, 0.05, 1, 1 / 19, 19),
        (19, 0.05, 1, 0.05, 19),
        (20, 0.05, 1, 1 / 21, 19),
        (39, 0.05, 2, 0.05, 19),
        (99, 0.1, 10, 0.1, 9),
        (9, 0.3, 3, 0.3, 3),
        (30, 0.01, 1, 1 / 31, 99),
        (199, 0.005, 1, 0.005, 199),
        (3, 0.75, 3, 0.75, 1),
    ],
)
def test_arithmetic(count: int, asked: float, rank: int, rate: float, needed: int) -> None:
    scores = np.random.default_rng(0).permutation(count).astype(np.float64)
    limit = normal_limit(scores, asked)
    assert limit.limit == count - rank
    assert limit.rate == pytest.approx(rate)
    assert limit.asked == asked
    assert limit.needed == needed


@given(count=st.integers(1, 500), asked=st.floats(1e-6, 1, exclude_max=True))
def test_properties(count: int, asked: float) -> None:
    limit = normal_limit(np.arange(count, dtype=np.float64), asked)
    assert 0 <= limit.limit <= count - 1
    assert limit.rate <= max(asked, 1 / (count + 1)) + 1e-9
    assert limit.rate > asked - 1 / (count + 1) - 1e-9
    # With as many pictures as it says are needed, the asked rate is kept; with one fewer it is not.
    if limit.needed < 10_000:
        if limit.needed >= 1:
            assert normal_limit(np.zeros(limit.needed), asked).rate <= asked + 1e-9
        if limit.needed >= 2:
            assert normal_limit(np.zeros(limit.needed - 1), asked).rate > asked


@pytest.mark.parametrize(
    ("count", "asked"), [(2, 0.05), (5, 0.01), (9, 0.1), (19, 0.05), (20, 0.05), (39, 0.12), (60, 0.25)]
)
@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_rate_holds_on_exchangeable_scores(count: int, asked: float, draw: str) -> None:
    """Averaged over many sets, new scores exceed the limit exactly at the promised rate."""
    rng = np.random.default_rng((count, 7))
    sets, fresh = 4000, 8
    draws = rng.standard_normal if draw == "normal" else rng.standard_exponential
    alarms = np.empty(sets)
    for index in range(sets):
        limit = normal_limit(draws(count), asked)
        alarms[index] = (draws(fresh) > limit.limit).mean()
    promised = normal_limit(np.zeros(count), asked).rate
    error = alarms.std() / math.sqrt(sets)
    assert promised <= max(asked, 1 / (count + 1)) + 1e-12
    assert abs(alarms.mean() - promised) <= 4 * error


def test_rate_is_an_upper_bound_with_ties() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(2000):
        scores = rng.integers(0, 4, 29).astype(np.float64)
        alarms.append((rng.integers(0, 4, 8) > normal_limit(scores, 0.1).limit).mean())
    assert np.mean(alarms) <= 0.1
