"""The detection task: which things are on this picture, and where?"""

from belvedere.tasks.detection.coco import ClassAP, CocoMeter, CocoMetrics
from belvedere.tasks.detection.compared import Found, Truth
from belvedere.tasks.detection.confusion import ConfusionMeter, DetectionConfusion
from belvedere.tasks.detection.decode import DetectionDecoder, decode_detection
from belvedere.tasks.detection.errors import DetectionError, DetectionErrors, ErrorMeter
from belvedere.tasks.detection.result import Detection, DetectionResult

__all__ = [
    "ClassAP",
    "CocoMeter",
    "CocoMetrics",
    "ConfusionMeter",
    "Detection",
    "DetectionConfusion",
    "DetectionDecoder",
    "DetectionError",
    "DetectionErrors",
    "DetectionResult",
    "ErrorMeter",
    "Found",
    "Truth",
    "decode_detection",
]
