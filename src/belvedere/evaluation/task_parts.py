"""The parts of a report on a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Value = float | int | None
"""A figure; None where the data do not define it."""


@dataclass(frozen=True)
class TaskCounts:
    """How many pictures took part, and what was on them.

    Attributes:
        pictures: Pictures that were judged.
        truths: Things, people or whole pictures' classes that count; pixels for semantic segmentation.
        left_out: Truths that do not: of classes that the model cannot know, crowds, difficult ones.
        unlabelled: Pictures without what the task needs.
        unreadable: Pictures that could not be judged; the problems name them.
        trained_on: Judged pictures that the model was trained on; None where it does not say which those were.
    """

    pictures: int
    truths: int
    left_out: int
    unlabelled: int
    unreadable: int
    trained_on: int | None = None


@dataclass(frozen=True, eq=False)
class ConfusionTable:
    """What was taken for what.

    Attributes:
        names: Names of classes. The last row and column have none: nothing was there, or nothing was found.
        counts: int64 (C + 1, C + 1): row by true class, column by what the model says.
        unit: What is counted, such as ``things``.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    unit: str

    def to_rows(self) -> list[dict[str, Any]]:
        """One object for each pair that occurs, the most frequent first; None stands for nothing."""
        rows, columns = np.nonzero(self.counts)
        names = [*self.names, None]
        pairs = [
            {"true": names[row], "found": names[column], "count": int(self.counts[row, column])}
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        return sorted(pairs, key=lambda pair: -pair["count"])


@dataclass(frozen=True, eq=False)
class ErrorTable:
    """Kinds of mistakes of a detector at its own threshold.

    Attributes:
        right: Detections that were right.
        counts: Mistakes of each kind.
        per_class: The same by class.
    """

    right: int
    counts: Mapping[str, int]
    per_class: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """A figure against recall or score; x rises.

    Attributes:
        x: float64 (n,).
        y: float64 (n,).
        scores: The threshold at each point, float64 (n,).
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What each threshold would give, all classes together; float64 (n,), scores rising."""

    scores: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


@dataclass(frozen=True)
class Mistake:
    """One picture of the gallery.

    Attributes:
        group: Why it is shown.
        name: The picture.
        caption: What is wrong, in words.
        truth: JPEG of what is there.
        found: JPEG of what the model says.
        width: Of both, in pixels.
        height: Of both.
        right: Whether it is no mistake at all.
    """

    group: str
    name: str
    caption: str
    truth: bytes = field(repr=False)
    found: bytes = field(repr=False)
    width: int
    height: int
    right: bool = False
