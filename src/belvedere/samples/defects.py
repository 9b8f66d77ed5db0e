"""What goes wrong: solder bridges, missing and turned parts, scratches, stains; each with what it covers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from belvedere.samples.board import Stage, draw_sprite
from belvedere.samples.camera import OVERSAMPLE
from belvedere.samples.chips import TIN
from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, Layout
from belvedere.samples.packages import package
from belvedere.samples.parts import Part
from belvedere.samples.placing import Sprite, footprint
from belvedere.samples.scene import Placement, bridgeable, curve, disc_window, parts_of
from belvedere.samples.surface import Paint, Plane, Surface, linear
from belvedere.samples.textures import blob, noise

DEFECTS: tuple[str, ...] = ("solder_bridge", "missing_part", "rotated_part", "scratch", "stain")

_TWO_ENDED = ("resistor", "capacitor", "resistor1206", "capacitor1206", "led")
_SMALL = (*_TWO_ENDED, "sot23", "diode", "tantalum")
_POLAR = ("led", "diode", "tantalum", "can63", "can50", "soic8", "soic16", "sot23")

_Line = list[tuple[float, float]]
Mark = Callable[[Surface], Plane]


@dataclass(frozen=True, eq=False)
class Defect:
    """A planned defect: three ways in which it changes a scene; each is optional.

    Attributes:
        placed: Other placements for some parts, None for a part that is not there.
        sprites: Other drawings for some parts.
        under: Marks the board before parts are put on it; returns what it covers, 0..1, (h, w).
        over: Marks the populated board; returns what it covers.
        cover: What the defect covers apart from the two marks.
    """

    placed: dict[str, Placement | None] = field(default_factory=dict)
    sprites: dict[str, Sprite] = field(default_factory=dict)
    under: Mark | None = None
    over: Mark | None = None
    cover: Plane | None = None


def plan(kind: str, layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """Decide where a defect of ``kind`` (one of ``DEFECTS``) is and what it looks like."""
    if kind == "solder_bridge":
        return _solder_bridge(layout, placed, rng)
    if kind == "missing_part":
        return _missing_part(layout, stage, placed, rng)
    if kind == "rotated_part":
        return _rotated_part(layout, stage, placed, rng)
    return _scratch(stage, rng) if kind == "scratch" else _stain(stage, rng)


def _solder_bridge(layout: Layout, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """Solder between two neighbouring pins, thickest at the pins."""
    part = _one_of(bridgeable(layout), rng)
    outline, where = package(part.package), placed[part.name]
    pairs = [
        (a, b)
        for a, b in zip(outline.pads, outline.pads[1:], strict=False)
        if math.isclose(math.hypot(a.x - b.x, a.y - b.y), outline.pitch, rel_tol=0.01)
    ]
    first, second = pairs[int(rng.integers(len(pairs)))]
    inward = rng.uniform(-0.35, 0.25)
    reach = np.array([first.x + second.x, first.y + second.y]) / 2
    upright = first.x == second.x
    reach[0 if upright else 1] += inward * -np.sign(reach[0 if upright else 1])
    x, y = part.to_board(float(reach[0]), float(reach[1]))
    x, y = x + where.dx, y + where.dy
    across = outline.pitch / 2 + rng.uniform(0.06, 0.22)
    along = rng.uniform(0.26, 0.55)
    if part.turns % 2:
        upright = not upright
    radius_x, radius_y = (along, across) if upright else (across, along)

    def over(surface: Surface) -> Plane:
        window, dx, dy = disc_window(surface, x, y, 2.0)
        inside = blob(dx / radius_x, dy / radius_y, rng, 0.12)
        edge = np.clip(inside * np.float32(min(radius_x, radius_y) * surface.scale) + 0.5, 0, 1)
        neck = np.clip(abs(dy if upright else dx) / across, 0, 1)
        height = 0.14 + 0.34 * np.sqrt(np.clip(inside, 0, 1)) * (0.75 + 0.45 * neck**2)
        surface.fill(window, edge, Paint((204, 204, 201), lambda *_: height, 1.0, 0.0))
        return _whole(surface, window, edge)

    return Defect(over=over)


def _missing_part(layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """A small part is not there: bare pads with solder."""
    part = _one_of(parts_of(layout, _SMALL), rng)
    body = draw_sprite(part, stage.scale, rng, solder=False)
    return Defect(placed={part.name: None}, cover=_footprint(stage, part, body, placed[part.name]))


def _rotated_part(layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """A part is askew, crosswise, the wrong way round, or stands on one end."""
    way = ("askew", "crosswise", "reversed", "tombstone")[int(rng.choice(4, p=(0.4, 0.15, 0.25, 0.2)))]
    kinds = {
        "askew": _SMALL,
        "crosswise": (*_TWO_ENDED, "diode"),
        "reversed": _POLAR,
        "tombstone": _TWO_ENDED,
    }
    part = _one_of(parts_of(layout, kinds[way]), rng)
    usual = placed[part.name]
    if way == "reversed":
        turned = replace(usual, degrees=usual.degrees + 180.0)
        body = draw_sprite(part, stage.scale, rng, solder=False)
        return Defect(placed={part.name: turned}, cover=_footprint(stage, part, body, usual))
    if way == "tombstone":
        return _tombstone(part, stage, usual, rng)
    turn = 90.0 if way == "crosswise" else float(rng.uniform(9, 42) * rng.choice((-1, 1)))
    dx, dy = (float(shift) for shift in rng.normal(0, 0.16, 2).clip(-0.3, 0.3))
    moved = Placement(usual.dx + dx, usual.dy + dy, usual.degrees + turn, usual.tint)
    body = draw_sprite(part, stage.scale, rng, solder=False)
    cover = np.maximum(_footprint(stage, part, body, moved), _footprint(stage, part, body, usual))
    return Defect(placed={part.name: moved}, sprites={part.name: body}, cover=cover)


def _tombstone(part: Part, stage: Stage, usual: Placement, rng: np.random.Generator) -> Defect:
    """A chip that stands on one end, leaning a little: its tinned face and a sliver of its side."""
    large = part.package.endswith("1206")
    length, width, thick = (3.2, 1.6, 0.75) if large else (2.0, 1.25, 0.62)
    side = int(rng.choice((-1, 1)))
    lean = rng.uniform(0.25, 0.5)
    drawing = Surface.blank((-2.6, -1.4, 2.6, 1.4), stage.scale)
    dark = (150, 122, 92) if part.package.startswith("capacitor") else (36, 36, 40)
    middle = side * (length / 2 + 0.05)
    drawing.rectangle(middle, 0, thick + 2 * lean, width, Paint(dark, length * 0.6, 0.0, 0.4), 0.06)
    drawing.rectangle(middle - side * (lean + thick * 0.2), 0, thick, width, Paint(TIN, length, 1.0, 0.0), 0.08)
    drawing.soften(0.05)
    sprite = Sprite.of(drawing)
    body = draw_sprite(part, stage.scale, rng, solder=False)
    cover = np.maximum(_footprint(stage, part, sprite, usual), _footprint(stage, part, body, usual))
    skewed = replace(usual, degrees=usual.degrees + float(rng.uniform(-9, 9)))
    return Defect(placed={part.name: skewed}, sprites={part.name: sprite}, cover=cover)


def _scratch(stage: Stage, rng: np.random.Generator) -> Defect:
    """A thin curved scratch through the mask: bare copper over copper, pale laminate elsewhere."""
    line = _well_seen(stage, [_scratch_line(rng) for _ in range(40)])
    width = rng.uniform(0.13, 0.24)

    def under(surface: Surface) -> Plane:
        window, cover = surface.cover(_line_box(line), lambda draw, place: place.strokes(draw, [line], width))
        grain = noise(cover.shape, 0.5 * surface.scale, rng, 2)
        cover = cover * np.clip(0.92 + 0.35 * grain, 0.25, 1) * stage.board[window]
        copper = stage.copper[window][..., None]
        target = linear(138, 146, 104) + (linear(206, 140, 96) - linear(138, 146, 104)) * copper
        surface.color[window] += (target - surface.color[window]) * cover[..., None]
        surface.metal[window] += (copper[..., 0] * 0.85 - surface.metal[window]) * cover
        surface.height[window] -= 0.03 * cover
        surface.gloss[window] *= 1 - cover
        marked = max(width, 1.2 * OVERSAMPLE / surface.scale)  # a whole pixel wide, however thin the scratch
        cover = surface.cover(_line_box(line), lambda d, place: place.strokes(d, [line], marked))[1]
        return _whole(surface, window, cover * stage.board[window])

    return Defect(under=under)


def _scratch_line(rng: np.random.Generator) -> _Line:
    start = (rng.uniform(3, BOARD_WIDTH - 3), rng.uniform(3, BOARD_HEIGHT - 3))
    line = curve(start, rng.uniform(0, 2 * math.pi), rng.uniform(6, 15), rng.normal(0, 0.7), 30)
    return [(x, y) for x, y in line if 1 < x < BOARD_WIDTH - 1 and 1 < y < BOARD_HEIGHT - 1]


def _line_box(line: _Line) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in line], [y for _, y in line]
    return min(xs) - 0.5, min(ys) - 0.5, max(xs) + 0.5, max(ys) + 0.5


def _well_seen(stage: Stage, candidates: list[_Line]) -> _Line:
    """The first candidate of which parts hide little, else the one of which most is seen."""
    for line in candidates:
        if len(line) > 12 and _visible(stage, line) > 0.72 * len(line):
            return line
    return max(candidates, key=lambda line: _visible(stage, line))


def _visible(stage: Stage, line: _Line) -> float:
    """How many points of a line lie on the board and under no part."""
    rows, columns = stage.bare.shape
    seen = 0.0
    for x, y in line:
        column, row = (x - stage.bare.origin[0]) * stage.scale, (y - stage.bare.origin[1]) * stage.scale
        pixel = min(rows - 1, int(row)), min(columns - 1, int(column))
        seen += float((1 - stage.parts[pixel]) * stage.board[pixel])
    return seen


def _stain(stage: Stage, rng: np.random.Generator) -> Defect:
    """Burnt flux or a dried drop: translucent, brownish or milky, with a darker rim."""
    places = [(rng.uniform(3, BOARD_WIDTH - 3), rng.uniform(3, BOARD_HEIGHT - 3)) for _ in range(40)]
    radius = rng.uniform(1.5, 2.7)
    x, y = _well_seen(stage, [_ring(place, radius) for place in places])[0]
    milky = rng.random() < 0.35
    strength = rng.uniform(0.48, 0.68)

    def under(surface: Surface) -> Plane:
        window, dx, dy = disc_window(surface, x, y, radius * 2)
        inside = blob(dx / radius, dy / radius, rng, 0.16)
        edge = np.clip(inside * np.float32(radius * surface.scale / 3), 0, 1)
        rim = np.exp(-((inside - 0.06) ** 2) / 0.004)
        cloud = np.clip(0.75 + 0.2 * noise(dx.shape, radius * surface.scale, rng, 3) + 0.5 * rim, 0.2, 1.5)
        film = np.clip(edge * cloud * strength * stage.board[window], 0, 1)[..., None]
        target = linear(150, 148, 128) if milky else linear(96, 70, 30)
        keep = surface.color[window] * (1 - film * np.array((0.5, 0.72, 0.85), np.float32))
        surface.color[window] = keep + target * film * np.float32(0.55 if milky else 0.5)
        surface.gloss[window] *= 1 - 0.7 * edge
        return _whole(surface, window, edge * stage.board[window])

    return Defect(under=under)


def _ring(at: tuple[float, float], radius: float) -> _Line:
    angles = np.linspace(0, 2 * math.pi, 12, endpoint=False)
    inner = [(at[0] + 0.45 * radius * math.cos(a), at[1] + 0.45 * radius * math.sin(a)) for a in angles]
    return [at, *inner, *((at[0] + radius * math.cos(a), at[1] + radius * math.sin(a)) for a in angles)]


def _footprint(stage: Stage, part: Part, sprite: Sprite, where: Placement) -> Plane:
    """What a part covers at a placement, over the whole scene."""
    angle = 90.0 * part.turns + where.degrees
    return footprint(stage.bare, sprite, part.x + where.dx, part.y + where.dy, angle)


def _whole(surface: Surface, window: tuple[slice, slice], cover: Plane) -> Plane:
    plane = np.zeros(surface.shape, np.float32)
    plane[window] = cover
    return plane


def _one_of(parts: list[Part], rng: np.random.Generator) -> Part:
    return parts[int(rng.integers(len(parts)))]
