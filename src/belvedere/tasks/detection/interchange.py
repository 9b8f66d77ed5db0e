"""Detections for other packages."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from belvedere.core.errors import MissingExtraError

if TYPE_CHECKING:
    from belvedere.tasks.detection.result import DetectionResult


def to_supervision(result: DetectionResult) -> Any:
    """See `DetectionResult.to_supervision`."""
    try:
        supervision = importlib.import_module("supervision")
    except ImportError:
        raise MissingExtraError("to_supervision()", "supervision") from None
    masks = None
    if result.has_masks:
        masks = np.zeros((len(result), result.height, result.width), dtype=bool)
        for number in range(len(result)):
            masks[number] = result.mask(number)
    return supervision.Detections(
        xyxy=result.boxes_xyxy.copy(),
        mask=masks,
        confidence=result.scores.copy(),
        class_id=result.class_ids.astype(int),
        data={"class_name": np.array([found.label for found in result.detections], dtype=str)},
    )
