"""How a network's outputs become a typed result, as a manifest states it: one settings class a kind of decoder."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from belvedere.runtime.fields import Color, Name, Part, Positive, Threshold

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class AnomalyDecoder(Part):
    """Thresholds (over 1 flags nothing) and anomaly types with one colour each, for task ``anomaly``."""

    kind: Literal["anomaly"] = "anomaly"
    threshold: Threshold
    pixel_threshold: Threshold
    types: Annotated[tuple[Name, ...], Field(max_length=254)] = ()
    colors: tuple[Color, ...] = ()

    @model_validator(mode="after")
    def _one_color_per_type(self) -> Self:
        if len(self.types) != len(self.colors):
            raise ValueError(f"{len(self.types)} types but {len(self.colors)} colors: expected one per type")
        if len(set(self.types)) != len(self.types):
            raise ValueError("a type is named twice")
        return self


class TensorDecoder(Part):
    """The outputs are the result: a model that is bound to no task."""

    kind: Literal["tensor"] = "tensor"


class ClassificationDecoder(Part):
    """How a classifier's output is read; see ``tasks.classification.ClassificationDecoder``."""

    kind: Literal["classification"] = "classification"
    output: Name
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    scale: Positive = 1.0
    zero_point: int = 0
    background: Annotated[int, Field(ge=0)] = 0


class DetectionDecoder(Part):
    """How a detector's outputs are read; see ``tasks.detection.DetectionDecoder``."""

    kind: Literal["detection"] = "detection"
    form: Literal["gluoncv", "multibox", "yolox", "yolo", "darknet", "ssd", "tf-detection"]
    outputs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    threshold: Share = 0.3
    iou: Share | None = None
    most: Annotated[int, Field(ge=1, le=100_000)] = 100
    strides: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=16)] = (
        8,
        16,
        32,
    )


class SegmentationDecoder(Part):
    """How a semantic segmentation network's output is read; see ``tasks.segmentation.SegmentationDecoder``."""

    kind: Literal["segmentation"] = "segmentation"
    output: Name
    form: Literal["scores", "classes"] = "scores"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    background: Annotated[int, Field(ge=0)] | None = None


class InstanceDecoder(Part):
    """How the outputs of a network that finds things with masks are read; see ``tasks.segmentation.InstanceDecoder``.

    ``boxes`` is a decoder of kind ``detection``, ``masks`` the output with one grid per row.
    """

    kind: Literal["instances"] = "instances"
    boxes: DetectionDecoder
    masks: Name
    mask_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5


class PoseDecoder(Part):
    """How a pose network's output is read; see ``tasks.pose.PoseDecoder``. No names stand for COCO's 17 keypoints."""

    kind: Literal["pose"] = "pose"
    output: Name
    form: Literal["heatmaps", "movenet"]
    threshold: Share = 0.3
    names: Annotated[tuple[Name, ...], Field(max_length=1024)] = ()
    skeleton: Annotated[tuple[tuple[int, int], ...], Field(max_length=4096)] = ()


def _kind(value: Any) -> str:
    found = value.get("kind", "anomaly") if isinstance(value, dict) else getattr(value, "kind", "")
    return found if isinstance(found, str) else ""


Decoder = Annotated[
    Annotated[AnomalyDecoder, Tag("anomaly")]
    | Annotated[TensorDecoder, Tag("tensor")]
    | Annotated[ClassificationDecoder, Tag("classification")]
    | Annotated[DetectionDecoder, Tag("detection")]
    | Annotated[SegmentationDecoder, Tag("segmentation")]
    | Annotated[InstanceDecoder, Tag("instances")]
    | Annotated[PoseDecoder, Tag("pose")],
    Discriminator(_kind),
]
"""A decoder of a manifest, told apart by ``kind``; without one it is ``anomaly``."""

TASKS = {
    "anomaly": "anomaly",
    "tensor": "tensor",
    "classification": "classification",
    "detection": "detection",
    "segmentation": "segmentation",
    "instances": "segmentation",
    "pose": "pose",
}
"""The task that each kind of decoder serves."""
