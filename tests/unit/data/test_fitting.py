from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.data.annotations import polygon_area
from belvedere.data.fitting import clip_polygon, fit_box, fit_keypoints, fit_polygons
from belvedere.vision.rle import from_polygons

SIZE = (10, 8)


@pytest.mark.parametrize(
    ("box", "fitted", "reason"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4), None),
        ((-0.5, 0, 10.9, 8), (0, 0, 10, 8), None),  # rounding of the source
        ((-3, 2, 4, 20), (0, 2, 4, 8), "reaches outside the picture of 10 x 8; clipped"),
        ((11, 2, 14, 4), None, "lies outside the picture of 10 x 8; left out"),
        ((10, 2, 14, 4), None, "lies outside"),
        ((5, 5, 3, 7), None, "negative size (-2 x 2); left out"),
        ((5, 5, 5, 7), None, "no area (0 x 2); left out"),
        ((math.nan, 1, 2, 3), None, "not finite; left out"),
        ((0, 1, math.inf, 3), None, "not finite; left out"),
    ],
)
def test_boxes(box: tuple[float, ...], fitted: object, reason: str | None) -> None:
    found, problem = fit_box(box, SIZE)
    assert found == fitted
    assert (reason or "") in (problem or "")
    assert (problem is None) == (reason is None)


def test_a_box_of_a_picture_of_unknown_size_is_not_clipped() -> None:
    assert fit_box((-3, 0, 400, 9), None) == ((-3, 0, 400, 9), None)


@pytest.mark.parametrize(
    ("points", "kept", "reason"),
    [
        ([[1, 1], [5, 1], [5, 5]], 1, None),
        ([[1, 1], [5, 1]], 0, "the polygon has 2 points, and a polygon needs three; left out"),
        ([], 0, "has 0 points"),
        ([[1, 1], [5, 1], [5, 5]] * 40_000, 0, "has 120000 points, more than 100000"),
        ([[1, 1], [5, 1], [9, 1]], 0, "has no area"),
        ([[1, 1], [math.nan, 1], [5, 5]], 0, "not finite"),
        ([[20, 1], [30, 1], [30, 5]], 0, "lies outside"),
        ([[1, 1], [30, 1], [30, 5], [1, 5]], 1, "reaches outside the picture of 10 x 8; clipped"),
    ],
)
def test_polygons(points: list[list[float]], kept: int, reason: str | None) -> None:
    shape, problems = fit_polygons([np.array(points, dtype=float)], SIZE)
    assert (0 if shape is None else len(shape.parts)) == kept
    assert (reason or "") in "".join(problems)
    assert bool(problems) == (reason is not None)


def test_the_usable_polygons_of_an_outline_are_kept() -> None:
    good = np.array([[1.0, 1], [5, 1], [5, 5]])
    shape, problems = fit_polygons([good[:2], good], SIZE)
    assert shape is not None
    assert len(shape.parts) == 1
    assert problems == ["polygon 1 has 2 points, and a polygon needs three; left out"]


def test_keypoints() -> None:
    points = np.array([[1, 2, 2], [50, 2, 1], [3, math.nan, 2], [3, 3, 7], [4, 4, 0], [10.5, 3, 2]])
    fitted, problems = fit_keypoints(points, SIZE)
    assert fitted.dtype == np.float32
    assert fitted.tolist() == [[1, 2, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [10, 3, 2]]
    assert problems == [
        "keypoints 3, 4 have no finite position with visibility 0, 1 or 2; taken as not marked",
        "keypoint 2 has a place outside the picture of 10 x 8; taken as not marked",
    ]


coordinates = st.floats(-20, 30, allow_nan=False).map(lambda value: round(value * 4) / 4)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8).map(lambda p: np.array(p, dtype=float))


@given(polygons)
@settings(max_examples=200, deadline=None)
def test_clipping_keeps_the_pixels(points: np.ndarray) -> None:
    # Painted on a larger canvas and cropped, or clipped and painted: the same inside of the border's own pixels.
    cut = clip_polygon(points, 10, 8)
    if len(cut):
        assert cut.min() >= 0
        assert (cut.max(axis=0) <= (10, 8)).all()
    whole = _covered(points + 20, 48, 50)[20:28, 20:30]
    mine = _covered(cut, 8, 10) if len(cut) else np.zeros((8, 10), dtype=bool)
    assert np.array_equal(whole, mine)


def _covered(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixel centres inside by the even-odd rule; corners lie on quarters, centres off them by an irrational bit."""
    y, x = np.mgrid[0:height, 0:width] + np.array([0.5 + 0.0271, 0.5 + 0.0313]).reshape(2, 1, 1)
    inside = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 != y1:
            crossed = (y > min(y0, y1)) & (y <= max(y0, y1))
            inside ^= crossed & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x)
    return inside


def test_a_clipped_polygon_has_the_area_inside() -> None:
    points = np.array([[-5.0, -5], [5, -5], [5, 5], [-5, 5]])
    cut = clip_polygon(points, 10, 8)
    assert polygon_area(cut) == 25
    assert from_polygons([cut], 8, 10).area == 25
