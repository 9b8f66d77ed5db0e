"""Draws components seen from above, each on a surface of its own with the origin in its middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from belvedere.samples import chips, housings, leaded
from belvedere.samples.packages import Package, package
from belvedere.samples.surface import Surface
from belvedere.samples.textures import noise

Drawer = Callable[[Surface, Package, str, np.random.Generator], None]


@dataclass(frozen=True)
class Part:
    """A component of the layout.

    Attributes:
        name: Reference designator, ``R12``.
        package: Key for ``packages.package``.
        x: Centre on the board in millimetres, to the right.
        y: Centre on the board in millimetres, downwards.
        turns: Times 90 degrees anticlockwise.
        value: What is printed on it; lines are separated by ``|``.
    """

    name: str
    package: str
    x: float
    y: float
    turns: int = 0
    value: str = ""

    def to_board(self, x: float, y: float) -> tuple[float, float]:
        """A point of the package's own axes on the board."""
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[self.turns % 4]
        return self.x + x * cos + y * sin, self.y - x * sin + y * cos

    @property
    def extent(self) -> tuple[float, float]:
        """Half of the room it takes along the board's x and y, pads included."""
        width, height = package(self.package).extent
        return (height, width) if self.turns % 2 else (width, height)


def draw_part(name: str, value: str, scale: float, rng: np.random.Generator, *, solder: bool = True) -> Surface:
    """Draw one component.

    Args:
        name: Key for ``packages.package``.
        value: What is printed on it.
        scale: Pixels per millimetre.
        rng: Decides about grain and unevenness.
        solder: Whether solder fillets are drawn at its ends; False for parts that lie beside their pads.
    """
    outline = package(name)
    half_x, half_y = outline.extent
    box = (-half_x - 0.4, -half_y - 0.4, half_x + 0.4, half_y + 0.4)
    surface = Surface.blank(box, scale)
    if solder:
        leaded.fillets(surface, outline, rng)
    _drawers()[name](surface, outline, value, rng)
    surface.color[...] *= 1 + 0.035 * noise(surface.shape, 0.12 * scale, rng)[..., None]
    np.clip(surface.color, 0, 1, out=surface.color)
    return surface


def _drawers() -> dict[str, Drawer]:
    return {
        "resistor": chips.resistor,
        "capacitor": chips.capacitor,
        "led": chips.led,
        "tantalum": chips.tantalum,
        "can63": housings.can,
        "inductor": housings.inductor,
        "crystal": housings.crystal,
        "connector4": housings.connector,
        "soic8": leaded.soic,
        "qfp32": leaded.qfp,
    }
