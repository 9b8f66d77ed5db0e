"""Draws tall components: aluminium electrolytics, a power inductor, a crystal, a pin header."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from belvedere.samples.chips import TIN, print_lines
from belvedere.samples.packages import Package
from belvedere.samples.surface import Paint, Plane, Surface
from belvedere.samples.textures import noise


def can(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A surface-mount electrolytic: plastic base with two cut corners, aluminium can, black segment."""
    side = outline.width
    half, cut, radius = side / 2, side * 0.17, side * 0.475
    base = [(-half, -half), (half - cut, -half), (half, -half + cut), (half, half - cut), (half - cut, half)]
    for end in (-1, 1):
        surface.rectangle(end * (half + 0.3), 0, 0.9, 0.75, Paint(TIN, 0.25, 1.0, 0.0), 0.05)
    surface.polygon([*base, (-half, half)], Paint((34, 34, 37), 0.9, 0.0, 0.3))
    surface.ellipse(0, 0, radius, radius, Paint((196, 198, 202), _can_top(radius), 1.0, 0.0))
    turned = 0.03 * noise(surface.shape, 3, rng)
    rows, columns = np.where(surface.metal > 0.5)
    surface.color[rows, columns] *= (1 + turned[rows, columns])[:, None]
    inner = radius * 0.9
    angles = np.linspace(np.pi * 0.68, np.pi * 1.32, 24)
    segment = [(inner * np.cos(a), inner * np.sin(a)) for a in angles]
    surface.polygon(segment, Paint((30, 30, 34), None, 0.15, 0.5, 0.96))
    size = side * 0.125
    lines = value.split("|")
    for index, line in enumerate(lines):
        at = (index - (len(lines) - 1) / 2) * size * 1.5
        ink = Paint((34, 34, 40), None, 0.2, 0.2, 0.92)
        surface.text(line, inner * 0.26, at, size, ink)


def _can_top(radius: float) -> Callable[[Plane, Plane], Plane]:
    """The lid of an aluminium can: rolled rim, flat top with a cross-shaped vent."""

    def relief(x: Plane, y: Plane) -> Plane:
        r = np.hypot(x, y) / radius
        rim = 0.5 * np.exp(-(((r - 0.94) / 0.035) ** 2)) - 2.2 * np.clip((r - 0.96) / 0.06, 0, 1) ** 2
        dome = -0.12 * r**2
        vent = np.minimum(abs(x), abs(y)) / radius
        groove = -0.06 * np.exp(-((vent / 0.02) ** 2)) * (r < 0.55)
        return np.asarray(5.2 + rim + dome + groove, dtype=np.float32)

    return relief


def inductor(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A shielded power inductor: grey ferrite block with rounded corners and a round coil former."""
    del outline
    for side in (-1, 1):
        surface.rectangle(side * 2.75, 0, 0.6, 3.6, Paint(TIN, 0.3, 1.0, 0.0), 0.05)
    surface.rectangle(0, 0, 5.8, 5.8, Paint((62, 63, 67), 2.4, 0.0, 0.22), 1.1)
    surface.soften(0.05)

    def drum(x: Plane, y: Plane) -> Plane:
        r = np.hypot(x, y)
        return np.asarray(2.62 - 0.25 * np.clip((r - 2.05) / 0.3, 0, 1), dtype=np.float32)

    surface.ellipse(0, 0, 2.45, 2.45, Paint((30, 30, 32), 2.0, 0.0, 0.1))
    surface.ellipse(0, 0, 2.28, 2.28, Paint((72, 73, 77), drum, 0.0, 0.28))
    surface.color[...] *= 1 + 0.07 * noise(surface.shape, 2.5, rng, 2)[..., None]
    print_lines(surface, value, 0.0, 0.0, 1.25, (214, 214, 208))


def crystal(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A quartz crystal in a low metal can with rounded ends, engraved."""
    del outline
    for side in (-1, 1):
        surface.rectangle(side * 4.75, 0, 0.9, 0.55, Paint(TIN, 0.2, 1.0, 0.0))
    surface.rectangle(0, 0, 9.4, 3.9, Paint((160, 160, 160), 0.5, 0.6, 0.0), 1.95)

    def lid(x: Plane, y: Plane) -> Plane:
        r = np.hypot(np.clip(abs(x) - 2.75, 0, None), y)
        t = np.clip((1.72 - r) / 0.42, 0, 1)
        return np.asarray(0.7 + 1.5 * (2 * t - t * t) + 0.05 * np.exp(-((r - 1.2) ** 2) / 0.02), dtype=np.float32)

    surface.rectangle(0, 0, 8.9, 3.44, Paint((190, 190, 188), lid, 0.55, 0.1), 1.72)
    brushed = noise((surface.shape[0], 1), 2.5, rng) * 0.005 + noise(surface.shape, 6, rng) * 0.005
    surface.height[...] += brushed * (surface.metal > 0.5) * 0.6
    print_lines(surface, value, 0.0, 0.0, 0.8, (92, 92, 92))


def connector(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A shrouded header: natural nylon housing with walls, key slots and square tinned pins."""
    del value, rng
    width, height = outline.width, outline.height
    surface.rectangle(0, 0, width, height, Paint((221, 214, 194), 6.0, 0.0, 0.32), 0.25)
    floor = Paint((166, 158, 138), 1.6, 0.0, 0.2)
    surface.rectangle(0.25, 0, width - 1.7, height - 1.6, floor, 0.15)
    for sign in (-1, 1):
        slot = Paint((150, 142, 122), 1.8, 0.0, 0.2)
        surface.rectangle(-width / 2 + 0.5, sign * (height / 2 - 3.2), 1.3, 1.2, slot)
    surface.soften(0.04)
    for pad in outline.pads:

        def point(x: Plane, y: Plane, px: float = pad.x, py: float = pad.y) -> Plane:
            edge = np.maximum(abs(x - px), abs(y - py))
            return np.asarray(5.2 - 0.9 * np.clip(edge / 0.34, 0, 1) ** 2, dtype=np.float32)

        surface.rectangle(pad.x, pad.y, 0.95, 0.95, Paint((120, 112, 94), None, 0.0, 0.1, 0.8), 0.2)
        surface.rectangle(pad.x, pad.y, 0.66, 0.66, Paint((216, 205, 170), point, 1.0, 0.0), 0.06)
