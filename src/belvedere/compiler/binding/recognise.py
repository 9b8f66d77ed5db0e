"""Recognising networks by their inputs, outputs and operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import FAMILIES, Family
from belvedere.compiler.importing import Port
from belvedere.tasks.detection.formats import STRIDES, grid_cells

Shape = tuple[int, ...]

_TF_NAMES = ("detection_boxes", "detection_classes", "detection_scores")
_JOINTS = 17


@dataclass(frozen=True)
class Picture:
    """How an input takes a picture.

    Attributes:
        port: The input.
        layout: ``NCHW`` or ``NHWC``.
        channels: 1 or 3.
        width: In pixels, -1 where it is free.
        height: In pixels, -1 where it is free.
    """

    port: Port
    layout: str
    channels: int
    width: int
    height: int


@dataclass(frozen=True)
class Recognised:
    """What a network seems to be.

    Attributes:
        family: Its family.
        settings: Fields of the decoder in the manifest, without ``kind`` and ``form``.
        classes: How many classes its outputs have; None where they do not tell.
    """

    family: Family
    settings: dict[str, Any] = field(default_factory=dict)
    classes: int | None = None


def picture_of(inputs: Sequence[Port]) -> Picture | None:
    """The only input as a picture: four axes, one or three channels, first or last; None where it is none."""
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        return None
    port = inputs[0]
    _, first, middle, last = port.shape
    layouts = [layout for layout, channels in (("NCHW", first), ("NHWC", last)) if channels in (1, 3)]
    if port.layout in layouts:
        layouts = [port.layout]
    # Where both ends could be channels the smaller one is not a side of a picture: (1, 3, 3, 1) is none.
    if len(layouts) != 1:
        return None
    if layouts[0] == "NCHW":
        return Picture(port, "NCHW", first, last, middle)
    return Picture(port, "NHWC", last, middle, first)


def recognise(inputs: Sequence[Port], outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """What the network seems to be; None where its borders fit no family or several.

    Args:
        inputs: Its inputs.
        outputs: Its outputs in order.
        facts: What its graph tells.
    """
    picture = picture_of(inputs)
    if picture is None or not outputs:
        return None
    for rule in (
        _tf_detection,
        _gluoncv,
        _ssd,
        _multibox,
        _darknet,
        _yolox,
        _movenet,
        _pose,
        _segmentation,
        _classifier,
    ):
        found = rule(picture, outputs, facts)
        if found is not None:
            return found
    return None


def _tf_detection(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    names = {port.name.split(":")[0]: port.name for port in outputs}
    if not all(name in names for name in _TF_NAMES):
        return None
    boxes = tuple(names[name] for name in (*_TF_NAMES, "num_detections") if name in names)
    if "detection_masks" in names:
        settings = {"boxes": {"form": "tf-detection", "outputs": boxes}, "masks": names["detection_masks"]}
        return Recognised(FAMILIES["tf-mask-rcnn"], settings)
    return Recognised(FAMILIES["tf-detection"], {"outputs": boxes})


def _gluoncv(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    if len(outputs) not in (3, 4):
        return None
    ids, scores, boxes = (_rows(port) for port in outputs[:3])
    if len(ids) != len(scores) or len(ids) not in (1, 2) or ids[1:] not in ((), (1,)):
        return None
    if ids != scores or len(boxes) != 2 or boxes[1] != 4 or boxes[0] != ids[0]:
        return None
    names = tuple(port.name for port in outputs)
    if len(outputs) == 3:
        return Recognised(FAMILIES["gluoncv"], {"outputs": names})
    masks = _rows(outputs[3])
    if len(masks) not in (3, 4) or masks[0] != ids[0]:
        return None
    settings = {"boxes": {"form": "gluoncv", "outputs": names[:3]}, "masks": names[3]}
    return Recognised(FAMILIES["gluoncv-mask-rcnn"], settings)


def _ssd(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    if len(outputs) != 4:
        return None
    boxes, classes, scores = (_rows(port) for port in outputs[:3])
    count = outputs[3].shape
    if len(boxes) != 2 or boxes[1] != 4 or classes != (boxes[0],) or scores != classes or len(count) > 1:
        return None
    return Recognised(FAMILIES["ssd"], {"outputs": tuple(port.name for port in outputs)})


def _multibox(_picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    # Rows of 6 are written in many ways; those of MXNet's MultiBoxDetection are known.
    if facts.framework != "mxnet" or len(outputs) != 1 or _rows(outputs[0])[1:] != (6,):
        return None
    return Recognised(FAMILIES["sagemaker-detection"], {"outputs": (outputs[0].name,)})


def _darknet(_picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    columns = {port.shape[-1] for port in outputs if port.shape}
    # One row of two axes is a classifier's output.
    rows = all(len(port.shape) == 3 or (len(port.shape) == 2 and port.shape[0] != 1) for port in outputs)
    if facts.framework != "darknet" or not rows or len(columns) != 1 or min(columns) < 6:
        return None
    return Recognised(
        FAMILIES["darknet"], {"outputs": tuple(port.name for port in outputs), "iou": 0.45}, min(columns) - 5
    )


def _yolox(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    size = (picture.width, picture.height)
    if len(outputs) != 1 or min(size) < 1:
        return None
    rows = _rows(outputs[0])
    if len(rows) != 2 or rows[1] < 6 or rows[0] != grid_cells(size, STRIDES):
        return None
    # Networks that decode their own grid raise e to the sizes.
    family = FAMILIES["yolox-decoded" if "Exp" in facts.operators else "yolox"]
    return Recognised(family, {"outputs": (outputs[0].name,), "iou": 0.45}, rows[1] - 5)


def _movenet(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    if len(outputs) != 1 or _rows(outputs[0])[1:] != (_JOINTS, 3):
        return None
    return Recognised(FAMILIES["movenet"], {"output": outputs[0].name})


def _pose(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    if len(outputs) != 1 or len(outputs[0].shape) != 4 or outputs[0].shape[1] != _JOINTS:
        return None
    height, width = outputs[0].shape[2:]
    strides = {(picture.height / height, picture.width / width)} if min(height, width) > 0 else set()
    if picture.layout != "NCHW" or not strides & {(2, 2), (4, 4), (8, 8)}:
        return None
    return Recognised(FAMILIES["heatmaps"], {"output": outputs[0].name})


def _segmentation(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    size = (picture.height, picture.width)
    if min(size) < 1 or len(outputs) > 2:
        return None
    main = outputs[0]
    inner = _rows(main)
    whole = np.issubdtype(np.dtype(main.dtype), np.integer)
    if (
        len(outputs) == 1
        and tuple(side for side in inner if side != 1) == size
        and (whole or facts.makers.get(main.name) in ("ArgMax", "TopK"))
    ):
        return Recognised(FAMILIES["deeplab"], {"output": main.name})
    if len(inner) != 3 or whole:
        return None
    layouts = [name for name, sides in (("NCHW", inner[1:]), ("NHWC", inner[:2])) if sides == size]
    if len(layouts) != 1:
        return None
    classes = inner[0] if layouts[0] == "NCHW" else inner[2]
    auxiliary = len(outputs) == 2 and outputs[1].shape == main.shape
    if len(outputs) == 2 and not auxiliary:
        return None
    # As many maps as colours may be another picture, two may be motion: those need to be named.
    if classes < 2 or (classes < 4 and not auxiliary and facts.makers.get(main.name) != "Softmax"):
        return None
    return Recognised(FAMILIES["segmentation"], {"output": main.name, "layout": layouts[0]}, classes)


def _classifier(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    if len(outputs) != 1:
        return None
    port = outputs[0]
    sides = [side for side in _rows(port) if side != 1]
    if len(port.shape) not in (2, 4) or len(sides) != 1 or sides[0] < 2:
        return None
    if min(picture.width, picture.height) in (0, 1):
        return None
    family = FAMILIES["darknet-classifier" if facts.framework == "darknet" else "classifier"]
    return Recognised(family, {"output": port.name, **activation_of(port, facts)}, sides[0])


def activation_of(port: Port, facts: Facts) -> dict[str, Any]:
    """How a classifier's numbers become scores: fields of the decoder."""
    maker = facts.makers.get(port.name, "")
    if port.dtype in ("uint8", "int8"):
        # TensorFlow Lite fixes the quantisation of softmax: steps of 1/256 from 0, or from -128.
        return {"activation": "none", "scale": 1 / 256, "zero_point": 0 if port.dtype == "uint8" else -128}
    return {"activation": "none" if maker in ("Softmax", "SoftMax", "Sigmoid") else "softmax"}


def _rows(port: Port) -> Shape:
    """The shape for one picture."""
    return tuple(port.shape[1:])
