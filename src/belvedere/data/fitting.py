"""Bringing marked boxes, outlines and keypoints into their picture, and saying what was wrong with them.

Nothing here raises: each function returns what can be used, and the reasons why something else cannot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.annotations import BoxXYXY, Polygons, polygon_area

ROUNDING = 1.0
"""Pixels by which an annotation may reach outside its picture before that is more than rounding."""

MOST_CORNERS = 100_000
"""Most corners of a polygon."""

SMALLEST_AREA = 1e-3
"""Square pixels below which a polygon is a line."""

Size = tuple[int, int]


def fit_box(box_xyxy: Sequence[float], size: Size | None) -> tuple[BoxXYXY | None, str | None]:
    """A box cut to its picture.

    Args:
        box_xyxy: Left, top, right, bottom.
        size: Width and height of the picture; None where they are not known.

    Returns:
        The box, None where it cannot be used; and what was wrong, None where nothing was.
    """
    left, top, right, bottom = (float(value) for value in box_xyxy)
    if not all(map(math.isfinite, (left, top, right, bottom))):
        return None, "the box holds a number that is not finite; left out"
    if right < left or bottom < top:
        return None, f"the box has a negative size ({right - left:g} x {bottom - top:g}); left out"
    if right == left or bottom == top:
        return None, f"the box has no area ({right - left:g} x {bottom - top:g}); left out"
    if size is None:
        return (left, top, right, bottom), None
    width, height = size
    cut = max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        return None, f"the box {_shown((left, top, right, bottom))} lies outside the picture {_size(size)}; left out"
    if max(-left, -top, right - width, bottom - height) > ROUNDING:
        return cut, f"the box {_shown((left, top, right, bottom))} reaches outside the picture {_size(size)}; clipped"
    return cut, None


def fit_polygons(parts: Sequence[NDArray[np.floating[Any]]], size: Size | None) -> tuple[Polygons | None, list[str]]:
    """An outline cut to its picture (Sutherland and Hodgman 1974, https://doi.org/10.1145/360767.360802).

    Returns:
        The usable parts, None where there are none; and what was wrong.
    """
    kept: list[NDArray[np.float64]] = []
    problems: list[str] = []
    for number, given in enumerate(parts, 1):
        points = np.asarray(given, dtype=np.float64).reshape(-1, 2)
        where = "the polygon" if len(parts) == 1 else f"polygon {number}"
        if not np.isfinite(points).all():
            problems.append(f"{where} holds a number that is not finite; left out")
            continue
        if len(points) > MOST_CORNERS:
            problems.append(f"{where} has {len(points)} points, more than {MOST_CORNERS}; left out")
            continue
        if len(points) < 3:
            problems.append(f"{where} has {len(points)} points, and a polygon needs three; left out")
            continue
        if polygon_area(points) < SMALLEST_AREA:
            problems.append(f"{where} has no area; left out")
            continue
        cut = points if size is None else clip_polygon(points, *size)
        if len(cut) < 3 or polygon_area(cut) < SMALLEST_AREA:
            problems.append(f"{where} lies outside the picture {_size(size)}; left out")
            continue
        if size is not None and _overhang(points, size) > ROUNDING:
            problems.append(f"{where} reaches outside the picture {_size(size)}; clipped")
        kept.append(cut)
    return (Polygons(tuple(kept)) if kept else None), problems


def fit_keypoints(keypoints: NDArray[np.floating[Any]], size: Size | None) -> tuple[NDArray[np.float32], list[str]]:
    """Keypoints (K, 3) of which those that cannot be used are no longer marked (all zeros).

    Returns:
        float32 (K, 3), and what was wrong.
    """
    points = np.array(keypoints, dtype=np.float64).reshape(-1, 3)
    problems = []
    broken = ~np.isfinite(points).all(axis=1) | ~np.isin(points[:, 2], (0, 1, 2))
    if broken.any():
        problems.append(f"{_list(broken)} no finite position with visibility 0, 1 or 2; taken as not marked")
    points[broken] = 0
    if size is not None:
        low, high = -ROUNDING, np.array(size) + ROUNDING
        outside = (points[:, 2] > 0) & ((points[:, :2] < low) | (points[:, :2] > high)).any(axis=1)
        if outside.any():
            problems.append(f"{_list(outside)} a place outside the picture {_size(size)}; taken as not marked")
        points[outside] = 0
        points[:, :2] = np.clip(points[:, :2], 0, size)
    points[points[:, 2] == 0] = 0
    return points.astype(np.float32), problems


def clip_polygon(points_xy: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """The part of a polygon (n, 2) inside a picture; maybe empty. Parts that fall apart stay joined along the edge."""
    if _overhang(points_xy, (width, height)) <= 0:
        return points_xy
    points = points_xy
    for axis, sign, bound in ((0, 1.0, 0.0), (0, -1.0, -float(width)), (1, 1.0, 0.0), (1, -1.0, -float(height))):
        if not len(points):
            break
        points = _half_plane(points, axis, sign, bound)
    return points


def _half_plane(points: NDArray[np.float64], axis: int, sign: float, bound: float) -> NDArray[np.float64]:
    """The part of a polygon where ``sign * coordinate >= bound``."""
    inside = sign * points[:, axis] >= bound
    kept: list[NDArray[np.float64]] = []
    for place in range(len(points)):
        start, end = points[place - 1], points[place]
        if inside[place] != inside[place - 1]:
            share = (sign * bound - start[axis]) / (end[axis] - start[axis])
            crossing = start + share * (end - start)
            crossing[axis] = sign * bound
            kept.append(crossing)
        if inside[place]:
            kept.append(end)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


def _overhang(points: NDArray[np.float64], size: Size) -> float:
    """By how many pixels points reach outside a picture; 0 or less where they do not."""
    return float(max((-points).max(), (points - np.array(size)).max()))


def _list(which: NDArray[np.bool_]) -> str:
    numbers = np.flatnonzero(which) + 1
    shown = ", ".join(map(str, numbers[:5])) + (" ..." if numbers.size > 5 else "")
    return f"keypoint {shown} has" if numbers.size == 1 else f"keypoints {shown} have"


def _shown(box: BoxXYXY) -> str:
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"


def _size(size: Size | None) -> str:
    return "" if size is None else f"of {size[0]} x {size[1]}"
