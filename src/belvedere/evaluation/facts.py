"""What was judged and on what: facts that reports of every task have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from belvedere.core.errors import DatasetError, ImageError, LimitError
from belvedere.data.dataset import Dataset
from belvedere.data.seen import SEEN_REPORT, count_seen
from belvedere.evaluation.predictor import Predictor


@dataclass(frozen=True)
class ModelFacts:
    """Which model was judged: its name, content digest, and the names that it tells apart."""

    name: str
    digest: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class DatasetFacts:
    """What it was judged on: name and digest (None where a file could not be read), test part or everything."""

    name: str
    digest: str | None
    part: Literal["test", "all"]


@dataclass(frozen=True)
class Speed:
    """Milliseconds from encoded bytes to result, one picture at a time, on the machine of the evaluation."""

    p50_ms: float
    p95_ms: float


def model_facts(model: Predictor) -> ModelFacts:
    """Name, digest and labels of a model."""
    manifest = model.artifact.manifest
    return ModelFacts(manifest.name, model.artifact.digest, tuple(manifest.labels))


def dataset_facts(dataset: Dataset, judged: Dataset) -> DatasetFacts:
    """Facts of a dataset of which some pictures were judged."""
    try:
        digest = judged.digest()
    except (ImageError, DatasetError, LimitError):
        digest = None  # an unreadable file is named among the problems
    return DatasetFacts(dataset.name, digest, "test" if dataset.has_splits else "all")


def trained_on(model: Predictor, hashes: Sequence[str]) -> int | None:
    """How many of the pictures of these SHA-256 the model was trained on, where it says which those were."""
    report = model.artifact.reports.get(SEEN_REPORT)
    return None if report is None else count_seen(report, hashes)


def speed_of(seconds: Sequence[float]) -> Speed:
    """Median and 95th percentile of times in seconds, one or more."""
    return Speed(*(float(ms) for ms in 1000 * np.percentile(seconds, [50, 95])))
