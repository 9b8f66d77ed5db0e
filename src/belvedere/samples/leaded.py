"""Draws packages with metal leads (SOIC, QFP) and the solder that holds parts to their pads."""

from __future__ import annotations

import numpy as np

from belvedere.samples.chips import moulded, print_lines
from belvedere.samples.packages import Package, Pad
from belvedere.samples.surface import Paint, Plane, Surface

_INK = (176, 177, 174)


def fillets(surface: Surface, outline: Package, rng: np.random.Generator) -> None:
    """Solder on every pad that rises concavely towards the body."""
    for pad in outline.pads:
        if pad.hole:
            continue
        across_x = abs(pad.x) / outline.width >= abs(pad.y) / outline.height
        wet = 0.42 * rng.uniform(0.8, 1.1)

        def relief(x: Plane, y: Plane, pad: Pad = pad, wet: float = wet, across_x: bool = across_x) -> Plane:
            outward = (x - pad.x) * np.sign(pad.x) if across_x else (y - pad.y) * np.sign(pad.y)
            long, wide = (pad.width, pad.height) if across_x else (pad.height, pad.width)
            sideways = (y - pad.y) if across_x else (x - pad.x)
            t = np.clip(0.5 - outward / long, 0, 1)
            return np.asarray(0.05 + wet * t**2 * (1 - 0.6 * (2 * sideways / wide) ** 2), dtype=np.float32)

        surface.rectangle(pad.x, pad.y, pad.width, pad.height, Paint((198, 199, 198), relief, 1.0, 0.0), 0.12)


def soic(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A small-outline IC: gull-wing leads left and right, a bevelled pin-1 edge, a dot, laser marking."""
    for pad in outline.pads:
        _lead(surface, np.sign(pad.x) * 1.9, pad.y, np.sign(pad.x) * 3.05, pad.y, 0.46)
    moulded(surface, outline.width, outline.height, 1.55, rng)
    top = -outline.height / 2
    bevel = Paint((58, 59, 62), None, 0.0, 0.45, 0.55)
    surface.rectangle(-outline.width / 2 + 0.34, 0, 0.16, outline.height - 0.3, bevel)
    _dot(surface, -outline.width / 2 + 0.8, top + 0.75, 0.3)
    _turned_lines(surface, value, -0.32, 0.0, 0.62)


def qfp(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A quad flat pack: leads on four sides, chamfered corners, pin-1 dot, laser marking."""
    for pad in outline.pads:
        if abs(pad.x) > abs(pad.y):
            _lead(surface, np.sign(pad.x) * 3.4, pad.y, np.sign(pad.x) * 4.6, pad.y, 0.34)
        else:
            _lead(surface, pad.x, np.sign(pad.y) * 3.4, pad.x, np.sign(pad.y) * 4.6, 0.34)
    moulded(surface, 7.0, 7.0, 1.4, rng)
    _dot(surface, -2.6, -2.6, 0.36)
    surface.ellipse(2.5, 2.5, 0.5, 0.5, Paint((36, 37, 40), 1.33, 0.0, 0.4, 0.8))
    print_lines(surface, value, 0.0, -0.1, 0.66, _INK)


def _lead(surface: Surface, x0: float, y0: float, x1: float, y1: float, width: float) -> None:
    """A gull wing from the body (x0, y0) to its foot (x1, y1): shoulder, slope, flat foot."""
    sideways = x0 == x1

    def relief(x: Plane, y: Plane) -> Plane:
        t = (y - y0) / (y1 - y0) + 0 * x if sideways else (x - x0) / (x1 - x0) + 0 * y
        across = (x - x0 + 0 * y) if sideways else (y - y0 + 0 * x)
        bend = np.interp(t, [0.0, 0.22, 0.62, 1.0], [0.75, 0.7, 0.24, 0.2])
        return np.asarray(bend - 0.25 * (across / width) ** 2, dtype=np.float32)

    size = (width, abs(y1 - y0)) if sideways else (abs(x1 - x0), width)
    paint = Paint((208, 207, 203), relief, 1.0, 0.0)
    surface.rectangle((x0 + x1) / 2, (y0 + y1) / 2, *size, paint, 0.05)


def _dot(surface: Surface, x: float, y: float, radius: float) -> None:
    """A moulded dimple that marks pin 1."""

    def relief(px: Plane, py: Plane) -> Plane:
        depth = 1 - np.clip(np.hypot(px - x, py - y) / radius, 0, 1) ** 2
        return np.asarray(1.45 - 0.16 * depth, dtype=np.float32)

    surface.ellipse(x, y, radius, radius, Paint((48, 49, 52), relief, 0.0, 0.5))


def _turned_lines(surface: Surface, value: str, x: float, y: float, size: float) -> None:
    """Marking that reads along the longer side of the body."""
    lines = value.split("|")
    for index, line in enumerate(lines):
        at = x + (index - (len(lines) - 1) / 2) * size * 1.5
        surface.text(line, at, y, size, Paint(_INK, None, 0.0, 0.1, 0.85), turns=1, weight=0.15)
