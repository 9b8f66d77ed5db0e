"""Component packages: the pads they need and the room they take, in millimetres about their centre."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Pad:
    """A solder pad. ``hole`` is the diameter of a plated hole, 0 for surface mount."""

    x: float
    y: float
    width: float
    height: float
    hole: float = 0.0


@dataclass(frozen=True)
class Package:
    """A component outline.

    Attributes:
        name: Key of the drawing function.
        width: Body size along x.
        height: Body size along y.
        pads: In order of the pins.
        polar: Whether it can be mounted the wrong way round.
        pitch: Distance of neighbouring pins where they can be bridged by solder, else 0.
    """

    name: str
    width: float
    height: float
    pads: tuple[Pad, ...]
    polar: bool = False
    pitch: float = 0.0

    @property
    def extent(self) -> tuple[float, float]:
        """Half of the room it takes along x and y, pads included."""
        x = [self.width / 2, *(abs(pad.x) + pad.width / 2 for pad in self.pads)]
        y = [self.height / 2, *(abs(pad.y) + pad.height / 2 for pad in self.pads)]
        return max(x), max(y)


def package(name: str) -> Package:
    """The package called ``name``: one of the keys of this function's table."""
    table = {
        "resistor": _two_pads("resistor", 2.0, 1.25, 1.0, 1.1, 1.35),
        "capacitor": _two_pads("capacitor", 2.0, 1.25, 1.0, 1.1, 1.35),
        "led": _two_pads("led", 2.0, 1.25, 1.05, 1.1, 1.35, polar=True),
        "tantalum": _two_pads("tantalum", 3.6, 2.7, 1.65, 1.7, 2.2, polar=True),
        "can63": _two_pads("can63", 6.6, 6.6, 2.75, 3.0, 1.4, polar=True),
        "inductor": _two_pads("inductor", 5.8, 5.8, 2.55, 1.6, 4.4),
        "crystal": _two_pads("crystal", 9.4, 3.9, 4.5, 2.4, 1.6),
        "soic8": _soic(8),
        "qfp32": _qfp32(),
        "connector4": _connector(4),
    }
    return table[name]


def _two_pads(
    name: str, width: float, height: float, at: float, pad_w: float, pad_h: float, polar: bool = False
) -> Package:
    return Package(name, width, height, (Pad(-at, 0, pad_w, pad_h), Pad(at, 0, pad_w, pad_h)), polar)


def _soic(pins: int) -> Package:
    side = pins // 2
    offsets = [(i - (side - 1) / 2) * 1.27 for i in range(side)]
    left = tuple(Pad(-2.7, y, 1.6, 0.62) for y in offsets)
    right = tuple(Pad(2.7, y, 1.6, 0.62) for y in reversed(offsets))
    return Package(f"soic{pins}", 3.9, side * 1.27 - 0.1, left + right, polar=True, pitch=1.27)


def _qfp32() -> Package:
    offsets = [(i - 3.5) * 0.8 for i in range(8)]
    pads = []
    for turn in range(4):
        cos, sin = round(math.cos(turn * math.pi / 2)), round(math.sin(turn * math.pi / 2))
        for offset in offsets:
            x, y = -4.25 * cos + offset * sin, -4.25 * -sin + offset * cos
            pads.append(Pad(x, y, 1.5 if cos else 0.46, 0.46 if cos else 1.5))
    return Package("qfp32", 7.0, 7.0, tuple(pads), polar=True, pitch=0.8)


def _connector(pins: int) -> Package:
    pads = tuple(Pad(0.5, (i - (pins - 1) / 2) * 2.54, 1.7, 1.7, hole=1.0) for i in range(pins))
    return Package(f"connector{pins}", 5.6, pins * 2.54 + 2.4, pads)
