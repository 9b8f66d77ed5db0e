"""Cutting one person out of a picture for top-down pose networks, and where the cut lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.vision.placement import Placement

PADDING = 1.25
"""How much larger than the person's box the cut is, as SimplePose, HRNet and ViTPose were trained."""


def place_person(
    box_xyxy: NDArray[np.floating[Any]], source: tuple[int, int], size: tuple[int, int], padding: float = PADDING
) -> Placement:
    """Where a person's box lies in a network's input: grown to the input's shape, then by ``padding``.

    Lengths are counted between the middles of the first and the last pixel (UDP, Huang et al. 2020), as ViTPose and
    transformers' ``VitPoseImageProcessor`` do.

    Args:
        box_xyxy: Left, top, right, bottom in pixels of the picture, (4,).
        source: Width and height of the picture.
        size: Width and height of the input, at least 2.
        padding: Factor on the box's sides.

    Raises:
        OptionError: the box is empty or not finite, or the input too small.
    """
    left, top, right, bottom = (float(value) for value in np.asarray(box_xyxy, dtype=np.float64))
    if not (np.isfinite([left, top, right, bottom]).all() and right > left and bottom > top) or not padding > 0:
        raise OptionError(f"the person's box is {[left, top, right, bottom]}: expected left < right and top < bottom")
    if min(size) < 2:
        raise OptionError(f"an input of {size[0]}x{size[1]} pixels: expected at least 2x2")
    shape = size[0] / size[1]
    width, height = right - left, bottom - top
    width, height = max(width, height * shape) * padding, max(height, width / shape) * padding
    scale_x, scale_y = (size[0] - 1) / width, (size[1] - 1) / height
    first_x, first_y = (left + right) / 2 - width / 2, (top + bottom) / 2 - height / 2
    # The middle of the input's first pixel reads the picture half a pixel beyond the cut's edge.
    return Placement(*source, *size, scale_x, scale_y, 0.5 - (first_x + 0.5) * scale_x, 0.5 - (first_y + 0.5) * scale_y)


def cut_person(rgb: NDArray[np.uint8], place: Placement) -> NDArray[np.uint8]:
    """The cut as the network's input, black where it leaves the picture, RGB uint8 (height, width, 3).

    Each pixel is read bilinearly between the four nearest of the picture.

    Args:
        rgb: The picture, RGB uint8 (H, W, 3).
        place: As `place_person` gives it.
    """
    height, width = rgb.shape[:2]
    x = (np.arange(place.width) + 0.5 - place.offset_x) / place.scale_x - 0.5
    y = (np.arange(place.height) + 0.5 - place.offset_y) / place.scale_y - 0.5
    left, right, u = _neighbours(x, width)
    top, bottom, v = _neighbours(y, height)
    rows = []
    for chosen in (top, bottom):
        own = rgb[chosen].astype(np.float32)
        rows.append(own[:, left] * (1 - u)[None, :, None] + own[:, right] * u[None, :, None])
    found = rows[0] * (1 - v)[:, None, None] + rows[1] * v[:, None, None]
    outside = ((y < 0) | (y > height - 1))[:, None] | ((x < 0) | (x > width - 1))[None]
    found[outside] = 0
    return np.asarray(np.floor(found + np.float32(0.5)), dtype=np.uint8)


def _neighbours(
    at: NDArray[np.floating[Any]], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    inside = np.clip(at, 0, size - 1)
    first = np.floor(inside).astype(np.intp)
    return first, np.minimum(first + 1, size - 1), (inside - first).astype(np.float32)
