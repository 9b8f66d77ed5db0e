"""Which form a folder has, by what lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from belvedere.core.limits import Limits
from belvedere.data import labels
from belvedere.data.class_folders import part_and_class, read_class_folders, wrapper_of
from belvedere.data.coco.folder import find_coco, read_coco_folder
from belvedere.data.csv_reader import read_csv
from belvedere.data.dataset import Dataset
from belvedere.data.folders import read_folder
from belvedere.data.manifest_reader import read_manifest
from belvedere.data.merging import merge_parts
from belvedere.data.reading import is_file, read_file
from belvedere.data.scan import list_files, list_pictures
from belvedere.data.voc.read import read_voc
from belvedere.data.yolo.read import CONFIG_SUFFIXES, read_yolo

TABLES = ("boxes.csv", "classes.csv", "annotations.csv")
"""Tables that a folder is opened by."""

_HEAD = 4096


def read_any_folder(root: Path, task: str | None, maps: Sequence[tuple[str, Path]], limits: Limits) -> Dataset:
    """Read a folder by the form that its content shows.

    In this order: folders that say normal or anomaly; COCO files; VOC annotations; a YOLO dataset; manifests or a
    table beside the pictures; folders of classes; pictures alone. ``task`` ``anomaly`` wants the first and the last,
    ``classification`` takes any folders for classes.

    Raises:
        DatasetError: no pictures, or folders that say nothing.
        LimitError: over a limit.
    """
    if task == "anomaly":
        return read_folder(root)
    pictures = list_pictures(root).pictures
    if task != "classification":
        if _says_normal(pictures, ""):
            return read_folder(root)
        annotated = _read_annotated(root, task, maps, limits)
        if annotated is not None:
            return annotated
    manifests = sorted(path for path in root.glob("*.manifest") if is_file(path))
    if manifests:
        return merge_parts([read_manifest(path, maps=maps, limits=limits) for path in manifests], root.resolve().name)
    for name in TABLES:
        if is_file(root / name):
            return read_csv(root / name, maps=maps, limits=limits, task=task)
    wrapper = wrapper_of(pictures)
    if task != "classification" and _says_normal(pictures, wrapper):
        return read_folder(root)
    return read_class_folders(root) if _has_classes(root, pictures, wrapper, task) else read_folder(root)


def _read_annotated(root: Path, task: str | None, maps: Sequence[tuple[str, Path]], limits: Limits) -> Dataset | None:
    """A dataset with a file of annotations for all pictures or for each; None where there are no such files."""
    files = find_coco(root, task)
    if files:
        return read_coco_folder(root, files, maps=maps, limits=limits)
    if any(_is_voc(root / name, limits) for name in list_files(root, frozenset({".xml"}))[:20]):
        return read_voc(root, limits=limits)
    texts = list_files(root, frozenset({".txt"}))
    has_labels = any("labels" in PurePosixPath(name).parts[:-1] for name in texts)
    configs = [path for path in root.iterdir() if path.suffix.casefold() in CONFIG_SUFFIXES and is_file(path)]
    if has_labels or any(_is_config(path, limits) for path in configs):
        return read_yolo(root, maps=maps, limits=limits)
    return None


def _says_normal(pictures: Sequence[str], wrapper: str) -> bool:
    """Whether a folder right below ``wrapper``, or below a folder of a part in there, says normal or anomaly."""
    return any(labels.label_of(part_and_class(name[len(wrapper) :])[1] or "") for name in pictures)


def _has_classes(root: Path, pictures: tuple[str, ...], wrapper: str, task: str | None) -> bool:
    folders = {part_and_class(name[len(wrapper) :])[1] for name in pictures}
    classes = folders - {None}
    if task == "classification":
        return bool(classes)
    # A manifest in there knows better what the folders mean; masks mean that the folders are not of classes.
    about_others = any(root.glob("*/*.manifest")) or any(map(labels.is_mask_folder, filter(None, classes)))
    return len(classes) > 1 and not about_others


def _is_voc(path: Path, limits: Limits) -> bool:
    return b"<annotation" in read_file(path, limits.manifest_bytes, path.name, prefix=_HEAD)


def _is_config(path: Path, limits: Limits) -> bool:
    text = read_file(path, limits.manifest_bytes, path.name)
    return any(line.startswith(b"names") for line in text.splitlines())
