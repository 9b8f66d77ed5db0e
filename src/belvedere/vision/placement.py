"""Where a picture lies in a network's input, and the way back.

Coordinates are continuous: a picture of width w spans 0 to w, the centre of its first pixel is 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Placement:
    """A picture scaled and shifted into a network's input: ``input = source * scale + offset`` on each axis.

    Attributes:
        source_width: Width of the picture in pixels.
        source_height: Its height.
        width: Width of the network's input in pixels.
        height: Its height.
        scale_x: Pixels of the input per pixel of the picture, horizontally.
        scale_y: The same, vertically.
        offset_x: Where the picture's left edge lies in the input; negative where it is cropped.
        offset_y: Where its top edge lies.
    """

    source_width: int
    source_height: int
    width: int
    height: int
    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0

    def points_to_source(self, points_xy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Points (..., 2) from pixels of the input to pixels of the picture, float32; not clipped."""
        return _affine(points_xy, self._offset, self._scale, back=True)

    def points_to_input(self, points_xy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Points (..., 2) from pixels of the picture to pixels of the input, float32."""
        return _affine(points_xy, self._offset, self._scale, back=False)

    def boxes_to_source(self, boxes_xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Boxes (n, 4) from pixels of the input to pixels of the picture, clipped to it, float32.

        A box that lies beside the picture, as in the padding of a letterbox, becomes an empty one at the border.
        """
        found = self.points_to_source(np.reshape(boxes_xyxy, (-1, 2, 2)))
        most = np.array([self.source_width, self.source_height], dtype=np.float32)
        return np.asarray(np.clip(found, 0, most).reshape(-1, 4))

    def boxes_to_input(self, boxes_xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Boxes (n, 4) from pixels of the picture to pixels of the input, float32; not clipped."""
        return self.points_to_input(np.reshape(boxes_xyxy, (-1, 2, 2))).reshape(-1, 4)

    def cells(self, columns: int, rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each pixel of the picture the cell of a grid over the input that its centre lies in.

        Args:
            columns: Cells of the grid across the input's width.
            rows: Cells down its height.

        Returns:
            Column per x (source_width,) and row per y (source_height,), -1 where the input does not show the pixel.
        """
        across = _cells(self.source_width, self.scale_x, self.offset_x, self.width, columns)
        return across, _cells(self.source_height, self.scale_y, self.offset_y, self.height, rows)

    @property
    def _scale(self) -> NDArray[np.float64]:
        return np.array([self.scale_x, self.scale_y])

    @property
    def _offset(self) -> NDArray[np.float64]:
        return np.array([self.offset_x, self.offset_y])


def _affine(
    points: NDArray[np.floating[Any]], offset: NDArray[np.float64], scale: NDArray[np.float64], *, back: bool
) -> NDArray[np.float32]:
    exact = np.asarray(points, dtype=np.float64)
    moved = (exact - offset) / scale if back else exact * scale + offset
    # A network may say anything: what float32 cannot hold becomes its largest value, and is clipped by callers.
    most = float(np.finfo(np.float32).max)
    return np.clip(moved, -most, most).astype(np.float32)


def _cells(size: int, scale: float, offset: float, whole: int, cells: int) -> NDArray[np.intp]:
    at = (np.arange(size) + 0.5) * scale + offset
    found = np.floor(at * (cells / whole)).astype(np.intp)
    # Centres that rounding pushes over the last edge still belong to the last cell.
    seen = (at >= 0) & (at <= whole)
    return np.where(seen, np.minimum(found, cells - 1), -1)
