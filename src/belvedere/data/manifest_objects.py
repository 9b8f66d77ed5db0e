"""Classes and boxes in lines of Ground Truth and Rekognition Custom Labels manifests.

An attribute is known by its partner ``<attribute>-metadata`` and the ``type`` in there: ``image-classification`` (one
class; several such attributes are several classes), ``image-classification-multilabel`` and ``object-detection``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from belvedere.data import labels
from belvedere.data.annotations import Instance
from belvedere.data.findings import Findings
from belvedere.data.fitting import Size, fit_box
from belvedere.data.manifest_line import CLASSIFICATION, DETECTION, METADATA, MULTILABEL

_SIDES = ("left", "top", "width", "height")


@dataclass(frozen=True)
class Objects:
    """What a line says beside normal and anomaly.

    Attributes:
        classes: The classes of the picture, each once.
        multilabel: Whether the line may name several classes, even if it does not.
        instances: The boxes; None where the line has no attribute for boxes.
        size: The declared width and height.
        names: Names of all classes that the line declares, in the order of their numbers.
    """

    classes: tuple[str, ...]
    multilabel: bool
    instances: tuple[Instance, ...] | None
    size: Size | None
    names: tuple[str, ...]


def parse_objects(fields: Mapping[str, Any], where: str, found: Findings) -> Objects:
    """Read the classes and boxes of a line; what cannot be used is noted."""
    classes: list[str] = []
    single = 0
    multilabel = False
    instances: list[Instance] | None = None
    size: Size | None = None
    names: dict[str, None] = {}
    for attribute, metadata in _attributes(fields):
        kind = metadata.get("type")
        if kind == CLASSIFICATION:
            name = metadata.get("class-name")
            if isinstance(name, str) and name.strip():
                classes.append(name)
                single += 1
        elif kind == MULTILABEL:
            multilabel = True
            classes += _multilabel(fields.get(attribute), metadata, f"{where}, '{attribute}'", found)
        elif kind == DETECTION:
            read = _boxes(fields.get(attribute), metadata, f"{where}, '{attribute}'", found)
            if read is not None:
                instances = [*(instances or []), *read[0]]
                size = size or read[1]
                names.update(dict.fromkeys(_class_map(metadata).values()))
    unique = tuple(dict.fromkeys(classes))
    boxes = None if instances is None else tuple(instances)
    return Objects(unique, multilabel or single > 1, boxes, size, tuple(names))


def means_anomaly(classes: tuple[str, ...]) -> bool:
    """Whether classes only say normal or anomaly, in the words for them."""
    return all(labels.label_of(name) is not None for name in classes)


def _attributes(fields: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (key.removesuffix(METADATA), value)
        for key, value in fields.items()
        if key.endswith(METADATA) and isinstance(value, dict)
    ]


def _class_map(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Class numbers, as text, to names, in the order of the numbers."""
    given = metadata.get("class-map")
    if not isinstance(given, dict):
        return {}
    usable = {key: name for key, name in given.items() if isinstance(name, str) and name.strip()}
    return dict(sorted(usable.items(), key=lambda item: (len(item[0]), item[0])))


def _multilabel(value: Any, metadata: Mapping[str, Any], where: str, found: Findings) -> list[str]:
    if not isinstance(value, list):
        found.add(where, "its value is no list of class numbers; left out")
        return []
    names = _class_map(metadata)
    for number in value:
        if str(number) not in names:
            found.add(where, f"class {str(number)[:20]} is not in its 'class-map'; left out")
    return [names[str(number)] for number in value if str(number) in names]


def _boxes(
    value: Any, metadata: Mapping[str, Any], where: str, found: Findings
) -> tuple[list[Instance], Size | None] | None:
    annotations = value.get("annotations") if isinstance(value, dict) else None
    if not isinstance(annotations, list):
        found.add(where, "its value is no object with a list 'annotations'; left out")
        return None
    size = _size(value.get("image_size"), where, found)
    names = _class_map(metadata)
    instances = []
    for number, row in enumerate(annotations, 1):
        here = f"{where}, box {number}"
        sides = _numbers(row, _SIDES)
        if sides is None:
            found.add(here, "left, top, width and height are not four numbers; left out")
            continue
        label = names.get(str(row["class_id"])) if "class_id" in row else None
        if label is None:
            found.add(here, f"class {str(row.get('class_id'))[:20]} is not in 'class-map'; left out")
            continue
        left, top, width, height = sides
        box, problem = fit_box((left, top, left + width, top + height), size)
        if problem is not None:
            found.add(here, problem)
        if box is not None:
            instances.append(Instance(label, box))
    return instances, size


def _size(value: Any, where: str, found: Findings) -> Size | None:
    """The first entry of ``image_size``."""
    row = value[0] if isinstance(value, list) and value else value
    if row is None:
        return None
    sides = _numbers(row, ("width", "height"))
    if sides is None or not all(0 < one < 10**9 and one == int(one) for one in sides):
        found.add(where, "'image_size' has no width and height in pixels; boxes are not clipped to it")
        return None
    return int(sides[0]), int(sides[1])


def _numbers(row: Any, keys: tuple[str, ...]) -> list[float] | None:
    """The numbers under ``keys`` of an object, maybe not finite ones; None where one is missing or no number."""
    values = [row.get(key) for key in keys] if isinstance(row, dict) else []
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    try:
        return [float(value) for value in numbers] if len(numbers) == len(keys) else None
    except OverflowError:
        return None
