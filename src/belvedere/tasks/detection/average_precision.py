"""Precision over recall from verdicts, as COCO reads it (``COCOeval.accumulate``).

Detections of all pictures are ranked by score, equal ones by picture. Precision is made to fall with recall and read at
101 recalls. It can only rise where a detection is right, so nothing is read anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.verdicts import Rules, Verdicts

RECALLS: NDArray[np.float64] = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Precision and recall; -1 where no truth counts.

    Attributes:
        precision: At 101 recalls, (T, 101, C, A) for T thresholds, C classes and A ranges of size, with the most
            detections.
        scores: Score of the detection with which the recall is reached, of the same shape; 0 where it is not.
        recall: The highest, (T, C, A, M) for M numbers of detections.
        truths: How many truths count, (C, A).
    """

    precision: NDArray[np.float64]
    scores: NDArray[np.float64]
    recall: NDArray[np.float64]
    truths: NDArray[np.int64]


def accumulate(verdicts: Sequence[Verdicts], rules: Rules) -> Curves:
    """Curves of the verdicts on all pictures, in the order of the pictures."""
    levels, sizes = len(rules.thresholds), len(rules.areas)
    truths = np.sum([part.truths for part in verdicts], axis=0, dtype=np.int64, initial=0)
    truths = np.broadcast_to(truths, (rules.classes, sizes))
    shape = (levels, len(RECALLS), rules.classes, sizes)
    curves = Curves(
        np.full(shape, -1.0),
        np.full(shape, -1.0),
        np.full((levels, rules.classes, sizes, len(rules.most)), -1.0),
        truths,
    )
    if not verdicts:
        return curves
    class_ids, scores, places, right, aside = (
        np.concatenate([getattr(part, name) for part in verdicts])
        for name in ("class_ids", "scores", "places", "right", "aside")
    )
    order = np.lexsort((-scores, class_ids))
    bounds = np.searchsorted(class_ids[order], np.arange(rules.classes + 1))
    for class_ in np.flatnonzero(truths.any(axis=1)).tolist():
        own = order[bounds[class_] : bounds[class_ + 1]]
        count = levels * sizes
        taken, apart = (
            np.unpackbits(bits[own], axis=1, count=count).T.astype(bool).reshape(sizes, levels, -1)
            for bits in (right, aside)
        )
        _read(curves, class_, taken & ~apart, ~apart, scores[own], places[own], rules)
    return curves


def _read(
    curves: Curves,
    class_: int,
    right: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    scores: NDArray[np.float64],
    places: NDArray[np.int64],
    rules: Rules,
) -> None:
    """Fill in the curves of one class from its ranked detections, right and counted (A, T, n)."""
    wide = np.cumsum(counted, axis=2, dtype=np.int32)
    for size, truths in enumerate(curves.truths[class_].tolist()):
        if not truths:
            continue
        needed = np.searchsorted(np.arange(1, truths + 1) / truths, RECALLS, side="left")
        for number, most in enumerate(rules.most):
            hits = np.count_nonzero(right[size] & (places < most), axis=1)
            curves.recall[:, class_, size, number] = hits / truths
        for level in range(len(rules.thresholds)):
            at = np.flatnonzero(right[size, level])
            hits = np.arange(1.0, len(at) + 1)
            precision = hits / (wide[size, level, at] + np.spacing(1))
            falling = np.maximum.accumulate(precision[::-1])[::-1]
            reached = needed < len(at)
            values, marks = np.zeros(len(RECALLS)), np.zeros(len(RECALLS))
            values[reached], marks[reached] = falling[needed[reached]], scores[at[needed[reached]]]
            marks[0] = scores[0] if len(scores) else 0.0
            curves.precision[level, :, class_, size] = values
            curves.scores[level, :, class_, size] = marks
