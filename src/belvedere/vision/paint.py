"""Drawing in place on Pillow pictures of mode RGB: the work behind `belvedere.vision.draw`.

A drawing of several layers on a large picture is made here without converting it between layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.colors import parse_hex
from belvedere.vision.heat import heat_colors, heat_opacity
from belvedere.vision.plates import (
    BoxXYXY,
    Color,
    Plate,
    fit_plate,
    line_width,
    place_beside,
    place_in_corner,
    text_color,
)

_RIM_OPACITY = 0.6
# A text that would cover more of the picture than this hides more than it says.
_LABEL_SHARE, _CAPTION_SHARE = 0.05, 0.35


def paint_heatmap(picture: Image.Image, heatmap: NDArray[np.floating[Any]], strength: float, floor: float) -> None:
    """Lay a heatmap over the picture; see `belvedere.vision.draw.overlay_heatmap`."""
    for name, value in (("strength", strength), ("floor", floor)):
        if not 0 <= value <= 1:
            raise OptionError(f"heatmap {name} is {value!r}: expected 0 to 1")
    if heatmap.ndim != 2 or not heatmap.size or not np.isfinite(heatmap).all():
        raise ImageError(f"a heatmap of shape {heatmap.shape}: expected finite values (height, width)")
    levels = Image.fromarray((np.clip(heatmap, 0, 1) * 255 + 0.5).astype(np.uint8))
    levels = levels.resize(picture.size, Image.Resampling.BILINEAR)
    opacity = levels.point(heat_opacity(strength, floor).tolist())
    levels.putpalette(heat_colors().tobytes())
    picture.paste(levels.convert("RGB"), mask=opacity)


def paint_outline(picture: Image.Image, mask: NDArray[np.bool_], color: str) -> None:
    """Draw the outline of a mask; see `belvedere.vision.draw.outline_mask`."""
    line = parse_hex(color)
    if mask.shape != (picture.height, picture.width) or mask.dtype != np.bool_:
        raise ImageError(f"a mask of {mask.dtype} {mask.shape}: expected bool {(picture.height, picture.width)}")
    half = max(1.0, line_width(*picture.size) / 2)
    rim = max(1.0, half * 0.8)
    radius = int(half + rim) + 1
    # Only around the mask: the rest of a large picture would take long for nothing.
    window = _window(mask, radius + 1)
    if window is None:
        return
    mask, corner = mask[window], (window[1].start, window[0].start)
    filled = Image.fromarray(mask * np.uint8(255))
    # Blurred by a box, the mask falls from 255 to 0 in a straight ramp across its edge: the value tells the
    # distance from the edge.
    ramp = filled.filter(ImageFilter.BoxBlur(radius))
    # What is thinner than the ramp never reaches its middle: it is painted whole.
    thin = Image.fromarray((mask & (np.asarray(ramp) < 128)) * np.uint8(255))
    for ink, reach, opacity in ((rim_color(line), half + rim, _RIM_OPACITY), (line, half, 1.0)):
        _fill(picture, ink, corner, ramp.point(_stroke(reach, 2 * radius + 1, opacity)))
    _fill(picture, line, corner, thin)


def paint_boxes(
    picture: Image.Image,
    boxes_xyxy: Sequence[BoxXYXY],
    labels: Sequence[str | None],
    colors: Sequence[str],
    keep_clear_xyxy: Sequence[BoxXYXY] = (),
) -> None:
    """Draw boxes with labels; see `belvedere.vision.draw.draw_boxes`.

    Args:
        picture: The picture.
        boxes_xyxy: Left, top, right, bottom in pixels.
        labels: One per box, maybe None.
        colors: One per box.
        keep_clear_xyxy: Places that labels should leave free, such as that of a caption.
    """
    if not len(boxes_xyxy) == len(labels) == len(colors):
        raise OptionError(f"{len(boxes_xyxy)} boxes, {len(labels)} labels and {len(colors)} colours: expected one each")
    canvas = ImageDraw.Draw(picture)
    line = line_width(*picture.size)
    rim = max(1, line // 2)
    shapes = [_grown(box, line + 2 * rim, picture.size) for box in boxes_xyxy]
    inks = [parse_hex(color) for color in colors]
    for (left, top, right, bottom), ink in zip(shapes, inks, strict=True):
        canvas.rectangle((left, top, right, bottom), outline=rim_color(ink), width=line + 2 * rim)
        inner = (left + rim, top + rim, right - rim, bottom - rim)
        if inner[0] <= inner[2] and inner[1] <= inner[3]:
            canvas.rectangle(inner, outline=ink, width=line)
    taken = list(keep_clear_xyxy)
    for shape, label, ink in zip(shapes, labels, inks, strict=True):
        plate = fit_plate([label], *picture.size, share=_LABEL_SHARE, scale=0.85) if label and label.strip() else None
        if plate is None:
            continue
        around = (shape[0], shape[1], shape[2] + 1, shape[3] + 1)
        x, y = place_beside(plate, around, taken, shapes, *picture.size)
        plate.draw(canvas, x, y, fill=ink, ink=text_color(ink))
        taken.append(plate.xyxy(x, y))


def find_caption(
    size: tuple[int, int], texts: Sequence[str], avoid_xyxy: Sequence[BoxXYXY] = ()
) -> tuple[Plate, int, int] | None:
    """The plate of the first text that fits into a picture of ``size``, and where its upper left corner goes."""
    plate = fit_plate(texts, *size, share=_CAPTION_SHARE)
    if plate is None:
        return None
    return plate, *place_in_corner(plate, avoid_xyxy, *size, 2 * line_width(*size))


def paint_caption(picture: Image.Image, plate: Plate, x: int, y: int, color: str, filled: bool) -> None:
    """Draw a caption that `find_caption` has placed."""
    ink = parse_hex(color)
    canvas = ImageDraw.Draw(picture)
    if filled:
        plate.draw(canvas, x, y, fill=ink, ink=text_color(ink), rim=rim_color(ink))
    else:
        plate.draw(canvas, x, y, fill=(255, 255, 255), ink=ink, rim=ink)


def paint_frame(picture: Image.Image, color: str) -> None:
    """Draw a frame along the inside of the border, where the picture is large enough to have one."""
    ink = parse_hex(color)
    line = 2 * line_width(*picture.size)
    if min(picture.size) >= 8 * line:
        box = (0, 0, picture.width - 1, picture.height - 1)
        ImageDraw.Draw(picture).rectangle(box, outline=ink, width=line)


def rim_color(color: Color) -> Color:
    """A colour that a line's edge is seen by: near-black around light colours, white around dark ones."""
    return (255, 255, 255) if text_color(color) == (255, 255, 255) else (17, 17, 17)


