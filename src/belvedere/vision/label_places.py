"""Where labels of boxes go: near their box, inside the picture, and never on one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.vision.plates import BoxXYXY, Plate

# What a place costs: a share of the plate that lies on other boxes, a share of its own box that the plate hides, and
# a little for each step away from the usual place above the upper left corner.
_ON_OTHERS, _ON_OWN, _STEP = 1.0, 1.5, 0.03
_GAP = 1.0  # pixels between labels
_MOST_COVERED = 0.25  # of the picture by all labels together: more of them hide what they name

Boxes = NDArray[np.float64]


class Placed(NamedTuple):
    """A plate and its upper left corner."""

    plate: Plate
    x: int
    y: int


def place_labels(
    variants: Sequence[Sequence[Plate]],
    boxes_xyxy: Sequence[BoxXYXY],
    taken_xyxy: Sequence[BoxXYXY],
    width: int,
    height: int,
) -> list[Placed | None]:
    """Place one label for each box, the first ones first.

    Of the places around and inside the box that cover no other label the cheapest is taken: it should not lie on other
    boxes nor hide its own. Where the first plate fits nowhere the next one is tried.

    Args:
        variants: For each box its label's plates, the best first; none for a box without a label.
        boxes_xyxy: The boxes in pixels.
        taken_xyxy: Places that labels must leave free.
        width: Width of the picture.
        height: Its height.

    Returns:
        For each box its plate and place; None where every place is taken, labels cover a quarter of the picture
        already, or it has no label.
    """
    boxes = np.array(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    left = _MOST_COVERED * width * height
    taken = [np.array(place, dtype=np.float64) for place in taken_xyxy]
    placed: list[Placed | None] = []
    for number, plates in enumerate(variants):
        found = None
        for plate in plates:
            # One label may always stand.
            fits = plate.width * plate.height <= left or not any(placed)
            found = _place(plate, number, boxes, taken, width, height) if fits else None
            if found is not None:
                left -= plate.width * plate.height
                taken.append(np.array(plate.xyxy(found.x, found.y), dtype=np.float64))
                break
        placed.append(found)
    return placed


def _place(
    plate: Plate, number: int, boxes: Boxes, taken: Sequence[NDArray[np.float64]], width: int, height: int
) -> Placed | None:
    if plate.width > width or plate.height > height:
        return None
    corners = _wishes(boxes[number], plate.width, plate.height)
    corners = np.clip(np.floor(corners), 0, [width - plate.width, height - plate.height])
    spots = np.concatenate([corners, corners + np.array([plate.width, plate.height])], axis=1)
    apart = np.array([-_GAP, -_GAP, _GAP, _GAP])
    free = ~(_overlaps(spots, np.reshape(taken, (-1, 4)) + apart) > 0).any(axis=1)
    if not free.any():
        return None
    covered = _overlaps(spots, boxes) / (plate.width * plate.height)
    own = np.prod(np.maximum(boxes[number, 2:] - boxes[number, :2], 1.0))
    hidden = covered[:, number] * (plate.width * plate.height) / own
    others = covered.sum(axis=1) - covered[:, number]
    cost = _ON_OTHERS * others + _ON_OWN * np.minimum(hidden, 1.0) + _STEP * np.arange(len(spots))
    best = int(np.where(free, cost, np.inf).argmin())
    return Placed(plate, int(corners[best, 0]), int(corners[best, 1]))


def _wishes(box: NDArray[np.float64], w: float, h: float) -> NDArray[np.float64]:
    """Upper left corners of places for a plate, the usual ones first, float64 (k, 2)."""
    left, top, right, bottom = box
    middle_x, middle_y = (left + right - w) / 2, (top + bottom - h) / 2
    return np.array(
        [
            (left, top - h), (right - w, top - h), (left, bottom), (right - w, bottom),
            (left, top), (right - w, top), (left, bottom - h), (right - w, bottom - h),
            (right, top), (left - w, top), (right, bottom - h), (left - w, bottom - h),
            (middle_x, top - h), (middle_x, bottom), (right, middle_y), (left - w, middle_y),
            (left - w, top - h), (right, top - h), (left - w, bottom), (right, bottom),
            (left, top - 2 * h - 2), (right - w, top - 2 * h - 2), (left, bottom + h + 2), (right - w, bottom + h + 2),
            (middle_x, top), (middle_x, middle_y), (middle_x, bottom - h), (left, middle_y), (right - w, middle_y),
            (right, top + h + 2), (left - w, top + h + 2), (left, top + h + 2), (left, top - 3 * h - 4),
            (left, bottom + 2 * h + 4),
        ]
    )  # fmt: skip


def _overlaps(spots: Boxes, boxes: Boxes) -> NDArray[np.float64]:
    """Shared area of every spot and box, float64 (k, n)."""
    low = np.maximum(spots[:, None, :2], boxes[None, :, :2])
    high = np.minimum(spots[:, None, 2:], boxes[None, :, 2:])
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=2))
