"""The options of TFLite_Detection_PostProcess."""

from __future__ import annotations

import importlib
import math
import struct
from dataclasses import dataclass
from typing import Any

from belvedere.core.errors import CompileError

_DETECTIONS_PER_CLASS = 100
_MOST = 100_000


@dataclass(frozen=True)
class DetectionOptions:
    """How boxes are decoded and suppressed.

    Attributes:
        max_detections: Anchors kept.
        max_classes_per_detection: Rows that each kept anchor gets, one a class (fast suppression only).
        detections_per_class: Anchors kept in each class (regular suppression only).
        use_regular_nms: Suppress in each class by itself, and not by the best class of each anchor.
        nms_score_threshold: Lowest score.
        nms_iou_threshold: Overlap above which the lower score goes.
        num_classes: Classes without the background.
        scales: Divisors of the encoded y, x, h, w.
    """

    max_detections: int
    max_classes_per_detection: int
    detections_per_class: int
    use_regular_nms: bool
    nms_score_threshold: float
    nms_iou_threshold: float
    num_classes: int
    scales: tuple[float, float, float, float]

    @property
    def rows(self) -> int:
        """Rows of the output, used or not."""
        return self.max_detections * self.max_classes_per_detection


def read_detection_options(encoded: memoryview) -> DetectionOptions:
    """Read the options from their FlexBuffer.

    Raises:
        CompileError: damaged, incomplete, or values that make no sense.
    """
    values = _values(encoded)
    numbers = ("nms_score_threshold", "nms_iou_threshold", "y_scale", "x_scale", "h_scale", "w_scale")
    counts = ("max_detections", "max_classes_per_detection", "num_classes")
    missing = [name for name in (*numbers, *counts) if not isinstance(values.get(name), int | float)]
    if missing:
        raise CompileError(f"TFLite_Detection_PostProcess lacks the options {', '.join(missing)}")
    options = DetectionOptions(
        int(values["max_detections"]),
        int(values["max_classes_per_detection"]),
        int(values.get("detections_per_class", _DETECTIONS_PER_CLASS)),
        bool(values.get("use_regular_nms", False)),
        float(values["nms_score_threshold"]),
        float(values["nms_iou_threshold"]),
        int(values["num_classes"]),
        (float(values["y_scale"]), float(values["x_scale"]), float(values["h_scale"]), float(values["w_scale"])),
    )
    if faults := _faults(options):
        raise CompileError(f"TFLite_Detection_PostProcess has options that make no sense: {', '.join(faults)}")
    return options


def _values(encoded: memoryview) -> dict[str, Any]:
    flexbuffers: Any = importlib.import_module("flatbuffers.flexbuffers")
    try:
        entries = flexbuffers.GetRoot(bytes(encoded)).AsMap
        return {
            key.AsKey: value.Value
            for key, value in zip(entries.Keys, entries.Values, strict=True)
            if not (value.IsMap or value.IsVector or value.IsBlob)
        }
    except (ValueError, LookupError, TypeError, OverflowError, AttributeError, struct.error) as error:
        raise CompileError(f"the options of TFLite_Detection_PostProcess are damaged ({error})") from error


def _faults(options: DetectionOptions) -> list[str]:
    counts = {
        "max_detections": options.max_detections,
        "max_classes_per_detection": options.max_classes_per_detection,
        "detections_per_class": options.detections_per_class,
        "num_classes": options.num_classes,
        "max_detections * max_classes_per_detection": options.rows,
    }
    faults = [f"{name} {count}" for name, count in counts.items() if not 0 < count <= _MOST]
    faults += [] if 0 < options.nms_iou_threshold <= 1 else [f"nms_iou_threshold {options.nms_iou_threshold}"]
    faults += [] if math.isfinite(options.nms_score_threshold) else ["nms_score_threshold"]
    faults += [] if all(math.isfinite(scale) and scale > 0 for scale in options.scales) else ["a scale"]
    return faults
