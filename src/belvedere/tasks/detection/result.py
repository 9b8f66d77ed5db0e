"""What a detector says about one picture, with or without a mask for each thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.masks import paste_mask, run_lengths
from belvedere.tasks.label_names import class_name

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Detection:
    """One thing that was found.

    Attributes:
        class_id: Number of its class from 0.
        label: Name of its class.
        score: Confidence, 0..1.
        box_xyxy: Left, top, right, bottom in pixels of the picture, continuous.
    """

    class_id: int
    label: str
    score: float
    box_xyxy: tuple[float, float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """The detection as JSON-serialisable values."""
        return {"label": self.label, "class_id": self.class_id, "score": self.score, "box_xyxy": list(self.box_xyxy)}


@dataclass(frozen=True, eq=False)
class DetectionResult:
    """The things found on one picture, highest score first.

    Attributes:
        boxes_xyxy: float32 (n, 4): left, top, right, bottom in pixels of the picture, clipped to it.
        scores: float32 (n,), 0..1, falling.
        class_ids: int64 (n,), from 0.
        labels: Names of the classes, maybe none.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
        mask_grids: float32 (n, h, w), 0..1: one mask per thing over its ``mask_boxes_xyxy``; None where the network
            finds none.
        mask_boxes_xyxy: float32 (n, 4): the boxes that the masks span, before clipping.
        mask_threshold: The value from which a pixel belongs to the thing.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    labels: tuple[str, ...]
    image: NDArray[np.uint8]
    path: str | None = None
    mask_grids: NDArray[np.float32] | None = None
    mask_boxes_xyxy: NDArray[np.float32] | None = None
    mask_threshold: float = 0.5

    def __post_init__(self) -> None:
        count = len(self.scores)
        shapes = [self.boxes_xyxy.shape, self.scores.shape, self.class_ids.shape]
        if shapes != [(count, 4), (count,), (count,)]:
            raise OptionError(f"boxes, scores and classes have shapes {shapes}: expected (n, 4), (n,), (n,)")
        grids, spans = self.mask_grids, self.mask_boxes_xyxy
        if (grids is None) != (spans is None):
            raise OptionError("masks come with the boxes that they span: expected both or none")
        if grids is not None and spans is not None and (grids.ndim, len(grids), spans.shape) != (3, count, (count, 4)):
            raise OptionError(f"masks {grids.shape} and boxes {spans.shape}: expected ({count}, h, w) and ({count}, 4)")

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        return iter(self.detections)

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.image.shape[0])

    @property
    def detections(self) -> tuple[Detection, ...]:
        """The things one by one."""
        rows = zip(self.class_ids.tolist(), self.scores.tolist(), self.boxes_xyxy.tolist(), strict=True)
        return tuple(Detection(id_, class_name(self.labels, id_), score, tuple(box)) for id_, score, box in rows)

    @property
    def has_masks(self) -> bool:
        """Whether each thing has a mask."""
        return self.mask_grids is not None

    def mask(self, number: int) -> NDArray[np.bool_]:
        """The pixels of thing ``number``, bool (height, width).

        Raises:
            OptionError: the network finds no masks.
        """
        if self.mask_grids is None or self.mask_boxes_xyxy is None:
            raise OptionError("this network finds boxes, no masks")
        box = self.mask_boxes_xyxy[number]
        return paste_mask(self.mask_grids[number], box, self.width, self.height, self.mask_threshold)

    def above(self, threshold: float) -> DetectionResult:
        """Only the things whose score reaches ``threshold``."""
        keep = self.scores >= threshold
        grids, spans = self.mask_grids, self.mask_boxes_xyxy
        return DetectionResult(
            boxes_xyxy=self.boxes_xyxy[keep],
            scores=self.scores[keep],
            class_ids=self.class_ids[keep],
            labels=self.labels,
            image=self.image,
            path=self.path,
            mask_grids=None if grids is None else grids[keep],
            mask_boxes_xyxy=None if spans is None else spans[keep],
            mask_threshold=self.mask_threshold,
        )

    def draw(self, *, scale: int = 1) -> Image.Image:
        """The picture with boxes, labels and, where there are, masks.

        Args:
            scale: Whole number by which the picture is enlarged.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        from belvedere.tasks.detection.drawing import draw_detections

        return draw_detections(self, scale)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values; masks as COCO's uncompressed run lengths."""
        rows = [found.to_dict() for found in self.detections]
        if self.has_masks:
            for number, row in enumerate(rows):
                mask = self.mask(number)
                row["area"] = int(np.count_nonzero(mask))
                row["segmentation"] = {"size": [self.height, self.width], "counts": run_lengths(mask)}
        return {"path": self.path, "width": self.width, "height": self.height, "detections": rows}

    def to_supervision(self) -> Any:
        """The result as ``supervision.Detections`` with ``class_name`` in its data.

        Raises:
            MissingExtraError: the package ``supervision`` is not installed.
        """
        from belvedere.tasks.detection.interchange import to_supervision

        return to_supervision(self)
