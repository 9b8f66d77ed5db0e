"""From a network's outputs to detections in pixels of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.formats import COLUMNS, ROLES, STRIDES, SUPPRESSED, Rows, read_rows
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.detection.suppression import suppress
from belvedere.tasks.outputs import Outputs, as_rows, find_output
from belvedere.vision.placement import Placement


@dataclass(frozen=True)
class DetectionDecoder:
    """How a detector's outputs are read; part of the artifact.

    Attributes:
        form: How they are written, one of `belvedere.tasks.detection.formats.ROLES`.
        outputs: Names of the outputs in the order of the format's roles; ``ssd`` and ``tf-detection`` may lack the
            count, ``darknet`` may have several outputs of rows.
        threshold: Least score of a detection.
        iou: Largest overlap of two boxes of one class (non-maximum suppression); None leaves out suppression, as is
            right for formats whose networks have done it.
        most: Most detections to keep.
        strides: Pixels per cell of a raw grid.
        labels: Names of the classes, maybe none.

    Raises:
        OptionError: a field has no usable value.
    """

    form: str
    outputs: tuple[str, ...]
    threshold: float = 0.3
    iou: float | None = None
    most: int = 100
    strides: tuple[int, ...] = STRIDES
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.form not in ROLES:
            raise OptionError(f"unknown detection format {self.form!r}: expected one of {', '.join(ROLES)}")
        roles, count = ROLES[self.form], len(self.outputs)
        fewest = len([role for role in roles if role != "count"])
        if count < fewest or (count > len(roles) and self.form != "darknet"):
            raise OptionError(f"{count} outputs for format {self.form!r}: expected {', '.join(roles)}")
        if not 0 <= self.threshold <= 1 or (self.iou is not None and not 0 <= self.iou <= 1):
            raise OptionError(f"threshold {self.threshold} and iou {self.iou}: expected 0 to 1")
        if self.iou is None and self.form not in SUPPRESSED:
            raise OptionError(f"format {self.form!r} needs suppression: expected an iou, such as 0.45")
        if self.most < 1 or not self.strides or min(self.strides) < 1:
            raise OptionError(f"most {self.most} and strides {self.strides}: expected whole numbers of at least 1")

    @property
    def roles(self) -> tuple[str, ...]:
        """What each of ``outputs`` is."""
        return ("rows",) * len(self.outputs) if self.form == "darknet" else ROLES[self.form][: len(self.outputs)]


def decode_detection(
    outputs: Outputs,
    decoder: DetectionDecoder,
    placement: Placement,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> DetectionResult:
    """Read the outputs for one picture.

    Args:
        outputs: The decoder's outputs, shapes as the format says.
        decoder: How to read them.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: an output is missing, of another shape, or holds detections that are no numbers.
    """
    rows, order = find_rows(outputs, decoder, placement)
    boxes = placement.boxes_to_source(rows.boxes_xyxy[order])
    shown = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)  # what lies beside the picture is not on it
    order = order[shown]
    return DetectionResult(
        boxes_xyxy=boxes[shown],
        scores=rows.scores[order],
        class_ids=rows.class_ids[order],
        labels=decoder.labels,
        image=image,
        path=path,
    )


def find_rows(outputs: Outputs, decoder: DetectionDecoder, placement: Placement) -> tuple[Rows, NDArray[np.intp]]:
    """Candidates in pixels of the input, and which of them stand, highest score first. Raises EngineError."""
    arrays = [
        as_rows(name, find_output(outputs, name), COLUMNS[role])
        for name, role in zip(decoder.outputs, decoder.roles, strict=True)
    ]
    size = (placement.width, placement.height)
    rows = read_rows(decoder.form, arrays, size, decoder.strides, decoder.threshold)
    if decoder.iou is None:
        return rows, np.argsort(-rows.scores, kind="stable")[: decoder.most]
    return rows, suppress(rows.boxes_xyxy, rows.scores, rows.class_ids, decoder.iou, decoder.most)
