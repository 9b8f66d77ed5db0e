"""Names of classes by index."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.vision.name_colors import name_color


def class_name(labels: Sequence[str], index: int) -> str:
    """The name of class ``index``, or ``class 7`` where it has none."""
    return labels[index] if 0 <= index < len(labels) else f"class {index}"


def label_color(label: str) -> str:
    """The colour of a class as ``#RRGGBB``: the same for a name in every picture and of every model."""
    return name_color(label)
