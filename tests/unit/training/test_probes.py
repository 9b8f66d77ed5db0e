"""Drawn defects for comparing sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.training.anomaly.probes import with_probe


def texture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(60, 200, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_a_probe_is_small_and_visible(seed: int) -> None:
    picture = texture(200, 300)
    before = picture.copy()
    probed = with_probe(picture, np.random.default_rng(seed))
    assert np.array_equal(picture, before), "the picture itself stays"
    changed = (probed != picture).any(axis=2)
    assert 0 < changed.mean() < 0.01
    ys, xs = np.nonzero(changed)
    assert max(np.ptp(ys), np.ptp(xs)) < 60


def test_probes_follow_the_generator() -> None:
    picture = texture(100, 100)
    first, second, other = (with_probe(picture, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(8))
def test_inside_a_region(seed: int) -> None:
    picture = texture(160, 160)
    inside = np.zeros((160, 160), bool)
    inside[40:80, 100:140] = True
    changed = (with_probe(picture, np.random.default_rng(seed), inside) != picture).any(axis=2)
    ys, xs = np.nonzero(changed)
    assert 36 <= ys.mean() <= 84
    assert 96 <= xs.mean() <= 144


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 999), region=st.booleans())
def test_any_size(height: int, width: int, seed: int, region: bool) -> None:
    picture = texture(height, width)
    inside = np.zeros((height, width), bool) if region else None
    probed = with_probe(picture, np.random.default_rng(seed), inside)
    assert probed.shape == picture.shape
    assert probed.dtype == np.uint8
