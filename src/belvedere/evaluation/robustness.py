"""Judging a model again under field conditions: light, resolution, distortion."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest

import numpy as np
from PIL import Image

from belvedere.core.errors import DatasetError, EngineError, LimitError
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.transformations import Transformation, TransformedRecord, transformed
from belvedere.evaluation.dispatch import evaluate
from belvedere.evaluation.options import Progress
from belvedere.evaluation.predictor import Predictor
from belvedere.evaluation.report import Report
from belvedere.evaluation.robustness_options import RobustnessOptions
from belvedere.evaluation.robustness_report import Condition, RobustnessReport
from belvedere.evaluation.task_report import TaskReport
from belvedere.tasks.anomaly.intervals import Interval
from belvedere.vision.encode import jpeg_bytes

__all__ = ["RobustnessOptions", "measure_robustness"]

STAGE = "judge under field conditions"
_EXAMPLE = 220
_QUALITY = 82


def measure_robustness(
    model: Predictor,
    dataset: Dataset,
    report: Report | TaskReport,
    options: RobustnessOptions | None = None,
    progress: Progress | None = None,
) -> RobustnessReport:
    """Judge a model under field conditions, on a sample of the pictures that a report judged.

    Truths follow the pictures: boxes, masks, keypoints and class maps move with the pixels, as
    `belvedere.data.transformations.following` states. Of many pictures a sample is taken by hash of their names; of
    classes and of normal and anomalous pictures the same number each, as far as there are enough.

    Args:
        model: The model.
        dataset: The pictures that ``report`` is about.
        report: What `belvedere.evaluation.evaluate` said of the model on them.
        options: Which conditions, and on how many pictures.
        progress: Called after every picture under every condition.

    Raises:
        DatasetError: the dataset is not the one of the report.
        ImageError: a picture of the sample cannot be read any more.
        EngineError: the engine cannot be had.
    """
    options = options or RobustnessOptions()
    judged = _judged_names(report)
    records = [record for record in dataset.records if record.name in judged]
    if len(records) != len(judged):
        raise DatasetError(f"{dataset.name}: lacks pictures that the report is about; give the dataset that was judged")
    sample = _sample(records, options.pictures, options.seed)
    conditions = options.conditions
    steps = _Steps(progress, len(sample) * (len(conditions) + (len(sample) < len(records))))
    clean = report
    if len(sample) < len(records):
        chosen = replace(dataset, records=tuple(sample), problems=())
        clean = evaluate(
            model, chosen, seed=report.seed, bootstrap=report.resamples, gallery=0, progress=steps.of(len(sample))
        )
    figures, metric, interval = _figures_of(clean)
    exif = _exif_of(model)
    measured, hidden, notes = [], [], []
    for transformation in conditions:
        shown = [transformed(record, transformation, exif=exif) for record in sample]
        kept = [record for record in shown if not _lost_its_defect(record)]
        hidden.append(len(shown) - len(kept))
        left = replace(dataset, records=tuple(kept), problems=())
        values, pictures, problem = _measure(model, left, tuple(figures), steps.of(len(sample)))
        if problem:
            notes.append(f"Under {transformation.name} {transformation.level} nothing could be judged: {problem}")
        measured.append(Condition(transformation.name, transformation.level, values, pictures, _small(shown[0])))
    return RobustnessReport(
        metric=metric,
        clean=figures,
        interval=interval,
        conditions=tuple(measured),
        sample=tuple(record.name for record in sample),
        available=len(records),
        levels=tuple(sorted(set(options.levels))),
        seed=options.seed,
        example=_small(sample[0], exif),
        example_name=sample[0].name,
        notes=(*_notes(sample, conditions, hidden), *notes),
    )


def _judged_names(report: Report | TaskReport) -> frozenset[str]:
    if isinstance(report, Report):
        return frozenset(row.name for row in report.pictures)
    return frozenset(str(row["name"]) for row in report.pictures)


def _sample(records: Sequence[Record], most: int, seed: int) -> list[Record]:
    """Pictures in the order of their hashes, from each label or class in turn."""

    def place(record: Record) -> bytes:
        return hashlib.sha256(f"{seed}\0{record.name}".encode("utf-8", "surrogatepass")).digest()

    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=place):
        groups.setdefault(record.label or (record.classes[0] if record.classes else ""), []).append(record)
    # An anomalous picture first, so that it is the example.
    turns = chain(*zip_longest(*(groups[name] for name in sorted(groups))))
    return [record for record in turns if record is not None][:most]


def _lost_its_defect(record: TransformedRecord) -> bool:
    """Whether the frame shows nothing of what makes the picture anomalous; then nobody can tell what is right."""
    try:
        return record.label == "anomaly" and record.hides_its_marks()
    except (DatasetError, LimitError):
        return False  # the mask is named among the problems of the report


def _measure(
    model: Predictor, dataset: Dataset, names: Sequence[str], progress: Progress | None
) -> tuple[dict[str, float | None], int, str]:
    """The figures under a condition, of how many pictures, and why there are none where there are none."""
    try:
        report = evaluate(model, dataset, bootstrap=0, gallery=0, progress=progress)
    except (DatasetError, EngineError) as error:
        return dict.fromkeys(names), 0, str(error)
    every = _all_figures(report)
    return {name: every.get(name) for name in names}, report.counts.pictures, ""


def _all_figures(report: Report | TaskReport) -> dict[str, float | None]:
    if isinstance(report, TaskReport):
        return {name: None if value is None else float(value) for name, value in report.figures.items()}
    alarms = report.false_alarm_rate
    values = {
        name: getattr(report, name) for name in ("auroc", "average_precision", "f1", "recall", "false_alarm_rate")
    }
    pixels = {} if report.pixel is None else {"pixel_auroc": report.pixel.auroc}
    return {**values, "specificity": None if alarms is None else 1 - alarms, **pixels}


def _figures_of(report: Report | TaskReport) -> tuple[dict[str, float | None], str, Interval | None]:
    """The figures to compare, the one that counts, and its interval."""
    every = _all_figures(report)
    if isinstance(report, TaskReport):
        metric = report.main[0]
        return {name: every.get(name) for name in report.main}, metric, report.intervals.get(metric)
    # With normal or anomalous pictures alone nothing can be ranked.
    metric = next(name for name in ("auroc", "recall", "specificity") if every[name] is not None)
    return every, metric, report.intervals.get(metric)


def _exif_of(model: Predictor) -> bool:
    inputs = getattr(model.artifact.manifest, "inputs", ())
    return bool(getattr(inputs[0], "exif", True)) if inputs else True


def _notes(sample: Sequence[Record], conditions: Sequence[Transformation], hidden: Sequence[int]) -> list[str]:
    notes = []
    if any(hidden):
        most = conditions[int(np.argmax(hidden))]
        notes.append(
            f"Pictures whose defect the frame does not show any more do not count: {max(hidden)} of {len(sample)} "
            f"under {most.name} {most.level}, fewer under others."
        )
    bare = sum(record.label == "anomaly" and record.mask is None for record in sample)
    if bare and any(one.group == "distortion" for one in conditions):
        noun = "1 anomalous picture has" if bare == 1 else f"{bare} anomalous pictures have"
        notes.append(f"{noun} no mask: under distortion its defect may be out of sight and count as missed.")
    return notes


def _small(record: Record, exif: bool = True) -> bytes:
    picture = Image.fromarray(record.image(exif=exif))
    picture.thumbnail((_EXAMPLE, _EXAMPLE), Image.Resampling.LANCZOS)
    return jpeg_bytes(np.asarray(picture), _QUALITY)


class _Steps:
    """One count over many evaluations."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._begun = progress, total, 0

    def of(self, pictures: int) -> Progress | None:
        """The callback of the next evaluation, which takes up this many steps."""
        if self._progress is None:
            return None
        begun, self._begun = self._begun, self._begun + pictures
        show = self._progress
        return lambda _stage, done, _total: show(STAGE, begun + done, self._total)
