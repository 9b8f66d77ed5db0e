"""Annotations that follow a picture whose pixels move.

The rules:

- An outline goes point by point, along bent lines through points in between, and is clipped at the frame. A mask goes
  pixel by pixel, as the picture does.
- The box of a thing with an outline or mask is the box around what is left of it. Of a thing with nothing but a box,
  the box around the ellipse that fits into it: corners of boxes rarely hold anything, and a box around moved corners is
  too large.
- A thing that the frame does not show is left out. One of which it shows less than a quarter is marked to be ignored:
  whether to find the rest is a matter of taste.
- A keypoint beyond the frame becomes one that is not marked.
- A declared area grows and shrinks with the outline or mask, else with the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.annotations import BoxXYXY, Instance, Polygons, polygon_area
from belvedere.data.transformations.showing import show_labels
from belvedere.data.transformations.warps import AnyWarp, Points
from belvedere.vision.rle import RunLengths, encode

LEAST_VISIBLE = 0.25
"""Share of a thing that the frame must show for it to count."""

_STEP = 4.0
"""Pixels between points of an outline whose lines bend."""

_MOST_STEPS = 4096
_CIRCLE = np.stack([trig(np.linspace(0, 2 * np.pi, 128, endpoint=False)) for trig in (np.cos, np.sin)], axis=1)
_LEAST_AREA = 1e-9


def follow(instances: Sequence[Instance], warp: AnyWarp) -> tuple[Instance, ...]:
    """The instances as the frame shows them.

    Raises:
        DatasetError: a mask is not of the size of the picture.
    """
    followed = (_followed(instance, warp) for instance in instances)
    return tuple(instance for instance in followed if instance is not None)


def _followed(instance: Instance, warp: AnyWarp) -> Instance | None:
    shape: Polygons | RunLengths | None = None
    if isinstance(instance.shape, Polygons):
        outline = _outline(instance.shape, warp)
        if outline is None:
            return None
        shape, whole = outline
        box, growth = shape.box_xyxy, whole / max(instance.shape.area, _LEAST_AREA)
        visible = shape.area / max(whole, _LEAST_AREA)
    elif instance.shape is not None:
        mask = _mask(instance, warp)
        if mask is None:
            return None
        shape, visible = mask
        box, growth = shape.box_xyxy, shape.area / max(visible * instance.shape.area, _LEAST_AREA)
    else:
        seen = _box(instance.box_xyxy, warp)
        if seen is None:
            return None
        box, visible, growth = seen
    return replace(
        instance,
        box_xyxy=box,
        shape=shape,
        keypoints=None if instance.keypoints is None else _keypoints(instance.keypoints, warp),
        ignore=instance.ignore or visible < LEAST_VISIBLE,
        area=None if instance.area is None else instance.area * growth * visible,
    )


def _outline(outline: Polygons, warp: AnyWarp) -> tuple[Polygons, float] | None:
    """What is left of an outline, and the area of all of it in the frame's scale; None where nothing is left."""
    parts, whole = [], 0.0
    for part in outline.parts:
        inside = clip_polygon(part, *warp.source)
        if len(inside) < 3:
            continue
        moved = warp.forward(inside if warp.straight else _with_steps(inside))
        whole += polygon_area(moved)
        clipped = clip_polygon(moved, *warp.size)
        if len(clipped) >= 3 and polygon_area(clipped) > _LEAST_AREA:
            parts.append(clipped)
    return (Polygons(tuple(parts)), whole) if parts else None


def _mask(instance: Instance, warp: AnyWarp) -> tuple[RunLengths, float] | None:
    """What is left of a mask, and which share of its pixels that is; None where nothing is left."""
    width, height = warp.source
    known = instance.run_lengths(height, width)
    assert known is not None
    pixels = known.to_mask()
    shown = show_labels(pixels, warp)
    if not shown.any():
        return None
    rows, columns = np.nonzero(pixels)
    middles = np.stack([columns, rows], axis=1).astype(np.float64) + 0.5
    x, y = warp.forward(middles).T
    inside = (x > 0) & (y > 0) & (x < warp.size[0]) & (y < warp.size[1])
    return encode(shown), max(float(inside.mean()), 1 / len(inside))


