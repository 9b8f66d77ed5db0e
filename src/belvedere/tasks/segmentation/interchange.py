"""Class maps for other packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from belvedere.tasks.interchange import supervision_package

if TYPE_CHECKING:
    from belvedere.tasks.segmentation.result import SegmentationResult


def to_supervision(result: SegmentationResult) -> Any:
    """See `SegmentationResult.to_supervision`."""
    package = supervision_package()
    shown = [area for area in result.areas if area.class_id != result.background]
    masks = np.zeros((len(shown), result.height, result.width), dtype=bool)
    boxes = np.zeros((len(shown), 4), dtype=np.float32)
    for number, area in enumerate(shown):
        masks[number] = result.mask(area.class_id)
        rows, columns = (np.flatnonzero(masks[number].any(axis=axis)) for axis in (1, 0))
        boxes[number] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return package.Detections(
        xyxy=boxes,
        mask=masks,
        class_id=np.array([area.class_id for area in shown], dtype=int),
        data={"class_name": np.array([area.label for area in shown], dtype=str)},
    )
