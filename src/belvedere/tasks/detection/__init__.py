"""The detection task: which things are on this picture, and where?"""

from belvedere.tasks.detection.decode import DetectionDecoder, decode_detection
from belvedere.tasks.detection.metrics import DetectionMeter, DetectionMetrics
from belvedere.tasks.detection.result import Detection, DetectionResult

__all__ = [
    "Detection",
    "DetectionDecoder",
    "DetectionMeter",
    "DetectionMetrics",
    "DetectionResult",
    "decode_detection",
]
