"""A product: its layout, its copper, and what of it can be drawn once for all its pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.samples.artwork import BELOW, board_cover, draw_bare_board
from belvedere.samples.camera import OVERSAMPLE
from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, LABEL_SIZE, Layout, design
from belvedere.samples.parts import Part, draw_part
from belvedere.samples.placing import Sprite, paste
from belvedere.samples.routing import Copper, route
from belvedere.samples.surface import Paint, Plane, Surface, linear
from belvedere.samples.textures import noise

VIEW_WIDTH, VIEW_HEIGHT = 31.6, 23.7
SMALLEST, LARGEST = 64, 2048
_MARGIN = 0.02


@dataclass(frozen=True, eq=False)
class Stage:
    """The layers of a product that all pictures of one size share. Read only.

    Attributes:
        size: Width and height of the pictures in pixels.
        bare: The board without parts, and nothing beside it; oversampled, with a margin around the view.
        copper: Where copper is, 0..1.
        board: Where the board is, 0..1.
        parts: Where parts and the sticker are nominally, 0..1.
        belt: Brightness of the conveyor belt, larger than the view in both directions.
        sprites: One drawing for every part, by its name.
    """

    size: tuple[int, int]
    bare: Surface
    copper: Plane
    board: Plane
    parts: Plane
    belt: Plane
    sprites: Mapping[str, Sprite]

    @property
    def scale(self) -> float:
        """Pixels of the layers per millimetre."""
        return self.bare.scale

    @cached_property
    def beside(self) -> tuple[NDArray[np.intp], ...]:
        """Rows and columns of the pixels that the board does not cover wholly."""
        return np.nonzero(self.board < 1)


@dataclass(frozen=True, eq=False)
class Board:
    """One product. Keep it while drawing many pictures: it remembers what it has drawn.

    Attributes:
        product: Seed of the layout; 0 is the product of the demo.
    """

    product: int = 0
    _stages: dict[tuple[int, int], Stage] = field(default_factory=dict, repr=False)

    @cached_property
    def layout(self) -> Layout:
        """Where the parts are."""
        return design(self.product)

    @cached_property
    def copper(self) -> Copper:
        """Pads, traces and vias."""
        return route(self.layout)

    def stage(self, size: tuple[int, int]) -> Stage:
        """The shared layers for pictures of ``size`` (width, height), drawn at the first call.

        Raises:
            OptionError: a side is shorter than 64 or longer than 2048 pixels.
        """
        if not all(SMALLEST <= side <= LARGEST for side in size):
            raise OptionError(
                f"size is {size[0]} x {size[1]}, but the sides of sample pictures are "
                f"{SMALLEST} to {LARGEST} pixels; ask for another size"
            )
        if size not in self._stages:
            self._stages[size] = _draw_stage(self.layout, self.copper, size)
        return self._stages[size]


def _draw_stage(layout: Layout, copper: Copper, size: tuple[int, int]) -> Stage:
    rng = np.random.default_rng([layout.product, 0x57A6E])
    scale = OVERSAMPLE * min(size[0] / VIEW_WIDTH, size[1] / VIEW_HEIGHT)
    margin = math.ceil(_MARGIN * max(size)) * OVERSAMPLE
    half_x = (size[0] * OVERSAMPLE / 2 + margin) / scale
    half_y = (size[1] * OVERSAMPLE / 2 + margin) / scale
    middle = (BOARD_WIDTH / 2, BOARD_HEIGHT / 2)
    box = (middle[0] - half_x, middle[1] - half_y, middle[0] + half_x, middle[1] + half_y)
    bare = Surface.blank(box, scale)
    plane = draw_bare_board(bare, layout, copper)
    cover = board_cover(bare, layout)
    _cut_out(bare, cover)
    sprites = {part.name: draw_sprite(part, scale, rng) for part in layout.parts}
    populated = bare.copy()
    parts = np.zeros(bare.shape, np.float32)
    for part in layout.parts:
        window, alpha = paste(populated, sprites[part.name], part.x, part.y, 90.0 * part.turns)
        np.maximum(parts[window], alpha, out=parts[window])
    label = Surface.blank(box, scale)
    label.rectangle(*layout.label_xy, *LABEL_SIZE, Paint())
    np.maximum(parts, label.alpha, out=parts)
    return Stage(size, bare, plane, cover, parts, _belt(bare.shape, scale, rng), sprites)


def draw_sprite(part: Part, scale: float, rng: np.random.Generator, *, solder: bool = True) -> Sprite:
    """The drawing of one part, with or without the solder at its ends."""
    return Sprite.of(draw_part(part.package, part.value, scale, rng, solder=solder))


def _cut_out(bare: Surface, cover: Plane) -> None:
    """Leave nothing beside the board; its cut edge shows the laminate."""
    edge = np.clip(1 - abs(cover - 0.5) * 2, 0, 1)[..., None]
    bare.color[...] += (linear(150, 146, 88) - bare.color) * edge * 0.6
    bare.color[...] *= cover[..., None]
    bare.height[...] = bare.height * cover + np.float32(BELOW) * (1 - cover)
    bare.metal[...] *= cover
    bare.gloss[...] *= cover


def _belt(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Plane:
    """Dark rubber with a fabric pattern, worn along its direction of travel."""
    rows, columns = shape[0] * 3 // 2, shape[1] * 3 // 2
    y, x = np.mgrid[:rows, :columns].astype(np.float32) / np.float32(scale)
    pattern = np.sin(2 * np.pi * (x + y) / 0.9) * np.sin(2 * np.pi * (x - y) / 0.9)
    worn = noise((rows, 1), 1.2 * scale, rng, 3) * 0.03
    spots = noise((rows, columns), 3 * scale, rng, 3) * 0.03
    return np.asarray(1 + 0.05 * pattern + worn + spots, dtype=np.float32).clip(0.3, 2)