def _window(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    """Rows and columns that hold the mask and a margin around it; None for an empty mask."""
    found = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    if not found[0].size:
        return None
    rows, columns = (slice(max(0, int(at[0]) - margin), int(at[-1]) + 1 + margin) for at in found)
    return rows, columns


def _fill(picture: Image.Image, color: Color, corner: tuple[int, int], opacity: Image.Image) -> None:
    """Paint ``color`` through ``opacity`` (mode L) whose upper left corner lies at ``corner``."""
    box = (*corner, corner[0] + opacity.width, corner[1] + opacity.height)
    picture.paste(color, box, opacity)


def _stroke(reach: float, ramp: int, opacity: float) -> list[int]:
    """Opacity of a line ``reach`` pixels to either side of an edge, by the ramp's value (0..255)."""
    distance = np.abs(np.arange(256) / 255 - 0.5) * ramp
    return [int(value) for value in (np.clip(reach + 0.5 - distance, 0, 1) * opacity * 255).round()]


def _grown(box: BoxXYXY, by: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box's line's outer edge in whole pixels, inclusive, inside the picture."""
    left = min(max(0, int(box[0]) - by), size[0] - 1)
    top = min(max(0, int(box[1]) - by), size[1] - 1)
    right = max(left, min(size[0] - 1, int(np.ceil(box[2])) - 1 + by))
    bottom = max(top, min(size[1] - 1, int(np.ceil(box[3])) - 1 + by))
    return left, top, right, bottom
