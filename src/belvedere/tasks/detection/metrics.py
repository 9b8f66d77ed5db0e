"""Mean average precision as COCO defines it.

Rules (those of ``COCOeval`` for boxes of any area): per picture and class the 100 best detections count; each, best
first, takes the free true box of its class that it overlaps most, if by at least the threshold; true boxes that are
marked to ignore (crowds, VOC's difficult ones) are taken only where no other fits and count neither for nor against;
a crowd may be taken many times, and overlap with it is measured against the detection's area alone. Precision is made
to fall with recall and read at 101 recalls; average precision is its mean, and mean average precision the mean over
thresholds 0.50 to 0.95 in steps of 0.05 and over the classes that have true boxes that are not ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.suppression import box_iou

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MOST_DETECTIONS = 100

_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class DetectionMetrics:
    """How well boxes were found; values 0..1, None where no true box counts.

    Attributes:
        pictures: How many pictures were judged.
        boxes: How many true boxes count.
        map: Mean over thresholds 0.50 to 0.95 and classes.
        map50: Mean over classes at threshold 0.50.
        map75: The same at 0.75.
        recall: Mean over thresholds and classes of the highest recall (COCO's AR).
        classes: Class to its average precision over thresholds.
        classes50: Class to its average precision at 0.50.
    """

    pictures: int
    boxes: int
    map: float | None
    map50: float | None
    map75: float | None
    recall: float | None
    classes: Mapping[int, float]
    classes50: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class _Matches:
    """One picture's detections of one class: scores (n,), hit and ignored per threshold (10, n)."""

    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


class DetectionMeter:
    """Gathers detections and true boxes picture by picture."""

    def __init__(self) -> None:
        self._pictures = 0
        self._truths: defaultdict[int, int] = defaultdict(int)
        self._matches: defaultdict[int, list[_Matches]] = defaultdict(list)

    def add(
        self,
        boxes_xyxy: ArrayLike,
        scores: ArrayLike,
        class_ids: ArrayLike,
        truth_xyxy: ArrayLike,
        truth_ids: ArrayLike,
        *,
        ignore: ArrayLike | None = None,
        crowd: ArrayLike | None = None,
    ) -> None:
        """Add one picture.

        Args:
            boxes_xyxy: Detections (n, 4).
            scores: Their scores (n,).
            class_ids: Their classes (n,).
            truth_xyxy: True boxes (m, 4).
            truth_ids: Their classes (m,).
            ignore: True boxes that do not count, booleans (m,).
            crowd: True boxes that stand for many things, booleans (m,); they do not count either.

        Raises:
            OptionError: lengths differ, or a score is no number.
        """
        boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        truth = np.asarray(truth_xyxy, dtype=np.float64).reshape(-1, 4)
        values = np.asarray(scores, dtype=np.float64).ravel()
        ids = np.asarray(class_ids, dtype=np.int64).ravel()
        true_ids = np.asarray(truth_ids, dtype=np.int64).ravel()
        many = np.zeros(len(truth), bool) if crowd is None else np.asarray(crowd, dtype=bool).ravel()
        skipped = many if ignore is None else many | np.asarray(ignore, dtype=bool).ravel()
        if not len(boxes) == len(values) == len(ids) or not len(truth) == len(true_ids) == len(skipped) == len(many):
            raise OptionError("boxes, scores, classes and flags differ in number: expected one each")
        if np.isnan(values).any():
            raise OptionError("a score is no number")
        self._pictures += 1
        for class_ in np.union1d(ids, true_ids).tolist():
            own, true = ids == class_, true_ids == class_
            self._truths[class_] += int(np.count_nonzero(~skipped[true]))
            self._matches[class_].append(_match(boxes[own], values[own], truth[true], skipped[true], many[true]))

    def metrics(self) -> DetectionMetrics:
        """The metrics of everything added so far."""
        counted = {class_: count for class_, count in sorted(self._truths.items()) if count}
        if not counted:
            return DetectionMetrics(self._pictures, 0, None, None, None, None, {}, {})
        curves = {class_: _average_precisions(self._matches[class_], count) for class_, count in counted.items()}
        precisions = np.array([precision for precision, _ in curves.values()])
        recalls = np.array([recall for _, recall in curves.values()])
        return DetectionMetrics(
            pictures=self._pictures,
            boxes=sum(counted.values()),
            map=float(precisions.mean()),
            map50=float(precisions[:, 0].mean()),
            map75=float(precisions[:, IOU_THRESHOLDS.index(0.75)].mean()),
            recall=float(recalls.mean()),
            classes={class_: float(precision.mean()) for class_, (precision, _) in curves.items()},
            classes50={class_: float(precision[0]) for class_, (precision, _) in curves.items()},
        )


def _match(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    truth: NDArray[np.float64],
    skipped: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
) -> _Matches:
    best = np.argsort(-scores, kind="stable")[:MOST_DETECTIONS]
    boxes, scores = boxes[best], scores[best]
    order = np.argsort(skipped, kind="stable")  # those that count come first
    truth, skipped, crowd = truth[order], skipped[order], crowd[order]
    overlap = _overlaps(boxes, truth, crowd)
    hit = np.zeros((len(IOU_THRESHOLDS), len(boxes)), dtype=bool)
    ignored = np.zeros_like(hit)
    for row, threshold in enumerate(IOU_THRESHOLDS):
        free = np.ones(len(truth), dtype=bool)
        for number in range(len(boxes)):
            chosen = _choose(overlap[number], free | crowd, skipped, min(threshold, 1 - 1e-10))
            if chosen is not None:
                free[chosen] = False
                hit[row, number], ignored[row, number] = not skipped[chosen], skipped[chosen]
    return _Matches(scores, hit, ignored)


def _choose(
    overlap: NDArray[np.float64], free: NDArray[np.bool_], skipped: NDArray[np.bool_], threshold: float
) -> int | None:
    """The free true box that overlaps most, one that counts before any other; the last one among equals."""
    for group in (~skipped, skipped):
        fitting = np.flatnonzero(group & free & (overlap >= threshold))
        if fitting.size:
            values = overlap[fitting]
            return int(fitting[len(values) - 1 - int(values[::-1].argmax())])
    return None


def _overlaps(boxes: NDArray[np.float64], truth: NDArray[np.float64], crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    overlap = box_iou(boxes, truth)
    if crowd.any():
        low = np.maximum(boxes[:, None, :2], truth[None, crowd, :2])
        high = np.minimum(boxes[:, None, 2:], truth[None, crowd, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=2)
        areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)[:, None]
        overlap[:, crowd] = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    return overlap


def _average_precisions(matches: list[_Matches], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average precision and highest recall per threshold, each (10,), of one class with ``count`` true boxes."""
    scores = np.concatenate([match.scores for match in matches])
    order = np.argsort(-scores, kind="stable")
    hit = np.concatenate([match.hit for match in matches], axis=1)[:, order]
    ignored = np.concatenate([match.ignored for match in matches], axis=1)[:, order]
    precisions, recalls = np.zeros(len(IOU_THRESHOLDS)), np.zeros(len(IOU_THRESHOLDS))
    for row in range(len(IOU_THRESHOLDS)):
        right = np.cumsum(hit[row])
        wrong = np.cumsum(~hit[row] & ~ignored[row])
        recall = right / count
        precision = right / np.maximum(right + wrong, 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(recall, _RECALLS, side="left")
        reached = places < len(recall)
        precisions[row] = falling[places[reached]].sum() / len(_RECALLS)
        recalls[row] = recall[-1] if recall.size else 0.0
    return precisions, recalls
