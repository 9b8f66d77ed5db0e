"""Draws one sample picture with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.samples.board import Board
from belvedere.samples.camera import expose, expose_mask
from belvedere.samples.defects import DEFECTS, plan
from belvedere.samples.lighting import shade
from belvedere.samples.marks import Defect
from belvedere.samples.scene import (
    Placement,
    add_dust,
    add_markings,
    add_parts,
    bare_scene,
    camera_for,
    light_for,
    placements,
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and what is wrong in it.

    Attributes:
        image: RGB uint8, (height, width, 3).
        mask: Per pixel 0, or the index into ``DEFECTS`` plus one; uint8 (height, width).
        kinds: The defects in the picture, none or one.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    kinds: tuple[str, ...]


def draw_board(
    seed: int, defect: str | None = None, *, size: tuple[int, int] = (480, 360), board: Board | None = None
) -> Sample:
    """Draw a populated circuit board as a camera above a conveyor sees it.

    The seed decides about light, pose, exposure, noise, placement within tolerance, lot codes and dust, and
    about where a defect is. With one seed, the pictures with and without a defect show the same piece in the
    same light.
    Equal arguments give equal bytes with equal versions of numpy and Pillow.

    Args:
        seed: Not negative.
        defect: One of ``DEFECTS``, or None for a good board.
        size: Width and height in pixels, each 64..2048.
        board: The product; pass one to draw many pictures fast. None means the product of seed 0.

    Raises:
        OptionError: an unknown defect, a negative seed, or a size out of range.

    Example:
        >>> sample = draw_board(7, "scratch", size=(160, 120))
        >>> sample.image.shape, sample.kinds
        ((120, 160, 3), ('scratch',))
    """
    if defect is not None and defect not in DEFECTS:
        raise OptionError(f"there is no defect {defect!r}; known are {', '.join(DEFECTS)}")
    if seed < 0:
        raise OptionError(f"seed is {seed}, but it must not be negative")
    board = board or Board()
    stage, layout = board.stage(size), board.layout
    piece, damage, view = (np.random.default_rng([seed, stream]) for stream in range(3))
    usual = placements(layout, piece)
    planned = plan(defect, layout, stage, usual, damage) if defect else Defect()
    placed: dict[str, Placement | None] = {**usual, **planned.placed}
    surface = bare_scene(stage, piece)
    add_parts(surface, layout, {**stage.sprites, **planned.sprites}, placed)
    add_markings(surface, layout, placed, piece)
    marked = planned.mark(surface) if planned.mark else None
    add_dust(surface, piece)
    camera = camera_for(view, size)
    image = expose(shade(surface, light_for(view)), camera, size, view)
    mask = np.zeros((size[1], size[0]), np.uint8)
    for cover in (planned.cover, marked):
        if cover is not None and defect:
            mask[expose_mask(cover, camera, size)] = DEFECTS.index(defect) + 1
    return Sample(image, mask, (defect,) if defect else ())
