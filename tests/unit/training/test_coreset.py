"""The blockwise coreset makes the choices of the plain greedy algorithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.training.anomaly.coreset import greedy_coreset


def plain_greedy(x: np.ndarray, count: int, first: int) -> list[int]:
    """Farthest-point selection, one at a time, in float64."""
    x = x.astype(np.float64)
    chosen = [first]
    nearest = ((x - x[first]) ** 2).sum(axis=1)
    while len(chosen) < count and nearest.max() > 0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((x - x[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


def assert_greedy(x: np.ndarray, chosen: np.ndarray) -> None:
    """Every choice is (one of) the farthest from all before it; exact for small whole numbers."""
    x = x.astype(np.float64)
    nearest = ((x - x[chosen[0]]) ** 2).sum(axis=1)
    for pick in chosen[1:]:
        assert nearest[pick] == nearest.max() > 0
        nearest = np.minimum(nearest, ((x - x[pick]) ** 2).sum(axis=1))


@pytest.mark.parametrize(("total", "dimension", "count"), [(600, 8, 200), (300, 2, 299), (150, 30, 40), (97, 3, 50)])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_plain_algorithm(total: int, dimension: int, count: int, seed: int) -> None:
    x = np.random.default_rng((seed, 9)).standard_normal((total, dimension)).astype(np.float32)
    chosen = greedy_coreset(x, count, np.random.default_rng(seed))
    assert chosen.tolist() == plain_greedy(x, count, int(chosen[0]))


@pytest.mark.parametrize("spread", [0.001, 1.0])
def test_equals_the_plain_algorithm_on_clusters(spread: float) -> None:
    """A few far clusters: blocks end early, because after one choice all others of its cluster are near."""
    rng = np.random.default_rng(5)
    x = (10 * rng.standard_normal((6, 4)))[rng.integers(0, 6, 500)] + spread * rng.standard_normal((500, 4))
    # Far from zero float32 differences lose their last digits; whole sixteenths keep them exact.
    x = (np.round(x * 16) / 16).astype(np.float32)
    chosen = greedy_coreset(x, 120, np.random.default_rng(0))
    assert_greedy(x, chosen)
    assert len(chosen) == min(120, len(np.unique(x, axis=0)))


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(2, 260),
    dimension=st.integers(1, 4),
    values=st.integers(1, 6),
    count=st.integers(1, 300),
    seed=st.integers(0, 10**6),
)
def test_duplicates(total: int, dimension: int, values: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, values, (total, dimension)).astype(np.float32)
    chosen = greedy_coreset(x, count, rng)
    assert len(set(chosen.tolist())) == len(chosen)
    if count >= total:
        assert chosen.tolist() == list(range(total))
        return
    assert len(chosen) == min(count, len(np.unique(x, axis=0)))
    assert_greedy(x, chosen)


def test_the_generator_chooses_the_first() -> None:
    x = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    same = [greedy_coreset(x, 20, np.random.default_rng(4)).tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert len({int(greedy_coreset(x, 20, np.random.default_rng(seed))[0]) for seed in range(20)}) > 5
