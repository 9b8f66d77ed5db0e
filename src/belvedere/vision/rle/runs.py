"""Run lengths of a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError


@dataclass(frozen=True, eq=False)
class RunLengths:
    """A mask as lengths of runs, column by column from the top left, as COCO's RLE.

    Attributes:
        height: Rows, at least 1.
        width: Columns, at least 1.
        counts: uint32 (n,): lengths of runs of pixels outside and inside in turns; the first one is outside and may
            be 0, no other is. They add up to height times width.

    Raises:
        OptionError: the counts are not such runs.
    """

    height: int
    width: int
    counts: NDArray[np.uint32]

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise OptionError(f"a mask of {self.width} x {self.height} pixels: expected at least 1 x 1")
        if self.counts.ndim != 1 or self.counts.dtype != np.uint32 or not self.counts[1:].all():
            raise OptionError("run lengths must be one row of uint32, none but the first of them 0")
        total = int(self.counts.sum(dtype=np.int64))
        if total != self.height * self.width:
            raise OptionError(f"runs of {total} pixels in a mask of {self.width} x {self.height}")

    @property
    def edges(self) -> NDArray[np.int64]:
        """Where runs inside begin and end, in turns, int64 (2 n,) rising: pixel numbers down the columns."""
        return np.cumsum(self.counts, dtype=np.int64)[: len(self.counts) // 2 * 2]

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(self.counts[1::2].sum(dtype=np.int64))

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """The smallest box around the pixels inside; all zeros where there are none."""
        edges = self.edges
        if not edges.size:
            return 0.0, 0.0, 0.0, 0.0
        left, top = edges[::2] // self.height, edges[::2] % self.height
        right, bottom = (edges[1::2] - 1) // self.height, (edges[1::2] - 1) % self.height
        # A run over several columns covers the bottom of one and the top of the next.
        several = bool((left < right).any())
        y1, y2 = (0, self.height) if several else (int(top.min()), int(bottom.max()) + 1)
        return float(left[0]), float(y1), float(right[-1] + 1), float(y2)

    def to_mask(self) -> NDArray[np.bool_]:
        """The mask painted, bool (height, width)."""
        inside = np.arange(len(self.counts)) % 2 == 1
        columns = np.repeat(inside, self.counts).reshape(self.width, self.height)
        return np.ascontiguousarray(columns.T)


def encode(mask: NDArray[Any]) -> RunLengths:
    """Run lengths of a mask.

    Args:
        mask: (height, width); what is not zero is inside.

    Raises:
        OptionError: ``mask`` has another number of axes, or an empty one.
    """
    if mask.ndim != 2 or not mask.size:
        raise OptionError(f"a mask of shape {mask.shape}: expected (height, width), at least 1 x 1")
    pixels = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    return of_changes(np.concatenate([[0], changes]) if pixels[0] else changes, *mask.shape)


def of_changes(changes: NDArray[np.integer[Any]], height: int, width: int) -> RunLengths:
    """Run lengths from the pixel numbers where inside and outside change, strictly rising and below the last."""
    bounds = np.concatenate([[0], changes, [height * width]])
    return RunLengths(height, width, np.diff(bounds).astype(np.uint32))


def united(masks: list[RunLengths], height: int, width: int) -> RunLengths:
    """What lies in any of the masks, all ``height`` x ``width``."""
    if len(masks) == 1:
        return masks[0]
    edges = np.concatenate([np.zeros(0, np.int64), *(mask.edges for mask in masks)])
    places, which = np.unique(edges, return_inverse=True)
    step = np.bincount(which, np.where(np.arange(len(edges)) % 2, -1, 1), minlength=len(places))
    inside = np.cumsum(np.rint(step).astype(np.int64)) > 0
    changed = inside != np.concatenate([[False], inside[:-1]])
    changes = places[changed]
    return of_changes(changes[changes < height * width], height, width)
