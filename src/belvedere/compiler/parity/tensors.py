"""How far one tensor is from another, and how far it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCES = {"f32": 1e-3, "f16": 2e-2, "bf16": 1.5e-1, "int8": 4e-1}
"""Largest accepted error a precision: for ``f32`` of the worst value, for the others of the tensor as a whole."""
LEAST_AGREEMENT = 0.95
"""Share of the values of a chosen output that must agree in float32, whatever their order: ties may fall otherwise."""
_TINY = 1e-6
_MOST_SORTED = 5_000_000


@dataclass(frozen=True)
class Difference:
    """How far a tensor is from its reference.

    Attributes:
        max_abs: Largest absolute difference; infinite where shapes differ or a value is no number on one side only.
        max_rel: The same as a share of the reference's largest absolute value.
        rms_rel: Root mean square of the difference as a share of the reference's.
        agreement: Share of values, each sorted by itself, that agree within 1e-3 of the largest: 1 where only the
            order differs.
    """

    max_abs: float
    max_rel: float
    rms_rel: float
    agreement: float

    def error(self, precision: str) -> float:
        """The figure that is held against the tolerance of a precision."""
        return self.max_rel if precision == "f32" else self.rms_rel

    def worse(self, other: Difference) -> Difference:
        """The worst of both in every respect."""
        return Difference(
            max(self.max_abs, other.max_abs),
            max(self.max_rel, other.max_rel),
            max(self.rms_rel, other.rms_rel),
            min(self.agreement, other.agreement),
        )


NO_DIFFERENCE = Difference(0.0, 0.0, 0.0, 1.0)
_EVERYTHING = Difference(float("inf"), float("inf"), float("inf"), 0.0)


def difference(reference: NDArray[Any], found: NDArray[Any]) -> Difference:
    """Compare two tensors of any numeric type; a value that is no number agrees with another such value."""
    if reference.shape != found.shape:
        return _EVERYTHING
    if not reference.size:
        return NO_DIFFERENCE
    first, second = (np.asarray(tensor, np.float64).reshape(-1) for tensor in (reference, found))
    odd = ~np.isfinite(first)
    if not np.array_equal(odd, ~np.isfinite(second)):
        return _EVERYTHING
    if odd.any():
        same = np.array_equal(np.nan_to_num(first[odd]), np.nan_to_num(second[odd]))
        if not same:
            return _EVERYTHING
        first, second = first[~odd], second[~odd]
        if not first.size:
            return NO_DIFFERENCE
    apart = np.abs(first - second)
    worst, span = float(apart.max()), float(np.abs(first).max())
    spread = float(np.sqrt(np.mean(apart**2))), float(np.sqrt(np.mean(first**2)))
    return Difference(
        worst,
        worst / max(span, _TINY),
        spread[0] / max(spread[1], _TINY),
        1.0 if worst <= 1e-3 * max(span, _TINY) else _agreement(first, second, span),
    )


def _agreement(first: NDArray[np.float64], second: NDArray[np.float64], span: float) -> float:
    if first.size <= _MOST_SORTED:
        first, second = np.sort(first), np.sort(second)
    return float(np.mean(np.abs(first - second) <= 1e-3 * max(span, _TINY)))
