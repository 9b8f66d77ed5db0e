"""The bare board: laminate, copper, solder mask, tinned pads, silkscreen."""

from __future__ import annotations

import math

import numpy as np

from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, HOLE_RADIUS, LABEL_SIZE, Box, Layout
from belvedere.samples.lettering import text_width
from belvedere.samples.packages import package
from belvedere.samples.parts import Part
from belvedere.samples.routing import BoardPad, Copper
from belvedere.samples.surface import Paint, Plane, Surface, box_blur, linear
from belvedere.samples.textures import noise, weave

BELOW = -1.6
_SILK = Paint((232, 233, 226), None, 0.0, 0.15, 0.93)
_RING, _NAME_SIZE = 1.8, 1.05


def draw_bare_board(surface: Surface, layout: Layout, copper: Copper) -> Plane:
    """Draw the board without its parts.

    Returns:
        Where copper lies under the mask or bare, 0..1, (h, w).
    """
    rng = np.random.default_rng([layout.product, 0xA27])
    plane = _copper_plane(surface, layout, copper, rng)
    _mask_over(surface, layout, plane, rng)
    for x, y in (*copper.vias, *_stitches(surface, layout, plane)):
        _via(surface, x, y)
    _silkscreen(surface, layout, copper)
    for pad in copper.pads:
        _pad(surface, pad, rng)
    for x, y in layout.holes:
        _mounting_hole(surface, x, y)
    for x, y in layout.fiducials:
        surface.ellipse(x, y, 0.85, 0.85, Paint((92, 92, 54), 0.0, 0.0, 0.2))
        surface.ellipse(x, y, 0.5, 0.5, Paint((216, 180, 104), 0.05, 1.0, 0.0))
    return plane


def board_cover(surface: Surface, layout: Layout) -> Plane:
    """1 where the board is, 0 beside it and in its mounting holes."""
    outline = surface.copy()
    outline.alpha[...] = 0
    outline.rectangle(BOARD_WIDTH / 2, BOARD_HEIGHT / 2, BOARD_WIDTH, BOARD_HEIGHT, Paint(), 1.4)
    cover = outline.alpha.copy()
    outline.alpha[...] = 0
    for x, y in layout.holes:
        outline.ellipse(x, y, HOLE_RADIUS, HOLE_RADIUS, Paint())
    return np.asarray(cover * (1 - outline.alpha))


def _copper_plane(surface: Surface, layout: Layout, copper: Copper, rng: np.random.Generator) -> Plane:
    """Traces and pads, and a pour with clearance around them and spokes to grounded pads."""
    keep, copper_layer, pour = (Surface.blank(_box(surface), surface.scale) for _ in range(3))
    ink = Paint()
    for width in sorted({trace.width for trace in copper.traces}):
        lines = [trace.points for trace in copper.traces if trace.width == width]
        copper_layer.strokes(lines, width, ink)
        keep.strokes(lines, width + 0.6, ink)
    for pad in copper.pads:
        copper_layer.rectangle(pad.x, pad.y, pad.width + 0.06, pad.height + 0.06, ink, 0.12)
        keep.rectangle(pad.x, pad.y, pad.width + 0.66, pad.height + 0.66, ink, 0.2)
    for x, y in copper.vias:
        copper_layer.ellipse(x, y, 0.36, 0.36, ink)
        keep.ellipse(x, y, 0.64, 0.64, ink)
    for x, y in layout.holes:
        keep.ellipse(x, y, _RING + 0.3, _RING + 0.3, ink)
    for x, y in layout.fiducials:
        keep.ellipse(x, y, 1.1, 1.1, ink)
    inset = 0.6
    width, height = BOARD_WIDTH, BOARD_HEIGHT
    pour.rectangle(width / 2, height / 2, width - 2 * inset, height - 2 * inset, ink, 1.2)
    for pad in copper.grounded:
        spokes = [((pad.x - pad.width / 2 - 0.5, pad.y), (pad.x + pad.width / 2 + 0.5, pad.y))]
        spokes.append(((pad.x, pad.y - pad.height / 2 - 0.5), (pad.x, pad.y + pad.height / 2 + 0.5)))
        copper_layer.strokes(spokes, 0.3, ink)
    _open_areas(keep, layout, rng)
    poured = pour.alpha * (1 - keep.alpha)
    return np.asarray(np.maximum(poured, copper_layer.alpha))


def _open_areas(keep: Surface, layout: Layout, rng: np.random.Generator) -> None:
    """Leave the pour out where traces are dense, with chamfered outlines."""
    for left, top, right, bottom in layout.unpoured:
        cut = 0.8 + rng.uniform(0, 0.6)
        points = [(left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut)]
        points += [(right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut)]
        keep.polygon(points, Paint())


