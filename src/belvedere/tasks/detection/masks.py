"""Masks of things: from small grids into pictures, and into run lengths."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.vision.rle import RunLengths


class Window(NamedTuple):
    """A mask, bool (h, w), and where its upper left corner lies in the picture."""

    mask: NDArray[np.bool_]
    left: int
    top: int

    @property
    def rows(self) -> slice:
        """The rows of the picture that it covers."""
        return slice(self.top, self.top + self.mask.shape[0])

    @property
    def columns(self) -> slice:
        """The columns."""
        return slice(self.left, self.left + self.mask.shape[1])


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
    found = grid_window(grid, box_xyxy, width, height, threshold)
    mask[found.rows, found.columns] = found.mask
    return mask


def grid_window(
    grid: NDArray[np.float32], box_xyxy: NDArray[np.floating[Any]], width: int, height: int, threshold: float
) -> Window:
    """As `paste_mask`, but only the part of the picture that the box covers."""
    left, top, right, bottom = (float(value) for value in box_xyxy)
    if not (right > left and bottom > top):
        return Window(np.zeros((0, 0), dtype=bool), 0, 0)
    columns = slice(min(width, max(0, math.floor(left))), max(0, min(width, math.ceil(right))))
    rows = slice(min(height, max(0, math.floor(top))), max(0, min(height, math.ceil(bottom))))
    across = _weights(columns, left, right, grid.shape[1])
    down = _weights(rows, top, bottom, grid.shape[0])
    return Window(down @ grid.astype(np.float64) @ across.T >= threshold, columns.start, rows.start)


def window_runs(window: Window, width: int, height: int) -> RunLengths:
    """The run lengths of a mask in a picture of ``width`` by ``height``, without making it as large as the picture.

    Args:
        window: The mask; it lies inside the picture.
        width: Width of the picture.
        height: Its height.
    """
    rows, columns = window.mask.shape
    padded = np.zeros((columns, rows + 2), dtype=np.int8)
    padded[:, 1:-1] = window.mask.T
    column, row = np.nonzero(np.diff(padded, axis=1))
    # Where runs begin and end (exclusive), by turns, counted down the columns as COCO does.
    edges = (column + window.left) * height + row + window.top
    # A run to the bottom goes on at the top of the next column.
    joined = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1
    edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    counts = np.diff(np.concatenate([[0], edges, [width * height]]))
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    return RunLengths(height, width, counts.astype(np.uint32))


def _weights(pixels: slice, low: float, high: float, cells: int) -> NDArray[np.float64]:
    """Bilinear weights (pixels, cells) of the cells of a grid that spans ``low`` to ``high``."""
    centers = np.arange(pixels.start, max(pixels.start, pixels.stop)) + 0.5
    at = (centers - low) / (high - low) * cells - 0.5
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(cells)[None]))
