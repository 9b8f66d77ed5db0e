"""Counting what a dataset holds."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.data.reading import read_file
from belvedere.data.record import Record
from belvedere.vision.decode import image_size
from belvedere.vision.formats import picture_format

_HEAD = 256 * 1024


@dataclass(frozen=True)
class Sizes:
    """Smallest, median and largest of one measure, in pixels."""

    smallest: int
    median: float
    largest: int


@dataclass(frozen=True)
class Statistics:
    """What a dataset holds.

    Attributes:
        total: All pictures.
        labelled: Pictures labelled normal or anomaly.
        normal: Pictures labelled normal.
        anomaly: Pictures labelled anomaly.
        unlabelled: The others.
        kinds: Pictures per anomaly kind, by name.
        splits: Pictures per part (``train``, ``test``), if the dataset has parts.
        masks: Pictures with a mask.
        width: Widths of the readable pictures; None if there is none.
        height: Their heights.
        formats: Pictures per format, by content (``JPEG``, ``PNG``, ...).
        unreadable: Names of pictures whose head cannot be read.
    """

    total: int
    labelled: int
    normal: int
    anomaly: int
    unlabelled: int
    kinds: Mapping[str, int]
    splits: Mapping[str, int]
    masks: int
    width: Sizes | None
    height: Sizes | None
    formats: Mapping[str, int]
    unreadable: tuple[str, ...]


def statistics_of(records: Sequence[Record], limits: Limits) -> Statistics:
    """Count ``records``; sizes come from the pictures' heads, nothing is decoded."""
    labels = Counter(record.label for record in records)
    widths: list[int] = []
    heights: list[int] = []
    formats: Counter[str] = Counter()
    unreadable: list[str] = []
    for record in records:
        try:
            width, height, kind = _head_of(record, limits)
        except (ImageError, LimitError):
            unreadable.append(record.name)
            continue
        widths.append(width)
        heights.append(height)
        formats[kind] += 1
    return Statistics(
        total=len(records),
        labelled=labels["normal"] + labels["anomaly"],
        normal=labels["normal"],
        anomaly=labels["anomaly"],
        unlabelled=labels[None],
        kinds=_counts(record.kind for record in records),
        splits=_counts(record.split for record in records),
        masks=sum(record.mask is not None for record in records),
        width=_sizes(widths),
        height=_sizes(heights),
        formats=dict(sorted(formats.items())),
        unreadable=tuple(unreadable),
    )


def size_of(record: Record, limits: Limits, exif: bool = True) -> tuple[int, int]:
    """Width and height of a picture from its head; the whole file is read only if the head does not tell.

    Raises:
        ImageError: not a readable picture.
        LimitError: over a limit.
    """
    head = read_file(record.path, limits.image_bytes, record.name, ImageError, prefix=_HEAD)
    try:
        return image_size(head, name=record.name, limits=limits, exif=exif)
    except ImageError:
        if len(head) < _HEAD:
            raise
    return image_size(record.read(limits), name=record.name, limits=limits, exif=exif)


def _head_of(record: Record, limits: Limits) -> tuple[int, int, str]:
    width, height = size_of(record, limits)
    head = read_file(record.path, limits.image_bytes, record.name, ImageError, prefix=16)
    return width, height, picture_format(head, record.name)


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(value for value in values if value is not None).items()))


def _sizes(values: Sequence[int]) -> Sizes | None:
    return Sizes(min(values), statistics.median(values), max(values)) if values else None
