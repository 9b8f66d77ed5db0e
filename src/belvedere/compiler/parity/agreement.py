"""Whether two models say the same about a picture, and how well a model does on labelled ones, task by task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from belvedere.core.errors import OptionError
from belvedere.tasks.classification import ClassificationResult, top_accuracy
from belvedere.tasks.detection import CocoMeter, DetectionResult, Found, Truth
from belvedere.tasks.detection.suppression import box_iou
from belvedere.tasks.pose import PoseResult, keypoint_similarity
from belvedere.tasks.segmentation import SegmentationMeter, SegmentationResult

Metric = Callable[[Sequence[Any], Sequence[Any]], float]
"""Judges results by their truths: the more the better."""

AGREEMENT = {
    "classification": "same class",
    "detection": "matched boxes (F1 at IoU 0.5)",
    "semantic-segmentation": "equal pixels",
    "instance-segmentation": "matched boxes (F1 at IoU 0.5)",
    "pose": "keypoint similarity",
    "anomaly": "equal scores",
}
METRICS = {
    "classification": "top-1 accuracy",
    "detection": "mAP at IoU 0.5",
    "semantic-segmentation": "mean IoU",
    "instance-segmentation": "mAP at IoU 0.5",
    "pose": "mean keypoint similarity",
}
LEAST_SAME = 0.7
"""Mean agreement over samples without labels from which a model still says the same. Of networks in int8 that lose
nothing on labels, sound ones were measured at 0.87 and more, a broken one at 0.41."""
_SAME_BOX = 0.5


def agreement(first: Any, second: Any) -> float:
    """How far two results of one picture agree, 0..1; see ``AGREEMENT`` for what it means for each task.

    Args:
        first: A typed result.
        second: Another one of the same kind.
    """
    if isinstance(first, ClassificationResult):
        return float(first.index == second.index)
    if isinstance(first, DetectionResult):
        return _same_boxes(first, second)
    if isinstance(first, SegmentationResult):
        return float(np.mean(first.class_map == second.class_map))
    if isinstance(first, PoseResult):
        return _same_people(first, second)
    return 1.0 - abs(float(first.score) - float(second.score))


def _same_boxes(first: DetectionResult, second: DetectionResult) -> float:
    if not len(first) and not len(second):
        return 1.0
    overlap = box_iou(first.boxes_xyxy, second.boxes_xyxy)
    overlap[first.class_ids[:, None] != second.class_ids[None]] = 0.0
    matched = 0
    while overlap.size and overlap.max() >= _SAME_BOX:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row], overlap[:, column] = 0.0, 0.0
        matched += 1
    return 2 * matched / (len(first) + len(second))


def _same_people(first: PoseResult, second: PoseResult) -> float:
    if len(first) != len(second):
        return 0.0
    found = []
    for one, other, scores in zip(first.keypoints_xy, second.keypoints_xy, first.keypoint_scores, strict=True):
        seen = scores >= first.threshold
        if seen.any():
            area = float(np.prod(np.maximum(np.ptp(one[seen], axis=0), 1.0)))
            sigmas = [0.05] * len(one)
            found.append(keypoint_similarity(other, one, seen, area, sigmas=sigmas) or 0.0)
    return float(np.mean(found)) if found else 1.0


def metric_of(task: str) -> tuple[str, Metric]:
    """The metric of a task: its name and the function.

    Truths are, for classification, indices or names of classes; for detection and instance segmentation pairs of boxes
    (m, 4) in pixels of the picture and their class numbers; for semantic segmentation class maps (H, W); for pose
    triples of joints (K, 2), flags of those labelled (K,), and the person's area.

    Raises:
        OptionError: there is none for this task.
    """
    found: dict[str, Metric] = {
        "classification": _top1,
        "detection": _map50,
        "semantic-segmentation": _mean_iou,
        "instance-segmentation": _map50,
        "pose": _oks,
    }
    if task not in found:
        raise OptionError(f"labelled samples need a task with a metric ({', '.join(found)}), not {task!r}")
    return METRICS[task], found[task]


def _top1(results: Sequence[ClassificationResult], truths: Sequence[Any]) -> float:
    indices = [_class_index(truth, result.labels) for truth, result in zip(truths, results, strict=True)]
    found = top_accuracy(np.stack([result.scores for result in results]), indices, tops=(1,)).accuracy[1]
    return found or 0.0


def _class_index(truth: Any, labels: Sequence[str]) -> int:
    if not isinstance(truth, str):
        return int(truth)
    if truth in labels:
        return labels.index(truth)
    if truth.isdecimal():
        return int(truth)
    raise OptionError(f"the model has no class '{truth}'; its classes: {', '.join(labels[:12]) or 'numbers only'}")


def _map50(results: Sequence[DetectionResult], truths: Sequence[Any]) -> float:
    highest = [
        int(np.max(ids, initial=0)) for ids in [*(ids for _, ids in truths), *(one.class_ids for one in results)]
    ]
    meter = CocoMeter("box", 1 + max(highest, default=0))
    for result, (boxes, ids) in zip(results, truths, strict=True):
        found = Found(result.scores, result.class_ids, boxes_xyxy=result.boxes_xyxy)
        meter.add(found, Truth(ids, boxes_xyxy=boxes))
    return meter.metrics().ap50 or 0.0


def _mean_iou(results: Sequence[SegmentationResult], truths: Sequence[Any]) -> float:
    highest = max(int(np.max(np.where(np.asarray(truth) == 255, 0, truth))) for truth in truths)
    classes = max(highest, *(int(result.class_map.max()) for result in results), len(results[0].labels) - 1) + 1
    meter = SegmentationMeter(classes)
    for result, truth in zip(results, truths, strict=True):
        meter.add(result.class_map, np.asarray(truth))
    return meter.metrics().mean_iou or 0.0


def _oks(results: Sequence[PoseResult], truths: Sequence[Any]) -> float:
    found = []
    for result, (joints, visible, area) in zip(results, truths, strict=True):
        sigmas = [0.05] * len(joints)
        each = [keypoint_similarity(person, joints, visible, area, sigmas=sigmas) for person in result.keypoints_xy]
        known = [value for value in each if value is not None]
        found.append(max(known, default=0.0))
    return float(np.mean(found))
