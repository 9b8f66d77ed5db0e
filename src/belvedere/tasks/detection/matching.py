"""COCO's assignment of detections to truths, for many pictures, thresholds and sizes at once.

The rule (``COCOeval.evaluateImg``): within a picture and class the detections choose in order of their scores. Each
takes the truth that it overlaps most among those that nobody has taken and that it overlaps by at least the threshold;
of several alike the last. Truths that count come before those that do not, whatever the overlap. Crowds can be taken
again and again.

Nothing is decided by pairs below the lowest threshold, so only the others are looked at. The first choices of all
pictures and classes are made together, then the second ones, and so on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def choose(
    first: NDArray[np.integer[Any]],
    second: NDArray[np.integer[Any]],
    overlap: NDArray[np.float64],
    groups: NDArray[np.integer[Any]],
    skipped: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
) -> NDArray[np.int32]:
    """The truth that each detection takes.

    Args:
        first: Numbers of detections, of every pair that overlaps by the lowest threshold or more; rising, (p,). They
            are numbered by group and, within a group, by falling score.
        second: Numbers of the truths, rising for each detection, (p,).
        overlap: How far they overlap, (p,).
        groups: Picture and class of each detection, as one rising number, (n,).
        skipped: Truths that do not count, for each of A ranges of size, (A, m).
        crowd: Truths that may be taken again, (m,).
        thresholds: T of them, rising.

    Returns:
        int32 (n, A, T): numbers of truths, -1 for none.
    """
    chosen = np.full((len(groups), len(skipped), len(thresholds)), -1, dtype=np.int32)
    if not len(first):
        return chosen
    detections, begins = np.unique(first, return_index=True)
    own = groups[detections]
    turn = np.arange(len(detections)) - np.searchsorted(own, own)
    # Pairs of one turn lie together, those of a detection by overlap; the place among them is the pair's rank.
    ranked = np.lexsort((second, overlap, first, np.repeat(turn, np.diff([*begins, len(first)]))))
    first, second, overlap = first[ranked], second[ranked], overlap[ranked]
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    rank = np.arange(len(first)) - np.repeat(begins, np.diff([*begins, len(first)])) + 1
    most = int(rank.max()) + 1
    preference = (rank[:, None] + most * ~skipped[:, second].T).astype(np.int32)
    enough = overlap[:, None] >= np.minimum(thresholds, 1 - 1e-10)
    free = np.ones((len(crowd), len(skipped), len(thresholds)), dtype=bool)
    bounds = np.cumsum(np.bincount(turn))
    for low, high in zip([0, *bounds[:-1]], bounds, strict=True):
        heads = begins[low:high]
        pairs = slice(heads[0], begins[high] if high < len(begins) else len(first))
        truths = second[pairs]
        possible = (free[truths] | crowd[truths, None, None]) & enough[pairs, None, :]
        best = np.maximum.reduceat(np.where(possible, preference[pairs][:, :, None], 0), heads - heads[0], axis=0)
        taken = second[np.maximum(heads[:, None, None] + best % most - 1, 0)]
        chosen[first[heads]] = np.where(best > 0, taken, -1)
        row, size, level = np.nonzero(best)
        free[taken[row, size, level], size, level] = False
    return chosen
