"""Which mistakes of a detector are worth looking at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from belvedere.evaluation.side_by_side import Box, DrawnThing
from belvedere.tasks.detection.errors import DetectionError, DetectionErrors, ErrorKind

ORDER: tuple[ErrorKind, ...] = ("missed", "class", "background", "localisation", "duplicate", "both")
"""Kinds as the gallery shows them."""


def choose_mistakes(errors: DetectionErrors, sizes: Sequence[NDArray[np.float64]], room: int) -> list[DetectionError]:
    """Pick the worst mistakes of each kind, kinds in turn until there is no room; in the order to show them.

    Of missed things the largest are worst, of false ones the surest. A picture comes once for each kind before any
    comes twice.

    Args:
        errors: All of them.
        sizes: For each picture the share of it that each truth covers, (m,).
        room: Most to pick.
    """

    def badness(error: DetectionError) -> float:
        if error.truth is not None and error.kind == "missed":
            return float(sizes[error.picture][error.truth])
        return error.score or 0.0

    ranked = {kind: _spread(sorted(errors.examples[kind], key=lambda one: -badness(one))) for kind in ORDER}
    turns = {kind: iter(found) for kind, found in ranked.items()}
    chosen: dict[ErrorKind, list[DetectionError]] = {kind: [] for kind in ORDER}
    left = room
    while left and turns:
        for kind in list(turns):
            error = next(turns[kind], None)
            if error is None:
                del turns[kind]
            elif left:
                chosen[kind].append(error)
                left -= 1
    return list(chain.from_iterable(chosen.values()))


def focus_of(truths: Sequence[DrawnThing], found: Sequence[DrawnThing]) -> Box | None:
    """The box around what a mistake is about."""
    boxes = np.array([one.box_xyxy for one in (*truths, *found) if one.focus])
    if not boxes.size:
        return None
    return (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())


def _spread(errors: Sequence[DetectionError]) -> Iterator[DetectionError]:
    """The same, the first of each picture before the second of any."""
    seen: dict[int, int] = {}
    rounds: list[list[DetectionError]] = []
    for error in errors:
        turn = seen.get(error.picture, 0)
        seen[error.picture] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(error)
    return chain.from_iterable(rounds)
