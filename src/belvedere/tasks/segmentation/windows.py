"""Masks over the network's whole input, cut down to where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.vision.placement import Placement

INSIDE = 0.5
"""The value from which a cell of these grids belongs to the thing."""


def from_logits(logits: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.float32]:
    """Grids (n, h, w) that are at or above `INSIDE` where a logit's sigmoid is at or above ``threshold``.

    Logits are only shifted and scaled, into 0..1, so that interpolating the grid is interpolating the logits.
    """
    moved = np.asarray(logits, dtype=np.float32) - np.float32(np.log(threshold / (1 - threshold)))
    largest = np.abs(moved).max(axis=(1, 2), keepdims=True) if moved.size else np.ones((1, 1, 1), np.float32)
    return np.asarray(INSIDE + moved / np.maximum(2 * largest, np.finfo(np.float32).tiny), dtype=np.float32)


def cut_windows(grids: NDArray[np.float32], placement: Placement) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Windows onto grids, of one size, that hold everything of value, and the boxes that they span.

    Pasted with bilinear interpolation (``tasks.detection.masks.paste_mask``) a window gives the same mask as the whole
    grid stretched over the input, with the values of the outermost cells going on to its border.

    Args:
        grids: float32 (n, h, w) over the network's input; a mask is where it is at or above `INSIDE`.
        placement: Where the picture lies in the input.

    Returns:
        Windows float32 (n, rows, columns) and boxes float32 (n, 4) in pixels of the picture, not clipped.
    """
    count, height, width = grids.shape
    padded = np.pad(grids, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inside = padded >= INSIDE
    tops, rows = _spans(np.asarray(inside.any(axis=2)))
    lefts, columns = _spans(np.asarray(inside.any(axis=1)))
    tops, lefts = np.minimum(tops, height + 2 - rows), np.minimum(lefts, width + 2 - columns)
    windows = np.zeros((count, rows, columns), dtype=np.float32)
    for number, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        windows[number] = padded[number, top : top + rows, left : left + columns]
    cell = np.array([placement.width / width, placement.height / height])
    # The first cell of the padded grid lies before the input.
    low = np.stack([lefts - 1, tops - 1], axis=1)
    edges = np.stack([low, low + np.array([columns, rows])], axis=1) * cell
    return windows, placement.points_to_source(edges).reshape(-1, 4)


def _spans(used: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """First cell of each row of flags (n, cells) with one before it, and the cells that all of them need."""
    cells = used.shape[1]
    first = np.maximum(used.argmax(axis=1) - 1, 0)
    last = np.minimum(cells - used[:, ::-1].argmax(axis=1), cells - 1)
    found = used.any(axis=1)
    lengths = np.where(found, last - first + 1, 1)
    return np.where(found, first, 0), int(lengths.max(initial=1))
