"""From a network's outputs to things with masks (Mask R-CNN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection.decode import DetectionDecoder, find_rows
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.vision.placement import Placement

_TOLERANCE = 1e-3


@dataclass(frozen=True)
class InstanceDecoder:
    """How the outputs of a network that finds things with masks are read; part of the artifact.

    Attributes:
        boxes: How its boxes are read; of a format without suppression of our own, so that rows keep their masks.
        masks: Name of the output with one grid of probabilities per row.
        mask_threshold: The value from which a pixel belongs to the thing.

    Raises:
        OptionError: a field has no usable value.
    """

    boxes: DetectionDecoder
    masks: str
    mask_threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.boxes.form not in ("gluoncv", "ssd", "tf-detection"):
            raise OptionError(f"format {self.boxes.form!r} has no masks: expected gluoncv, ssd or tf-detection")
        if not 0 < self.mask_threshold < 1:
            raise OptionError(f"mask_threshold is {self.mask_threshold!r}: expected a number between 0 and 1")


def decode_instances(
    outputs: Outputs,
    decoder: InstanceDecoder,
    placement: Placement,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> DetectionResult:
    """Read the outputs for one picture.

    Args:
        outputs: The outputs of the boxes, and masks (1, n, h, w) of probabilities over the boxes, or (1, n, C, h, w)
            with one per class.
        decoder: How to read them.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: an output is missing, of another shape, or not finite.
    """
    rows, order = find_rows(outputs, decoder.boxes, placement)
    clipped = placement.boxes_to_source(rows.boxes_xyxy[order])
    shown = np.all(clipped[:, 2:] > clipped[:, :2], axis=1)
    order = order[shown]
    spans = placement.points_to_source(rows.boxes_xyxy[order].reshape(-1, 2, 2)).reshape(-1, 4)
    classes = rows.class_ids[order]
    grids = _grids(decoder.masks, find_output(outputs, decoder.masks), rows.places[order], classes)
    return DetectionResult(
        boxes_xyxy=clipped[shown],
        scores=rows.scores[order],
        class_ids=classes,
        labels=decoder.boxes.labels,
        image=image,
        path=path,
        mask_grids=grids,
        mask_boxes_xyxy=spans,
        mask_threshold=decoder.mask_threshold,
    )


def _grids(name: str, masks: NDArray[Any], places: NDArray[np.intp], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    own = masks[0]
    if own.ndim == 4 and own.shape[1] > 1:
        if len(classes) and classes.max() >= own.shape[1]:
            raise EngineError(
                f"network output '{name}' has masks of {own.shape[1]} classes, but class {classes.max()} was found"
            )
        chosen = own[places, classes]
    elif own.ndim == 4:
        chosen = own[places, 0]
    elif own.ndim == 3:
        chosen = own[places]
    else:
        raise EngineError(f"network output '{name}' has shape {masks.shape}: expected (1, n, h, w) or (1, n, C, h, w)")
    grids = chosen.astype(np.float32)
    check_numbers(name, grids)
    if grids.size and (grids.min() < -_TOLERANCE or grids.max() > 1 + _TOLERANCE):
        raise EngineError(
            f"network output '{name}' lies between {grids.min():.3g} and {grids.max():.3g}: expected 0 to 1"
        )
    return np.asarray(np.clip(grids, 0, 1))
