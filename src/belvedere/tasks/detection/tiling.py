"""What was found in overlapping windows of a picture, and in the picture as a whole, as one result.

As in "Slicing Aided Hyper Inference" (Akyon et al. 2022): windows find small things, the picture scaled as a whole
finds large ones, and what was found several times is merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.masks import Window as MaskWindow
from belvedere.tasks.detection.masks import window_runs
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.detection.suppression import box_iou
from belvedere.vision.rle import RunLengths
from belvedere.vision.windows import Window

IOU = 0.5
"""Overlap from which two boxes of a class are one thing, of networks that state none."""

MOST_CANDIDATES = 10_000
_SMALLER = 0.5  # intersection over the smaller area, for things that the edge of a window cuts
_EDGE = 0.02  # of a window: a box that ends so near its inner edge is taken for cut

Array = NDArray[np.float64]


def merge_detections(
    parts: Sequence[tuple[Window, DetectionResult]],
    image: NDArray[np.uint8],
    *,
    iou: float = IOU,
    path: str | None = None,
) -> DetectionResult:
    """Merge the results of windows into one for the picture.

    Boxes that end at an edge inside the picture are of things that the window cuts. Whole ones are suppressed class by
    class, highest score first, by intersection over union. A cut one belongs to a whole one, or to another cut one, of
    its class from another window, when at least half of the smaller lies in the other: a whole one keeps its box, two
    cut ones become the box and mask around both, and the higher score stays.

    Args:
        parts: Windows and their results, in pixels of the window; a window may be the whole picture.
        image: The picture, RGB uint8 (H, W, 3).
        iou: Largest intersection over union of two boxes of one class.
        path: Where the picture came from.

    Returns:
        The merged result in pixels of the picture, highest score first. Of more than 10,000 candidates those with the
        highest scores are merged.
    """
    height, width = image.shape[:2]
    found = _gathered(parts, width, height)
    kept = _merged(found, iou)
    chosen = np.array(kept, dtype=np.intp)
    order = chosen[np.argsort(-found.scores[chosen], kind="stable")]
    first = parts[0][1]
    masks = None
    if first.has_masks:
        masks = tuple(
            _joined_mask(found.groups[number], found.places, parts, width, height) for number in order.tolist()
        )
    return DetectionResult(
        boxes_xyxy=found.boxes[order].astype(np.float32).reshape(-1, 4),
        scores=found.scores[order].astype(np.float32),
        class_ids=found.class_ids[order],
        labels=first.labels,
        image=image,
        path=path,
        mask_runs=masks,
    )


@dataclass
class _Found:
    """Candidates of all windows in pixels of the picture; merging changes boxes, scores and groups.

    Attributes:
        boxes: (n, 4).
        scores: (n,).
        class_ids: (n,).
        cut: Whether an inner edge of its window cuts the thing, (n,).
        windows: Number of its window, (n,).
        places: Window and number in its result, of each candidate.
        groups: The candidates whose masks make up each candidate's.
    """

    boxes: Array
    scores: Array
    class_ids: NDArray[np.int64]
    cut: NDArray[np.bool_]
    windows: NDArray[np.intp]
    places: list[tuple[int, int]]
    groups: list[list[int]]


def _gathered(parts: Sequence[tuple[Window, DetectionResult]], width: int, height: int) -> _Found:
    corners = [np.array([window.left, window.top] * 2, dtype=np.float64) for window, _ in parts]
    shifted = [result.boxes_xyxy + corner for (_, result), corner in zip(parts, corners, strict=True)]
    scores = np.concatenate([result.scores for _, result in parts]).astype(np.float64)
    best = np.sort(np.argsort(-scores, kind="stable")[:MOST_CANDIDATES])
    cut = [_is_cut(boxes, window, width, height) for boxes, (window, _) in zip(shifted, parts, strict=True)]
    places = [(part, number) for part, (_, result) in enumerate(parts) for number in range(len(result))]
    return _Found(
        boxes=np.concatenate(shifted).astype(np.float64)[best],
        scores=scores[best],
        class_ids=np.concatenate([result.class_ids for _, result in parts])[best],
        cut=np.concatenate(cut)[best],
        windows=np.array([part for part, _ in places], dtype=np.intp)[best],
        places=[places[number] for number in best.tolist()],
        groups=[[number] for number in range(len(best))],
    )


def _is_cut(boxes: NDArray[np.floating[Any]], window: Window, width: int, height: int) -> NDArray[np.bool_]:
    near = _EDGE * np.array([window.width, window.height])
    low, high = boxes[:, :2] - [window.left, window.top] <= near, [window.right, window.bottom] - boxes[:, 2:] <= near
    inner_low = np.array([window.left > 0, window.top > 0])
    inner_high = np.array([window.right < width, window.bottom < height])
    return np.asarray(((low & inner_low) | (high & inner_high)).any(axis=1))


def _merged(found: _Found, iou: float) -> list[int]:
    """The candidates that stand; whole things first, so that a piece never stands for a whole."""
    alive = np.ones(len(found.scores), dtype=bool)
    kept: list[int] = []
    for number in np.lexsort((-found.scores, found.cut)).tolist():
        if not alive[number]:
            continue
        alive[number] = False
        kept.append(number)
        others = np.flatnonzero(alive & (found.class_ids == found.class_ids[number]))
        others = others[_same(found, number, others, iou)]
        alive[others] = False
        found.scores[number] = max([found.scores[number], *found.scores[others]])
        if found.cut[number]:
            found.groups[number] += others.tolist()
            every = found.boxes[[number, *others.tolist()]]
            found.boxes[number] = [*every[:, :2].min(axis=0), *every[:, 2:].max(axis=0)]
    return kept


def _same(found: _Found, number: int, others: NDArray[np.intp], iou: float) -> NDArray[np.bool_]:
    """Which of the others are the same thing."""
    box, boxes = found.boxes[number], found.boxes[others]
    same = box_iou(box[None], boxes)[0] > iou
    shared = np.prod(np.maximum(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    smaller = np.minimum(areas, float(np.prod(box[2:] - box[:2])))
    pieces = found.cut[others] & (found.windows[others] != found.windows[number])
    return np.asarray(same | (pieces & (shared >= _SMALLER * smaller) & (shared > 0)))


def _joined_mask(
    group: Sequence[int],
    places: Sequence[tuple[int, int]],
    parts: Sequence[tuple[Window, DetectionResult]],
    width: int,
    height: int,
) -> RunLengths:
    """The masks of a group in the picture, as one."""
    windows = [parts[places[number][0]][0] for number in group]
    left, top = min(window.left for window in windows), min(window.top for window in windows)
    right, bottom = max(window.right for window in windows), max(window.bottom for window in windows)
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    for number, window in zip(group, windows, strict=True):
        part, own = places[number]
        rows, columns = window.top - top, window.left - left
        mask[rows : rows + window.height, columns : columns + window.width] |= parts[part][1].mask(own)
    return window_runs(MaskWindow(mask, left, top), width, height)
