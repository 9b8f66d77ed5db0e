"""YOLOv3 and SSD with their decoding and suppression (GluonCV ``yolo3.py``, ``ssd.py``).

Both give ids (1, 100, 1), scores (1, 100, 1) and boxes (1, 100, 4): corners in input pixels, unused rows -1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tools.mxnet_networks.classifiers import conv_leaky
from tools.mxnet_networks.layers import (
    add,
    arange,
    concat,
    conv,
    flatten,
    reshape,
    scalar,
    slice_axis,
    slice_like,
    subtract,
    transpose,
)
from tools.mxnet_networks.parameters import Initial, fixed, normal, scaled, uniform
from tools.mxnet_networks.symbol import Graph, Tensor

ROWS = 100

_YOLO_ANCHORS = ((116, 90, 156, 198, 373, 326), (30, 61, 62, 45, 59, 119), (10, 13, 16, 30, 33, 23))
_YOLO_STRIDES = (32, 16, 8)
_YOLO_WIDTHS = (512, 256, 128)
_YOLO_CELLS = 128


def yolo3(g: Graph, stages: Sequence[Tensor], classes: int) -> list[Tensor]:
    """Three scales on feature maps at strides 8, 16, 32 (Redmon and Farhadi 2018, https://arxiv.org/abs/1804.02767)."""
    x = stages[-1]
    found = []
    for index, (width, anchors, stride) in enumerate(zip(_YOLO_WIDTHS, _YOLO_ANCHORS, _YOLO_STRIDES, strict=True)):
        with g.numbered("yolodetectionblockv3"):
            for _ in range(2):
                x = conv_leaky(g, conv_leaky(g, x, width, 1), 2 * width, 3)
            x = conv_leaky(g, x, width, 1)
            tip = conv_leaky(g, x, 2 * width, 3)
        with g.numbered("yolooutputv3"):
            found.append(_yolo_output(g, tip, classes, index, np.array(anchors, np.float32), stride))
        if index < 2:
            x = conv_leaky(g, x, width // 2, 1)
            x = g.op("repeat", "repeat", g.op("repeat", "repeat", x, axis=-1, repeats=2), axis=-2, repeats=2)
            route = stages[-2 - index]
            x = concat(g, slice_like(g, x, route), route)
    rows = suppress(g, concat(g, *found))
    return [slice_axis(g, rows, -1, 0, 1), slice_axis(g, rows, -1, 1, 2), slice_axis(g, rows, -1, 2, None)]


def _yolo_output(g: Graph, tip: Tensor, classes: int, index: int, anchors: NDArray[np.float32], stride: int) -> Tensor:
    """Rows (1, classes * cells * 3, 6) of class, score and corners; class scores times objectness."""
    values, count = 5 + classes, len(anchors) // 2
    x = conv(g, tip, values * count, 1, bias=True, weights=_yolo_weights(values), biases=_yolo_biases(values))
    x = transpose(g, reshape(g, x, 0, values * count, -1), 0, 2, 1)
    x = reshape(g, x, 0, -1, count, values)
    scores = g.op("sigmoid", "sigmoid", slice_axis(g, x, -1, 5, None))
    objectness = g.op("sigmoid", "sigmoid", slice_axis(g, x, -1, 4, 5))
    scores = g.op("broadcast_mul", "broadcast_mul", scores, objectness)
    scores = g.op("expand_dims", "expand_dims", transpose(g, scores, 3, 0, 1, 2), axis=-1)
    ids = reshape(g, arange(g, 0, classes), 0, 1, 1, 1, 1)
    ids = g.op("broadcast_add", "broadcast_add", scalar(g, "mul", scores, 0), ids)
    ys, xs = np.mgrid[:_YOLO_CELLS, :_YOLO_CELLS].astype(np.float32)
    grid = g.parameter(
        f"offset_{index}", (1, 1, _YOLO_CELLS, _YOLO_CELLS, 2), fixed(np.stack([xs, ys], -1)), kind="constant"
    )
    cells = reshape(g, slice_like(g, grid, tip), 1, -1, 1, 2)
    centres = g.op("sigmoid", "sigmoid", slice_axis(g, x, -1, 0, 2))
    centres = scalar(g, "mul", g.op("broadcast_add", "broadcast_add", centres, cells), stride)
    shapes = g.parameter(f"anchor_{index}", (1, 1, count, 2), fixed(anchors), kind="constant")
    extents = g.op("exp", "exp", slice_axis(g, x, -1, 2, 4))
    extents = scalar(g, "div", g.op("broadcast_mul", "broadcast_mul", extents, shapes), 2.0)
    boxes = concat(g, subtract(g, centres, extents), add(g, centres, extents), dim=-1)
    boxes = g.op("tile", "tile", boxes, reps=(classes, 1, 1, 1, 1))
    rows = concat(g, ids, scores, boxes, dim=-1)
    return reshape(g, transpose(g, rows, 1, 0, 2, 3, 4), 0, -1, 6)


def _yolo_weights(values: int) -> Initial:
    """Weights that spread scores without blowing up sizes."""

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        weights = scaled(0.5)(random, shape)
        place = np.arange(shape[0]) % values
        weights[(place == 2) | (place == 3)] *= 0.3
        return weights

    return make


def _yolo_biases(values: int) -> Initial:
    """Objectness is rare."""

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        biases = normal(0.1)(random, shape)
        biases[np.arange(shape[0]) % values == 4] -= 2.0
        return biases

    return make


def suppress(g: Graph, rows: Tensor) -> Tensor:
    """The 100 best rows after suppression a class at a time."""
    rows = g.op(
        "_contrib_box_nms", "box_nms", rows,
        coord_start=2, force_suppress=False, id_index=0, overlap_thresh=0.45, score_index=1, topk=400,
        valid_thresh=0.01,
    )  # fmt: skip
    return slice_axis(g, rows, 1, 0, ROWS)


_SSD_SIZES = (51.2, 102.4, 189.4, 276.4, 363.52, 450.6, 492.0)
_SSD_STEPS = (16, 32, 64, 128, 256, 512)
_FEW, _MANY = (1.0, 2.0, 0.5), (1.0, 2.0, 0.5, 3.0, 1.0 / 3)
_SSD_RATIOS = (_FEW, _MANY, _MANY, _MANY, _FEW, _FEW)
_SSD_CELLS = (128, 64, 32, 16, 16, 16)


def ssd_512(g: Graph, features: Sequence[Tensor], classes: int) -> list[Tensor]:
    """Six scales: two of the backbone, four appended (Liu et al. 2016, https://arxiv.org/abs/1512.02325)."""
    features = [*features, *_expand(g, features[-1])]
    counts = [len(ratios) + 1 for ratios in _SSD_RATIOS]
    scores = concat(g, *(_predict(g, x, n * (classes + 1), 0.5) for x, n in zip(features, counts, strict=True)))
    boxes = concat(g, *(_predict(g, x, n * 4, 0.2) for x, n in zip(features, counts, strict=True)))
    anchors = concat(g, *(_anchors(g, x, index) for index, x in enumerate(features)))
    scores = g.op("softmax", "softmax", reshape(g, scores, 0, -1, classes + 1), axis=-1)
    ids, scores = per_class(g, scores, classes)
    with g.numbered("normalizedboxcenterdecoder"):
        boxes = g.op(
            "_contrib_box_decode", "box_decode", reshape(g, boxes, 0, -1, 4), reshape(g, anchors, 1, -1, 4),
            clip=-1, format="center", std0=0.1, std1=0.1, std2=0.2, std3=0.2,
        )  # fmt: skip
    parts = []
    for index in range(classes):
        pair = (slice_axis(g, ids, -1, index, index + 1), slice_axis(g, scores, -1, index, index + 1))
        parts.append(concat(g, *pair, boxes, dim=-1))
    rows = suppress(g, concat(g, *parts))
    return [slice_axis(g, rows, 2, 0, 1), slice_axis(g, rows, 2, 1, 2), slice_axis(g, rows, 2, 2, 6)]


def _expand(g: Graph, x: Tensor) -> list[Tensor]:
    """``FeatureExpander``: plain symbols, so batch norm keeps MXNet's defaults (fix_gamma, eps 1e-3)."""
    found = []
    for index, width in enumerate((512, 512, 256, 256)):
        x = _expand_layer(g, x, index, width, "expand_trans", 1)
        x = _expand_layer(g, x, index, width, "expand", 3)
        found.append(x)
    return found


def _expand_layer(g: Graph, x: Tensor, index: int, width: int, kind: str, kernel: int) -> Tensor:
    extra = {"pad": (1, 1), "stride": (2, 2)} if kernel == 3 else {}
    shape = (width, x.channels, kernel, kernel)
    weight = g.parameter(f"{kind}_conv{index}_weight", shape, scaled(), shown=False, initializer="<Xavier>")
    x = g.named(
        "Convolution", f"{kind}_conv{index}", x, weight, channels=width,
        kernel=(kernel, kernel), no_bias=True, num_filter=width, **extra,
    )  # fmt: skip
    bn = f"{kind}_bn{index}"
    # The file's gamma must be ignored.
    inputs = [
        g.parameter(f"{bn}_gamma", (width,), uniform(0.5, 2.0), shown=False),
        g.parameter(f"{bn}_beta", (width,), normal(0.1), shown=False),
        g.parameter(f"{bn}_moving_mean", (width,), normal(0.1), kind="statistics", shown=False),
        g.parameter(f"{bn}_moving_var", (width,), uniform(0.8, 1.25), kind="statistics", shown=False),
    ]
    x = g.named("BatchNorm", bn, x, *inputs)
    return g.named("Activation", f"{kind}_relu{index}", x, act_type="relu")


def _predict(g: Graph, x: Tensor, width: int, gain: float = 1.0) -> Tensor:
    with g.numbered("convpredictor"):
        x = conv(g, x, width, 3, 1, 1, bias=True, gain=gain)
    return flatten(g, transpose(g, x, 0, 2, 3, 1))


def _anchors(g: Graph, feature: Tensor, index: int) -> Tensor:
    """A table of centre boxes in pixels, cut to the size of the feature map."""
    cells, table = _SSD_CELLS[index], ssd_anchor_table(index)
    with g.numbered("ssdanchorgenerator"):
        anchors = g.parameter(f"anchor_{index}", (1, 1, cells, cells, table.shape[-1]), fixed(table), kind="constant")
        anchors = reshape(g, slice_like(g, anchors, feature), 1, -1, 4)
        anchors = reshape(g, anchors, 1, -1, 4)
    return reshape(g, anchors, 1, -1)


def ssd_anchor_table(index: int) -> NDArray[np.float64]:
    """Centre x, centre y, width, height of the boxes of each cell: (cells, cells, 4 * boxes)."""
    small = _SSD_SIZES[index]
    large = float(np.sqrt(small * _SSD_SIZES[index + 1]))
    extents = [(small, small), (large, large)]
    extents += [(small * r**0.5, small / r**0.5) for r in _SSD_RATIOS[index][1:]]
    ticks = (np.arange(_SSD_CELLS[index]) + 0.5) * _SSD_STEPS[index]
    rows = [[(x, y, w, h) for w, h in extents] for y, x in itertools.product(ticks, ticks)]
    return np.array(rows).reshape(len(ticks), len(ticks), -1)


def per_class(g: Graph, probabilities: Tensor, classes: int, threshold: float = 0.01) -> tuple[Tensor, Tensor]:
    """``MultiPerClassDecoder``: ids and scores (..., classes); -1 and 0 where the score is not over the threshold."""
    with g.numbered("multiperclassdecoder"):
        scores = slice_axis(g, probabilities, -1, 1, None)
        over = g.op("_greater_scalar", "_greater_scalar", scores, scalar=threshold)
        zeros = g.op("zeros_like", "zeros_like", slice_axis(g, probabilities, -1, 0, 1))
        ids = g.op("broadcast_add", "broadcast_add", zeros, reshape(g, arange(g, classes, None), 1, 1, classes))
        none = scalar(g, "mul", g.op("ones_like", "ones_like", ids), -1)
        ids = g.op("where", "where", over, ids, none)
        scores = g.op("where", "where", over, scores, g.op("zeros_like", "zeros_like", scores))
    return ids, scores
