"""Counting what a dataset holds."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import Limits
from belvedere.data.annotations import Instance
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


SMALL, LARGE = 32**2, 96**2
"""Areas in square pixels between which COCO calls things medium."""


@dataclass(frozen=True)
class ClassCounts:
    """How often a class is there.

    Attributes:
        pictures: Pictures of the class, or with an instance of it.
        instances: Its instances, crowds aside.
        crowds: Its crowds.
        ignored: Its instances that shall not count.
        width: Widths of its boxes in pixels; None where it has none.
        height: Their heights.
        small: Instances under 32 x 32 square pixels.
        medium: Those between.
        large: Those of 96 x 96 and more.
    """

    pictures: int
    instances: int = 0
    crowds: int = 0
    ignored: int = 0
    width: Sizes | None = None
    height: Sizes | None = None
    small: int = 0
    medium: int = 0
    large: int = 0


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
        annotated: Pictures whose instances somebody marked.
        empty: Those of them with nothing on them.
        instances: All instances, crowds aside.
        per_picture: Instances on a picture that has some; None where there are none.
        shapes: Instances with an outline or a mask.
        keypoints: Instances with a marked keypoint.
        classes: What there is of each class, in the order of the dataset's classes.
        wrong_sizes: Names of pictures whose annotation declares another size than they have.
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
    annotated: int = 0
    empty: int = 0
    instances: int = 0
    per_picture: Sizes | None = None
    shapes: int = 0
    keypoints: int = 0
    classes: Mapping[str, ClassCounts] = field(default_factory=dict, hash=False)
    wrong_sizes: tuple[str, ...] = ()


def statistics_of(records: Sequence[Record], limits: Limits, classes: Sequence[str] = ()) -> Statistics:
    """Count ``records``; sizes come from the pictures' heads, nothing is decoded.

    Args:
        records: The pictures.
        limits: Bounds on each.
        classes: Names of classes to count, used or not; others come behind them.
    """
    labels = Counter(record.label for record in records)
    widths: list[int] = []
    heights: list[int] = []
    formats: Counter[str] = Counter()
    unreadable: list[str] = []
    wrong_sizes: list[str] = []
    for record in records:
        try:
            width, height, kind = _head_of(record, limits)
        except (ImageError, LimitError):
            unreadable.append(record.name)
            continue
        widths.append(width)
        heights.append(height)
        formats[kind] += 1
        if record.declared_size not in (None, (width, height)):
            wrong_sizes.append(record.name)
    marked = [record.instances for record in records if record.instances is not None]
    singles = [[one for one in instances if not one.crowd] for instances in marked]
    every = [one for instances in singles for one in instances]
    return Statistics(
        total=len(records),
        labelled=labels["normal"] + labels["anomaly"],
        normal=labels["normal"],
        anomaly=labels["anomaly"],
        unlabelled=labels[None],
        kinds=_counts(record.kind for record in records),
        splits=_counts(record.part_name for record in records),
        masks=sum(record.mask is not None for record in records),
        width=_sizes(widths),
        height=_sizes(heights),
        formats=dict(sorted(formats.items())),
        unreadable=tuple(unreadable),
        annotated=len(marked),
        empty=sum(not instances for instances in marked),
        instances=len(every),
        per_picture=_sizes([len(instances) for instances in singles if instances]),
        shapes=sum(one.shape is not None for one in every),
        keypoints=sum(one.keypoints is not None and bool((one.keypoints[:, 2] > 0).any()) for one in every),
        classes=_class_counts(records, classes),
        wrong_sizes=tuple(wrong_sizes),
    )


def _class_counts(records: Sequence[Record], classes: Sequence[str]) -> dict[str, ClassCounts]:
    pictures: Counter[str] = Counter()
    instances: dict[str, list[Instance]] = {}
    for record in records:
        pictures.update({*record.classes, *(one.label for one in record.instances or ())})
        for one in record.instances or ():
            instances.setdefault(one.label, []).append(one)
    names = dict.fromkeys((*classes, *sorted(pictures)))
    return {name: _counts_of(pictures[name], instances.get(name, [])) for name in names}


def _counts_of(pictures: int, instances: Sequence[Instance]) -> ClassCounts:
    singles = [one for one in instances if not one.crowd]
    areas = [one.size for one in singles]
    boxes = [one.box_xyxy for one in singles]
    return ClassCounts(
        pictures=pictures,
        instances=len(singles),
        crowds=len(instances) - len(singles),
        ignored=sum(one.ignore for one in singles),
        width=_sizes([round(right - left) for left, _, right, _ in boxes]),
        height=_sizes([round(bottom - top) for _, top, _, bottom in boxes]),
        small=sum(area < SMALL for area in areas),
        medium=sum(SMALL <= area < LARGE for area in areas),
        large=sum(area >= LARGE for area in areas),
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
