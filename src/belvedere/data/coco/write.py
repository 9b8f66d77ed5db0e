"""Writing COCO files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance, Polygons
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.data.writing import Export, Places, all_classes, by_part, decimal, require_pictures
from belvedere.vision.rle import to_coco

_DIGITS = 4


def export_coco(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> Export:
    """The files of a COCO dataset: the pictures in ``images/``, ``<part>.json`` a part, or ``annotations.json``.

    Outlines become polygons, masks compressed run lengths. Ids of pictures and annotations are kept where all of a
    part are different whole numbers; categories are numbered from 1.

    Raises:
        DatasetError: no picture has marked instances.
        ImageError: a picture cannot be read.
    """
    require_pictures(dataset, dataset.annotated, "COCO", "marked instances")
    export = Export()
    places = Places(limits)
    for part, records in by_part(dataset.annotated).items():
        files = [str(places.place(record, "images")) for record in records]
        for record, file in zip(records, files, strict=True):
            export.picture(file, record, limits)
        document = _document(dataset, records, files, limits)
        export.text(f"{part or 'annotations'}.json", json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    export.lost["classes of whole pictures"] += sum(bool(record.classes) for record in dataset.annotated)
    return export


def _document(dataset: Dataset, records: Sequence[Record], files: Sequence[str], limits: Limits) -> dict[str, Any]:
    classes = all_classes(dataset)
    numbers = {name: number for number, name in enumerate(classes, 1)}
    image_ids = _ids([(record.line or {}).get("id") for record in records])
    every = [instance for record in records for instance in record.instances or ()]
    annotation_ids = iter(_ids([instance.id for instance in every]))
    images, annotations = [], []
    for record, file, image_id in zip(records, files, image_ids, strict=True):
        width, height = size_of(record, limits)
        images.append({"id": image_id, "file_name": file, "width": width, "height": height})
        for instance in record.instances or ():
            row = {"id": next(annotation_ids), "image_id": image_id, "category_id": numbers[instance.label]}
            annotations.append({**row, **_fields(instance)})
    with_keypoints = {instance.label for instance in every if instance.keypoints is not None} or set(classes)
    categories = [_category(name, numbers[name], dataset, name in with_keypoints) for name in classes]
    info = {"description": f"{dataset.name}, written by Belvedere"}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def _fields(instance: Instance) -> dict[str, Any]:
    left, top, right, bottom = instance.box_xyxy
    fields: dict[str, Any] = {
        "bbox": [decimal(value, _DIGITS) for value in (left, top, right - left, bottom - top)],
        "area": decimal(instance.size, _DIGITS),
        "iscrowd": int(instance.crowd),
    }
    if instance.ignore:
        fields["ignore"] = 1
    if isinstance(instance.shape, Polygons):
        parts = instance.shape.parts
        fields["segmentation"] = [[decimal(float(value), _DIGITS) for value in part.ravel()] for part in parts]
    elif instance.shape is not None:
        fields["segmentation"] = to_coco(instance.shape)
    if instance.keypoints is not None:
        fields["keypoints"] = [decimal(float(value), _DIGITS) for value in instance.keypoints.ravel()]
        fields["num_keypoints"] = int((instance.keypoints[:, 2] > 0).sum())
    return fields


def _category(name: str, number: int, dataset: Dataset, with_keypoints: bool) -> dict[str, Any]:
    category: dict[str, Any] = {"id": number, "name": name}
    if dataset.keypoints is not None and with_keypoints:
        category["keypoints"] = list(dataset.keypoints.names)
        category["skeleton"] = [[first + 1, second + 1] for first, second in dataset.keypoints.skeleton]
    return category


def _ids(given: Sequence[object]) -> list[int]:
    """The ids given where they are different whole numbers, else 1, 2, 3, ..."""
    whole = [value for value in given if isinstance(value, int) and not isinstance(value, bool)]
    return whole if len(set(whole)) == len(given) else list(range(1, len(given) + 1))
