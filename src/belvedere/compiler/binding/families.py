"""Families of networks, and the conventions that their makers document.

A family is what ``--decoder NAME`` names. Its normalisation is used when the user names it; recognising a network alone
never brings one in, except where the convention is no normalisation at all, or lies in the framework itself (Darknet
always divides by 255).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from belvedere.runtime.decoders import FORMER_TASKS, TASKS

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Family:
    """One family's conventions.

    Attributes:
        name: As users write it.
        title: In words.
        kind: Kind of decoder in the manifest.
        form: How the outputs are written; empty where the kind has only one way.
        color: Channels that the network takes.
        scale: Factor on 0..255; None where the family has no convention.
        mean: Subtracted after scaling.
        std: Divided by at last.
        mode: How pictures are brought to size.
        kernel: Resize kernel.
        anchor: Where a letterbox puts the picture.
        fill: Colour of a letterbox's rest.
        inherent: Whether the normalisation needs no naming: there is none, or the framework itself does it.
        source: Where the convention is written.
        settings: Fields of the decoder that are the family's own; those of an instance decoder's boxes in ``boxes``.
    """

    name: str
    title: str
    kind: str
    form: str = ""
    color: Literal["RGB", "BGR"] = "RGB"
    scale: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    mode: Literal["stretch", "letterbox", "crop"] = "stretch"
    kernel: str = "bilinear"
    anchor: Literal["center", "top-left"] = "center"
    fill: str = "#000000"
    inherent: bool = False
    source: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The task that it serves."""
        return TASKS[self.kind]

    @property
    def normalisation(self) -> str:
        """Its normalisation in words; empty where it has none that is documented."""
        if self.scale is None:
            return ""
        factor = f"{self.color} / {1 / self.scale:g}" if self.scale != 1 else f"{self.color} 0 to 255"
        if not any(self.mean) and set(self.std) == {1.0}:
            return factor
        numbers = [" ".join(f"{value:g}" for value in values) for values in (self.mean, self.std)]
        return f"{factor}, mean {numbers[0]}, std {numbers[1]}"


