"""Average precision and recall as COCO defines them, for boxes, masks and keypoints.

The figures are those of pycocotools' ``COCOeval`` with its default parameters. Two things differ on purpose: truths
that are marked to ignore do not count (``COCOeval`` overwrites that mark with the one of crowds), and sizes of true
boxes without an annotated area are those of the boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.average_precision import Curves, accumulate
from belvedere.tasks.detection.compared import Found, FoundRows, Kind, Truth, TruthRows, checked
from belvedere.tasks.detection.overlaps import sigmas_of
from belvedere.tasks.detection.ranked import Ranked, rank
from belvedere.tasks.detection.verdicts import Rules, Verdicts, judge

IOU_THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Overlaps from which a detection is right."""

_SMALL, _LARGE, _ANY = 32.0**2, 96.0**2, 1e5**2
_AREAS = {"all": (0.0, _ANY), "small": (0.0, _SMALL), "medium": (_SMALL, _LARGE), "large": (_LARGE, _ANY)}
_AT_ONCE = 1 << 14
"""Detections and truths that are judged together."""


@dataclass(frozen=True, eq=False)
class ClassAP:
    """How well one class was found; values 0..1.

    Attributes:
        ap: Average precision: mean over thresholds 0.50 to 0.95.
        ap50: The same at threshold 0.50.
        ap75: The same at 0.75.
        ar100: Highest recall with 100 detections a picture, mean over thresholds; None for keypoints.
        ar20: The same with 20; None for boxes and masks.
        truths: How many truths count.
        precision: At threshold 0.50 and the 101 recalls of ``average_precision.RECALLS``, (101,).
        scores: Scores at which those recalls are reached, (101,); 0 where they are not.
    """

    ap: float
    ap50: float
    ap75: float
    ar100: float | None
    ar20: float | None
    truths: int
    precision: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CocoMetrics:
    """COCO's figures; values 0..1, None where no truth counts or COCO has no such figure for the kind.

    AP are means over classes, AR means over classes of the highest recall; both over thresholds 0.50 to 0.95 where the
    name has none. Small is up to 32² square pixels, medium up to 96². Boxes and masks count the 100 best detections of
    a picture and class, keypoints the 20 best.

    Attributes:
        kind: What was compared.
        pictures: How many pictures were judged.
        truths: How many truths count.
        ap: The main figure.
        ap50: At threshold 0.50.
        ap75: At threshold 0.75.
        ap_small: Of small things; none for keypoints.
        ap_medium: Of medium things.
        ap_large: Of large things.
        ar1: With one detection of a picture and class; none for keypoints.
        ar10: With ten; none for keypoints.
        ar100: With a hundred; none for keypoints.
        ar20: With twenty; for keypoints alone.
        ar50: With all that count, at threshold 0.50.
        ar75: With all that count, at threshold 0.75.
        ar_small: With all that count, of small things; none for keypoints.
        ar_medium: With all that count, of medium things.
        ar_large: With all that count, of large things.
        per_class: Class to its figures, of classes with truths that count.
    """

    kind: Kind
    pictures: int
    truths: int
    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    ar20: float | None
    ar50: float | None
    ar75: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    per_class: Mapping[int, ClassAP]


