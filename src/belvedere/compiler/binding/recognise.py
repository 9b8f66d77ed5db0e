"""Recognising networks by their inputs, outputs and operators."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.binding import dense, detectors, queries
from belvedere.compiler.binding.borders import Picture, Recognised, picture_of
from belvedere.compiler.binding.dense import activation_of
from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.importing import Port

__all__ = ["Picture", "Recognised", "activation_of", "likely", "picture_of", "recognise"]

_RULES = (
    detectors.tf_detection,
    queries.detr,
    queries.detr_decoded,
    detectors.gluoncv,
    detectors.ssd,
    detectors.multibox,
    detectors.darknet,
    detectors.ssd_raw,
    detectors.nanodet,
    detectors.yolov8,
    detectors.yolox,
    dense.movenet,
    dense.movenet_multipose,
    dense.posenet,
    dense.pose,
    dense.segmentation,
    dense.segformer,
    dense.classifier,
)


def recognise(
    inputs: Sequence[Port], outputs: Sequence[Port], facts: Facts, task: str | None = None, *, labelled: bool = False
) -> Recognised | None:
    """What the network is; None where its borders fit no family or several.

    Args:
        inputs: Its inputs.
        outputs: Its outputs in order.
        facts: What its graph tells.
        task: What the user says it does, where that decides between families.
        labelled: Whether the user gives names of classes, so that it has some.
    """
    found = likely(inputs, outputs, facts, task)
    return found if found is None or found.sure or task is not None or labelled else None


def likely(inputs: Sequence[Port], outputs: Sequence[Port], facts: Facts, task: str | None = None) -> Recognised | None:
    """What the network may be, sure or not: as `recognise`, for a word of advice."""
    picture = picture_of(inputs)
    if picture is None or not outputs:
        return None
    masked = queries.mask_queries(outputs, task)
    if masked is not None:
        return masked
    for rule in _RULES:
        found = rule(picture, outputs, facts)
        if found is not None:
            return found
    return None
