"""Anomaly training: nearest-normal memory, supervised heads on the same features, one ONNX scoring graph."""

from belvedere.training.anomaly.options import TrainOptions
from belvedere.training.anomaly.trainer import train

__all__ = ["TrainOptions", "train"]
