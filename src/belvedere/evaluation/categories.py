"""Judging classifiers of whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.evaluation.class_names import ClassMatch, match_classes
from belvedere.evaluation.look import Look
from belvedere.evaluation.options import Options
from belvedere.evaluation.outcome import Outcome, class_notes, no_common_class
from belvedere.evaluation.resampling import bootstrap, mean_of
from belvedere.evaluation.side_by_side import plain_pair
from belvedere.evaluation.subject import Subject
from belvedere.evaluation.task_parts import ConfusionTable, Mistake, Value
from belvedere.tasks.classification.metrics import ClassificationMeter, ClassificationMetrics

_SAID = 3


def judge_categories(subject: Subject, dataset: Dataset, records: Sequence[Record], options: Options) -> Outcome:
    """Judge a classifier on pictures that have a class each.

    All classes of the model compete, those too that the dataset lacks: a picture is right where the highest score is
    that of its class. Classes of the model that are one class of the dataset count as one, with the higher score.

    Raises:
        DatasetError: model and dataset have no class in common, or no picture can be judged.
    """
    single = [record for record in records if len(record.classes) == 1]
    classes = dataset.classes or tuple(sorted({record.classes[0] for record in single}))
    match = match_classes(subject.labels, classes)
    if not match.names:
        raise no_common_class(dataset.name, subject.labels, classes)
    known = [record for record in single if record.classes[0] in match.number]
    if not known:
        raise DatasetError(
            f"{dataset.name}: none of its {len(records)} pictures has one class that the model knows "
            f"({', '.join(match.names[:5])}, ...)"
        )
    names, of_group = _groups(match, subject.labels)
    look = Look(subject, known, options.progress)
    meter = ClassificationMeter(len(names))
    rows: list[dict[str, Any]] = []
    ranks: list[int] = []
    for record, seen in look.pictures():
        scores = seen.own.scores
        if len(scores) != len(of_group):
            raise DatasetError(
                f"the model gives {len(scores)} scores, but "
                + (f"has {len(subject.labels)} labels" if subject.labels else f"the dataset has {len(classes)} classes")
                + ": which is which is not known; compile the model with --labels"
            )
        grouped = np.full(len(names), -np.inf)
        np.maximum.at(grouped, of_group, scores.astype(np.float64))
        truth = match.number[record.classes[0]]
        meter.add(grouped, truth)
        order = np.argsort(-grouped, kind="stable")
        ranks.append(int(np.flatnonzero(order == truth)[0]))
        rows.append(_row(record, names, grouped, order, truth))
    metrics = meter.metrics()
    several = len(records) - len(single)
    notes = class_notes(match, len(single) - len(known), "pictures")
    if several:
        noun = "1 picture has" if several == 1 else f"{several} pictures have"
        notes.append(f"{noun} no or several classes and did not take part.")
    return Outcome(
        look=look,
        truths=metrics.pictures,
        left_out=len(records) - len(known),
        figures={name: getattr(metrics, name) for name in ("top1", "top5", "mean_recall", "mean_f1")}
        | ({"ece": metrics.calibration.ece} if metrics.calibration else {}),
        main=("top1", "top5", "mean_recall", "mean_f1", "ece")
        if metrics.calibration
        else ("top1", "top5", "mean_recall"),
        per_class=_per_class(metrics, names),
        intervals=_intervals(ranks, options),
        classes=match,
        notes=notes,
        confusion=_confusion(metrics, names),
        calibration=metrics.calibration,
        pictures=rows,
        gallery=_gallery(look, rows, options.gallery),
    )


def _groups(match: ClassMatch, labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of what competes, the dataset's classes first, and the place there of each class of the model."""
    names = list(match.names)
    places = match.of_model.copy()
    for number in np.flatnonzero(places < 0).tolist():
        places[number] = len(names)
        names.append(labels[number])
    return tuple(names), places


def _row(
    record: Record, names: Sequence[str], scores: NDArray[np.float64], order: NDArray[np.intp], truth: int
) -> dict[str, Any]:
    return {
        "name": record.name,
        "class": names[truth],
        "said": [{"label": names[number], "score": float(scores[number])} for number in order[:_SAID].tolist()],
        "score_of_class": float(scores[truth]),
        "rank": int(np.flatnonzero(order == truth)[0]) + 1,
    }


def _per_class(metrics: ClassificationMetrics, names: Sequence[str]) -> dict[str, dict[str, Value]]:
    said = metrics.confusion.sum(axis=0)
    return {
        names[number]: {
            "truths": one.truths,
            "found": int(said[number]),
            "precision": one.precision,
            "recall": one.recall,
            "f1": one.f1,
        }
        for number, one in metrics.per_class.items()
    }


def _intervals(ranks: Sequence[int], options: Options) -> dict[str, Any]:
    if not options.bootstrap:
        return {}
    hits = {f"top{k}": mean_of((np.array(ranks) < k).astype(np.float64)) for k in (1, 5)}
    found = bootstrap(len(ranks), _together(hits), resamples=options.bootstrap, seed=options.seed)
    return {name: found.get(name) for name in hits}


def _together(parts: dict[str, Callable[[NDArray[np.int64]], NDArray[np.float64]]]) -> Any:
    return lambda weights: {name: part(weights) for name, part in parts.items()}


def _confusion(metrics: ClassificationMetrics, names: Sequence[str]) -> ConfusionTable:
    """Classes that occur or were said; nothing else can be: the last row and column are 0."""
    used = np.flatnonzero(metrics.confusion.any(axis=0) | metrics.confusion.any(axis=1))
    counts = np.zeros((len(used) + 1, len(used) + 1), dtype=np.int64)
    counts[:-1, :-1] = metrics.confusion[np.ix_(used, used)]
    return ConfusionTable(tuple(names[number] for number in used.tolist()), counts, "pictures")


def _gallery(look: Look, rows: Sequence[dict[str, Any]], room: int) -> list[Mistake]:
    """The surest mistakes, then the least sure right ones."""

    def margin(row: dict[str, Any]) -> float:
        return float(row["said"][0]["score"] - row["score_of_class"])

    wrong = sorted((n for n, row in enumerate(rows) if row["rank"] > 1), key=lambda n: -margin(rows[n]))
    right = [number for number, row in enumerate(rows) if row["rank"] == 1 and len(row["said"]) > 1]
    right.sort(key=lambda n: rows[n]["said"][0]["score"] - rows[n]["said"][1]["score"])
    wrong = wrong[: room - min(len(right), room // 6)]
    items = []
    for number in (*wrong, *right[: room - len(wrong)]):
        row, record = rows[number], look.kept[number]
        image = look.again(record).own.image
        said = ", ".join(f"{_short(one['label'])} {one['score']:.2f}" for one in row["said"])
        if row["rank"] > 1:
            caption = f"{_short(row['class'])} ({row['score_of_class']:.2f}), taken for {said}"
            items.append(Mistake("confused", record.name, caption, *plain_pair(image)))
        else:
            items.append(Mistake("close call", record.name, said, *plain_pair(image), right=True))
    return items


def _short(name: str) -> str:
    """The first of several words for a class."""
    return name.split(",")[0]
