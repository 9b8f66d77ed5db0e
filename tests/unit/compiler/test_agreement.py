"""What it means that two models agree, and how well one does, for every task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from belvedere.compiler.parity.agreement import agreement, metric_of
from belvedere.core.errors import OptionError
from belvedere.tasks.classification import ClassificationResult
from belvedere.tasks.detection import DetectionResult
from belvedere.tasks.pose import COCO_KEYPOINTS, COCO_SKELETON, PoseResult
from belvedere.tasks.segmentation import SegmentationResult
from belvedere.vision.preprocess import Preprocess

IMAGE = np.zeros((20, 30, 3), np.uint8)


def classes(*scores: float) -> ClassificationResult:
    return ClassificationResult(np.asarray(scores, np.float32), ("ant", "bee", "cat"), IMAGE)


def boxes(*rows: tuple[int, float, tuple[float, ...]]) -> DetectionResult:
    found = np.asarray([row[2] for row in rows], np.float32).reshape(-1, 4)
    scores = np.asarray([row[1] for row in rows], np.float32)
    return DetectionResult(found, scores, np.asarray([row[0] for row in rows], np.int64), ("a", "b"), IMAGE)


def areas(grid: Any) -> SegmentationResult:
    place = Preprocess(30, 20).placement(30, 20)
    return SegmentationResult(np.asarray(grid, np.int16), place, ("x", "y"), None, IMAGE)


def pose(shift: float, people: int = 1, score: float = 0.9) -> PoseResult:
    joints = np.random.default_rng(0).uniform(2, 18, (people, 17, 2)).astype(np.float32) + shift
    scores = np.full((people, 17), score, np.float32)
    return PoseResult(joints, scores, COCO_KEYPOINTS, COCO_SKELETON, 0.3, IMAGE)


BOX, MOVED, FAR = (2.0, 2.0, 12.0, 12.0), (3.0, 2.0, 13.0, 12.0), (20.0, 2.0, 28.0, 12.0)
HALF = np.repeat([[0, 1]], 20, axis=0).repeat(15, axis=1)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (classes(0.1, 0.7, 0.2), classes(0.0, 0.4, 0.3), 1.0),
        (classes(0.1, 0.7, 0.2), classes(0.9, 0.4, 0.3), 0.0),
        (boxes(), boxes(), 1.0),
        (boxes((0, 0.9, BOX)), boxes(), 0.0),
        (boxes((0, 0.9, BOX)), boxes((0, 0.5, MOVED)), 1.0),
        (boxes((0, 0.9, BOX)), boxes((1, 0.9, BOX)), 0.0),
        (boxes((0, 0.9, BOX), (1, 0.8, FAR)), boxes((0, 0.9, BOX)), 2 / 3),
        (boxes((0, 0.9, BOX), (0, 0.9, BOX)), boxes((0, 0.9, BOX)), 2 / 3),
        (areas(HALF), areas(HALF), 1.0),
        (areas(HALF), areas(np.zeros_like(HALF)), 0.5),
        (pose(0.0), pose(0.0), 1.0),
        (pose(0.0), pose(0.0, people=2), 0.0),
        (pose(0.0, score=0.1), pose(5.0, score=0.1), 1.0),
    ],
)
def test_agreement(first: Any, second: Any, expected: float) -> None:
    assert agreement(first, second) == pytest.approx(expected)


def test_moved_joints_agree_less_the_farther_they_are() -> None:
    values = [agreement(pose(0.0), pose(shift)) for shift in (0.0, 1.0, 3.0, 30.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.05


def test_metrics() -> None:
    name, judge = metric_of("classification")
    assert name == "top-1 accuracy"
    assert judge([classes(0.1, 0.7, 0.2), classes(0.9, 0.0, 0.0)], ["bee", 2]) == 0.5
    assert judge([classes(0.1, 0.7, 0.2)], ["1"]) == 1.0
    with pytest.raises(OptionError, match=r"no class 'dog'; its classes: ant, bee, cat"):
        judge([classes(1.0, 0.0, 0.0)], ["dog"])
    _, judge = metric_of("detection")
    assert judge([boxes((0, 0.9, BOX))], [([BOX], [0])]) == pytest.approx(1.0)
    assert judge([boxes((0, 0.9, FAR))], [([BOX], [0])]) == 0.0
    _, judge = metric_of("semantic-segmentation")
    assert judge([areas(HALF)], [HALF]) == pytest.approx(1.0)
    _, judge = metric_of("pose")
    truth = (pose(0.0).keypoints_xy[0], np.ones(17), 200.0)
    assert judge([pose(0.0)], [truth]) == pytest.approx(1.0)
    assert judge([pose(40.0)], [truth]) < 0.01
    with pytest.raises(OptionError, match="a task with a metric"):
        metric_of("tensor")
