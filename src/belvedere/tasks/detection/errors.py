"""What goes wrong with detections: the kinds of error of TIDE (Bolya, Foley, Hays and Hoffman, ECCV 2020).

Detections are assigned to truths as for average precision at one threshold of overlap. A false one is, by the first
rule that fits:

- ``localisation``: it overlaps a truth of its class by at least the background threshold, but not by enough;
- ``class``: it overlaps a truth of another class by enough;
- ``duplicate``: it overlaps by enough a truth of its class that a better one has taken;
- ``background``: it overlaps no truth by more than the background threshold;
- ``both``: what remains, wrong in class and place.

A truth that no detection takes is ``missed``, unless a localisation or class error points at it: mending that finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.compared import Found, FoundRows, Kind, Truth, TruthRows, checked
from belvedere.tasks.detection.matching import choose
from belvedere.tasks.detection.overlaps import all_overlaps, sigmas_of

ErrorKind = Literal["localisation", "class", "duplicate", "background", "both", "missed"]
ERROR_KINDS: tuple[ErrorKind, ...] = ("localisation", "class", "duplicate", "background", "both", "missed")
_MOST = 100
"""Detections that count of a picture and class, as for average precision."""


@dataclass(frozen=True)
class DetectionError:
    """One error.

    Attributes:
        kind: What is wrong.
        picture: Number of the picture, in the order of adding.
        found: Number of the detection on it; None for a missed truth.
        truth: Number of the truth that it is about; None for ``background`` and ``both``.
        class_id: Class of the detection, or of the missed truth.
        score: Score of the detection; None for a missed truth.
        overlap: With the truth that it is about, else the highest with any; 0 for a missed truth.
    """

    kind: ErrorKind
    picture: int
    found: int | None
    truth: int | None
    class_id: int
    score: float | None
    overlap: float


@dataclass(frozen=True, eq=False)
class DetectionErrors:
    """All errors on some pictures.

    Attributes:
        pictures: How many pictures were judged.
        right: How many detections were right.
        counts: Errors of each kind.
        per_class: Errors of each kind by class (that of the detection, or of the missed truth), int64 (C,).
        examples: Some of each kind: those of highest score, of missed truths the first.
    """

    pictures: int
    right: int
    counts: Mapping[ErrorKind, int]
    per_class: Mapping[ErrorKind, NDArray[np.int64]]
    examples: Mapping[ErrorKind, tuple[DetectionError, ...]]


class ErrorMeter:
    """Sorts the errors of detections, picture by picture.

    Args:
        kind: What is compared.
        classes: How many classes there are.
        score: Detections below are left out.
        overlap: From which a detection is right.
        background: Up to which a detection is on nothing.
        examples: How many to keep of each kind.
        sigmas: One per joint, for keypoints; as None those of COCO's 17.

    Raises:
        OptionError: a threshold lies outside 0 to 1, or the one for background is not below the other.
    """

    def __init__(
        self,
        kind: Kind,
        classes: int,
        *,
        score: float = 0.0,
        overlap: float = 0.5,
        background: float = 0.1,
        examples: int = 20,
        sigmas: Sequence[float] | None = None,
    ) -> None:
        if not 0 <= background < overlap <= 1:
            raise OptionError(f"overlap {overlap} and background {background}: expected 0 <= background < overlap <= 1")
        self._kind, self._classes, self._sigmas = kind, classes, sigmas_of(kind, sigmas)
        self._score, self._overlap, self._background, self._most = score, overlap, background, examples
        self._pictures, self._right = 0, 0
        self._counts = {name: np.zeros(classes, dtype=np.int64) for name in ERROR_KINDS}
        self._examples: dict[ErrorKind, list[DetectionError]] = {name: [] for name in ERROR_KINDS}

    def add(self, found: Found, truth: Truth) -> None:
        """Add one picture.

        Raises:
            OptionError: as ``CocoMeter.add`` does.
        """
        rows, true = checked(found, truth, self._kind, self._classes, len(self._sigmas))
        overlap = all_overlaps(self._kind, rows, true, self._sigmas)
        order, taken = _assigned(rows, true, overlap, self._score, self._overlap)
        right = taken >= 0
        right[right] = ~true.skipped[taken[right]]
        self._right += int(right.sum())
        errors = self._false(rows, true, overlap, order[taken < 0], taken)
        known = {taken_ for taken_ in taken.tolist() if taken_ >= 0}
        known |= {error.truth for error in errors if error.kind in ("localisation", "class")}
        for number in np.flatnonzero(~true.skipped).tolist():
            if number not in known:
                class_id = int(true.class_ids[number])
                errors.append(DetectionError("missed", self._pictures, None, number, class_id, None, 0.0))
        for error in errors:
            self._keep(error)
        self._pictures += 1

    def errors(self) -> DetectionErrors:
        """The errors on everything added so far."""
        return DetectionErrors(
            pictures=self._pictures,
            right=self._right,
            counts={name: int(counts.sum()) for name, counts in self._counts.items()},
            per_class={name: counts.copy() for name, counts in self._counts.items()},
            examples={name: tuple(_best(found, self._most)) for name, found in self._examples.items()},
        )

    def _false(
        self,
        found: FoundRows,
        truth: TruthRows,
        overlap: NDArray[np.float64],
        false: NDArray[np.intp],
        taken: NDArray[np.int32],
    ) -> list[DetectionError]:
        counted = np.flatnonzero(~truth.skipped)
        if not counted.size:
            return [self._error("background", found, number, None, 0.0) for number in false.tolist()]
        near = overlap[np.ix_(false, counted)]
        same = found.class_ids[false, None] == truth.class_ids[counted]
        used = same & np.isin(counted, taken)
        own, other, double = (np.where(part, near, 0.0) for part in (same, ~same, used))
        best = [part.max(axis=1) for part in (own, other, double, near)]
        enough = self._overlap
        rules: tuple[tuple[ErrorKind, NDArray[np.bool_], NDArray[np.float64] | None], ...] = (
            ("localisation", (best[0] >= self._background) & (best[0] < enough) & (best[0] > 0), own),
            ("class", best[1] >= enough, other),
            ("duplicate", best[2] >= enough, double),
            ("background", best[3] <= self._background, None),
            ("both", np.ones(len(false), dtype=bool), None),
        )
        first = np.argmax([fits for _, fits, _ in rules], axis=0)
        errors = []
        for row, (number, rule) in enumerate(zip(false.tolist(), first.tolist(), strict=True)):
            name, _, about = rules[rule]
            at = int((near if about is None else about)[row].argmax())
            which = None if about is None else int(counted[at])
            errors.append(self._error(name, found, number, which, float(near[row, at])))
        return errors

    def _error(
        self, kind: ErrorKind, found: FoundRows, number: int, truth: int | None, overlap: float
    ) -> DetectionError:
        class_id, score = int(found.class_ids[number]), float(found.scores[number])
        return DetectionError(kind, self._pictures, number, truth, class_id, score, overlap)

    def _keep(self, error: DetectionError) -> None:
        self._counts[error.kind][error.class_id] += 1
        kept = self._examples[error.kind]
        kept.append(error)
        if len(kept) > 2 * self._most + 100:
            kept[:] = _best(kept, self._most)


def _best(errors: list[DetectionError], most: int) -> list[DetectionError]:
    return sorted(errors, key=lambda error: -(error.score or 0.0))[:most]


def _assigned(
    found: FoundRows, truth: TruthRows, overlap: NDArray[np.float64], score: float, enough: float
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Numbers of the detections that count, by class and falling score, and the truth that each takes or -1."""
    order = np.lexsort((-found.scores, found.class_ids))
    ids = found.class_ids[order]
    place = np.arange(len(order)) - np.searchsorted(ids, ids)
    order = order[(place < _MOST) & (found.scores[order] >= score)]
    ids = found.class_ids[order]
    first, second = np.nonzero((overlap[order] >= enough) & (ids[:, None] == truth.class_ids))
    pairs = overlap[order][first, second]
    chosen = choose(first, second, pairs, ids, truth.skipped[None], truth.crowd, np.array([enough]))
    return order, chosen[:, 0, 0]
