"""Judging what finds things: detectors, with masks or without."""

from __future__ import annotations

from collections.abc import Sequence
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
from belvedere.evaluation.subject import Subject
from belvedere.evaluation.thing_figures import ThingFigures, ThingMeters
from belvedere.evaluation.thing_gallery import thing_gallery
from belvedere.evaluation.true_things import found_things, true_things
from belvedere.tasks.detection.compared import Kind
from belvedere.tasks.detection.result import DetectionResult


def judge_things(subject: Subject, task: str, dataset: Dataset, records: Sequence[Record], options: Options) -> Outcome:
    """Judge a detector on pictures whose instances are marked.

    Raises:
        DatasetError: model and dataset have no class in common, or no picture can be judged.
    """
    classes = dataset.classes or tuple(sorted({one.label for record in records for one in record.instances or ()}))
    match = match_classes(subject.labels, classes)
    if not match.names:
        raise no_common_class(dataset.name, subject.labels, classes)
    kinds, notes = _kinds(task, records)
    meters = ThingMeters(kinds, match.names, subject.threshold or 0.0)
    look = Look(subject, records, options.progress)
    sizes: list[NDArray[np.float64]] = []
    left_out = 0
    for record, seen in look.pictures():
        try:
            there = true_things(record, match, seen.own.width, seen.own.height, masks="mask" in kinds)
        except DatasetError as error:
            look.reject(record, error)
            continue
        _check_classes(seen.wide, match, classes)
        found = [found_things(result, match, masks="mask" in kinds)[0] for result in (seen.own, seen.wide)]
        meters.add(found[0], found[1], there.truth)
        sizes.append(np.array([one.size for one in there.instances]) / (seen.own.width * seen.own.height))
        left_out += there.left_out + int(there.skipped.sum())
    figures = meters.figures(resamples=options.bootstrap, seed=options.seed)
    unknown = sum(one.label not in match.number for record in look.kept for one in record.instances or ())
    prefix = "mask_" if "mask" in kinds else ""
    main = (f"{prefix}ap50", f"{prefix}ap", f"{prefix}ap75", "precision", "recall", "f1")
    return Outcome(
        look=look,
        truths=int(figures.truths.sum()),
        left_out=left_out,
        figures=figures.figures,
        main=main,
        per_class=figures.per_class,
        intervals=figures.intervals,
        classes=match,
        notes=[*class_notes(match, unknown, "marked things"), *notes],
        confusion=figures.confusion,
        errors=figures.errors,
        curves=figures.curves,
        sweep=figures.sweep,
        calibration=figures.calibration,
        pictures=picture_rows(look.kept, figures),
        gallery=thing_gallery(look, match, figures, sizes, kinds, options.gallery),
    )


def picture_rows(records: Sequence[Record], figures: ThingFigures) -> list[dict[str, Any]]:
    """One row a picture: what was there, found right, found wrong, and missed."""
    counts = zip(figures.right.tolist(), figures.found.tolist(), figures.truths.tolist(), strict=True)
    return [
        {"name": record.name, "marked": truths, "right": right, "wrong": found - right, "missed": truths - right}
        for record, (right, found, truths) in zip(records, counts, strict=True)
    ]


def _check_classes(result: DetectionResult, match: ClassMatch, classes: Sequence[str]) -> None:
    """Raises DatasetError where a model without names finds more classes than the dataset has."""
    if match.by == "order" and len(result) and int(result.class_ids.max()) >= len(classes):
        raise DatasetError(
            f"the model names no classes and finds class {int(result.class_ids.max())}, but the dataset has "
            f"{len(classes)}: which is which is not known; compile the model with --labels"
        )


def _kinds(task: str, records: Sequence[Record]) -> tuple[tuple[Kind, ...], list[str]]:
    """By what things are compared, and what to say about it."""
    if task != "instance-segmentation":
        return ("box",), []
    bare = [one.shape is None for record in records for one in record.instances or ()]
    if bare and all(bare):
        return ("box",), ["The dataset marks boxes without outlines, so masks are not judged, only boxes."]
    missing = sum(bare)
    if missing:
        noun = "1 marked thing has" if missing == 1 else f"{missing} marked things have"
        return ("box", "mask"), [f"{noun} no outline: masks found there count neither for nor against."]
    return ("box", "mask"), []
