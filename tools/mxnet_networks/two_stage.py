"""Faster R-CNN and Mask R-CNN on ResNet-50 v1b with its last stage as head (GluonCV ``rcnn/``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tools.mxnet_networks.layers import (
    adaptive_pool,
    arange,
    concat,
    conv,
    conv_norm_relu,
    deconv,
    dense,
    pool,
    relu,
    reshape,
    scalar,
    slice_axis,
    subtract,
    transpose,
)
from tools.mxnet_networks.one_stage import per_class
from tools.mxnet_networks.parameters import fixed, scaled
from tools.mxnet_networks.resnets import v1b_stage
from tools.mxnet_networks.symbol import Graph, Tensor

_STRIDE, _CELLS = 16, 128
_RATIOS, _SCALES = (0.5, 1.0, 2.0), (2, 4, 8, 16, 32)
_POOLED = 14


@dataclass(frozen=True)
class Settings:
    """What tells the published variants apart.

    Attributes:
        classes: Classes without background.
        proposals: Proposals kept.
        smallest: Least side of a proposal in pixels.
        clip: Bound of log extents before exp; -1 for none.
        overlap: IoU over which rows of one class are suppressed.
        top: Rows of a class that enter suppression; -1 for all.
    """

    classes: int
    proposals: int
    smallest: int
    clip: float
    overlap: float
    top: int


FASTER_VOC = Settings(classes=20, proposals=300, smallest=16, clip=-1, overlap=0.3, top=400)
MASK_COCO = Settings(classes=80, proposals=1000, smallest=1, clip=4.42, overlap=0.5, top=-1)


def faster_rcnn(g: Graph, x: Tensor, settings: Settings) -> list[Tensor]:
    """Ids, scores, boxes of every class and proposal: (1, classes * proposals, 1 or 4), unused rows -1.

    (Ren et al. 2015, https://arxiv.org/abs/1506.01497)
    """
    features = _features(g, x)
    pooled = _pool_proposals(g, features, proposals := _proposals(g, x, features, settings), settings)
    rows = _boxes(g, v1b_stage(g, pooled, 50, 3), proposals, settings)
    return [slice_axis(g, rows, -1, 0, 1), slice_axis(g, rows, -1, 1, 2), slice_axis(g, rows, -1, 2, 6)]


def mask_rcnn(g: Graph, x: Tensor, settings: Settings) -> list[Tensor]:
    """The best rows of Faster R-CNN and a mask (14, 14) for each (He et al. 2017, https://arxiv.org/abs/1703.06870)."""
    features = _features(g, x)
    pooled = _pool_proposals(g, features, proposals := _proposals(g, x, features, settings), settings)
    first = len(g.nodes)
    top = v1b_stage(g, pooled, 50, 3)
    last = len(g.nodes)
    rows = _boxes(g, top, proposals, settings)
    ids, scores, boxes = (slice_axis(g, rows, -1, *ends) for ends in ((0, 1), (1, 2), (2, 6)))
    count = settings.proposals
    batch = g.op("repeat", "repeat", arange(g, 0, 1), repeats=count)
    squeezed = g.op("squeeze", "squeeze", scores, axis=-1)
    order = g.op("argsort", "argsort", squeezed, axis=1, is_ascend=False)
    order = reshape(g, slice_axis(g, order, 1, 0, count), -1)
    where = g.op("stack", "stack", batch, order, axis=0, num_args=2)

    def pick(values: Tensor, width: int) -> Tensor:
        return reshape(g, g.op("gather_nd", "gather_nd", values, where), -4, 1, count, width)

    ids, scores, boxes = pick(ids, 1), pick(scores, 1), pick(boxes, 4)
    regions = concat(g, reshape(g, batch, -1, 1), reshape(g, boxes, -3, 0), dim=-1)
    top = g.again(first, last, pooled, _roi_align(g, features, _stop(g, regions)), top)
    return [ids, scores, boxes, _masks(g, top, ids, settings)]


def _features(g: Graph, x: Tensor) -> Tensor:
    x = pool(g, conv_norm_relu(g, x, 64, 7, 2, 3), "max", 3, 2, 1)
    for stage in range(3):
        x = v1b_stage(g, x, 50, stage)
    return x


def _proposals(g: Graph, image: Tensor, features: Tensor, settings: Settings) -> Tensor:
    """``RPN``: the best proposals (1, proposals, 4), corners in pixels, unused rows -1."""
    count = len(_RATIOS) * len(_SCALES)
    with g.numbered("rpn"):
        x = relu(g, conv(g, features, 1024, 3, 1, 1, bias=True))
        raw = conv(g, x, count, 1, bias=True)
        raw = _stop(g, reshape(g, transpose(g, raw, 0, 2, 3, 1), 0, -1, 1))
        scores = g.op("sigmoid", "sigmoid", raw)
        deltas = conv(g, x, 4 * count, 1, bias=True, gain=0.15)
        deltas = _stop(g, reshape(g, transpose(g, deltas, 0, 2, 3, 1), 0, -1, 4))
        with g.numbered("rpnanchorgenerator"):
            table = rpn_anchor_table()
            anchors = g.parameter("anchor_", (1, 1, _CELLS, _CELLS, 4 * count), fixed(table), kind="constant")
            anchors = g.op("slice_like", "slice_like", anchors, features, axes=(2, 3))
            anchors = reshape(g, anchors, 1, -1, 4)
        boxes = _clip_to_image(g, image, _decode(g, deltas, anchors, settings.clip, (1.0, 1.0, 1.0, 1.0)))
        with g.numbered("rpnproposal"):
            left, top, right, bottom = _split(g, boxes, 4, axis=-1)
            sides = [scalar(g, "plus", subtract(g, end, start), 1.0) for end, start in ((right, left), (bottom, top))]
            small = [g.op("_lesser_scalar", "_lesser_scalar", side, scalar=settings.smallest) for side in sides]
            small_ones = g.op("elemwise_add", "_plus", *small)
            scores = g.op("where", "where", small_ones, _minus_ones(g, small_ones), scores)
            wide = g.op("broadcast_axis", "broadcast_axes", small_ones, axis=2, size=4)
            boxes = g.op("where", "where", wide, _minus_ones(g, wide), boxes)
            rows = concat(g, scores, boxes, dim=-1)
        rows = g.op(
            "_contrib_box_nms", "box_nms", rows,
            coord_start=1, force_suppress=True, id_index=-1, overlap_thresh=0.7, score_index=0, topk=6000,
        )  # fmt: skip
        return slice_axis(g, slice_axis(g, rows, 1, 0, settings.proposals), -1, 1, None)


def rpn_anchor_table() -> NDArray[np.float64]:
    """Corners of the boxes of each cell, centred on it: (cells, cells, 4 * boxes); sides as in py-faster-rcnn."""
    boxes = []
    for ratio in _RATIOS:
        width = np.round(np.sqrt(_STRIDE * _STRIDE / ratio))
        height = np.round(width * ratio)
        half = np.array([width, height]) * np.array(_SCALES)[:, None]
        half = (half - 1) / 2
        centre = (_STRIDE - 1) / 2
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
    ys, xs = np.mgrid[:_CELLS, :_CELLS] * float(_STRIDE)
    offsets = np.stack([xs, ys, xs, ys], axis=-1)
    table: NDArray[np.float64] = offsets[:, :, None, :] + np.concatenate(boxes)
    return table.reshape(_CELLS, _CELLS, -1)


def _clip_to_image(g: Graph, image: Tensor, boxes: Tensor) -> Tensor:
    zeros = g.op("zeros_like", "zeros_like", image)
    with g.numbered("bboxcliptoimage"):
        boxes = scalar(g, "maximum", boxes, 0.0)
        size = slice_axis(g, g.op("shape_array", "shape_array", zeros), 0, 2, None)
        size = g.op("reverse", "reverse", g.op("expand_dims", "expand_dims", size, axis=0), axis=1)
        size = reshape(g, g.op("tile", "tile", size, reps=(2,)), 0, -4, 1, -1)
        size = g.op("Cast", "cast", size, dtype="float32")
        return g.op("broadcast_minimum", "broadcast_minimum", boxes, size)


def _pool_proposals(g: Graph, features: Tensor, proposals: Tensor, settings: Settings) -> Tensor:
    batch = reshape(g, g.op("repeat", "repeat", arange(g, 0, 1), repeats=settings.proposals), -1, 1)
    return _roi_align(g, features, _stop(g, concat(g, batch, reshape(g, proposals, -1, 4), dim=-1)))


def _boxes(g: Graph, top: Tensor, proposals: Tensor, settings: Settings) -> Tensor:
    """Rows (1, classes * proposals, 6) of id, score and corners after suppression a class at a time."""
    count, classes = settings.proposals, settings.classes
    top = adaptive_pool(g, top, 1)
    scores = reshape(g, dense(g, top, classes + 1), 1, count, classes + 1)
    deltas = reshape(g, dense(g, top, 4 * classes, weights=scaled(0.7)), 1, count, classes, 4)
    ids, scores = per_class(g, g.op("softmax", "softmax", scores, axis=-1), classes)

    def by_class(values: Tensor) -> Tensor:
        return _first(g, reshape(g, transpose(g, values, 0, 2, 1), 0, 0, 0, 1))

    ids, scores = by_class(ids), by_class(scores)
    boxes = _first(g, transpose(g, deltas, 0, 2, 1, 3))
    own = g.op("SliceChannel", "split", proposals, axis=0, num_outputs=1, squeeze_axis=False)
    boxes = _decode(g, boxes, own, settings.clip, (0.1, 0.1, 0.2, 0.2))
    rows = g.op(
        "_contrib_box_nms", "box_nms", concat(g, ids, scores, boxes, dim=-1),
        coord_start=2, force_suppress=False, id_index=0, overlap_thresh=settings.overlap, score_index=1,
        topk=settings.top, valid_thresh=0.0001,
    )  # fmt: skip
    return g.op("stack", "stack", reshape(g, rows, -3, 0), axis=0, num_args=1)


def _masks(g: Graph, top: Tensor, ids: Tensor, settings: Settings) -> Tensor:
    count = settings.proposals
    with g.numbered("mask"):
        x = g.op("relu", "relu", deconv(g, top, 256, 2, 2, 0, bias=True))
        x = conv(g, x, settings.classes, 1, bias=True)
        x = reshape(g, x, -4, 1, -1, 0, 0, 0)
    batch = g.op("repeat", "repeat", arange(g, 0, 1), repeats=count)
    places = g.op("tile", "tile", arange(g, 0, count), reps=1)
    classes = g.op("clip", "clip", reshape(g, ids, -1), a_min=0, a_max=settings.classes)
    where = g.op("stack", "stack", batch, places, classes, axis=0, num_args=3)
    masks = reshape(g, g.op("gather_nd", "gather_nd", x, where), -4, 1, count, 0, 0)
    return g.op("sigmoid", "sigmoid", masks)


def _roi_align(g: Graph, features: Tensor, regions: Tensor) -> Tensor:
    return g.op(
        "_contrib_ROIAlign", "roialign", features, regions,
        pooled_size=(_POOLED, _POOLED), sample_ratio=2, spatial_scale=1 / _STRIDE,
    )  # fmt: skip


def _decode(g: Graph, deltas: Tensor, anchors: Tensor, clip: float, stds: tuple[float, float, float, float]) -> Tensor:
    with g.numbered("normalizedboxcenterdecoder"):
        text = {f"std{index}": value for index, value in enumerate(stds)}
        return g.op("_contrib_box_decode", "box_decode", deltas, anchors, clip=clip, format="corner", **text)


def _split(g: Graph, x: Tensor, parts: int, axis: int) -> list[Tensor]:
    node = g.op("SliceChannel", "split", x, outputs=parts, axis=axis, num_outputs=parts)
    return [Tensor(node.node, index, node.channels) for index in range(parts)]


def _first(g: Graph, x: Tensor) -> Tensor:
    """``x.split(axis=0, num_outputs=1, squeeze_axis=True)``: the batch axis goes."""
    return g.op("SliceChannel", "split", x, axis=0, num_outputs=1, squeeze_axis=True)


def _minus_ones(g: Graph, like: Tensor) -> Tensor:
    return scalar(g, "mul", g.op("ones_like", "ones_like", like), -1)


def _stop(g: Graph, x: Tensor) -> Tensor:
    return g.op("BlockGrad", "stop_gradient", x)
