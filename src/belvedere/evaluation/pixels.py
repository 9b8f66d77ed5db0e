"""Judging semantic segmentation: the class of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError, LimitError
from belvedere.data.class_maps import is_background
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.evaluation.class_names import ClassMatch, match_classes
from belvedere.evaluation.look import Look
from belvedere.evaluation.options import Options
from belvedere.evaluation.outcome import Outcome, class_notes, no_common_class
from belvedere.evaluation.resampling import bootstrap
from belvedere.evaluation.side_by_side import class_map_pair
from belvedere.evaluation.subject import Subject
from belvedere.evaluation.task_parts import ConfusionTable, Mistake, Value
from belvedere.evaluation.wording import percent
from belvedere.tasks.segmentation.metrics import SegmentationMeter, SegmentationMetrics
from belvedere.tasks.segmentation.result import SegmentationResult

_CLEAR = 0.95
_OTHER = -1


def judge_pixels(subject: Subject, dataset: Dataset, records: Sequence[Record], options: Options) -> Outcome:
    """Judge class maps on pictures with masks, or with instances that have outlines.

    Pixels that the model gives a class that the dataset lacks are wrong; those of classes that the model cannot know
    do not count.

    Raises:
        DatasetError: model and dataset have no class in common, or no picture can be judged.
    """
    classes = _classes(dataset, records, subject.labels)
    match = match_classes(subject.labels, classes)
    if not match.names or all(map(is_background, match.names)):
        raise no_common_class(dataset.name, subject.labels, classes)
    look = Look(subject, records, options.progress)
    meter = SegmentationMeter(len(match.names))
    sums: list[NDArray[np.int64]] = []
    left_out = 0
    for record, seen in look.pictures():
        try:
            truth = record.class_map(match.names, seen.own.width, seen.own.height)
        except (DatasetError, LimitError) as error:
            look.reject(record, error)
            continue
        found = found_map(seen.own, match)
        meter.add(found, truth)
        sums.append(_sums(found, truth, len(match.names)))
        left_out += int((truth < 0).sum())
    metrics = meter.metrics()
    totals = np.array(sums)
    rows = [_row(record, *part) for record, part in zip(look.kept, sums, strict=True)]
    return Outcome(
        look=look,
        truths=int(metrics.confusion.sum()),
        left_out=left_out,
        figures={
            "miou": metrics.mean_iou,
            "mean_accuracy": metrics.mean_accuracy,
            "pixel_accuracy": metrics.pixel_accuracy,
        },
        main=("miou", "mean_accuracy", "pixel_accuracy"),
        per_class=_per_class(metrics, match.names),
        intervals=_intervals(totals, options),
        classes=match,
        notes=class_notes(match, left_out, "pixels, with those that are marked as void"),
        confusion=_confusion(metrics, match.names),
        pictures=rows,
        gallery=_gallery(look, rows, match, options.gallery),
    )


def found_map(result: SegmentationResult, match: ClassMatch) -> NDArray[np.int16]:
    """The model's class of every pixel by the dataset's numbers, -1 where it is none of them, int16 (H, W)."""
    table = np.append(match.of_model, _OTHER).astype(np.int16)
    numbers = result.class_map
    return np.asarray(table[np.where((numbers >= 0) & (numbers < len(match.of_model)), numbers, -1)])


def _classes(dataset: Dataset, records: Sequence[Record], labels: Sequence[str]) -> tuple[str, ...]:
    """The dataset's classes; what nothing marks is background, where the model has such a class."""
    marked = {one.label for record in records for one in record.instances or ()}
    masks = {name for record in records if record.mask is not None for name in record.mask.types}
    classes = dataset.classes or dataset.types or tuple(sorted(marked | masks))
    ground = [label for label in labels if is_background(label)]
    if ground and not any(map(is_background, classes)):
        return (ground[0], *classes)
    return classes


