"""What an anomaly model says about one picture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly.regions import Region, TypeArea, find_regions, type_areas
from belvedere.vision.colors import palette
from belvedere.vision.resize import resize_labels, resize_map

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["AnomalyResult", "Region", "TypeArea"]


@dataclass(frozen=True, eq=False)
class AnomalyResult:
    """The verdict on one picture.

    Attributes:
        score: Calibrated anomaly score, 0..1.
        threshold: The score from which a picture counts as anomalous.
        width: Width of the picture in pixels (EXIF orientation applied where the artifact says so).
        height: Its height in pixels.
        grid: Heatmap at the network's output resolution, float32 (h, w), 0..1.
        pixel_threshold: The heatmap value from which a pixel counts as anomalous.
        types: Names of the anomaly types the model tells apart, maybe none.
        type_grid: Per pixel of ``grid`` the index into ``types`` plus one, 0 for background; uint8 (h, w).
            None where the model knows no types.
        colors: One ``#RRGGBB`` per type, or none.
        image: The decoded picture, RGB uint8 (height, width, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
    """

    score: float
    threshold: float
    width: int
    height: int
    grid: NDArray[np.float32]
    pixel_threshold: float
    image: NDArray[np.uint8]
    types: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    type_grid: NDArray[np.uint8] | None = None
    path: str | None = None

    @property
    def task(self) -> str:
        """``anomaly``."""
        return "anomaly"

    @property
    def is_anomalous(self) -> bool:
        """Whether the score, rounded to four decimals, reaches the threshold (Lookout for Vision's rule)."""
        return round(self.score, 4) >= round(self.threshold, 4)

    @property
    def confidence(self) -> float:
        """Confidence in the verdict: the score for an anomaly, one minus it for a normal picture."""
        return self.score if self.is_anomalous else 1.0 - self.score

    @property
    def type_colors(self) -> tuple[str, ...]:
        """One ``#RRGGBB`` per type: ``colors``, or the palette where there are none."""
        return self.colors or palette(len(self.types))

    @cached_property
    def heatmap(self) -> NDArray[np.float32]:
        """Anomaly per pixel of the picture, float32 (height, width), 0..1."""
        return resize_map(self.grid, self.width, self.height)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels of the picture that count as anomalous, bool (height, width)."""
        return np.asarray(self.heatmap >= self.pixel_threshold)

    @cached_property
    def type_mask(self) -> NDArray[np.uint8] | None:
        """Per pixel the index into ``types`` plus one, 0 for background; uint8 (height, width).

        Each pixel takes the cell of ``type_grid`` that its centre lies in. None where the model knows no
        types.
        """
        return None if self.type_grid is None else resize_labels(self.type_grid, self.width, self.height)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The connected areas of the heatmap at or above ``pixel_threshold``, highest score first.

        They are found at the resolution of ``grid`` and do not depend on the verdict on the picture. Specks
        below 0.01 % of the picture are dropped, except the one with the highest value.
        """
        return find_regions(self.grid, self.pixel_threshold, self.width, self.height, self.type_grid, self.types)

    @cached_property
    def areas(self) -> tuple[TypeArea, ...]:
        """The share of the picture that each type found covers, without background, in order of ``types``."""
        if self.type_grid is None:
            return ()
        return type_areas(self.type_grid, self.types, self.type_colors, self.width, self.height)

    def draw(self, heatmap: bool = True, *, scale: int = 1) -> Image.Image:
        """Draw the result onto the picture: heatmap, and for an anomaly outlines, boxes with labels, a frame.

        A caption says the verdict; on pictures that are too small for it a shorter one does, or none.

        Args:
            heatmap: Whether to lay the heatmap over the picture.
            scale: Whole number by which the picture is enlarged, which gives small pictures legible labels.

        Returns:
            An RGB picture of ``width * scale`` by ``height * scale`` pixels.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        if scale < 1:
            raise OptionError(f"scale is {scale!r}: expected a whole number of at least 1")
        from belvedere.tasks.anomaly.drawing import draw_result

        return draw_result(self, heatmap, scale)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values, without arrays: what ``predict --json`` prints."""
        values: dict[str, Any] = {
            "path": self.path,
            "task": self.task,
            "width": self.width,
            "height": self.height,
            "score": float(self.score),
            "is_anomalous": bool(self.is_anomalous),
            "confidence": float(self.confidence),
            "threshold": float(self.threshold),
            "regions": [region.to_dict() for region in self.regions],
        }
        if self.types:
            values["types"] = [area.to_dict() for area in self.areas]
        return values

    def __getstate__(self) -> dict[str, Any]:
        # What was derived and cached is large, and can be derived again.
        return {field.name: getattr(self, field.name) for field in fields(self)}
