"""The outcome of an evaluation, as values, as JSON and as a page."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from belvedere.data.dataset import Problem
from belvedere.data.record import Label
from belvedere.evaluation.facts import DatasetFacts, ModelFacts, Speed
from belvedere.evaluation.robustness_report import RobustnessReport
from belvedere.evaluation.task_report import save_report
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.anomaly.metrics import Confusion, Curve
from belvedere.tasks.anomaly.pixel_metrics import PixelMetrics

SCHEMA_VERSION = 1

Group = Literal["missed", "false alarm", "close call", "clear"]


@dataclass(frozen=True)
class Counts:
    """How many pictures took part, how many could not, and how many of the former the model was trained on.

    The last is None where the model does not say what it was trained on.
    """

    pictures: int
    normal: int
    anomalous: int
    unlabelled: int
    unreadable: int
    masks: int
    trained_on: int | None = None


@dataclass(frozen=True)
class PictureRow:
    """The verdict on one picture beside its label."""

    name: str
    label: Label
    kind: str | None
    score: float
    is_anomalous: bool

    @property
    def is_right(self) -> bool:
        """Whether the verdict agrees with the label."""
        return self.is_anomalous == (self.label == "anomaly")


@dataclass(frozen=True)
class KindSummary:
    """How many anomalous pictures of one kind were found; ``kind`` is None where none is given."""

    kind: str | None
    pictures: int
    found: int
    recall: float
    interval: Interval | None
    mean_score: float


@dataclass(frozen=True)
class GalleryItem:
    """One picture of the gallery.

    Attributes:
        row: Its verdict.
        group: Why it is shown.
        picture: JPEG of the picture, with the marked pixels outlined where a mask exists.
        heatmap: JPEG of the picture under its heatmap, flagged pixels outlined.
        width, height: Of both, in pixels.
        marked: Whether a mask was there to outline.
        stretched: Whether the heatmap was so faint that it is shown stronger than it is.
    """

    row: PictureRow
    group: Group
    picture: bytes = field(repr=False)
    heatmap: bytes = field(repr=False)
    width: int
    height: int
    marked: bool
    stretched: bool = False


@dataclass(frozen=True, eq=False)
class Report:
    """What a model is worth on a dataset. A value that the data do not define is None.

    Attributes:
        model: Which model.
        dataset: Which pictures.
        counts: How many of them.
        threshold: The model's own threshold, 0..1.
        confusion: Verdicts at that threshold against the labels.
        auroc: Image AUROC of the scores.
        average_precision: Their average precision.
        best_f1: Highest F1 over all thresholds on these very pictures: an optimistic bound, not a result.
        best_threshold: Where it is reached.
        intervals: 95 % bootstrap percentile intervals by metric name.
        wilson: 95 % Wilson intervals of recall, precision and false_alarm_rate.
        resamples: Bootstrap resamples.
        seed: Their seed.
        roc: ROC curve.
        precision_recall: Precision-recall curve.
        kinds: Per kind of anomaly.
        pixel: Pixel metrics, where masks exist.
        pictures: One row a picture, in the dataset's order.
        speed: A measurement; it differs from run to run.
        problems: Pictures and masks that could not be used, and what the dataset's reader found.
        gallery: Pictures worth looking at, worst mistakes first.
        robustness: The same under field conditions, where that was measured.
    """

    model: ModelFacts
    dataset: DatasetFacts
    counts: Counts
    threshold: float
    confusion: Confusion
    auroc: float | None
    average_precision: float | None
    best_f1: float | None
    best_threshold: float | None
    intervals: Mapping[str, Interval]
    wilson: Mapping[str, Interval]
    resamples: int
    seed: int
    roc: Curve | None
    precision_recall: Curve | None
    kinds: tuple[KindSummary, ...]
    pixel: PixelMetrics | None
    pictures: tuple[PictureRow, ...]
    speed: Speed
    problems: tuple[Problem, ...]
    gallery: tuple[GalleryItem, ...]
    robustness: RobustnessReport | None = None

    @property
    def f1(self) -> float | None:
        """F1 at the model's threshold."""
        return self.confusion.f1

    @property
    def precision(self) -> float | None:
        """Share of the flagged pictures that are anomalous."""
        return self.confusion.precision

    @property
    def recall(self) -> float | None:
        """Share of the anomalous pictures that were flagged."""
        return self.confusion.recall

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the normal pictures that were flagged."""
        return self.confusion.false_alarm_rate

    @property
    def notes(self) -> tuple[str, ...]:
        """Why figures are missing, where some are."""
        from belvedere.evaluation.wording import missing_class

        found = missing_class(self.counts)
        return (found,) if found else ()

    def __repr__(self) -> str:
        values = (("AUROC", self.auroc), ("F1", self.f1), ("recall", self.recall), ("precision", self.precision))
        shown = ", ".join(f"{name} {'–' if value is None else f'{value:.3f}'}" for name, value in values)
        return (
            f"<Report: '{self.model.name}' on {self.counts.pictures} pictures of '{self.dataset.name}': {shown}, "
            f"{len(self.problems)} problems>"
        )

    def to_dict(self, *, details: bool = False) -> dict[str, Any]:
        """Plain JSON values; the key ``pixel`` is there only where masks are.

        Args:
            details: Also the curves, one row a picture, and the measured speed.
        """
        summary: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": asdict(self.model),
            "dataset": asdict(self.dataset),
            "counts": asdict(self.counts),
            "auroc": self.auroc,
            "average_precision": self.average_precision,
            "f1": self.confusion.f1,
            "precision": self.confusion.precision,
            "recall": self.confusion.recall,
            "false_alarm_rate": self.confusion.false_alarm_rate,
            "threshold": self.threshold,
            "best_f1": self.best_f1,
            "best_threshold": self.best_threshold,
            "confusion": asdict(self.confusion),
            "intervals": {name: _bounds(interval) for name, interval in self.intervals.items()},
            "wilson": {name: asdict(interval) for name, interval in self.wilson.items()},
            "bootstrap": {"resamples": self.resamples, "seed": self.seed, "level": 0.95},
            "per_kind": [asdict(kind) for kind in self.kinds],
            "notes": list(self.notes),
            "problems": [asdict(problem) for problem in self.problems],
        }
        if self.pixel is not None:
            summary["pixel"] = asdict(self.pixel)
        if self.robustness is not None:
            summary["robustness"] = self.robustness.to_dict()
        return summary | (self._details() if details else {})

    def _details(self) -> dict[str, Any]:
        return {
            "curves": {
                "roc": _points(self.roc, "false_alarm_rate", "recall"),
                "precision_recall": _points(self.precision_recall, "recall", "precision"),
            },
            "pictures": [asdict(row) for row in self.pictures],
            "measurements": {"predict_ms": asdict(self.speed)},
        }

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``report.json`` and the self-contained ``report.html`` into a folder, each atomically.

        Returns:
            The path of ``report.html``.

        Raises:
            StorageError: a file could not be written; what was there before is untouched.
        """
        from belvedere.evaluation.page import render_page

        return save_report(folder, self.to_dict(details=True), render_page(self))


def _bounds(interval: Interval) -> dict[str, float] | None:
    """None for an interval without width: where nothing is wrong, resampling cannot show doubt."""
    return asdict(interval) if interval.high - interval.low > 1e-9 else None


def _points(curve: Curve | None, x: str, y: str) -> dict[str, Sequence[float | None]] | None:
    if curve is None:
        return None
    thresholds = [value if math.isfinite(value) else None for value in curve.thresholds.tolist()]
    return {x: curve.x.tolist(), y: curve.y.tolist(), "threshold": thresholds}
