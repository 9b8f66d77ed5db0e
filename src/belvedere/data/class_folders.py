"""Folders of pictures, one a class."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data import labels
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.parts import with_parts
from belvedere.data.record import Record
from belvedere.data.scan import list_pictures
from belvedere.data.writing import Export, Places, require_pictures


def read_class_folders(root: Path) -> Dataset:
    """Read ``<class>/...`` or ``<part>/<class>/...``, where a part is ``train``, ``val`` or ``test``.

    Folders below that of a class mean nothing. One folder that wraps everything is looked through. Pictures beside the
    folders have no class and are problems.

    Raises:
        DatasetError: no pictures, or none in a folder of a class.
        LimitError: too many files, or folders nested too deep.
    """
    listing = list_pictures(root)
    wrapper = wrapper_of(listing.pictures)
    problems = list(listing.problems)
    records, words = [], {}
    for name in listing.pictures:
        word, category = part_and_class(name[len(wrapper) :])
        if category is None:
            problems.append(Problem(name, "a picture beside the folders of classes, so it has none; left out"))
            continue
        records.append(Record(name, root / name, category=category))
        if word:
            words[name] = word
    if not records:
        raise DatasetError(
            f"{root}: no pictures in folders of classes, such as '{root.name}/cat/1.jpg'{listing.left_out()}"
        )
    classes = tuple(sorted({record.category or "" for record in records}))
    parted = with_parts(records, words)
    return Dataset(parted, root.resolve().name, (), {}, tuple(problems), classes, form="classes")


def part_and_class(name: str) -> tuple[str, str | None]:
    """The word for the part (or an empty text) and the class that the folders of a picture's path say."""
    folders = PurePosixPath(name).parts[:-1]
    word = ""
    if folders and labels.is_split_word(folders[0]):
        word, folders = folders[0], folders[1:]
    return word, folders[0] if folders else None


def wrapper_of(pictures: tuple[str, ...]) -> str:
    """The folders, with a trailing slash, that hold everything, as long as more than one folder is below them."""
    wrapper = ""
    while True:
        rests = [name[len(wrapper) :] for name in pictures]
        heads = {rest.partition("/")[0] for rest in rests}
        if len(heads) != 1 or any(rest.count("/") < 2 for rest in rests):
            return wrapper
        (head,) = heads
        if labels.is_split_word(head):
            return wrapper
        wrapper += f"{head}/"


def export_class_folders(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> Export:
    """The pictures in ``<class>/``, or ``<part>/<class>/`` where the dataset has parts.

    Raises:
        DatasetError: no picture has exactly one class, or a class cannot be the name of a folder.
        ImageError: a picture cannot be read.
    """
    chosen = [record for record in dataset.records if len(record.classes) == 1]
    require_pictures(dataset, chosen, "folders of classes", "one class of its own")
    export = Export()
    places = Places(limits, flat=False)
    export.lost["pictures without exactly one class"] += len(dataset) - len(chosen)
    for record in chosen:
        (name,) = record.classes
        _require_folder(name, record)
        # The folder of the source's class would be there twice.
        plain = record.name.replace(f"{name}/", "", 1) if f"{name}/" in record.name else record.name
        place = places.place(Record(plain, record.path), str(PurePosixPath(record.part_name or "", name)))
        export.picture(str(place), record, limits)
        export.lost["marked things"] += len(record.instances or ())
    return export


def _require_folder(name: str, record: Record) -> None:
    bad = name in {"", ".", ".."} or "/" in name or "\x00" in name or name.startswith(".") or len(name.encode()) > 200
    if bad or labels.is_split_word(name):
        raise DatasetError(f"{record.name}: the class {name!r} cannot be the name of a folder of a class; rename it")
