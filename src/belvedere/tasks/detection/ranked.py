"""COCO's verdict on every detection, and what average precision would be on pictures drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.average_precision import RECALLS
from belvedere.tasks.detection.verdicts import Rules, Verdicts

_STEPS = len(RECALLS) - 1


@dataclass(frozen=True, eq=False)
class Ranked:
    """Detections that count (the best of each picture and class), by class and falling score.

    Attributes:
        pictures: Number of each detection's picture, int64 (n,).
        class_ids: int64 (n,).
        scores: float64 (n,).
        right: Whether it takes a truth that counts, at each of T thresholds of overlap, bool (n, T).
        counted: Whether it is right or wrong there; the others overlap what does not count, bool (n, T).
        truths: How many truths count, by picture and class, int64 (P, C).
    """

    pictures: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    truths: NDArray[np.int64]


def rank(verdicts: Sequence[Verdicts], rules: Rules, truths: NDArray[np.int64]) -> Ranked:
    """Order verdicts on things of all sizes.

    Args:
        verdicts: Verdicts, their pictures numbered through.
        rules: By what they were judged; the first range of sizes is all sizes.
        truths: How many truths count, by picture and class, int64 (P, C).
    """
    levels = len(rules.thresholds)
    empty = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    pictures, class_ids, scores = (
        np.concatenate([first, *(getattr(part, name) for part in verdicts)])
        for first, name in zip(empty, ("pictures", "class_ids", "scores"), strict=True)
    )
    right, aside = (
        np.concatenate(
            [
                np.zeros((0, levels), bool),
                *(np.unpackbits(getattr(part, name), axis=1, count=levels).astype(bool) for part in verdicts),
            ]
        )
        for name in ("right", "aside")
    )
    order = np.lexsort((-scores, class_ids))
    return Ranked(pictures[order], class_ids[order], scores[order], (right & ~aside)[order], ~aside[order], truths)


def resampled_precision(ranked: Ranked, weights: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Average precision at each threshold, mean over classes, where each picture is there several times or not at all.

    Args:
        ranked: Verdicts.
        weights: How often each picture is there, in each of B drawings, (B, P).

    Returns:
        float64 (B, T); NaN for a drawing without truths. A class without truths in a drawing does not count for it.
    """
    levels = ranked.right.shape[1]
    bounds = np.searchsorted(ranked.class_ids, np.arange(ranked.truths.shape[1] + 1))
    totals = weights.astype(np.float64) @ ranked.truths.astype(np.float64)
    # Drawings lie side by side in memory: sums along the ranks then go over whole rows.
    copies_of = np.ascontiguousarray(weights.T, dtype=np.float32)
    sums = np.zeros((levels, len(weights)))
    for class_ in np.flatnonzero(ranked.truths.any(axis=0)).tolist():
        own = slice(bounds[class_], bounds[class_ + 1])
        if not ranked.right[own].any():
            continue
        copies = copies_of[ranked.pictures[own]]
        everything = np.cumsum(copies, axis=0, dtype=np.float32)
        for level in range(levels):
            counted, right = ranked.counted[own, level], np.flatnonzero(ranked.right[own, level])
            if not right.size:
                break  # what overlaps by more is not more
            wide = everything[right]
            if not counted.all():
                aside = np.flatnonzero(~counted)
                skipped = np.concatenate([np.zeros_like(copies[:1]), np.cumsum(copies[aside], axis=0)])
                wide -= skipped[np.searchsorted(aside, right)]
            sums[level] += _areas(copies[right], wide, totals[:, class_])
    classes = np.count_nonzero(totals, axis=1)
    found = np.divide(sums, classes, out=np.full_like(sums, np.nan), where=classes > 0)
    return np.ascontiguousarray(found.T)


def _areas(copies: NDArray[np.float32], wide: NDArray[np.float32], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the falling precision over the 101 recalls, (B,), from right detections (k, B) and their ranks (k, B)."""
    hits = np.cumsum(copies, axis=0, dtype=np.float32)
    # A right detection that is not drawn has no rank of its own; it never raises the hits, so it gains nothing.
    precision = hits / np.maximum(wide, 1)
    falling = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    recall = hits / np.maximum(totals, 1)
    # So many of the recalls are reached with each right detection; 0 is with the first.
    reached = (recall * _STEPS + 1e-9).astype(np.int8)
    reached += 1 - (RECALLS.take(reached) > recall)
    reached *= hits > 0
    falling[0] *= reached[0]
    falling[1:] *= np.diff(reached, axis=0)
    return np.asarray(falling.sum(axis=0, dtype=np.float64) / len(RECALLS))
