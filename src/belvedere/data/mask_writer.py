"""Encoding masks as PNG with the colours of their types."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from PIL import Image

from belvedere.data.masks import Mask
from belvedere.vision.colors import palette, parse_hex

_RESERVED = frozenset({"#FFFFFF", "#000000"})


def color_png(mask: Mask, colors: Mapping[str, str]) -> bytes:
    """Encode a mask as a palette PNG: white background, each type in its colour (``#RRGGBB``)."""
    rgb = [255, 255, 255]
    for name in mask.types:
        rgb += parse_hex(colors[name])
    image = Image.fromarray(mask.index)
    image.putpalette(rgb)  # turns the grey picture into one with a palette
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def colors_for(types: Sequence[str], declared: Mapping[str, str]) -> dict[str, str]:
    """A colour of its own for every type, never white or black, which mean background.

    A type keeps its declared colour unless an earlier type has it; others get the next free one of the
    Lookout palette.
    """
    colors: dict[str, str] = {}
    for name in types:
        color = f"#{declared[name].lstrip('#').upper()}" if name in declared else "#FFFFFF"
        if color not in _RESERVED and color not in colors.values():
            colors[name] = color
    candidates = (f"#{color.lstrip('#').upper()}" for color in palette(len(types)))
    free = [color for color in candidates if color not in {*colors.values(), *_RESERVED}]
    missing = [name for name in dict.fromkeys(types) if name not in colors]
    return {**colors, **dict(zip(missing, free, strict=False))}
