"""A single-stroke font, like the ones that CAD programs put on silkscreens."""

from __future__ import annotations

from collections.abc import Sequence

Polyline = tuple[tuple[float, float], ...]

# Two digits a point (x 0..4 to the right, y 0..6 downwards), a space between polylines.
_GLYPHS = {
    "A": "0602204246 0444",
    "B": "06003041423303 3344453606",
    "C": "4130100105163645",
    "D": "06002042442606",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "41301001051636454323",
    "H": "0006 4046 0343",
    "I": "1030 2026 1636",
    "J": "404536160504",
    "K": "0006 4003 0346",
    "L": "000646",
    "M": "0600234046",
    "N": "06004640",
    "O": "103041453616050110",
    "P": "06003041423303",
    "Q": "103041453616050110 2446",
    "R": "06003041423303 2346",
    "S": "413010010213334445361605",
    "T": "0040 2026",
    "U": "000516364540",
    "V": "002640",
    "W": "0016233640",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    "0": "103041453616050110 1531",
    "1": "112026 1636",
    "2": "01103041420646",
    "3": "004022324345361605",
    "4": "36300444",
    "5": "400002324345361605",
    "6": "413010010516364544331304",
    "7": "004016",
    "8": "13020110304142331304051636454433",
    "9": "051636454130100102133342",
    "-": "1333",
    "+": "2224 1333",
    ".": "2526",
    "/": "0640",
    ":": "2122 2526",
    " ": "",
}
_ADVANCE = 5.6


def text_width(text: str, size: float) -> float:
    """Width of ``text`` with capitals ``size`` high, in the unit of ``size``."""
    return max(0.0, (len(text) * _ADVANCE - 1.6) * size / 6)


def text_strokes(text: str, x: float, y: float, size: float, quarter_turns: int = 0) -> list[Polyline]:
    """The polylines of one line of capitals centred on (x, y).

    Args:
        text: Capitals, digits, ``-+./:`` and spaces; other characters are left out.
        x: Centre of the line, in any unit, growing to the right.
        y: Centre of the line, growing downwards.
        size: Height of a capital in the same unit.
        quarter_turns: Times 90 degrees anticlockwise.
    """
    unit = size / 6
    left = -text_width(text, size) / 2
    strokes: list[Polyline] = []
    for position, character in enumerate(text.upper()):
        for code in _GLYPHS.get(character, "").split():
            points = [
                (left + (int(code[i]) + position * _ADVANCE) * unit, (int(code[i + 1]) - 3) * unit)
                for i in range(0, len(code), 2)
            ]
            strokes.append(_placed(points, x, y, quarter_turns))
    return strokes


def _placed(points: Sequence[tuple[float, float]], x: float, y: float, quarter_turns: int) -> Polyline:
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter_turns % 4]
    return tuple((x + px * cos + py * sin, y - px * sin + py * cos) for px, py in points)
