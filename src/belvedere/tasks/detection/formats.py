"""The ways in which detectors write down what they found.

Each function takes the outputs of one picture in the order of `ROLES` and gives rows in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError

Array = NDArray[np.float32]

ROLES: Mapping[str, tuple[str, ...]] = {
    "gluoncv": ("ids", "scores", "boxes"),
    "multibox": ("rows",),
    "yolox": ("grid",),
    "yolo": ("rows",),
    "darknet": ("rows",),
    "ssd": ("boxes", "classes", "scores", "count"),
    "tf-detection": ("boxes", "classes", "scores", "count"),
}
"""Formats and what their outputs are:

- ``gluoncv``: class ids (1, n, 1), scores (1, n, 1), boxes (1, n, 4) as corners in pixels of the input; a row with a
  negative id is unused. Suppression was done.
- ``multibox``: rows (1, n, 6): class id, score, corners 0..1; a row with a negative id is unused. Suppression was done.
- ``yolox``: raw grid (1, n, 5 + C), strides one after the other, row by row: centre offsets in cells, logarithm of the
  size in cells, objectness, class scores.
- ``yolo``: rows (1, n, 5 + C): centre and size in pixels of the input, objectness, class scores.
- ``darknet``: rows (n, 5 + C), in one output or several: centre and size 0..1, objectness, class scores that objectness
  is already part of.
- ``ssd``: boxes (1, n, 4) as top, left, bottom, right 0..1, classes (1, n) from 0, scores (1, n), count (1,).
  Suppression was done.
- ``tf-detection``: the same with classes from 1.
"""

COLUMNS: Mapping[str, int | None] = {
    "ids": 1, "scores": 1, "boxes": 4, "classes": 1, "count": 1, "grid": None, "rows": None,
}  # fmt: skip
"""Numbers per row of each kind of output; None where it depends."""

SUPPRESSED = ("gluoncv", "multibox", "ssd", "tf-detection")
"""Formats whose networks have done their own suppression."""

STRIDES = (8, 16, 32)


class Rows(NamedTuple):
    """Candidates: boxes (n, 4) as corners in pixels of the input, scores (n,), classes (n,), their rows (n,)."""

    boxes_xyxy: Array
    scores: Array
    class_ids: NDArray[np.int64]
    places: NDArray[np.intp]


def read_rows(
    form: str, arrays: Sequence[Array], size: tuple[int, int], strides: Sequence[int] = STRIDES, threshold: float = 0.0
) -> Rows:
    """Read the outputs of a format.

    Args:
        form: One of `ROLES`.
        arrays: float32 (n, columns), one per role (``darknet``: one or more).
        size: Width and height of the network's input.
        strides: Pixels per cell of a raw grid.
        threshold: Rows below this score may be left out.

    Raises:
        EngineError: the arrays do not fit together, or hold scores that are no numbers.
    """
    found = _READERS[form](arrays, size, strides, threshold)
    if np.isnan(found.scores).any() or np.isnan(found.boxes_xyxy).any():
        raise EngineError(f"the network's outputs hold detections that are not numbers (format {form})")
    return found


def grid_cells(size: tuple[int, int], strides: Sequence[int]) -> int:
    """Rows of a raw grid for an input of width and height ``size``."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def _gluoncv(arrays: Sequence[Array], _size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    ids, scores, boxes = arrays
    if not len(ids) == len(scores) == len(boxes):
        raise EngineError(f"{len(ids)} class ids, {len(scores)} scores and {len(boxes)} boxes: expected one each")
    used = np.flatnonzero((ids[:, 0] >= 0) & ~(scores[:, 0] < threshold))
    return Rows(boxes[used], scores[used, 0], ids[used, 0].astype(np.int64), used)


