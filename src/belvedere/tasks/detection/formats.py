"""The ways in which detectors write down what they found.

Each reader takes the outputs of one picture in the order of `ROLES` and gives rows in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.encoded import read_detr, read_ssd_raw
from belvedere.tasks.detection.grids import (
    read_darknet,
    read_nanodet,
    read_nanodet_plus,
    read_yolo,
    read_yolo3,
    read_yolov8,
    read_yolox,
)
from belvedere.tasks.detection.post_processed import read_gluoncv, read_multibox, read_ssd, read_tf_detection
from belvedere.tasks.detection.rows import STRIDES, Array, Reading, Rows, grid_cells

__all__ = [
    "COLUMNS", "FULL", "MANY", "OPTIONAL", "RAW", "ROLES", "STRIDES", "SUPPRESSED", "Array", "Reading", "Rows",
    "grid_cells", "read_rows",
]  # fmt: skip

ROLES: Mapping[str, tuple[str, ...]] = {
    "gluoncv": ("ids", "scores", "boxes"),
    "multibox": ("rows",),
    "yolox": ("grid",),
    "yolo": ("rows",),
    "yolov8": ("columns",),
    "darknet": ("rows",),
    "yolo3": ("head",),
    "nanodet": ("rows",),
    "nanodet-plus": ("rows",),
    "ssd": ("boxes", "classes", "scores", "count"),
    "tf-detection": ("boxes", "classes", "scores", "count"),
    "ssd-raw": ("codes", "numbers", "priors"),
    "detr": ("queries", "boxes"),
}
"""Formats and what their outputs are:

- ``gluoncv``: class ids (1, n, 1), scores (1, n, 1), boxes (1, n, 4) as corners in pixels of the input; a row with a
  negative id is unused. Suppression was done.
- ``multibox``: rows (1, n, 6): class id, score, corners 0..1; a row with a negative id is unused. Suppression was done.
- ``yolox``: raw grid (1, n, 5 + C), strides one after the other, row by row: centre offsets in cells, logarithm of the
  size in cells, objectness, class scores.
- ``yolo``: rows (1, n, 5 + C): centre and size in pixels of the input, objectness, class scores.
- ``yolov8``: columns (1, 4 + C, n): centre and size in pixels of the input, class scores.
- ``darknet``: rows (n, 5 + C), in one output or several: centre and size 0..1, objectness, class scores that objectness
  is already part of.
- ``yolo3``: raw heads, one output per grid: (1, A * (5 + C), h, w) or (1, A, h, w, 5 + C), and with layout ``NHWC``
  (1, h, w, A * (5 + C)) or (1, h, w, A, 5 + C): logits of the centre in its cell, logarithm of the size in anchors,
  logits of objectness and classes.
- ``nanodet``: rows (1, n, C + 4 * bins), cells as for ``yolox``: class scores, then the distribution of the distance
  to each side; in one output, or in two per stride, scores and distributions in turn. ``nanodet-plus`` is the same
  with distances from the upper left corner of a cell instead of its middle.
- ``ssd``: boxes (1, n, 4) as top, left, bottom, right 0..1, classes (1, n) from 0, scores (1, n), count (1,).
  Suppression was done.
- ``tf-detection``: the same with classes from 1.
- ``ssd-raw``: box codes (1, n, 4) or flat, class numbers (1, n, columns) or flat, and maybe prior boxes: Caffe's
  (1, 2, 4 * n) or rows (n, 4).
- ``detr``: class numbers (1, n, columns), boxes (1, n, 4) as centre and size 0..1. There is nothing to suppress.
"""

COLUMNS: Mapping[str, int | None] = {
    "ids": 1, "scores": 1, "boxes": 4, "classes": 1, "count": 1, "grid": None, "rows": None,
}  # fmt: skip
"""Numbers per row of each kind of output; None where it depends."""

RAW = ("queries", "columns", "head", "codes", "numbers", "priors")
"""Kinds of output whose axes the reader looks at itself."""

FULL = ("head", "codes", "numbers", "priors")
"""Kinds of output that have rows whatever the network finds."""

OPTIONAL = ("count", "priors")
"""Kinds of output that a network may lack."""

MANY = ("darknet", "yolo3", "nanodet", "nanodet-plus")
"""Formats whose one kind of output may be there several times."""

SUPPRESSED = ("gluoncv", "multibox", "ssd", "tf-detection", "detr")
"""Formats that need no suppression: their networks have done it, or find each thing once."""

_CHOSEN = ("gluoncv", "multibox", "ssd", "tf-detection")
"""Formats whose unused rows may hold anything."""

_FARTHEST = np.float32(1e9)
"""Boxes that grow beyond this end there: they reach out of every picture, and can be computed with."""


def read_rows(form: str, arrays: Sequence[Array], reading: Reading) -> Rows:
    """Read the outputs of a format.

    Args:
        form: One of `ROLES`.
        arrays: float32, one per role: (n, columns) where the role is in `COLUMNS`, else the output without its first
            axis.
        reading: How they are written.

    Raises:
        EngineError: the arrays do not fit together, or hold detections that are not numbers.
    """
    if form not in _CHOSEN and not all(map(_finite, arrays)):
        raise EngineError(f"the network's outputs hold values that are not numbers, or not finite (format {form})")
    with np.errstate(over="ignore", invalid="ignore"):  # a network may say anything; it is looked at right after
        found = _READERS[form](arrays, reading)
    wrong = ~np.isfinite(found.boxes_xyxy) if form in _CHOSEN else np.isnan(found.boxes_xyxy)
    if not np.isfinite(found.scores).all() or wrong.any():
        raise EngineError(f"the network's outputs hold detections that are not numbers (format {form})")
    return found._replace(boxes_xyxy=np.clip(found.boxes_xyxy, -_FARTHEST, _FARTHEST))


def _finite(values: Array) -> bool:
    """Whether all are finite numbers: then their sum is one, unless it overflows; it takes no second array."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())


_READERS: Mapping[str, Callable[[Sequence[Array], Reading], Rows]] = {
    "gluoncv": read_gluoncv,
    "multibox": read_multibox,
    "yolox": read_yolox,
    "yolo": read_yolo,
    "yolov8": read_yolov8,
    "darknet": read_darknet,
    "yolo3": read_yolo3,
    "nanodet": read_nanodet,
    "nanodet-plus": read_nanodet_plus,
    "ssd": read_ssd,
    "tf-detection": read_tf_detection,
    "ssd-raw": read_ssd_raw,
    "detr": read_detr,
}
