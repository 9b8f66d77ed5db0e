"""A model file of another framework, compiled once and then taken from the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from belvedere._version import __version__
from belvedere.compiler.compile import compile as compile_model
from belvedere.compiler.importers.onnx import importer as onnx_importer
from belvedere.compiler.importers.onnx.external import is_external
from belvedere.compiler.importing import Source
from belvedere.compiler.passes.walking import tensors
from belvedere.compiler.pipeline.options import Progress
from belvedere.compiler.source import is_archive, open_source
from belvedere.core.archives import tar_members
from belvedere.core.errors import ArtifactError, CompileError
from belvedere.core.files import folder_or_backup, sha256_of_file
from belvedere.runtime import Artifact
from belvedere.runtime.artifact import MANIFEST, MANIFEST_SUM
from belvedere.runtime.artifact_cache import held_artifact, keep_artifact
from belvedere.runtime.blob_cache import default_cache, key_of
from belvedere.tasks.label_sets import find_labels

_PART = "artifacts"
_SECONDS = 0.5  # to choose the faster engine; a user waits for it once
_BESIDE = {
    (".cfg", ".weights"): ("*.cfg", "*.weights"),
    ("-symbol.json", ".params"): ("*-symbol.json", "*.params"),
}
"""Ends of names of models in several files, and which of the neighbours belong to one."""


def is_artifact(path: str | os.PathLike[str]) -> bool:
    """Whether a folder or archive is an artifact, by its manifest or the manifest's checksum.

    So True also for one that is damaged: what is wrong with it is said on loading.

    Raises:
        CompileError: the file cannot be read.
        LimitError: an archive unpacks to more than the limits allow.
    """
    path = Path(path)
    if path.is_dir() or not path.exists():
        return any((folder_or_backup(path) / name).is_file() for name in (MANIFEST, MANIFEST_SUM))
    if not path.is_file() or not is_archive(path) or path.name.lower().endswith(".zip"):
        return False
    try:
        for name, pieces in tar_members(path):
            if name in (MANIFEST, MANIFEST_SUM):
                return True
            for _ in pieces:
                pass
    except ArtifactError:
        return True
    return False


def compile_cached(
    model: str | os.PathLike[str], *, progress: Progress | None = None, **options: Any
) -> tuple[Artifact, bool]:
    """Compile a model, or take what an earlier call made of the same files with the same options.

    The key is the hash of the model's files (those beside it that belong to it too), the options, the content of a
    labels file, and Belvedere's version. The cache lies in the folder that ``BELVEDERE_CACHE`` names (``off`` keeps
    nothing) or in the platform's, and any number of processes may use it: an entry is there as a whole or not at all.

    Args:
        model: A model file, a folder or an archive, as ``belvedere.compile`` takes it.
        progress: Called with (stage, done, total) while it compiles.
        options: Of ``belvedere.compile``; values that JSON has.

    Returns:
        The artifact, and whether it was in the cache.

    Raises:
        CompileError: as ``belvedere.compile``, as are the other errors.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if isinstance(options.get("labels"), (str, os.PathLike)):
        options["labels"] = find_labels(os.fsdecode(options["labels"]))
    cache = default_cache(_PART)
    key = key_of(_facts(Path(model), options)) if cache is not None else ""
    found = held_artifact(cache, key) if cache is not None else None
    if found is not None:
        return found, True
    artifact = compile_model(model, seconds=_SECONDS, progress=progress, **options)
    if cache is not None:
        keep_artifact(cache, key, artifact)
    return artifact, False


def _facts(model: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    with open_source(model) as source:
        hashes = {file.as_posix(): _hash(source.root / file) for file in sorted({*source.files, *_beside(source)})}
    named = {**options}
    declared = named.get("inputs")
    if isinstance(declared, str) and declared.lower().endswith(".json") and Path(declared).is_file():
        named["inputs"] = _hash(Path(declared))
    return {"belvedere": __version__, "name": model.name, "files": hashes, "options": named}


def _beside(source: Source) -> Iterator[Path]:
    """The files beside a single named one that belong to the model."""
    if not source.single:
        return
    (file,) = source.files
    for ends, patterns in _BESIDE.items():
        if file.name.lower().endswith(ends):
            for pattern in patterns:
                yield from (path.relative_to(source.root) for path in source.root.glob(pattern) if path.is_file())
    if onnx_importer.probe(source) > 0:
        for tensor in tensors(onnx_importer.read_model(source.root / file)):
            location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
            pure = PurePosixPath(location)
            # What leads elsewhere the importer refuses.
            if is_external(tensor) and not pure.is_absolute() and ".." not in pure.parts:
                yield Path(pure)


def _hash(path: Path) -> str:
    if not path.is_file():
        return "missing"
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise CompileError(f"{path}: cannot be read ({error.strerror})") from error
