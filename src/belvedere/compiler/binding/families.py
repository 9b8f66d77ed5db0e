"""Families of networks, and the conventions that their makers document.

A family is what ``--decoder NAME`` names. Its normalisation is used when the user names it; recognising a network alone
never brings one in, except where the convention is no normalisation at all, or lies in the framework itself (Darknet
always divides by 255).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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

    @property
    def task(self) -> str:
        """The task that it serves."""
        return "segmentation" if self.kind == "instances" else self.kind

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


_ALL = (
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

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
"""Families by name."""


def named_like(family: Family) -> tuple[Family, ...]:
    """Families with a documented normalisation, which must be named, that read outputs as ``family`` does."""
    return tuple(
        other
        for other in _ALL
        if (other.kind, other.form) == (family.kind, family.form) and other.scale and not other.inherent
    )
