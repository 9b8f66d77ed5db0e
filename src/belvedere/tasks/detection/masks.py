"""Masks of things: from small grids into pictures, and into run lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def paste_mask(
    grid: NDArray[np.float32], box_xyxy: NDArray[np.floating[Any]], width: int, height: int, threshold: float
) -> NDArray[np.bool_]:
    """Stretch a grid of probabilities over its box: each pixel's centre reads the grid bilinearly, 0 beyond it.

    This is how Mask R-CNN's masks are pasted since Detectron2 (``paste_masks_in_image``).

    Args:
        grid: float32 (h, w), 0..1.
        box_xyxy: The box in pixels of the picture; it may reach out of it.
        width: Width of the picture.
        height: Its height.
        threshold: The value from which a pixel belongs to the mask.

    Returns:
        bool (height, width).
    """
    mask = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = (float(value) for value in box_xyxy)
    if not (right > left and bottom > top):
        return mask
    columns = slice(max(0, math.floor(left)), max(0, min(width, math.ceil(right))))
    rows = slice(max(0, math.floor(top)), max(0, min(height, math.ceil(bottom))))
    across = _weights(columns, left, right, grid.shape[1])
    down = _weights(rows, top, bottom, grid.shape[0])
    mask[rows, columns] = down @ grid.astype(np.float64) @ across.T >= threshold
    return mask


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed run lengths of a mask (h, w): column by column, beginning with zeros."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def _weights(pixels: slice, low: float, high: float, cells: int) -> NDArray[np.float64]:
    """Bilinear weights (pixels, cells) of the cells of a grid that spans ``low`` to ``high``."""
    centers = np.arange(pixels.start, max(pixels.start, pixels.stop)) + 0.5
    at = (centers - low) / (high - low) * cells - 0.5
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(cells)[None]))
