from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import LimitError, OptionError
from belvedere.vision.windows import MOST_WINDOWS, Tiling, Window


@given(st.integers(32, 200), st.floats(0, 0.5), st.integers(1, 500), st.integers(1, 500))
def test_windows_cover_the_picture_and_overlap_enough(size, overlap, width, height):
    windows = Tiling(size, overlap).windows(width, height)
    covered = np.zeros((height, width), dtype=bool)
    for window in windows:
        assert 0 <= window.left < window.right <= width
        assert 0 <= window.top < window.bottom <= height
        assert (window.width, window.height) == (min(size, width), min(size, height))
        covered[window.top : window.bottom, window.left : window.right] = True
    assert covered.all()
    lefts = sorted({window.left for window in windows})
    assert all(after - before <= size - int(size * overlap) for before, after in pairwise(lefts))
    assert len(windows) == len(set(windows))


def test_windows_by_hand():
    assert Tiling(100, 0.2).windows(180, 50) == (Window(0, 0, 100, 50), Window(80, 0, 180, 50))
    assert Tiling(100, 0.2).windows(100, 100) == (Window(0, 0, 100, 100),)
    assert [window.left for window in Tiling(100, 0.0).windows(250, 1)] == [0, 75, 150]


def test_their_number_is_bounded():
    assert len(Tiling(100, 0).windows(3200, 3200)) == MOST_WINDOWS
    with pytest.raises(LimitError, match="1056 tiles of 100 pixels: expected at most 1024; choose larger tiles"):
        Tiling(100, 0).windows(3300, 3200)


@pytest.mark.parametrize(
    "values", [(31,), (0,), (-1,), (16385,), (64.0,), (True,), (64, -0.1), (64, 0.95), (64, float("nan"))]
)
def test_values_are_checked(values):
    with pytest.raises(OptionError, match="expected"):
        Tiling(*values)
