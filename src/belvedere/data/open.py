"""Opening a dataset of any supported form."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from belvedere.core.errors import DatasetError, LimitError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.coco.folder import looks_like_coco
from belvedere.data.coco.read import read_coco
from belvedere.data.csv_reader import read_csv
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.forms import read_any_folder
from belvedere.data.manifest_reader import read_manifest
from belvedere.data.reading import is_file, read_file
from belvedere.data.record import Record
from belvedere.data.scan import MAX_FILES, is_picture_name
from belvedere.data.yolo.read import CONFIG_SUFFIXES, read_yolo

SUPPORTED = (
    "a folder with 'normal' and 'anomaly' (or an MVTec layout, folders of classes, COCO, VOC or YOLO annotations, or "
    "pictures alone), a COCO file (.json), a data.yaml of YOLO, a Lookout for Vision, Ground Truth or Custom Labels "
    "manifest (.manifest, .jsonl, JSON Lines), a table (.csv, .tsv), a picture, a glob, or a list of pictures"
)

TASKS = (
    "anomaly",
    "classification",
    "detection",
    "semantic-segmentation",
    "instance-segmentation",
    "pose",
    "tensor",
)
"""What a dataset can be opened for."""

_TABLES = frozenset({".csv", ".tsv"})
_MANIFESTS = frozenset({".manifest", ".jsonl", ".ndjson"})
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"})
_PEEK = 1 << 20

Source = str | os.PathLike[str] | Dataset | Iterable[str | os.PathLike[str]]


def open_dataset(
    source: Source,
    task: str | None = None,
    *,
    maps: Sequence[tuple[str, Path]] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Dataset:
    """Open a dataset; the form is found from what ``source`` is and holds. Nothing is decoded.

    Example:
        >>> from belvedere.data import open_dataset
        >>> dataset = open_dataset("pictures/")  # doctest: +SKIP
        >>> len(dataset.normal), len(dataset.anomalous)  # doctest: +SKIP
        (20, 10)

    Args:
        source: A folder, a manifest, a table, a COCO file, a ``data.yaml``, one picture, a glob, a list of pictures
            (the latter three are unlabelled), or a Dataset, which is returned as it is.
        task: What it is for, where its content could mean several things: folders ``ok`` and ``scratch`` are classes
            for ``classification``, else a normal class and a kind of anomaly.
        maps: Pairs of a reference prefix, such as ``s3://bucket/pictures``, and the folder that holds what is
            below it. Only manifests and tables use them.
        limits: Bounds on manifests and tables.

    Raises:
        DatasetError: nothing there, no pictures, or a form that is not supported; the message says which are.
        OptionError: there is no such task.
        LimitError: over a limit.
    """
    if task is not None and task not in TASKS:
        raise OptionError(f"unknown task {task!r}: expected one of {', '.join(TASKS)}")
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str | os.PathLike):
        return _open_path(os.fspath(source), task, maps, limits)
    try:
        paths = [Path(path) for path in source]
    except TypeError as error:
        kind = type(source).__name__
        raise DatasetError(f"a dataset cannot be opened from {kind}; supported: {SUPPORTED}") from error
    return _from_paths(paths, "pictures")


def _open_path(text: str, task: str | None, maps: Sequence[tuple[str, Path]], limits: Limits) -> Dataset:
    if "://" in text:
        raise DatasetError(f"{text}: nothing is fetched; copy the dataset to this machine and give its path")
    path = Path(text)
    if path.is_dir():
        return read_any_folder(path, task, maps, limits)
    if is_file(path):
        return _open_file(path, task, maps, limits)
    if glob.has_magic(text):
        return _from_glob(text)
    if not path.exists():
        raise DatasetError(f"{text}: no such file or folder; supported: {SUPPORTED}")
    raise DatasetError(f"{text}: neither a file nor a folder; supported: {SUPPORTED}")


def _open_file(path: Path, task: str | None, maps: Sequence[tuple[str, Path]], limits: Limits) -> Dataset:
    suffix = path.suffix.casefold()
    if suffix in _TABLES:
        return read_csv(path, maps=maps, limits=limits, task=task)
    if suffix in _MANIFESTS:
        return read_manifest(path, maps=maps, limits=limits)
    if suffix == ".json":
        return _open_json(path, task, maps, limits)
    if suffix in CONFIG_SUFFIXES:
        return read_yolo(path, maps=maps, limits=limits)
    if is_picture_name(path.name):
        return Dataset((Record(path.name, path),), path.stem)
    if suffix in _ARCHIVES:
        raise DatasetError(f"{path}: archives are not read as datasets; unpack it and open the folder")
    raise DatasetError(f"{path}: no dataset of a known form; supported: {SUPPORTED}")


def _open_json(path: Path, task: str | None, maps: Sequence[tuple[str, Path]], limits: Limits) -> Dataset:
    """JSON Lines with ``source-ref`` are a manifest, an object with COCO's keys is COCO; explain what others are."""
    head = read_file(path, limits.manifest_bytes, str(path), prefix=_PEEK).decode(errors="replace")
    first = next((line for line in head.lstrip("\ufeff").splitlines() if line.strip()), "").strip()
    if first.startswith("{") and first.endswith("}") and '"source-ref"' in first:
        return read_manifest(path, maps=maps, limits=limits)
    if looks_like_coco(path):
        if task == "anomaly":
            raise _refused(path, "looks like COCO annotations, which are not read for anomaly datasets")
        return read_coco(path, maps=maps, limits=limits)
    raise _refused(
        path,
        "is not a manifest, which has one JSON object with 'source-ref' on each line, nor COCO annotations, which have "
        "'images', 'annotations' and 'categories'",
    )


def _refused(path: Path, what: str) -> DatasetError:
    return DatasetError(f"{path}: {what}; supported: {SUPPORTED}")


def _from_glob(pattern: str) -> Dataset:
    paths: list[Path] = []
    for name in glob.iglob(pattern, recursive=True):  # noqa: PTH207 (Path.glob takes no absolute pattern)
        if len(paths) == MAX_FILES:
            raise LimitError(f"{pattern}: more than {MAX_FILES} files; use a narrower pattern")
        paths.append(Path(name))
    pictures = sorted((path for path in paths if is_picture_name(path.name)), key=Path.as_posix)
    pictures = [path for path in pictures if is_file(path)]
    if not pictures:
        raise DatasetError(f"{pattern}: no picture matches the pattern ({len(paths)} other files do)")
    return _from_paths(pictures, "pictures")


def _from_paths(paths: Sequence[Path], name: str) -> Dataset:
    """Unlabelled pictures in the order given, each once, named by their path below their common folder."""
    unique = list(dict.fromkeys(Path(os.path.normpath(path.absolute())) for path in paths))
    if not unique:
        raise DatasetError("the list of pictures is empty")
    problems = [Problem(str(path), "no such picture file") for path in unique if not is_file(path)]
    found = [path for path in unique if is_file(path)]
    if not found:
        raise DatasetError(f"none of the {len(unique)} paths is a file; the first is {unique[0]}")
    top = Path(os.path.commonpath([path.parent for path in found]))
    records = tuple(Record(path.relative_to(top).as_posix(), path) for path in found)
    return Dataset(records, name, problems=tuple(problems))