def _multibox(arrays: Sequence[Array], size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    (rows,) = arrays
    if rows.shape[1] != 6:
        raise EngineError(f"detection rows have {rows.shape[1]} numbers: expected 6 (class, score and four corners)")
    used = np.flatnonzero((rows[:, 0] >= 0) & ~(rows[:, 1] < threshold))
    return Rows(rows[used, 2:] * _twice(size), rows[used, 1], rows[used, 0].astype(np.int64), used)


def _yolox(arrays: Sequence[Array], size: tuple[int, int], strides: Sequence[int], threshold: float) -> Rows:
    (grid,) = arrays
    if len(grid) != grid_cells(size, strides):
        raise EngineError(
            f"the grid has {len(grid)} cells; an input of {size[0]}x{size[1]} with strides {list(strides)} has "
            f"{grid_cells(size, strides)}"
        )
    cells, steps = _cells(size, strides)
    scores, ids, used = _best_class(grid, threshold, objectness=True)
    centers = (grid[used, :2] + cells[used]) * steps[used]
    with np.errstate(over="ignore"):  # a network may say anything; boxes are clipped to the picture
        sizes = np.exp(grid[used, 2:4]) * steps[used]
        return Rows(_corners(centers, sizes), scores, ids, used)


def _yolo(arrays: Sequence[Array], _size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    (rows,) = arrays
    scores, ids, used = _best_class(rows, threshold, objectness=True)
    return Rows(_corners(rows[used, :2], rows[used, 2:4]), scores, ids, used)


def _darknet(arrays: Sequence[Array], size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    if len({rows.shape[1] for rows in arrays}) != 1:
        raise EngineError(f"detection rows of {[rows.shape[1] for rows in arrays]} numbers: expected one length")
    rows = np.concatenate(list(arrays))
    scores, ids, used = _best_class(rows, threshold, objectness=False)
    return Rows(_corners(rows[used, :2], rows[used, 2:4]) * _twice(size), scores, ids, used)


def _ssd(arrays: Sequence[Array], size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    return _post_processed(arrays, size, threshold, first_class=0)


def _tf_detection(arrays: Sequence[Array], size: tuple[int, int], _strides: Sequence[int], threshold: float) -> Rows:
    return _post_processed(arrays, size, threshold, first_class=1)


def _post_processed(arrays: Sequence[Array], size: tuple[int, int], threshold: float, first_class: int) -> Rows:
    boxes, classes, scores, *counts = arrays
    if not len(boxes) == len(classes) == len(scores):
        raise EngineError(f"{len(boxes)} boxes, {len(classes)} classes and {len(scores)} scores: expected one each")
    count = len(boxes)
    if counts:
        said = float(counts[0][0, 0])
        if not 0 <= said <= count:
            raise EngineError(f"the network counts {said} detections in {count} rows")
        count = int(said)
    used = np.flatnonzero(~(scores[:count, 0] < threshold))
    ids = classes[used, 0].round().astype(np.int64) - first_class
    used, ids = used[ids >= 0], ids[ids >= 0]
    return Rows(boxes[used][:, [1, 0, 3, 2]] * _twice(size), scores[used, 0], ids, used)


def _best_class(
    rows: Array, threshold: float, *, objectness: bool
) -> tuple[Array, NDArray[np.int64], NDArray[np.intp]]:
    """Score and number of each row's best class, and the rows that reach the threshold."""
    if rows.shape[1] < 6:
        raise EngineError(f"detection rows have {rows.shape[1]} numbers: expected 5 and one per class")
    ids = rows[:, 5:].argmax(axis=1)
    scores = np.take_along_axis(rows[:, 5:], ids[:, None], axis=1)[:, 0]
    if objectness:
        scores = scores * rows[:, 4]
    # Rows that are no numbers are kept, so that they are found.
    used = np.flatnonzero(~(scores < threshold))
    return scores[used], ids[used].astype(np.int64), used


def _cells(size: tuple[int, int], strides: Sequence[int]) -> tuple[Array, Array]:
    """Column and row of every cell (n, 2), and its stride (n, 1)."""
    places, steps = [], []
    for stride in strides:
        columns, rows = size[0] // stride, size[1] // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=2).reshape(-1, 2)
        places.append(grid)
        steps.append(np.full((len(grid), 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _corners(centers: Array, sizes: Array) -> Array:
    return np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)


def _twice(size: tuple[int, int]) -> Array:
    return np.array([*size, *size], dtype=np.float32)


_READERS: Mapping[str, Callable[[Sequence[Array], tuple[int, int], Sequence[int], float], Rows]] = {
    "gluoncv": _gluoncv,
    "multibox": _multibox,
    "yolox": _yolox,
    "yolo": _yolo,
    "darknet": _darknet,
    "ssd": _ssd,
    "tf-detection": _tf_detection,
}