def _mask_over(surface: Surface, layout: Layout, copper: Plane, rng: np.random.Generator) -> None:
    """Solder mask: lighter over copper, glass weave shining through, glossy."""
    shape, scale = surface.shape, surface.scale
    over = linear(*layout.mask_color)
    bare = over * np.float32(0.36) + linear(10, 16, 4)
    threads = weave(shape, 0.42 * scale, rng)
    mottle = noise(shape, 2.5 * scale, rng, 3)
    surface.color[...] = bare + (over - bare) * copper[..., None]
    surface.color[...] *= (1 + 0.035 * mottle + 0.11 * threads * (1 - 0.75 * copper))[..., None]
    np.clip(surface.color, 0, 1, out=surface.color)
    edge = box_blur(copper, max(1, round(0.06 * scale)))
    surface.height[...] = 0.05 * edge + 0.0016 * threads + 0.0018 * noise(shape, 0.5 * scale, rng, 2)
    surface.metal[...] = 0.0
    surface.gloss[...] = 0.42
    surface.alpha[...] = 1.0


def _stitches(surface: Surface, layout: Layout, copper: Plane) -> list[tuple[float, float]]:
    """Places for vias that tie the pour to the plane below: where copper is wide and no part sits."""
    places = []
    wide = box_blur(copper, max(1, round(0.5 * surface.scale)))
    for y in np.arange(1.4, BOARD_HEIGHT - 1, 1.6):
        for x in np.arange(1.4, BOARD_WIDTH - 1, 1.6):
            row, column = (y - surface.origin[1]) * surface.scale, (x - surface.origin[0]) * surface.scale
            free = all(abs(x - p.x) > p.extent[0] + 0.5 or abs(y - p.y) > p.extent[1] + 0.5 for p in layout.parts)
            free = free and not any(_inside(x, y, box) for box in _printed(layout))
            if free and wide[int(row), int(column)] > 0.985:
                places.append((float(x), float(y)))
    return places


def _via(surface: Surface, x: float, y: float) -> None:
    surface.ellipse(x, y, 0.36, 0.36, Paint((196, 190, 160), 0.07, 0.9, 0.1))
    surface.ellipse(x, y, 0.17, 0.17, Paint((14, 16, 14), -0.4, 0.0, 0.0))


def _pad(surface: Surface, pad: BoardPad, rng: np.random.Generator) -> None:
    """An opening in the mask and a tinned pad in it, domed by the solder it carries."""
    rim = Paint((78, 84, 44), 0.0, 0.0, 0.2)
    fullness = rng.uniform(0.1, 0.2)
    if pad.hole:
        surface.ellipse(pad.x, pad.y, pad.width / 2 + 0.08, pad.height / 2 + 0.08, rim)
        surface.ellipse(pad.x, pad.y, pad.width / 2, pad.height / 2, Paint((204, 204, 200), 0.1, 1.0, 0.0))
        return

    def dome(x: Plane, y: Plane) -> Plane:
        along, across = abs(x - pad.x) / (pad.width / 2), abs(y - pad.y) / (pad.height / 2)
        bulge = np.clip(1 - along**2.5, 0, 1) * np.clip(1 - across**2.5, 0, 1)
        return np.asarray(0.04 + fullness * bulge, dtype=np.float32)

    surface.rectangle(pad.x, pad.y, pad.width + 0.18, pad.height + 0.18, rim, 0.16)
    surface.rectangle(pad.x, pad.y, pad.width, pad.height, Paint((176, 178, 176), dome, 1.0, 0.0), 0.12)


def _mounting_hole(surface: Surface, x: float, y: float) -> None:
    surface.ellipse(x, y, _RING + 0.1, _RING + 0.1, Paint((84, 88, 48), 0.0, 0.0, 0.2))
    surface.ellipse(x, y, _RING, _RING, Paint((196, 195, 188), 0.06, 0.6, 0.0))
    for angle in np.arange(8) * math.pi / 4 + math.pi / 8:
        _via(surface, x + 1.5 * math.cos(angle), y + 1.5 * math.sin(angle))


def _silkscreen(surface: Surface, layout: Layout, copper: Copper) -> None:
    """Outlines, pin-1 marks, reference designators, the product's name."""
    taken: list[Box] = [_pad_box(pad) for pad in copper.pads]
    for part in layout.parts:
        half_x, half_y = part.extent
        taken.append((part.x - half_x, part.y - half_y, part.x + half_x, part.y + half_y))
        _outline(surface, part)
    taken += [(x - 2.2, y - 2.2, x + 2.2, y + 2.2) for x, y in layout.holes]
    taken += [(x - 0.9, y - 0.9, x + 0.9, y + 0.9) for x, y in layout.fiducials]
    taken += _printed(layout)
    surface.text(layout.name, *layout.name_xy, _NAME_SIZE, _SILK, weight=0.17)
    for part in layout.parts:
        _designator(surface, part, taken)


