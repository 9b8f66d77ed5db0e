"""Intersection over union of classes, summed over all pixels of all pictures (the PASCAL VOC rule)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError

IGNORE = 255
"""Class of the pixels that do not count in label maps."""


@dataclass(frozen=True)
class SegmentationMetrics:
    """How well pixels were told apart; values 0..1, None where no pixel counts.

    Attributes:
        pictures: How many pictures were judged.
        mean_iou: Mean over the classes that occur in truth or prediction.
        pixel_accuracy: Share of pixels with the right class.
        classes: Class to its intersection over union, of classes that occur.
    """

    pictures: int
    mean_iou: float | None
    pixel_accuracy: float | None
    classes: Mapping[int, float]


class SegmentationMeter:
    """Gathers class maps picture by picture.

    Args:
        classes: How many classes there are, 1 to 4096.
        ignore: Class in the truth whose pixels do not count.

    Raises:
        OptionError: ``classes`` is out of range.
    """

    def __init__(self, classes: int, *, ignore: int = IGNORE) -> None:
        if not 1 <= classes <= 4096:
            raise OptionError(f"{classes} classes: expected 1 to 4096")
        self._ignore = ignore
        self._pictures = 0
        self._counts = np.zeros((classes, classes), dtype=np.int64)
        self._missed = np.zeros(classes, dtype=np.int64)

    def add(self, predicted: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> None:
        """Add one picture's class maps (h, w). A predicted -1 (not seen) is wrong for every class.

        Raises:
            OptionError: shapes differ, or a class is out of range.
        """
        if predicted.shape != truth.shape:
            raise OptionError(f"class maps of {predicted.shape} and {truth.shape}: expected one shape")
        count = len(self._counts)
        counted = truth != self._ignore
        true, said = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
        if true.size and (true.min() < 0 or true.max() >= count or said.min() < -1 or said.max() >= count):
            raise OptionError(f"a class map holds classes beyond 0 to {count - 1}")
        self._pictures += 1
        seen = said >= 0
        pairs = np.bincount(true[seen] * count + said[seen], minlength=count * count)
        self._counts += pairs.reshape(count, count)
        self._missed += np.bincount(true[~seen], minlength=count)

    def metrics(self) -> SegmentationMetrics:
        """The metrics of everything added so far."""
        right = np.diag(self._counts)
        union = self._counts.sum(axis=0) + self._counts.sum(axis=1) + self._missed - right
        total = int(self._counts.sum() + self._missed.sum())
        classes = {int(i): float(right[i] / union[i]) for i in np.flatnonzero(union)}
        return SegmentationMetrics(
            pictures=self._pictures,
            mean_iou=float(np.mean(list(classes.values()))) if classes else None,
            pixel_accuracy=float(right.sum() / total) if total else None,
            classes=classes,
        )
