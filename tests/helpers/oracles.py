"""Comparing outputs with those that a retired framework recorded, as its README defines the modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Sequence[NDArray[Any]]
_SCORE = 2e-3
_BOX = 1e-3
_FLOOR = 1e-3


def compare(mode: str, tolerance: float, got: Arrays, expected: Arrays) -> list[str]:
    """What differs, in words; empty where nothing does.

    Args:
        mode: ``tensor``, ``detection`` or ``multibox``.
        tolerance: Relative to the largest expected magnitude of an output.
        got: Outputs to judge.
        expected: Recorded outputs, in the same order.
    """
    if len(got) != len(expected):
        return [f"{len(got)} outputs, expected {len(expected)}"]
    found = [
        f"output {index}: {one.dtype}{list(one.shape)}, expected {two.dtype}{list(two.shape)}"
        for index, (one, two) in enumerate(zip(got, expected, strict=True))
        if one.shape != two.shape or one.dtype != two.dtype
    ]
    if found:
        return found
    judge = {"tensor": _tensors, "detection": _detections, "multibox": _multibox}[mode]
    return judge(tolerance, got, expected)


def _tensors(tolerance: float, got: Arrays, expected: Arrays) -> list[str]:
    pairs = enumerate(zip(got, expected, strict=True))
    return [text for index, (one, two) in pairs if (text := _tensor(f"output {index}", tolerance, one, two))]


def _tensor(what: str, tolerance: float, got: NDArray[Any], expected: NDArray[Any]) -> str:
    one, two = got.astype(np.float64), expected.astype(np.float64)
    if not np.isfinite(one).all() and np.isfinite(two).all():
        return f"{what}: not finite"
    error = float(np.abs(one - two).max(initial=0.0))
    most = tolerance * max(_FLOOR, float(np.abs(two).max(initial=0.0)))
    return f"{what}: differs by {error:.3g}, at most {most:.3g}" if not error <= most else ""


def _multibox(tolerance: float, got: Arrays, expected: Arrays) -> list[str]:
    """Like tensors, but rows (batch, rows, 6) whose expected id is negative only need a negative id."""
    found = []
    for index, (one, two) in enumerate(zip(got, expected, strict=True)):
        if two.ndim != 3 or two.shape[2] != 6:
            found += [text for text in [_tensor(f"output {index}", tolerance, one, two)] if text]
            continue
        there = two[..., 0] >= 0
        if (one[..., 0][~there] >= 0).any():
            found.append(f"output {index}: {int((one[..., 0][~there] >= 0).sum())} rows should have a negative id")
        found += [text for text in [_tensor(f"output {index}", tolerance, one[there], two[there])] if text]
    return found


def _detections(tolerance: float, got: Arrays, expected: Arrays) -> list[str]:
    """Rows with an id are compared as a set, the others must be -1; masks by row where the order agrees."""
    (ids, scores, boxes), (own_ids, own_scores, own_boxes) = expected[:3], got[:3]
    found: list[str] = []
    for picture in range(ids.shape[0]):
        theirs, ours = ids[picture, :, 0] >= 0, own_ids[picture, :, 0] >= 0
        if int(theirs.sum()) != int(ours.sum()):
            found.append(f"{int(ours.sum())} rows with an id, expected {int(theirs.sum())}")
        unused = [array[picture][~ours] for array in (own_ids, own_scores, own_boxes)]
        if any((array != -1).any() for array in unused):
            found.append("an unused row is not -1 in every column")
        # As recorded: descending, in un-sliced Faster R-CNN outputs class by class. Equal scores may swap.
        elif (np.abs(own_scores[picture][ours] - scores[picture][theirs]) >= _SCORE).any():
            found.append("the rows are not in the order of the recorded scores")
        found += _rows(
            [array[picture][theirs] for array in (ids, scores, boxes)],
            [array[picture][ours] for array in (own_ids, own_scores, own_boxes)],
        )
    ordered = np.array_equal(ids, own_ids) and np.abs(boxes - own_boxes).max() < _BOX * np.abs(boxes).max()
    if ordered:
        found += _tensors(tolerance, got[3:], expected[3:])
    return found


def _rows(expected: Arrays, got: Arrays) -> list[str]:
    """Every expected row must be matched by exactly one row."""
    ids, scores, boxes = expected
    own_ids, own_scores, own_boxes = got
    most = _BOX * max(np.abs(boxes).max(initial=0.0), _FLOOR)
    left = set(range(len(own_ids)))
    missing = 0
    for row in range(len(ids)):
        fits = (
            match
            for match in sorted(left)
            if own_ids[match, 0] == ids[row, 0]
            and abs(own_scores[match, 0] - scores[row, 0]) < _SCORE
            and np.abs(own_boxes[match] - boxes[row]).max() < most
        )
        match = next(fits, None)
        if match is None:
            missing += 1
        else:
            left.remove(match)
    return [f"{missing} expected rows are missing, {len(left)} are left over"] if missing or left else []
