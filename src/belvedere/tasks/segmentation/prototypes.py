"""Masks that are mixed from prototypes (YOLACT, Bolya et al. 2019; the segmentation networks of the YOLO family)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.decoder import DetectionDecoder
from belvedere.tasks.detection.rows import sigmoid
from belvedere.tasks.outputs import Outputs, as_rows, check_numbers, find_output
from belvedere.tasks.segmentation.windows import INSIDE

Array = NDArray[np.float32]

_MARGIN = 1
"""Cells around a box that its mask may reach into, as YOLACT crops."""


def coefficients_of(outputs: Outputs, boxes: DetectionDecoder, name: str | None, places: NDArray[np.intp]) -> Array:
    """The coefficients of chosen rows, float32 (n, P).

    Args:
        outputs: The network's outputs.
        boxes: How rows are written.
        name: The output with coefficients (1, n, P); None for the last ``boxes.extra`` numbers of the rows.
        places: Numbers of the rows.

    Raises:
        EngineError: an output is missing, has too few rows, or is not finite.
    """
    if name is not None:
        rows = as_rows(name, find_output(outputs, name, rows=True), None)
        if len(places) and places.max() >= len(rows):
            raise EngineError(f"network output '{name}' has {len(rows)} rows, but row {places.max()} was found")
        check_numbers(name, rows[places])
        return rows[places]
    values = find_output(outputs, boxes.outputs[0], rows=True)
    if boxes.form == "yolov8":
        return np.asarray(values[0, -boxes.extra :, places], dtype=np.float32)
    return as_rows(boxes.outputs[0], values, None)[places, -boxes.extra :]


def prototype_masks(
    name: str,
    prototypes: NDArray[Any],
    coefficients: Array,
    boxes_xyxy: Array,
    size: tuple[int, int],
    threshold: float,
    layout: str,
) -> Array:
    """Masks over the network's input: the sigmoid of mixed prototypes, 0 beyond the box.

    Args:
        name: Name of the output, for messages.
        prototypes: (1, P, h, w), or (1, h, w, P) for layout ``NHWC``.
        coefficients: float32 (n, P).
        boxes_xyxy: float32 (n, 4) in pixels of the input.
        size: Width and height of the input.
        threshold: The probability from which a cell belongs to the thing.
        layout: Axes of the prototypes.

    Returns:
        float32 (n, h, w), 0..1, shifted so that a cell belongs to the thing at 0.5.

    Raises:
        EngineError: the prototypes have another shape, or are not finite.
    """
    maps = prototypes[0] if prototypes.ndim == 4 else prototypes
    maps = maps.transpose(2, 0, 1) if layout == "NHWC" and maps.ndim == 3 else maps
    count = coefficients.shape[1]
    if prototypes.ndim != 4 or len(maps) != count:
        expected = f"(1, {count}, h, w)" if layout == "NCHW" else f"(1, h, w, {count})"
        raise EngineError(f"network output '{name}' has shape {prototypes.shape}: expected prototypes {expected}")
    check_numbers(name, maps)
    _, height, width = maps.shape
    mixed = coefficients @ np.asarray(maps, dtype=np.float32).reshape(count, -1)
    grids = sigmoid(mixed).reshape(-1, height, width) + np.float32(INSIDE - threshold)
    cells = boxes_xyxy * np.array([width / size[0], height / size[1]] * 2)
    columns, rows = np.arange(width), np.arange(height)
    for grid, (left, top, right, bottom) in zip(grids, np.clip(cells, -1e6, 1e6).tolist(), strict=True):
        across = (columns >= math.floor(left) - _MARGIN) & (columns < math.ceil(right) + _MARGIN)
        down = (rows >= math.floor(top) - _MARGIN) & (rows < math.ceil(bottom) + _MARGIN)
        grid *= down[:, None] & across[None]
    return np.asarray(np.clip(grids, 0, 1))
