"""Candidates, and what the readers of all formats share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.priors import VARIANCES, PriorMap

Array = NDArray[np.float32]

STRIDES = (8, 16, 32)


class Rows(NamedTuple):
    """Candidates: boxes (n, 4) as corners in pixels of the input, scores (n,), classes (n,), their rows (n,)."""

    boxes_xyxy: Array
    scores: Array
    class_ids: NDArray[np.int64]
    places: NDArray[np.intp]


@dataclass(frozen=True)
class Reading:
    """What a reader needs to know beside the arrays; see the attributes of these names of ``DetectionDecoder``.

    Attributes:
        size: Width and height of the network's input.
        threshold: Rows below this score may be left out.
        strides: Pixels per cell of a raw grid.
        anchors: Per grid: width and height of each anchor in pixels, one after the other.
        priors: Prior boxes, where no output holds them.
        variances: Factors of a code's x, y, width and height.
        box_order: Order of a code's numbers.
        priors_as: How an output writes priors.
        activation: What makes scores of class numbers.
        background: Which class is nothing.
        bins: Steps of a distribution over distances.
        layout: Axes of raw heads.
        extra: Numbers at the end of each row that are no class scores.
    """

    size: tuple[int, int]
    threshold: float = 0.0
    strides: Sequence[int] = STRIDES
    anchors: Sequence[Sequence[float]] = ()
    priors: Sequence[PriorMap] = ()
    variances: Sequence[float] = VARIANCES
    box_order: Literal["xywh", "yxhw"] = "xywh"
    priors_as: Literal["corners", "centers"] = "corners"
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    background: Literal["none", "first", "last"] = "none"
    bins: int = 8
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    extra: int = 0

    @property
    def twice(self) -> Array:
        """Width, height, width, height of the input, float32 (4,)."""
        return np.array([*self.size, *self.size], dtype=np.float32)


def grid_cells(size: tuple[int, int], strides: Sequence[int]) -> int:
    """Rows of a raw grid for an input of width and height ``size``."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def grid_places(
    sides: Sequence[tuple[int, int]], strides: Sequence[int], cells: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Column and row (n, 2) and stride (n, 1) of some cells of grids of (columns, rows) one after the other.

    Args:
        sides: Columns and rows of each grid.
        strides: Pixels per cell of each grid.
        cells: Numbers of the cells (n,), counted row by row through all grids.
    """
    columns, rows = np.array(sides, dtype=np.intp).T
    ends = np.cumsum(columns * rows)
    grid = np.searchsorted(ends, cells, side="right")
    inner = cells - (ends - columns * rows)[grid]
    places = np.stack([inner % columns[grid], inner // columns[grid]], axis=1)
    return places.astype(np.float32), np.array(strides, dtype=np.float32)[grid][:, None]


def corners(centers: Array, sizes: Array) -> Array:
    """Boxes (n, 4) as corners, of centres (n, 2) and sizes (n, 2)."""
    return np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow, float32."""
    positive = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1, positive) / (1 + positive), dtype=np.float32)


def softmax(values: Array) -> Array:
    """Softmax over the last axis, float32."""
    grown = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True), dtype=np.float32)


def class_scores(name: str, values: Array, reading: Reading) -> Array:
    """Scores (n, classes) of class numbers (n, columns), the background left out.

    Args:
        name: What the numbers are, for messages.
        values: One column per class, and one for the background where there is one.
        reading: ``activation`` and ``background``.

    Raises:
        EngineError: no class is left.
    """
    least = 1 if reading.background == "none" else 2
    if values.ndim != 2 or values.shape[1] < least:
        raise EngineError(f"{name} have shape {values.shape}: expected (n, {least} or more)")
    if reading.activation == "softmax":
        values = softmax(values)
    elif reading.activation == "sigmoid":
        values = sigmoid(values)
    return {"none": values, "first": values[:, 1:], "last": values[:, :-1]}[reading.background]


def best_class(
    scores: Array, threshold: float, weights: Array | None = None
) -> tuple[Array, NDArray[np.int64], NDArray[np.intp]]:
    """Score and number of each row's best class, and the rows that reach the threshold.

    Args:
        scores: float32 (n, classes).
        threshold: Least score.
        weights: Factor on a row's scores, not negative, float32 (n,).
    """
    if weights is None or not scores.size:
        places = np.arange(len(scores))
    else:
        # Most rows of a grid are nothing, however sure they are of a class: what cannot reach the threshold even with
        # the highest score there is needs no look. Rows that are no numbers are kept, so that they are found.
        places = np.flatnonzero(~(weights * scores.max() < threshold) | (weights < 0))
        scores, weights = scores[places], weights[places]
    ids = scores.argmax(axis=1)
    best = np.take_along_axis(scores, ids[:, None], axis=1)[:, 0]
    if weights is not None:
        best = best * weights
    used = np.flatnonzero(~(best < threshold))
    return best[used], ids[used].astype(np.int64), places[used]


def every_class(scores: Array, threshold: float) -> tuple[Array, NDArray[np.int64], NDArray[np.intp]]:
    """Score and number of every class of every row that reaches the threshold, and the rows (maybe twice)."""
    used, ids = np.nonzero(~(scores < threshold))
    return scores[used, ids], ids.astype(np.int64), used
