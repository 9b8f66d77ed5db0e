"""What is fetched of a checkpoint, and what its small files say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.errors import CompileError, MissingExtraError
from belvedere.core.hub import WEIGHTS, Repository, Told, cached, commit_of, fetch, licence_of, read_object
from belvedere.zoo.catalogue import Entry
from belvedere.zoo.hub.architectures import Architecture, architecture_of

LARGEST_WEIGHTS = 4_000_000_000
_CONFIG, _PREPROCESSOR = "config.json", "preprocessor_config.json"
_MOST_CLASSES = 65_536


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    Attributes:
        folder: Of the hub's cache, with ``config.json`` and ``model.safetensors``.
        commit: The commit that its files are of.
        config: ``config.json``.
        preprocessor: ``preprocessor_config.json``.
        architecture: What the network is.
        licence: SPDX expression of the weights, from the catalogue, else from the model card.
        weights: ``model.safetensors``.
    """

    folder: Path
    commit: str
    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any]
    architecture: Architecture
    licence: str
    weights: Path


def wanted_by(entry: Entry) -> str:
    """How messages begin: the model, and its repository where the name does not hold it."""
    inside = entry.repository in entry.name
    return f"model {entry.name}" if inside else f"model {entry.name} ({entry.repository})"


def fetch_checkpoint(
    entry: Entry, told: Told = lambda _done, _total: None, *, fresh: bool = False, weights: bool = True
) -> Checkpoint:
    """Fetch a checkpoint: JSON files, the model card and weights in safetensors; no code and no pickles.

    Args:
        entry: Of the source ``hub``.
        told: Called while the weights are fetched, with megabytes fetched and in all.
        fresh: Ask the hub what a branch stands for now; else what is in the cache will do.
        weights: Whether the weights are wanted; without them ``Checkpoint.weights`` may not exist.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        CompileError: something is missing, over its size, not what it should be, of an architecture that the zoo does
            not take, or neither in the cache nor to be had.
    """
    need_hub(entry.name)
    repository = repository_of(entry)
    path = None if fresh else cached(repository, _CONFIG)
    if path is None:
        path = fetch(repository, _CONFIG)
    # What follows is of the same commit, even if a branch moves.
    commit = commit_of(path)
    config = read_object(repository, path)
    architecture = architecture_of(config, repository.wanted)
    preprocessor = read_object(repository, fetch(repository, _PREPROCESSOR, commit))
    licence = entry.licence or licence_of(repository, commit)
    held = path.parent / WEIGHTS
    if weights:
        held = fetch(repository, WEIGHTS, commit, told, most_bytes=LARGEST_WEIGHTS)
    return Checkpoint(path.parent, commit, config, preprocessor, architecture, licence, held)


def cached_commit(entry: Entry) -> str | None:
    """The commit that the cache holds for an entry's revision; None where it holds none, or the hub's library lacks."""
    try:
        need_hub(entry.name)
    except MissingExtraError:
        return None
    path = cached(repository_of(entry), _CONFIG)
    return None if path is None else commit_of(path)


def repository_of(entry: Entry) -> Repository:
    """Where an entry's files are."""
    return Repository(entry.repository, entry.revision, wanted_by(entry), CompileError)


def labels_of(checkpoint: Checkpoint, wanted: str) -> tuple[str, ...]:
    """Names of the classes in the order of their ids, from ``id2label``; none for the made-up ``LABEL_0``.

    Ids that have no name, as between COCO's own ones, are called ``???``.

    Raises:
        CompileError: it is no object of names by number.
    """
    given = checkpoint.config.get("id2label")
    if given is None:
        return ()
    try:
        names = {int(key): str(value) for key, value in given.items()}
    except (AttributeError, TypeError, ValueError):
        names = {-1: ""}
    if names and (min(names) < 0 or max(names) >= _MOST_CLASSES):
        raise CompileError(f"{wanted}: config.json says id2label {str(given)[:80]}; expected names by number")
    if all(name == f"LABEL_{key}" for key, name in names.items()):
        return ()
    return tuple(names.get(number, "???")[:256] or "???" for number in range(max(names) + 1)) if names else ()


def need_hub(name: str) -> None:
    """Raise MissingExtraError unless the hub's library is installed."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"Model {name}", "train") from error
