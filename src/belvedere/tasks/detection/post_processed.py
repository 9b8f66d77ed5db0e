"""Reading detectors that write boxes, classes and scores of what they chose themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.rows import Array, Reading, Rows


def read_gluoncv(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Class ids, scores and corners in pixels; a negative id is an unused row."""
    ids, scores, boxes = arrays
    if not len(ids) == len(scores) == len(boxes):
        raise EngineError(f"{len(ids)} class ids, {len(scores)} scores and {len(boxes)} boxes: expected one each")
    used = np.flatnonzero((ids[:, 0] >= 0) & ~(scores[:, 0] < reading.threshold))
    return Rows(boxes[used], scores[used, 0], ids[used, 0].astype(np.int64), used)


def read_multibox(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Rows of class id, score and corners 0..1; a negative id is an unused row."""
    (rows,) = arrays
    if rows.shape[1] != 6:
        raise EngineError(f"detection rows have {rows.shape[1]} numbers: expected 6 (class, score and four corners)")
    used = np.flatnonzero((rows[:, 0] >= 0) & ~(rows[:, 1] < reading.threshold))
    return Rows(rows[used, 2:] * reading.twice, rows[used, 1], rows[used, 0].astype(np.int64), used)


def read_ssd(arrays: Sequence[Array], reading: Reading) -> Rows:
    """TensorFlow Lite's post-processing: corners begin with the top, classes count from 0."""
    return _read(arrays, reading, first_class=0)


def read_tf_detection(arrays: Sequence[Array], reading: Reading) -> Rows:
    """The Object Detection API's: corners begin with the top, classes count from 1."""
    return _read(arrays, reading, first_class=1)


def _read(arrays: Sequence[Array], reading: Reading, first_class: int) -> Rows:
    boxes, classes, scores, *counts = arrays
    if not len(boxes) == len(classes) == len(scores):
        raise EngineError(f"{len(boxes)} boxes, {len(classes)} classes and {len(scores)} scores: expected one each")
    count = len(boxes)
    if counts:
        said = float(counts[0][0, 0])
        if not 0 <= said <= count:
            raise EngineError(f"the network counts {said} detections in {count} rows")
        count = int(said)
    used = np.flatnonzero(~(scores[:count, 0] < reading.threshold))
    if not np.isfinite(classes[used, 0]).all():
        raise EngineError("the network's classes are not numbers")
    ids = classes[used, 0].round().astype(np.int64) - first_class
    used, ids = used[ids >= 0], ids[ids >= 0]
    return Rows(boxes[used][:, [1, 0, 3, 2]] * reading.twice, scores[used, 0], ids, used)
