"""What models say about pictures, written down: functions from the decoded picture to a result."""

from __future__ import annotations

import numpy as np

from belvedere.tasks.classification.result import ClassificationResult
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.pose import PoseResult
from belvedere.tasks.segmentation.result import SegmentationResult
from belvedere.vision.placement import Placement
from belvedere.vision.rle import encode


def detector(labels, *rows, masks=False):
    """A detector's answer: (class number, score, box) each; with ``masks`` each fills its box."""

    def result(image):
        ordered = sorted(rows, key=lambda row: -row[1])
        runs = []
        for _, _, (x0, y0, x1, y1) in ordered:
            pixels = np.zeros(image.shape[:2], bool)
            pixels[round(y0) : round(y1), round(x0) : round(x1)] = True
            runs.append(encode(pixels))
        return DetectionResult(
            np.array([row[2] for row in ordered], np.float32).reshape(-1, 4),
            np.array([row[1] for row in ordered], np.float32),
            np.array([row[0] for row in ordered], np.int64),
            tuple(labels),
            image,
            mask_runs=tuple(runs) if masks else None,
        )

    return result


def classifier(labels, scores):
    """A classifier's answer."""
    return lambda image: ClassificationResult(np.asarray(scores, np.float32), tuple(labels), image)


def class_map(labels, grid, background=None):
    """A segmentation network's answer: a class for each pixel of the picture."""

    def result(image):
        height, width = image.shape[:2]
        place = Placement(width, height, width, height, 1.0, 1.0)
        return SegmentationResult(np.asarray(grid, np.int16), place, tuple(labels), background, image)

    return result


def poser(names, people, scores, *, threshold=0.3, skeleton=()):
    """A pose network's answer: joints (n, K, 2) and a score for each person."""

    def result(image):
        points = np.asarray(people, np.float32).reshape(-1, len(names), 2)
        joint_scores = np.ones(points.shape[:2], np.float32)
        return PoseResult(
            points, joint_scores, tuple(names), tuple(skeleton), threshold, image,
            person_scores=np.asarray(scores, np.float32),
        )  # fmt: skip

    return result
