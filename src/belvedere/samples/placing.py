"""Puts drawn components onto a board at any angle and at fractions of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from belvedere.samples.surface import Plane, Surface


@dataclass(frozen=True, eq=False)
class Sprite:
    """A drawn component, packed for fast rotation.

    Attributes:
        center: Column and row of its own origin, in pixels.
        look: Square root of the premultiplied linear colour, and alpha; RGBA.
        relief: Premultiplied height in millimetres; 32-bit float.
        material: Premultiplied metal and gloss in the first two bands; RGB.
    """

    center: tuple[float, float]
    look: Image.Image
    relief: Image.Image
    material: Image.Image

    @classmethod
    def of(cls, surface: Surface) -> Sprite:
        """Pack what was drawn on an initially blank surface."""
        color = np.sqrt(np.clip(surface.color, 0, 1))
        look = _bytes(np.concatenate([color, surface.alpha[..., None]], axis=2))
        material = _bytes(np.stack([surface.metal, surface.gloss, np.zeros_like(surface.gloss)], axis=2))
        center = (-surface.origin[0] * surface.scale, -surface.origin[1] * surface.scale)
        relief = Image.fromarray(surface.height)
        return cls(center, Image.fromarray(look), relief, Image.fromarray(material))


Window = tuple[slice, slice]
_Matrix = tuple[float, float, float, float, float, float]


def paste(
    surface: Surface, sprite: Sprite, x: float, y: float, degrees: float, tint: float = 1.0
) -> tuple[Window, Plane]:
    """Put a component down with its origin at (x, y) millimetres, turned anticlockwise.

    ``tint`` makes its colours lighter or darker.

    Returns:
        The window of pixels it may have touched, and its coverage 0..1 there.
    """
    window, matrix = _aim(surface, sprite, x, y, degrees)
    look = _turned(sprite.look, window, matrix) / np.float32(255)
    material = _turned(sprite.material, window, matrix) / np.float32(255)
    alpha = look[..., 3]
    under = 1 - alpha
    surface.color[window] = surface.color[window] * under[..., None] + look[..., :3] ** 2 * np.float32(tint)
    surface.height[window] = surface.height[window] * under + _turned(sprite.relief, window, matrix)
    surface.metal[window] = surface.metal[window] * under + material[..., 0]
    surface.gloss[window] = surface.gloss[window] * under + material[..., 1]
    return window, alpha


def footprint(surface: Surface, sprite: Sprite, x: float, y: float, degrees: float) -> Plane:
    """What ``paste`` would cover, 0..1, over the whole surface; nothing is drawn."""
    window, matrix = _aim(surface, sprite, x, y, degrees)
    plane = np.zeros(surface.shape, np.float32)
    plane[window] = _turned(sprite.look.getchannel("A"), window, matrix) / np.float32(255)
    return plane


def _aim(surface: Surface, sprite: Sprite, x: float, y: float, degrees: float) -> tuple[Window, _Matrix]:
    """The pixels that a turned sprite can touch (at least one), and the map from there into the sprite."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    at_x = (x - surface.origin[0]) * surface.scale
    at_y = (y - surface.origin[1]) * surface.scale
    width, height = sprite.look.size
    reach_x = (abs(cos) * width + abs(sin) * height) / 2 + 2
    reach_y = (abs(sin) * width + abs(cos) * height) / 2 + 2
    rows, columns = surface.shape
    left, top = (
        min(limit - 1, max(0, math.floor(at))) for at, limit in ((at_x - reach_x, columns), (at_y - reach_y, rows))
    )
    right, bottom = (
        max(left + 1, min(columns, math.ceil(at_x + reach_x))),
        max(top + 1, min(rows, math.ceil(at_y + reach_y))),
    )
    dx, dy = at_x - left, at_y - top
    first = (cos, -sin, sprite.center[0] - cos * dx + sin * dy)
    second = (sin, cos, sprite.center[1] - sin * dx - cos * dy)
    return (slice(top, bottom), slice(left, right)), (*first, *second)


def _turned(image: Image.Image, window: Window, matrix: _Matrix) -> Plane:
    size = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    moved = image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(moved, dtype=np.float32)


def _bytes(plane: Plane) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return (np.clip(plane, 0, 1) * 255 + 0.5).astype(np.uint8)
