"""Running a model over labelled pictures and measuring what it says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.core.files import sha256_of
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.masks import Mask
from belvedere.data.record import Record
from belvedere.evaluation.facts import dataset_facts, model_facts, speed_of, trained_on
from belvedere.evaluation.gallery import choose
from belvedere.evaluation.options import Options, Progress
from belvedere.evaluation.predictor import Predictor
from belvedere.evaluation.report import (
    Counts,
    GalleryItem,
    KindSummary,
    PictureRow,
    Report,
)
from belvedere.evaluation.thumbnails import thumbnails
from belvedere.tasks.anomaly.intervals import Interval, bootstrap_intervals, wilson
from belvedere.tasks.anomaly.metrics import (
    Confusion,
    auroc,
    average_precision,
    confusion,
    f1_threshold,
    precision_recall_curve,
    roc_curve,
)
from belvedere.tasks.anomaly.pixel_metrics import PixelAccumulator, PixelMetrics
from belvedere.tasks.anomaly.result import AnomalyResult


@dataclass(frozen=True)
class _Judged:
    """Everything that one pass over the pictures finds; entries of the first four belong together."""

    records: list[Record]
    rows: list[PictureRow]
    seconds: list[float]
    hashes: list[str]
    problems: list[Problem]
    threshold: float
    pixel: PixelMetrics | None
    unreadable: int
    masks: int


def evaluate_anomaly(model: Predictor, dataset: Dataset, options: Options) -> Report:
    """Judge an anomaly model; see `belvedere.evaluation.evaluate`.

    Memory does not grow with the pictures, only with a short row for each.

    Raises:
        DatasetError: no picture is labelled, or none of the labelled ones can be read.
    """
    part = dataset.split("test")
    labelled = part.labelled()
    if not labelled.records:
        raise DatasetError(_nothing_to_judge(dataset, part))
    judged = _judge(model, labelled.records, options.progress)
    scores = np.array([row.score for row in judged.rows])
    labels = np.array([row.label == "anomaly" for row in judged.rows])
    verdicts = confusion(scores, labels, judged.threshold)
    best = f1_threshold(scores, labels)
    return Report(
        model=model_facts(model),
        dataset=dataset_facts(dataset, labelled),
        counts=Counts(
            pictures=len(judged.rows),
            normal=int(np.sum(~labels)),
            anomalous=int(np.sum(labels)),
            unlabelled=len(part) - len(labelled),
            unreadable=judged.unreadable,
            masks=judged.masks,
            trained_on=trained_on(model, judged.hashes),
        ),
        threshold=judged.threshold,
        confusion=verdicts,
        auroc=auroc(scores, labels),
        average_precision=average_precision(scores, labels),
        best_f1=None if best is None else _f1_from(scores, labels, best),
        best_threshold=best,
        intervals=bootstrap_intervals(scores, labels, judged.threshold, resamples=options.bootstrap, seed=options.seed),
        wilson=_rate_intervals(verdicts),
        resamples=options.bootstrap,
        seed=options.seed,
        roc=roc_curve(scores, labels),
        precision_recall=precision_recall_curve(scores, labels),
        kinds=_kinds(judged.rows),
        pixel=judged.pixel,
        pictures=tuple(judged.rows),
        speed=speed_of(judged.seconds),
        problems=(*dataset.problems, *judged.problems),
        gallery=_gallery(model, judged, options.gallery),
    )


def _judge(model: Predictor, records: Sequence[Record], progress: Progress | None) -> _Judged:
    accumulator = PixelAccumulator() if any(record.mask is not None for record in records) else None
    kept: list[Record] = []
    rows: list[PictureRow] = []
    seconds: list[float] = []
    hashes: list[str] = []
    problems: list[Problem] = []
    threshold, masks = 0.0, 0
    for done, record in enumerate(records, start=1):
        try:
            data = record.read()
            start = time.perf_counter()
            result = model.predict(data)
            seconds.append(time.perf_counter() - start)
        except (ImageError, LimitError) as error:
            problems.append(Problem(record.name, str(error)))
        else:
            kept.append(record)
            hashes.append(sha256_of(data))
            rows.append(_row(record, result))
            threshold = result.threshold
            if accumulator is not None:
                masks += _add_pixels(accumulator, record, result, problems)
        if progress is not None:
            progress("judge pictures", done, len(records))
    if not rows:
        raise DatasetError(f"none of the {len(records)} labelled pictures could be read; the first: {problems[0]}")
    pixel = accumulator.metrics() if accumulator is not None else None
    return _Judged(kept, rows, seconds, hashes, problems, threshold, pixel, len(records) - len(rows), masks)


def _row(record: Record, result: AnomalyResult) -> PictureRow:
    assert record.label is not None  # only labelled records get here
    return PictureRow(record.name, record.label, record.kind, float(result.score), result.is_anomalous)


def _add_pixels(accumulator: PixelAccumulator, record: Record, result: AnomalyResult, problems: list[Problem]) -> bool:
    """Add one picture's pixels where its mask is known; whether it had a mask of its own that could be read."""
    try:
        mask = record.load_mask(result.width, result.height)
    except (DatasetError, LimitError) as error:
        problems.append(Problem(record.name, f"mask left out: {error}"))
        return False
    if mask is None and record.label != "normal":
        return False  # anomalous, but nobody said where
    truth = mask or Mask((), np.zeros((result.height, result.width), dtype=np.uint8))
    accumulator.add(
        result.heatmap,
        result.mask,
        truth.index,
        truth.types,
        predicted=result.type_mask,
        predicted_types=result.types,
    )
    return mask is not None


