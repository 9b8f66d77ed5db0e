"""The size of the network input, and the grid of cells that features live on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.vision.resize import resize_map

_LONGEST_RATIO = 3.0


@dataclass(frozen=True, eq=False)
class Geometry:
    """Network input and feature grid.

    Attributes:
        width: Input width in pixels.
        height: Input height in pixels.
        stride: Pixels per cell.
        tile: Whether the backbone runs over windows.
        roi: Cells that count, bool (rows, columns); None for all.
    """

    width: int
    height: int
    stride: int
    tile: bool = False
    roi: NDArray[np.bool_] | None = None

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return self.height // self.stride

    @property
    def columns(self) -> int:
        """Columns of cells."""
        return self.width // self.stride

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """Row-major indices of the cells that count, int64 (P,)."""
        if self.roi is None:
            return np.arange(self.rows * self.columns)
        return np.flatnonzero(self.roi.reshape(-1))

    @property
    def places(self) -> NDArray[np.int64] | None:
        """For every cell of the grid its position in ``cells``, or the one behind them all; None where all count."""
        if self.roi is None:
            return None
        place = np.full(self.rows * self.columns, len(self.cells), np.int64)
        place[self.cells] = np.arange(len(self.cells))
        return place

    @property
    def top(self) -> int:
        """How many of the highest cells make up a picture's score: one in a hundred.

        A mean over more is steadier on wide defects but loses those of a few cells.
        """
        return max(1, round(len(self.cells) / 100))


def input_sides(sizes: Sequence[tuple[int, int]], side: int, multiple: int) -> tuple[int, int]:
    """Width and height of about ``side`` squared pixels with the median aspect ratio of ``sizes`` (width, height).

    The ratio is bounded to 1:3, and both sides are multiples of ``multiple``.
    """
    ratio = float(np.median([width / height for width, height in sizes]))
    ratio = min(max(ratio, 1 / _LONGEST_RATIO), _LONGEST_RATIO)
    return _to_multiple(side * ratio**0.5, multiple), _to_multiple(side / ratio**0.5, multiple)


def native_side(sizes: Sequence[tuple[int, int]], largest: int) -> int:
    """The side of a square as large as the median picture, at most ``largest``."""
    return int(min(largest, np.median([(width * height) ** 0.5 for width, height in sizes])))


def roi_cells(roi: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.bool_]:
    """Cells whose centre half lies in the region of interest, bool (rows, columns).

    Args:
        roi: RGB uint8 picture of any size; white is inside.
        geometry: The grid.

    Raises:
        OptionError: no cell is inside.
    """
    light = (roi.max(axis=2) >= 128).astype(np.float32)
    inside = resize_map(light, geometry.columns, geometry.rows) >= 0.5
    if not inside.any():
        raise OptionError("the region of interest is empty: expected a picture whose white pixels mark the region")
    return inside


def _to_multiple(value: float, multiple: int) -> int:
    return max(2 * multiple, round(value / multiple) * multiple)
