"""The outcome of an evaluation for every task but anomaly: figures, tables, curves, mistakes; as JSON and as a page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.core.files import write_bytes
from belvedere.data.dataset import Problem
from belvedere.evaluation.class_names import ClassMatch
from belvedere.evaluation.facts import DatasetFacts, ModelFacts, Speed
from belvedere.evaluation.robustness_report import RobustnessReport
from belvedere.evaluation.task_parts import (
    ConfusionTable,
    ErrorTable,
    Mistake,
    ScoreCurve,
    Sweep,
    TaskCounts,
    Value,
)
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.classification.calibration import Calibration

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class TaskReport:
    """What a model is worth on a dataset. A value that the data do not define is None.

    Every figure is an attribute too: ``report.ap50``.

    Attributes:
        task: ``classification``, ``detection``, ``instance-segmentation``, ``semantic-segmentation`` or ``pose``.
        model: Which model.
        dataset: Which pictures.
        counts: How many of them.
        figures: The figures of all classes, by the names that `to_dict` gives them.
        main: Names of the figures that say most, the first before all.
        per_class: Class to its figures, in the dataset's order.
        per_joint: Joint to its figures; of ``pose``.
        intervals: 95 % bootstrap intervals over pictures, by figure; None where resampling cannot show doubt.
        threshold: The model's own least score, by which precision, recall, F1, confusion and mistakes go; None where
            its task has none.
        classes: Which class of the model is which of the dataset; None for ``pose``.
        confusion: What was taken for what.
        errors: Kinds of mistakes of things and people.
        curves: Precision over recall at overlap 0.5, by class.
        sweep: What other thresholds would give.
        calibration: How far scores can be believed.
        pictures: One row a picture.
        resamples: Bootstrap resamples.
        seed: Their seed.
        speed: A measurement; it differs from run to run.
        problems: What could not be used, and what the dataset's reader found.
        notes: What a reader must know before trusting the figures.
        gallery: Pictures worth looking at, worst mistakes first.
        robustness: The same under field conditions, where that was measured.
    """

    task: str
    model: ModelFacts
    dataset: DatasetFacts
    counts: TaskCounts
    figures: Mapping[str, Value]
    main: tuple[str, ...]
    per_class: Mapping[str, Mapping[str, Value]]
    intervals: Mapping[str, Interval | None]
    threshold: float | None
    classes: ClassMatch | None
    confusion: ConfusionTable | None
    speed: Speed
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    resamples: int
    seed: int
    per_joint: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    errors: ErrorTable | None = None
    curves: Mapping[str, ScoreCurve] = field(default_factory=dict)
    sweep: Sweep | None = None
    calibration: Calibration | None = None
    pictures: tuple[Mapping[str, Any], ...] = ()
    gallery: tuple[Mistake, ...] = ()
    robustness: RobustnessReport | None = None

    def __getattr__(self, name: str) -> Value:
        # Reached for names that are no field: copying and unpickling ask before there are any fields.
        figures = self.__dict__.get("figures", {})
        if name in figures:
            found: Value = figures[name]
            return found
        task = self.__dict__.get("task", "a task")
        raise AttributeError(f"a report on {task} has no {name!r}; its figures: {', '.join(figures)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.figures]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {_short(self.figures[name])}" for name in self.main)
        return (
            f"<TaskReport: '{self.model.name}' ({self.task}) on {self.counts.pictures} pictures of "
            f"'{self.dataset.name}': {shown}>"
        )

    def __str__(self) -> str:
        from belvedere.evaluation.words import summary_lines

        return "\n".join(summary_lines(self))

    def to_dict(self, *, details: bool = False) -> dict[str, Any]:
        """Plain JSON values.

        Args:
            details: Also the curves, one row a picture, and the measured speed.
        """
        summary: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "task": self.task,
            "model": asdict(self.model),
            "dataset": asdict(self.dataset),
            "counts": asdict(self.counts),
            **self.figures,
            "threshold": self.threshold,
            "intervals": {name: None if at is None else asdict(at) for name, at in self.intervals.items()},
            "bootstrap": {"resamples": self.resamples, "seed": self.seed, "level": 0.95},
            "per_class": {name: dict(values) for name, values in self.per_class.items()},
        }
        if self.per_joint:
            summary["per_joint"] = {name: dict(values) for name, values in self.per_joint.items()}
        if self.confusion is not None:
            summary["confusion"] = self.confusion.to_rows()
        if self.errors is not None:
            summary["errors"] = {"right": self.errors.right, **self.errors.counts}
            summary["errors_per_class"] = {name: dict(row) for name, row in self.errors.per_class.items()}
        if self.classes is not None:
            summary["classes"] = {
                "by": self.classes.by,
                "judged": list(self.classes.names),
                "renamed": dict(self.classes.renamed),
                "model_only": list(self.classes.model_only),
                "dataset_only": list(self.classes.dataset_only),
            }
        summary["notes"] = list(self.notes)
        summary["problems"] = [asdict(problem) for problem in self.problems]
        if self.robustness is not None:
            summary["robustness"] = self.robustness.to_dict()
        return summary | (self._details() if details else {})

    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = {
            "curves": {
                name: {"recall": curve.x.tolist(), "precision": curve.y.tolist(), "threshold": curve.scores.tolist()}
                for name, curve in self.curves.items()
            },
            "pictures": [dict(row) for row in self.pictures],
            "measurements": {"predict_ms": asdict(self.speed)},
        }
        if self.sweep is not None:
            details["thresholds"] = {
                name: getattr(self.sweep, name).tolist() for name in ("scores", "precision", "recall", "f1")
            }
        if self.calibration is not None:
            details["calibration"] = {
                name: [None if np.isnan(value) else value for value in getattr(self.calibration, name).tolist()]
                for name in ("edges", "counts", "confidence", "accuracy")
            }
        return details

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``report.json`` and the self-contained ``report.html`` into a folder, each atomically.

        Returns:
            The path of ``report.html``.

        Raises:
            StorageError: a file could not be written; what was there before is untouched.
        """
        from belvedere.evaluation.task_page import render_task_page

        return save_report(folder, self.to_dict(details=True), render_task_page(self))


def save_report(folder: str | os.PathLike[str], details: Mapping[str, Any], page: str) -> Path:
    """Write ``report.json`` and ``report.html`` into a folder, each atomically; the path of the latter.

    Raises:
        StorageError: a file could not be written; what was there before is untouched.
    """
    target = Path(folder)
    plain = json.dumps(details, indent=2, allow_nan=False, ensure_ascii=False)
    # File names may hold bytes that are no UTF-8 (lone surrogates); they must not stop the report.
    write_bytes(target / "report.json", plain.encode("utf-8", "backslashreplace") + b"\n")
    path = target / "report.html"
    write_bytes(path, page.encode("utf-8", "replace"))
    return path


def _short(value: Value) -> str:
    return "–" if value is None else f"{value:.3f}"
