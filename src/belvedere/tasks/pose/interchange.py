"""People for other packages: rows of COCO keypoint results files both ways, and ``supervision``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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

if TYPE_CHECKING:
    from belvedere.tasks.pose.result import PoseResult


def coco_rows(result: PoseResult, image_id: int | str, ids: CategoryIds | None) -> list[dict[str, Any]]:
    """See `PoseResult.to_coco`."""
    category = category_of(0, ids)
    triples = np.concatenate([result.keypoints_xy, result.keypoint_scores[..., None]], axis=2)
    flat = triples.reshape(len(result), 3 * len(result.names))
    return [
        {"image_id": image_id, "category_id": category, "keypoints": points, "score": score}
        for points, score in zip(flat.tolist(), result.scores.tolist(), strict=True)
    ]


def fields_of_rows(
    rows: Sequence[Mapping[str, Any]],
    image: NDArray[np.uint8],
    joints: int,
    ids: CategoryIds | None,
    image_id: int | str | None,
) -> dict[str, Any]:
    """The arrays of a result; see `PoseResult.from_coco`."""
    by_category = classes_by_category(ids)
    own = rows_of_image(rows, image_id)
    for where, row in own:
        class_of(row, where, by_category)
    triples = np.array([numbers_of(row, "keypoints", where, 3 * joints) for where, row in own], dtype=np.float32)
    triples = triples.reshape(-1, joints, 3)
    scores = np.array([score_of(row, where) for where, row in own], dtype=np.float32)
    order = np.argsort(-scores, kind="stable")
    boxed = bool(own) and all(row.get("bbox") is not None for _, row in own)
    return {
        "keypoints_xy": triples[order, :, :2],
        "keypoint_scores": triples[order, :, 2],
        "person_scores": scores[order],
        "person_boxes_xyxy": _boxes(own, image)[order] if boxed else None,
    }


def to_supervision(result: PoseResult) -> Any:
    """See `PoseResult.to_supervision`."""
    package = supervision_package()
    return package.KeyPoints(
        xy=result.keypoints_xy.copy(),
        keypoint_confidence=result.keypoint_scores.copy(),
        detection_confidence=result.scores.copy(),
        visible=result.visible,
        class_id=np.zeros(len(result), dtype=int),
        data={"class_name": np.array(["person"] * len(result), dtype=str)},
    )


def _boxes(own: Sequence[tuple[str, Mapping[str, Any]]], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    boxes = np.array([numbers_of(row, "bbox", where, 4) for where, row in own])
    boxes[:, 2:] += boxes[:, :2]
    height, width = image.shape[:2]
    return np.asarray(np.clip(boxes, 0, [width, height, width, height]), dtype=np.float32)
