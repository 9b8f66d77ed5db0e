"""Coloured areas and a legend on pictures of mode RGB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from belvedere.core.errors import ImageError
from belvedere.vision.colors import parse_hex
from belvedere.vision.paint import mask_window
from belvedere.vision.plates import fit_plate, line_width, text_color

_LEGEND_SHARE = 0.06  # of the picture that one line of the legend may cover
_MOST_LINES = 12


def paint_area(picture: Image.Image, mask: NDArray[np.bool_], color: str, opacity: float) -> None:
    """Tint the pixels of a mask.

    Args:
        picture: The picture, changed in place.
        mask: bool (height, width).
        color: ``#RRGGBB``.
        opacity: Of the tint, 0..1.

    Raises:
        ImageError: the mask has another shape.
        OptionError: ``color`` is no colour.
    """
    if mask.shape != (picture.height, picture.width) or mask.dtype != np.bool_:
        raise ImageError(f"a mask of {mask.dtype} {mask.shape}: expected bool {(picture.height, picture.width)}")
    window = mask_window(mask)
    if window is not None:  # only around the mask: the rest of a large picture would take long for nothing
        rows, columns = window
        tint = Image.fromarray(mask[window] * np.uint8(round(opacity * 255)))
        picture.paste(parse_hex(color), (columns.start, rows.start), tint)


def paint_classes(picture: Image.Image, class_map: NDArray[np.int16], colors: dict[int, str], opacity: float) -> None:
    """Tint each pixel in the colour of its class; classes without a colour stay as they are.

    Args:
        picture: The picture, changed in place.
        class_map: Number of the class per pixel, int16 (height, width).
        colors: Class to ``#RRGGBB``.
        opacity: Of the tint, 0..1.
    """
    if class_map.shape != (picture.height, picture.width):
        raise ImageError(f"a class map of {class_map.shape}: expected {(picture.height, picture.width)}")
    tint = np.zeros((*class_map.shape, 3), dtype=np.uint8)
    shown = np.zeros(class_map.shape, dtype=bool)
    for number, color in colors.items():
        inside = class_map == number
        tint[inside] = parse_hex(color)
        shown |= inside
    picture.paste(Image.fromarray(tint), mask=Image.fromarray(shown * np.uint8(round(opacity * 255))))


def paint_legend(picture: Image.Image, lines: Sequence[tuple[str, str]]) -> None:
    """Write lines of text on plates of their colours, from the upper left downwards, as many as have room.

    Args:
        picture: The picture, changed in place.
        lines: Text and ``#RRGGBB`` of each.
    """
    canvas = ImageDraw.Draw(picture)
    margin = 2 * line_width(*picture.size)
    x = y = margin
    for text, color in lines[:_MOST_LINES]:
        plate = fit_plate([text], *picture.size, share=_LEGEND_SHARE, scale=0.8)
        if plate is None:
            continue
        if y + plate.height > picture.height or x + plate.width > picture.width:
            break
        ink = parse_hex(color)
        plate.draw(canvas, x, y, fill=ink, ink=text_color(ink))
        y += plate.height + margin // 2
