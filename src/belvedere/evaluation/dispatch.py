"""Judging a model of any task: which pictures count, who judges, and one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from belvedere.core.errors import ArtifactError, DatasetError
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.evaluation.categories import judge_categories
from belvedere.evaluation.facts import dataset_facts, model_facts, speed_of, trained_on
from belvedere.evaluation.judging import evaluate_anomaly
from belvedere.evaluation.options import Options, Progress
from belvedere.evaluation.outcome import Outcome
from belvedere.evaluation.people import judge_people
from belvedere.evaluation.pixels import judge_pixels
from belvedere.evaluation.predictor import Predictor
from belvedere.evaluation.report import Report
from belvedere.evaluation.subject import Subject
from belvedere.evaluation.task_parts import TaskCounts
from belvedere.evaluation.task_report import TaskReport
from belvedere.evaluation.things import judge_things


def evaluate(
    model: Predictor,
    dataset: Dataset,
    *,
    seed: int = 0,
    bootstrap: int = 1000,
    gallery: int = 24,
    progress: Progress | None = None,
) -> Report | TaskReport:
    """Judge a model on the test part of a dataset, or on all of it where it has no parts.

    What is judged depends on the model's task: verdicts and heatmaps of ``anomaly`` models, classes of pictures
    (``classification``), boxes (``detection``), boxes and masks (``instance-segmentation``), class maps
    (``semantic-segmentation``), or people's joints (``pose``). Average precision is COCO's: for it the model's own
    threshold is lowered to 0.001; precision, recall, F1, confusion and the kinds of mistakes are told at its own.

    Pictures that cannot be read are named in the report and left out; those without what the task needs are counted.

    Args:
        model: What looks at the pictures.
        dataset: Labelled pictures.
        seed: Seed of the bootstrap.
        bootstrap: Resamples for the intervals; 0 for none.
        gallery: Most pictures in the report's gallery; they are looked at a second time.
        progress: Called after every picture.

    Raises:
        DatasetError: no picture has what the task needs, none can be read, or model and dataset have no class in
            common.
        ArtifactError: the model is bound to no task.
        EngineError: the engine cannot be had, or no picture's outputs can be read.
        OptionError: ``bootstrap`` or ``gallery`` is negative.
    """
    options = Options(seed, bootstrap, gallery, progress)
    task = getattr(model.artifact.manifest, "task", "anomaly")
    if task == "anomaly":
        return evaluate_anomaly(model, dataset, options)
    if task not in _NEEDS:
        raise ArtifactError(
            f"the model '{model.artifact.manifest.name}' is bound to no task, so nothing says what is right: bind it "
            "with belvedere compile MODEL --task TASK --out FILE"
        )
    part = dataset.split("test")
    needed, has = _NEEDS[task]
    judged = part.subset(has)
    if not judged.records:
        raise DatasetError(_missing(task, needed, dataset, part))
    outcome = _judge(task, Subject(model), dataset, judged.records, options)
    return _report(model, task, dataset, part, judged, outcome, options)


def _judge(task: str, subject: Subject, dataset: Dataset, records: Sequence[Record], options: Options) -> Outcome:
    if task == "classification":
        return judge_categories(subject, dataset, records, options)
    if task == "semantic-segmentation":
        return judge_pixels(subject, dataset, records, options)
    if task == "pose":
        return judge_people(subject, dataset, records, options)
    return judge_things(subject, task, dataset, records, options)


def _report(
    model: Predictor,
    task: str,
    dataset: Dataset,
    part: Dataset,
    judged: Dataset,
    outcome: Outcome,
    options: Options,
) -> TaskReport:
    look = outcome.look
    return TaskReport(
        task=task,
        model=model_facts(model),
        dataset=dataset_facts(dataset, judged),
        counts=TaskCounts(
            pictures=len(look.kept),
            truths=outcome.truths,
            left_out=outcome.left_out,
            unlabelled=len(part) - len(judged),
            unreadable=len(look.problems),
            trained_on=trained_on(model, look.hashes),
        ),
        figures=outcome.figures,
        main=outcome.main,
        per_class=outcome.per_class,
        intervals=outcome.intervals,
        threshold=look.subject.threshold,
        classes=outcome.classes,
        confusion=outcome.confusion,
        speed=speed_of(look.seconds),
        problems=(*dataset.problems, *look.problems),
        notes=tuple(outcome.notes),
        resamples=options.bootstrap,
        seed=options.seed,
        per_joint=outcome.per_joint,
        errors=outcome.errors,
        curves=outcome.curves,
        sweep=outcome.sweep,
        calibration=outcome.calibration,
        pictures=tuple(outcome.pictures),
        gallery=tuple(outcome.gallery),
    )


def _has_outlines(record: Record) -> bool:
    if record.mask is not None:
        return True
    return record.instances is not None and all(one.shape is not None for one in record.instances)


def _has_keypoints(record: Record) -> bool:
    """Pictures where somebody looked and found nobody count too."""
    return record.instances is not None and (
        not record.instances or any(one.keypoints is not None for one in record.instances)
    )


_NEEDS: Mapping[str, tuple[str, Callable[[Record], bool]]] = {
    "classification": ("a class of the whole picture", lambda record: bool(record.classes)),
    "detection": ("marked boxes", lambda record: record.instances is not None),
    "instance-segmentation": ("marked instances", lambda record: record.instances is not None),
    "semantic-segmentation": ("a mask, or instances with outlines", _has_outlines),
    "pose": ("marked keypoints", _has_keypoints),
}
"""What a picture must have to be judged, in words and as a test."""


def _missing(task: str, needed: str, dataset: Dataset, part: Dataset) -> str:
    if not part.records:
        return (
            f"{dataset.name}: its {len(dataset)} pictures are all for training, and there is no test part to judge on"
        )
    kinds = {
        "labels normal or anomaly": any(record.label is not None for record in part),
        "classes of whole pictures": any(record.classes for record in part),
        "boxes": any(record.instances for record in part),
        "keypoints": any(one.keypoints is not None for record in part for one in record.instances or ()),
        "masks": any(record.mask is not None for record in part),
    }
    there = ", ".join(name for name, known in kinds.items() if known) or "no labels at all"
    return (
        f"{dataset.name}: no picture has {needed}, which judging a model of the task {task} needs. The {len(part)} "
        f"pictures have {there}"
    )
