"""Joints from heatmaps, one map per joint, and from heatmaps with offsets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_SIGMA, _RADIUS = 0.8, 5
"""Gaussian that DARK smooths with, as mmpose and transformers set it for ViTPose (a kernel of 11)."""
_LEAST, _MOST = 0.001, 50.0


def peaks_of(maps: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Column, row and height of the peak of each map (K, h, w), the first among equals."""
    count, _, width = maps.shape
    flat = maps.reshape(count, -1)
    best = flat.argmax(axis=1)
    return best % width, best // width, flat[np.arange(count), best]


def read_heatmaps(maps: Array) -> tuple[Array, Array]:
    """The place and height of each map's peak, as SimplePose reads them (Xiao et al. 2018; GluonCV).

    The place is moved a quarter of a cell towards the higher neighbour on each axis, unless the peak lies within one
    cell of the border.

    Args:
        maps: float32 (K, h, w).

    Returns:
        x and y in cells, float32 (K, 2), and the heights, float32 (K,).
    """
    _, height, width = maps.shape
    columns, rows, heights = peaks_of(maps)
    inner = (columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1)
    k, y, x = np.flatnonzero(inner), rows[inner], columns[inner]
    moved = np.stack([columns, rows], axis=1).astype(np.float32)
    moved[k, 0] += 0.25 * np.sign(maps[k, y, x + 1] - maps[k, y, x - 1])
    moved[k, 1] += 0.25 * np.sign(maps[k, y + 1, x] - maps[k, y - 1, x])
    return moved, heights


def read_heatmaps_dark(maps: Array) -> tuple[Array, Array]:
    """The place and height of each map's peak, refined by a Taylor expansion of its logarithm.

    DARK (Zhang et al. 2020) in the form of UDP (Huang et al. 2020), as ViTPose is read: the map is smoothed, and one
    Newton step is taken from the peak; no bound is set on the step. A peak that is not above 0 lies at -1, -1.
    ``VitPoseImageProcessor.post_process_pose_estimation`` of transformers gives the same cells.

    Args:
        maps: float32 (K, h, w).

    Returns:
        x and y in cells, the middle of the first cell at 0, float32 (K, 2), and the heights, float32 (K,).
    """
    from scipy.ndimage import gaussian_filter

    columns, rows, heights = peaks_of(maps)
    seen = heights > 0
    columns, rows = np.where(seen, columns, -1), np.where(seen, rows, -1)
    smooth = gaussian_filter(maps, sigma=_SIGMA, radius=_RADIUS, axes=(1, 2))
    logs = np.pad(np.log(np.clip(smooth, _LEAST, _MOST)), ((0, 0), (1, 1), (1, 1)), mode="edge")
    # A map that has no peak is read at the corner of its border, where it is flat.
    k, y, x = np.arange(len(maps)), rows + 1, columns + 1

    def at(dy: int, dx: int) -> NDArray[Any]:
        return logs[k, np.maximum(y + dy, 0), np.maximum(x + dx, 0)].astype(np.float64)

    dx, dy = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    dxx, dyy = at(0, 1) - 2 * at(0, 0) + at(0, -1), at(1, 0) - 2 * at(0, 0) + at(-1, 0)
    dxy = (at(1, 1) - at(0, 1) - at(1, 0) + 2 * at(0, 0) - at(0, -1) - at(-1, 0) + at(-1, -1)) / 2
    tiny = np.finfo(np.float32).eps
    dxx, dyy = dxx + tiny, dyy + tiny
    bend = dxx * dyy - dxy * dxy
    steps = np.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], axis=1)
    moved = np.divide(steps, bend[:, None], out=np.zeros_like(steps), where=(bend != 0)[:, None] & seen[:, None])
    return (np.stack([columns, rows], axis=1) - moved).astype(np.float32), heights


def read_offsets(maps: Array, offsets: Array, stride: tuple[float, float]) -> tuple[Array, Array]:
    """PoseNet's joints of one person: each map's peak, moved by the offset vector there (Papandreou et al. 2017).

    Args:
        maps: float32 (K, h, w).
        offsets: float32 (2 K, h, w) in pixels of the input: y of each joint, then x.
        stride: Pixels from cell to cell, across and down.

    Returns:
        x and y in pixels of the input, float32 (K, 2), and the heights, float32 (K,).
    """
    columns, rows, heights = peaks_of(maps)
    k = np.arange(len(maps))
    x = columns * stride[0] + offsets[k + len(maps), rows, columns]
    y = rows * stride[1] + offsets[k, rows, columns]
    return np.stack([x, y], axis=1).astype(np.float32), heights
