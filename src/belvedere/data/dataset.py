"""A labelled set of pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from belvedere.core.errors import DatasetError
from belvedere.core.files import sha256_of
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import KeypointLayout, annotations_digest
from belvedere.data.reading import read_file
from belvedere.data.record import Record, Split
from belvedere.data.statistics import Statistics, statistics_of


@dataclass(frozen=True)
class Problem:
    """Something in a dataset that could not be used, or looks wrong.

    Attributes:
        where: The picture, file, or ``file:line``.
        reason: What is wrong with it, and where it helps what to do.
        kept: Whether the picture itself is used, and only something about it, such as its mask, is not.
    """

    where: str
    reason: str
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class Dataset:
    """Pictures with their labels, in a fixed order.

    Attributes:
        records: The pictures; their names are unique.
        name: What to call the dataset.
        types: The anomaly types that its masks can mark.
        colors: ``#RRGGBB`` for each type whose colour the source declares.
        problems: What its reader could not use.
        classes: Names of the classes of pictures or instances, in the order of their ids.
        keypoints: What the keypoints of its instances are.
        form: How its source writes it: ``folders``, ``classes``, ``manifest``, ``csv``, ``coco``, ``voc``, ``yolo``,
            ``yolo-segment`` or ``yolo-pose``; None where pictures came alone.
    """

    records: tuple[Record, ...]
    name: str = "dataset"
    types: tuple[str, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict, hash=False)
    problems: tuple[Problem, ...] = ()
    classes: tuple[str, ...] = ()
    keypoints: KeypointLayout | None = None
    form: str | None = None

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for record in self.records:
            if record.name in seen:
                raise DatasetError(f"{self.name}: two pictures are called '{record.name}'; names must be unique")
            seen.add(record.name)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    @property
    def normal(self) -> tuple[Record, ...]:
        """The pictures labelled normal."""
        return tuple(record for record in self.records if record.label == "normal")

    @property
    def anomalous(self) -> tuple[Record, ...]:
        """The pictures labelled anomaly."""
        return tuple(record for record in self.records if record.label == "anomaly")

    @property
    def annotated(self) -> tuple[Record, ...]:
        """The pictures whose instances somebody marked, maybe none."""
        return tuple(record for record in self.records if record.instances is not None)

    @property
    def categorized(self) -> tuple[Record, ...]:
        """The pictures with a class of their own."""
        return tuple(record for record in self.records if record.category is not None or record.categories is not None)

    @property
    def has_splits(self) -> bool:
        """Whether any picture says which part of the dataset it belongs to."""
        return any(record.split is not None for record in self.records)

    def split(self, part: Split) -> Dataset:
        """The pictures of one part; all of them, whichever is asked for, if the dataset has no parts."""
        return self.subset(lambda record: record.split == part) if self.has_splits else self

    def labelled(self) -> Dataset:
        """Only the pictures that are labelled normal or anomaly."""
        return self.subset(lambda record: record.label is not None)

    def subset(self, which: Callable[[Record], bool] | Collection[str]) -> Dataset:
        """Some of the pictures, in the same order.

        Args:
            which: Names of the pictures, or a function that says whether to keep one.

        Raises:
            DatasetError: a name that the dataset does not have.
        """
        if callable(which):
            return replace(self, records=tuple(record for record in self.records if which(record)))
        names = set(which)
        missing = names.difference(record.name for record in self.records)
        if missing:
            raise DatasetError(f"{self.name}: no picture is called '{min(missing)}'")
        return replace(self, records=tuple(record for record in self.records if record.name in names))

    def statistics(self, limits: Limits = DEFAULT_LIMITS) -> Statistics:
        """Count labels, kinds, classes, parts, masks, sizes and formats. Reads the head of every picture."""
        return statistics_of(self.records, limits, self.classes)

    def digest(self, limits: Limits = DEFAULT_LIMITS) -> str:
        """SHA-256 over names, labels and the content of pictures and masks, independent of order and place.

        Raises:
            ImageError: a picture cannot be read.
            DatasetError: a mask cannot be read.
        """
        total = hashlib.sha256()
        for record in sorted(self.records, key=lambda record: record.name):
            mask = None
            if record.mask is not None:
                data = read_file(record.mask.path, limits.image_bytes, f"{record.name}: mask")
                labels = getattr(record.mask, "labels", record.mask.types)
                mask = [sha256_of(data), labels]
            row = [record.name, record.label, record.kind, record.split, record.content_hash(limits), mask]
            if record.instances is not None or record.classes:
                row.append([record.classes, annotations_digest(record.instances)])
            total.update(json.dumps(row).encode() + b"\n")
        return total.hexdigest()
