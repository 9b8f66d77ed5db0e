"""Connected anomalous areas of a heatmap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.vision.resize import nearest_indices

SMALLEST_REGION = 1e-4
"""Share of the picture below which a region is dropped, unless it holds the highest value of the map."""


@dataclass(frozen=True)
class Region:
    """One connected anomalous area.

    Attributes:
        box_xyxy: Left, top, right, bottom in pixels of the picture; right and bottom are exclusive.
        area: Share of the picture's pixels, 0..1.
        score: Highest heatmap value inside, 0..1.
        label: Anomaly type, where the model knows types.
    """

    box_xyxy: tuple[float, float, float, float]
    area: float
    score: float
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The region as JSON-serialisable values."""
        return {"box_xyxy": list(self.box_xyxy), "area": self.area, "score": self.score, "label": self.label}


@dataclass(frozen=True)
class TypeArea:
    """Share of the picture (0..1) that one anomaly type covers, with its colour as ``#RRGGBB``."""

    label: str
    area: float
    color: str

    def to_dict(self) -> dict[str, Any]:
        """The area as JSON-serialisable values."""
        return {"label": self.label, "area": self.area, "color": self.color}


def find_regions(
    grid: NDArray[np.float32],
    pixel_threshold: float,
    width: int,
    height: int,
    type_grid: NDArray[np.uint8] | None = None,
    types: tuple[str, ...] = (),
) -> tuple[Region, ...]:
    """Find the regions of a heatmap at its own resolution.

    Cells at or above the threshold that touch, also at corners, are one region. Regions below
    `SMALLEST_REGION` are dropped, except the one with the map's highest value.

    Args:
        grid: Heatmap, float32 (h, w).
        pixel_threshold: The value from which a cell counts.
        width: Width of the picture in pixels, to which boxes are scaled.
        height: Its height.
        type_grid: Per cell 0 for background or the index into ``types`` plus one, uint8 (h, w).
        types: Names of the types.

    Returns:
        The regions, highest score first, larger ones first among equals.
    """
    flagged = grid >= pixel_threshold
    if not flagged.any():
        return ()
    from scipy import ndimage

    labels, _ = ndimage.label(flagged, structure=np.ones((3, 3), dtype=np.int8))
    cells_down, cells_across = grid.shape
    peak = float(grid.max())
    regions = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[window] == number
        area = int(np.count_nonzero(inside)) / grid.size
        score = float(grid[window][inside].max())
        if area < SMALLEST_REGION and score < peak:
            continue
        rows, columns = window
        # Multiplied first: the last cell ends at the picture's edge, and not beyond it by a rounding error.
        left, right = columns.start * width / cells_across, columns.stop * width / cells_across
        top, bottom = rows.start * height / cells_down, rows.stop * height / cells_down
        label = None if type_grid is None else _majority(type_grid[window][inside], types)
        regions.append(Region((left, top, right, bottom), area, score, label))
    return tuple(sorted(regions, key=lambda region: (-region.score, -region.area, region.box_xyxy)))


def type_areas(
    type_grid: NDArray[np.uint8], types: tuple[str, ...], colors: tuple[str, ...], width: int, height: int
) -> tuple[TypeArea, ...]:
    """The share of the picture that each type covers once ``type_grid`` (h, w) is stretched over it.

    Pixels take the cell that their centre lies in. Types that cover nothing, and background, are left out.
    """
    h, w = type_grid.shape
    rows = np.bincount(nearest_indices(height, h), minlength=h)
    columns = np.bincount(nearest_indices(width, w), minlength=w)
    found = []
    for number, (label, color) in enumerate(zip(types, colors, strict=True), start=1):
        pixels = int(rows @ (type_grid == number) @ columns)
        if pixels:
            found.append(TypeArea(label, pixels / (width * height), color))
    return tuple(found)


def _majority(cells: NDArray[np.uint8], types: tuple[str, ...]) -> str | None:
    """The type of most cells, background aside; the first one among equals."""
    counts = np.bincount(cells, minlength=len(types) + 1)[1 : len(types) + 1]
    return types[int(counts.argmax())] if counts.any() else None
