"""Heatmaps, outlines, boxes and captions on pictures.

Every function takes an RGB uint8 (H, W, 3) picture and returns a new one of the same size. Lines and text
grow with the picture. Every line has a darker or lighter rim and every text a plate, so that they can be read
on any ground; a text for which the picture is too small is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.colors import parse_hex
from belvedere.vision.paint import Label, find_caption, paint_boxes, paint_caption, paint_heatmap, paint_outline
from belvedere.vision.plates import BoxXYXY


def canvas_of(rgb: NDArray[np.uint8], scale: int = 1) -> Image.Image:
    """A Pillow copy of a picture, to draw on, enlarged ``scale`` times.

    Raises:
        ImageError: not an RGB uint8 (H, W, 3) array, or an empty one.
        OptionError: ``scale`` is below 1.
    """
    if scale < 1:
        raise OptionError(f"scale is {scale!r}: expected a whole number of at least 1")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ImageError(f"cannot draw on {rgb.dtype} {rgb.shape}: expected RGB uint8 (H, W, 3)")
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    if scale == 1:
        return picture
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.BICUBIC)


def overlay_heatmap(
    rgb: NDArray[np.uint8], heatmap: NDArray[np.floating[Any]], strength: float = 0.5, *, floor: float = 0.25
) -> NDArray[np.uint8]:
    """Lay a heatmap over a picture, from violet over orange to light yellow.

    Args:
        rgb: RGB uint8 (H, W, 3).
        heatmap: Values 0..1 (others are clipped), of any size; it is stretched over the picture.
        strength: Opacity of the highest values, 0..1.
        floor: Up to this value the picture stays as it is.

    Raises:
        ImageError: an array of another shape or dtype, or values that are not finite.
        OptionError: ``strength`` or ``floor`` outside 0..1.
    """
    picture = canvas_of(rgb)
    paint_heatmap(picture, heatmap, strength, floor)
    return np.asarray(picture)


def outline_mask(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], color: str) -> NDArray[np.uint8]:
    """Draw the outline of a mask.

    Args:
        rgb: RGB uint8 (H, W, 3).
        mask: bool (H, W).
        color: ``#RRGGBB``.

    Raises:
        ImageError: an array of another shape or dtype.
        OptionError: ``color`` is no colour.
    """
    picture = canvas_of(rgb)
    paint_outline(picture, mask, color)
    return np.asarray(picture)


def draw_boxes(
    rgb: NDArray[np.uint8],
    boxes_xyxy: Sequence[BoxXYXY],
    labels: Sequence[Label],
    colors: Sequence[str],
) -> NDArray[np.uint8]:
    """Draw boxes with labels that stay inside the picture and never cover each other.

    Args:
        rgb: RGB uint8 (H, W, 3).
        boxes_xyxy: Left, top, right, bottom in pixels, right and bottom exclusive. The line runs outside.
        labels: A text for each box, or several of which the first that has room is written; None or an empty one
            draws the box alone, as does a text that has no room. The first boxes get their labels first.
        colors: ``#RRGGBB`` for each box.

    Raises:
        ImageError: not such a picture.
        OptionError: the lists differ in length, or a colour is none.
    """
    picture = canvas_of(rgb)
    paint_boxes(picture, boxes_xyxy, labels, colors)
    return np.asarray(picture)


def caption(
    rgb: NDArray[np.uint8],
    text: str | Sequence[str],
    color: str,
    *,
    filled: bool = True,
    avoid_xyxy: Sequence[BoxXYXY] = (),
) -> NDArray[np.uint8]:
    """Write a caption into the corner of a picture where it covers least.

    Args:
        rgb: RGB uint8 (H, W, 3).
        text: The text, or several of which the first that fits is written.
        color: ``#RRGGBB`` of the plate, or of text and border where it is not filled.
        filled: Whether the plate has the colour; otherwise it is white.
        avoid_xyxy: Boxes that should not be covered, such as regions.

    Raises:
        ImageError: not such a picture.
        OptionError: ``color`` is no colour.
    """
    picture = canvas_of(rgb)
    parse_hex(color)
    placed = find_caption(picture.size, [text] if isinstance(text, str) else text, avoid_xyxy)
    if placed is not None:
        paint_caption(picture, *placed, color, filled)
    return np.asarray(picture)
