"""From a network's outputs to detections in pixels of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.decoder import DetectionDecoder
from belvedere.tasks.detection.formats import COLUMNS, FULL, RAW, Rows, read_rows
from belvedere.tasks.detection.result import DetectionResult
from belvedere.tasks.detection.soft_suppression import soften
from belvedere.tasks.detection.suppression import suppress
from belvedere.tasks.outputs import Outputs, as_rows, find_output
from belvedere.vision.placement import Placement

__all__ = ["DetectionDecoder", "decode_detection", "find_rows"]


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
    arrays = [_array(outputs, name, role) for name, role in zip(decoder.outputs, decoder.roles, strict=True)]
    try:
        rows = read_rows(decoder.form, arrays, decoder.reading((placement.width, placement.height)))
    except EngineError as error:
        names = ", ".join(f"'{name}'" for name in decoder.outputs)
        raise EngineError(f"network output {names}: {error}") from None
    if decoder.iou is None:
        return rows, np.argsort(-rows.scores, kind="stable")[: decoder.most]
    if decoder.candidates is not None and len(rows.scores) > decoder.candidates:
        first = np.sort(np.argsort(-rows.scores, kind="stable")[: decoder.candidates])
        rows = Rows(rows.boxes_xyxy[first], rows.scores[first], rows.class_ids[first], rows.places[first])
    if decoder.suppression == "hard":
        return rows, suppress(rows.boxes_xyxy, rows.scores, rows.class_ids, decoder.iou, decoder.most)
    scores, order = soften(
        rows.boxes_xyxy,
        rows.scores,
        rows.class_ids,
        method="linear" if decoder.suppression == "soft-linear" else "gaussian",
        iou=decoder.iou,
        sigma=decoder.sigma,
        threshold=decoder.threshold,
        most=decoder.most,
    )
    return rows._replace(scores=scores), order


def _array(outputs: Outputs, name: str, role: str) -> NDArray[np.float32]:
    values = find_output(outputs, name, rows=role not in FULL)
    if role not in RAW:
        return as_rows(name, values, COLUMNS[role])
    if role == "priors" and values.ndim == 2 and values.shape[1] == 4:  # the same for all pictures
        return np.asarray(values, dtype=np.float32)
    if values.ndim < 2:
        raise EngineError(f"network output '{name}' has shape {values.shape}: expected an axis of pictures and more")
    return np.asarray(values[0], dtype=np.float32)
