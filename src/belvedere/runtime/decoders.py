"""How a network's outputs become a typed result, as a manifest states it: one settings class a kind of decoder."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from belvedere.runtime.fields import Color, Name, Part, Positive, Threshold

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Many = Annotated[int, Field(ge=1, le=100_000)]


_NEW: dict[str, JsonValue] = {"new": True}


class _Growing(Part):
    """A part that has got fields since schema 1: one that holds nothing of its own is not written.

    So manifests that need none of them stay as they were, and older versions can read them.
    """

    @model_serializer(mode="wrap")
    def _without_what_is_new(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        new = {name for name, field in fields.items() if field.json_schema_extra == _NEW}
        return {
            key: value
            for key, value in handler(self).items()
            if key not in new or getattr(self, key) != fields[key].get_default(call_default_factory=True)
        }


def _new(default: Any) -> Any:
    return Field(default, json_schema_extra=dict(_NEW))


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


class PriorMap(Part):
    """Prior boxes of one feature map; see ``tasks.detection.priors.PriorMap``."""

    columns: Annotated[int, Field(ge=1, le=4096)]
    rows: Annotated[int, Field(ge=1, le=4096)]
    sizes: Annotated[tuple[tuple[Positive, Positive], ...], Field(min_length=1, max_length=256)]
    pitch: tuple[Positive, Positive] | None = None
    offset: Share = 0.5


class DetectionDecoder(_Growing):
    """How a detector's outputs are read; see ``tasks.detection.DetectionDecoder``."""

    kind: Literal["detection"] = "detection"
    form: Literal[
        "gluoncv",
        "multibox",
        "yolox",
        "yolo",
        "yolov8",
        "darknet",
        "yolo3",
        "nanodet",
        "nanodet-plus",
        "ssd",
        "tf-detection",
        "ssd-raw",
        "detr",
    ]
    outputs: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    threshold: Share = 0.3
    iou: Share | None = None
    most: Many = 100
    strides: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=16)] = (
        8,
        16,
        32,
    )
    suppression: Literal["hard", "soft-linear", "soft-gaussian"] = _new("hard")
    sigma: Positive = _new(0.5)
    candidates: Annotated[int, Field(ge=1, le=4_000_000)] | None = _new(None)
    anchors: Annotated[
        tuple[Annotated[tuple[Positive, ...], Field(min_length=2, max_length=64)], ...], Field(max_length=16)
    ] = _new(())
    priors: Annotated[tuple[PriorMap, ...], Field(max_length=16)] = _new(())
    variances: tuple[Positive, Positive, Positive, Positive] = _new((0.1, 0.1, 0.2, 0.2))
    box_order: Literal["xywh", "yxhw"] = _new("xywh")
    priors_as: Literal["corners", "centers"] = _new("corners")
    activation: Literal["none", "sigmoid", "softmax"] = _new("none")
    background: Literal["none", "first", "last"] = _new("none")
    bins: Annotated[int, Field(ge=2, le=256)] = _new(8)
    layout: Literal["NCHW", "NHWC"] = _new("NCHW")
    extra: Annotated[int, Field(ge=0, le=4096)] = _new(0)


class SegmentationDecoder(_Growing):
    """How a semantic segmentation network's output is read; see ``tasks.segmentation.SegmentationDecoder``."""

    kind: Literal["segmentation"] = "segmentation"
    output: Name
    form: Literal["scores", "classes", "queries"] = "scores"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    background: Annotated[int, Field(ge=0)] | None = None
    resolution: Literal["input", "picture"] = _new("input")
    queries: Name | None = _new(None)


class InstanceDecoder(_Growing):
    """How the outputs of a network that finds things with masks are read; see ``tasks.segmentation.InstanceDecoder``.

    ``boxes`` is a decoder of kind ``detection``, ``masks`` the output with one grid per row.
    """

    kind: Literal["instances"] = "instances"
    boxes: DetectionDecoder
    masks: Name
    mask_threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    form: Literal["grids", "prototypes", "queries"] = _new("grids")
    coefficients: Name | None = _new(None)
    layout: Literal["NCHW", "NHWC"] = _new("NCHW")


class MaskQueryDecoder(Part):
    """How queries with a class and a mask each become things; see ``tasks.segmentation.MaskQueryDecoder``."""

    kind: Literal["mask-queries"] = "mask-queries"
    queries: Name
    masks: Name
    form: Literal["mask2former", "eomt"] = "mask2former"
    threshold: Share = 0.5
    most: Many = 100


class PoseDecoder(_Growing):
    """How a pose network's output is read; see ``tasks.pose.PoseDecoder``. No names stand for COCO's 17 keypoints."""

    kind: Literal["pose"] = "pose"
    output: Name
    form: Literal["heatmaps", "vitpose", "movenet", "movenet-multipose", "posenet-single", "posenet", "yolo-pose"]
    threshold: Share = 0.3
    names: Annotated[tuple[Name, ...], Field(max_length=1024)] = ()
    skeleton: Annotated[tuple[tuple[int, int], ...], Field(max_length=4096)] = ()
    further: Annotated[tuple[Name, ...], Field(max_length=3)] = _new(())
    layout: Literal["NCHW", "NHWC"] = _new("NCHW")
    activation: Literal["none", "sigmoid"] = _new("none")
    person_threshold: Share = _new(0.25)
    most: Many = _new(20)
    iou: Share = _new(0.65)
    seed_threshold: Share = _new(0.5)
    radius: Threshold = _new(20.0)


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
    | Annotated[MaskQueryDecoder, Tag("mask-queries")]
    | Annotated[PoseDecoder, Tag("pose")],
    Discriminator(_kind),
]
"""A decoder of a manifest, told apart by ``kind``; without one it is ``anomaly``."""

TASKS = {
    "anomaly": "anomaly",
    "tensor": "tensor",
    "classification": "classification",
    "detection": "detection",
    "segmentation": "semantic-segmentation",
    "instances": "instance-segmentation",
    "mask-queries": "instance-segmentation",
    "pose": "pose",
}
"""The task that each kind of decoder serves."""

FORMER_TASKS = {"segmentation": ("semantic-segmentation", "instance-segmentation")}
"""Names that tasks once had, and what they stood for: older artifacts have them, and command lines may."""
