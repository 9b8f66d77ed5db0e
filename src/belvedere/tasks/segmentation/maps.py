"""The class of every pixel from one map of scores per class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.segmentation.result import UNSEEN
from belvedere.vision.placement import Placement
from belvedere.vision.resize import resize_map

Maps = NDArray[np.float32]


def highest_in_input(maps: Maps, placement: Placement) -> NDArray[np.int16]:
    """Highest class per pixel of the network's input, or of finer maps; coarser ones are enlarged bilinearly.

    Args:
        maps: float32 (C, h, w) over the input.
        placement: Where the picture lies in the input.

    Returns:
        int16 (height, width); the first among equals.
    """
    size = placement.width, placement.height
    width, height = (max(own, wanted) for own, wanted in zip(maps.shape[:0:-1], size, strict=True))
    # One class after the other: all of them at full size would take long to fetch from memory.
    best = resize_map(maps[0].astype(np.float32), width, height).copy()
    grid = np.zeros((height, width), dtype=np.int16)
    for number, scores in enumerate(maps[1:], start=1):
        _take_over(number, resize_map(scores.astype(np.float32), width, height), best, grid)
    return grid


def highest_in_picture(maps: Maps, placement: Placement) -> NDArray[np.int16]:
    """Highest class per pixel of the picture: each map is read bilinearly at each pixel's centre.

    Where the picture fills the input this is ``interpolate(..., mode="bilinear", align_corners=False)`` to the
    picture's size and then argmax, as SegFormer and Mask2Former do.

    Args:
        maps: float32 (C, h, w) over the input.
        placement: Where the picture lies in the input.

    Returns:
        int16 (source_height, source_width); the first among equals, -1 where a cropped input does not show a pixel.
    """
    _, height, width = maps.shape
    across = _neighbours(placement.source_width, placement.scale_x, placement.offset_x, placement.width, width)
    down = _neighbours(placement.source_height, placement.scale_y, placement.offset_y, placement.height, height)
    best = np.full((placement.source_height, placement.source_width), -np.inf, dtype=np.float32)
    grid = np.zeros(best.shape, dtype=np.int16)
    for number in _possible(maps):
        _take_over(int(number), _read(maps[number], across, down), best, grid)
    columns, rows = placement.cells(width, height)
    grid[rows < 0], grid[:, columns < 0] = UNSEEN, UNSEEN
    return grid


_Neighbours = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def _neighbours(size: int, scale: float, offset: float, whole: int, cells: int) -> _Neighbours:
    """For each pixel along one axis the two nearest cells, and the share of the second."""
    at = ((np.arange(size) + 0.5) * scale + offset) * (cells / whole) - 0.5
    at = np.clip(at, 0, cells - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, cells - 1), (at - first).astype(np.float32)


def _read(values: NDArray[np.float32], across: _Neighbours, down: _Neighbours) -> NDArray[np.float32]:
    left, right, u = across
    wide = values[:, left] * (1 - u)
    wide += values[:, right] * u
    top, bottom, v = down
    found = wide[top] * (1 - v)[:, None]
    found += wide[bottom] * v[:, None]
    return np.asarray(found)


def _possible(maps: Maps) -> NDArray[np.intp]:
    """Classes that can be the highest anywhere between the centres of the cells.

    Between four cells a class is at most its highest value there, and at least its lowest: one that is everywhere below
    another's lowest is never the highest.
    """
    if min(maps.shape[1:]) < 2:
        return np.arange(len(maps))
    ends = slice(None, -1), slice(1, None)
    corners = [(rows, columns) for rows in ends for columns in ends]
    floor = np.full(tuple(side - 1 for side in maps.shape[1:]), -np.inf, dtype=np.float32)
    for values in maps:
        np.maximum(floor, np.minimum.reduce([values[rows, columns] for rows, columns in corners]), out=floor)
    highest = [np.maximum.reduce([values[rows, columns] for rows, columns in corners]) for values in maps]
    return np.flatnonzero([bool((top >= floor).any()) for top in highest])


def _take_over(number: int, found: NDArray[np.float32], best: NDArray[np.float32], grid: NDArray[np.int16]) -> None:
    np.putmask(grid, found > best, number)
    np.maximum(best, found, out=best)