def _gluoncv(name: str, title: str, kind: str, form: str = "", **more: object) -> Family:
    return Family(
        name, title, kind, form, scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD,
        source="GluonCV's presets", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _imagenet(name: str, title: str, kind: str, form: str = "", **more: object) -> Family:
    return Family(
        name, title, kind, form, scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _yolo(name: str, title: str, kind: str, form: str, **more: object) -> Family:
    return Family(
        name, title, kind, form, scale=1 / 255, mode="letterbox", kernel="linear", fill="#727272", **more,  # type: ignore[arg-type]
    )  # fmt: skip


_SIGMOID = {"activation": "sigmoid"}
_FIRST = {"activation": "softmax", "background": "first"}
_YOLO3_ANCHORS = (
    (116.0, 90.0, 156.0, 198.0, 373.0, 326.0), (30.0, 61.0, 62.0, 45.0, 59.0, 119.0),
    (10.0, 13.0, 16.0, 30.0, 33.0, 23.0),
)  # fmt: skip
_NANODET_MEAN, _NANODET_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
_HUB = "the image processor of transformers"

_DETECTORS = (
    _yolo("yolo3", "a YOLOv3 with raw heads", "detection", "yolo3", source="Darknet's load_image",
          settings={"anchors": _YOLO3_ANCHORS}),
    _yolo("yolov8", "a YOLO without objectness", "detection", "yolov8", source="the networks' published exports"),
    _yolo("yolov8-seg", "a YOLO without objectness, with masks", "instances", "yolov8",
          source="the networks' published exports", settings={"form": "prototypes", "boxes": {"extra": 32}}),
    _yolo("yolo-seg", "a YOLO with masks", "instances", "yolo", source="the networks' published exports",
          settings={"form": "prototypes", "boxes": {"extra": 32}}),
    Family("nanodet", "a NanoDet", "detection", "nanodet", color="BGR", scale=1.0, mean=_NANODET_MEAN,
           std=_NANODET_STD, mode="letterbox", kernel="linear", source="NanoDet's configurations"),
    Family("nanodet-plus", "a NanoDet-Plus", "detection", "nanodet-plus", color="BGR", scale=1.0, mean=_NANODET_MEAN,
           std=_NANODET_STD, kernel="linear", source="NanoDet's configurations",
           settings={"strides": (8, 16, 32, 64)}),
    Family("ssd-raw", "an SSD without suppression", "detection", "ssd-raw", kernel="linear", settings=_FIRST),
    Family("ssd-caffe", "a Caffe SSD without suppression", "detection", "ssd-raw", color="BGR", scale=1.0,
           mean=(104.0, 117.0, 123.0), kernel="linear", source="Caffe's SSD", settings=_FIRST),
    Family("ssd-tf-raw", "an SSD of TensorFlow without suppression", "detection", "ssd-raw", scale=1 / 127.5,
           mean=(1.0,), kernel="linear", source="TensorFlow's Object Detection API",
           settings={"box_order": "yxhw", "priors_as": "centers", "activation": "sigmoid", "background": "first"}),
    Family("ssd300-torchvision", "a torchvision SSD300 without suppression", "detection", "ssd-raw", scale=1.0,
           mean=(123.0, 117.0, 104.0), kernel="linear", source="torchvision's ssd300_vgg16", settings=_FIRST),
    Family("ssdlite-torchvision", "a torchvision SSDLite without suppression", "detection", "ssd-raw",
           scale=1 / 127.5, mean=(1.0,), kernel="linear", source="torchvision's ssdlite320_mobilenet_v3_large",
           settings=_FIRST),
    _imagenet("retinanet-torchvision", "a torchvision RetinaNet without suppression", "detection", "ssd-raw",
              kernel="linear", source="torchvision's retinanet_resnet50_fpn",
              settings={"variances": (1.0, 1.0, 1.0, 1.0), **_SIGMOID, "background": "none"}),
    _imagenet("yolact", "a YOLACT", "instances", "ssd-raw", kernel="linear", source="YOLACT's configurations",
              settings={"form": "prototypes", "layout": "NHWC",
                        "boxes": {"background": "first", "priors_as": "centers"}}),
    _imagenet("detr", "a DETR or YOLOS", "detection", "detr", source=_HUB,
              settings={"activation": "softmax", "background": "last"}),
    Family("rt-detr", "an RT-DETR, RT-DETRv2 or D-FINE", "detection", "detr", scale=1 / 255, source=_HUB,
           settings=_SIGMOID),
    _imagenet("rf-detr", "an RF-DETR or Deformable DETR", "detection", "detr", source=_HUB, settings=_SIGMOID),
    _imagenet("rf-detr-seg", "an RF-DETR with masks", "instances", "detr", source=_HUB,
              settings={"form": "queries", "boxes": _SIGMOID}),
    Family("detr-decoded", "an RT-DETR or D-FINE that decodes its boxes", "detection", "gluoncv", scale=1 / 255,
           source="RT-DETR's export"),
)  # fmt: skip

_DENSE = (
    _imagenet("mask2former", "a Mask2Former or MaskFormer that finds things", "mask-queries", "mask2former",
              source=_HUB),
    _imagenet("eomt", "an EoMT that finds things", "mask-queries", "eomt", mode="letterbox", anchor="top-left",
              source=_HUB),
    _imagenet("mask2former-semantic", "a Mask2Former, MaskFormer or EoMT that tells classes", "segmentation",
              "queries", source=_HUB, settings={"resolution": "picture"}),
    _imagenet("segformer", "a SegFormer", "segmentation", "scores", source=_HUB, settings={"resolution": "picture"}),
    _imagenet("hrnet-pose", "an HRNet or SimpleBaseline of mmpose", "pose", "heatmaps", mode="letterbox",
              kernel="linear", source="mmpose's configurations"),
    _imagenet("vitpose", "a ViTPose", "pose", "vitpose", mode="letterbox", kernel="linear", source=_HUB),
    Family("movenet-multipose", "a MoveNet of several people", "pose", "movenet-multipose", scale=1.0,
           mode="letterbox", inherent=True, source="MoveNet's model card"),
    Family("posenet", "a PoseNet of several people", "pose", "posenet", scale=1 / 127.5, mean=(1.0,),
           mode="letterbox", source="TensorFlow's PoseNet",
           settings={"activation": "sigmoid", "layout": "NHWC"}),
    Family("posenet-single", "a PoseNet of one person", "pose", "posenet-single", scale=1 / 127.5, mean=(1.0,),
           mode="letterbox", source="TensorFlow's PoseNet",
           settings={"activation": "sigmoid", "layout": "NHWC"}),
    _yolo("yolo-pose", "a YOLO with joints", "pose", "yolo-pose", source="the networks' published exports"),
)  # fmt: skip

_BY_BORDERS = (
    Family("classifier", "a classifier", "classification"),
    _gluoncv("gluoncv-classifier", "a GluonCV or torchvision ImageNet classifier", "classification", mode="crop"),
    Family("tf-classifier", "a TensorFlow ImageNet classifier", "classification", scale=1 / 127.5, mean=(1.0,),
           mode="crop", source="TensorFlow's Inception preprocessing"),
    Family("sagemaker-classification", "a classifier of SageMaker's built-in algorithm", "classification"),
    # Panorama's published applications bring frames to size with OpenCV, without keeping the aspect ratio.
    _gluoncv("gluoncv-ssd", "a GluonCV SSD", "detection", "gluoncv", kernel="linear"),
    _gluoncv("gluoncv-yolo3", "a GluonCV YOLOv3", "detection", "gluoncv", kernel="linear"),
    _gluoncv("gluoncv-rcnn", "a GluonCV Faster R-CNN", "detection", "gluoncv", kernel="linear"),
    _gluoncv("gluoncv-center-net", "a GluonCV CenterNet", "detection", "gluoncv", kernel="linear"),
    _gluoncv("gluoncv-mask-rcnn", "a GluonCV Mask R-CNN", "instances", "gluoncv", kernel="linear"),
    Family("gluoncv", "a GluonCV detector", "detection", "gluoncv", kernel="linear"),
    Family("sagemaker-detection", "an SSD of SageMaker's built-in algorithm", "detection", "multibox"),
    Family("yolox", "a YOLOX", "detection", "yolox", color="BGR", scale=1.0, mode="letterbox", kernel="linear",
           anchor="top-left", fill="#727272", inherent=True, source="YOLOX's preproc"),
    Family("yolox-decoded", "a YOLOX that decodes its grid", "detection", "yolo", color="BGR", scale=1.0,
           mode="letterbox", kernel="linear", anchor="top-left", fill="#727272", inherent=True,
           source="YOLOX's preproc"),
    Family("yolo", "a detector with rows in pixels of the input", "detection", "yolo", mode="letterbox",
           kernel="linear", fill="#727272"),
    Family("darknet", "a Darknet YOLO", "detection", "darknet", scale=1 / 255, kernel="linear", inherent=True,
           source="Darknet's load_image"),
    Family("darknet-classifier", "a Darknet classifier", "classification", scale=1 / 255, mode="crop", inherent=True,
           source="Darknet's load_image"),
    Family("ssd", "an SSD with post-processing", "detection", "ssd", kernel="linear"),
    Family("tf-ssd", "an SSD of TensorFlow's Object Detection API that takes floats", "detection", "ssd",
           scale=1 / 127.5, mean=(1.0,), kernel="linear", source="TensorFlow's Object Detection API"),
    Family("tf-detection", "a detector of TensorFlow's Object Detection API", "detection", "tf-detection", scale=1.0,
           kernel="linear", inherent=True, source="TensorFlow's Object Detection API"),
    Family("tf-mask-rcnn", "a Mask R-CNN of TensorFlow's Object Detection API", "instances", "tf-detection", scale=1.0,
           kernel="linear", inherent=True, source="TensorFlow's Object Detection API"),
    _gluoncv("gluoncv-segmentation", "a GluonCV segmentation network", "segmentation", "scores"),
    Family("segmentation", "a segmentation network", "segmentation", "scores"),
    Family("deeplab", "a segmentation network with a class map", "segmentation", "classes"),
    _gluoncv("gluoncv-pose", "a GluonCV SimplePose", "pose", "heatmaps", kernel="linear"),
    Family("heatmaps", "a pose network with heatmaps", "pose", "heatmaps"),
    Family("movenet", "a MoveNet", "pose", "movenet", scale=1.0, mode="letterbox", inherent=True,
           source="MoveNet's model card"),
)  # fmt: skip

_ALL = (*_BY_BORDERS, *_DETECTORS, *_DENSE)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
"""Families by name."""


def serves(family: Family, task: str | None) -> bool:
    """Whether a family is of a task, which may have a former name; any is of None."""
    return task is None or family.task in FORMER_TASKS.get(task, (task,))


def named_like(family: Family) -> tuple[Family, ...]:
    """Families with a documented normalisation, which must be named, that read outputs as ``family`` does."""
    return tuple(
        other
        for other in _ALL
        if (other.kind, other.form) == (family.kind, family.form) and other.scale and not other.inherent
    )
