"""One annotation file of VOC: its picture's name and size, and its objects."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance
from belvedere.data.findings import Findings
from belvedere.data.fitting import Size, fit_box
from belvedere.data.voc.xml import Element

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Annotation:
    """What a file says.

    Attributes:
        file_name: The picture's name; empty where it is not said.
        size: Its declared width and height.
        objects: (number, class, box as it is written, difficult) of every object that has a name and four numbers.
    """

    file_name: str
    size: Size | None
    objects: tuple[tuple[int, str, tuple[float, float, float, float], bool], ...]


def parse_annotation(root: Element, where: str, found: Findings) -> Annotation:
    """Read the elements of a file; objects that cannot be used are noted.

    Raises:
        DatasetError: not a VOC annotation.
    """
    if root.tag != "annotation":
        raise DatasetError(f"{where}: the outermost element is <{root.tag[:40]}>, not <annotation>: no VOC annotation")
    size = root.find("size")
    declared = None
    if size is not None:
        width, height = (_number(size.text_of(side)) for side in ("width", "height"))
        if width and height and 0 < width < 1e9 and 0 < height < 1e9:
            declared = int(width), int(height)
        elif width or height:  # 0 x 0 is how some tools say that they do not know
            shown = f"{size.text_of('width')} x {size.text_of('height')}"
            found.add(where, f"declares a size of {shown[:60]}; the picture's own is taken")
    objects = []
    for number, element in enumerate(root.find_all("object"), 1):
        name = element.text_of("name") or ""
        box = element.find("bndbox")
        numbers = [None] * 4 if box is None else [_number(box.text_of(side)) for side in _SIDES]
        if not name or len(name) > 1024:
            found.add(f"{where}, object {number}", "has no <name>; left out")
        elif box is None:
            found.add(f"{where}, object {number} '{name}'", "has no <bndbox>; left out")
        elif any(value is None for value in numbers):
            found.add(f"{where}, object {number} '{name}'", "a side of its <bndbox> is missing or no number; left out")
        else:
            sides = tuple(float(value) for value in numbers if value is not None)
            difficult = element.text_of("difficult") in {"1", "true", "True"}
            objects.append((number, name, sides, difficult))
    return Annotation(root.text_of("filename") or "", declared, tuple(objects))  # type: ignore[arg-type]


def counts_from_zero(annotations: Iterable[Annotation]) -> bool:
    """Whether coordinates begin at 0, as many tools write them, and not at 1 as in VOC itself.

    A box that begins at 0 cannot come from a source that counts pixels from 1.
    """
    return any(0 <= min(box[:2]) < 1 for one in annotations for _, _, box, _ in one.objects)


def instances_of(
    annotation: Annotation, from_zero: bool, size: Size | None, where: str, found: Findings
) -> tuple[Instance, ...]:
    """The objects as instances, in continuous pixels: VOC's pixels are counted from 1 and both ends belong to a box."""
    instances = []
    for number, name, (left, top, right, bottom), difficult in annotation.objects:
        shift = 0 if from_zero else 1
        box, problem = fit_box((left - shift, top - shift, right, bottom), size)
        if problem is not None:
            found.add(f"{where}, object {number} '{name}'", problem)
        if box is not None:
            instances.append(Instance(name, box, ignore=difficult))
    return tuple(instances)


def _number(text: str | None) -> float | None:
    """A number, maybe not a finite one: that is told where the box is fitted."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if text is not None and (len(text) <= 40 or math.isfinite(value)) else None
