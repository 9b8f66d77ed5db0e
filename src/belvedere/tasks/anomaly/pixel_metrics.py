"""How well heatmaps and type maps find the marked pixels.

Maps are added one picture at a time and only counts are kept, so memory does not grow with the number of
pictures. Ranking metrics (AUROC, average precision, AUPRO, best F1) come from histograms of the heatmap with
``BINS`` equal bins over 0..1: values in one bin (1/16384 wide) count as ties. Everything at the model's own
threshold is exact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly.metrics import (
    Confusion,
    auroc_of_counts,
    average_precision_of_counts,
    best_f1_of_counts,
)

BINS = 16384
"""Bins of the heatmap histograms over 0..1."""

PRO_LIMIT = 0.3
"""False-positive rate up to which AUPRO integrates."""


@dataclass(frozen=True)
class TypeMetrics:
    """How well one anomaly type is found.

    Attributes:
        pictures: Pictures whose mask holds the type.
        coverage: Share of the type's marked pixels that the heatmap flags, whatever type was predicted.
        precision, recall, f1: Over all pixels, of the type map; None where the model knows no types.
        iou: Mean over ``pictures`` of intersection over union (Lookout for Vision's AIOU).
        iou_pooled: Intersection over union of all pixels of all pictures together.
    """

    pictures: int
    coverage: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    iou: float | None
    iou_pooled: float | None


@dataclass(frozen=True)
class PixelMetrics:
    """Pixel metrics over a set of pictures; None where a value is undefined.

    Attributes:
        pictures: Pictures that took part: those with a mask, and the normal ones.
        regions: Connected marked regions (8-neighbourhood) in their masks.
        auroc, average_precision: Over all pixels, of the heatmap.
        aupro: Area under per-region overlap against false-positive rate up to 0.3, normalised to 0..1
            (Bergmann et al., "Uninformed Students", CVPR 2020).
        precision, recall, f1: Over all pixels at the model's pixel threshold.
        iou: Mean over pictures with marked pixels of intersection over union at the pixel threshold.
        iou_pooled: The same over all pixels together.
        best_f1, best_threshold: Highest F1 over all thresholds and where it is reached.
        types: Per anomaly type.
    """

    pictures: int
    regions: int
    auroc: float | None
    average_precision: float | None
    aupro: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    iou: float | None
    iou_pooled: float | None
    best_f1: float | None
    best_threshold: float | None
    types: dict[str, TypeMetrics]


@dataclass
class _Tally:
    """Running pixel counts and per-picture overlaps of one type, or of all together."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    covered: int = 0
    marked: int = 0
    pictures: int = 0
    overlap_sum: float = 0.0
    overlaps: int = 0

    def add(self, predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
        both = int(np.count_nonzero(predicted & truth))
        predicted_pixels, marked = int(np.count_nonzero(predicted)), int(np.count_nonzero(truth))
        self.tp += both
        self.fp += predicted_pixels - both
        self.fn += marked - both
        if marked:
            self.overlap_sum += both / (predicted_pixels + marked - both)
            self.overlaps += 1

    @property
    def mean_iou(self) -> float | None:
        return self.overlap_sum / self.overlaps if self.overlaps else None

    @property
    def confusion(self) -> Confusion:
        return Confusion(self.tp, self.fp, 0, self.fn)


class PixelAccumulator:
    """Collects pixel counts picture by picture; `metrics` may be asked at any time.

    Args:
        bins: Bins of the histograms over 0..1.
    """

    def __init__(self, bins: int = BINS) -> None:
        self._bins = bins
        self._positives = np.zeros(bins)
        self._negatives = np.zeros(bins)
        self._overlap = np.zeros(bins)  # per bin the summed share of each region's pixels that lies there
        self._pictures = self._regions = 0
        self._any = _Tally()
        self._types: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._knows_types = False

    def add(
        self,
        heatmap: NDArray[np.float32],
        flagged: NDArray[np.bool_],
        truth: NDArray[np.uint8],
        types: Sequence[str] = (),
        *,
        predicted: NDArray[np.uint8] | None = None,
        predicted_types: Sequence[str] = (),
    ) -> None:
        """Add one picture; all maps are (height, width).

        Args:
            heatmap: Anomaly per pixel, 0..1 (values outside are clipped).
            flagged: Pixels at or above the model's pixel threshold.
            truth: 0 for background, else the index into ``types`` plus one.
            types: Names of the types in ``truth``.
            predicted: 0 for background, else the index into ``predicted_types`` plus one; None where the
                model tells no types apart.
            predicted_types: Names of the types in ``predicted``.

        Raises:
            OptionError: shapes differ, an index has no name, or the heatmap is not finite.
        """
        _check_maps(heatmap, flagged, truth, types, predicted, predicted_types)
        marked = truth > 0
        self._pictures += 1
        self._add_histograms(heatmap, marked)
        self._any.add(flagged, marked)
        for index, name in enumerate(types, start=1):
            self._add_coverage(name, flagged, truth == index)
        if predicted is not None:
            self._knows_types = True
            for name in dict.fromkeys((*types, *predicted_types)):
                self._types[name].add(_of_type(predicted, predicted_types, name), _of_type(truth, types, name))

    def _add_histograms(self, heatmap: NDArray[np.float32], marked: NDArray[np.bool_]) -> None:
        from scipy import ndimage

        places = np.clip((heatmap * self._bins).astype(np.int64), 0, self._bins - 1)
        self._negatives += np.bincount(places[~marked], minlength=self._bins)
        if not marked.any():
            return
        inside = places[marked]
        self._positives += np.bincount(inside, minlength=self._bins)
        regions, count = ndimage.label(marked, structure=np.ones((3, 3), dtype=np.int8))
        of_region = regions[marked]
        share = 1.0 / np.bincount(of_region, minlength=count + 1)[of_region]
        self._overlap += np.bincount(inside, weights=share, minlength=self._bins)
        self._regions += int(count)

    def _add_coverage(self, name: str, flagged: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
        marked = int(np.count_nonzero(truth))
        if marked:
            tally = self._types[name]
            tally.pictures += 1
            tally.marked += marked
            tally.covered += int(np.count_nonzero(flagged & truth))

    def metrics(self) -> PixelMetrics | None:
        """The metrics of everything added so far; None where no pixel was marked."""
        if not self._positives.sum():
            return None
        best_f1, index = best_f1_of_counts(self._positives, self._negatives)
        counts = self._any.confusion
        return PixelMetrics(
            pictures=self._pictures,
            regions=self._regions,
            auroc=auroc_of_counts(self._positives, self._negatives),
            average_precision=average_precision_of_counts(self._positives, self._negatives),
            aupro=self._aupro(),
            precision=counts.precision,
            recall=counts.recall,
            f1=counts.f1,
            iou=self._any.mean_iou,
            iou_pooled=counts.iou,
            best_f1=best_f1,
            best_threshold=index / self._bins,
            types={name: self._type_metrics(self._types[name]) for name in sorted(self._types)},
        )

    def _type_metrics(self, tally: _Tally) -> TypeMetrics:
        counts = tally.confusion
        known = self._knows_types
        return TypeMetrics(
            pictures=tally.pictures,
            coverage=tally.covered / tally.marked if tally.marked else None,
            precision=counts.precision if known else None,
            recall=counts.recall if known else None,
            f1=counts.f1 if known else None,
            iou=tally.mean_iou if known else None,
            iou_pooled=counts.iou if known else None,
        )

    def _aupro(self) -> float | None:
        if not self._negatives.sum():
            return None
        rate = np.cumsum(self._negatives[::-1]) / self._negatives.sum()
        overlap = np.cumsum(self._overlap[::-1]) / self._regions
        return _area_up_to(np.append(0.0, rate), np.append(0.0, overlap), PRO_LIMIT) / PRO_LIMIT


def _area_up_to(x: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> float:
    """Area under the straight lines through (x, y), x rising, from 0 to ``limit``."""
    inside = x <= limit
    # Where x stands still at the limit the curve jumps: its last point there counts, nothing beyond it.
    edge = y[inside][-1] if x[inside][-1] == limit else np.interp(limit, x, y)
    xs, ys = np.append(x[inside], limit), np.append(y[inside], edge)
    return float(np.sum(np.diff(xs) * (ys[1:] + ys[:-1]) / 2))


def _of_type(index: NDArray[np.uint8], types: Sequence[str], name: str) -> NDArray[np.bool_]:
    if name not in types:
        return np.zeros(index.shape, dtype=bool)
    return np.asarray(index == types.index(name) + 1)


def _check_maps(
    heatmap: NDArray[np.float32],
    flagged: NDArray[np.bool_],
    truth: NDArray[np.uint8],
    types: Sequence[str],
    predicted: NDArray[np.uint8] | None,
    predicted_types: Sequence[str],
) -> None:
    shapes = {map_.shape for map_ in (heatmap, flagged, truth, predicted) if map_ is not None}
    if len(shapes) != 1 or heatmap.ndim != 2 or not heatmap.size:
        raise OptionError(f"heatmap, flags and masks must have one shape (h, w); got {sorted(shapes)}")
    for index, names in ((truth, types), (predicted, predicted_types)):
        if index is not None and int(index.max()) > len(names):
            raise OptionError(f"a type map holds index {int(index.max())}, but {len(names)} types are named")
    if not np.isfinite(heatmap).all():
        raise OptionError("the heatmap holds values that are not finite numbers")
