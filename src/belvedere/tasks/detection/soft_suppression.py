"""Soft non-maximum suppression (Bodla et al. 2017)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.suppression import box_iou


def soften(
    boxes_xyxy: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    class_ids: NDArray[np.integer[Any]],
    *,
    method: Literal["linear", "gaussian"],
    iou: float,
    sigma: float,
    threshold: float,
    most: int,
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Class-wise suppression that lowers scores instead of dropping boxes.

    The best box is kept; the scores of the others of its class fall with their overlap: times 1 - IoU where that is
    over ``iou`` (linear), or times exp(-IoU^2 / sigma) (gaussian). Then the best of the rest is kept, and so on.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,).
        class_ids: (n,).
        method: How scores fall.
        iou: Overlap from which on they fall (linear).
        sigma: Width of the bell (gaussian), above 0.
        threshold: Boxes whose score falls below it are dropped.
        most: Most boxes to keep.

    Returns:
        The scores as they have become, float32 (n,), and indices of the kept boxes, highest first, the lower index
        first among equals; at most ``most``.
    """
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    found = np.asarray(scores, dtype=np.float64).copy()
    kept: list[int] = []
    left = np.flatnonzero(found >= threshold)
    while left.size and len(kept) < most:
        best = int(left[found[left].argmax()])
        kept.append(best)
        left = left[left != best]
        rivals = left[class_ids[left] == class_ids[best]]
        overlap = box_iou(boxes[best : best + 1], boxes[rivals])[0]
        found[rivals] *= (
            np.where(overlap > iou, 1 - overlap, 1) if method == "linear" else np.exp(-(overlap**2) / sigma)
        )
        left = left[found[left] >= threshold]
    return found.astype(np.float32), np.asarray(kept, dtype=np.intp)
