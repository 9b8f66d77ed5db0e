"""Draws two-terminal chip components: resistors, ceramic and tantalum capacitors, LEDs."""

from __future__ import annotations

import numpy as np

from belvedere.samples.packages import Package
from belvedere.samples.surface import Paint, Plane, Surface
from belvedere.samples.textures import noise

TIN = (205, 205, 202)


def resistor(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A thick-film resistor: white ceramic, black glass with a printed code, tinned ends."""
    length, width = outline.width, outline.height
    surface.rectangle(0, 0, length, width, Paint((222, 219, 210), 0.5, 0.0, 0.1), 0.06)
    _terminations(surface, length, width, 0.3, 0.52, rng)
    glass = Paint((27, 27, 31), 0.56, 0.0, 0.55)
    surface.rectangle(0, 0, length - 0.54, width - 0.1, glass, 0.05)
    white = Paint((224, 224, 220), None, 0.0, 0.1, 0.92)
    surface.text(value, rng.normal(0, 0.03), rng.normal(0, 0.02), 0.52, white)


def capacitor(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A ceramic capacitor: an unmarked tan body with rounded edges and tinned ends."""
    del value
    length, width = outline.width, outline.height
    body = Paint((158, 126, 92), lambda x, y: _pillow(x, y, length, width, 0.95, 0.16), 0.0, 0.35)
    surface.rectangle(0, 0, length, width, body, 0.12)
    surface.color[...] *= 1 + 0.05 * noise(surface.shape, 5, rng)[..., None]
    _terminations(surface, length, width, 0.42, 0.98, rng)


def led(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A chip LED: white base, clear lens over the die, green cathode mark."""
    del outline, rng
    surface.rectangle(0, 0, 2.0, 1.25, Paint((226, 224, 212), 0.3, 0.0, 0.15), 0.05)
    for side in (-1, 1):
        surface.rectangle(side * 0.88, 0, 0.26, 1.25, Paint((214, 190, 120), 0.34, 0.85, 0.0))
        surface.ellipse(side * 1.0, 0, 0.2, 0.26, Paint((60, 62, 56), 0.1, 0.0, 0.1))
    tint = {"RED": (232, 150, 132), "GREEN": (188, 214, 142), "YELLOW": (233, 205, 122)}.get(value, (214, 220, 214))
    lens = Paint(tint, lambda x, y: _pillow(x, y, 1.3, 1.05, 0.85, 0.3), 0.0, 0.9)
    surface.rectangle(0, 0, 1.3, 1.05, lens, 0.12)
    surface.rectangle(0.06, 0, 0.3, 0.3, Paint((150, 120, 60), None, 0.3, 0.9, 0.8))
    surface.strokes([[(0.1, 0.0), (0.36, 0.12)]], 0.05, Paint((238, 214, 140), None, 0.9, 0.4))
    surface.polygon([(-0.62, -0.42), (-0.62, 0.42), (-0.32, 0.0)], Paint((46, 134, 70), None, 0.0, 0.6, 0.85))


def tantalum(surface: Surface, outline: Package, value: str, rng: np.random.Generator) -> None:
    """A moulded tantalum capacitor: yellow with a dark band at its anode."""
    del outline
    for side in (-1, 1):
        surface.rectangle(side * 1.8, 0, 0.5, 1.9, Paint(TIN, 0.4, 1.0, 0.0), 0.05)
    body = Paint((214, 160, 40), lambda x, y: _pillow(x, y, 3.6, 2.7, 1.7, 0.28), 0.0, 0.4)
    surface.rectangle(0, 0, 3.6, 2.7, body, 0.1)
    surface.rectangle(-1.3, 0, 0.44, 2.4, Paint((112, 60, 22), None, 0.0, 0.4, 0.92))
    print_lines(surface, value, 0.35, 0.0, 0.6, (104, 58, 24))
    surface.color[...] *= 1 + 0.03 * noise(surface.shape, 6, rng)[..., None]


def moulded(surface: Surface, width: float, height: float, thickness: float, rng: np.random.Generator) -> None:
    """A body of black moulding compound with drafted sides, centred on the origin."""
    body = Paint((39, 40, 43), lambda x, y: _pillow(x, y, width, height, thickness, 0.24), 0.0, 0.28)
    surface.rectangle(0, 0, width, height, body, 0.08)
    grain = 0.0035 * noise(surface.shape, max(1.0, 0.08 * surface.scale), rng)
    rows, columns = np.where(surface.alpha > 0.5)
    surface.height[rows, columns] += grain[rows, columns] * (surface.metal[rows, columns] < 0.5)


def print_lines(
    surface: Surface, value: str, x: float, y: float, size: float, color: tuple[float, float, float]
) -> None:
    """Print the ``|``-separated lines of a marking, centred on (x, y)."""
    lines = value.split("|")
    for index, line in enumerate(lines):
        at = y + (index - (len(lines) - 1) / 2) * size * 1.55
        surface.text(line, x, at, size, Paint(color, None, 0.0, 0.1, 0.85), weight=0.15)


def _terminations(
    surface: Surface, length: float, width: float, reach: float, height: float, rng: np.random.Generator
) -> None:
    """Tinned caps at both ends, slightly bumpy."""
    for side in (-1, 1):
        bumps = rng.uniform(-0.05, 0.05, 3)

        def relief(x: Plane, y: Plane, bumps: np.ndarray = bumps, side: int = side) -> Plane:
            along = (abs(x) - (length / 2 - reach)) / reach
            round_off = 0.18 * np.clip(along, 0, 1) ** 3 + 0.12 * np.clip(abs(y) / (width / 2), 0, 1) ** 4
            wave = bumps[0] * np.sin(5 * y + bumps[1] * 60) + bumps[2] * np.cos(7 * x * side)
            return np.asarray(height + 0.04 - round_off + 0.5 * wave, dtype=np.float32)

        surface.rectangle(side * (length - reach) / 2, 0, reach, width, Paint(TIN, relief, 1.0, 0.0), 0.08)


def _pillow(x: Plane, y: Plane, width: float, height: float, top: float, edge: float) -> Plane:
    """A flat top whose sides fall off over ``edge`` millimetres."""
    inside = np.minimum(width / 2 - abs(x), height / 2 - abs(y))
    t = np.clip(inside / edge, 0, 1)
    return np.asarray(top * (0.55 + 0.45 * (2 * t - t * t)), dtype=np.float32)
