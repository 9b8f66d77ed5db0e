"""Overlapping windows that cover a large picture."""

from __future__ import annotations

from dataclasses import dataclass

from belvedere.core.errors import LimitError, OptionError

SMALLEST, LARGEST = 32, 16384
MOST_WINDOWS = 1024
_MOST_OVERLAP = 0.9


@dataclass(frozen=True)
class Tiling:
    """How large pictures are cut into windows.

    Attributes:
        size: Edge of a window in pixels of the picture.
        overlap: Share of the edge that neighbouring windows have in common, at least.

    Raises:
        OptionError: a size outside 32 to 16384, or an overlap outside 0 to 0.9.
    """

    size: int
    overlap: float = 0.2

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not SMALLEST <= self.size <= LARGEST:
            raise OptionError(f"tile is {self.size!r}: expected an edge of {SMALLEST} to {LARGEST} pixels")
        if not 0 <= self.overlap <= _MOST_OVERLAP:
            raise OptionError(f"tile_overlap is {self.overlap!r}: expected a share of 0 to {_MOST_OVERLAP}")

    def windows(self, width: int, height: int) -> tuple[Window, ...]:
        """The windows of a picture, row by row; one of the picture's size where it is no larger than a window.

        All have the edge ``size``, or that of the picture where it is shorter. They lie evenly, the first at the upper
        left and the last at the lower right.

        Raises:
            LimitError: more than 1024.
        """
        columns, rows = self._starts(width), self._starts(height)
        if len(columns) * len(rows) > MOST_WINDOWS:
            raise LimitError(
                f"a picture of {width} x {height} pixels gives {len(columns) * len(rows)} tiles of {self.size} pixels: "
                f"expected at most {MOST_WINDOWS}; choose larger tiles or less overlap"
            )
        across, down = min(self.size, width), min(self.size, height)
        return tuple(Window(left, top, left + across, top + down) for top in rows for left in columns)

    def _starts(self, length: int) -> list[int]:
        if length <= self.size:
            return [0]
        step = max(1, self.size - round(self.size * self.overlap))
        steps = -(-(length - self.size) // step)
        return [(length - self.size) * number // steps for number in range(steps + 1)]


@dataclass(frozen=True)
class Window:
    """A part of a picture: left, top, right and bottom in whole pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return self.bottom - self.top
