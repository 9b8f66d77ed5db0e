"""How often a classifier is right, on which classes, and how far its scores can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.classification.calibration import Calibration, CalibrationMeter


@dataclass(frozen=True)
class TopAccuracy:
    """Share of pictures whose class is among the k highest.

    Attributes:
        pictures: How many pictures were judged.
        accuracy: k to the share, 0..1; None of no pictures.
    """

    pictures: int
    accuracy: Mapping[int, float | None]


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told; values 0..1.

    Attributes:
        precision: Share of the pictures said to be of it that are; None where none were.
        recall: Share of its pictures that were said to be; None where it has none.
        f1: Harmonic mean of the two; None where it neither occurs nor was said.
        truths: How many pictures are of it.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    truths: int


@dataclass(frozen=True, eq=False)
class ClassificationMetrics:
    """How well pictures were classified; values 0..1, None of no pictures.

    Attributes:
        pictures: How many pictures were judged.
        top1: Share whose class has the highest score.
        top5: Share whose class is among the five highest; 1 where there are no more than five classes.
        mean_recall: Mean recall of the classes that occur (balanced accuracy).
        mean_f1: Mean F1 of the classes that occur.
        per_class: Class to its figures, of classes that occur or were said.
        confusion: int64 (C, C): row by true class, column by the class said.
        calibration: How far scores can be believed; None where they are no probabilities.
    """

    pictures: int
    top1: float | None
    top5: float | None
    mean_recall: float | None
    mean_f1: float | None
    per_class: Mapping[int, ClassFigures]
    confusion: NDArray[np.int64]
    calibration: Calibration | None


class ClassificationMeter:
    """Gathers scores of pictures. Among equal scores the lower index ranks higher, as in a result.

    Args:
        classes: How many classes there are.
        bins: Into how many ranges of score the calibration is divided.

    Raises:
        OptionError: ``classes`` or ``bins`` is below 1.
    """

    def __init__(self, classes: int, *, bins: int = 15) -> None:
        if classes < 1:
            raise OptionError(f"{classes} classes: expected at least 1")
        self._confusion = np.zeros((classes, classes), dtype=np.int64)
        self._calibration = CalibrationMeter(bins)
        self._first, self._fifth = 0, 0

    def add(self, scores: ArrayLike, truth: ArrayLike) -> None:
        """Add pictures.

        Args:
            scores: Real numbers (n, C), or (C,) of one picture.
            truth: Class indices (n,), or one.

        Raises:
            OptionError: shapes do not fit, an index is out of range, or a score is not a number.
        """
        values, classes = _checked(np.atleast_2d(np.asarray(scores, dtype=np.float64)), np.atleast_1d(truth))
        if values.shape[1] != len(self._confusion):
            raise OptionError(f"scores of {values.shape[1]} classes: expected {len(self._confusion)}")
        ranks, said = _ranks(values, classes), values.argmax(axis=1)
        self._first += int(np.count_nonzero(ranks < 1))
        self._fifth += int(np.count_nonzero(ranks < 5))
        np.add.at(self._confusion, (classes, said), 1)
        self._calibration.add(values, said == classes)

    def metrics(self) -> ClassificationMetrics:
        """The metrics of everything added so far."""
        truths, said = self._confusion.sum(axis=1), self._confusion.sum(axis=0)
        total = int(truths.sum())
        per_class = {c: self._figures(c, int(truths[c]), int(said[c])) for c in np.flatnonzero(truths + said).tolist()}
        occurring = [figures for figures in per_class.values() if figures.truths]
        return ClassificationMetrics(
            pictures=total,
            top1=self._first / total if total else None,
            top5=self._fifth / total if total else None,
            mean_recall=_mean([figures.recall for figures in occurring]),
            mean_f1=_mean([figures.f1 for figures in occurring]),
            per_class=per_class,
            confusion=self._confusion.copy(),
            calibration=self._calibration.calibration(),
        )

    def _figures(self, class_: int, truths: int, said: int) -> ClassFigures:
        right = int(self._confusion[class_, class_])
        return ClassFigures(
            precision=right / said if said else None,
            recall=right / truths if truths else None,
            f1=2 * right / (truths + said),
            truths=truths,
        )


def top_accuracy(scores: ArrayLike, truth: ArrayLike, *, tops: Sequence[int] = (1, 5)) -> TopAccuracy:
    """Judge scores against true classes. Among equal scores the lower index ranks higher, as in a result.

    Args:
        scores: Real numbers (n, C).
        truth: Class indices (n,), 0..C-1.
        tops: The values of k.

    Raises:
        OptionError: shapes do not fit, an index is out of range, a score is not a number, or a k is below 1.
    """
    values, classes = _checked(np.asarray(scores, dtype=np.float64), np.asarray(truth))
    if any(k < 1 for k in tops):
        raise OptionError("every k must be at least 1")
    ranks = _ranks(values, classes)
    shares = {k: float(np.mean(ranks < k)) if classes.size else None for k in tops}
    return TopAccuracy(pictures=len(classes), accuracy=shares)


def _checked(values: NDArray[np.float64], truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    classes = np.asarray(truth, dtype=np.int64)
    if values.ndim != 2 or classes.shape != values.shape[:1]:
        raise OptionError(f"scores {values.shape} and classes {classes.shape}: expected (n, C) and (n,)")
    if classes.size and (classes.min() < 0 or classes.max() >= values.shape[1]):
        raise OptionError(f"classes {classes.min()} to {classes.max()}: expected 0 to {values.shape[1] - 1}")
    if np.isnan(values).any():
        raise OptionError(f"scores of picture {int(np.argwhere(np.isnan(values))[0][0])} are not numbers")
    return values, classes


def _ranks(values: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes rank above the true one, (n,)."""
    own = np.take_along_axis(values, classes[:, None], axis=1)
    before = np.arange(values.shape[1]) < classes[:, None]
    return np.asarray(((values > own) | ((values == own) & before)).sum(axis=1))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
