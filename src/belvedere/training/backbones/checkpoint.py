"""Checkpoints of backbones on the hub: what is fetched of them, and what is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.errors import TrainingError
from belvedere.core.hub import WEIGHTS, Repository, Told, commit_of, fetch, licence_of, read_object
from belvedere.training.backbones.catalogue import HubBackbone

LARGEST_FILE = 2_000_000_000


@dataclass(frozen=True)
class Checkpoint:
    """The small files of a checkpoint.

    Attributes:
        folder: Of the cache; the weights come to lie there as well.
        revision: The commit; further files are of the same one.
        config: ``config.json``.
        mean: Per channel (RGB) of pixels in 0..1, from ``preprocessor_config.json``.
        std: Likewise.
        licence: SPDX expression from the model card.
    """

    folder: Path
    revision: str
    config: Mapping[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str


def fetch_checkpoint(row: HubBackbone) -> Checkpoint:
    """Fetch everything but the weights.

    Raises:
        TrainingError: the hub cannot be reached and the cache lacks the files, there is no such repository or
            revision, or a file is missing or not what it should be.
    """
    repository = _repository(row)
    path = fetch(repository, "config.json")
    # What follows is of the same commit, even if a branch moves.
    commit = commit_of(path)
    config = read_object(repository, path)
    preprocessor = read_object(repository, fetch(repository, "preprocessor_config.json", commit))
    licence = row.licence or licence_of(repository, commit)
    return Checkpoint(
        folder=path.parent,
        revision=commit,
        config=config,
        mean=_three(row, preprocessor, "image_mean"),
        std=_three(row, preprocessor, "image_std"),
        licence=licence,
    )


def fetch_weights(row: HubBackbone, commit: str, progress: Told) -> Path:
    """Fetch ``model.safetensors`` of a commit.

    Args:
        row: The checkpoint.
        commit: As in ``Checkpoint.revision``.
        progress: Called with megabytes fetched, and in all.

    Raises:
        TrainingError: the hub cannot be reached, or the repository has no such file or one of over 2 GB.
    """
    return fetch(_repository(row), WEIGHTS, commit, progress, most_bytes=LARGEST_FILE)


def _repository(row: HubBackbone) -> Repository:
    return Repository(row.repository, row.revision, f"backbone {row.name}", TrainingError)


def _three(row: HubBackbone, preprocessor: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    value = preprocessor.get(key)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) and 0 <= v <= 1 for v in value):
        red, green, blue = (float(v) for v in value)
        if key != "image_std" or min(red, green, blue) > 0:
            return red, green, blue
    raise TrainingError(
        f"backbone {row.name}: preprocessor_config.json of {row.repository} says {key} {value!r}; expected three "
        "numbers between 0 and 1"
    )
