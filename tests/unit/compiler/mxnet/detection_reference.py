"""MXNet's detection operators in plain loops, after its CPU code and the specification."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def iou(first: Array, second: Array) -> float:
    """Overlap of two boxes in corners; boxes of negative extent have no area."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    union = _area(first) + _area(second) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Array) -> float:
    width, height = box[2] - box[0], box[3] - box[1]
    return 0.0 if width < 0 or height < 0 else width * height


def _corners(box: Array) -> Array:
    return np.array([box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2], box.dtype)


def _centers(box: Array) -> Array:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]], box.dtype)


def box_nms(
    data: Array,
    *,
    overlap_thresh: float = 0.5,
    valid_thresh: float = 0.0,
    topk: int = -1,
    coord_start: int = 2,
    score_index: int = 1,
    id_index: int = -1,
    background_id: int = -1,
    force_suppress: bool = False,
    in_format: str = "corner",
    out_format: str = "corner",
) -> Array:
    """_contrib_box_nms."""
    flat = data.reshape(-1, *data.shape[-2:])
    result = np.full_like(flat, -1)
    boxes = slice(coord_start, coord_start + 4)
    for batch, rows in enumerate(flat):
        valid = [
            i
            for i, row in enumerate(rows)
            if row[score_index] > valid_thresh and (id_index < 0 or int(row[id_index]) != background_id)
        ]
        order = sorted(valid, key=lambda i: -rows[i][score_index])
        order = order if topk < 0 else order[:topk]
        kept: list[int] = []
        for index in order:
            box = rows[index][boxes]
            box = _corners(box) if in_format == "center" else box
            for other in kept:
                theirs = rows[other][boxes]
                theirs = _corners(theirs) if in_format == "center" else theirs
                same = force_suppress or id_index < 0 or int(rows[other][id_index]) == int(rows[index][id_index])
                if same and iou(theirs, box) > overlap_thresh:
                    break
            else:
                kept.append(index)
        for place, index in enumerate(kept):
            result[batch, place] = rows[index]
            box = rows[index][boxes]
            if in_format != out_format and box[0] >= 0:
                result[batch, place, boxes] = _centers(box) if out_format == "center" else _corners(box)
    return result.reshape(data.shape)


def multibox_detection(
    scores: Array,
    offsets: Array,
    anchors: Array,
    *,
    clip: bool = True,
    threshold: float = 0.01,
    nms_threshold: float = 0.5,
    force_suppress: bool = False,
    variances: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2),
    nms_topk: int = -1,
) -> Array:
    """_contrib_MultiBoxDetection."""
    batch, classes, count = scores.shape
    result = np.full((batch, count, 6), -1, np.float32)
    for picture in range(batch):
        rows = []
        for index in range(count):
            best = 1 + int(scores[picture, 1:, index].argmax()) if classes > 1 else 0
            if not best or scores[picture, best, index] < np.float32(threshold):
                continue
            dx, dy, dw, dh = offsets[picture].reshape(-1, 4)[index] * np.array(variances, np.float32)
            x, y, width, height = _centers(anchors[0, index])
            x, y = dx * width + x, dy * height + y
            half = math.exp(dw) * width / 2, math.exp(dh) * height / 2
            box = np.array([x - half[0], y - half[1], x + half[0], y + half[1]], np.float32)
            rows.append(
                np.array([best - 1, scores[picture, best, index], *(box.clip(0, 1) if clip else box)], np.float32)
            )
        if 0 < nms_threshold <= 1:
            rows.sort(key=lambda row: -row[1])
            rows = rows[:nms_topk] if nms_topk > 0 else rows
            for first, row in enumerate(rows):
                for later in rows[first + 1 :]:
                    both = row[0] >= 0 and later[0] >= 0 and (force_suppress or row[0] == later[0])
                    if both and iou(row[2:], later[2:]) >= nms_threshold:
                        later[0] = -1
        for place, row in enumerate(rows):
            result[picture, place] = row
    return result


def roi_align(
    data: Array, rois: Array, size: tuple[int, int], scale: float, ratio: int = -1, *, aligned: bool = False
) -> Array:
    """_contrib_ROIAlign."""
    result = np.zeros((len(rois), data.shape[1], *size), np.float64)
    for number, (index, *box) in enumerate(rois):
        if index < 0:
            continue
        x1, y1, x2, y2 = (float(value) * scale - (0.5 if aligned else 0.0) for value in box)
        width, height = x2 - x1, y2 - y1
        if not aligned:
            width, height = max(width, 1.0), max(height, 1.0)
        bins = height / size[0], width / size[1]
        grid = [ratio if ratio > 0 else math.ceil(extent / n) for extent, n in zip((height, width), size, strict=True)]
        for row, column in np.ndindex(*size):
            total = np.zeros(data.shape[1])
            for i, j in np.ndindex(*grid):
                y = y1 + row * bins[0] + (i + 0.5) * bins[0] / grid[0]
                x = x1 + column * bins[1] + (j + 0.5) * bins[1] / grid[1]
                total += _sample(data[int(index)], y, x)
            result[number, :, row, column] = total / max(1, grid[0] * grid[1])
    return result


def _sample(data: Array, y: float, x: float) -> Array:
    height, width = data.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(data.shape[0])
    return _clamped(data, max(y, 0.0), max(x, 0.0))


def _clamped(data: Array, y: float, x: float) -> Array:
    """Bilinear, beyond the last row and column the last one."""
    height, width = data.shape[1:]
    low_y, low_x = int(y), int(x)
    high_y, high_x = low_y + 1, low_x + 1
    if low_y >= height - 1:
        low_y = high_y = height - 1
        y = low_y
    if low_x >= width - 1:
        low_x = high_x = width - 1
        x = low_x
    ly, lx = y - low_y, x - low_x
    top = data[:, low_y, low_x] * (1 - lx) + data[:, low_y, high_x] * lx
    bottom = data[:, high_y, low_x] * (1 - lx) + data[:, high_y, high_x] * lx
    return top * (1 - ly) + bottom * ly


def deformable_convolution(
    data: Array, offset: Array, weight: Array, bias: Array, *, stride: int, pad: int, dilate: int, parts: int
) -> Array:
    """_contrib_DeformableConvolution, version 1: a sample counts only inside of the picture, and clamps at its end."""
    batch, channels, height, width = data.shape
    filters, _, kernel_h, kernel_w = weight.shape
    rows, columns = offset.shape[2:]
    result = np.zeros((batch, filters, rows, columns), np.float64)
    per_part = channels // parts
    for picture, row, column in np.ndindex(batch, rows, columns):
        for i, j in np.ndindex(kernel_h, kernel_w):
            for part in range(parts):
                at = 2 * (part * kernel_h * kernel_w + i * kernel_w + j)
                y = row * stride - pad + i * dilate + float(offset[picture, at, row, column])
                x = column * stride - pad + j * dilate + float(offset[picture, at + 1, row, column])
                if 0 <= y < height and 0 <= x < width:
                    chosen = slice(part * per_part, (part + 1) * per_part)
                    values = _clamped(data[picture, chosen].astype(np.float64), y, x)
                    result[picture, :, row, column] += weight[:, chosen, i, j] @ values
    return result + bias[:, None, None]
