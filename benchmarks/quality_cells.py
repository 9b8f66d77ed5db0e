"""One training and its judgement: the cells of which ``anomaly_quality.py`` makes its tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from belvedere.data.dataset import Dataset
from belvedere.runtime import Model
from belvedere.tasks.anomaly.metrics import auroc, confusion
from belvedere.training.anomaly import TrainOptions, train
from networks import training_facts
from sets import Drawn, draw, labels


@dataclass(frozen=True)
class Row:
    """What a model is trained on.

    Attributes:
        name: Names the row on the command line and in tables.
        normal: Normal pictures; all where there are fewer.
        anomalous: Anomalous pictures.
        masks: Whether their masks are given.
    """

    name: str
    normal: int
    anomalous: int = 0
    masks: bool = True


REFERENCE, NORMALS, LABELLED, WITHHELD = "reference", "20", "20+10", "20+10-nomasks"
ROWS = {
    row.name: row
    for row in (
        Row("2", 2),
        Row("5", 5),
        Row("10", 10),
        Row(NORMALS, 20),
        Row(LABELLED, 20, 10),
        Row(WITHHELD, 20, 10, masks=False),
        Row(REFERENCE, 60),
    )
}


@dataclass(frozen=True)
class Key:
    """What makes two cells the same: a cell found under its key is not computed again."""

    dataset: str
    row: str
    seed: int
    size: int | Literal["auto"]
    code: str


@dataclass(frozen=True)
class Cell:
    """Outcome of one training.

    Attributes:
        key: What was run.
        normal: Normal pictures it was trained on.
        anomalous: Anomalous ones.
        auroc: Of the picture score over the test pictures.
        f1: At the threshold that training chose.
        false_alarms: Share of the normal test pictures flagged.
        training_seconds: Wall time of ``train``.
        picture_ms: Mean wall time of one test picture, encoded bytes to result, in a row of single calls.
        input: Width and height of the network's input that training chose.
        threshold: The threshold.
        learners: Learners that count for the score.
        by_kind: AUROC of each kind of anomaly against all normal test pictures.
        scores: Test picture to score.
    """

    key: Key
    normal: int
    anomalous: int
    auroc: float
    f1: float
    false_alarms: float
    training_seconds: float
    picture_ms: float
    input: tuple[int, int]
    threshold: float
    learners: tuple[str, ...]
    by_kind: dict[str, float]
    scores: dict[str, float]


def run_cell(dataset: Dataset, row: Row, key: Key) -> Cell:
    """Draw, train and judge. Nothing is kept from other cells: every training starts from the encoded pictures."""
    drawn = draw(dataset, row.normal, row.anomalous, key.seed, masks=row.masks)
    began = time.perf_counter()
    artifact = train(drawn.train, TrainOptions(size=key.size, seed=key.seed, name=key.dataset))
    seconds = time.perf_counter() - began
    with Model(artifact) as model:
        pictures = [record.read() for record in drawn.test]
        model.predict(pictures[0])
        began = time.perf_counter()
        scores = [model.predict(picture).score for picture in pictures]
        each = (time.perf_counter() - began) / len(pictures)
    manifest = artifact.manifest
    truth = labels(drawn.test)
    counts = confusion(scores, truth, manifest.decoder.threshold)
    size = manifest.inputs[0].resize
    return Cell(
        key=key,
        normal=len(drawn.train.normal),
        anomalous=len(drawn.train.anomalous),
        auroc=_needed(auroc(scores, truth)),
        f1=_needed(counts.f1),
        false_alarms=_needed(counts.false_alarm_rate),
        training_seconds=round(seconds, 3),
        picture_ms=round(each * 1000, 3),
        input=(size.width, size.height),
        threshold=manifest.decoder.threshold,
        learners=tuple(training_facts(artifact)["learners"]),
        by_kind=_by_kind(drawn, scores),
        scores={record.name: round(score, 6) for record, score in zip(drawn.test, scores, strict=True)},
    )


def cell_as_json(cell: Cell) -> dict[str, Any]:
    """The cell as JSON values."""
    return asdict(cell)


def cell_from_json(values: dict[str, Any]) -> Cell:
    """The inverse of ``cell_as_json``."""
    fields = {**values, "key": Key(**values["key"])}
    return Cell(**{**fields, "input": tuple(fields["input"]), "learners": tuple(fields["learners"])})


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean by Student's t over the seeds; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    mean = float(np.mean(values))
    return mean - half, mean + half


def auroc_on(cell: Cell, names: Iterable[str], dataset: Dataset) -> float:
    """AUROC of a cell's scores over some of its test pictures."""
    wanted = set(names)
    records = [record for record in dataset.records if record.name in wanted]
    return _needed(auroc([cell.scores[record.name] for record in records], labels(records)))


def gap_closed(labelled: Sequence[Cell], normals: Sequence[Cell], dataset: Dataset) -> float | None:
    """Share of what the normal-only model lacks to 1.00 that the labelled pictures win, on the same test pictures.

    ``(A(20+10) - A(20)) / (1 - A(20))`` of the mean AUROCs over the seeds that both have; None where the
    normal-only models lack nothing.
    """
    by_seed = {cell.key.seed: cell for cell in normals}
    pairs = [(cell, by_seed[cell.key.seed]) for cell in labelled if cell.key.seed in by_seed]
    if not pairs:
        return None
    high = float(np.mean([cell.auroc for cell, _ in pairs]))
    low = float(np.mean([auroc_on(plain, cell.scores, dataset) for cell, plain in pairs]))
    return None if low > 1 - 1e-6 else (high - low) / (1 - low)


def _by_kind(drawn: Drawn, scores: Sequence[float]) -> dict[str, float]:
    kinds = sorted({record.kind for record in drawn.test if record.kind})
    found = {}
    for kind in kinds:
        chosen = [i for i, record in enumerate(drawn.test) if record.label == "normal" or record.kind == kind]
        found[kind] = _needed(auroc([scores[i] for i in chosen], labels([drawn.test[i] for i in chosen])))
    return found


def _needed(value: float | None) -> float:
    if value is None:
        raise ValueError("the test part must hold both normal and anomalous pictures")
    return value
