"""Masks as COCO files hold them: polygons, counts, or counts as letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS
from belvedere.vision.rle.polygons import from_polygons
from belvedere.vision.rle.runs import RunLengths
from belvedere.vision.rle.text import read_counts, write_counts


def to_coco(rle: RunLengths) -> dict[str, Any]:
    """``{"size": [height, width], "counts": letters}``, JSON-serialisable; the letters as pycocotools writes them."""
    return {"size": [rle.height, rle.width], "counts": write_counts(rle.counts)}


def from_coco(segmentation: Any, height: int, width: int) -> RunLengths:
    """Read the ``segmentation`` of a COCO annotation or result.

    Args:
        segmentation: A list of polygons, each a list of numbers ``x1, y1, x2, y2, ...``; or an object with ``size``
            (height, width) and ``counts``, a list of numbers or letters.
        height: Rows of the picture.
        width: Its columns.

    Runs of no pixels between others are left out: they say nothing.

    Raises:
        DatasetError: it is none of these, of another size, or damaged. The message names no file: callers know it.
    """
    if height < 1 or width < 1 or height * width > DEFAULT_LIMITS.image_pixels:
        raise DatasetError(f"a mask of {width} x {height} pixels: expected 1 to {DEFAULT_LIMITS.image_pixels} pixels")
    if isinstance(segmentation, Mapping):
        return _of_counts(segmentation, height, width)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str | bytes):
        polygons = [_corners(polygon, index) for index, polygon in enumerate(segmentation)]
        try:
            return from_polygons(polygons, height, width)
        except OptionError as error:
            raise DatasetError(str(error)) from error
    raise DatasetError(f"a segmentation of type {type(segmentation).__name__}: expected polygons or run lengths")


def _corners(polygon: Any, index: int) -> NDArray[np.float64]:
    if not isinstance(polygon, Sequence) or isinstance(polygon, str | bytes):
        raise DatasetError(f"polygon {index} is no list of numbers")
    if len(polygon) % 2 or len(polygon) < 6:
        raise DatasetError(f"polygon {index} has {len(polygon)} numbers: expected pairs of x and y, at least 3")
    try:
        return np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"polygon {index} is no list of numbers") from error


def _of_counts(segmentation: Mapping[str, Any], height: int, width: int) -> RunLengths:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, Sequence) or list(size) != [height, width]:
        raise DatasetError(f"run lengths of size {size!r}: expected [{height}, {width}], as the picture")
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", errors="replace")
    if isinstance(counts, str):
        # Every count but the first stands for a pixel or more.
        if len(counts) > 7 * (height * width + 2):
            raise DatasetError(f"compressed counts of {len(counts)} letters for {width} x {height} pixels")
        numbers = read_counts(counts)
    elif isinstance(counts, Sequence) and all(type(count) is int for count in counts):
        try:
            numbers = np.array(counts, dtype=np.int64)
        except OverflowError as error:
            raise DatasetError("run lengths hold a number beyond 64 bits") from error
    else:
        raise DatasetError("run lengths without counts: expected a list of whole numbers or a text")
    if not numbers.size or numbers.min() < 0 or numbers.max() > height * width:
        raise DatasetError(f"run lengths must lie between 0 and {height * width}, the pixels of the picture")
    if int(numbers.sum()) != height * width:
        raise DatasetError(f"run lengths of {int(numbers.sum())} pixels: the picture has {height * width}")
    return RunLengths(height, width, _without_empty(numbers))


def _without_empty(counts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The same runs with those of no pixels left out and their neighbours joined."""
    if not counts[1:].all():
        bounds, times = np.unique(np.cumsum(counts)[:-1], return_counts=True)
        bounds = bounds[(times % 2 == 1) & (bounds < counts.sum())]
        counts = np.diff(np.concatenate([[0], bounds, [counts.sum()]]))
    return counts.astype(np.uint32)
