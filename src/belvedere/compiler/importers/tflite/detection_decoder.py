"""TFLite_Detection_PostProcess as an OpenVINO graph.

Follows tensorflow/lite/kernels/detection_postprocess.cc: boxes are decoded against their anchors, then suppressed
by the best class of each anchor (fast) or in each class by itself (regular). Equal scores keep the order of the
anchors. Rows that stay unused are zero, also where the original leaves them undefined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.tflite.detection_options import DetectionOptions
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino

PREFIX = "detection_postprocess/"
_COORDINATES = 4


def append_decoder(
    encodings: openvino.Output, scores: openvino.Output, anchors: NDArray[np.float32], options: DetectionOptions
) -> list[openvino.Output]:
    """Build the operator's graph.

    Args:
        encodings: Encoded boxes dy, dx, dh, dw (and keypoints, which are left out), float32, (1, N, 4 or more).
        scores: Scores of the classes, with the background in front or without it, float32, (1, N, C or C + 1).
        anchors: Anchors as centre y, centre x, height, width, (N, 4).
        options: The operator's options.

    Returns:
        Boxes (1, R, 4) as ymin, xmin, ymax, xmax; classes (1, R), counted from 0 without the background; scores
        (1, R); the number of anchors kept (1,); all float32, R the rows of the options. In fast suppression the rows
        of one anchor follow one another.

    Raises:
        CompileError: shapes that do not fit together.
    """
    count = _checked_count(encodings, scores, anchors, options)
    opset = import_openvino().opset13
    border = [encodings.get_node(), scores.get_node()]
    background = int(scores.get_partial_shape()[2].get_length()) - options.num_classes
    boxes = _decoded_boxes(opset, encodings, anchors, options)
    scores = opset.reshape(scores, _whole([count, options.num_classes + background]), special_zero=False)
    if background:
        scores = _columns(opset, scores, background, background + options.num_classes)
    select = _regular if options.use_regular_nms else _fast
    outputs = select(opset, boxes, scores, count, options)
    _label(outputs, border)
    return [node.output(0) for node in outputs]


def suppressed_above(threshold: float) -> np.float32:
    """The threshold for an engine that suppresses at "overlap >= threshold" where TFLite does at ">"."""
    return np.float32(np.nextafter(np.float32(threshold), np.float32(np.inf)))


def kept_from(threshold: float) -> np.float32:
    """The threshold for an engine that keeps "score > threshold" where TFLite keeps ">=".

    The smallest normal number takes the place of those below it, which engines may treat as zero.
    """
    tiny = np.finfo(np.float32).tiny
    below = np.nextafter(np.float32(threshold), np.float32(-np.inf))
    return np.float32(-tiny if -tiny < below <= 0 and threshold <= 0 else below)


def _checked_count(encodings: Any, scores: Any, anchors: NDArray[np.float32], options: DetectionOptions) -> int:
    """The number of anchors."""
    count = len(anchors)
    faults = []
    for name, port, widths in (
        ("box encodings", encodings, range(_COORDINATES, 1024)),
        ("class predictions", scores, (options.num_classes, options.num_classes + 1)),
    ):
        shape = port.get_partial_shape()
        if (
            shape.is_dynamic
            or len(shape) != 3
            or list(shape)[:2] != [1, count]
            or int(shape[2].get_length()) not in widths
        ):
            faults.append(f"{name} {shape}")
    if anchors.shape != (count, _COORDINATES) or not count or not np.isfinite(anchors).all():
        faults.append(f"anchors {list(anchors.shape)}")
    if faults:
        expected = f"(1, N, 4), (1, N, {options.num_classes} or {options.num_classes + 1}) and (N, 4)"
        raise CompileError(f"TFLite_Detection_PostProcess reads {', '.join(faults)}; expected {expected}, batch 1")
    return count


def _decoded_boxes(opset: Any, encodings: Any, anchors: NDArray[np.float32], options: DetectionOptions) -> Any:
    """ymin, xmin, ymax, xmax of every anchor, (N, 4)."""
    width = int(encodings.get_partial_shape()[2].get_length())
    encodings = opset.reshape(encodings, _whole([len(anchors), width]), special_zero=False)
    exact = anchors.astype(np.float64)
    scales = np.array(options.scales, np.float64)
    centre = _columns(opset, encodings, 0, 2)
    centre = opset.add(
        opset.multiply(centre, (exact[:, 2:] / scales[:2]).astype(np.float32)), exact[:, :2].astype(np.float32)
    )
    size = opset.exp(opset.multiply(_columns(opset, encodings, 2, 4), (1.0 / scales[2:]).astype(np.float32)))
    half = opset.multiply(size, (0.5 * exact[:, 2:]).astype(np.float32))
    return opset.concat([opset.subtract(centre, half), opset.add(centre, half)], axis=1)


def _fast(opset: Any, boxes: Any, scores: Any, count: int, options: DetectionOptions) -> list[Any]:
    """Suppression by the best class of each anchor; a kept anchor gives a row for each of its best classes."""
    classes = min(options.max_classes_per_detection, options.num_classes)
    best = opset.topk(
        scores, np.int64(classes), axis=1, mode="max", sort="value", index_element_type="i32", stable=True
    )
    highest = opset.reduce_max(scores, _whole([1]), keep_dims=False)
    suppression = _suppression(
        opset, boxes, opset.reshape(highest, _whole([1, 1, count]), False), options.max_detections, options
    )
    rows, kept = suppression.output(0), suppression.output(2)
    anchors = _column(opset, rows, 2)
    anchors = _padded(opset, anchors, np.full(options.max_detections, count, np.int32), options.max_detections)
    wide = (options.max_detections, options.max_classes_per_detection)
    found = [
        _rows_at(opset, table, anchors, width)
        for table, width in (
            (boxes, _COORDINATES),
            (opset.convert(best.output(1), np.float32), classes),
            (best.output(0), classes),
        )
    ]
    repeated = opset.broadcast(opset.unsqueeze(found[0], _whole([1])), _whole([*wide, _COORDINATES]))
    if classes < wide[1]:
        used = (np.arange(wide[1]) < classes).astype(np.float32)
        repeated = opset.multiply(repeated, used[None, :, None])
        lacking = _whole([0, wide[1] - classes])
        found[1:] = [opset.pad(table, _whole([0, 0]), lacking, "constant", np.float32(0)) for table in found[1:]]
    return [
        opset.reshape(repeated, _whole([1, options.rows, _COORDINATES]), special_zero=False),
        opset.reshape(found[1], _whole([1, options.rows]), special_zero=False),
        opset.reshape(found[2], _whole([1, options.rows]), special_zero=False),
        opset.convert(kept, np.float32),
    ]


def _regular(opset: Any, boxes: Any, scores: Any, count: int, options: DetectionOptions) -> list[Any]:
    """Suppression in each class, then the best of all classes."""
    most = options.max_detections
    by_class = opset.unsqueeze(opset.transpose(scores, _whole([1, 0])), _whole([0]))
    suppression = _suppression(opset, boxes, by_class, min(options.detections_per_class, count), options)
    rows = suppression.output(0)
    classes, anchors = _column(opset, rows, 1), _column(opset, rows, 2)
    # Enough rows that never win make sure that there are always as many as are asked for.
    lowest = np.full(most, np.finfo(np.float32).min, np.float32)
    values = opset.concat([_column(opset, suppression.output(1), 2), lowest], axis=0)
    best = opset.topk(values, np.int64(most), axis=0, mode="max", sort="value", index_element_type="i32", stable=True)
    used = opset.greater(best.output(0), lowest[:1])
    zero = np.zeros(1, np.float32)
    anchors = opset.concat([anchors, np.full(most, count, np.int32)], axis=0)
    classes = opset.concat([classes, np.zeros(most, np.int32)], axis=0)
    picked = [opset.gather(table, best.output(1), np.int32(0)) for table in (anchors, classes)]
    kept = opset.minimum(opset.convert(suppression.output(2), np.float32), np.full(1, most, np.float32))
    rest = [[1, options.rows, _COORDINATES], [1, options.rows], [1, options.rows]]
    tables = [
        _rows_at(opset, boxes, picked[0], _COORDINATES),
        opset.convert(picked[1], np.float32),
        opset.select(used, best.output(0), zero),
    ]
    if options.rows > most:
        lacking = options.rows - most
        tables = [
            opset.pad(table, _whole([0] * rank), _whole([lacking, 0][:rank]), "constant", np.float32(0))
            for table, rank in zip(tables, (2, 1, 1), strict=True)
        ]
    shaped = [
        opset.reshape(table, _whole(shape), special_zero=False) for table, shape in zip(tables, rest, strict=True)
    ]
    return [*shaped, kept]


def _suppression(opset: Any, boxes: Any, scores: Any, most: int, options: DetectionOptions) -> Any:
    return opset.non_max_suppression(
        opset.unsqueeze(boxes, _whole([0])),
        scores,
        np.int64(most),
        suppressed_above(options.nms_iou_threshold),
        kept_from(options.nms_score_threshold),
        box_encoding="corner",
        sort_result_descending=False,
        output_type="i32",
    )


def _rows_at(opset: Any, table: Any, rows: Any, width: int) -> Any:
    """Rows of a table; the row behind its last one is zero."""
    return opset.gather(opset.concat([table, np.zeros((1, width), np.float32)], axis=0), rows, np.int32(0))


def _padded(opset: Any, values: Any, filling: NDArray[Any], most: int) -> Any:
    """The first values of a list of unknown length, filled up."""
    joined = opset.concat([values, filling], axis=0)
    return opset.slice(joined, _whole([0]), _whole([most]), _whole([1]), _whole([0]))


def _column(opset: Any, table: Any, column: int) -> Any:
    return opset.gather(table, np.int32(column), np.int32(1))


def _columns(opset: Any, table: Any, start: int, stop: int) -> Any:
    return opset.slice(table, _whole([start]), _whole([stop]), _whole([1]), _whole([1]))


def _whole(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _label(nodes: list[Any], border: list[Any]) -> None:
    """Mark the nodes of the decoder by name, so that later passes can keep them in float32."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node in border or node.get_friendly_name().startswith(PREFIX):
            continue
        node.set_friendly_name(f"{PREFIX}{node.get_friendly_name()}")
        pending += [value.get_node() for value in node.input_values()]