def _kinds(rows: Sequence[PictureRow]) -> tuple[KindSummary, ...]:
    """One summary a kind, worst recall first; pictures without a kind come last."""
    anomalous = [row for row in rows if row.label == "anomaly"]
    summaries = []
    for kind in {row.kind for row in anomalous}:
        members = [row for row in anomalous if row.kind == kind]
        found = sum(row.is_anomalous for row in members)
        summaries.append(
            KindSummary(
                kind=kind,
                pictures=len(members),
                found=found,
                recall=found / len(members),
                interval=wilson(found, len(members)),
                mean_score=float(np.mean([row.score for row in members])),
            )
        )
    return tuple(sorted(summaries, key=lambda item: (item.kind is None, item.recall, item.kind or "")))


def _rate_intervals(counts: Confusion) -> dict[str, Interval]:
    rates = {
        "recall": wilson(counts.tp, counts.tp + counts.fn),
        "precision": wilson(counts.tp, counts.tp + counts.fp),
        "false_alarm_rate": wilson(counts.fp, counts.fp + counts.tn),
    }
    return {name: interval for name, interval in rates.items() if interval is not None}


def _f1_from(scores: NDArray[np.float64], labels: NDArray[np.bool_], cut: float) -> float:
    """F1 of flagging ``score >= cut``, not rounded, as ``f1_threshold`` counts."""
    flagged = scores >= cut
    return float(2 * np.sum(flagged & labels) / (np.sum(flagged) + np.sum(labels)))


def _gallery(model: Predictor, judged: _Judged, size: int) -> tuple[GalleryItem, ...]:
    """Score the chosen pictures again instead of having kept all of them in memory."""
    items = []
    for index, group in choose(judged.rows, judged.threshold, size):
        record = judged.records[index]
        result = model.predict(record.read())
        try:
            mask = record.load_mask(result.width, result.height)
        except (DatasetError, LimitError):  # named already
            mask = None
        items.append(thumbnails(judged.rows[index], group, result, mask))
    return tuple(items)


def _nothing_to_judge(dataset: Dataset, part: Dataset) -> str:
    where = "its test part" if dataset.has_splits else "it"
    return (
        f"{dataset.name}: no labelled picture to judge a model on ({len(part)} pictures in {where}, none "
        "labelled); sort them into folders normal/ and anomaly/, or give a manifest with labels"
    )
