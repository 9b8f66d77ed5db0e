"""Writing tables with the class of each picture, or with one box a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.csv_objects import SEPARATOR
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.data.writing import Export, Places, decimal

BOX_HEADER = ("image", "width", "height", "class", "xmin", "ymin", "xmax", "ymax", "difficult", "crowd", "split")
CLASS_HEADER = ("image", "class", "split")


def export_csv(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> Export:
    """The pictures in ``images/`` and ``boxes.csv``, or ``classes.csv`` where only pictures have classes.

    Raises:
        DatasetError: there is nothing but pictures, or a class has the sign that stands between classes in its name.
        ImageError: a picture cannot be read.
    """
    export = Export()
    places = Places(limits)
    if dataset.annotated:
        rows = [row for record in dataset.annotated for row in _box_rows(record, places, export, limits)]
        export.text("boxes.csv", _table(BOX_HEADER, rows))
        return export
    if not dataset.categorized:
        raise DatasetError(f"{dataset.name}: no picture has marked instances or a class, so there is no table of it")
    export.text("classes.csv", _table(CLASS_HEADER, [_class_row(one, places, export, limits) for one in dataset]))
    return export


def _box_rows(record: Record, places: Places, export: Export, limits: Limits) -> Iterable[Sequence[object]]:
    file = str(places.place(record, "images"))
    export.picture(file, record, limits)
    export.lost["classes of whole pictures"] += bool(record.classes)
    width, height = size_of(record, limits)
    head, tail = (file, width, height), (record.part_name or "",)
    if not record.instances:
        yield (*head, "", "", "", "", "", "", "", *tail)
    for one in record.instances or ():
        export.lost["outlines"] += one.shape is not None
        export.lost["sets of keypoints"] += one.keypoints is not None
        sides = (decimal(value, 4) for value in one.box_xyxy)
        yield (*head, one.label, *sides, int(one.ignore), int(one.crowd), *tail)


def _class_row(record: Record, places: Places, export: Export, limits: Limits) -> Sequence[str]:
    file = str(places.place(record, "images"))
    export.picture(file, record, limits)
    for name in record.classes:
        if SEPARATOR in name or name != name.strip():
            raise DatasetError(f"{record.name}: the class {name!r} has a '{SEPARATOR}' or spaces around it; rename it")
    if record.categories == ():
        export.lost["that none of the classes is on a picture; it looks as if nobody had looked"] += 1
    return file, SEPARATOR.join(record.classes), record.part_name or ""


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
