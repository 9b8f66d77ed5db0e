"""95 % intervals by drawing the pictures anew (Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.anomaly.intervals import Interval

LEVEL = 0.95
_CELLS = 4_000_000
"""Numbers that are held at once: bounds the memory."""

Statistic = Callable[[NDArray[np.int64]], Mapping[str, NDArray[np.floating[Any]]]]
"""From how often each picture is there in each of B drawings, (B, P), to figures by name, (B,), NaN where undefined."""


def bootstrap(pictures: int, statistic: Statistic, *, resamples: int, seed: int, width: int = 1) -> dict[str, Interval]:
    """Percentile intervals of figures over drawings of pictures with replacement.

    Args:
        pictures: How many pictures there are.
        statistic: The figures of drawings.
        resamples: How many drawings; 0 for none.
        seed: Seed of the random numbers.
        width: Numbers that the statistic needs at once for a drawing.

    Returns:
        Intervals by name. One without width is left out: where resampling changes nothing it cannot show doubt.
    """
    if not resamples or pictures < 2:
        return {}
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // max(width, pictures))
    parts = []
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(0, pictures, size=(rows, pictures)) + np.arange(rows)[:, None] * pictures
        weights = np.bincount(drawn.ravel(), minlength=rows * pictures).reshape(rows, pictures)
        parts.append(statistic(weights))
    intervals = {}
    for name in parts[0]:
        values = np.concatenate([np.asarray(part[name], dtype=np.float64) for part in parts])
        values = values[np.isfinite(values)]
        if values.size:
            low, high = np.percentile(values, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
            if high - low > 1e-9:
                intervals[name] = Interval(float(low), float(high))
    return intervals


def mean_of(values: NDArray[np.floating[Any]]) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """The weighted mean of one value per picture, (P,), as a statistic's part."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def mean(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        total = weights @ known.astype(np.float64)
        return np.asarray(np.divide(weights @ filled, total, out=np.full(len(weights), np.nan), where=total > 0))

    return mean
