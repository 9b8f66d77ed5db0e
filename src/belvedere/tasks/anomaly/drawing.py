"""A result drawn onto its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from belvedere.tasks.anomaly.regions import Region
from belvedere.vision.draw import canvas_of
from belvedere.vision.paint import (
    find_caption,
    paint_boxes,
    paint_caption,
    paint_frame,
    paint_heatmap,
    paint_outline,
)
from belvedere.vision.plates import BoxXYXY
from belvedere.vision.resize import resize_map

if TYPE_CHECKING:
    from belvedere.tasks.anomaly.result import AnomalyResult

# Orange-red and blue are told apart with every kind of colour blindness. The plates also differ in shape:
# filled with a frame around the picture, or white without one.
ANOMALY_COLOR = "#C43C00"
NORMAL_COLOR = "#0B5FA5"
MASK_COLOR = "#00D5F0"

MOST_BOXES = 25
MOST_LABELS = 8

_FLOOR = 0.5  # of the pixel threshold: below it the picture stays untouched


def draw_result(result: AnomalyResult, heatmap: bool = True, scale: int = 1) -> Image.Image:
    """See `AnomalyResult.draw`."""
    picture = canvas_of(result.image)
    if scale > 1:
        size = (result.width * scale, result.height * scale)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    if heatmap:
        paint_heatmap(picture, result.grid, 0.55, min(1.0, max(0.0, _FLOOR * result.pixel_threshold)))
    anomalous = result.is_anomalous
    regions = result.regions[:MOST_BOXES] if anomalous else ()
    boxes = [_scaled(region.box_xyxy, scale) for region in regions]
    caption = find_caption(picture.size, _verdict(result), boxes)
    if anomalous:
        _paint_outlines(picture, result)
        paint_frame(picture, ANOMALY_COLOR)
        keep_clear = [] if caption is None else [caption[0].xyxy(*caption[1:])]
        _paint_regions(picture, result, regions, boxes, keep_clear)
    if caption is not None:
        paint_caption(picture, *caption, ANOMALY_COLOR if anomalous else NORMAL_COLOR, filled=anomalous)
    return picture


def _paint_outlines(picture: Image.Image, result: AnomalyResult) -> None:
    """Outlines of the types where the model knows types, else of the mask."""
    if result.type_grid is None:
        paint_outline(picture, resize_map(result.grid, *picture.size) >= result.pixel_threshold, MASK_COLOR)
        return
    for number, color in enumerate(result.type_colors, start=1):
        cells = result.type_grid == number
        if cells.any():
            # Between the centres of cells the line runs straight, not in the stairs of `type_mask`.
            paint_outline(picture, resize_map(cells.astype(np.float32), *picture.size) >= 0.5, color)


def _paint_regions(
    picture: Image.Image,
    result: AnomalyResult,
    regions: Sequence[Region],
    boxes: Sequence[BoxXYXY],
    keep_clear: Sequence[BoxXYXY],
) -> None:
    of_type = dict(zip(result.types, result.type_colors, strict=True))
    colors = [of_type.get(region.label or "", MASK_COLOR) for region in regions]
    labels = [
        f"{region.label or ''} {region.score:.2f}" if rank < MOST_LABELS else None
        for rank, region in enumerate(regions)
    ]
    paint_boxes(picture, boxes, labels, colors, keep_clear)


def _verdict(result: AnomalyResult) -> list[str]:
    """The verdict in words, then shorter forms for pictures where it does not fit."""
    # Near the threshold two decimals could seem to contradict the verdict.
    digits = 2 if f"{result.score:.2f}" != f"{result.threshold:.2f}" else 4
    score = f"{result.score:.{digits}f}"
    if not result.is_anomalous:
        return [f"normal {score}", score]
    return [f"ANOMALY {score} (threshold {result.threshold:.{digits}f})", f"ANOMALY {score}", score]


def _scaled(box: BoxXYXY, scale: int) -> BoxXYXY:
    left, top, right, bottom = box
    return left * scale, top * scale, right * scale, bottom * scale
