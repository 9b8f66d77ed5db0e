"""Writing a dataset in another form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from belvedere.core.errors import OptionError
from belvedere.core.files import write_folder
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.class_folders import export_class_folders
from belvedere.data.coco.write import export_coco
from belvedere.data.csv_objects_writer import export_csv
from belvedere.data.csv_writer import write_csv
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.folder_writer import write_folders
from belvedere.data.from_masks import with_instances
from belvedere.data.manifest_objects_writer import export_manifest
from belvedere.data.manifest_writer import write_manifest
from belvedere.data.sizes import size_problems
from belvedere.data.voc.write import export_voc
from belvedere.data.writing import Export, LazyFiles, Places, by_part, require_new
from belvedere.data.yolo.write import export_yolo

FORMS = ("coco", "voc", "yolo", "yolo-segment", "yolo-pose", "manifest", "csv", "folders")
"""Forms that a dataset can be written in."""

_ANNOTATED: dict[str, Callable[[Dataset, Limits], Export]] = {
    "coco": export_coco,
    "voc": export_voc,
    "yolo": lambda dataset, limits: export_yolo(dataset, "detect", limits),
    "yolo-segment": lambda dataset, limits: export_yolo(dataset, "segment", limits),
    "yolo-pose": lambda dataset, limits: export_yolo(dataset, "pose", limits),
}


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        folder: Where.
        form: In which form.
        pictures: How many pictures are there.
        lost: What the form cannot say, with how often it was left out.
        added: What the form wants and the dataset did not say, with how often.
        problems: Pictures whose annotation declares another size than they have.
    """

    folder: Path
    form: str
    pictures: int
    lost: tuple[str, ...]
    added: tuple[str, ...]
    problems: tuple[Problem, ...]


def convert(
    dataset: Dataset, form: str, folder: Path, *, prefix: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Conversion:
    """Write a dataset, its pictures included, in another form.

    Pictures are copied byte for byte. For COCO, VOC and YOLO, masks become instances: each patch of pixels that hang
    together is one. Datasets of normal and anomalous pictures keep their labels and masks in ``manifest``, ``csv`` and
    ``folders``.

    Example:
        >>> from belvedere.data import convert, open_dataset
        >>> convert(open_dataset("train.json"), "yolo", "cars-yolo").lost  # doctest: +SKIP
        ('outlines (3260)',)

    Args:
        dataset: What to write.
        form: One of ``FORMS``.
        folder: A new or empty folder.
        prefix: For manifests: put before the pictures' paths, such as ``s3://bucket/folder``.
        limits: Bounds on each picture and mask.

    Raises:
        OptionError: there is no such form, or ``prefix`` with another than ``manifest``.
        DatasetError: ``folder`` has content, or the dataset lacks what the form needs; the message says what.
        ImageError: a picture cannot be read.
        StorageError: the file system refused; nothing half-written is left.
    """
    folder = Path(folder)
    if form not in FORMS:
        raise OptionError(f"unknown form {form!r}: expected one of {', '.join(FORMS)}")
    if prefix is not None and form != "manifest":
        raise OptionError(f"a prefix for references means nothing in {form}; it is for manifests")
    require_new(folder)
    if form in _ANNOTATED:
        return _write_annotated(dataset, form, folder, limits)
    if is_anomaly(dataset):
        return _write_anomaly(dataset, form, folder, prefix, limits)
    if form == "folders":
        export = export_class_folders(dataset, limits)
    elif form == "csv":
        export = export_csv(dataset, limits)
    else:
        export = export_manifest(dataset, prefix=prefix, limits=limits)
    return _write(dataset, export, form, folder, limits)


def is_anomaly(dataset: Dataset) -> bool:
    """Whether what a dataset says about its pictures is normal or anomaly, and neither classes nor instances."""
    return any(record.label for record in dataset) and not dataset.annotated and not dataset.categorized


def _write_annotated(dataset: Dataset, form: str, folder: Path, limits: Limits) -> Conversion:
    marked = with_instances(dataset, limits)
    export = _ANNOTATED[form](marked, limits)
    export.lost["pictures that nobody has annotated; they would look as if nothing were on them"] += len(marked) - len(
        marked.annotated
    )
    if is_anomaly(dataset):
        export.lost["labels normal and anomaly; a picture is anomalous where something is marked on it"] += sum(
            record.label is not None for record in dataset
        )
    return _write(dataset, export, form, folder, limits)


def _write(dataset: Dataset, export: Export, form: str, folder: Path, limits: Limits) -> Conversion:
    write_folder(folder, LazyFiles(export.files))
    return Conversion(
        folder, form, export.pictures, _sentences(export.lost), _sentences(export.added), size_problems(dataset, limits)
    )


def _write_anomaly(dataset: Dataset, form: str, folder: Path, prefix: str | None, limits: Limits) -> Conversion:
    """Through the writers that know labels, kinds and masks."""
    lost: Counter[str] = Counter()
    if form == "folders":
        write_folders(dataset, folder, limits)
    else:
        export, places = Export(), Places(limits)
        moved = []
        for record in dataset.records:
            file = str(places.place(record, "images"))
            export.picture(file, record, limits)
            moved.append(replace(record, name=file, path=folder / file))
        write_folder(folder, LazyFiles(export.files))
        relocated = replace(dataset, records=tuple(moved))
        if form == "csv":
            write_csv(relocated, folder / "classes.csv", limits)
        else:
            for part, records in by_part(moved).items():
                chosen = replace(relocated, records=tuple(records))
                write_manifest(chosen, folder / f"{part or 'output'}.manifest", prefix=prefix, limits=limits)
            lost["kinds of anomaly without a mask"] += sum(
                record.kind is not None and record.mask is None for record in dataset
            )
    return Conversion(folder, form, len(dataset), _sentences(lost), (), ())


def _sentences(lost: Counter[str]) -> tuple[str, ...]:
    return tuple(f"{what} ({count})" for what, count in lost.items() if count)
