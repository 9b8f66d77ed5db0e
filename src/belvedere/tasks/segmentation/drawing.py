"""Class maps drawn onto their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from belvedere.tasks.label_names import label_color
from belvedere.vision.draw import canvas_of
from belvedere.vision.overlay import paint_classes, paint_legend
from belvedere.vision.paint import paint_outline

if TYPE_CHECKING:
    from belvedere.tasks.segmentation.result import SegmentationResult

_OPACITY = 0.55


def draw_classes(result: SegmentationResult, scale: int = 1) -> Image.Image:
    """See `SegmentationResult.draw`."""
    picture = canvas_of(result.image, scale)
    shown = [area for area in result.areas if area.class_id != result.background]
    colors = {area.class_id: label_color(area.label) for area in shown}
    large = result.class_map.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else result.class_map
    paint_classes(picture, large, colors, _OPACITY)
    for class_id, color in colors.items():
        paint_outline(picture, large == class_id, color)
    paint_legend(picture, [(f"{area.label} {area.area:.1%}", colors[area.class_id]) for area in shown])
    return picture
