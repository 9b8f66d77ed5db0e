"""The classification task: what is on this picture?"""

from belvedere.tasks.classification.calibration import Calibration
from belvedere.tasks.classification.decode import ClassificationDecoder, decode_classification
from belvedere.tasks.classification.metrics import (
    ClassFigures,
    ClassificationMeter,
    ClassificationMetrics,
    TopAccuracy,
    top_accuracy,
)
from belvedere.tasks.classification.result import ClassificationResult, ClassScore

__all__ = [
    "Calibration",
    "ClassFigures",
    "ClassScore",
    "ClassificationDecoder",
    "ClassificationMeter",
    "ClassificationMetrics",
    "ClassificationResult",
    "TopAccuracy",
    "decode_classification",
    "top_accuracy",
]
