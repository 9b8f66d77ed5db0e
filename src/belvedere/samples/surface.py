"""What the light falls on: per pixel a colour, a height and how it reflects; and shapes painted on it.

Lengths are millimetres, x to the right, y downwards, z towards the camera. Heights are above the board.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from belvedere.samples.lettering import text_strokes

Plane = NDArray[np.float32]
Points = Sequence[tuple[float, float]]
Relief = Callable[[Plane, Plane], Plane]

_OVERSAMPLE = 4


def linear(red: float, green: float, blue: float) -> Plane:
    """Display colour 0..255 as linear light 0..1 (a gamma of 2, which is close enough and fast)."""
    return np.asarray((np.array([red, green, blue]) / 255) ** 2, dtype=np.float32)


@dataclass(frozen=True)
class Paint:
    """What a shape puts on a surface. What is None stays as it was.

    Attributes:
        color: Display colour, 0..255.
        height: Millimetres above the board, or a function of the x and y planes in millimetres.
        metal: 0 for a dielectric, 1 for bare metal.
        gloss: Strength of the clear highlight on a dielectric, 0..1.
        opacity: 0..1, for all of them.
    """

    color: tuple[float, float, float] | None = None
    height: float | Relief | None = None
    metal: float | None = None
    gloss: float | None = None
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Surface:
    """A rectangle of material, drawn upon in place.

    Attributes:
        scale: Pixels per millimetre.
        origin: x and y of the outer corner of the first pixel, in millimetres.
        color: Linear RGB 0..1, (h, w, 3).
        height: Millimetres above the board, (h, w).
        metal: 0..1, (h, w).
        gloss: 0..1, (h, w).
        alpha: 1 where there is material, 0 where there is none, (h, w).
    """

    scale: float
    origin: tuple[float, float]
    color: Plane
    height: Plane
    metal: Plane
    gloss: Plane
    alpha: Plane

    @classmethod
    def blank(cls, box_xyxy: tuple[float, float, float, float], scale: float) -> Surface:
        """An empty surface over a box given in millimetres; its size is rounded up to whole pixels."""
        left, top, right, bottom = box_xyxy
        shape = (math.ceil((bottom - top) * scale - 1e-3), math.ceil((right - left) * scale - 1e-3))
        planes = [np.zeros(shape, np.float32) for _ in range(4)]
        return cls(scale, (left, top), np.zeros((*shape, 3), np.float32), *planes)

    def copy(self) -> Surface:
        """The same surface in arrays of its own."""
        planes = (self.color, self.height, self.metal, self.gloss, self.alpha)
        return Surface(self.scale, self.origin, *(plane.copy() for plane in planes))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height.shape[0], self.height.shape[1]

    def grid(self, window: tuple[slice, slice] = (slice(None), slice(None))) -> tuple[Plane, Plane]:
        """x (1, w) and y (h, 1) of the pixel centres in a window, millimetres."""
        rows, columns = self.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) / self.scale + self.origin[0]
        y = (np.arange(rows, dtype=np.float32) + 0.5) / self.scale + self.origin[1]
        return x[None, window[1]], y[window[0], None]

    def fill(self, window: tuple[slice, slice], cover: Plane, paint: Paint) -> None:
        """Put ``paint`` where ``cover`` (0..1, the size of the window) says."""
        cover = cover * np.float32(paint.opacity)
        if paint.color is not None:
            _blend(self.color[window], linear(*paint.color), cover[..., None])
        if paint.height is not None:
            target = paint.height(*self.grid(window)) if callable(paint.height) else np.float32(paint.height)
            _blend(self.height[window], target, cover)
        if paint.metal is not None:
            _blend(self.metal[window], np.float32(paint.metal), cover)
        if paint.gloss is not None:
            _blend(self.gloss[window], np.float32(paint.gloss), cover)
        _blend(self.alpha[window], np.float32(1), cover)

    def cover(
        self, box_xyxy: tuple[float, float, float, float], draw: Callable[[ImageDraw.ImageDraw, Placer], None]
    ) -> tuple[tuple[slice, slice], Plane]:
        """Rasterise something that lies within a box, with smooth edges.

        Returns:
            The window of pixels that the box touches, maybe empty, and the coverage 0..1 in it.
        """
        rows, columns = self.shape
        left = max(0, math.floor((box_xyxy[0] - self.origin[0]) * self.scale) - 1)
        top = max(0, math.floor((box_xyxy[1] - self.origin[1]) * self.scale) - 1)
        right = min(columns, math.ceil((box_xyxy[2] - self.origin[0]) * self.scale) + 1)
        bottom = min(rows, math.ceil((box_xyxy[3] - self.origin[1]) * self.scale) + 1)
        if right <= left or bottom <= top:
            return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
        image = Image.new("L", ((right - left) * _OVERSAMPLE, (bottom - top) * _OVERSAMPLE))
        factor = self.scale * _OVERSAMPLE
        offset = (self.origin[0] + left / self.scale, self.origin[1] + top / self.scale)
        draw(ImageDraw.Draw(image), Placer(factor, offset))
        cover = np.asarray(image.reduce(_OVERSAMPLE), dtype=np.float32) / np.float32(255)
        return (slice(top, bottom), slice(left, right)), cover

    def polygon(self, points: Points, paint: Paint) -> None:
        """A filled polygon."""
        window, cover = self.cover(bounds(points), lambda draw, place: draw.polygon(place.points(points), fill=255))
        self.fill(window, cover, paint)

    def rectangle(self, x: float, y: float, width: float, height: float, paint: Paint, radius: float = 0.0) -> None:
        """A filled rectangle centred on (x, y), its corners rounded by ``radius``."""
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self.fill(*self.cover(box, lambda draw, place: place.rectangle(draw, box, radius)), paint)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, paint: Paint) -> None:
        """A filled ellipse centred on (x, y)."""
        box = (x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        self.fill(*self.cover(box, lambda draw, place: draw.ellipse(place.box(box), fill=255)), paint)

    def strokes(self, lines: Sequence[Points], width: float, paint: Paint) -> None:
        """Polylines with round joints and ends."""
        points = [point for line in lines for point in line]
        if points:
            self.fill(*self.cover(bounds(points, width), lambda d, p: p.strokes(d, lines, width)), paint)

    def text(
        self, text: str, x: float, y: float, size: float, paint: Paint, turns: int = 0, weight: float = 0.16
    ) -> None:
        """One line of capitals centred on (x, y), ``size`` high, stroked with ``weight`` of its height."""
        self.strokes(text_strokes(text, x, y, size, turns), size * weight, paint)

    def soften(self, radius: float) -> None:
        """Round all edges of the height by about ``radius`` millimetres."""
        self.height[...] = box_blur(self.height, max(1, round(radius * self.scale))) * self.alpha


@dataclass(frozen=True)
class Placer:
    """Turns millimetres into the pixels of a picture that is being drawn."""

    factor: float
    offset: tuple[float, float]

    def points(self, points: Points) -> list[tuple[float, float]]:
        """The points in pixels."""
        x, y = self.offset
        return [((px - x) * self.factor, (py - y) * self.factor) for px, py in points]

    def box(self, box_xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The box in pixels; Pillow's boxes include their last pixel."""
        (left, top), (right, bottom) = self.points([box_xyxy[:2], box_xyxy[2:]])
        return left, top, max(left, right - 1), max(top, bottom - 1)

    def rectangle(self, draw: ImageDraw.ImageDraw, box_xyxy: tuple[float, float, float, float], radius: float) -> None:
        """Draw a filled rectangle with rounded corners."""
        draw.rounded_rectangle(self.box(box_xyxy), radius * self.factor, fill=255)

    def strokes(self, draw: ImageDraw.ImageDraw, lines: Sequence[Points], width: float) -> None:
        """Draw polylines with round joints and ends."""
        radius = width * self.factor / 2
        for line in lines:
            placed = self.points(line)
            draw.line(placed, fill=255, width=max(1, round(radius * 2)))
            for x, y in placed:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def bounds(points: Points, margin: float = 0.0) -> tuple[float, float, float, float]:
    """The box around points, grown by a margin on each side."""
    xs = [point[0] for point in points]
    ys = [point[1] for point in points]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def box_blur(plane: Plane, radius: int) -> Plane:
    """Two passes of a box of ``2 * radius + 1`` pixels in each direction, edges repeated."""
    for axis in (0, 1, 0, 1):
        padded = np.pad(plane, [(radius + 1, radius) if axis == a else (0, 0) for a in (0, 1)], mode="edge")
        total = np.cumsum(padded, axis=axis, dtype=np.float64)
        size = 2 * radius + 1
        upper = np.take(total, range(size, total.shape[axis]), axis=axis)
        lower = np.take(total, range(total.shape[axis] - size), axis=axis)
        plane = ((upper - lower) / size).astype(np.float32)
    return plane


def _blend(target: Plane, source: Plane | np.float32, cover: Plane) -> None:
    target += (source - target) * cover
