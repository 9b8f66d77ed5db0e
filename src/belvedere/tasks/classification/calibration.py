"""Whether a classifier that is 80 % sure is right 80 times of 100 (Guo, Pleiss, Sun and Weinberger, ICML 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError


@dataclass(frozen=True, eq=False)
class Calibration:
    """Highest scores of pictures in ranges of equal width, against how often they were right: a reliability diagram.

    Attributes:
        ece: Expected calibration error: mean distance between score and accuracy of the ranges, weighted by pictures.
        highest: The largest such distance (maximum calibration error).
        edges: Borders of the ranges, float64 (bins + 1,), 0 to 1; a range holds its upper border.
        counts: Pictures in each range, int64 (bins,).
        confidence: Mean score in each range, float64 (bins,); NaN where it is empty.
        accuracy: Share of right ones in each range, float64 (bins,); NaN where it is empty.
    """

    ece: float
    highest: float
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


class CalibrationMeter:
    """Gathers scores and whether they were right.

    Args:
        bins: How many ranges.

    Raises:
        OptionError: ``bins`` is below 1.
    """

    def __init__(self, bins: int = 15) -> None:
        if bins < 1:
            raise OptionError(f"{bins} ranges of score: expected at least 1")
        self._probabilities = True
        self._counts = np.zeros(bins, dtype=np.int64)
        self._scores, self._right = np.zeros(bins), np.zeros(bins)

    def add(self, scores: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> None:
        """Add the scores (n, C) of pictures, and whether the highest is that of the true class, (n,)."""
        if scores.size and not (float(scores.min()) >= 0 and float(scores.max()) <= 1):
            self._probabilities = False
        if not self._probabilities or not scores.size:
            return
        sure = scores.max(axis=1).astype(np.float64)
        bins = len(self._counts)
        place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
        self._counts += np.bincount(place, minlength=bins)
        self._scores += np.bincount(place, sure, minlength=bins)
        self._right += np.bincount(place, right, minlength=bins)

    def calibration(self) -> Calibration | None:
        """The calibration of everything added so far; None of nothing, or where a score lies outside 0 to 1."""
        total = int(self._counts.sum())
        if not self._probabilities or not total:
            return None
        empty = self._counts == 0
        counts = np.where(empty, np.nan, self._counts)
        confidence, accuracy = self._scores / counts, self._right / counts
        distance = np.where(empty, 0.0, np.abs(confidence - accuracy))
        return Calibration(
            ece=float((distance * self._counts).sum() / total),
            highest=float(distance.max()),
            edges=np.linspace(0.0, 1.0, len(empty) + 1),
            counts=self._counts.copy(),
            confidence=confidence,
            accuracy=accuracy,
        )
