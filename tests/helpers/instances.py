"""Instances to test with."""

from __future__ import annotations

from typing import Any

import numpy as np

from belvedere.data.annotations import Instance, Polygons


def square(left: float, top: float, right: float, bottom: float) -> Polygons:
    """The outline of a box."""
    return Polygons((np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float),))


def thing(label: str, left: float, top: float, right: float, bottom: float, **more: Any) -> Instance:
    """An instance that fills its box."""
    return Instance(label, (left, top, right, bottom), square(left, top, right, bottom), **more)
