"""From a network's outputs to things with masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection.decode import DetectionDecoder, find_rows
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.segmentation.prototypes import coefficients_of, prototype_masks
from belvedere.tasks.segmentation.windows import INSIDE, cut_windows, from_logits
from belvedere.vision.placement import Placement

_TOLERANCE = 1e-3
_GRIDS = ("gluoncv", "ssd", "tf-detection")

Form = Literal["grids", "prototypes", "queries"]


@dataclass(frozen=True)
class InstanceDecoder:
    """How the outputs of a network that finds things with masks are read; part of the artifact.

    Attributes:
        boxes: How its boxes are read.
        masks: Name of the output with masks.
        mask_threshold: The value from which a pixel belongs to the thing.
        form: ``grids``: one grid of probabilities per row over its box (Mask R-CNN); ``prototypes``: maps that each
            row mixes with coefficients (YOLACT, YOLO); ``queries``: a map of logits per query (RF-DETR, of boxes of
            format ``detr``).
        coefficients: ``prototypes``: name of the output with the coefficients of each row; None where they are the
            last numbers of the rows themselves.
        layout: ``prototypes``: axes of the maps, ``NCHW`` or ``NHWC``.

    Raises:
        OptionError: a field has no usable value.
    """

    boxes: DetectionDecoder
    masks: str
    mask_threshold: float = 0.5
    form: Form = "grids"
    coefficients: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    def __post_init__(self) -> None:
        if self.form not in ("grids", "prototypes", "queries") or self.layout not in ("NCHW", "NHWC"):
            raise OptionError(
                f"form {self.form!r}, layout {self.layout!r}: expected grids, prototypes or queries, NCHW or NHWC"
            )
        if self.form == "grids" and self.boxes.form not in _GRIDS:
            raise OptionError(f"format {self.boxes.form!r} has no masks: expected gluoncv, ssd or tf-detection")
        if self.form == "queries" and self.boxes.form != "detr":
            raise OptionError(f"format {self.boxes.form!r} has no queries: expected detr")
        own = self.boxes.form in ("yolo", "yolov8") and self.boxes.extra > 0
        if self.form == "prototypes" and self.coefficients is None and not own:
            raise OptionError(
                f"format {self.boxes.form!r} with {self.boxes.extra} extra numbers has no coefficients: name the "
                "output that holds them, or say how many numbers at the end of each row they are (extra)"
            )
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
        outputs: The outputs of the boxes, and masks: grids (1, n, h, w) of probabilities over the boxes, or
            (1, n, C, h, w) with one per class; prototypes (1, P, h, w) over the input; or logits (1, n, h, w) over
            the input.
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
    order, clipped = order[shown], clipped[shown]
    boxes, classes, places = rows.boxes_xyxy[order], rows.class_ids[order], rows.places[order]
    values = find_output(outputs, decoder.masks, rows=not len(places) and decoder.form != "prototypes")
    inside = INSIDE
    if decoder.form == "grids":
        spans = placement.points_to_source(boxes.reshape(-1, 2, 2)).reshape(-1, 4)
        grids, inside = _grids(decoder.masks, values, places, classes), decoder.mask_threshold
    elif decoder.form == "prototypes":
        found = prototype_masks(
            decoder.masks, values, coefficients_of(outputs, decoder.boxes, decoder.coefficients, places), boxes,
            (placement.width, placement.height), decoder.mask_threshold, decoder.layout,
        )  # fmt: skip
        grids, spans = cut_windows(found, placement)
    else:
        found = from_logits(_query_masks(decoder.masks, values, places), decoder.mask_threshold)
        some = (found >= INSIDE).any(axis=(1, 2))  # what has a box and no pixel is left out, as RF-DETR does
        order, clipped, classes = order[some], clipped[some], classes[some]
        grids, spans = cut_windows(found[some], placement)
    return DetectionResult(
        boxes_xyxy=clipped,
        scores=rows.scores[order],
        class_ids=classes,
        labels=decoder.boxes.labels,
        image=image,
        path=path,
        mask_grids=grids,
        mask_boxes_xyxy=spans,
        mask_threshold=inside,
    )


def _grids(name: str, masks: NDArray[Any], places: NDArray[np.intp], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    own = masks[0]
    if own.ndim not in (3, 4) or (len(places) and places.max() >= len(own)):
        raise EngineError(
            f"network output '{name}' has shape {masks.shape}: expected (1, n, h, w) or (1, n, C, h, w), one per row"
        )
    if own.ndim == 4 and own.shape[1] > 1:
        if len(classes) and classes.max() >= own.shape[1]:
            raise EngineError(
                f"network output '{name}' has masks of {own.shape[1]} classes, but class {classes.max()} was found"
            )
        chosen = own[places, classes]
    else:
        chosen = own[places, 0] if own.ndim == 4 else own[places]
    grids = chosen.astype(np.float32)
    check_numbers(name, grids)
    if grids.size and (grids.min() < -_TOLERANCE or grids.max() > 1 + _TOLERANCE):
        raise EngineError(
            f"network output '{name}' lies between {grids.min():.3g} and {grids.max():.3g}: expected 0 to 1"
        )
    return np.asarray(np.clip(grids, 0, 1))


def _query_masks(name: str, masks: NDArray[Any], places: NDArray[np.intp]) -> NDArray[np.float32]:
    if masks.ndim != 4 or min(masks.shape[2:]) < 1 or (len(places) and places.max() >= masks.shape[1]):
        raise EngineError(f"network output '{name}' has shape {masks.shape}: expected (1, queries, height, width)")
    chosen = np.asarray(masks[0][places], dtype=np.float32)
    check_numbers(name, chosen)
    return chosen
