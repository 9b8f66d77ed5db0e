"""How well anomaly scores separate anomalous pictures from normal ones.

The anomalous class is the positive one. A value that the data do not define (an AUROC with one class only, a
precision with nothing flagged) is None, never NaN. Everything is computed from two counts per distinct score,
positives and negatives, so the same code serves pictures, bootstrap resamples and pixel histograms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError

Counts = NDArray[np.float64]
"""Counts per distinct score along the last axis, scores ascending."""


@dataclass(frozen=True)
class Confusion:
    """Counts of right and wrong verdicts; positive means anomalous."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def precision(self) -> float | None:
        """Share of the flagged ones that are anomalous; None where nothing was flagged."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Share of the anomalous ones that were flagged; None where there are none."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where nothing is anomalous."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn) if self.tp + self.fn else None

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the normal ones that were flagged; None where there are none."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def iou(self) -> float | None:
        """Intersection over union of flagged and anomalous; None where both are empty."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve, from the strictest threshold to the laxest.

    Attributes:
        x: float64 (n,): false-alarm rate (ROC) or recall (precision-recall).
        y: float64 (n,): recall (ROC) or precision (precision-recall).
        thresholds: float64 (n,), falling; the first is infinity, where nothing is flagged.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def verdicts(scores: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Apply the rule of ``AnomalyResult.is_anomalous`` to many: ``>=`` after rounding to 4 decimals."""
    limit = round(float(threshold), 4)
    return np.array([round(float(score), 4) >= limit for score in np.ravel(scores)], dtype=bool)


def confusion(scores: ArrayLike, labels: ArrayLike, threshold: float) -> Confusion:
    """Count the verdicts at ``threshold`` (see `verdicts`) against ``labels`` (True: anomalous)."""
    values, truth = _checked(scores, labels)
    flagged = verdicts(values, threshold)
    return Confusion(
        tp=int(np.sum(flagged & truth)),
        fp=int(np.sum(flagged & ~truth)),
        tn=int(np.sum(~flagged & ~truth)),
        fn=int(np.sum(~flagged & truth)),
    )


def auroc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Area under the ROC curve: the chance that an anomalous one scores above a normal one, ties half.

    Args:
        scores: Real numbers (n,), higher means more anomalous.
        labels: Booleans (n,), True means anomalous.

    Raises:
        OptionError: lengths differ or a score is not finite.
    """
    _, positives, negatives = score_counts(scores, labels)
    return auroc_of_counts(positives, negatives)


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Average precision as scikit-learn defines it: the sum of precision times gain in recall.

    None where either class is missing. Raises OptionError as `auroc` does.
    """
    _, positives, negatives = score_counts(scores, labels)
    return average_precision_of_counts(positives, negatives)


def roc_curve(scores: ArrayLike, labels: ArrayLike) -> Curve | None:
    """False-alarm rate (x) and recall (y) at every distinct score; None where either class is missing."""
    values, positives, negatives = score_counts(scores, labels)
    if not positives.sum() or not negatives.sum():
        return None
    tp, fp = _flagged(positives, negatives)
    return Curve(
        x=np.concatenate([[0.0], fp[::-1] / fp[0]]),
        y=np.concatenate([[0.0], tp[::-1] / tp[0]]),
        thresholds=np.concatenate([[np.inf], values[::-1]]),
    )


def precision_recall_curve(scores: ArrayLike, labels: ArrayLike) -> Curve | None:
    """Recall (x) and precision (y) at every distinct score; None where either class is missing.

    The first point is recall 0 with precision 1, by convention.
    """
    values, positives, negatives = score_counts(scores, labels)
    if not positives.sum() or not negatives.sum():
        return None
    tp, fp = _flagged(positives, negatives)
    return Curve(
        x=np.concatenate([[0.0], tp[::-1] / tp[0]]),
        y=np.concatenate([[1.0], (tp / (tp + fp))[::-1]]),
        thresholds=np.concatenate([[np.inf], values[::-1]]),
    )


def f1_threshold(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """The threshold (flag where ``score >= threshold``) with the highest F1.

    It lies midway between two neighbouring scores, or at the lowest score where flagging everything is best.
    Of several with the same F1 the lowest is taken: a missed defect is dearer than a false alarm. Scores need
    not be calibrated and are not rounded here. None where either class is missing. Raises OptionError as
    `auroc` does.
    """
    values, positives, negatives = score_counts(scores, labels)
    if not positives.sum() or not negatives.sum():
        return None
    _, index = best_f1_of_counts(positives, negatives)
    return cut_below(values, index)


def cut_below(values: NDArray[np.float64], index: int) -> float:
    """A cut that keeps ``values[index]`` and leaves the next lower value out; ``values`` rise strictly."""
    if index == 0:
        return float(values[0])
    low, high = float(values[index - 1]), float(values[index])
    middle = low + (high - low) / 2
    return middle if low < middle else high


def score_counts(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], Counts, Counts]:
    """Distinct scores, rising, and how many anomalous and normal ones have each. Raises OptionError."""
    values, truth = _checked(scores, labels)
    distinct, place = np.unique(values, return_inverse=True)
    positives = np.bincount(place[truth], minlength=len(distinct)).astype(np.float64)
    negatives = np.bincount(place[~truth], minlength=len(distinct)).astype(np.float64)
    return distinct, positives, negatives


def auroc_of_counts(positives: Counts, negatives: Counts) -> float | None:
    """AUROC from counts per distinct score (n,); None where either class is missing."""
    if not positives.sum() or not negatives.sum():
        return None
    return float(auroc_rows(positives, negatives))


def average_precision_of_counts(positives: Counts, negatives: Counts) -> float | None:
    """Average precision from counts per distinct score (n,); None where either class is missing."""
    if not positives.sum() or not negatives.sum():
        return None
    return float(average_precision_rows(positives, negatives))


def best_f1_of_counts(positives: Counts, negatives: Counts) -> tuple[float, int]:
    """Highest F1 and the lowest index from which flagging reaches it; needs at least one positive."""
    tp, fp = _flagged(positives, negatives)
    f1 = 2 * tp / (tp + fp + tp[0])
    index = int(np.argmax(f1))
    return float(f1[index]), index


def auroc_rows(positives: Counts, negatives: Counts) -> Any:
    """AUROC along the last axis; each row must hold both classes."""
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    return (positives * below).sum(axis=-1) / pairs


def average_precision_rows(positives: Counts, negatives: Counts) -> Any:
    """Average precision along the last axis; each row must hold positives."""
    tp, fp = _flagged(positives, negatives)
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp > 0)
    return (positives * precision).sum(axis=-1) / tp[..., 0]


def _flagged(positives: Counts, negatives: Counts) -> tuple[Counts, Counts]:
    """Per distinct score the true and false positives when everything from it upwards is flagged."""
    return tuple(np.cumsum(part[..., ::-1], axis=-1)[..., ::-1] for part in (positives, negatives))  # type: ignore[return-value]


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(labels, dtype=bool)
    if values.ndim != 1 or values.shape != truth.shape:
        raise OptionError(
            f"scores {values.shape} and labels {truth.shape} must be rows of one length, one entry a picture"
        )
    if not np.isfinite(values).all():
        raise OptionError(f"score {int(np.argmin(np.isfinite(values)))} is not a finite number")
    return values, truth


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
