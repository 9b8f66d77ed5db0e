"""Where the points of a picture go when a lens, a tilted camera or another frame shows them, both ways.

Coordinates are continuous pixels: the upper left corner of a picture is (0, 0), the middle of its first pixel
(0.5, 0.5). Every warp fills its frame: nothing is shown that the picture does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError

Points = NDArray[np.float64]
_NODES = 2048
_NEWTON = 25


class Warp(Protocol):
    """A one-to-one map from a picture to a frame that shows a part of it."""

    @property
    def source(self) -> tuple[int, int]:
        """Width and height of the picture."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame."""

    @property
    def straight(self) -> bool:
        """Whether straight lines stay straight."""

    def forward(self, points_xy: Points) -> Points:
        """Where points of the picture are in the frame, float64 (n, 2); beyond it where it does not show them."""

    def backward(self, points_xy: Points) -> Points:
        """Where points of the frame are in the picture, float64 (n, 2)."""


@dataclass(frozen=True)
class Lens:
    """Radial distortion by the model of Brown (1966) and Conrady, around the middle of the picture.

    A point at the distance r, in halves of the diagonal, moves to ``r (1 + k1 r² + k2 r⁴)`` times the zoom that fills
    the frame. Negative values give a barrel, positive ones a pincushion.

    Attributes:
        source: Width and height.
        k1: The quadratic term.
        k2: The quartic term.

    Raises:
        OptionError: the distortion folds the picture over.
    """

    source: tuple[int, int]
    k1: float
    k2: float = 0.0

    def __post_init__(self) -> None:
        squares = np.linspace(0, 1, 257)
        if (1 + 3 * self.k1 * squares + 5 * self.k2 * squares**2).min() <= 0:
            raise OptionError(f"a lens with k1 = {self.k1} and k2 = {self.k2} folds the picture over")

    @property
    def size(self) -> tuple[int, int]:
        """That of the picture."""
        return self.source

    @property
    def straight(self) -> bool:
        """Only without distortion."""
        return self.k1 == 0 and self.k2 == 0

    @property
    def _middle(self) -> Points:
        return np.array(self.source) / 2

    @property
    def _half(self) -> float:
        return float(np.hypot(*self.source)) / 2

    @cached_property
    def zoom(self) -> float:
        """The least enlargement that fills the frame: the border point that moves inwards most lands on the border."""
        nearest = (min(self.source) / 2 / self._half) ** 2
        return 1 / float(self._stretch(np.linspace(nearest, 1, 1025)).min())

    def _stretch(self, squares: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 + self.k1 * squares + self.k2 * squares**2

    def forward(self, points_xy: Points) -> Points:
        """See `Warp`; points beyond the picture's corners are taken as far away as these."""
        from_middle = (points_xy - self._middle) / self._half
        squares = np.minimum((from_middle**2).sum(axis=1), 1.0)
        return np.asarray(self._middle + self._half * self.zoom * self._stretch(squares)[:, np.newaxis] * from_middle)

    def backward(self, points_xy: Points) -> Points:
        """See `Warp`."""
        from_middle = (points_xy - self._middle) / (self._half * self.zoom)
        ratios = self._shrink(np.sqrt((from_middle**2).sum(axis=1)))
        return np.asarray(self._middle + self._half * ratios[:, np.newaxis] * from_middle)

    def _shrink(self, moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a distance was before it was moved, divided by what it is then (Newton's method)."""
        found = moved.copy()
        for _ in range(_NEWTON):
            squares = found**2
            slope = 1 + 3 * self.k1 * squares + 5 * self.k2 * squares**2
            # No step may leave the picture, beyond which the polynomial may turn back.
            found = np.clip(found - (found * self._stretch(squares) - moved) / np.maximum(slope, 1e-3), 0, 1)
        return np.divide(found, moved, out=np.ones_like(moved), where=moved > 1e-9)

    def grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the middles of all pixels of the frame are in the picture: x and y, (H, W) each."""
        x, y = _middles(self.size)
        x, y = (x - self._middle[0]) / self._half / self.zoom, (y - self._middle[1]) / self._half / self.zoom
        squares = x**2 + y**2
        nodes = np.linspace(0, float(squares.max()) + 1e-12, _NODES)
        ratios = self._half * np.interp(squares, nodes, self._shrink(np.sqrt(nodes)))
        return self._middle[0] + ratios * x, self._middle[1] + ratios * y


@dataclass(frozen=True, eq=False)
class Perspective:
    """A quadrilateral of the picture seen face on, as a tilted camera sees its scene.

    Attributes:
        source: Width and height of the picture, and of the frame.
        corners_xy: float64 (4, 2): the points of the picture that the frame's corners show, clockwise from the upper
            left one.
    """

    source: tuple[int, int]
    corners_xy: Points

    @property
    def size(self) -> tuple[int, int]:
        """That of the picture."""
        return self.source

    @property
    def straight(self) -> bool:
        """Always."""
        return True

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """The homography from frame to picture, (3, 3)."""
        width, height = self.source
        frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
        rows, values = [], []
        for (x, y), (u, v) in zip(frame, self.corners_xy, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
            values += [u, v]
        return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)

    def forward(self, points_xy: Points) -> Points:
        """See `Warp`."""
        return _projected(np.asarray(np.linalg.inv(self.matrix), dtype=np.float64), points_xy)

    def backward(self, points_xy: Points) -> Points:
        """See `Warp`."""
        return _projected(self.matrix, points_xy)

    def grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the middles of all pixels of the frame are in the picture: x and y, (H, W) each."""
        x, y = _middles(self.size)
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in self.matrix)
        return u / w, v / w


@dataclass(frozen=True)
class Window:
    """A part of the picture, pixel by pixel.

    Attributes:
        source: Width and height of the picture.
        left, top: Its corner.
        size: Its width and height.
    """

    source: tuple[int, int]
    left: int
    top: int
    size: tuple[int, int]

    @property
    def straight(self) -> bool:
        """Always."""
        return True

    def forward(self, points_xy: Points) -> Points:
        """See `Warp`."""
        return np.asarray(points_xy - np.array([self.left, self.top], dtype=np.float64))

    def backward(self, points_xy: Points) -> Points:
        """See `Warp`."""
        return np.asarray(points_xy + np.array([self.left, self.top], dtype=np.float64))


AnyWarp = Lens | Perspective | Window


def _middles(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    width, height = size
    x, y = np.arange(width, dtype=np.float64) + 0.5, np.arange(height, dtype=np.float64) + 0.5
    return x[np.newaxis, :], y[:, np.newaxis]


def _projected(matrix: NDArray[np.float64], points_xy: Points) -> Points:
    flat = np.column_stack([points_xy, np.ones(len(points_xy))]) @ matrix.T
    return np.asarray(flat[:, :2] / flat[:, 2:])
