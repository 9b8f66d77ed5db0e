"""Colours of anomaly types and classes: Lookout for Vision's, then our own continuation."""

from __future__ import annotations

import colorsys
import re
from functools import cache
from itertools import count

from belvedere.core.errors import OptionError

LOOKOUT = (
    "#23A436",
    "#14A3B3",
    "#F76902",
    "#9380FF",
    "#BD10E0",
    "#467CE6",
    "#A09308",
    "#0094BD",
    "#CC7700",
)
"""The colours that Lookout for Vision's console gives to labels, in its order."""

MOST_COLORS = 255
"""As many types as a mask can tell apart."""

_HEX = re.compile(r"#?([0-9A-Fa-f]{6})")
# Steps of a sequence that fills three dimensions evenly: the powers of 1 / 1.2207, the root of x^4 = x + 1
# (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
_STEPS = (0.8191725134, 0.6710436067, 0.5497004779)
_APART = 20  # in at least one channel; masks count colours within 8 of each other as the same


def palette(n: int) -> tuple[str, ...]:
    """The first ``n`` colours as ``#RRGGBB``: Lookout for Vision's nine, then ours.

    Neither white nor black is among them, and any two differ by at least 20 in some channel.

    Raises:
        OptionError: ``n`` is negative or over 255.
    """
    if not 0 <= n <= MOST_COLORS:
        raise OptionError(f"a palette of {n} colours: expected 0 to {MOST_COLORS}")
    return _colors(n)


@cache
def _colors(n: int) -> tuple[str, ...]:
    chosen = list(LOOKOUT[:n])
    taken = [parse_hex(color) for color in chosen]
    for index in count():
        if len(chosen) >= n:
            break
        hue, saturation, value = (index * step % 1.0 for step in _STEPS)
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.4 + 0.6 * saturation, 0.4 + 0.55 * value)
        candidate = (round(red * 255), round(green * 255), round(blue * 255))
        if all(_distance(candidate, other) >= _APART for other in taken):
            taken.append(candidate)
            chosen.append("#{:02X}{:02X}{:02X}".format(*candidate))
    return tuple(chosen)


def parse_hex(color: str) -> tuple[int, int, int]:
    """Red, green and blue (0..255) of ``#RRGGBB``, in any case, with or without the ``#``.

    Raises:
        OptionError: not such a string.
    """
    match = _HEX.fullmatch(color)
    if match is None:
        raise OptionError(f"{color!r} is no colour: expected #RRGGBB, for instance #23A436")
    code = int(match[1], 16)
    return code >> 16, code >> 8 & 255, code & 255


def _distance(first: tuple[int, int, int], second: tuple[int, int, int]) -> int:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))
