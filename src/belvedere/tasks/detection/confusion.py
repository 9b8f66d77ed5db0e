"""Which classes are taken for which, things and background among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.compared import Found, Kind, Truth, checked
from belvedere.tasks.detection.overlaps import all_overlaps, sigmas_of


@dataclass(frozen=True, eq=False)
class DetectionConfusion:
    """Counts of true and found classes.

    Attributes:
        counts: int64 (C + 1, C + 1): row by true class, column by found class. The last column counts truths that were
            not found, the last row detections of nothing; their corner is 0.
        score: Detections of lower scores were left out.
        overlap: From which a detection is taken to mean a truth.
        pictures: How many pictures were judged.
    """

    counts: NDArray[np.int64]
    score: float
    overlap: float
    pictures: int


class ConfusionMeter:
    """Counts, picture by picture.

    Detections and truths are paired whatever their classes, the pair that overlaps most first, each in one pair at
    most; of pairs that overlap alike one of the same class comes first. Truths that do not count, and detections left
    over that overlap such a one of their class, are left out.

    Args:
        kind: What is compared.
        classes: How many classes there are.
        score: Detections below are left out.
        overlap: From which a detection may be paired.
        sigmas: One per joint, for keypoints; as None those of COCO's 17.

    Raises:
        OptionError: there is no class, or ``overlap`` is not above 0 and at most 1.
    """

    def __init__(
        self,
        kind: Kind,
        classes: int,
        *,
        score: float = 0.3,
        overlap: float = 0.5,
        sigmas: Sequence[float] | None = None,
    ) -> None:
        if classes < 1 or not 0 < overlap <= 1:
            raise OptionError(f"{classes} classes, overlap {overlap}: expected at least 1, and above 0 up to 1")
        self._kind, self._classes, self._sigmas = kind, classes, sigmas_of(kind, sigmas)
        self._score, self._overlap = score, overlap
        self._counts = np.zeros((classes + 1, classes + 1), dtype=np.int64)
        self._pictures = 0

    def add(self, found: Found, truth: Truth) -> None:
        """Add one picture.

        Raises:
            OptionError: as ``CocoMeter.add`` does.
        """
        rows, true = checked(found, truth, self._kind, self._classes, len(self._sigmas))
        overlap = all_overlaps(self._kind, rows, true, self._sigmas)
        sure = rows.scores >= self._score
        same = rows.class_ids[:, None] == true.class_ids
        partner = _pairs(np.where(sure[:, None] & ~true.skipped, overlap, 0.0), same, self._overlap)
        alone = sure & (partner < 0)
        alone &= ~(same & true.skipped & (overlap >= self._overlap)).any(axis=1)
        paired = np.flatnonzero(partner >= 0)
        np.add.at(self._counts, (true.class_ids[partner[paired]], rows.class_ids[paired]), 1)
        np.add.at(self._counts[-1], rows.class_ids[alone], 1)
        unfound = ~true.skipped
        unfound[partner[paired]] = False
        np.add.at(self._counts[:, -1], true.class_ids[unfound], 1)
        self._pictures += 1

    def confusion(self) -> DetectionConfusion:
        """The counts of everything added so far."""
        return DetectionConfusion(self._counts.copy(), self._score, self._overlap, self._pictures)


def _pairs(overlap: NDArray[np.float64], same: NDArray[np.bool_], enough: float) -> NDArray[np.intp]:
    """The truth that each detection is paired with, or -1, (n,)."""
    partner = np.full(len(overlap), -1, dtype=np.intp)
    taken = np.zeros(overlap.shape[1], dtype=bool)
    first, second = np.nonzero(overlap >= enough)
    order = np.lexsort((~same[first, second], -overlap[first, second]))
    for one, two in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if partner[one] < 0 and not taken[two]:
            partner[one], taken[two] = two, True
    return partner
