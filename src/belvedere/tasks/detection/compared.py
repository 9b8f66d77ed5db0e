"""What detections are compared with what truths: one picture's, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.core.errors import OptionError
from belvedere.vision.rle import RunLengths

Kind = Literal["box", "mask", "keypoints"]
"""By what detections and truths are compared."""
KINDS: tuple[Kind, ...] = ("box", "mask", "keypoints")


@dataclass(frozen=True, eq=False)
class Found:
    """Detections on one picture. Of boxes, masks and keypoints only the compared kind is needed.

    Attributes:
        scores: Finite numbers (n,), higher is surer.
        class_ids: Whole numbers (n,), 0..C-1.
        boxes_xyxy: (n, 4) in pixels.
        masks: n masks of the picture's size.
        keypoints_xy: (n, K, 2) in pixels.
        areas: (n,) in square pixels: decides to which sizes a false detection counts. As None they are taken from the
            compared kind: the box's, the mask's, or that of the box around the keypoints, as COCO does.
    """

    scores: ArrayLike
    class_ids: ArrayLike
    boxes_xyxy: ArrayLike | None = None
    masks: Sequence[RunLengths] | None = None
    keypoints_xy: ArrayLike | None = None
    areas: ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """What is on one picture. Of boxes, masks and keypoints only the compared kind is needed.

    Attributes:
        class_ids: Whole numbers (m,), 0..C-1.
        boxes_xyxy: (m, 4) in pixels. Beside keypoints they say where to look for people without a labelled one.
        masks: m masks of the picture's size.
        keypoints: (m, K, 3): x, y in pixels and visibility, above 0 where labelled. A truth without any counts neither
            for nor against.
        areas: (m,) in square pixels, as annotated (COCO: of the mask, also for boxes and keypoints). As None they are
            those of the masks, if masks are compared, else of the boxes.
        crowd: Booleans (m,): stands for many things and counts neither for nor against; detections may share it.
        ignore: Booleans (m,): counts neither for nor against (VOC: difficult).
    """

    class_ids: ArrayLike
    boxes_xyxy: ArrayLike | None = None
    masks: Sequence[RunLengths] | None = None
    keypoints: ArrayLike | None = None
    areas: ArrayLike | None = None
    crowd: ArrayLike | None = None
    ignore: ArrayLike | None = None


@dataclass(frozen=True, eq=False)
class FoundRows:
    """Checked detections: scores, class_ids, areas (n,), and shapes: boxes (n, 4), masks, or joints (n, K, 2)."""

    scores: NDArray[np.float64]
    class_ids: NDArray[np.int64]
    areas: NDArray[np.float64]
    shapes: Any


@dataclass(frozen=True, eq=False)
class TruthRows:
    """Checked truths: class_ids, areas, crowd, skipped (m,); shapes: boxes (m, 4), masks or joints (m, K, 3); and boxes
    (m, 4), NaN where there is none. Skipped ones count neither way; crowds are among them.
    """

    class_ids: NDArray[np.int64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    shapes: Any
    boxes: NDArray[np.float64]


def checked(found: Found, truth: Truth, kind: Kind, classes: int, joints: int = 0) -> tuple[FoundRows, TruthRows]:
    """One picture's detections and truths as arrays.

    Args:
        found: Detections.
        truth: Truths.
        kind: What is compared.
        classes: How many classes there are.
        joints: How many joints a pose has, for keypoints.

    Raises:
        OptionError: a part is missing, differs in number, holds no finite number or an unknown class, or masks differ
            in size.
    """
    rows = _checked_found(found, kind, classes, joints), _checked_truth(truth, kind, classes, joints)
    if kind == "mask" and len(sizes := {(mask.width, mask.height) for one in rows for mask in one.shapes}) > 1:
        raise OptionError(f"masks of one picture differ in size: {sorted(sizes)} (width, height)")
    return rows


def _checked_found(found: Found, kind: Kind, classes: int, joints: int) -> FoundRows:
    scores = _row(found.scores, "score")
    count = len(scores)
    ids = _class_ids(found.class_ids, count, classes, "detections")
    if kind == "mask":
        shapes: Any = _masks(found.masks, count, "detections")
    elif kind == "box":
        shapes = _rows(found.boxes_xyxy, count, (4,), "boxes of detections")
    else:
        shapes = _rows(found.keypoints_xy, count, (joints, 2), "keypoints of detections")
    if found.areas is not None:
        return FoundRows(scores, ids, _row(found.areas, "area", count), shapes)
    if kind == "mask":
        areas = np.array([mask.area for mask in shapes], dtype=np.float64)
    elif kind == "box":
        areas = _box_areas(shapes)
    else:
        areas = np.asarray(np.ptp(shapes, axis=1).prod(axis=1))
    return FoundRows(scores, ids, areas, shapes)


def _checked_truth(truth: Truth, kind: Kind, classes: int, joints: int) -> TruthRows:
    count = np.asarray(truth.class_ids).size
    ids = _class_ids(truth.class_ids, count, classes, "truths")
    crowd, skipped = _flags(truth.crowd, count), _flags(truth.ignore, count)
    boxes = np.full((count, 4), np.nan)
    if truth.boxes_xyxy is not None:
        boxes = _rows(truth.boxes_xyxy, count, (4,), "boxes of truths")
    skipped = skipped | crowd
    if kind == "mask":
        shapes: Any = _masks(truth.masks, count, "truths")
    elif kind == "box":
        shapes = _rows(truth.boxes_xyxy, count, (4,), "boxes of truths")
    else:
        shapes = _rows(truth.keypoints, count, (joints, 3), "keypoints of truths")
        skipped = skipped | ~(shapes[..., 2] > 0).any(axis=1)
    if truth.areas is not None:
        areas = _row(truth.areas, "area", count)
    elif kind == "mask":
        areas = np.array([mask.area for mask in shapes], dtype=np.float64)
    elif truth.boxes_xyxy is not None or not count:
        areas = _box_areas(boxes)
    else:
        raise OptionError("truths with keypoints but neither areas nor boxes: how near is near depends on them")
    return TruthRows(ids, areas, crowd, skipped, shapes, boxes)


def _box_areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _row(values: ArrayLike, name: str, count: int | None = None) -> NDArray[np.float64]:
    row = np.asarray(values, dtype=np.float64).reshape(-1)
    if count is not None and len(row) != count:
        raise OptionError(f"{len(row)} {name}s for {count} things: expected one each")
    if not np.isfinite(row).all():
        raise OptionError(f"{name} {int(np.flatnonzero(~np.isfinite(row))[0])} is not a finite number")
    return row


def _rows(values: ArrayLike | None, count: int, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    if values is None and count:
        raise OptionError(f"no {name}: expected shape {(count, *shape)}")
    rows = np.asarray(() if values is None else values, dtype=np.float64)
    if not count and not rows.size:
        return np.zeros((0, *shape))
    if rows.shape != (count, *shape):
        raise OptionError(f"{name} have shape {rows.shape}: expected {(count, *shape)}")
    if not np.isfinite(rows).all():
        raise OptionError(f"{name}: row {int(np.argwhere(~np.isfinite(rows))[0][0])} holds no finite number")
    return rows


def _masks(masks: Sequence[RunLengths] | None, count: int, name: str) -> Sequence[RunLengths]:
    own = () if masks is None else masks
    if len(own) != count:
        raise OptionError(f"{len(own)} masks for {count} {name}: expected one each")
    return own


def _class_ids(values: ArrayLike, count: int, classes: int, name: str) -> NDArray[np.int64]:
    ids = np.asarray(values).reshape(-1)
    if len(ids) != count or (count and ids.dtype.kind not in "iu"):
        raise OptionError(f"class ids of {name}, {len(ids)} of type {ids.dtype}: expected {count} whole numbers")
    ids = ids.astype(np.int64)
    if count and (ids.min() < 0 or ids.max() >= classes):
        raise OptionError(f"class ids of {name} from {ids.min()} to {ids.max()}: expected 0 to {classes - 1}")
    return ids


def _flags(values: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    if values is None:
        return np.zeros(count, dtype=bool)
    flags = np.asarray(values, dtype=bool).reshape(-1)
    if len(flags) != count:
        raise OptionError(f"{len(flags)} flags for {count} truths: expected one each")
    return flags
