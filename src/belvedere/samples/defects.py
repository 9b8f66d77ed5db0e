"""What goes wrong: solder bridges, missing and turned parts, scratches, stains; each with what it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from belvedere.samples.board import Stage, draw_sprite
from belvedere.samples.layout import Layout
from belvedere.samples.marks import Defect, scratch, solder_bridge, stain
from belvedere.samples.parts import Part
from belvedere.samples.placing import Sprite, footprint
from belvedere.samples.scene import Placement, parts_of
from belvedere.samples.surface import Plane

DEFECTS: tuple[str, ...] = ("solder_bridge", "missing_part", "rotated_part", "scratch", "stain")

# How often each kind of part is the one that is missing; large ones more often than chips.
_MISSING = {"can63": 3, "soic8": 3, "inductor": 2, "crystal": 2, "tantalum": 3, "led": 2, "resistor": 1, "capacitor": 1}
# How far a part turns when it floats on its solder, degrees: less where its neighbours are near.
_ASKEW = {"can63": (16, 42), "soic8": (12, 26), "inductor": (18, 42), "crystal": (8, 15), "tantalum": (14, 32)}
_REVERSED = ("can63",)


def plan(kind: str, layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """Decide where a defect of ``kind`` (one of ``DEFECTS``) is and what it looks like."""
    if kind == "solder_bridge":
        return solder_bridge(layout, placed, rng)
    if kind == "missing_part":
        return _missing_part(layout, stage, placed, rng)
    if kind == "rotated_part":
        return _rotated_part(layout, stage, placed, rng)
    return scratch(stage, rng) if kind == "scratch" else stain(stage, rng)


def _missing_part(layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """A part, or neighbouring chips of one kind whose feeder ran empty: bare pads with solder."""
    weights = np.array(list(_MISSING.values()), float)
    kind = list(_MISSING)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    parts = parts_of(layout, (kind,))
    count = min(len(parts), 3)
    first = int(rng.integers(len(parts) - count + 1))
    gone = parts[first : first + count]
    bodies = [draw_sprite(part, stage.scale, rng, solder=False) for part in gone]
    covers = [_footprint(stage, part, body, placed[part.name]) for part, body in zip(gone, bodies, strict=True)]
    return Defect(placed=dict.fromkeys((part.name for part in gone), None), cover=_union(covers))


def _rotated_part(layout: Layout, stage: Stage, placed: dict[str, Placement], rng: np.random.Generator) -> Defect:
    """A part floated on its solder and cooled askew, or sits the wrong way round."""
    reversed_ = rng.random() < 0.12
    kinds = _REVERSED if reversed_ else tuple(_ASKEW)
    kind = kinds[int(rng.integers(len(kinds)))]
    part = _one_of(parts_of(layout, (kind,)), rng)
    usual = placed[part.name]
    body = draw_sprite(part, stage.scale, rng, solder=False)
    if reversed_:
        turned = replace(usual, degrees=usual.degrees + 180.0)
        return Defect(placed={part.name: turned}, cover=_footprint(stage, part, body, usual))
    turn = float(rng.uniform(*_ASKEW[kind]) * rng.choice((-1, 1)))
    dx, dy = (float(shift) for shift in rng.normal(0, 0.16, 2).clip(-0.3, 0.3))
    moved = Placement(usual.dx + dx, usual.dy + dy, usual.degrees + turn, usual.tint)
    cover = _union([_footprint(stage, part, body, where) for where in (moved, usual)])
    return Defect(placed={part.name: moved}, sprites={part.name: body}, cover=cover)


def _footprint(stage: Stage, part: Part, sprite: Sprite, where: Placement) -> Plane:
    """What a part covers at a placement, over the whole scene."""
    angle = 90.0 * part.turns + where.degrees
    return footprint(stage.bare, sprite, part.x + where.dx, part.y + where.dy, angle)


def _union(covers: Sequence[Plane]) -> Plane:
    return np.asarray(np.maximum.reduce(covers))


def _one_of(parts: Sequence[Part], rng: np.random.Generator) -> Part:
    return parts[int(rng.integers(len(parts)))]
