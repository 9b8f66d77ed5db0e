"""How alike detections and truths are: overlap of boxes or masks, or likeness of poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.compared import KINDS, FoundRows, Kind, TruthRows
from belvedere.tasks.pose.keypoints import COCO_SIGMAS
from belvedere.tasks.pose.similarity import oks_of_pairs
from belvedere.vision.rle import MaskStack
from belvedere.vision.rle.overlaps import iou_of_pairs

Numbers = NDArray[np.integer[Any]]

_BLOCK = 1 << 17
"""Pairs that are compared in one go: bounds the memory."""


def overlaps(
    kind: Kind, found: FoundRows, truth: TruthRows, first: Numbers, second: Numbers, sigmas: Sequence[float] = ()
) -> NDArray[np.float64]:
    """Overlap of pairs as COCO measures it: that with a crowd is over the detection's own area.

    Args:
        kind: Boxes or masks (intersection over union) or keypoints (OKS).
        found: Detections.
        truth: Truths.
        first: Numbers of detections, (p,).
        second: Numbers of the truths to compare with, (p,).
        sigmas: One per joint, for keypoints.

    Returns:
        float64 (p,), 0..1.
    """
    if kind == "mask":
        stack = MaskStack.of([*found.shapes, *truth.shapes])
        return iou_of_pairs(stack, first, second + len(found.shapes), truth.crowd[second])
    overlap = np.zeros(len(first))
    for begin in range(0, len(first), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        one, two = first[part], second[part]
        if kind == "box":
            overlap[part] = _box_overlaps(found.shapes[one], truth.shapes[two], truth.crowd[two])
        else:
            args = truth.shapes[two], truth.areas[two], sigmas, truth.boxes[two]
            overlap[part] = oks_of_pairs(found.shapes[one], *args)
    return overlap


def sigmas_of(kind: Kind, sigmas: Sequence[float] | None) -> tuple[float, ...]:
    """One sigma per joint for keypoints, as None those of COCO's 17; none for other kinds.

    Raises:
        OptionError: the kind is unknown, or a sigma is not above 0.
    """
    if kind not in KINDS:
        raise OptionError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    if kind != "keypoints":
        return ()
    chosen = tuple(map(float, COCO_SIGMAS if sigmas is None else sigmas))
    if not chosen or not min(chosen) > 0:
        raise OptionError(f"sigmas {chosen}: expected one above 0 for each joint")
    return chosen


def all_overlaps(kind: Kind, found: FoundRows, truth: TruthRows, sigmas: Sequence[float] = ()) -> NDArray[np.float64]:
    """Overlap of every detection with every truth of one picture, float64 (n, m)."""
    first, second = np.indices((len(found.scores), len(truth.class_ids))).reshape(2, -1)
    return overlaps(kind, found, truth, first, second, sigmas).reshape(len(found.scores), len(truth.class_ids))


def _box_overlaps(
    first: NDArray[np.float64], second: NDArray[np.float64], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    width = np.minimum(first[:, 2], second[:, 2]) - np.maximum(first[:, 0], second[:, 0])
    height = np.minimum(first[:, 3], second[:, 3]) - np.maximum(first[:, 1], second[:, 1])
    shared = np.where((width > 0) & (height > 0), width * height, 0.0)
    own, other = ((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in (first, second))
    whole = np.where(crowd, own, own + other - shared)
    return np.asarray(np.divide(shared, whole, out=np.zeros(len(shared)), where=shared > 0))
