"""The figures of what is found on pictures: things by boxes or masks, people by keypoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.evaluation.resampling import bootstrap
from belvedere.evaluation.task_parts import ConfusionTable, ErrorTable, ScoreCurve, Sweep, Value
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.classification.calibration import Calibration, CalibrationMeter
from belvedere.tasks.detection.average_precision import RECALLS
from belvedere.tasks.detection.coco import ClassAP, CocoMeter, CocoMetrics
from belvedere.tasks.detection.compared import Found, Kind, Truth
from belvedere.tasks.detection.confusion import ConfusionMeter
from belvedere.tasks.detection.errors import DetectionErrors, ErrorMeter
from belvedere.tasks.detection.ranked import Ranked, resampled_precision

PREFIX: Mapping[Kind, str] = {"box": "", "mask": "mask_", "keypoints": "keypoint_"}
"""How names of COCO's figures begin."""

_SIZES = ("ap_small", "ap_medium", "ap_large")
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "box": ("ap", "ap50", "ap75", *_SIZES, "ar1", "ar10", "ar100"),
    "mask": ("ap", "ap50", "ap75", *_SIZES, "ar1", "ar10", "ar100"),
    "keypoints": ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar20"),
}
_EXAMPLES = 5000
_MOST_STEPS = 400
_LEAST_BELIEVED = 0.05
"""Detections from this score on are in the reliability diagram: there is no end to those below."""


@dataclass(frozen=True, eq=False)
class ThingFigures:
    """All that meters found out; see `belvedere.evaluation.task_report.TaskReport` for the parts of the same name."""

    figures: Mapping[str, Value]
    per_class: Mapping[str, Mapping[str, Value]]
    curves: Mapping[str, ScoreCurve]
    sweep: Sweep | None
    calibration: Calibration | None
    confusion: ConfusionTable
    errors: ErrorTable
    examples: DetectionErrors
    intervals: Mapping[str, Interval | None]
    right: NDArray[np.int64]
    found: NDArray[np.int64]
    truths: NDArray[np.int64]


class ThingMeters:
    """Gathers what was found and what is there, picture by picture.

    Args:
        kinds: What is compared; mistakes and thresholds are told of the last one.
        names: Names of the classes.
        threshold: The model's own least score.
        sigmas: One per joint, for keypoints.
        unit: What a thing is called, in the plural.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        names: Sequence[str],
        threshold: float,
        *,
        sigmas: Sequence[float] | None = None,
        unit: str = "things",
    ) -> None:
        self._kinds, self._names, self._threshold, self._unit = tuple(kinds), tuple(names), threshold, unit
        self._coco = {kind: CocoMeter(kind, len(names), sigmas) for kind in kinds}
        main = kinds[-1]
        self._confusion = ConfusionMeter(main, len(names), score=0.0, sigmas=sigmas)
        self._errors = ErrorMeter(main, len(names), examples=_EXAMPLES, sigmas=sigmas)

    def add(self, own: Found, wide: Found, truth: Truth) -> None:
        """Add one picture: what the model reports, what it would at a low threshold, and what is there."""
        for meter in self._coco.values():
            meter.add(wide, truth)
        self._confusion.add(own, truth)
        self._errors.add(own, truth)

    def figures(self, *, resamples: int, seed: int) -> ThingFigures:
        """The figures of everything added so far."""
        metrics = {kind: meter.metrics() for kind, meter in self._coco.items()}
        ranked = {kind: meter.ranked() for kind, meter in self._coco.items()}
        main = self._kinds[-1]
        verdicts = ranked[main]
        reported = verdicts.scores >= float(np.float32(self._threshold))
        counts = [self._counts(verdicts, by, reported) for by in (verdicts.class_ids, verdicts.pictures)]
        by_class = (*counts[0], verdicts.truths.sum(axis=0))
        by_picture = (*counts[1], verdicts.truths.sum(axis=1))
        figures: dict[str, Value] = {}
        for kind, found in metrics.items():
            figures |= {_named(kind, name): getattr(found, name) for name in _OF_KIND[kind]}
        totals = [int(part.sum()) for part in by_picture]
        figures |= _rates(*totals)
        sweep = _sweep(verdicts)
        if sweep is not None:
            best = int(sweep.f1.argmax())
            figures |= {"best_f1": float(sweep.f1[best]), "best_threshold": float(sweep.scores[best])}
        errors = self._errors.errors()
        return ThingFigures(
            figures=figures,
            per_class=self._per_class(metrics, by_class),
            curves=_curves(metrics[main], self._names),
            sweep=sweep,
            calibration=_calibration(verdicts),
            confusion=ConfusionTable(self._names, self._confusion.confusion().counts, self._unit),
            errors=self._error_table(errors),
            examples=errors,
            intervals=_intervals(ranked, by_picture, figures, resamples=resamples, seed=seed),
            right=by_picture[0],
            found=by_picture[1],
            truths=by_picture[2],
        )

    def _counts(
        self, verdicts: Ranked, by: NDArray[np.int64], reported: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Right detections and those that count at the own threshold, by class or picture."""
        size = verdicts.truths.shape[1 if by is verdicts.class_ids else 0]
        right, counted = (part[:, 0] & reported for part in (verdicts.right, verdicts.counted))
        return np.bincount(by[right], minlength=size), np.bincount(by[counted], minlength=size)

    def _per_class(
        self, metrics: Mapping[Kind, CocoMetrics], counts: tuple[NDArray[np.int64], ...]
    ) -> dict[str, dict[str, Value]]:
        rows: dict[str, dict[str, Value]] = {}
        for number, name in enumerate(self._names):
            right, found, truths = (int(part[number]) for part in counts)
            if not truths and not found:
                continue
            row: dict[str, Value] = {"truths": truths, "found": found}
            for kind, all_classes in metrics.items():
                row |= _class_figures(kind, all_classes.per_class.get(number))
            rows[name] = row | _rates(right, found, truths)
        return rows

    def _error_table(self, errors: DetectionErrors) -> ErrorTable:
        per_class = {
            name: {str(kind): int(numbers[number]) for kind, numbers in errors.per_class.items() if numbers[number]}
            for number, name in enumerate(self._names)
        }
        counts = {str(kind): count for kind, count in errors.counts.items()}
        return ErrorTable(errors.right, counts, {name: row for name, row in per_class.items() if row})


