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
from belvedere.vision.label_places import place_labels
from belvedere.vision.plates import (
    BoxXYXY,
    Color,
    Plate,
    fit_plate,
    font_size,
    line_width,
    place_in_corner,
    text_color,
)

_RIM_OPACITY = 0.6
# A text that would cover more of the picture than this hides more than it says.
_LABEL_SHARE, _CAPTION_SHARE = 0.05, 0.35
_LABEL_SCALE, _SMALLEST_LABEL, _LABEL_OF_BOX = 0.75, 0.5, 0.2
_BESIDE = 2  # pixels between a label and its box from which a line joins them
_RIM_FROM = 24  # pixels of the shorter side; on smaller pictures a rim would hide what it shall show

Label = str | Sequence[str] | None
"""A text, several of which the first with room is written, or none."""


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
    window = mask_window(mask, radius + 1)
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
    labels: Sequence[Label],
    colors: Sequence[str],
    keep_clear_xyxy: Sequence[BoxXYXY] = (),
) -> None:
    """Draw boxes with labels; see `belvedere.vision.draw.draw_boxes`.

    Args:
        picture: The picture.
        boxes_xyxy: Left, top, right, bottom in pixels.
        labels: One per box, maybe None; or several texts of which the first that has room is written.
        colors: One per box.
        keep_clear_xyxy: Places that labels leave free, such as that of a caption.
    """
    if not len(boxes_xyxy) == len(labels) == len(colors):
        raise OptionError(f"{len(boxes_xyxy)} boxes, {len(labels)} labels and {len(colors)} colours: expected one each")
    canvas = ImageDraw.Draw(picture)
    inks = [parse_hex(color) for color in colors]
    shapes = []
    for box, ink in reversed(list(zip(boxes_xyxy, inks, strict=True))):  # the first on top
        line, rim = _lines(box, picture.size)
        left, top, right, bottom = _grown(box, line + 2 * rim, picture.size)
        if rim:
            canvas.rectangle((left, top, right, bottom), outline=rim_color(ink), width=line + 2 * rim)
        inner = (left + rim, top + rim, right - rim, bottom - rim)
        if inner[0] <= inner[2] and inner[1] <= inner[3]:
            canvas.rectangle(inner, outline=ink, width=line)
        shapes.append((left, top, right + 1, bottom + 1))
    paint_labels(picture, shapes[::-1], labels, colors, keep_clear_xyxy)


def paint_labels(
    picture: Image.Image,
    boxes_xyxy: Sequence[BoxXYXY],
    labels: Sequence[Label],
    colors: Sequence[str],
    keep_clear_xyxy: Sequence[BoxXYXY] = (),
) -> None:
    """Write labels beside boxes, as `paint_boxes` does, without the boxes. One that has no room is left out."""
    scale = _label_scale(boxes_xyxy, picture.size)
    plates = [_plates(label, picture.size, scale) for label in labels]
    canvas = ImageDraw.Draw(picture)
    places = place_labels(plates, boxes_xyxy, keep_clear_xyxy, *picture.size)
    inks = [parse_hex(color) for color in colors]
    for placed, box, ink in zip(places, boxes_xyxy, inks, strict=True):
        if placed is not None:  # lines first, so that they run under other labels
            _lead(canvas, placed.plate.xyxy(placed.x, placed.y), box, ink)
    for placed, ink in zip(places, inks, strict=True):
        if placed is not None:
            placed.plate.draw(canvas, placed.x, placed.y, fill=ink, ink=text_color(ink))


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


def mask_window(mask: NDArray[np.bool_], margin: int = 0) -> tuple[slice, slice] | None:
    """Rows and columns that hold the mask and a margin around it; None for an empty mask."""
    found = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    if not found[0].size:
        return None
    rows, columns = (slice(max(0, int(at[0]) - margin), int(at[-1]) + 1 + margin) for at in found)
    return rows, columns


def _lines(box: BoxXYXY, size: tuple[int, int]) -> tuple[int, int]:
    """Width of a box's line and of its rim: thinner around small things, none on pictures without room for it."""
    smallest = min(box[2] - box[0], box[3] - box[1])
    line = max(1, min(line_width(*size), round(smallest / 12)))
    return line, max(1, line // 2) if min(size) >= _RIM_FROM else 0


def _lead(canvas: ImageDraw.ImageDraw, plate: BoxXYXY, box: BoxXYXY, ink: Color) -> None:
    """A line from a label to its box, where it does not lie beside it."""
    ends = []
    for low, high in ((0, 2), (1, 3)):
        inner = max(plate[low], box[low]), min(plate[high], box[high])
        middle = (inner[0] + inner[1]) / 2
        apart = inner[0] > inner[1]
        ends.append((plate[high], box[low]) if apart and plate[high] <= box[low] else (plate[low], box[high]))
        if not apart:
            ends[-1] = (middle, middle)
    (x0, x1), (y0, y1) = ends
    if max(abs(x1 - x0), abs(y1 - y0)) > _BESIDE:
        line = max(1, round((plate[3] - plate[1]) / 14))
        canvas.line((x0, y0, x1, y1), fill=rim_color(ink), width=line + 2)
        canvas.line((x0, y0, x1, y1), fill=ink, width=line)


def _label_scale(boxes: Sequence[BoxXYXY], size: tuple[int, int]) -> float:
    """Factor on the picture's font size: small among small things, but never too small to be read."""
    if not boxes:
        return _LABEL_SCALE
    edges = [max(1.0, (box[2] - box[0]) * (box[3] - box[1])) ** 0.5 for box in boxes]
    wanted = _LABEL_OF_BOX * float(np.median(edges)) / font_size(*size)
    return min(_LABEL_SCALE, max(_SMALLEST_LABEL, wanted))


def _plates(label: Label, size: tuple[int, int], scale: float) -> list[Plate]:
    """The label's texts as plates: each at full size, then smaller."""
    texts = [label] if isinstance(label, str) else list(label or ())
    shares = [(text, scale * factor) for text in texts for factor in (1.0, 0.8)]
    plates = (fit_plate([text], *size, share=_LABEL_SHARE, scale=part) for text, part in shares if text.strip())
    return [plate for plate in plates if plate is not None]


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
