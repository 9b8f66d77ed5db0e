"""One colour for each name of a class, whatever model or picture it is in."""

from __future__ import annotations

import math
import zlib
from functools import cache

_HUES = 20
# Lightness and chroma in OKLCH (B. Ottosson, "A perceptual color space for image processing", 2020): three rows, the
# hues of each between those of the one before. Together with a dark or light rim each is seen on any ground.
_ROWS = ((0.80, 0.16), (0.64, 0.20), (0.50, 0.18))
# Of the first 60,000 salts the one that keeps classes of COCO and VOC farthest apart that are often in one picture.
_SALT = 7916


def name_color(name: str) -> str:
    """The colour of a class as ``#RRGGBB``; it depends on the name alone. There are 60, so two names may share one."""
    colors = _colors()
    return colors[zlib.crc32(f"{_SALT}:{name}".encode()) % len(colors)]


@cache
def _colors() -> tuple[str, ...]:
    return tuple(
        _hex(lightness, chroma, 2 * math.pi * (hue + row / len(_ROWS)) / _HUES)
        for row, (lightness, chroma) in enumerate(_ROWS)
        for hue in range(_HUES)
    )


def _hex(lightness: float, chroma: float, hue: float) -> str:
    """The nearest colour that sRGB has, by less chroma."""
    linear = _linear(lightness, chroma, hue)
    while min(linear) < 0 or max(linear) > 1:
        chroma *= 0.97
        linear = _linear(lightness, chroma, hue)
    encoded = (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in linear)
    return "#" + "".join(f"{round(255 * value):02X}" for value in encoded)


def _linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