def _outline(surface: Surface, part: Part) -> None:
    """Lines beside the body, and a mark at pin 1 or the cathode."""
    outline = package(part.package)
    half_x, half_y = outline.extent
    if outline.pitch:
        half_x, half_y = outline.width / 2 - 0.12, outline.height / 2 + 0.22
        if part.package == "qfp32":
            _corner_marks(surface, part, 3.75)
        else:
            _lines(surface, part, [((-half_x, side * half_y), (half_x, side * half_y)) for side in (-1, 1)])
        first = outline.pads[0]
        x, y = part.to_board(first.x - 0.1, first.y - 0.85)
        surface.ellipse(x, y, 0.2, 0.2, _SILK)
        return
    if half_x < 2.4:
        edge = max(outline.height / 2, half_y) + 0.16
        _lines(surface, part, [((-0.45, side * edge), (0.45, side * edge)) for side in (-1, 1)])
    elif part.package not in ("crystal", "inductor"):
        _corner_marks(surface, part, half_x + 0.22, half_y + 0.22)
    if outline.polar:
        _lines(surface, part, [((-half_x - 0.22, -half_y * 0.8), (-half_x - 0.22, half_y * 0.8))])


def _corner_marks(surface: Surface, part: Part, half_x: float, half_y: float | None = None) -> None:
    half_y = half_x if half_y is None else half_y
    reach = min(half_x, half_y) * 0.35
    for sx in (-1, 1):
        for sy in (-1, 1):
            corner = (sx * half_x, sy * half_y)
            ends = ((sx * (half_x - reach), sy * half_y), corner, (sx * half_x, sy * (half_y - reach)))
            _lines(surface, part, [ends])


def _lines(surface: Surface, part: Part, lines: list[tuple[tuple[float, float], ...]]) -> None:
    surface.strokes([[part.to_board(*point) for point in line] for line in lines], 0.15, _SILK)


def _designator(surface: Surface, part: Part, taken: list[Box]) -> None:
    """Print the reference where there is room; leave it out where there is none."""
    half_x, half_y = part.extent
    for size in (0.95, 0.8):
        width = text_width(part.name, size)
        for turns, dx, dy in _spots(half_x, half_y, width, size):
            w, h = (size, width) if turns else (width, size)
            x, y = part.x + dx, part.y + dy
            box = (x - w / 2 - 0.1, y - h / 2 - 0.1, x + w / 2 + 0.1, y + h / 2 + 0.1)
            inside = box[0] > 0.5 and box[1] > 0.5 and box[2] < BOARD_WIDTH - 0.5 and box[3] < BOARD_HEIGHT - 0.5
            if inside and not any(_overlap(box, other) for other in taken):
                surface.text(part.name, x, y, size, _SILK, turns=turns, weight=0.17)
                taken.append(box)
                return


def _spots(half_x: float, half_y: float, width: float, size: float) -> list[tuple[int, float, float]]:
    above, beside = half_y + size / 2 + 0.3, half_x + width / 2 + 0.4
    spots = [(0, slide * half_x, side * above) for side in (-1, 1) for slide in (0.0, -0.5, 0.5)]
    spots += [(0, side * beside, slide * half_y) for side in (1, -1) for slide in (0.0, -0.6, 0.6)]
    tall = half_x + size / 2 + 0.3
    return spots + [(1, side * tall, slide * half_y) for side in (1, -1) for slide in (0.0, -0.5, 0.5)]


def _printed(layout: Layout) -> tuple[Box, Box]:
    """The boxes of the sticker and of the printed name."""
    label = _around(layout.label_xy, LABEL_SIZE[0] / 2 + 0.2, LABEL_SIZE[1] / 2 + 0.2)
    return label, _around(layout.name_xy, text_width(layout.name, _NAME_SIZE) / 2 + 0.2, _NAME_SIZE / 2 + 0.2)


def _around(at: tuple[float, float], half_x: float, half_y: float) -> Box:
    return at[0] - half_x, at[1] - half_y, at[0] + half_x, at[1] + half_y


def _inside(x: float, y: float, box: Box) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _pad_box(pad: BoardPad) -> Box:
    return (pad.x - pad.width / 2, pad.y - pad.height / 2, pad.x + pad.width / 2, pad.y + pad.height / 2)


def _box(surface: Surface) -> Box:
    rows, columns = surface.shape
    left, top = surface.origin
    return (left, top, left + columns / surface.scale, top + rows / surface.scale)
