"""Prior boxes (anchors) and the boxes that are written relative to them.

SSD (Liu et al. 2016), and every detector that writes its boxes the same way: RetinaNet, EfficientDet, Faster R-CNN's
proposals. Everything is relative to the network's input, 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError

Array = NDArray[np.float32]

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""Caffe's variances; TensorFlow's and torchvision's box coders write them as scale factors 10, 10, 5, 5."""

_LARGEST = math.log(1000.0 / 16)
"""Bound on the logarithm of a size, as torchvision's box coder has it: longer boxes are no boxes."""
_MOST_PRIORS = 4_000_000


@dataclass(frozen=True)
class PriorMap:
    """The prior boxes of one feature map: the same sizes at every cell, cell by cell, row by row.

    Attributes:
        columns: Cells across.
        rows: Cells down.
        sizes: Width and height of each prior of a cell, relative to the input.
        pitch: Distance of neighbouring cells, across and down, relative to the input; None for the map's own 1 /
            columns and 1 / rows.
        offset: Where in its cell a prior's centre lies, 0..1.

    Raises:
        OptionError: a field has no usable value.
    """

    columns: int
    rows: int
    sizes: tuple[tuple[float, float], ...]
    pitch: tuple[float, float] | None = None
    offset: float = 0.5

    def __post_init__(self) -> None:
        lengths = [length for size in self.sizes for length in size] + list(self.pitch or ())
        if min(self.columns, self.rows) < 1 or not self.sizes or not all(length > 0 for length in lengths):
            raise OptionError(
                f"priors of {self.columns}x{self.rows} cells with sizes {self.sizes}: expected numbers above 0"
            )

    def __len__(self) -> int:
        return self.columns * self.rows * len(self.sizes)


def prior_boxes(maps: Sequence[PriorMap]) -> Array:
    """All priors in order, float32 (n, 4): centre x, centre y, width, height, relative to the input.

    Raises:
        OptionError: more of them than a network has.
    """
    if sum(map(len, maps)) > _MOST_PRIORS:
        raise OptionError(f"{sum(map(len, maps))} prior boxes: expected at most {_MOST_PRIORS}")
    found = []
    for grid in maps:
        pitch = grid.pitch or (1 / grid.columns, 1 / grid.rows)
        x = (np.arange(grid.columns) + grid.offset) * pitch[0]
        y = (np.arange(grid.rows) + grid.offset) * pitch[1]
        centers = np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 1, 2)
        sizes = np.asarray(grid.sizes, dtype=np.float64)[None]
        each = np.broadcast_arrays(centers, sizes)
        found.append(np.concatenate(each, axis=2).reshape(-1, 4))
    return np.concatenate(found).astype(np.float32)


def decode_boxes(codes_xywh: Array, priors_xywh: Array, variances: Sequence[float]) -> Array:
    """Boxes (n, 4) as corners 0..1 of codes (n, 4) and their priors (n, 4), both centre and size.

    A centre moves by code * variance * the prior's size, a size grows by exp(code * variance).
    """
    moved = codes_xywh * np.asarray(variances, dtype=np.float32)
    centers = priors_xywh[:, :2] + moved[:, :2] * priors_xywh[:, 2:]
    sizes = priors_xywh[:, 2:] * np.exp(np.minimum(moved[:, 2:], np.float32(_LARGEST)))
    return np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)


def tensorflow_priors(
    sides: Sequence[tuple[int, int]] = ((19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)),
    *,
    least: float = 0.2,
    most: float = 0.95,
    ratios: Sequence[float] = (1.0, 2.0, 0.5, 3.0, 1.0 / 3),
) -> tuple[PriorMap, ...]:
    """Priors of TensorFlow's ``ssd_anchor_generator`` with its defaults: SSD MobileNet at 300 pixels has 1917.

    The first map has three smaller ones (``reduce_boxes_in_lowest_layer``); others one per ratio and one between two
    scales.

    Args:
        sides: Columns and rows of the maps, finest first.
        least: Scale of the first map.
        most: Scale of the last one.
        ratios: Width to height.
    """
    count = len(sides)
    scales = [least + (most - least) * index / max(count - 1, 1) for index in range(count)] + [1.0]
    found = []
    for index, (columns, rows) in enumerate(sides):
        if index == 0:
            pairs = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
        else:
            pairs = [(scales[index], ratio) for ratio in ratios]
            pairs.append((math.sqrt(scales[index] * scales[index + 1]), 1.0))
        sizes = tuple((scale * math.sqrt(ratio), scale / math.sqrt(ratio)) for scale, ratio in pairs)
        found.append(PriorMap(columns, rows, sizes))
    return tuple(found)


def torchvision_priors(
    size: tuple[int, int],
    sides: Sequence[tuple[int, int]],
    ratios: Sequence[Sequence[int]],
    *,
    scales: Sequence[float] = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    steps: Sequence[int] | None = (8, 16, 32, 64, 100, 300),
) -> tuple[PriorMap, ...]:
    """Priors of torchvision's ``DefaultBoxGenerator``, and of Caffe's SSD with its min and max sizes as scales.

    Per cell a square, a square between this scale and the next, and for each ratio a lying and a standing box; sizes
    are cut at the input's (``clip``).

    Args:
        size: Width and height of the network's input.
        sides: Columns and rows of the maps, finest first.
        ratios: Per map, without 1.
        scales: Per map, and one more.
        steps: Pixels from cell to cell per map; None spreads the cells over the input.
    """
    found = []
    for index, (columns, rows) in enumerate(sides):
        scale, between = scales[index], math.sqrt(scales[index] * scales[index + 1])
        sizes = [(scale, scale), (between, between)]
        for ratio in ratios[index]:
            root = math.sqrt(ratio)
            sizes += [(scale * root, scale / root), (scale / root, scale * root)]
        cut = tuple((min(width, 1.0), min(height, 1.0)) for width, height in sizes)
        pitch = (steps[index] / size[0], steps[index] / size[1]) if steps else None
        found.append(PriorMap(columns, rows, cut, pitch))
    return tuple(found)


def retinanet_priors(
    size: tuple[int, int], *, strides: Sequence[int] = (8, 16, 32, 64, 128), ratios: Sequence[float] = (0.5, 1.0, 2.0)
) -> tuple[PriorMap, ...]:
    """Priors of torchvision's RetinaNet (Lin et al. 2017): nine per cell at its upper left corner.

    Sides are four strides times 1, 2^(1/3) and 2^(2/3), whole pixels; ratios are height to width. Corners are rounded
    to whole pixels as torchvision's ``AnchorGenerator`` does.

    Args:
        size: Width and height of the network's input.
        strides: Pixels per cell of the maps, finest first.
        ratios: Height to width.
    """
    found = []
    for stride in strides:
        sides = [int(4 * stride * 2 ** (third / 3)) for third in range(3)]
        boxes = [(side / math.sqrt(ratio), side * math.sqrt(ratio)) for ratio in ratios for side in sides]
        sizes = tuple((2 * round(w / 2) / size[0], 2 * round(h / 2) / size[1]) for w, h in boxes)
        columns, rows = (-(-length // stride) for length in size)
        found.append(PriorMap(columns, rows, sizes, (stride / size[0], stride / size[1]), 0.0))
    return tuple(found)
