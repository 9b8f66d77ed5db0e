"""What lenses and the camera's place do to pictures: bent lines, a view from the side, a part beside the middle.

Pixels move, and annotations with them: see `belvedere.data.transformations.following`.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from belvedere.data.transformations.warps import Lens, Perspective, Window


def bent(width: int, height: int, rng: Generator, *, k1: float) -> Lens:
    """Seen through a lens with radial distortion: a barrel where ``k1`` is negative, else a pincushion."""
    del rng
    return Lens((width, height), k1)


def tilted(width: int, height: int, rng: Generator, *, inset: float) -> Perspective:
    """Seen from a side that is drawn per picture: what is near that side is shown larger.

    Args:
        width: Of the picture in pixels.
        height: Its height.
        rng: What draws.
        inset: How far the two corners at that side move towards each other, as a share of the side; one of them, drawn
            too, moves only half as far.
    """
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
    first = int(rng.integers(4))
    second = (first + 1) % 4
    shares = inset * np.array([1.0, 0.5] if rng.random() < 0.5 else [0.5, 1.0])
    along = corners[second] - corners[first]
    corners[first] += shares[0] * along
    corners[second] -= shares[1] * along
    return Perspective((width, height), corners * (width, height))


def off_center(width: int, height: int, rng: Generator, *, side: float) -> Window:
    """A part of the picture near one of its corners, pixel by pixel, as by a camera that moved.

    Args:
        width: Of the picture in pixels.
        height: Its height.
        rng: What draws the corner, and how near to it.
        side: Width and height of the part, as shares of the picture's; at least one pixel.
    """
    wide, high = (max(1, round(side * whole)) for whole in (width, height))
    near = rng.uniform(0.0, 0.2, 2)
    x, y = np.where(rng.random(2) < 0.5, near, 1 - near)
    return Window((width, height), round(float(x) * (width - wide)), round(float(y) * (height - high)), (wide, high))
