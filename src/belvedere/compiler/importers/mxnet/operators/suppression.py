"""Non-maximum suppression exactly as MXNet does it: box_nms and MultiBoxDetection."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.operators.boxes import (
    CENTER,
    CORNER,
    FORMATS,
    decode,
    halves,
    to_centers,
    to_corners,
)
from belvedere.compiler.importers.mxnet.operators.reductions import top
from belvedere.compiler.importers.mxnet.shaping import as_float, cast, filled, pad_end, reduce, reshape, slice_axis
from belvedere.core.errors import CompileError

_NONE = np.float32(-1e30)
_SOME = np.float32(-1e29)
_LEAST_OVERLAP = 1e-30  # engines take smaller numbers for 0
_MOST_PAIRS = 2**24


def box_nms(call: Call) -> Tensor:
    """_contrib_box_nms: survivors in front, ordered by score; every other row is -1 in all columns."""
    emit, data, attributes = call.emit, as_float(call.emit, call.input()), call.attributes
    if data.rank < 2:
        raise CompileError(f"it takes rows of boxes, not the shape {list(data.shape)}")
    count, width = data.shape[-2:]
    start, score_at = attributes.integer("coord_start", 2), attributes.integer("score_index", 1)
    id_at = attributes.integer("id_index", -1)
    if not (0 <= start <= width - 4 and 0 <= score_at < width and id_at < width):
        raise CompileError(f"its columns (score {score_at}, id {id_at}, boxes from {start}) do not fit {width} columns")
    threshold, most = attributes.number("overlap_thresh", 0.5), attributes.integer("topk", -1)
    formats = [attributes.choice(name, FORMATS, CORNER) for name in ("in_format", "out_format")]
    if threshold < 0:
        raise CompileError(f"its overlap_thresh is {threshold}, expected 0 or more")
    if most == 0:
        return data
    kept = count if most < 0 else min(most, count)
    flat = reshape(emit, data, (math.prod(data.shape[:-2]), count, width))
    scores = _column(emit, flat, score_at)
    valid = emit.op("Greater", scores, np.float32(attributes.number("valid_thresh", 0.0)))
    if id_at >= 0:
        background = np.array(attributes.integer("background_id", -1), np.int32)
        numbers = cast(emit, _column(emit, flat, id_at), np.int32)
        valid = emit.op("And", valid, emit.op("Not", emit.op("Equal", numbers, background)))
    best, places = top(emit, emit.op("Where", valid, scores, _NONE), kept, 1)
    rows = gather_rows(emit, flat, places)
    present = emit.op("Greater", best, _SOME)
    boxes = slice_axis(emit, rows, 2, start, start + 4)
    corners = _upright(emit, to_corners(emit, boxes) if formats[0] == CENTER else boxes)
    if id_at < 0 or attributes.flag("force_suppress"):
        candidates = reshape(emit, present, (present.shape[0], 1, kept))
    else:
        candidates = _by_class(emit, cast(emit, _column(emit, rows, id_at), np.int32), present)
    # ONNX Runtime suppresses above the threshold, OpenVINO at it, too: so the next larger one for both.
    above = max(float(np.nextafter(np.float32(threshold), np.float32(2))), _LEAST_OVERLAP)
    keep = suppress(emit, corners, candidates, above) if threshold < 1 else cast(emit, present, np.float32)
    result = _compact(emit, rows, keep)
    if formats[0] != formats[1]:
        result = _converted(emit, result, start, formats[1])
    return reshape(emit, pad_end(emit, result, 1, count, -1.0), data.shape)


def suppress(emit: Builder, corners: Tensor, candidates: Tensor, threshold: float) -> Tensor:
    """Greedy suppression in the order of the rows.

    Args:
        emit: Where it goes.
        corners: Boxes (batch, rows, 4), the best first.
        candidates: Which rows take part in which class, bool (batch, classes, rows).
        threshold: Overlap above which the later row is suppressed.

    Returns:
        1 for rows that survive, else 0: float32 (batch, rows).
    """
    batch, rows = corners.shape[:2]
    # By rank rather than score: engines break ties differently.
    scores = emit.op("Where", candidates, _ranks(rows), np.float32(-1))
    selected = emit.op(
        "NonMaxSuppression", corners, scores, np.array([rows], np.int64), np.array([threshold], np.float32),
        np.array([0.5], np.float32),
    )  # fmt: skip
    places = emit.op("Gather", selected, np.array([0, 2], np.int64), axis=1)
    number = emit.op("Slice", emit.op("Shape", places), *(np.array([v], np.int64) for v in (0, 1)))
    ones = emit.op("ConstantOfShape", number, value=_one())
    return emit.op("ScatterND", filled(emit, (batch, rows), 0, np.float32), places, ones)


def _one() -> object:
    import onnx

    return onnx.numpy_helper.from_array(np.ones(1, np.float32))


def _ranks(rows: int) -> NDArray[np.float32]:
    """rows, rows - 1, ..., 1."""
    return np.arange(rows, 0, -1, dtype=np.float32)


def _by_class(emit: Builder, numbers: Tensor, present: Tensor) -> Tensor:
    """Which rows are of which class, bool (batch, classes, rows), for class numbers (batch, rows) of any value.

    A class stands at the index of its first row. Adding a multiple of the number to the coordinates instead would
    cost precision: one huge box destroys that of all.
    """
    batch, rows = numbers.shape
    across = reshape(emit, numbers, (batch, 1, rows))
    taking_part = reshape(emit, present, (batch, 1, rows))
    if batch * rows * rows > _MOST_PAIRS:
        # The classes that there are, found when the network runs.
        flat = cast(emit, reshape(emit, numbers, (batch * rows,)), np.int64)
        column = emit.op("Reshape", emit.op("Unique", flat, sorted=1), np.array([-1, 1], np.int64))
        return emit.op("And", emit.op("Equal", cast(emit, across, np.int64), column), taking_part)
    same = emit.op("Equal", reshape(emit, numbers, (batch, rows, 1)), across)
    first = emit.op("ArgMax", cast(emit, same, np.float32), axis=2, keepdims=0)
    of_class = emit.op("Equal", reshape(emit, first, (batch, 1, rows)), np.arange(rows, dtype=np.int64)[:, None])
    return emit.op("And", of_class, taking_part)


def _compact(emit: Builder, rows: Tensor, keep: Tensor) -> Tensor:
    """Rows that survive moved to the front; the others become -1."""
    count = rows.shape[1]
    order, places = top(emit, emit.op("Mul", keep, _ranks(count)), count, 1)
    there = reshape(emit, emit.op("Greater", order, np.float32(0)), (rows.shape[0], count, 1))
    return emit.op("Where", there, gather_rows(emit, rows, places), np.float32(-1))


def gather_rows(emit: Builder, rows: Tensor, places: Tensor) -> Tensor:
    """Rows (batch, rows, columns) by index (batch, wanted)."""
    batch, wanted = places.shape
    if batch == 1:
        return emit.op("Gather", rows, reshape(emit, places, (wanted,)), axis=1)
    return emit.op("GatherND", rows, reshape(emit, places, (batch, wanted, 1)), batch_dims=1)


def _column(emit: Builder, rows: Tensor, index: int) -> Tensor:
    """One column of rows (batch, rows, columns), as (batch, rows)."""
    return reshape(emit, slice_axis(emit, rows, 2, index, index + 1), rows.shape[:2])


def _upright(emit: Builder, corners: Tensor) -> Tensor:
    """Boxes of negative extent made empty: MXNet gives them no area, engines would turn them round."""
    low, high = halves(emit, corners)
    return emit.op("Concat", low, emit.op("Max", low, high), axis=2)


def _converted(emit: Builder, rows: Tensor, start: int, wanted: str) -> Tensor:
    """The coordinates in another format, where the first is not negative."""
    boxes = slice_axis(emit, rows, 2, start, start + 4)
    changed = to_centers(emit, boxes) if wanted == CENTER else to_corners(emit, boxes)
    negative = emit.op("Less", slice_axis(emit, boxes, 2, 0, 1), np.float32(0))
    parts = [emit.op("Where", negative, boxes, changed)]
    if start:
        parts.insert(0, slice_axis(emit, rows, 2, 0, start))
    if start + 4 < rows.shape[2]:
        parts.append(slice_axis(emit, rows, 2, start + 4, None))
    return emit.op("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]


def multibox_detection(call: Call) -> Tensor:
    """_contrib_MultiBoxDetection: (batch, boxes, 6) rows of id, score and corners.

    Rows are in the order of their scores; suppressed ones keep score and box and get the id -1; rows that are not
    used are -1 in all columns.
    """
    emit, attributes = call.emit, call.attributes
    classes, offsets, anchors = (as_float(emit, call.input(number)) for number in range(3))
    if classes.rank != 3 or math.prod(anchors.shape) != classes.shape[2] * 4:
        raise CompileError(f"its scores {list(classes.shape)} and anchors {list(anchors.shape)} do not fit each other")
    batch, known, count = classes.shape
    if known < 2:
        return filled(emit, (batch, count, 6), -1, np.float32)
    foreground = slice_axis(emit, classes, 1, 1, None)
    score = reduce(emit, "ReduceMax", foreground, [1], keepdims=False)
    number = emit.op("ArgMax", foreground, axis=1, keepdims=0)
    least = np.float32(attributes.number("threshold", 0.01))
    valid = emit.op("And", emit.op("GreaterOrEqual", score, least), emit.op("Greater", score, np.float32(-1)))
    boxes = _decoded(call, reshape(emit, offsets, (batch, count, 4)), reshape(emit, anchors, (1, count, 4)))
    column = (batch, count, 1)
    parts = [reshape(emit, as_float(emit, number), column), reshape(emit, score, column), boxes]
    rows = emit.op("Concat", *parts, axis=2)
    threshold = attributes.number("nms_threshold", 0.5)
    if not 0 < threshold <= 1:
        # Nothing is suppressed, and rows stay in their order.
        return _compact(emit, rows, cast(emit, valid, np.float32))
    most = attributes.integer("nms_topk", -1)
    kept = min(most, count) if most > 0 else count
    best, places = top(emit, emit.op("Where", valid, score, _NONE), kept, 1)
    rows = gather_rows(emit, rows, places)
    present = reshape(emit, emit.op("Greater", best, _SOME), (batch, 1, kept))
    candidates = present
    if not attributes.flag("force_suppress"):
        numbers = reshape(emit, slice_axis(emit, rows, 2, 0, 1), (batch, 1, kept))
        of_class = emit.op("Equal", numbers, np.arange(known - 1, dtype=np.float32)[:, None])
        candidates = emit.op("And", of_class, present)
    # At the threshold itself rows are suppressed, too: so the next smaller one.
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    keep = suppress(emit, slice_axis(emit, rows, 2, 2, 6), candidates, below)
    survives = emit.op("Greater", reshape(emit, keep, (batch, kept, 1)), np.float32(0))
    numbers = emit.op("Where", survives, slice_axis(emit, rows, 2, 0, 1), np.float32(-1))
    rows = emit.op("Concat", numbers, slice_axis(emit, rows, 2, 1, None), axis=2)
    rows = emit.op("Where", reshape(emit, present, (batch, kept, 1)), rows, np.float32(-1))
    return pad_end(emit, rows, 1, count, -1.0)


def _decoded(call: Call, offsets: Tensor, anchors: Tensor) -> Tensor:
    variances = call.attributes.numbers("variances", (0.1, 0.1, 0.2, 0.2))
    if len(variances) != 4:
        raise CompileError(f"its variances are {variances}, expected 4")
    boxes = decode(call.emit, offsets, to_centers(call.emit, anchors), variances)
    if not call.attributes.flag("clip", default=True):
        return boxes
    return call.emit.op("Clip", boxes, np.float32(0), np.float32(1))


TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(("_contrib_box_nms", "_contrib_box_non_maximum_suppression"), box_nms),
    **dict.fromkeys(("_contrib_MultiBoxDetection", "MultiBoxDetection"), multibox_detection),
}
