"""How often a classifier is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from belvedere.core.errors import OptionError


@dataclass(frozen=True)
class TopAccuracy:
    """Share of pictures whose class is among the k highest.

    Attributes:
        pictures: How many pictures were judged.
        accuracy: k to the share, 0..1; None of no pictures.
    """

    pictures: int
    accuracy: Mapping[int, float | None]


def top_accuracy(scores: ArrayLike, truth: ArrayLike, *, tops: Sequence[int] = (1, 5)) -> TopAccuracy:
    """Judge scores against true classes. Among equal scores the lower index ranks higher, as in a result.

    Args:
        scores: Real numbers (n, C).
        truth: Class indices (n,), 0..C-1.
        tops: The values of k.

    Raises:
        OptionError: shapes do not fit, an index is out of range, a score is not a number, or a k is below 1.
    """
    values, classes = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    if values.ndim != 2 or classes.shape != values.shape[:1]:
        raise OptionError(f"scores {values.shape} and classes {classes.shape}: expected (n, C) and (n,)")
    if classes.size and (classes.min() < 0 or classes.max() >= values.shape[1]):
        raise OptionError(f"classes {classes.min()} to {classes.max()}: expected 0 to {values.shape[1] - 1}")
    if np.isnan(values).any() or any(k < 1 for k in tops):
        raise OptionError("scores must be numbers and every k at least 1")
    own = np.take_along_axis(values, classes[:, None], axis=1)
    before = np.arange(values.shape[1]) < classes[:, None]
    ranks = ((values > own) | ((values == own) & before)).sum(axis=1)
    shares = {k: float(np.mean(ranks < k)) if classes.size else None for k in tops}
    return TopAccuracy(pictures=len(classes), accuracy=shares)
