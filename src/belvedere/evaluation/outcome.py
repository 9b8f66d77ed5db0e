"""What judging a task gives, before it becomes a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from belvedere.core.errors import DatasetError
from belvedere.evaluation.class_names import ClassMatch
from belvedere.evaluation.look import Look
from belvedere.evaluation.task_parts import ConfusionTable, ErrorTable, Mistake, ScoreCurve, Sweep, Value
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.tasks.classification.calibration import Calibration

_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Outcome:
    """Parts of a `belvedere.evaluation.task_report.TaskReport`; ``look`` tells the pictures and problems."""

    look: Look
    truths: int
    left_out: int
    figures: Mapping[str, Value]
    main: tuple[str, ...]
    per_class: Mapping[str, Mapping[str, Value]]
    intervals: Mapping[str, Interval | None]
    classes: ClassMatch | None
    notes: Sequence[str]
    confusion: ConfusionTable | None
    pictures: Sequence[Mapping[str, Any]]
    gallery: Sequence[Mistake]
    per_joint: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    errors: ErrorTable | None = None
    curves: Mapping[str, ScoreCurve] = field(default_factory=dict)
    sweep: Sweep | None = None
    calibration: Calibration | None = None


def class_notes(match: ClassMatch, unknown: int, what: str) -> list[str]:
    """What to say about classes that only one side has.

    Args:
        match: The classes.
        unknown: How many of the dataset's truths are of classes that the model cannot know.
        what: What a truth is called, in the plural.
    """
    notes = []
    if match.dataset_only:
        some = listed(match.dataset_only)
        notes.append(
            f"The model does not know {_classes(len(match.dataset_only))} of the dataset: {some}. What is marked as "
            f"such ({unknown} {what}) is left out of all figures."
        )
    if match.by == "order":
        notes.append("The model names no classes: they were taken in the order of the dataset's.")
    return notes


def no_common_class(dataset: str, labels: Sequence[str], classes: Sequence[str]) -> DatasetError:
    """The error where no class is known to both."""
    return DatasetError(
        f"{dataset}: the model knows none of its classes. The dataset has {listed(classes) or 'no classes'}; the model "
        f"has {listed(labels)}. Compile the model with --labels whose names are the dataset's, or rename classes"
    )


def listed(names: Sequence[str]) -> str:
    """Names with commas, the first dozen of many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count} classes"