def _box(box_xyxy: BoxXYXY, warp: AnyWarp) -> tuple[BoxXYXY, float, float] | None:
    """The box around what is left, the share of the thing that it is, and how much the frame enlarges it."""
    limits = np.array([warp.source, warp.source], dtype=np.float64).ravel()
    left, top, right, bottom = np.clip(np.array(box_xyxy, dtype=np.float64), 0, limits).tolist()
    if right <= left or bottom <= top:
        return None
    middle, half = np.array([left + right, top + bottom]) / 2, np.array([right - left, bottom - top]) / 2
    ellipse: Points = middle + half * _CIRCLE
    moved = warp.forward(ellipse)
    clipped = clip_polygon(moved, *warp.size)
    whole = polygon_area(moved)
    area = polygon_area(clipped) if len(clipped) >= 3 else 0.0
    if area <= _LEAST_AREA:
        return None
    low, high = np.maximum(moved.min(axis=0), 0), np.minimum(moved.max(axis=0), warp.size)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return box, area / whole, whole / polygon_area(ellipse)


def _keypoints(keypoints: NDArray[np.float32], warp: AnyWarp) -> NDArray[np.float32]:
    """Keypoints in the frame, float32 (K, 3); zeros for those that are not marked or beyond it."""
    known = np.asarray(keypoints[:, :2], dtype=np.float64)
    marked = (keypoints[:, 2] > 0) & _inside(known, warp.source)
    moved = warp.forward(np.where(marked[:, np.newaxis], known, 0.0))
    marked &= _inside(moved, warp.size)
    return np.where(marked[:, np.newaxis], np.column_stack([moved, keypoints[:, 2]]), 0.0).astype(np.float32)


def _inside(points_xy: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(((points_xy >= 0) & (points_xy <= size)).all(axis=1))


def _with_steps(corners: Points) -> Points:
    """A closed polygon with points in between, so that its lines can bend."""
    ends = np.roll(corners, -1, axis=0)
    lengths = np.hypot(*(ends - corners).T)
    counts = np.clip(np.ceil(lengths / _STEP), 1, _MOST_STEPS).astype(np.int64)
    which = np.repeat(np.arange(len(corners)), counts)
    first = np.cumsum(counts) - counts
    share = (np.arange(len(which)) - first[which]) / counts[which]
    return np.asarray(corners[which] + share[:, np.newaxis] * (ends - corners)[which])


def clip_polygon(corners_xy: NDArray[np.floating[Any]], width: float, height: float) -> Points:
    """The part of a closed polygon inside (0, 0) to (width, height), by Sutherland and Hodgman (1974).

    Parts of a hollow polygon stay joined by lines along the border, which have no area.

    Args:
        corners_xy: Corners, (n, 2).
        width: Right border.
        height: Lower border.

    Returns:
        float64 (m, 2); m is below 3 where nothing is inside.
    """
    corners = np.asarray(corners_xy, dtype=np.float64)
    for axis, border, sign in ((0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)):
        if not len(corners):
            break
        corners = _cut_at(corners, axis, border, sign)
    return corners


def _cut_at(corners: Points, axis: int, border: float, sign: float) -> Points:
    """What lies on the side of a border that ``sign`` points to, the border included."""
    depth = sign * (corners[:, axis] - border)
    inside = depth >= 0
    if inside.all():
        return corners
    ends, end_depth = np.roll(corners, -1, axis=0), np.roll(depth, -1)
    crosses = inside != np.roll(inside, -1)
    share = np.divide(depth, depth - end_depth, out=np.zeros_like(depth), where=crosses)
    meeting = corners + share[:, np.newaxis] * (ends - corners)
    meeting[:, axis] = border
    # Each corner that is inside, followed by the point where its edge crosses.
    kept = np.stack([corners, meeting], axis=1).reshape(-1, 2)
    return np.asarray(kept[np.stack([inside, crosses], axis=1).ravel()])
