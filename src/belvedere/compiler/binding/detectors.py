"""Recognising detectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from belvedere.compiler.binding.borders import Picture, Recognised, by_name, per_picture
from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import FAMILIES
from belvedere.compiler.binding.priors import priors_of
from belvedere.compiler.importing import Port
from belvedere.tasks.detection.formats import STRIDES, grid_cells

_TF_NAMES = ("detection_boxes", "detection_classes", "detection_scores")
_NANODET_STRIDES, _NANODET_BINS = (8, 16, 32, 64), 8
_IOU = 0.45
_JOINTS = 17


def tf_detection(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """TensorFlow's Object Detection API, with or without masks."""
    names = {port.name.split(":")[0]: port.name for port in outputs}
    if not all(name in names for name in _TF_NAMES):
        return None
    boxes = tuple(names[name] for name in (*_TF_NAMES, "num_detections") if name in names)
    if "detection_masks" in names:
        settings = {"boxes": {"form": "tf-detection", "outputs": boxes}, "masks": names["detection_masks"]}
        return Recognised(FAMILIES["tf-mask-rcnn"], settings)
    return Recognised(FAMILIES["tf-detection"], {"outputs": boxes})


def gluoncv(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """GluonCV's triples, with or without masks."""
    if len(outputs) not in (3, 4):
        return None
    ids, scores, boxes = (per_picture(port) for port in outputs[:3])
    if len(ids) != len(scores) or len(ids) not in (1, 2) or ids[1:] not in ((), (1,)):
        return None
    if ids != scores or len(boxes) != 2 or boxes[1] != 4 or boxes[0] != ids[0]:
        return None
    names = tuple(port.name for port in outputs)
    if len(outputs) == 3:
        return Recognised(FAMILIES["gluoncv"], {"outputs": names})
    masks = per_picture(outputs[3])
    if len(masks) not in (3, 4) or masks[0] != ids[0]:
        return None
    settings = {"boxes": {"form": "gluoncv", "outputs": names[:3]}, "masks": names[3]}
    return Recognised(FAMILIES["gluoncv-mask-rcnn"], settings)


def ssd(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """TensorFlow Lite's post-processing."""
    if len(outputs) != 4:
        return None
    boxes, classes, scores = (per_picture(port) for port in outputs[:3])
    count = outputs[3].shape
    if len(boxes) != 2 or boxes[1] != 4 or classes != (boxes[0],) or scores != classes or len(count) > 1:
        return None
    return Recognised(FAMILIES["ssd"], {"outputs": tuple(port.name for port in outputs)})


def multibox(_picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """MXNet's MultiBoxDetection."""
    # Rows of 6 are written in many ways; those of MXNet's MultiBoxDetection are known.
    if facts.framework != "mxnet" or len(outputs) != 1 or per_picture(outputs[0])[1:] != (6,):
        return None
    return Recognised(FAMILIES["sagemaker-detection"], {"outputs": (outputs[0].name,)})


def darknet(_picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """Darknet's rows."""
    columns = {port.shape[-1] for port in outputs if port.shape}
    # One row of two axes is a classifier's output.
    rows = all(len(port.shape) == 3 or (len(port.shape) == 2 and port.shape[0] != 1) for port in outputs)
    if facts.framework != "darknet" or not rows or len(columns) != 1 or min(columns) < 6:
        return None
    return Recognised(
        FAMILIES["darknet"], {"outputs": tuple(port.name for port in outputs), "iou": _IOU}, min(columns) - 5
    )


def yolox(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """YOLOX's grid."""
    size = (picture.width, picture.height)
    if len(outputs) != 1 or min(size) < 1:
        return None
    rows = per_picture(outputs[0])
    if len(rows) != 2 or rows[1] < 6 or rows[0] != grid_cells(size, STRIDES):
        return None
    # Networks that decode their own grid raise e to the sizes.
    family = FAMILIES["yolox-decoded" if "Exp" in facts.operators else "yolox"]
    return Recognised(family, {"outputs": (outputs[0].name,), "iou": _IOU}, rows[1] - 5)


def yolov8(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """Columns without objectness, alone or with prototypes of masks."""
    if len(outputs) not in (1, 2) or min(picture.size) < 1:
        return None
    columns = per_picture(outputs[0])
    if len(columns) != 2 or columns[1] != grid_cells(picture.size, STRIDES) or columns[0] < 5:
        return None
    name = outputs[0].name
    if len(outputs) == 1:
        # As many columns as COCO's joints make may be classes: those need to be named.
        if columns[0] == 5 + 3 * _JOINTS:
            return None
        return Recognised(FAMILIES["yolov8"], {"outputs": (name,), "iou": _IOU}, columns[0] - 4)
    prototypes = per_picture(outputs[1])
    if len(prototypes) != 3 or prototypes[1:] != (picture.height // 4, picture.width // 4):
        return None
    extra = prototypes[0]
    if not 1 <= extra < columns[0] - 4:
        return None
    boxes = {"outputs": (name,), "iou": _IOU, "extra": extra}
    return Recognised(FAMILIES["yolov8-seg"], {"boxes": boxes, "masks": outputs[1].name}, columns[0] - 4 - extra)


def nanodet(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """NanoDet-Plus in one output, NanoDet in two per stride."""
    if min(picture.size) < 1:
        return None
    names = [port.name for port in outputs]
    pairs = [(f"cls_pred_stride_{stride}", f"dis_pred_stride_{stride}") for stride in STRIDES]
    if set(names) == {name for pair in pairs for name in pair}:
        ordered = tuple(name for pair in pairs for name in pair)
        classes = next(per_picture(port)[-1] for port in outputs if port.name == ordered[0] and len(port.shape) > 1)
        return Recognised(FAMILIES["nanodet"], {"outputs": ordered, "iou": 0.6}, classes)
    cells = sum(math.prod(math.ceil(side / stride) for side in picture.size) for stride in _NANODET_STRIDES)
    rows = per_picture(outputs[0])
    if len(outputs) != 1 or len(rows) != 2 or rows[0] != cells or rows[1] <= 4 * _NANODET_BINS:
        return None
    return Recognised(FAMILIES["nanodet-plus"], {"outputs": (names[0],), "iou": 0.6}, rows[1] - 4 * _NANODET_BINS)


def ssd_raw(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """SSD and RetinaNet without suppression, by their makers' names and numbers of prior boxes."""
    names = by_name(outputs)
    for codes, numbers, families in (
        ("box_encodings", "class_predictions", ("ssd-tf-raw",)),
        ("bbox_regression", "cls_logits", ("ssd300-torchvision", "ssdlite-torchvision", "retinanet-torchvision")),
    ):
        if codes not in names or numbers not in names or min(picture.size) < 1:
            continue
        rows, columns = per_picture(names[codes]), per_picture(names[numbers])
        for family in (FAMILIES[name] for name in families):
            priors = priors_of(family, picture.size)
            fits = rows[-1:] == (4,) and rows[0] == sum(map(len, priors)) and columns[:1] == rows[:1]
            if fits and len(columns) == 2:
                named = (names[codes].name, names[numbers].name)
                classes = columns[1] - (family.settings["background"] != "none")
                return Recognised(family, {"outputs": named, "iou": _IOU}, classes)
    return None
