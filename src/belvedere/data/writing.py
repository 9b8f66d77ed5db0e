"""What the writers of annotated datasets share: where pictures go, and what a form cannot say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from belvedere.core.errors import DatasetError
from belvedere.core.limits import Limits
from belvedere.data import labels
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.scan import is_picture_name
from belvedere.vision.formats import picture_format

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}
"""The suffix of a picture whose name has none, by its format."""

Content = Callable[[], bytes]

_SHELVES = frozenset({"images", "jpegimages"})


class LazyFiles(Mapping[str, bytes]):
    """File contents that are made when they are asked for, so that one at a time is in memory."""

    def __init__(self, files: Mapping[str, Content]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> bytes:
        return self._files[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass
class Export:
    """A dataset in a form, before it is written.

    Attributes:
        files: Contents by relative POSIX path.
        lost: What the form cannot say, with how often it was left out.
        added: What the form wants and the dataset did not say, with how often.
        pictures: How many of the files are pictures of the dataset.
    """

    files: dict[str, Content] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    pictures: int = 0

    def text(self, name: str, content: str) -> None:
        """Add a text file, UTF-8."""
        data = content.encode()
        self.files[name] = lambda: data

    def picture(self, name: str, record: Record, limits: Limits) -> None:
        """Add a picture byte for byte as it is."""
        self.files[name] = lambda: record.read(limits)
        self.pictures += 1


class Places:
    """File names for pictures: their own ones, made unique where two would be the same whatever their case.

    Args:
        limits: Bounds on pictures whose name does not say their format.
        flat: Leave out all folders, and spaces, which lists of VOC cannot hold.
    """

    def __init__(self, limits: Limits, *, flat: bool = False) -> None:
        self._limits = limits
        self._flat = flat
        self._taken: set[str] = set()

    def place(self, record: Record, folder: str = "") -> PurePosixPath:
        """Where a picture goes: its name below ``folder``, without the folders that say only what every picture's do.

        No two pictures get the same path, not even up to the suffix.
        """
        parts = [part.lstrip(".") for part in PurePosixPath(record.name).parts if part.strip("./")]
        parts = parts or ["picture"]
        while len(parts) > 1 and (parts[0].casefold() in _SHELVES or labels.is_split_word(parts[0])):
            parts = parts[1:]
        if self._flat:
            parts = parts[-1:]
        last = PurePosixPath(parts[-1])
        stem, suffix = last.stem, last.suffix
        if not is_picture_name(last.name):
            stem, suffix = last.name, SUFFIXES[picture_format(record.read(self._limits), record.name)]
        if self._flat:
            stem = "_".join(stem.split()) or "picture"
        parent = PurePosixPath(folder, *parts[:-1])
        number, unique = 1, stem
        while str(parent / unique).casefold() in self._taken:
            number += 1
            unique = f"{stem}-{number}"
        self._taken.add(str(parent / unique).casefold())
        return parent / f"{unique}{suffix}"


def require_new(folder: Path) -> None:
    """Raises DatasetError where ``folder`` is a file, or holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is not empty; choose a new folder")


def all_classes(dataset: Dataset) -> tuple[str, ...]:
    """The classes that a dataset declares, then those that its pictures use beside them, sorted."""
    used: set[str] = set()
    for record in dataset.records:
        used.update(record.classes)
        used.update(instance.label for instance in record.instances or ())
    return (*dataset.classes, *sorted(used.difference(dataset.classes)))


def by_part(records: Iterable[Record]) -> dict[str | None, list[Record]]:
    """Records by the name of their part, in the order in which the parts come."""
    parts: dict[str | None, list[Record]] = {}
    for record in records:
        parts.setdefault(record.part_name, []).append(record)
    return parts


def require_pictures(dataset: Dataset, records: Iterable[Record], form: str, needed: str) -> None:
    """Raises DatasetError where none of ``records`` has what a form needs."""
    if not any(True for _ in records):
        raise DatasetError(f"{dataset.name}: no picture has {needed}, so it cannot be written as {form}")


def decimal(value: float, digits: int) -> int | float:
    """A number rounded, and whole where it is."""
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded
