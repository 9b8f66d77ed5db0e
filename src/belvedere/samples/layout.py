"""Where the parts of a product sit. One seed is one product; its pictures all share the layout."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from belvedere.samples.parts import Part

BOARD_WIDTH = 46.5
BOARD_HEIGHT = 34.0
HOLES = ((3.3, 3.3), (43.2, 3.3), (3.3, 30.7), (43.2, 30.7))
HOLE_RADIUS = 1.2
LABEL_SIZE = (4.0, 6.8)
_BLOCK_WIDTH, _BLOCK_HEIGHT = 17.25, 16.6
_LEFT, _TOP = 6.9, 0.4

_Row = tuple[str, float, float, int]


@dataclass(frozen=True)
class Layout:
    """A product: parts in millimetres from the board's top left corner, its name and its solder mask.

    Attributes:
        product: The seed that all of it comes from.
        name: Printed on the board.
        parts: All components.
        label_xy: Centre of the sticker with the serial number.
        mask_color: Display colour of the solder mask over copper.
    """

    product: int
    name: str
    parts: tuple[Part, ...]
    label_xy: tuple[float, float]
    mask_color: tuple[float, float, float]


def design(product: int) -> Layout:
    """Arrange four functional blocks and a connector; the seed decides about order, mirroring and values."""
    rng = np.random.default_rng([product, 0xB0A2D])
    blocks = [_processor(), _power(), _driver(), _analog()]
    order = np.arange(4) if product == 0 else rng.permutation(4)
    rows: list[_Row] = [("connector6", 3.6, BOARD_HEIGHT / 2, 0)]
    for slot, block in enumerate(order):
        left = _LEFT + (slot % 2) * _BLOCK_WIDTH
        top = _TOP + (slot // 2) * _BLOCK_HEIGHT
        mirrored = product != 0 and bool(rng.integers(2))
        for package, x, y, turns in blocks[block]:
            rows.append((package, left + (_BLOCK_WIDTH - x if mirrored else x), top + y, turns))
    counts: dict[str, int] = {}
    parts = tuple(_named(row, counts, rng) for row in rows)
    tint = rng.normal(0, 1, 3) * (4, 6, 4)
    red, green, blue = (float(base + shift) for base, shift in zip((38, 108, 58), tint, strict=True))
    name = f"BV-{100 + product % 900}"
    return Layout(product, name, parts, (43.7, 13.2), (red, green, blue))


def _named(row: _Row, counts: dict[str, int], rng: np.random.Generator) -> Part:
    package, x, y, turns = row
    letters = {"led": "D", "diode": "D", "inductor": "L", "crystal": "Y", "sot23": "Q", "connector6": "J"}
    ics = ("soic8", "soic16", "qfp32", "regulator")
    letter = letters.get(package, "U" if package in ics else "R" if package.startswith("resistor") else "C")
    counts[letter] = counts.get(letter, 0) + 1
    part = Part(f"{letter}{counts[letter]}", package, x, y, turns)
    return replace(part, value=_value(package, rng))


def _value(package: str, rng: np.random.Generator) -> str:
    codes = {
        "resistor": ["103", "472", "101", "104", "331", "222", "000", "473"],
        "resistor1206": ["R100", "1002", "4701", "0R22"],
        "led": ["GREEN", "YELLOW", "RED", "CLEAR"],
        "diode": ["SS34", "M7", "SK54"],
        "tantalum": ["107|16C", "226|25E", "476|10A"],
        "can63": ["100|16V", "220|10V", "47|35V"],
        "can50": ["47|25V", "33|16V", "10|50V"],
        "inductor": ["100", "4R7", "220"],
        "crystal": ["16.000", "12.000", "8.000"],
        "sot23": ["1AM", "J3Y", "A2T"],
        "regulator": ["AP1117|33", "LM317|M"],
        "soic8": ["LM358|DR", "24C64|SN", "TL072|CD"],
        "soic16": ["ULN2003A|SOL", "74HC595D|PHI", "MAX3232C|ESE"],
        "qfp32": ["BV32M0|K6T6", "ATM328P|AU"],
    }
    choices = codes.get(package, [""])
    return choices[int(rng.integers(len(choices)))]


def _processor() -> list[_Row]:
    return [
        ("qfp32", 8.5, 6.9, 0),
        ("crystal", 8.2, 14.3, 0),
        ("capacitor", 1.5, 4.2, 1),
        ("capacitor", 1.5, 8.6, 1),
        ("capacitor", 15.6, 3.8, 1),
        ("capacitor", 15.6, 8.0, 1),
        ("capacitor", 1.5, 13.2, 1),
        ("capacitor", 15.3, 13.8, 1),
    ]


def _power() -> list[_Row]:
    return [
        ("can63", 5.0, 4.3, 0),
        ("can50", 4.0, 13.2, 0),
        ("inductor", 13.0, 3.6, 0),
        ("diode", 10.3, 9.05, 0),
        ("tantalum", 15.5, 9.7, 1),
        ("regulator", 10.95, 13.7, 1),
    ]


def _driver() -> list[_Row]:
    left = [("resistor", 2.1, 1.9 + 2.5 * row, 0) for row in range(5)]
    right = [("resistor", 15.0, 1.9 + 2.5 * row, 0) for row in range(5)]
    lights = [("led", 2.1 + 4.3 * column, 15.0, 0) for column in range(4)]
    return [("soic16", 8.5, 6.9, 0), *left, *right, *lights]


def _analog() -> list[_Row]:
    chips = [
        ("capacitor", 2.3, 9.9, 0),
        ("resistor", 6.6, 9.9, 0),
        ("resistor", 10.9, 9.9, 0),
        ("capacitor", 15.2, 9.9, 0),
        ("resistor", 2.3, 12.2, 0),
        ("capacitor1206", 10.6, 12.7, 0),
        ("resistor1206", 10.6, 15.3, 0),
        ("capacitor", 15.4, 13.9, 1),
    ]
    return [
        ("soic8", 4.4, 4.5, 0),
        ("soic8", 12.8, 4.5, 0),
        *chips,
        ("sot23", 2.6, 15.0, 0),
        ("sot23", 6.6, 14.6, 0),
    ]