class CocoMeter:
    """Gathers detections and truths picture by picture.

    Where scores are equal, the picture that was added first comes first; pycocotools goes by picture ids.

    Args:
        kind: ``"box"``, ``"mask"`` or ``"keypoints"``.
        classes: How many classes there are.
        sigmas: One per joint, for keypoints; as None those of COCO's 17.

    Raises:
        OptionError: the kind is unknown, there is no class, or a sigma is not above 0.
    """

    def __init__(self, kind: Kind, classes: int, sigmas: Sequence[float] | None = None) -> None:
        chosen = sigmas_of(kind, sigmas)
        if classes < 1:
            raise OptionError(f"{classes} classes: expected at least 1")
        sizes = {name: _AREAS[name] for name in _AREAS if name != "small" or kind != "keypoints"}
        most = (20,) if kind == "keypoints" else (1, 10, 100)
        self._sizes = list(sizes)
        self._rules = Rules(kind, classes, IOU_THRESHOLDS, tuple(sizes.values()), most, chosen)
        self._waiting: list[tuple[FoundRows, TruthRows]] = []
        self._rows = 0
        self._pictures = 0
        self._verdicts: list[Verdicts] = []
        self._truths: list[NDArray[np.int64]] = []

    def add(self, found: Found, truth: Truth) -> None:
        """Add one picture.

        Raises:
            OptionError: a part is missing, differs in number, holds no finite number (scores among them) or an unknown
                class, or masks differ in size.
        """
        rules = self._rules
        rows = checked(found, truth, rules.kind, rules.classes, len(rules.sigmas))
        self._waiting.append(rows)
        self._pictures += 1
        self._truths.append(np.bincount(rows[1].class_ids[~rows[1].skipped], minlength=rules.classes))
        self._rows += len(rows[0].scores) + len(rows[1].class_ids)
        if self._rows >= _AT_ONCE:
            self._judge()

    def metrics(self) -> CocoMetrics:
        """The metrics of everything added so far."""
        self._judge()
        curves = accumulate(self._verdicts, self._rules)
        return CocoMetrics(
            kind=self._rules.kind,
            pictures=self._pictures,
            truths=int(curves.truths[:, 0].sum()),
            **self._figures(curves),
            per_class={
                class_: self._of_class(curves, class_) for class_ in np.flatnonzero(curves.truths[:, 0]).tolist()
            },
        )

    def ranked(self) -> Ranked:
        """The verdict on every detection that counts, of everything added so far: for curves and for resampling."""
        self._judge()
        truths = np.array(self._truths, dtype=np.int64).reshape(-1, self._rules.classes)
        return rank(self._verdicts, self._rules, truths)

    def _judge(self) -> None:
        if self._waiting:
            verdicts = judge(self._waiting, self._rules)
            before = self._pictures - len(self._waiting)
            self._verdicts.append(replace(verdicts, pictures=verdicts.pictures + before))
        self._waiting, self._rows = [], 0

    def _figures(self, curves: Curves) -> dict[str, Any]:
        precision, recall = curves.precision, curves.recall
        found: dict[str, Any] = {"ap": _mean(precision[..., 0]), "ap_small": None, "ar_small": None}
        for name in ("50", "75"):
            level = _level(name)
            found[f"ap{name}"] = _mean(precision[level, ..., 0])
            found[f"ar{name}"] = _mean(recall[level, :, 0, -1])
        for index, name in enumerate(self._sizes):
            if name != "all":
                found[f"ap_{name}"] = _mean(precision[..., index])
                found[f"ar_{name}"] = _mean(recall[:, :, index, -1])
        for most in (1, 10, 20, 100):
            known = most in self._rules.most
            found[f"ar{most}"] = _mean(recall[:, :, 0, self._rules.most.index(most)]) if known else None
        return found

    def _of_class(self, curves: Curves, class_: int) -> ClassAP:
        precision = curves.precision[:, :, class_, 0]
        recall = float(curves.recall[:, class_, 0, -1].mean())
        return ClassAP(
            ap=float(precision.mean()),
            ap50=float(precision[_level("50")].mean()),
            ap75=float(precision[_level("75")].mean()),
            ar100=recall if self._rules.most[-1] == 100 else None,
            ar20=recall if self._rules.most[-1] == 20 else None,
            truths=int(curves.truths[class_, 0]),
            precision=precision[_level("50")].copy(),
            scores=curves.scores[_level("50"), :, class_, 0].copy(),
        )


def _level(name: str) -> int:
    return int(np.argmin(np.abs(np.array(IOU_THRESHOLDS) - int(name) / 100)))


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if known.size else None
