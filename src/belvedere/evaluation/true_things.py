"""What is on a picture, and what was found there, as the metrics take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.data.annotations import Instance
from belvedere.data.record import Record
from belvedere.evaluation.class_names import ClassMatch
from belvedere.tasks.detection.compared import Found, Truth
from belvedere.tasks.detection.result import DetectionResult
from belvedere.vision.rle import RunLengths, from_polygons


@dataclass(frozen=True, eq=False)
class TrueThings:
    """What is on a picture of the classes that are judged: instances and truths, entry by entry."""

    instances: tuple[Instance, ...]
    truth: Truth
    left_out: int

    @property
    def skipped(self) -> NDArray[np.bool_]:
        """Which of them do not count, (m,)."""
        return np.array([one.crowd or one.ignore for one in self.instances], dtype=bool)


def true_things(record: Record, match: ClassMatch, width: int, height: int, *, masks: bool) -> TrueThings:
    """The instances of a picture whose classes are judged.

    Raises:
        DatasetError: a mask does not fit the picture.
    """
    every = record.instances or ()
    judged = tuple(one for one in every if one.label in match.number)
    shapes: list[RunLengths] | None = None
    bare = np.zeros(len(judged), dtype=bool)
    if masks:
        found = [one.run_lengths(height, width) for one in judged]
        bare = np.array([shape is None for shape in found], dtype=bool)
        shapes = [shape or _filled(one, height, width) for shape, one in zip(found, judged, strict=True)]
    truth = Truth(
        class_ids=np.array([match.number[one.label] for one in judged], dtype=np.int64),
        boxes_xyxy=np.array([one.box_xyxy for one in judged], dtype=np.float64).reshape(-1, 4),
        masks=shapes,
        areas=np.array([one.size for one in judged], dtype=np.float64),
        crowd=np.array([one.crowd for one in judged], dtype=bool),
        # A thing without outline cannot be judged by masks.
        ignore=np.array([one.ignore for one in judged], dtype=bool) | bare,
    )
    return TrueThings(judged, truth, len(every) - len(judged))


def found_things(result: DetectionResult, match: ClassMatch, *, masks: bool) -> tuple[Found, NDArray[np.intp]]:
    """The detections of classes that are judged, and their rows in the result."""
    classes = match.of(result.class_ids)
    rows = np.flatnonzero(classes >= 0)
    shapes = [result.masks[number] for number in rows.tolist()] if masks else None
    return Found(result.scores[rows], classes[rows], result.boxes_xyxy[rows], shapes), rows


def _filled(one: Instance, height: int, width: int) -> RunLengths:
    left, top, right, bottom = one.box_xyxy
    return from_polygons([np.array([[left, top], [right, top], [right, bottom], [left, bottom]])], height, width)
