"""The usual sample script for YOLOX with onnxruntime, OpenCV and numpy: what people run before they have anything else.

Written after the demo that comes with YOLOX (``demo/ONNXRuntime/onnx_inference.py``, Apache-2.0): letterbox into the
upper left corner on 114, a session with default options, decoding of the whole grid, class-wise suppression in numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
SIDE, STRIDES = 416, (8, 16, 32)


def sample_detector(network: Path, score: float, overlap: float) -> Callable[[bytes], list[tuple[Any, ...]]]:
    """A function from JPEG bytes to rows (class, score, left, top, right, bottom) in pixels of the picture.

    Raises:
        ImportError: OpenCV is not installed.
    """
    import cv2
    import onnxruntime

    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    grids, steps = _grid()

    def detect(data: bytes) -> list[tuple[Any, ...]]:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        padded = np.full((SIDE, SIDE, 3), 114, dtype=np.uint8)
        ratio = min(SIDE / image.shape[0], SIDE / image.shape[1])
        size = (int(image.shape[1] * ratio), int(image.shape[0] * ratio))
        padded[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        tensor = np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)[None]
        rows = session.run(None, {name: tensor})[0][0].copy()
        rows[:, :2] = (rows[:, :2] + grids) * steps
        rows[:, 2:4] = np.exp(rows[:, 2:4]) * steps
        boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1) / ratio
        scores = rows[:, 4:5] * rows[:, 5:]
        found = []
        for kind in range(scores.shape[1]):
            chosen = np.flatnonzero(scores[:, kind] > score)
            kept = chosen[_suppressed(boxes[chosen], scores[chosen, kind], overlap)]
            found += [(kind, float(scores[row, kind]), *boxes[row].tolist()) for row in kept]
        return found

    return detect


def _grid() -> tuple[Array, Array]:
    grids, steps = [], []
    for stride in STRIDES:
        cells = SIDE // stride
        x, y = np.meshgrid(np.arange(cells), np.arange(cells))
        grids.append(np.stack((x, y), 2).reshape(-1, 2))
        steps.append(np.full((cells * cells, 1), stride))
    return np.concatenate(grids).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _suppressed(boxes: Array, scores: Array, overlap: float) -> list[int]:
    """Numbers of the boxes that stand, highest first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order, keep = scores.argsort()[::-1], []
    while order.size:
        best, order = int(order[0]), order[1:]
        keep.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        order = order[common / (areas[best] + areas[order] - common) <= overlap]
    return keep
