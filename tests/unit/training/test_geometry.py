"""Network input and grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import OptionError
from belvedere.training.anomaly.geometry import Geometry, input_sides, native_side, roi_cells

sizes = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), min_size=1, max_size=6)


@given(sizes=sizes, side=st.integers(64, 2048), multiple=st.sampled_from([8, 14, 16, 32]))
def test_input_sides(sizes: list[tuple[int, int]], side: int, multiple: int) -> None:
    width, height = input_sides(sizes, side, multiple)
    assert width % multiple == height % multiple == 0
    assert min(width, height) >= 2 * multiple
    wanted = min(max(float(np.median([w / h for w, h in sizes])), 1 / 3), 3)
    ideal = side * wanted**0.5, side / wanted**0.5
    for found, exact in zip((width, height), ideal, strict=True):
        assert abs(found - max(exact, 2 * multiple)) <= multiple / 2 + 1e-6 or found == 2 * multiple


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((640, 640), 256, (256, 256)),
        ((640, 480), 256, (288, 224)),
        ((100, 1000), 96, (48, 160)),
        ((9, 9), 64, (64, 64)),
    ],
)
def test_input_sides_examples(size: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    assert input_sides([size], side, 16) == expected


def test_native_side_is_bounded() -> None:
    assert native_side([(400, 100), (400, 100), (4000, 4000)], 1024) == 200
    assert native_side([(4000, 4000)], 1024) == 1024


def test_cells_and_top() -> None:
    geometry = Geometry(320, 240, 8)
    assert (geometry.rows, geometry.columns) == (30, 40)
    assert geometry.cells.tolist() == list(range(1200))
    assert geometry.top == 12
    assert Geometry(160, 120, 8).top == 3
    roi = np.zeros((30, 40), bool)
    roi[2, 5:9] = True
    inside = Geometry(320, 240, 8, roi=roi)
    assert inside.cells.tolist() == [85, 86, 87, 88]
    assert inside.top == 1


@pytest.mark.parametrize("scale", [1, 3, 10])
def test_roi_of_any_size_lands_on_the_grid(scale: int) -> None:
    picture = np.zeros((12 * scale, 16 * scale, 3), np.uint8)
    picture[3 * scale : 6 * scale, 4 * scale : 12 * scale] = 255
    expected = np.zeros((12, 16), bool)
    expected[3:6, 4:12] = True
    assert (roi_cells(picture, Geometry(128, 96, 8)) == expected).all()


def test_roi_counts_from_half_bright() -> None:
    picture = np.full((12, 16, 3), 127, np.uint8)
    picture[5, 5] = (0, 128, 0)
    assert roi_cells(picture, Geometry(128, 96, 8)).sum() == 1


def test_an_empty_roi_is_refused() -> None:
    with pytest.raises(OptionError, match=r"region of interest is empty.*white"):
        roi_cells(np.zeros((10, 10, 3), np.uint8), Geometry(128, 96, 8))
