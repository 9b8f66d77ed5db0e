"""Ways to bring a picture to a network's input size: stretch it, keep its shape and fill, or cut out the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from belvedere.vision.placement import Placement
from belvedere.vision.resize import resize_part, resize_rgb

MODES = ("stretch", "letterbox", "crop")
ANCHORS = ("center", "top-left")


def place_stretched(source: tuple[int, int], size: tuple[int, int]) -> Placement:
    """The picture fills the input; its aspect ratio is not kept. Sizes are (width, height)."""
    return Placement(*source, *size, size[0] / source[0], size[1] / source[1])


def place_letterboxed(source: tuple[int, int], size: tuple[int, int], anchor: str) -> Placement:
    """The picture keeps its aspect ratio and fits into the input, in the middle or at the upper left.

    The scaled picture has whole pixels, so the two scales may differ a little.
    """
    scale = min(size[0] / source[0], size[1] / source[1])
    width, height = (min(most, max(1, round(length * scale))) for length, most in zip(source, size, strict=True))
    centered = anchor == "center"
    left, top = ((size[0] - width) // 2, (size[1] - height) // 2) if centered else (0, 0)
    return Placement(*source, *size, width / source[0], height / source[1], float(left), float(top))


def place_cropped(source: tuple[int, int], size: tuple[int, int], short: int) -> Placement:
    """The picture's shorter side becomes ``short`` pixels, then the middle is cut out.

    Sizes are rounded as torchvision's ``Resize`` and ``CenterCrop`` round them.
    """
    shorter = min(source)
    scaled = [short if length == shorter else int(short * length / shorter) for length in source]
    left, top = (round((whole - part) / 2.0) for whole, part in zip(scaled, size, strict=True))
    return Placement(*source, *size, scaled[0] / source[0], scaled[1] / source[1], -float(left), -float(top))


def fit_stretched(rgb: NDArray[np.uint8], place: Placement, kernel_name: str) -> NDArray[np.uint8]:
    """The picture in the size of the input, RGB uint8 (height, width, 3)."""
    return resize_rgb(rgb, place.width, place.height, kernel_name)


def fit_letterboxed(
    rgb: NDArray[np.uint8], place: Placement, kernel_name: str, fill: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """The scaled picture on a ground of colour ``fill``, RGB uint8 (height, width, 3)."""
    width = round(place.source_width * place.scale_x)
    height = round(place.source_height * place.scale_y)
    scaled = resize_rgb(rgb, width, height, kernel_name)
    if (width, height) == (place.width, place.height):
        return scaled
    left, top = int(place.offset_x), int(place.offset_y)
    ground = np.empty((place.height, place.width, 3), dtype=np.uint8)
    # Whole rows: NumPy is many times slower on a last axis of three.
    row = np.tile(np.array(fill, dtype=np.uint8), place.width)
    lines = ground.reshape(place.height, -1)
    lines[:top] = row
    lines[top + height :] = row
    lines[top : top + height, : 3 * left] = row[: 3 * left]
    lines[top : top + height, 3 * (left + width) :] = row[3 * (left + width) :]
    lines[top : top + height, 3 * left : 3 * (left + width)] = scaled.reshape(height, -1)
    return ground


def fit_cropped(rgb: NDArray[np.uint8], place: Placement, kernel_name: str) -> NDArray[np.uint8]:
    """The middle of the scaled picture, RGB uint8 (height, width, 3).

    Only what is cut out gets scaled, so a long narrow picture takes no more memory than another.
    """
    left, top = -place.offset_x / place.scale_x, -place.offset_y / place.scale_y
    right, bottom = left + place.width / place.scale_x, top + place.height / place.scale_y
    box = (left, top, min(right, place.source_width), min(bottom, place.source_height))
    return resize_part(rgb, box, place.width, place.height, kernel_name)
