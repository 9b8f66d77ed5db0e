"""Polygons to run lengths, pixel for pixel as COCO's own tools paint them.

The rule (``rleFrPoly`` of the COCO API, Dollár and Lin 2015): corners are rounded to fifths of a pixel, the boundary is
walked in steps of a fifth, and each crossing of the middle of a column changes between outside and inside at the row
where it happens. Crossings beside the picture are left out, those above and below count at its border. Several
polygons of one thing are united.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.vision.rle.runs import RunLengths, of_changes, united

_FINE = 5
"""Steps of the boundary per pixel."""
MOST_BOUNDARY = 500_000
"""Longest boundary of one polygon, in pixels: more is no outline of a thing but a damaged one."""


def from_polygons(polygons: Sequence[ArrayLike], height: int, width: int) -> RunLengths:
    """Paint polygons that are parts of one thing.

    Args:
        polygons: Rows of corners (n, 2) in pixels, x and y from the top left of the picture, n at least 3. Corners may
            lie outside the picture.
        height: Rows of the mask.
        width: Its columns.

    Raises:
        OptionError: a polygon has fewer than 3 corners, one that is no number or more than ``MOST_BOUNDARY`` pixels
            away, or a longer boundary than that.
    """
    painted = []
    for index, polygon in enumerate(polygons):
        corners = np.asarray(polygon, dtype=np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            raise OptionError(f"polygon {index} has shape {corners.shape}: expected (n, 2) with at least 3 corners")
        if not np.isfinite(corners).all() or np.abs(corners).max() > MOST_BOUNDARY:
            raise OptionError(f"polygon {index} has a corner that is not a number or over {MOST_BOUNDARY} pixels away")
        far = np.abs(corners[1:] - corners[:-1]).max(axis=1).sum() + np.abs(corners[0] - corners[-1]).max()
        if far + len(corners) > MOST_BOUNDARY:
            raise OptionError(f"polygon {index} has a boundary of more than {MOST_BOUNDARY} pixels")
        painted.append(_painted(corners, height, width))
    return united(painted, height, width)


def _painted(corners: NDArray[np.float64], height: int, width: int) -> RunLengths:
    x, y = _walk((_FINE * corners + 0.5).astype(np.int64))  # towards zero, as C rounds
    # Between x and its neighbour to the right lies the middle of a column where x is two fifths into it.
    steps = np.flatnonzero(x[1:] != x[:-1])
    lower_x, lower_y = np.minimum(x[steps + 1], x[steps]), np.minimum(y[steps + 1], y[steps])
    crossed = (lower_x % _FINE == 2) & (lower_x >= 0) & (lower_x < _FINE * width)
    columns = lower_x[crossed] // _FINE
    rows = np.minimum(np.maximum((lower_y[crossed] + 2) // _FINE, 0), height)
    places = np.sort(columns * height + rows)
    if (places[1:] == places[:-1]).any():  # two changes at one place are none
        places, times = np.unique(places, return_counts=True)
        places = places[times % 2 == 1]
    return of_changes(places[places < height * width], height, width)


def _walk(corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All steps along the boundary, from corner to corner and back to the first: x and y, one entry a step."""
    ends = np.concatenate([corners[1:], corners[:1]])
    along = ends - corners
    # Every edge is walked along the axis on which it is longer, and its points counted from its lower end.
    flat = np.abs(along[:, 0]) >= np.abs(along[:, 1])
    begin, across = np.where(flat, corners.T, corners.T[::-1])
    run, rise = np.where(flat, along.T, along.T[::-1])
    length = np.abs(run)
    sign = np.where(run < 0, -1, 1)
    slope = np.divide(sign * rise, length, out=np.zeros(len(length)), where=length > 0)
    across = np.where(run < 0, across + rise, across)
    first_step = np.cumsum(length + 1) - (length + 1)
    edges = np.stack([begin, sign, np.where(run < 0, length, 0), across, slope, first_step, flat]).astype(np.float64)
    begin_, sign_, from_low, across_, slope_, zero, flat_ = np.repeat(edges, length + 1, axis=1)
    step = sign_ * (np.arange(len(zero)) - zero)
    first = (begin_ + step).astype(np.int64)
    second = (across_ + slope_ * (from_low + step) + 0.5).astype(np.int64)
    return np.where(flat_, first, second), np.where(flat_, second, first)