def _named(kind: Kind, name: str) -> str:
    """Keypoints' recall is that of all that count: COCO has no other, so no number is in its name."""
    return PREFIX[kind] + ("ar" if kind == "keypoints" and name == "ar20" else name)


def _class_figures(kind: Kind, found: ClassAP | None) -> dict[str, Value]:
    recall = "ar20" if kind == "keypoints" else "ar100"
    return {_named(kind, name): getattr(found, name) if found else None for name in ("ap", "ap50", "ap75", recall)}


def _rates(right: int, found: int, truths: int) -> dict[str, Value]:
    return {
        "precision": right / found if found else None,
        "recall": right / truths if truths else None,
        "f1": 2 * right / (found + truths) if found + truths else None,
    }


def _curves(metrics: CocoMetrics, names: Sequence[str]) -> dict[str, ScoreCurve]:
    return {names[number]: ScoreCurve(RECALLS, one.precision, one.scores) for number, one in metrics.per_class.items()}


def _sweep(verdicts: Ranked) -> Sweep | None:
    """Precision, recall and F1 of all classes together at the scores that occur, thinned to some hundred."""
    truths = int(verdicts.truths.sum())
    counted = verdicts.counted[:, 0]
    if not truths or not counted.any():
        return None
    order = np.argsort(-verdicts.scores[counted], kind="stable")
    scores = verdicts.scores[counted][order]
    right = np.cumsum(verdicts.right[counted, 0][order])
    # Equal scores come and go together.
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    if len(last) > _MOST_STEPS:
        levels = np.linspace(scores[-1], scores[0], _MOST_STEPS)
        # Thresholds from low to high: how many detections reach each.
        reach = np.searchsorted(-scores[last], -levels, side="right") - 1
        last = last[np.unique(np.maximum(reach, 0))]
    last = last[::-1]
    hits, found = right[last], last + 1
    return Sweep(scores[last], hits / found, hits / truths, 2 * hits / (found + truths))


def _calibration(verdicts: Ranked) -> Calibration | None:
    used = verdicts.counted[:, 0] & (verdicts.scores >= _LEAST_BELIEVED)
    meter = CalibrationMeter(bins=10)
    meter.add(verdicts.scores[used][:, None], verdicts.right[used, 0])
    return meter.calibration()


def _intervals(
    ranked: Mapping[Kind, Ranked],
    by_picture: Sequence[NDArray[np.int64]],
    figures: Mapping[str, Value],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Interval | None]:
    intervals: dict[str, Interval] = {}
    pictures = len(by_picture[0])
    for kind, verdicts in ranked.items():
        largest = int(np.bincount(verdicts.class_ids, minlength=1).max())
        statistic = _precision_of(verdicts, PREFIX[kind])
        intervals |= bootstrap(pictures, statistic, resamples=resamples, seed=seed, width=4 * largest)
    intervals |= bootstrap(pictures, _rates_of(*by_picture), resamples=resamples, seed=seed)
    names = [f"{PREFIX[kind]}{name}" for kind in ranked for name in ("ap", "ap50", "ap75")]
    known = [name for name in (*names, "precision", "recall", "f1") if figures.get(name) is not None]
    return {name: intervals.get(name) for name in known} if resamples else {}


def _precision_of(verdicts: Ranked, prefix: str) -> Callable[[NDArray[np.int64]], dict[str, NDArray[np.float64]]]:
    def statistic(weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        levels = resampled_precision(verdicts, weights)
        return {f"{prefix}ap": levels.mean(axis=1), f"{prefix}ap50": levels[:, 0], f"{prefix}ap75": levels[:, 5]}

    return statistic


def _rates_of(
    right: NDArray[np.int64], found: NDArray[np.int64], truths: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], dict[str, NDArray[np.float64]]]:
    def statistic(weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        hits, said, there = (weights @ part.astype(np.float64) for part in (right, found, truths))
        pairs = {"precision": (hits, said), "recall": (hits, there), "f1": (2 * hits, said + there)}
        return {
            name: np.divide(top, under, out=np.full(len(weights), np.nan), where=under > 0)
            for name, (top, under) in pairs.items()
        }

    return statistic
