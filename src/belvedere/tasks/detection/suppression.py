"""Non-maximum suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 128


def box_iou(first_xyxy: NDArray[np.floating[Any]], second_xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Intersection over union of all pairs of boxes, float64 (n, m); 0 where both are empty."""
    first, second = np.asarray(first_xyxy, dtype=np.float64), np.asarray(second_xyxy, dtype=np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    whole = _areas(first)[:, None] + _areas(second)[None] - shared
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0))


def suppress(
    boxes_xyxy: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    class_ids: NDArray[np.integer[Any]],
    iou: float,
    most: int,
) -> NDArray[np.intp]:
    """Greedy class-wise suppression: a box falls that overlaps a better one of its class by more than ``iou``.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,).
        class_ids: (n,).
        iou: Largest intersection over union that two boxes of one class may have.
        most: Most boxes to keep.

    Returns:
        Indices of the kept boxes, highest score first, the lower index first among equals; at most ``most``.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, classes = np.asarray(boxes_xyxy, dtype=np.float64)[order], class_ids[order]
    # Few boxes are compared all at once, many only with those that are kept.
    every = _rivals((boxes, classes), (boxes, classes), iou) if len(order) <= _FEW else None
    alive = np.ones(len(order), dtype=bool)
    kept: list[int] = []
    at = 0
    while len(kept) < most and at < len(order):
        kept.append(at)
        one, rest = slice(at, at + 1), slice(at + 1, None)
        if every is not None:
            alive[rest] &= ~every[at, rest]
        else:
            alive[rest] &= ~_rivals((boxes[one], classes[one]), (boxes[rest], classes[rest]), iou)[0]
        ahead = np.flatnonzero(alive[rest])
        at = at + 1 + int(ahead[0]) if ahead.size else len(order)
    return np.asarray(order[kept])


_Classed = tuple[NDArray[np.float64], NDArray[np.integer[Any]]]


def _rivals(first: _Classed, second: _Classed, iou: float) -> NDArray[np.bool_]:
    """Which pairs are of one class and overlap by more than ``iou``, bool (n, m)."""
    return np.asarray((box_iou(first[0], second[0]) > iou) & (first[1][:, None] == second[1][None]))


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
