"""Recognising networks that see joints, pixels and whole pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from belvedere.compiler.binding.borders import Picture, Recognised, per_picture
from belvedere.compiler.binding.evidence import maps_of_classes, scores_of_classes
from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import FAMILIES
from belvedere.compiler.importing import Port

_JOINTS, _EDGES = 17, 16
_MOST_PEOPLE = 32


def movenet(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """MoveNet's rows of joints."""
    if len(outputs) != 1 or per_picture(outputs[0])[1:] != (_JOINTS, 3):
        return None
    return Recognised(FAMILIES["movenet"], {"output": outputs[0].name})


def pose(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """Heatmaps of joints."""
    if len(outputs) != 1 or len(outputs[0].shape) != 4 or outputs[0].shape[1] != _JOINTS:
        return None
    height, width = outputs[0].shape[2:]
    strides = {(picture.height / height, picture.width / width)} if min(height, width) > 0 else set()
    if picture.layout != "NCHW" or not strides & {(2, 2), (4, 4), (8, 8)}:
        return None
    return Recognised(FAMILIES["heatmaps"], {"output": outputs[0].name})


def segmentation(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """Maps of classes; sides that are free are taken for the picture's."""
    size = (picture.height, picture.width)
    if min(size) in (0, 1) or (min(size) < 0 <= max(size)) or len(outputs) > 2:
        return None
    main = outputs[0]
    inner = per_picture(main)
    whole = np.issubdtype(np.dtype(main.dtype), np.integer)
    # A map of bytes may be a picture: only numbers of classes are written in larger integers.
    numbered = facts.makers.get(main.name) in ("ArgMax", "TopK") or (whole and main.dtype not in ("uint8", "int8"))
    if len(outputs) == 1 and tuple(side for side in inner if side != 1) == size and numbered:
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
    if classes < 2:
        return None
    # As many maps as colours may be another picture, two may be motion, and any number features.
    sure = auxiliary or maps_of_classes(main, classes, facts)
    return Recognised(FAMILIES["segmentation"], {"output": main.name, "layout": layouts[0]}, classes, sure)


def classifier(picture: Picture, outputs: Sequence[Port], facts: Facts) -> Recognised | None:
    """One number per class."""
    if len(outputs) != 1:
        return None
    port = outputs[0]
    sides = [side for side in per_picture(port) if side != 1]
    if len(port.shape) not in (2, 4) or len(sides) != 1 or sides[0] < 2:
        return None
    if min(picture.width, picture.height) in (0, 1):
        return None
    family = FAMILIES["darknet-classifier" if facts.framework == "darknet" else "classifier"]
    # A row of numbers may as well be an embedding, features or points.
    sure = scores_of_classes(port, sides[0], facts)
    return Recognised(family, {"output": port.name, **activation_of(port, facts)}, sides[0], sure)


def movenet_multipose(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """MoveNet's rows of several people."""
    rows = per_picture(outputs[0])
    if len(outputs) != 1 or len(rows) != 2 or rows[1] != 3 * _JOINTS + 5 or not 1 <= rows[0] <= _MOST_PEOPLE:
        return None
    return Recognised(FAMILIES["movenet-multipose"], {"output": outputs[0].name})


def posenet(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """PoseNet's heatmaps and offsets, maybe with displacements."""
    for layout, axis in (("NHWC", 3), ("NCHW", 1)):
        if any(len(port.shape) != 4 for port in outputs):
            return None
        channels = [port.shape[axis] for port in outputs]
        sides = {tuple(side for place, side in enumerate(port.shape) if place not in (0, axis)) for port in outputs}
        joints, pairs, edges = _JOINTS, 2 * _JOINTS, 2 * _EDGES
        if len(sides) != 1 or channels not in ([joints, pairs], [joints, pairs, edges, edges]):
            continue
        names = [port.name for port in outputs]
        # The two displacements look alike: where names tell, they decide.
        if len(names) == 4 and "bwd" in names[2] and "fwd" in names[3]:
            names[2:] = reversed(names[2:])
        family = FAMILIES["posenet" if len(names) == 4 else "posenet-single"]
        return Recognised(family, {"output": names[0], "further": tuple(names[1:]), "layout": layout})
    return None


def segformer(picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """Logits at a quarter of the input's size, by their name."""
    inner = per_picture(outputs[0])
    quarter = (picture.height // 4, picture.width // 4)
    if len(outputs) != 1 or outputs[0].name != "logits" or min(quarter) < 1 or len(inner) != 3:
        return None
    if inner[1:] != quarter or inner[0] < 2 or picture.height % 4 or picture.width % 4:
        return None
    return Recognised(FAMILIES["segformer"], {"output": "logits"}, inner[0])


def activation_of(port: Port, facts: Facts) -> dict[str, Any]:
    """How a classifier's numbers become scores: fields of the decoder."""
    maker = facts.makers.get(port.name, "")
    if port.dtype in ("uint8", "int8"):
        # TensorFlow Lite fixes the quantisation of softmax: steps of 1/256 from 0, or from -128.
        return {"activation": "none", "scale": 1 / 256, "zero_point": 0 if port.dtype == "uint8" else -128}
    return {"activation": "none" if maker in ("Softmax", "SoftMax", "Sigmoid") else "softmax"}
