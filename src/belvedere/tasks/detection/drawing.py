"""Detections drawn onto their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from belvedere.tasks.detection.masks import paste_mask
from belvedere.tasks.label_names import class_color
from belvedere.vision.draw import canvas_of
from belvedere.vision.overlay import paint_area
from belvedere.vision.paint import paint_boxes, paint_outline

if TYPE_CHECKING:
    from belvedere.tasks.detection.result import DetectionResult

MOST_BOXES = 100
MOST_LABELS = 40


def draw_detections(result: DetectionResult, scale: int = 1) -> Image.Image:
    """See `DetectionResult.draw`."""
    picture = canvas_of(result.image, scale)
    found = result.detections[:MOST_BOXES]
    colors = [class_color(one.class_id) for one in found]
    if result.mask_grids is not None and result.mask_boxes_xyxy is not None:
        spans = result.mask_boxes_xyxy * np.float32(scale)
        for number in reversed(range(len(found))):  # the highest score on top
            mask = paste_mask(result.mask_grids[number], spans[number], *picture.size, result.mask_threshold)
            paint_area(picture, mask, colors[number], 0.45)
            paint_outline(picture, mask, colors[number])
    boxes = [tuple(scale * value for value in one.box_xyxy) for one in found]
    labels = [f"{one.label} {one.score:.2f}" if rank < MOST_LABELS else None for rank, one in enumerate(found)]
    paint_boxes(picture, boxes, labels, colors)  # type: ignore[arg-type]
    return picture
