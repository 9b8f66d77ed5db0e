"""How far a measured value may lie from the true one: bootstrap and Wilson intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly.metrics import (
    auroc_rows,
    average_precision_rows,
    score_counts,
    verdicts,
)

_CELLS = 2_000_000  # resamples times distinct scores that are held at once: 16 MB a matrix


@dataclass(frozen=True)
class Interval:
    """Lower and upper end of an interval, both inclusive."""

    low: float
    high: float


def wilson(successes: int, trials: int, *, level: float = 0.95) -> Interval | None:
    """Wilson's score interval for a rate (1927), honest for none or all of a few too; None of no trials."""
    if not trials:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (centre + spread) / scale)
    return Interval(low, high)


def bootstrap_intervals(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Mapping[str, Interval]:
    """Percentile intervals (Efron 1979) of auroc, average_precision, f1, precision and recall.

    Each resample draws with replacement within each class, so every one holds both classes in the measured
    proportion. Resamples in which nothing is flagged do not count for precision. The same seed gives the same
    intervals.

    Args:
        scores: Real numbers (n,), higher means more anomalous.
        labels: Booleans (n,), True means anomalous.
        threshold: Score from which a picture counts as anomalous, by the rule of `verdicts`.
        resamples: How many resamples; 0 for none.
        level: Share of the resamples between the two ends.
        seed: Seed of the random numbers.

    Returns:
        Intervals by name; empty where a class is missing, without precision where nothing is ever flagged.

    Raises:
        OptionError: lengths differ, a score is not finite, or ``level`` or ``resamples`` is out of range.
    """
    if not 0 < level < 1 or resamples < 0:
        raise OptionError(f"level {level} must lie between 0 and 1, and resamples {resamples} be 0 or more")
    _, positives, negatives = score_counts(scores, labels)
    if not positives.sum() or not negatives.sum() or not resamples:
        return {}
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    distinct, place = np.unique(values, return_inverse=True)
    flagged = verdicts(distinct, threshold)
    generator = np.random.default_rng(seed)
    parts = [
        _statistics(*counts, flagged)
        for counts in _draws(place[truth], place[~truth], len(distinct), resamples, generator)
    ]
    tails = 50 * (1 - level), 50 * (1 + level)
    intervals = {}
    for name in parts[0]:
        drawn = np.concatenate([part[name] for part in parts])
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size:
            low, high = np.percentile(drawn, tails)
            intervals[name] = Interval(float(low), float(high))
    return intervals


def _draws(
    positive_places: NDArray[np.intp],
    negative_places: NDArray[np.intp],
    width: int,
    resamples: int,
    generator: np.random.Generator,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Blocks of resamples as counts (block, width) of positives and negatives per distinct score."""
    block = max(1, min(resamples, _CELLS // width))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        yield (
            _resampled(positive_places, width, rows, generator),
            _resampled(negative_places, width, rows, generator),
        )


def _resampled(places: NDArray[np.intp], width: int, rows: int, generator: np.random.Generator) -> NDArray[np.float64]:
    drawn = places[generator.integers(0, len(places), size=(rows, len(places)))]
    cells = drawn + (np.arange(rows) * width)[:, np.newaxis]
    return np.bincount(cells.ravel(), minlength=rows * width).reshape(rows, width).astype(np.float64)


def _statistics(
    positives: NDArray[np.float64], negatives: NDArray[np.float64], flagged: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    tp, fp = positives[:, flagged].sum(axis=1), negatives[:, flagged].sum(axis=1)
    anomalous = positives.sum(axis=1)
    undefined = np.full_like(tp, np.nan)
    return {
        "auroc": auroc_rows(positives, negatives),
        "average_precision": average_precision_rows(positives, negatives),
        "f1": 2 * tp / (tp + fp + anomalous),
        "precision": np.divide(tp, tp + fp, out=undefined, where=tp + fp > 0),
        "recall": tp / anomalous,
    }
