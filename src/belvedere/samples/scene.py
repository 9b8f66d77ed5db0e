"""One picture's scene: the board with all that differs harmlessly from piece to piece, before the camera."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

from belvedere.samples.board import Stage
from belvedere.samples.camera import Camera
from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, LABEL_SIZE, Layout
from belvedere.samples.lighting import Light
from belvedere.samples.packages import package
from belvedere.samples.parts import Part
from belvedere.samples.placing import Sprite, Window, paste
from belvedere.samples.surface import Paint, Placer, Plane, Surface, linear
from belvedere.samples.textures import blob, noise

_LOOSE = ("resistor", "capacitor", "led")
_LOT_SPOT = {
    "qfp32": (0.0, 1.75, 0),
    "soic8": (1.1, 0.0, 1),
}


@dataclass(frozen=True)
class Placement:
    """Where a component really sits: offset from its nominal place in millimetres, turn in degrees, tint."""

    dx: float
    dy: float
    degrees: float
    tint: float


def camera_for(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    """A picture's pose and exposure, within what a fixed camera over a conveyor sees."""
    pixel = min(size[0] / 480, size[1] / 360)
    exposure = 1.12 * math.exp(rng.normal(0.0, 0.08))
    warm = rng.normal(0.0, 0.028)
    green = rng.normal(0.0, 0.015)
    return Camera(
        shift=(rng.uniform(-2.5, 2.5) * pixel, rng.uniform(-2.5, 2.5) * pixel),
        degrees=rng.uniform(-0.7, 0.7),
        zoom=rng.uniform(0.995, 1.005),
        gain=(exposure * (1 + warm), exposure * (1 + green), exposure * (1 - warm)),
        slope=(rng.normal(0, 0.08), rng.normal(0, 0.08)),
        vignette=rng.uniform(0.1, 0.32),
        blur=rng.uniform(0.2, 0.4) * pixel,
        noise=rng.uniform(1.2, 2.4),
        quality=int(rng.integers(84, 96)),
    )


def light_for(rng: np.random.Generator) -> Light:
    """A picture's light: a lamp up left, about 60 degrees above the board, and a bright hall."""
    azimuth = -0.72 * math.pi + rng.uniform(-0.3, 0.3)
    return Light(azimuth, rng.uniform(0.9, 1.02), rng.uniform(0.42, 0.54), rng.uniform(8, 12))


def placements(layout: Layout, rng: np.random.Generator) -> dict[str, Placement]:
    """How the placement machine put the parts down: within tolerance, in the colours of this batch."""
    batch = {name: math.exp(rng.normal(0, 0.07)) for name in sorted({p.package for p in layout.parts})}
    placed = {}
    for part in layout.parts:
        loose = part.package.startswith(_LOOSE)
        spread, turn = (0.045, 1.1) if loose else (0.025, 0.35)
        dx, dy, angle = (float(value) for value in rng.normal(0, 1, 3).clip(-2.2, 2.2))
        placed[part.name] = Placement(dx * spread, dy * spread, angle * turn, batch[part.package])
    return placed


def bare_scene(stage: Stage, rng: np.random.Generator) -> Surface:
    """The board without parts on its belt: batch tint, flux sheen, another piece of belt."""
    surface = stage.bare.copy()
    surface.color[...] *= np.exp(rng.normal(0, (0.05, 0.03, 0.05))).astype(np.float32)
    sheen = noise(surface.shape, 7 * stage.scale, rng)
    surface.gloss[...] *= 1 + 0.12 * sheen
    for _ in range(int(rng.integers(3, 7))):
        _flux(surface, stage, rng)
    rows, columns = surface.shape
    top = int(rng.integers(stage.belt.shape[0] - rows + 1))
    left = int(rng.integers(stage.belt.shape[1] - columns + 1))
    belt = stage.belt[top : top + rows, left : left + columns]
    beside = stage.beside
    share = (1 - stage.board[beside]) * belt[beside]
    surface.color[beside] += share[:, None] * linear(58, 60, 64) * np.float32(math.exp(rng.normal(0, 0.08)))
    return surface


def add_parts(
    surface: Surface, layout: Layout, sprites: Mapping[str, Sprite], placed: Mapping[str, Placement | None]
) -> None:
    """Put the parts down that have a placement."""
    for part in layout.parts:
        where = placed[part.name]
        if where is not None:
            angle = 90.0 * part.turns + where.degrees
            x, y = part.x + where.dx, part.y + where.dy
            paste(surface, sprites[part.name], x, y, angle, where.tint)


def add_markings(
    surface: Surface, layout: Layout, placed: Mapping[str, Placement | None], rng: np.random.Generator
) -> None:
    """Lot codes on the ICs and the sticker with the serial number: new on every piece."""
    week = f"{rng.integers(22, 27)}{rng.integers(1, 53):02d}"
    for part in layout.parts:
        code = f"{week}{'ABCDEFGHKLMNPRSTUVWXYZ'[int(rng.integers(22))]}{rng.integers(10)}"
        where = placed[part.name]
        if part.package in _LOT_SPOT and where is not None:
            _lot_code(surface, part, where, code)
    _label(surface, layout, rng)


