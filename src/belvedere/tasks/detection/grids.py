"""Reading one-stage detectors that write a row per cell of a grid: YOLO of all kinds, YOLOX, NanoDet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.rows import (
    Array,
    Reading,
    Rows,
    best_class,
    corners,
    every_class,
    grid_cells,
    grid_places,
    sigmoid,
    softmax,
)


def read_yolox(arrays: Sequence[Array], reading: Reading) -> Rows:
    """YOLOX's raw grid (Ge et al. 2021): centre offsets in cells, logarithms of sizes, objectness, class scores."""
    (grid,) = arrays
    size, strides = reading.size, reading.strides
    if len(grid) != grid_cells(size, strides):
        raise EngineError(
            f"the grid has {len(grid)} cells; an input of {size[0]}x{size[1]} with strides {list(strides)} has "
            f"{grid_cells(size, strides)}"
        )
    scores, ids, used = best_class(_classes(grid, reading), reading.threshold, grid[:, 4])
    cells, steps = grid_places([(size[0] // stride, size[1] // stride) for stride in strides], strides, used)
    centers = (grid[used, :2] + cells) * steps
    with np.errstate(over="ignore"):  # a network may say anything; boxes are clipped to the picture
        sizes = np.exp(grid[used, 2:4]) * steps
        return Rows(corners(centers, sizes), scores, ids, used)


def read_yolo(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Rows of centre and size in pixels, objectness, class scores."""
    (rows,) = arrays
    scores, ids, used = best_class(_classes(rows, reading), reading.threshold, rows[:, 4])
    return Rows(corners(rows[used, :2], rows[used, 2:4]), scores, ids, used)


def read_yolov8(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Columns of centre and size in pixels and class scores, without objectness: axes (numbers, n)."""
    (columns,) = arrays
    if columns.ndim != 2 or columns.shape[0] < 5 + reading.extra:
        raise EngineError(
            f"detection columns have shape {columns.shape}: expected (4 and one per class"
            f"{f' and {reading.extra}' if reading.extra else ''}, n)"
        )
    scores, ids, used = best_class(columns[4 : len(columns) - reading.extra].T, reading.threshold)
    chosen = columns[:4, used].T
    return Rows(corners(chosen[:, :2], chosen[:, 2:]), scores, ids, used)


def read_darknet(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Rows of centre and size 0..1, objectness, and class scores that objectness is part of; several outputs."""
    if len({rows.shape[1] for rows in arrays}) != 1:
        raise EngineError(f"detection rows of {[rows.shape[1] for rows in arrays]} numbers: expected one length")
    rows = np.concatenate(list(arrays))
    scores, ids, used = best_class(_classes(rows, reading), reading.threshold)
    return Rows(corners(rows[used, :2], rows[used, 2:4]) * reading.twice, scores, ids, used)


def read_yolo3(arrays: Sequence[Array], reading: Reading) -> Rows:
    """YOLOv3's raw heads (Redmon and Farhadi 2018): per grid and anchor x, y, w, h, objectness, classes as logits.

    A centre is the sigmoid in its cell, a size exp times the anchor's; every class that reaches the threshold counts,
    as in Darknet.
    """
    found, first = [], 0
    for number, (head, anchors) in enumerate(zip(arrays, reading.anchors, strict=True)):
        values = _by_anchor(head, len(anchors) // 2, reading, number)  # (h, w, A, 5 + C)
        height, width, each, length = values.shape
        rows = values.reshape(-1, length)
        chances = sigmoid(rows[:, 4:5])
        scores, ids, used = every_class(sigmoid(rows[:, 5 : length - reading.extra]) * chances, reading.threshold)
        cells = np.stack(np.unravel_index(used // each, (height, width)), axis=1)[:, ::-1]
        pixels = np.array([reading.size[0] / width, reading.size[1] / height], dtype=np.float32)
        centers = (sigmoid(rows[used, :2]) + cells.astype(np.float32)) * pixels
        with np.errstate(over="ignore"):
            sizes = np.exp(rows[used, 2:4]) * np.asarray(anchors, dtype=np.float32).reshape(-1, 2)[used % each]
            found.append(Rows(corners(centers, sizes), scores, ids, used + first))
        first += len(rows)
    return Rows(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def read_nanodet(arrays: Sequence[Array], reading: Reading) -> Rows:
    """NanoDet: distances are counted from the middle of the cells."""
    return _distances(arrays, reading, 0.5)


def read_nanodet_plus(arrays: Sequence[Array], reading: Reading) -> Rows:
    """NanoDet-Plus: distances are counted from the cells' upper left corners."""
    return _distances(arrays, reading, 0.0)


def _distances(arrays: Sequence[Array], reading: Reading, offset: float) -> Rows:
    """Class scores, and per side a distribution over distances (Li et al. 2020, generalised focal loss).

    A distance is the distribution's mean: softmax over ``bins`` steps of one stride. One output of rows with scores
    first; or scores and distributions in turn, one pair per stride.
    """
    grid = np.concatenate([np.concatenate(pair, axis=1) for pair in _pairs(arrays)])
    sides = [(math.ceil(reading.size[0] / stride), math.ceil(reading.size[1] / stride)) for stride in reading.strides]
    wanted, bins = sum(columns * rows for columns, rows in sides), reading.bins
    if len(grid) != wanted or grid.shape[1] <= 4 * bins:
        raise EngineError(
            f"the grid has shape {grid.shape}: an input of {reading.size[0]}x{reading.size[1]} with strides "
            f"{list(reading.strides)} has {wanted} cells, each with classes and 4x{bins} distances"
        )
    scores, ids, used = best_class(grid[:, : -4 * bins], reading.threshold)
    cells, steps = grid_places(sides, reading.strides, used)
    chances = softmax(grid[used, -4 * bins :].reshape(-1, 4, bins))
    reach = (chances @ np.arange(bins, dtype=np.float32)) * steps
    centers = (cells + np.float32(offset)) * steps
    return Rows(np.concatenate([centers - reach[:, :2], centers + reach[:, 2:]], axis=1), scores, ids, used)


def _pairs(arrays: Sequence[Array]) -> list[tuple[Array, ...]]:
    if len(arrays) == 1:
        return [(arrays[0],)]
    pairs = list(zip(arrays[::2], arrays[1::2], strict=True))
    shapes = {(scores.shape[1], reach.shape[1]) for scores, reach in pairs}
    if len(shapes) != 1 or any(len(scores) != len(reach) for scores, reach in pairs):
        raise EngineError(
            f"outputs of shapes {[array.shape for array in arrays]}: expected scores and distances in turn, as many "
            "rows in both"
        )
    return [(scores, reach) for scores, reach in pairs]


def _classes(rows: Array, reading: Reading) -> Array:
    most = rows.shape[1] - reading.extra
    if most < 6:
        also = f" and {reading.extra}" if reading.extra else ""
        raise EngineError(f"detection rows have {rows.shape[1]} numbers: expected 5 and one per class{also}")
    return rows[:, 5:most]


def _by_anchor(head: Array, anchors: int, reading: Reading, number: int) -> Array:
    """A head (A * k, h, w), (h, w, A * k), (A, h, w, k) or (h, w, A, k) as (h, w, A, k)."""
    if head.ndim == 3:
        moved = head.transpose(1, 2, 0) if reading.layout == "NCHW" else head
        fits = moved.shape[2] % anchors == 0
        split = moved.reshape(*moved.shape[:2], anchors, -1) if fits else moved
    else:
        split = head.transpose(1, 2, 0, 3) if head.ndim == 4 and reading.layout == "NCHW" else head
    if split.ndim != 4 or split.shape[2] != anchors or split.shape[3] < 6 + reading.extra:
        raise EngineError(
            f"grid {number} has shape {head.shape}: expected {anchors} anchors of {5 + reading.extra} numbers and one "
            f"per class, {reading.layout}"
        )
    return np.ascontiguousarray(split)
