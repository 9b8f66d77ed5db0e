"""One entry of a COCO file's ``annotations``: from an unchecked object to an instance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from belvedere.core.errors import BelvedereError
from belvedere.data.annotations import Instance, Polygons
from belvedere.data.coco.document import Category, is_id
from belvedere.data.findings import Findings
from belvedere.data.fitting import Size, fit_box, fit_keypoints, fit_polygons
from belvedere.vision.rle import RunLengths, from_coco


def parse_annotation(
    row: Mapping[str, Any], category: Category, size: Size | None, where: str, found: Findings
) -> Instance | None:
    """Read one annotation.

    A box that is missing is taken from the outline; what reaches outside the picture is clipped.

    Args:
        row: The entry.
        category: Its category.
        size: Width and height of its picture.
        where: What messages call it.
        found: Gathers what is wrong with it.

    Returns:
        The instance, or None where there is nothing on it that can be used.
    """
    shape = _shape(row.get("segmentation"), size, where, found)
    box = None
    given = _numbers(row.get("bbox"), 4)
    clipped = False
    if given is not None:
        left, top, width, height = given
        box, problem = fit_box((left, top, left + width, top + height), size)
        if problem is not None:
            clipped = True
            found.add(where, problem)
            if box is None:
                return None
    elif row.get("bbox"):
        found.add(where, "'bbox' is not four numbers [x, y, width, height]; left out")
        return None
    if box is None and shape is not None:
        box = shape.box_xyxy
    if box is None:
        found.add(where, "has neither a box nor an outline; left out")
        return None
    keypoints = None
    if row.get("keypoints") and category.keypoints is not None:
        count = len(category.keypoints.names)
        values = _numbers(row["keypoints"], 3 * count)
        if values is None:
            found.add(where, f"'keypoints' is not three numbers for each of {count} keypoints; they are left out")
        else:
            keypoints, problems = fit_keypoints(np.array(values).reshape(-1, 3), size)
            for problem in problems:
                found.add(where, problem)
    area = row.get("area")
    usable = not clipped and isinstance(area, int | float) and not isinstance(area, bool) and 0 < area < math.inf
    return Instance(
        label=category.name,
        box_xyxy=box,
        shape=shape,
        keypoints=keypoints,
        crowd=bool(row.get("iscrowd")),
        ignore=bool(row.get("ignore") or row.get("difficult")),
        area=float(area) if usable else None,  # type: ignore[arg-type]
        id=row["id"] if is_id(row.get("id")) else None,
    )


def _shape(segmentation: Any, size: Size | None, where: str, found: Findings) -> Polygons | RunLengths | None:
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        parts = []
        for number, part in enumerate(segmentation, 1):
            values = _numbers(part, None)
            if values is None or len(values) % 2:
                found.add(where, f"polygon {number} is no list of x, y, x, y, ...; left out")
            else:
                parts.append(np.array(values, dtype=np.float64).reshape(-1, 2))
        polygons, problems = fit_polygons(parts, size)
        for problem in problems:
            found.add(where, problem)
        return polygons
    if size is None:
        found.add(where, "has a mask, but the size of its picture is not known; the mask is left out")
        return None
    try:
        mask = from_coco(segmentation, size[1], size[0])
    except BelvedereError as error:
        found.add(where, f"{error}; the mask is left out")
        return None
    if mask.area == 0:
        found.add(where, "the mask is empty; left out")
        return None
    return mask


def _numbers(value: Any, count: int | None) -> list[float] | None:
    """A list of ``count`` numbers; None for anything else."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        return None
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in value):
        return None
    try:
        return [float(one) for one in value]
    except OverflowError:
        return None
