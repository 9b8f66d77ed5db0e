"""Where the parts of a product sit. One seed is one product; its pictures all share the layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from belvedere.samples.parts import Part

BOARD_WIDTH = 30.4
BOARD_HEIGHT = 22.2
HOLE_RADIUS = 1.1
LABEL_SIZE = (4.6, 2.7)

Point = tuple[float, float]
Box = tuple[float, float, float, float]

# Package, centre in millimetres, quarter turns: a connector, a processor with its crystal, a power supply, lights.
_ROWS: tuple[tuple[str, float, float, int], ...] = (
    ("connector4", 3.3, 11.0, 0),
    ("qfp32", 12.3, 6.0, 0),
    ("crystal", 12.3, 13.75, 0),
    ("capacitor", 19.2, 2.7, 1),
    ("capacitor", 19.2, 6.9, 1),
    ("resistor", 20.0, 11.4, 1),
    ("can63", 25.5, 3.9, 0),
    ("soic8", 25.8, 10.6, 0),
    ("inductor", 22.1, 17.0, 0),
    ("tantalum", 28.2, 16.0, 1),
    ("resistor", 8.6, 17.9, 0),
    ("resistor", 12.4, 17.9, 0),
    ("resistor", 16.2, 17.9, 0),
    ("led", 8.6, 20.7, 0),
    ("led", 12.4, 20.7, 0),
    ("led", 16.2, 20.7, 0),
)
_HOLES: tuple[Point, ...] = ((2.4, 2.4), (28.0, 20.1))
_FIDUCIALS: tuple[Point, ...] = ((5.6, 1.4), (29.2, 8.2))
_LABEL, _NAME = (3.2, 19.9), (22.6, 21.1)
_UNPOURED: tuple[Box, ...] = ((6.6, 0.6, 18.2, 16.0), (0.6, 5.0, 6.4, 17.6), (21.2, 7.6, 29.8, 13.6))


@dataclass(frozen=True)
class Layout:
    """A product; lengths in millimetres from the board's top left corner.

    Attributes:
        product: The seed that all of it comes from.
        name: Printed on the board.
        parts: All components.
        holes: Centres of the mounting holes.
        fiducials: Centres of the marks that placement machines look for.
        label_xy: Centre of the sticker with the serial number.
        name_xy: Centre of the printed name.
        unpoured: Boxes (left, top, right, bottom) without a copper pour.
        mask_color: Display colour of the solder mask over copper.
    """

    product: int
    name: str
    parts: tuple[Part, ...]
    holes: tuple[Point, ...]
    fiducials: tuple[Point, ...]
    label_xy: Point
    name_xy: Point
    unpoured: tuple[Box, ...]
    mask_color: tuple[float, float, float]


def design(product: int) -> Layout:
    """Arrange the parts; the seed decides about mirroring, values and the shade of green."""
    rng = np.random.default_rng([product, 0xB0A2D])
    flip_x, flip_y = bool(product & 1), bool(product & 2)

    def place(point: Point) -> Point:
        x, y = point
        return (BOARD_WIDTH - x if flip_x else x), (BOARD_HEIGHT - y if flip_y else y)

    def placed(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple(place(point) for point in points)

    counts: dict[str, int] = {}
    parts = []
    for package, x, y, turns in _ROWS:
        turns += 2 * flip_x if package.startswith("connector") else 0
        parts.append(Part(_designator(package, counts), package, *place((x, y)), turns, _value(package, rng)))
    red, green, blue = (
        float(base + shift) for base, shift in zip((38, 108, 58), rng.normal(0, 1, 3) * (4, 6, 4), strict=True)
    )
    return Layout(
        product,
        f"BV-{100 + product % 900}",
        tuple(parts),
        holes=placed(_HOLES),
        fiducials=placed(_FIDUCIALS),
        label_xy=place(_LABEL),
        name_xy=place(_NAME),
        unpoured=tuple(_ordered(place(box[:2]), place(box[2:])) for box in _UNPOURED),
        mask_color=(red, green, blue),
    )


def _ordered(a: Point, b: Point) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def _designator(package: str, counts: dict[str, int]) -> str:
    letters = {
        "connector4": "J",
        "crystal": "Y",
        "inductor": "L",
        "led": "D",
        "qfp32": "U",
        "resistor": "R",
        "soic8": "U",
    }
    letter = letters.get(package, "C")
    counts[letter] = counts.get(letter, 0) + 1
    return f"{letter}{counts[letter]}"


def _value(package: str, rng: np.random.Generator) -> str:
    """What is printed on a part: values of passive parts, invented types of all others."""
    codes = {
        "resistor": ["103", "472", "101", "104", "331", "222", "000", "473"],
        "led": ["GREEN", "YELLOW", "RED", "CLEAR"],
        "tantalum": ["107|16V", "226|25V", "476|10V"],
        "can63": ["100|16V", "220|10V", "47|35V"],
        "inductor": ["100", "4R7", "220"],
        "crystal": ["16.000", "12.000", "8.000"],
        "soic8": ["BV80|A2", "BV84|D1", "BV87|C3"],
        "qfp32": ["BV32M0|K6T6", "BV32X4|H2T8"],
    }
    choices = codes.get(package, [""])
    return choices[int(rng.integers(len(choices)))]
