"""Writing classes and boxes as a manifest of Ground Truth and Rekognition Custom Labels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance
from belvedere.data.dataset import Dataset
from belvedere.data.manifest_line import CLASSIFICATION, DETECTION
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.data.writing import Export, Places, all_classes, by_part, decimal

BOXES, CLASS = "bounding-box", "class"


def export_manifest(
    dataset: Dataset, *, prefix: str | None = None, created: datetime | None = None, limits: Limits = DEFAULT_LIMITS
) -> Export:
    """The files of a manifest dataset: the pictures in ``images/``, ``<part>.manifest`` a part or ``output.manifest``.

    A line has an attribute for boxes where the picture has marked instances, and one for each of its classes.
    Unlabelled pictures have a line without attributes.

    Args:
        dataset: What to write.
        prefix: Put before ``images/...``, such as ``s3://bucket/folder``; without it references are relative.
        created: The ``creation-date`` of the lines; now by default.
        limits: Bounds on each picture.

    Raises:
        DatasetError: there is nothing but pictures, or a line would be longer than the reader takes.
        ImageError: a picture cannot be read.
    """
    if not dataset.annotated and not dataset.categorized:
        raise DatasetError(f"{dataset.name}: no picture has marked instances or a class, so there is no manifest of it")
    export = Export()
    places = Places(limits)
    date = (created or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    numbers = {name: number for number, name in enumerate(all_classes(dataset))}
    for part, records in by_part(dataset.records).items():
        lines = []
        for record in records:
            file = str(places.place(record, "images"))
            export.picture(file, record, limits)
            reference = file if prefix is None else f"{prefix.rstrip('/')}/{file}"
            line = json.dumps(_fields(record, reference, numbers, date, export, limits))
            if len(line) > limits.manifest_line:
                raise DatasetError(
                    f"{record.name}: its line would have {len(line)} characters, more than the {limits.manifest_line} "
                    "that are read"
                )
            lines.append(f"{line}\n")
        export.text(f"{part or 'output'}.manifest", "".join(lines))
    return export


def _fields(
    record: Record, reference: str, numbers: dict[str, int], date: str, export: Export, limits: Limits
) -> dict[str, Any]:
    fields: dict[str, Any] = {"source-ref": reference}
    for place, name in enumerate(record.classes, 1):
        attribute = CLASS if len(record.classes) == 1 else f"{CLASS}-{place}"
        fields[attribute] = numbers[name]
        fields[f"{attribute}-metadata"] = {
            "confidence": 1.0,
            "job-name": f"labeling-job/{attribute}",
            "class-name": name,
            "human-annotated": "yes",
            "creation-date": date,
            "type": CLASSIFICATION,
        }
    if record.categories == ():
        export.lost["that none of the classes is on a picture; it looks as if nobody had looked"] += 1
    if record.instances is None:
        return fields
    width, height = size_of(record, limits)
    kept = [one for one in record.instances if not one.crowd]
    _count_lost(record, export)
    used = dict.fromkeys(sorted((numbers[one.label], one.label) for one in kept))
    fields[BOXES] = {
        "image_size": [{"width": width, "height": height, "depth": 3}],
        "annotations": [_box(one, numbers) for one in kept],
    }
    fields[f"{BOXES}-metadata"] = {
        "objects": [{"confidence": 1.0} for _ in kept],
        "class-map": {str(number): name for number, name in used},
        "type": DETECTION,
        "human-annotated": "yes",
        "creation-date": date,
        "job-name": f"labeling-job/{BOXES}",
    }
    return fields


def _box(instance: Instance, numbers: dict[str, int]) -> dict[str, Any]:
    left, top, right, bottom = instance.box_xyxy
    sides = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"class_id": numbers[instance.label], **{side: decimal(value, 4) for side, value in sides.items()}}


def _count_lost(record: Record, export: Export) -> None:
    for one in record.instances or ():
        export.lost["crowds, which would look like single things"] += one.crowd
        if not one.crowd:
            export.lost["outlines"] += one.shape is not None
            export.lost["sets of keypoints"] += one.keypoints is not None
            export.lost["difficult marks; the things themselves are written"] += one.ignore
