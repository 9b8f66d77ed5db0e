from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import ImageError
from belvedere.vision.contours import join_polygons, trace_polygons


def filled(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels whose centre lies inside by the even-odd rule."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    inside = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 != y1:
            crossed = (y > min(y0, y1)) & (y <= max(y0, y1))
            inside ^= crossed & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x)
    return inside


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(max_examples=300, deadline=None)
def test_filling_gives_the_mask_again(mask: np.ndarray) -> None:
    shown = np.zeros_like(mask)
    for polygon in trace_polygons(mask):
        part = filled(polygon, *mask.shape)
        assert not (part & shown).any()  # no two cover the same pixel
        shown |= part
    assert np.array_equal(shown, mask)


def test_a_ring_with_an_island() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[1:8, 1:8] = True
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    polygons = trace_polygons(mask)
    assert sorted(len(polygon) for polygon in polygons) == [4, 10]
    assert np.array_equal(filled(polygons[0], 9, 9) ^ filled(polygons[1], 9, 9), mask)


def test_an_empty_mask_and_other_arrays() -> None:
    assert trace_polygons(np.zeros((4, 4), dtype=bool)) == ()
    with pytest.raises(ImageError, match="expected bool"):
        trace_polygons(np.zeros((4, 4), dtype=np.uint8))  # type: ignore[arg-type]


def test_joined_polygons_cover_what_their_parts_do() -> None:
    squares = [
        np.array([[x, y], [x + 2, y], [x + 2, y + 2], [x, y + 2]], dtype=float) for x, y in ((0, 0), (5, 1), (1, 6))
    ]
    joined = join_polygons(squares)
    whole = filled(joined, 9, 9)
    assert int(whole.sum()) == 12
    assert np.array_equal(whole, filled(squares[0], 9, 9) | filled(squares[1], 9, 9) | filled(squares[2], 9, 9))


def test_a_mask_full_of_holes() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[1:-1, 1:-1] = True
    mask[2:-2:2, 2:-2:2] = False
    (polygon,) = trace_polygons(mask)
    assert np.array_equal(filled(polygon, 60, 60), mask)


parts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8, unique=True)


@given(parts)
@settings(max_examples=60, deadline=None)
def test_joining_covers_the_same(corners: list[tuple[int, int]]) -> None:
    squares = [np.array([[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], dtype=float) * 3 for x, y in corners]
    expected = np.zeros((21, 21), dtype=bool)
    for square in squares:
        expected |= filled(square, 21, 21)
    assert np.array_equal(filled(join_polygons(squares), 21, 21), expected)
