"""A name of the zoo as an artifact: from the package, from the cache, or made now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belvedere._version import __version__
from belvedere.core.errors import ArtifactError, OptionError
from belvedere.core.files import sha256_of_file
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime import Artifact, Model
from belvedere.runtime.artifact_cache import held_artifact, keep_artifact
from belvedere.runtime.blob_cache import default_cache, key_of
from belvedere.zoo.bundled import bundled_artifact
from belvedere.zoo.catalogue import Entry, find, is_name, suggestion
from belvedere.zoo.finish import Progress

_PART = "zoo"
_SECONDS = 0.5  # to choose the faster engine; a user waits for it once


def load(
    model: str | os.PathLike[str] | Artifact,
    *,
    weights: str | os.PathLike[str] | None = None,
    engine: str = "auto",
    threads: int | None = None,
    target: str | None = None,
    hint: str = "latency",
    streams: int | None = None,
    cache: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Model:
    """Load a model: an artifact, or a model of the zoo by its name.

    A name wins over a file that is called the same; ``./name`` is the file. A model from the hub is fetched and
    compiled once, then taken from the user's cache; ``belvedere.zoo`` and the manual tell more.

    Example:
        >>> import belvedere as bv
        >>> model = bv.load("board.tar.gz")  # doctest: +SKIP
        >>> detector = bv.load("rt-detr-v2-r18")  # doctest: +SKIP
        >>> old = bv.load("yolo3_darknet53_coco", weights="yolo3_darknet53_coco-09767802.params")  # doctest: +SKIP

    Args:
        model: A folder, a ``.tar``, ``.tar.gz`` or ``.tgz``, an Artifact; or a name of the zoo, ``hub:OWNER/REPO``,
            either with ``@REVISION``.
        weights: The file with the weights, for a GluonCV name.
        engine: See ``Model``, as are the others.
        threads: Threads for one network call; None for every core that this process may use.
        target: What kind of device runs it; None for what it was made for.
        hint: ``latency`` or ``throughput``.
        streams: Network calls that run side by side.
        cache: Whether compiled networks are kept on disk.
        limits: Bounds on the artifact and on pictures.
        progress: Called with (stage, done, total) while a model of the zoo is fetched and compiled.

    Raises:
        ArtifactError: there is none, or it is damaged, unsafe, changed, or of a newer version.
        LimitError: it unpacks to more than ``limits`` allow.
        OptionError: an option has no such value.
        CompileError: a model of the zoo cannot be had or compiled.
        MissingExtraError: it needs the [train] extra.
    """
    artifact = (
        model
        if isinstance(model, Artifact)
        else open_artifact(model, weights=weights, limits=limits, progress=progress)
    )
    return Model(
        artifact, engine=engine, threads=threads, limits=limits, target=target, hint=hint, streams=streams, cache=cache
    )


def open_artifact(
    model: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Artifact:
    """What ``load`` loads, as an artifact.

    Raises:
        BelvedereError: see ``load``.
    """
    if is_name(model):
        assert isinstance(model, str)
        return zoo_artifact(model, weights=weights, progress=progress)
    if weights is not None:
        raise OptionError(f"{os.fspath(model)}: weights belong to a GluonCV name of the zoo, this is none")
    path = Path(model)
    if isinstance(model, str) and not path.exists() and _could_be_a_name(model):
        raise ArtifactError(f"{model}: neither an artifact nor a model of the zoo: {suggestion(model)}")
    return Artifact.load(path, limits)


def zoo_artifact(
    name: str,
    *,
    weights: str | os.PathLike[str] | None = None,
    size: tuple[int, int] | None = None,
    task: str = "",
    options: Mapping[str, Any] | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Artifact:
    """A model of the zoo.

    Args:
        name: Of the catalogue, or ``hub:OWNER/REPO``; either with ``@REVISION``.
        weights: The file with the weights, for a GluonCV name.
        size: Width and height of the input in pixels; None for the model's own.
        task: What to bind it to, where the checkpoint can do several things; empty for its usual one.
        options: Options of ``belvedere.compile``, such as ``precision``; with any the cache is not used.
        progress: Called with (stage, done, total).

    Raises:
        OptionError: there is no such name, or an option does not fit it.
        CompileError: it cannot be had or compiled.
        MissingExtraError: it needs the [train] extra.
    """
    entry = find(name)
    if weights is not None and entry.source != "gluoncv":
        raise OptionError(f"model {name}: weights come from {entry.origin}; --weights is for GluonCV's names")
    if entry.source == "bundled":
        if size or task or options:
            raise OptionError(f"model {name} comes finished with the package: it takes no size, task or precision")
        return bundled_artifact(entry)
    cache = None if options else default_cache(_PART)
    key = _key(entry, weights, size, task) if cache is not None else None
    if cache is not None and key is not None and (found := held_artifact(cache, key)) is not None:
        return found
    settings = {"seconds": _SECONDS, **(options or {})}
    made = _made(entry, weights, size, task, settings, progress)
    if cache is not None:
        key = _key(entry, weights, size, task)  # the commit may be known only now
        if key is not None:
            keep_artifact(cache, key, made)
    return made


def _made(
    entry: Entry,
    weights: str | os.PathLike[str] | None,
    size: tuple[int, int] | None,
    task: str,
    options: Mapping[str, Any],
    progress: Progress,
) -> Artifact:
    if entry.source == "gluoncv":
        from belvedere.zoo.gluoncv.export import export_params

        if task not in ("", entry.task):
            raise OptionError(f"model {entry.name} does {entry.task}, not {task}")
        held = None if weights is None else Path(weights)
        return export_params(entry, held, size=size, options=options, progress=progress)
    from belvedere.zoo.hub.export import export_checkpoint

    return export_checkpoint(entry, size=size, task=task, options=options, progress=progress)


def _key(entry: Entry, weights: str | os.PathLike[str] | None, size: tuple[int, int] | None, task: str) -> str | None:
    """What a finished model depends on; None while its commit is not known, or its weights are no single file."""
    facts: dict[str, Any] = {"belvedere": __version__, "name": entry.name, "size": size, "task": task}
    if entry.source == "gluoncv":
        if weights is None or not Path(weights).is_file():
            return None
        return key_of({**facts, "weights": sha256_of_file(Path(weights))})
    from belvedere.zoo.hub.checkpoint import cached_commit

    commit = cached_commit(entry)
    return None if commit is None else key_of({**facts, "repository": entry.repository, "commit": commit})


def _could_be_a_name(word: str) -> bool:
    return "/" not in word and os.sep not in word and not word.endswith((".tar", ".gz", ".tgz"))
