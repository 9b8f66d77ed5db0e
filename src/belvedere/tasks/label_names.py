"""Names of classes by index."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.vision.colors import MOST_COLORS, palette


def class_name(labels: Sequence[str], index: int) -> str:
    """The name of class ``index``, or ``class 7`` where it has none."""
    return labels[index] if 0 <= index < len(labels) else f"class {index}"


def class_color(index: int) -> str:
    """The colour of class ``index`` as ``#RRGGBB``; after 255 classes they repeat."""
    place = index % MOST_COLORS
    return palette(place + 1)[place]