def _sums(found: NDArray[np.int16], truth: NDArray[np.int16], classes: int) -> NDArray[np.int64]:
    """Pixels that are right, that are there, and that were said, by class, (3, C)."""
    counted = truth >= 0
    true, said = truth[counted], found[counted]
    return np.array(
        [
            np.bincount(true[true == said], minlength=classes),
            np.bincount(true, minlength=classes),
            np.bincount(said[said >= 0], minlength=classes),
        ]
    )


def _overlaps(right: NDArray[Any], there: NDArray[Any], said: NDArray[Any]) -> NDArray[np.float64]:
    union = there + said - right
    return np.asarray(np.divide(right, union, out=np.full(np.shape(right), np.nan), where=union > 0))


def _row(record: Record, right: NDArray[np.int64], there: NDArray[np.int64], said: NDArray[np.int64]) -> dict[str, Any]:
    overlaps = _overlaps(right, there, said)
    total = int(there.sum())
    return {
        "name": record.name,
        "miou": float(np.nanmean(overlaps)) if np.isfinite(overlaps).any() else None,
        "pixel_accuracy": float(right.sum() / total) if total else None,
    }


def _per_class(metrics: SegmentationMetrics, names: Sequence[str]) -> dict[str, dict[str, Value]]:
    truths, said = metrics.confusion.sum(axis=1), metrics.confusion[:, :-1].sum(axis=0)
    return {
        names[number]: {
            "pixels": int(truths[number]),
            "found": int(said[number]),
            "iou": overlap,
            "accuracy": metrics.accuracy.get(number),
            "precision": float(metrics.confusion[number, number] / said[number]) if said[number] else None,
        }
        for number, overlap in metrics.classes.items()
    }


def _intervals(sums: NDArray[np.int64], options: Options) -> dict[str, Any]:
    if not options.bootstrap:
        return {}

    def statistic(weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        right, there, said = (weights @ sums[:, part].astype(np.float64) for part in range(3))
        overlaps, classes = _overlaps(right, there, said), np.count_nonzero(there + said - right, axis=1)
        total = there.sum(axis=1)
        nothing = np.full(len(weights), np.nan)
        return {
            "miou": np.divide(np.nansum(overlaps, axis=1), classes, out=nothing.copy(), where=classes > 0),
            "pixel_accuracy": np.divide(right.sum(axis=1), total, out=nothing.copy(), where=total > 0),
        }

    width = 6 * sums.shape[2]
    found = bootstrap(len(sums), statistic, resamples=options.bootstrap, seed=options.seed, width=width)
    return {name: found.get(name) for name in ("miou", "pixel_accuracy")}


def _confusion(metrics: SegmentationMetrics, names: Sequence[str]) -> ConfusionTable:
    counts = np.zeros((len(names) + 1, len(names) + 1), dtype=np.int64)
    counts[:-1] = metrics.confusion
    return ConfusionTable(tuple(names), counts, "pixels")


def _gallery(look: Look, rows: Sequence[dict[str, Any]], match: ClassMatch, room: int) -> list[Mistake]:
    """The pictures with the lowest mean overlap first."""
    judged = [number for number, row in enumerate(rows) if row["miou"] is not None]
    worst = sorted(judged, key=lambda number: rows[number]["miou"])[:room]
    background = next((number for number, name in enumerate(match.names) if is_background(name)), None)
    items = []
    for number in worst:
        row, record = rows[number], look.kept[number]
        result = look.again(record).own
        truth = record.class_map(match.names, result.width, result.height)
        found = found_map(result, match)
        found = np.where(found < 0, np.int16(len(match.names)), found)
        pair = class_map_pair(result.image, truth, found, match.names, background)
        clear = row["miou"] >= _CLEAR
        caption = f"mean IoU {row['miou']:.3f}, {percent(row['pixel_accuracy'])} of the pixels right"
        items.append(Mistake("clear" if clear else "worst", record.name, caption, *pair, right=clear))
    return items
