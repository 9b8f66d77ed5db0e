"""Writing folders with annotations of PASCAL VOC."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import DatasetError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.annotations import Instance
from belvedere.data.class_maps import is_background
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.data.voc.colors import LABELMAP, labelmap_text, voc_color
from belvedere.data.writing import Content, Export, Places, all_classes, by_part, decimal, require_pictures

MOST_CLASSES = 254
_VOID_INDEX = 255


def export_voc(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> Export:
    """The files of a VOC dataset: ``JPEGImages``, ``Annotations``, ``ImageSets/Main`` and ``labelmap.txt``.

    Where pictures have masks, or shapes on all of their instances, ``SegmentationClass`` holds the class of every
    pixel.

    Raises:
        DatasetError: no picture has marked instances, or there are more than 254 classes and masks.
        ImageError: a picture cannot be read.
    """
    require_pictures(dataset, dataset.annotated, "VOC", "marked instances")
    export = Export()
    places = Places(limits, flat=True)
    # Background is index 0 of VOC's palette, whether or not the dataset calls it a class.
    classes = tuple(name for name in all_classes(dataset) if not is_background(name))
    names: dict[str, str] = {}
    for record in dataset.annotated:
        file = places.place(record).name
        names[record.name] = file
        stem = PurePosixPath(file).stem
        size = size_of(record, limits)
        segmented = _has_classes(record) and len(classes) <= MOST_CLASSES
        export.picture(f"JPEGImages/{file}", record, limits)
        export.text(f"Annotations/{stem}.xml", _xml(record, file, size, segmented))
        if segmented:
            export.files[f"SegmentationClass/{stem}.png"] = _mask(record, classes, size, limits)
        _count_lost(export, record, segmented)
    for part, records in by_part(dataset.annotated).items():
        lines = [PurePosixPath(names[record.name]).stem for record in records]
        if part is not None:
            export.text(f"ImageSets/Main/{part}.txt", "".join(f"{line}\n" for line in lines))
    export.text(LABELMAP, labelmap_text(classes[:MOST_CLASSES]))
    return export


def _has_classes(record: Record) -> bool:
    instances = record.instances or ()
    return record.mask is not None or (bool(instances) and all(one.shape is not None for one in instances))


def _count_lost(export: Export, record: Record, segmented: bool) -> None:
    for instance in record.instances or ():
        if instance.shape is not None:
            export.lost[
                "which thing a pixel belongs to; SegmentationClass keeps its class"
                if segmented
                else "outlines on pictures where not every thing has one"
            ] += 1
        export.lost["sets of keypoints"] += instance.keypoints is not None
        export.lost["crowd marks; the crowds are written as difficult things"] += instance.crowd
    export.lost["classes of whole pictures"] += bool(record.classes)


def _xml(record: Record, file: str, size: tuple[int, int], segmented: bool) -> str:
    lines = [
        "<annotation>",
        "  <folder>JPEGImages</folder>",
        f"  <filename>{_text(file, record)}</filename>",
        f"  <size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>",
        f"  <segmented>{int(segmented)}</segmented>",
        *(line for instance in record.instances or () for line in _object(instance, record)),
        "</annotation>",
    ]
    return "\n".join(lines) + "\n"


def _object(instance: Instance, record: Record) -> Sequence[str]:
    left, top, right, bottom = instance.box_xyxy
    # VOC counts pixels from 1, and the last one belongs to the box.
    sides = {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom}
    box = "".join(f"<{side}>{decimal(value, 4)}</{side}>" for side, value in sides.items())
    return (
        "  <object>",
        f"    <name>{_text(instance.label, record)}</name>",
        "    <pose>Unspecified</pose>",
        "    <truncated>0</truncated>",
        f"    <difficult>{int(instance.ignore or instance.crowd)}</difficult>",
        f"    <bndbox>{box}</bndbox>",
        "  </object>",
    )


def _text(text: str, record: Record) -> str:
    if any(ord(letter) < 32 for letter in text):
        raise DatasetError(f"{record.name}: the name {text!r} has control characters, which XML cannot hold; rename it")
    return escape(text)


def _mask(record: Record, classes: Sequence[str], size: tuple[int, int], limits: Limits) -> Content:
    def content() -> bytes:
        numbers = record.class_map(("background", *classes), *size, limits)
        return palette_png(np.where(numbers < 0, _VOID_INDEX, numbers).astype(np.uint8))

    return content


def palette_png(index: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """A PNG of indices (height, width) with VOC's palette; 255 is void."""
    image = Image.fromarray(index)
    image.putpalette([int(voc_color(number)[at : at + 2], 16) for number in range(256) for at in (1, 3, 5)])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
