"""Comparing what a framework computes with what the network does that was imported from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3
"""Largest difference between both, relative to the largest value of an output."""


def drift_between(found: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]], framework: str) -> str | None:
    """Say what is wrong with the outputs; None if nothing is.

    Args:
        found: What the imported network computes, by name.
        wanted: What the framework computes, by name.
        framework: Its name.
    """
    for name, expected in wanted.items():
        got = found[name]
        if got.shape != expected.shape:
            return f"'{name}' is {list(got.shape)}, in {framework} {list(expected.shape)}"
        if not expected.size:
            continue
        want, have = expected.astype(np.float64), got.astype(np.float64)
        finite = np.isfinite(want)
        if not np.array_equal(finite, np.isfinite(have)):
            return f"'{name}' has values that are not finite elsewhere than in {framework}"
        scale = max(float(np.abs(want[finite]).max(initial=0.0)), 1e-6)
        error = float(np.abs(want[finite] - have[finite]).max(initial=0.0)) / scale
        if error > TOLERANCE:
            return f"'{name}' is off by {error:.2g} of its largest value"
    return None
