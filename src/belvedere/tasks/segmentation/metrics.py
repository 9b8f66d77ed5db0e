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


@dataclass(frozen=True, eq=False)
class SegmentationMetrics:
    """How well pixels were told apart; values 0..1, None where no pixel counts.

    Attributes:
        pictures: How many pictures were judged.
        mean_iou: Mean over the classes that occur in truth or prediction.
        mean_accuracy: Mean over the classes that occur in the truth of the share of their pixels that are right.
        pixel_accuracy: Share of pixels with the right class.
        classes: Class to its intersection over union, of classes that occur.
        accuracy: Class to the share of its pixels that are right, of classes that occur in the truth.
        confusion: Pixels by true class (rows) and predicted one (columns), int64 (C, C + 1); the last column counts
            pixels that were given no class.
    """

    pictures: int
    mean_iou: float | None
    mean_accuracy: float | None
    pixel_accuracy: float | None
    classes: Mapping[int, float]
    accuracy: Mapping[int, float]
    confusion: NDArray[np.int64]


class SegmentationMeter:
    """Gathers class maps picture by picture.

    Args:
        classes: How many classes there are, 1 to 4096.
        ignore: Class in the truth whose pixels do not count, beside -1.

    Raises:
        OptionError: ``classes`` is out of range.
    """

    def __init__(self, classes: int, *, ignore: int = IGNORE) -> None:
        if not 1 <= classes <= 4096:
            raise OptionError(f"{classes} classes: expected 1 to 4096")
        self._ignore = ignore
        self._pictures = 0
        self._counts = np.zeros((classes, classes + 1), dtype=np.int64)

    def add(self, predicted: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> None:
        """Add one picture's class maps (h, w). A predicted -1 (no class) is wrong, a true -1 does not count.

        Raises:
            OptionError: shapes differ, or a class is out of range.
        """
        if predicted.shape != truth.shape:
            raise OptionError(f"class maps of {predicted.shape} and {truth.shape}: expected one shape")
        count = len(self._counts)
        counted = (truth != self._ignore) & (truth != -1)
        true, said = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
        if true.size and (true.min() < 0 or true.max() >= count or said.min() < -1 or said.max() >= count):
            raise OptionError(f"a class map holds classes beyond 0 to {count - 1}")
        self._pictures += 1
        said[said < 0] = count
        pairs = np.bincount(true * (count + 1) + said, minlength=count * (count + 1))
        self._counts += pairs.reshape(count, count + 1)

    def metrics(self) -> SegmentationMetrics:
        """The metrics of everything added so far."""
        right, truths = np.diag(self._counts), self._counts.sum(axis=1)
        union = self._counts[:, :-1].sum(axis=0) + truths - right
        total = int(truths.sum())
        classes = {int(i): float(right[i] / union[i]) for i in np.flatnonzero(union)}
        accuracy = {int(i): float(right[i] / truths[i]) for i in np.flatnonzero(truths)}
        return SegmentationMetrics(
            pictures=self._pictures,
            mean_iou=float(np.mean(list(classes.values()))) if classes else None,
            mean_accuracy=float(np.mean(list(accuracy.values()))) if accuracy else None,
            pixel_accuracy=float(right.sum() / total) if total else None,
            classes=classes,
            accuracy=accuracy,
            confusion=self._counts.copy(),
        )
