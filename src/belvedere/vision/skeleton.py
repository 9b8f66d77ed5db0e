"""Skeletons on pictures of mode RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from belvedere.vision.colors import parse_hex
from belvedere.vision.paint import rim_color
from belvedere.vision.plates import line_width


def paint_skeleton(
    picture: Image.Image,
    points_xy: NDArray[np.floating[Any]],
    shown: NDArray[np.bool_],
    bones: Sequence[tuple[int, int]],
    color: str,
    size: float | None = None,
) -> None:
    """Draw joints as dots and bones as lines between them, each with a rim.

    Args:
        picture: The picture, changed in place.
        points_xy: Joints (K, 2) in pixels.
        shown: Joints to draw, bool (K,); a bone is drawn where both its ends are.
        bones: Pairs of joints.
        color: ``#RRGGBB``.
        size: The longer side of the person's box in pixels: lines get thinner on small people.

    Raises:
        OptionError: ``color`` is no colour.
    """
    ink = parse_hex(color)
    rim = rim_color(ink)
    canvas = ImageDraw.Draw(picture)
    line = max(2, round(1.5 * line_width(*picture.size))) if min(picture.size) > 64 else 1
    if size is not None:
        line = max(1, min(line, round(size / 30)))
    # Far beyond the picture the drawing library would count pixels for nothing.
    far = 4 * max(picture.size)
    points = np.clip(points_xy, -far, far).astype(float)
    lines = [(*points[a], *points[b]) for a, b in bones if shown[a] and shown[b]]
    edge = 2 * max(1, round(line / 3))
    for width, paint in ((line + edge, rim), (line, ink)):
        for ends in lines:
            canvas.line(ends, fill=paint, width=width)
    for x, y in points[shown]:
        radius = 1.6 * line
        around = (x - radius, y - radius, x + radius, y + radius)
        canvas.ellipse(around, fill=ink, outline=rim, width=max(1, edge // 2))
