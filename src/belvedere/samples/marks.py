"""Defects that are drawn: solder between pins, scratches in the solder mask, stains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from belvedere.samples.board import VIEW_WIDTH, Stage
from belvedere.samples.camera import OVERSAMPLE
from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, Layout
from belvedere.samples.packages import Pad, package
from belvedere.samples.placing import Sprite, Window
from belvedere.samples.scene import Placement, bridgeable, curve, disc_window
from belvedere.samples.surface import Paint, Plane, Surface, bounds, linear
from belvedere.samples.textures import blob, noise

_CANDIDATES = 150
_TALL = 2.9

_Line = list[tuple[float, float]]
Mark = Callable[[Surface], Plane]


@dataclass(frozen=True, eq=False)
class Defect:
    """A planned defect: what it changes in a scene; each is optional.

    Attributes:
        placed: Other placements for some parts, None for a part that is not there.
        sprites: Other drawings for some parts.
        mark: Marks the populated board; returns what it covers, 0..1, (h, w).
        cover: What the defect covers apart from the mark.
    """

    placed: dict[str, Placement | None] = field(default_factory=dict)
    sprites: dict[str, Sprite] = field(default_factory=dict)
    mark: Mark | None = None
    cover: Plane | None = None


def solder_bridge(layout: Layout, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """A lump of solder over two or three neighbouring pins, thickest at the pins, in a halo of burnt flux."""
    parts = bridgeable(layout)
    part = parts[int(rng.integers(len(parts)))]
    outline, where = package(part.package), placed[part.name]
    runs = _runs(outline.pads, outline.pitch, 3 if outline.pitch < 1 else int(rng.integers(2, 4)))
    first, *_, last = runs[int(rng.integers(len(runs)))]
    upright = first.x == last.x
    middle = np.array([first.x + last.x, first.y + last.y]) / 2
    outward = 0 if upright else 1
    middle[outward] -= rng.uniform(-0.3, 0.3) * np.sign(middle[outward])
    x, y = part.to_board(float(middle[0]), float(middle[1]))
    x, y = x + where.dx, y + where.dy
    across = math.hypot(first.x - last.x, first.y - last.y) / 2 + rng.uniform(0.4, 0.6)
    along = rng.uniform(0.8, 1.1)
    upright = upright != bool(part.turns % 2)
    radius_x, radius_y = (along, across) if upright else (across, along)

    def mark(surface: Surface) -> Plane:
        window, dx, dy = disc_window(surface, x, y, 3.6)
        charred = np.clip(blob(dx / (radius_x + 1.0), dy / (radius_y + 1.0), rng, 0.2) * 4, 0, 1)
        surface.color[window] *= 1 - charred[..., None] * np.array((0.45, 0.8, 0.93), np.float32)
        inside = blob(dx / radius_x, dy / radius_y, rng, 0.14)
        edge = np.clip(inside * np.float32(min(radius_x, radius_y) * surface.scale) + 0.5, 0, 1)
        wave = np.cos((dy if upright else dx) * np.float32(2 * math.pi / outline.pitch))
        height = 0.2 + 0.75 * np.sqrt(np.clip(inside, 0, 1)) + 0.05 * wave
        surface.fill(window, edge, Paint((190, 190, 186), lambda *_: height, 1.0, 0.0))
        return _whole(surface, window, np.maximum(edge, charred))

    return Defect(mark=mark)


def _runs(pads: Sequence[Pad], pitch: float, count: int) -> list[tuple[Pad, ...]]:
    """All ``count`` pads in a row with nothing but the pitch between them."""
    runs = [tuple(pads[i : i + count]) for i in range(len(pads) - count + 1)]
    return [
        run
        for run in runs
        if math.isclose(math.hypot(run[0].x - run[-1].x, run[0].y - run[-1].y), pitch * (count - 1), rel_tol=0.01)
    ]


def scratch(stage: Stage, rng: np.random.Generator) -> Defect:
    """Where a tool skidded: two long scratches side by side, bare copper or laminate between pale, chipped edges."""
    line = _well_seen(stage, [_scratch_line(rng) for _ in range(_CANDIDATES)], 0.27 * VIEW_WIDTH)
    lines = (line, _beside(line, rng))
    box = bounds([point for each in lines for point in each], 1.0)
    width = rng.uniform(0.2, 0.28)

    def mark(surface: Surface) -> Plane:
        def stroked(wide: float) -> tuple[Window, Plane]:
            window, cover = surface.cover(box, lambda draw, place: place.strokes(draw, lines, wide))
            return window, cover * reached[window]

        # Parts that stand out carry the tool over the board behind them and are only grazed.
        reached = stage.board * (surface.height < _TALL)
        window, burr = stroked(width + 0.34)
        on_part = np.clip((surface.height[window] - 0.3) * 5, 0, 1)
        surface.color[window] += (linear(150, 196, 150) - surface.color[window]) * (burr * (0.7 - 0.45 * on_part))[
            ..., None
        ]
        grain = noise(burr.shape, 0.5 * surface.scale, rng, 2)
        cut = stroked(width)[1] * np.clip(0.97 + 0.25 * grain, 0.5, 1)
        copper = stage.copper[window] * (1 - on_part)
        bare, metal = linear(182, 178, 138), linear(226, 142, 90)
        target = bare + (metal - bare) * copper[..., None]
        surface.color[window] += (target - surface.color[window]) * (cut * (1 - 0.6 * on_part))[..., None]
        surface.metal[window] += (copper * 0.6 - surface.metal[window]) * cut
        surface.height[window] += (0.03 * burr - 0.06 * cut) * (1 - on_part)
        surface.gloss[window] *= 1 - cut
        # The mask is at least a whole pixel wide, however small the picture.
        return _whole(surface, window, stroked(max(width + 0.2, 1.2 * OVERSAMPLE / surface.scale))[1])

    return Defect(mark=mark)


def _beside(line: _Line, rng: np.random.Generator) -> _Line:
    """Part of a line, moved sideways by about a millimetre."""
    (x0, y0), (x1, y1) = line[0], line[-1]
    sideways = rng.choice((-1, 1)) * rng.uniform(0.8, 1.2) / max(math.hypot(x1 - x0, y1 - y0), 1e-6)
    first, last = int(rng.uniform(0, 0.2) * len(line)), int(rng.uniform(0.75, 1.0) * len(line))
    return [(x - (y1 - y0) * sideways, y + (x1 - x0) * sideways) for x, y in line[first : last + 1]]


def _scratch_line(rng: np.random.Generator) -> _Line:
    start = (rng.uniform(2, BOARD_WIDTH - 2), rng.uniform(2, BOARD_HEIGHT - 2))
    length = rng.uniform(0.33, 0.5) * VIEW_WIDTH
    line = curve(start, rng.uniform(0, 2 * math.pi), length, rng.normal(0, 0.8), 40)
    return [(x, y) for x, y in line if 0.6 < x < BOARD_WIDTH - 0.6 and 0.6 < y < BOARD_HEIGHT - 0.6]


def stain(stage: Stage, rng: np.random.Generator) -> Defect:
    """Burnt flux or a dried drop: translucent, brownish or milky, with a strong rim."""
    radius = rng.uniform(0.075, 0.1) * VIEW_WIDTH
    places = [(rng.uniform(4, BOARD_WIDTH - 4), rng.uniform(3, BOARD_HEIGHT - 3)) for _ in range(_CANDIDATES // 2)]
    x, y = _well_seen(stage, [_spread(place, radius) for place in places], 5.2 * radius)[0]
    milky = rng.random() < 0.4
    strength = rng.uniform(0.9, 1.0) if milky else 1.0

    def mark(surface: Surface) -> Plane:
        window, dx, dy = disc_window(surface, x, y, radius * 2)
        inside = blob(dx / radius, dy / radius, rng, 0.16)
        edge = np.clip(inside * np.float32(radius * surface.scale / 3), 0, 1)
        rim = np.exp(-((inside - 0.08) ** 2) / 0.004)
        cloud = np.clip(0.72 + 0.15 * noise(dx.shape, radius * surface.scale, rng, 3) + 0.6 * rim, 0.2, 1.5)
        film = np.clip(edge * cloud * strength * stage.board[window], 0, 1)[..., None]
        target = linear(206, 202, 180) if milky else linear(112, 64, 20)
        keep = surface.color[window] * (1 - film * np.array((0.55, 0.8, 0.9), np.float32))
        surface.color[window] = keep + target * film * np.float32(0.6)
        surface.gloss[window] *= 1 - 0.7 * edge
        return _whole(surface, window, edge * stage.board[window])

    return Defect(mark=mark)


def _spread(at: tuple[float, float], radius: float) -> _Line:
    """A disc as a line that is wound through it, so that its length measures what is seen of it."""
    angles = np.linspace(0, 6 * math.pi, 40)
    reach = np.linspace(0, radius, 40)
    return [(at[0] + r * math.cos(a), at[1] + r * math.sin(a)) for a, r in zip(angles, reach, strict=True)]


def _well_seen(stage: Stage, candidates: list[_Line], enough: float) -> _Line:
    """The first candidate of which ``enough`` millimetres are seen, else the one of which most is."""
    for line in candidates:
        if _seen(stage, line) >= enough:
            return line
    return max(candidates, key=lambda line: _seen(stage, line))


def _seen(stage: Stage, line: _Line) -> float:
    """How many millimetres of a line lie on the board and under no part."""
    points = np.array(line)
    if len(points) < 2:
        return 0.0
    pixels = ((points - stage.bare.origin) * stage.scale).astype(int)
    rows, columns = stage.bare.shape
    row, column = pixels[:, 1].clip(0, rows - 1), pixels[:, 0].clip(0, columns - 1)
    shown = (1 - stage.parts[row, column]) * stage.board[row, column]
    steps = np.hypot(*np.diff(points, axis=0).T)
    return float((steps * (shown[1:] + shown[:-1]) / 2).sum())


def _whole(surface: Surface, window: Window, cover: Plane) -> Plane:
    plane = np.zeros(surface.shape, np.float32)
    plane[window] = cover
    return plane