def add_dust(surface: Surface, rng: np.random.Generator) -> None:
    """Specks and a fibre or two: harmless."""
    for _ in range(int(rng.integers(5, 15))):
        x, y = rng.uniform(0.5, BOARD_WIDTH - 0.5), rng.uniform(0.5, BOARD_HEIGHT - 0.5)
        shade = rng.uniform(120, 235) if rng.random() < 0.7 else rng.uniform(10, 50)
        radius = rng.uniform(0.04, 0.13)
        paint = Paint((shade, shade, shade * 0.95), None, 0.0, 0.0, rng.uniform(0.5, 0.9))
        surface.ellipse(x, y, radius, radius * rng.uniform(0.6, 1.4), paint)
    for _ in range(int(rng.integers(0, 3))):
        start = (rng.uniform(2, BOARD_WIDTH - 2), rng.uniform(2, BOARD_HEIGHT - 2))
        line = curve(start, rng.uniform(0, 2 * math.pi), rng.uniform(1.0, 2.6), rng.normal(0, 1.2), 14)
        shade = rng.uniform(150, 225)
        surface.strokes([line], 0.05, Paint((shade, shade, shade), None, 0.0, 0.0, 0.55))


def curve(
    start: tuple[float, float], heading: float, length: float, bend: float, steps: int
) -> list[tuple[float, float]]:
    """Points of an arc that starts at ``start`` and turns by ``bend`` radians over its length."""
    points = [start]
    for step in range(steps):
        angle = heading + bend * step / steps
        x, y = points[-1]
        points.append((x + math.cos(angle) * length / steps, y + math.sin(angle) * length / steps))
    return points


def disc_window(surface: Surface, x: float, y: float, reach: float) -> tuple[Window, Plane, Plane]:
    """The window within ``reach`` millimetres of a point, and x and y in it from that point, full size."""
    column, row = (x - surface.origin[0]) * surface.scale, (y - surface.origin[1]) * surface.scale
    pixels = reach * surface.scale
    rows = slice(max(0, int(row - pixels)), max(0, int(row + pixels)))
    columns = slice(max(0, int(column - pixels)), max(0, int(column + pixels)))
    grid_x, grid_y = surface.grid((rows, columns))
    full_x, full_y = np.broadcast_arrays(grid_x - np.float32(x), grid_y - np.float32(y))
    return (rows, columns), full_x, full_y


def _flux(surface: Surface, stage: Stage, rng: np.random.Generator) -> None:
    """A thin clear film of flux that dried: a little more gloss, hardly any colour."""
    x, y = rng.uniform(3, BOARD_WIDTH - 3), rng.uniform(3, BOARD_HEIGHT - 3)
    radius = rng.uniform(1.0, 2.6)
    window, dx, dy = disc_window(surface, x, y, radius * 1.6)
    film = np.clip(blob(dx / radius, dy / radius, rng, 0.25) * 2, 0, 1) * stage.board[window]
    strength = rng.uniform(0.03, 0.1)
    surface.color[window] *= 1 - strength * film[..., None] * np.array((0.4, 0.5, 1.0), np.float32)
    surface.gloss[window] *= 1 + rng.uniform(-0.5, 0.5) * film


def _lot_code(surface: Surface, part: Part, where: Placement, code: str) -> None:
    x, y, turns = _LOT_SPOT[part.package]
    size = 0.5
    stamp = Surface.blank((-2.2, -2.2, 2.2, 2.2), surface.scale)
    top = 1.4 if part.package == "qfp32" else 1.5
    stamp.text(code, x, y, size, Paint((150, 151, 148), top, 0.0, 0.1, 0.8), turns, weight=0.15)
    angle = 90.0 * part.turns + where.degrees
    paste(surface, Sprite.of(stamp), part.x + where.dx, part.y + where.dy, angle)


def _label(surface: Surface, layout: Layout, rng: np.random.Generator) -> None:
    """A white sticker with a matrix code and a serial number."""
    modules = rng.random((12, 12)) < 0.5
    modules[:, 0] = modules[-1] = True
    modules[0, 1:] = np.arange(11) % 2 == 1
    modules[:, -1] = np.arange(12) % 2 == 1
    serial = f"{rng.integers(10**4):04d}"
    sticker = Surface.blank((-2.5, -1.5, 2.5, 1.5), surface.scale)
    sticker.rectangle(0, 0, *LABEL_SIZE, Paint((224, 224, 218), 0.1, 0.0, 0.2), 0.25)
    cell, left, top = 0.17, -2.04, -1.02
    squares = [(left + c * cell, top + r * cell) for r, c in zip(*np.nonzero(modules), strict=True)]

    def draw(canvas: ImageDraw.ImageDraw, place: Placer) -> None:
        for x, y in squares:
            canvas.rectangle(place.box((x, y, x + cell, y + cell)), fill=255)

    ink = Paint((30, 30, 32), None, 0.0, 0.1, 0.93)
    sticker.fill(*sticker.cover((left, top, left + 12 * cell, top + 12 * cell), draw), ink)
    sticker.text(f"SN{serial[:2]}", 1.15, -0.48, 0.55, ink)
    sticker.text(serial[2:], 1.15, 0.48, 0.55, ink)
    x, y = layout.label_xy
    dx, dy, turn = (float(value) for value in rng.normal(0, 1, 3).clip(-2, 2))
    paste(surface, Sprite.of(sticker), x + 0.06 * dx, y + 0.06 * dy, 0.9 * turn)


def parts_of(layout: Layout, kinds: Sequence[str]) -> list[Part]:
    """The parts in one of the given packages."""
    return [part for part in layout.parts if part.package in kinds]


def bridgeable(layout: Layout) -> list[Part]:
    """The parts with pins so close that solder can join them."""
    return [part for part in layout.parts if package(part.package).pitch > 0]
