"""Class maps of overlapping windows as one map of the picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.segmentation.result import UNSEEN, SegmentationResult
from belvedere.vision.placement import Placement
from belvedere.vision.windows import Window


def stitch_classes(
    parts: Iterable[tuple[Window, SegmentationResult]], image: NDArray[np.uint8], path: str | None = None
) -> SegmentationResult:
    """Put the class maps of windows together.

    Where windows overlap each pixel takes the class from the window that it lies deepest in, so seams run through the
    middle of the overlap, where a network sees most around a pixel.

    Args:
        parts: Windows and their results, at least one; they are taken one after the other, and cover the picture.
        image: The picture, RGB uint8 (H, W, 3).
        path: Where the picture came from.
    """
    height, width = image.shape[:2]
    grid = np.full((height, width), UNSEEN, dtype=np.int16)
    depth = np.zeros((height, width), dtype=np.uint16)
    result = None
    for window, result in parts:
        place = slice(window.top, window.bottom), slice(window.left, window.right)
        across = _depth(window.left, window.right, width)
        own = np.minimum(_depth(window.top, window.bottom, height)[:, None], across[None])
        better = (own > depth[place]) & (result.class_map != UNSEEN)
        grid[place][better] = result.class_map[better]
        depth[place][better] = own[better]
    assert result is not None
    whole = Placement(width, height, width, height, 1.0, 1.0)
    return SegmentationResult(grid, whole, result.labels, result.background, image, path)


def _depth(start: int, stop: int, whole: int) -> NDArray[np.uint16]:
    """For each pixel from ``start`` to ``stop`` how far inside it lies, from 1; the picture's edges count not."""
    place = np.arange(stop - start)
    most = np.iinfo(np.uint16).max
    from_start = place + 1 if start > 0 else np.full(len(place), most)
    from_stop = place[::-1] + 1 if stop < whole else np.full(len(place), most)
    return np.asarray(np.minimum(np.minimum(from_start, from_stop), most), dtype=np.uint16)
