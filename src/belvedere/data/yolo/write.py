"""Writing YOLO datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance, Polygons
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.data.writing import Export, Places, all_classes, require_pictures
from belvedere.data.yolo.config import config_text, label_path
from belvedere.vision.contours import join_polygons, trace_polygons

Kind = Literal["detect", "segment", "pose"]

ALL = "all"
"""The folder of pictures that belong to no part; ``data.yaml`` calls it both train and val."""

_DIGITS = 8


def export_yolo(dataset: Dataset, kind: Kind, limits: Limits = DEFAULT_LIMITS) -> Export:
    """The files of a YOLO dataset: ``images/<part>``, ``labels/<part>`` and ``data.yaml``.

    For ``segment``, outlines of several polygons are joined to one by lines there and back, which cover nothing;
    masks are traced along their pixels. For ``pose``, things without keypoints get unmarked ones.

    Raises:
        DatasetError: no picture has marked instances; for ``pose``, none has keypoints.
        ImageError: a picture cannot be read.
    """
    form = "yolo" if kind == "detect" else f"yolo-{kind}"
    require_pictures(dataset, dataset.annotated, form, "marked instances")
    if kind == "pose" and dataset.keypoints is None:
        raise DatasetError(f"{dataset.name}: has no keypoints, so it cannot be written as yolo-pose")
    export = Export()
    places = Places(limits)
    names = all_classes(dataset)
    numbers = {name: number for number, name in enumerate(names)}
    parts: dict[str, None] = {}
    for record in dataset.annotated:
        part = record.part_name or ALL
        parts[part] = None
        file = places.place(record, f"images/{part}")
        export.picture(str(file), record, limits)
        lines = [
            line
            for instance in record.instances or ()
            if (line := _line(instance, numbers, kind, record, dataset, limits, export)) is not None
        ]
        export.text(str(label_path(PurePosixPath(file))), "".join(f"{line}\n" for line in lines))
        export.lost["classes of whole pictures"] += bool(record.classes)
    export.text("data.yaml", config_text(tuple(parts), names, dataset.keypoints if kind == "pose" else None))
    return export


def _line(
    instance: Instance,
    numbers: dict[str, int],
    kind: Kind,
    record: Record,
    dataset: Dataset,
    limits: Limits,
    export: Export,
) -> str | None:
    lost = export.lost
    if instance.crowd:
        lost["crowds, which would look like single things"] += 1
        return None
    lost["difficult marks; the things themselves are written"] += instance.ignore
    size = size_of(record, limits)
    number = numbers[instance.label]
    if kind == "segment":
        lost["sets of keypoints"] += instance.keypoints is not None
        return _row(number, _outline(instance, export) / np.array(size))
    lost["outlines"] += instance.shape is not None
    left, top, right, bottom = instance.box_xyxy
    box = np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]) / np.array([*size, *size])
    if kind == "detect":
        lost["sets of keypoints"] += instance.keypoints is not None
        return _row(number, box)
    assert dataset.keypoints is not None
    points = np.zeros((len(dataset.keypoints.names), 3))
    if instance.keypoints is None or instance.keypoints.shape != points.shape:
        export.added["unmarked keypoints on things without any"] += 1
    else:
        points[:] = instance.keypoints
        points[:, :2] /= np.array(size)
    return _row(number, np.concatenate([box, points.ravel()]))


def _outline(instance: Instance, export: Export) -> NDArray[np.float64]:
    """One polygon (n, 2) in pixels."""
    shape = instance.shape
    if shape is None:
        left, top, right, bottom = instance.box_xyxy
        export.added["outlines along the boxes of things without any"] += 1
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    parts: Sequence[NDArray[np.float64]]
    parts = shape.parts if isinstance(shape, Polygons) else trace_polygons(shape.to_mask())
    return join_polygons(parts)


def _row(number: int, values: NDArray[np.float64]) -> str:
    shown = (f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") or "0" for value in values.ravel())
    return " ".join([str(number), *shown])
