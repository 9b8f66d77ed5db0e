"""What a detector says about one picture, with or without a mask for each thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.masks import grid_window, paste_mask, window_runs
from belvedere.tasks.interchange import CategoryIds
from belvedere.tasks.label_names import class_name
from belvedere.tasks.result import OfPicture
from belvedere.vision.rle import RunLengths, to_coco

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
        return {"label": self.label, "class_id": self.class_id, "score": self.score, "box": list(self.box_xyxy)}


@dataclass(frozen=True, eq=False)
class DetectionResult(OfPicture):
    """The things found on one picture, highest score first.

    Attributes:
        boxes_xyxy: float32 (n, 4): left, top, right, bottom in pixels of the picture, clipped to it.
        scores: float32 (n,), 0..1, falling.
        class_ids: int64 (n,), from 0.
        labels: Names of the classes, maybe none.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
        mask_grids: float32 (n, h, w), 0..1: one mask per thing over its ``mask_boxes_xyxy``; None where the network
            finds none, or ``mask_runs`` holds them.
        mask_boxes_xyxy: float32 (n, 4): the boxes that the masks span, before clipping.
        mask_threshold: The value from which a pixel belongs to the thing.
        mask_runs: One mask per thing in pixels of the picture, as run lengths; None where ``mask_grids`` holds them.

    Raises:
        OptionError: arrays do not fit together.
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
    mask_runs: tuple[RunLengths, ...] | None = None

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
        if self.mask_runs is not None:
            if grids is not None:
                raise OptionError("masks are given as grids and as run lengths: expected one of them")
            sizes = [(runs.width, runs.height) for runs in self.mask_runs]
            if sizes != [(self.width, self.height)] * count:
                raise OptionError(f"masks of {sizes[:8]} pixels: expected {count} of {self.width} x {self.height}")

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        return iter(self.detections)

    @property
    def task(self) -> str:
        """``instance-segmentation`` where each thing has a mask, else ``detection``."""
        return "instance-segmentation" if self.has_masks else "detection"

    @property
    def detections(self) -> tuple[Detection, ...]:
        """The things one by one."""
        rows = zip(self.class_ids.tolist(), self.scores.tolist(), self.boxes_xyxy.tolist(), strict=True)
        return tuple(Detection(id_, class_name(self.labels, id_), score, tuple(box)) for id_, score, box in rows)

    @property
    def has_masks(self) -> bool:
        """Whether each thing has a mask."""
        return self.mask_grids is not None or self.mask_runs is not None

    @cached_property
    def masks(self) -> tuple[RunLengths, ...]:
        """The mask of each thing as run lengths.

        Raises:
            OptionError: the network finds no masks.
        """
        if self.mask_runs is not None:
            return self.mask_runs
        size, grids, spans = (self.width, self.height), *self._grids()
        windows = (grid_window(grid, box, *size, self.mask_threshold) for grid, box in zip(grids, spans, strict=True))
        return tuple(window_runs(window, *size) for window in windows)

    def mask(self, number: int) -> NDArray[np.bool_]:
        """The pixels of thing ``number``, bool (height, width); made anew at every call.

        Raises:
            OptionError: the network finds no masks.
        """
        if self.mask_runs is not None:
            return self.mask_runs[number].to_mask()
        grids, spans = self._grids()
        return paste_mask(grids[number], spans[number], self.width, self.height, self.mask_threshold)

    def above(self, threshold: float) -> DetectionResult:
        """Only the things whose score reaches ``threshold``."""
        keep = np.flatnonzero(self.scores >= threshold)
        grids, spans, runs = self.mask_grids, self.mask_boxes_xyxy, self.mask_runs
        return replace(
            self,
            boxes_xyxy=self.boxes_xyxy[keep],
            scores=self.scores[keep],
            class_ids=self.class_ids[keep],
            mask_grids=None if grids is None else grids[keep],
            mask_boxes_xyxy=None if spans is None else spans[keep],
            mask_runs=None if runs is None else tuple(runs[number] for number in keep.tolist()),
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
        """The result as JSON-serialisable values; masks as COCO's compressed run lengths."""
        rows = [found.to_dict() for found in self.detections]
        if self.has_masks:
            for row, runs in zip(rows, self.masks, strict=True):
                row["mask"] = to_coco(runs)
        return {**self.header(), "detections": rows}

    def to_coco(
        self,
        image_id: int | str,
        category_ids: CategoryIds | None = None,
        *,
        kind: Literal["box", "mask"] | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of a COCO results file, as pycocotools' ``loadRes`` takes them.

        Args:
            image_id: The picture's id in the annotation file.
            category_ids: The id of each class, by its number (`belvedere.tasks.interchange.coco_category_ids` has
                those of COCO's own files); None for the numbers themselves.
            kind: ``box`` for rows with boxes alone, ``mask`` for rows with masks alone (pycocotools takes the area of
                a box, where there is one, for that of the mask); None for all that there is.

        Raises:
            OptionError: a class has no id, or masks are wanted where there are none.
        """
        from belvedere.tasks.detection.interchange import coco_rows

        return coco_rows(self, image_id, category_ids, kind)

    @classmethod
    def from_coco(
        cls,
        rows: Sequence[Mapping[str, Any]],
        image: NDArray[np.uint8],
        labels: Sequence[str] = (),
        *,
        category_ids: CategoryIds | None = None,
        image_id: int | str | None = None,
        path: str | None = None,
    ) -> Self:
        """A result from rows of a COCO results file.

        Args:
            rows: The rows; ``bbox`` may be missing where there is a ``segmentation``.
            image: The picture, RGB uint8 (H, W, 3).
            labels: Names of the classes.
            category_ids: As `to_coco` takes them.
            image_id: Takes only the rows of this picture; None takes all.
            path: Where the picture came from.

        Raises:
            DatasetError: a row is damaged, of an unknown category, or some have masks and some have none; the message
                names the row.
        """
        from belvedere.tasks.detection.interchange import fields_of_rows

        return cls(**fields_of_rows(rows, image, category_ids, image_id), labels=tuple(labels), image=image, path=path)

    def to_supervision(self) -> Any:
        """The result as ``supervision.Detections`` with ``class_name`` in its data.

        Raises:
            MissingExtraError: the package ``supervision`` is not installed.
        """
        from belvedere.tasks.detection.interchange import to_supervision

        return to_supervision(self)

    def __getstate__(self) -> dict[str, Any]:
        # What was derived and cached can be derived again.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _grids(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.mask_grids is None or self.mask_boxes_xyxy is None:
            raise OptionError("this network finds boxes, no masks")
        return self.mask_grids, self.mask_boxes_xyxy
