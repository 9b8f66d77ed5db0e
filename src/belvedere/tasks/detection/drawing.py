"""Detections drawn onto their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.tasks.detection.masks import paste_mask
from belvedere.tasks.label_names import label_color
from belvedere.vision.draw import canvas_of
from belvedere.vision.overlay import paint_area
from belvedere.vision.paint import paint_boxes, paint_outline

if TYPE_CHECKING:
    from belvedere.tasks.detection.result import DetectionResult

MOST_BOXES = 1000
MOST_MASKS = 100
MOST_LABELS = 200
_OPACITY = 0.45


def draw_detections(result: DetectionResult, scale: int = 1) -> Image.Image:
    """See `DetectionResult.draw`."""
    picture = canvas_of(result.image, scale)
    found = result.detections[:MOST_BOXES]
    colors = [label_color(one.label) for one in found]
    if result.has_masks:
        for number in reversed(range(min(len(found), MOST_MASKS))):  # the highest score on top
            mask = _scaled_mask(result, number, scale)
            paint_area(picture, mask, colors[number], _OPACITY)
            paint_outline(picture, mask, colors[number])
    boxes = [(scale * x0, scale * y0, scale * x1, scale * y1) for x0, y0, x1, y1 in (one.box_xyxy for one in found)]
    labels = [
        (f"{one.label} {one.score:.2f}", one.label) if rank < MOST_LABELS else None for rank, one in enumerate(found)
    ]
    paint_boxes(picture, boxes, labels, colors)
    return picture


def _scaled_mask(result: DetectionResult, number: int, scale: int) -> NDArray[np.bool_]:
    grids, spans = result.mask_grids, result.mask_boxes_xyxy
    if grids is not None and spans is not None:  # smooth at any scale
        size = scale * result.width, scale * result.height
        return paste_mask(grids[number], spans[number] * np.float32(scale), *size, result.mask_threshold)
    mask = result.mask(number)
    return mask.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else mask
