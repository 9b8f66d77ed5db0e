"""What a semantic segmentation network says about one picture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.label_names import class_name
from belvedere.tasks.result import OfPicture
from belvedere.vision.placement import Placement
from belvedere.vision.rle import RunLengths, encode, to_coco

if TYPE_CHECKING:
    from PIL import Image

UNSEEN = -1
"""Class of the pixels that a cropped input does not show."""


@dataclass(frozen=True)
class ClassArea:
    """One class on a picture.

    Attributes:
        class_id: Number of the class from 0.
        label: Its name.
        area: Share of the picture's pixels, 0..1.
    """

    class_id: int
    label: str
    area: float

    def to_dict(self) -> dict[str, Any]:
        """The area as JSON-serialisable values."""
        return {"label": self.label, "class_id": self.class_id, "area": self.area}


@dataclass(frozen=True, eq=False)
class SegmentationResult(OfPicture):
    """The class of every pixel of one picture.

    Attributes:
        grid: Class per cell over the network's input, int16 (h, w).
        placement: Where the picture lies in the input.
        labels: Names of the classes, maybe none.
        background: The class that is drawn as nothing; None where every class is something.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
    """

    grid: NDArray[np.int16]
    placement: Placement
    labels: tuple[str, ...]
    background: int | None
    image: NDArray[np.uint8]
    path: str | None = None

    @property
    def task(self) -> str:
        """``semantic-segmentation``."""
        return "semantic-segmentation"

    @cached_property
    def class_map(self) -> NDArray[np.int16]:
        """Class per pixel of the picture, int16 (height, width); -1 where a cropped input does not show it.

        Each pixel takes the cell that its centre lies in.
        """
        columns, rows = self.placement.cells(self.grid.shape[1], self.grid.shape[0])
        found = self.grid[rows[:, None], columns]
        found[rows < 0], found[:, columns < 0] = UNSEEN, UNSEEN
        return found

    @cached_property
    def areas(self) -> tuple[ClassArea, ...]:
        """The classes on the picture, background included, largest first."""
        numbers, counts = np.unique(self.class_map, return_counts=True)
        found = [
            ClassArea(int(number), class_name(self.labels, int(number)), int(count) / self.class_map.size)
            for number, count in zip(numbers, counts, strict=True)
            if number != UNSEEN
        ]
        return tuple(sorted(found, key=lambda area: (-area.area, area.class_id)))

    def mask(self, class_id: int) -> NDArray[np.bool_]:
        """The pixels of one class, bool (height, width)."""
        return np.asarray(self.class_map == class_id)

    def run_lengths(self, class_id: int) -> RunLengths:
        """The pixels of one class as run lengths."""
        return encode(self.mask(class_id))

    def draw(self, *, scale: int = 1) -> Image.Image:
        """The picture tinted by class, with a legend.

        Args:
            scale: Whole number by which the picture is enlarged.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        from belvedere.tasks.segmentation.drawing import draw_classes

        return draw_classes(self, scale)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values: share of the picture and mask (COCO's RLE) of each class."""
        classes = [{**area.to_dict(), "mask": to_coco(self.run_lengths(area.class_id))} for area in self.areas]
        return {**self.header(), "classes": classes}

    def to_supervision(self) -> Any:
        """The classes as ``supervision.Detections`` with one mask each, background left out.

        Raises:
            MissingExtraError: the package ``supervision`` is not installed.
        """
        from belvedere.tasks.segmentation.interchange import to_supervision

        return to_supervision(self)

    def __getstate__(self) -> dict[str, Any]:
        # What was derived and cached is large, and can be derived again.
        return {field.name: getattr(self, field.name) for field in fields(self)}
