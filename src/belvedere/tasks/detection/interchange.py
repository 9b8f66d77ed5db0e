"""Detections for other packages: rows of COCO results files both ways, and ``supervision``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError, OptionError
from belvedere.tasks.interchange import (
    CategoryIds,
    category_of,
    class_of,
    classes_by_category,
    numbers_of,
    rows_of_image,
    score_of,
    supervision_package,
)
from belvedere.vision.rle import RunLengths, from_coco, to_coco

if TYPE_CHECKING:
    from belvedere.tasks.detection.result import DetectionResult


def coco_rows(
    result: DetectionResult, image_id: int | str, ids: CategoryIds | None, kind: Literal["box", "mask"] | None
) -> list[dict[str, Any]]:
    """See `DetectionResult.to_coco`."""
    if kind not in (None, "box", "mask"):
        raise OptionError(f"unknown kind {kind!r}: expected box, mask or None")
    masks = result.masks if kind == "mask" or (kind is None and result.has_masks) else None
    rows = []
    for number, found in enumerate(result.detections):
        row: dict[str, Any] = {"image_id": image_id, "category_id": category_of(found.class_id, ids)}
        if kind != "mask":
            left, top, right, bottom = found.box_xyxy
            row["bbox"] = [left, top, right - left, bottom - top]
        if masks is not None:
            row["segmentation"] = to_coco(masks[number])
        rows.append({**row, "score": found.score})
    return rows


def fields_of_rows(
    rows: Sequence[Mapping[str, Any]], image: NDArray[np.uint8], ids: CategoryIds | None, image_id: int | str | None
) -> dict[str, Any]:
    """The arrays of a result, highest score first; see `DetectionResult.from_coco`."""
    height, width = image.shape[:2]
    by_category = classes_by_category(ids)
    own = rows_of_image(rows, image_id)
    masked = [row.get("segmentation") is not None for _, row in own]
    if any(masked) and not all(masked):
        where = own[masked.index(not masked[0])][0]
        raise DatasetError(f"{where}: some rows have a segmentation and some have none: expected it in all or none")
    runs = [_mask(row["segmentation"], where, height, width) for where, row in own] if any(masked) else None
    boxes = [_box(row, where, None if runs is None else runs[number]) for number, (where, row) in enumerate(own)]
    scores = np.array([score_of(row, where) for where, row in own], dtype=np.float32)
    order = np.argsort(-scores, kind="stable")
    clipped = np.clip(np.array(boxes, dtype=np.float64).reshape(-1, 4), 0, [width, height, width, height])
    return {
        "boxes_xyxy": clipped[order].astype(np.float32),
        "scores": scores[order],
        "class_ids": np.array([class_of(row, where, by_category) for where, row in own], dtype=np.int64)[order],
        "mask_runs": None if runs is None else tuple(runs[number] for number in order.tolist()),
    }


def to_supervision(result: DetectionResult) -> Any:
    """See `DetectionResult.to_supervision`."""
    package = supervision_package()
    masks = None
    if result.has_masks:
        masks = np.zeros((len(result), result.height, result.width), dtype=bool)
        for number in range(len(result)):
            masks[number] = result.mask(number)
    return package.Detections(
        xyxy=result.boxes_xyxy.copy(),
        mask=masks,
        confidence=result.scores.copy(),
        class_id=result.class_ids.astype(int),
        data={"class_name": np.array([found.label for found in result.detections], dtype=str)},
    )


def _mask(value: Any, where: str, height: int, width: int) -> RunLengths:
    try:
        return from_coco(value, height, width)
    except ValueError as error:  # every one of our errors about content is one
        raise DatasetError(f"{where}: segmentation: {error}") from None


def _box(row: Mapping[str, Any], where: str, runs: RunLengths | None) -> list[float]:
    if runs is not None and row.get("bbox") is None:
        return list(runs.box_xyxy)
    left, top, width, height = numbers_of(row, "bbox", where, 4)
    if width < 0 or height < 0:
        raise DatasetError(f"{where}: bbox is {width:g} x {height:g} pixels: expected no negative size")
    return [left, top, left + width, top + height]
