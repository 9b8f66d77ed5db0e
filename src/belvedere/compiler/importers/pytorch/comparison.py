"""Comparing what torch computes with what the exported network does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3
"""Largest difference between torch and the exported network, relative to the largest value of an output."""


def drift_between(found: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]]) -> str | None:
    """Say what is wrong with the outputs, by name; None if nothing is."""
    for name, expected in wanted.items():
        got = found[name]
        if got.shape != expected.shape:
            return f"'{name}' is {list(got.shape)}, in torch {list(expected.shape)}"
        if not expected.size:
            continue
        want, have = expected.astype(np.float64), got.astype(np.float64)
        finite = np.isfinite(want)
        if not np.array_equal(finite, np.isfinite(have)):
            return f"'{name}' has values that are not finite elsewhere than in torch"
        scale = max(float(np.abs(want[finite]).max(initial=0.0)), 1e-6)
        error = float(np.abs(want[finite] - have[finite]).max(initial=0.0)) / scale
        if error > TOLERANCE:
            return f"'{name}' is off by {error:.2g} of its largest value"
    return None


def reason(error: Exception) -> str:
    """The telling line of an error of torch or OpenVINO."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # TorchScript puts the error at the end, behind the stack.
    text = lines[-1] if lines and lines[0].startswith("The following operation failed") else (lines or [""])[0]
    return text[:300] or type(error).__name__
