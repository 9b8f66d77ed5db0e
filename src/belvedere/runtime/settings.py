"""From a decoder as a manifest states it to the settings of its task's code, which checks what belongs together."""

from __future__ import annotations

from typing import Any

from belvedere.core.errors import OptionError
from belvedere.runtime.decoders import (
    ClassificationDecoder,
    DetectionDecoder,
    InstanceDecoder,
    MaskQueryDecoder,
    PoseDecoder,
    SegmentationDecoder,
)
from belvedere.runtime.fields import Part


def fields_of(part: Part) -> dict[str, Any]:
    """The fields of a part, those too that are not written."""
    return {name: getattr(part, name) for name in type(part).model_fields if name != "kind"}


def settings_of(decoder: Part, labels: tuple[str, ...] = (), threshold: float | None = None) -> Any:
    """The settings with which a task's code reads outputs, such as ``tasks.detection.DetectionDecoder``.

    Args:
        decoder: A decoder of a manifest, but for ``anomaly`` and ``tensor``.
        labels: Names of the classes.
        threshold: Least score of what a detector or pose network finds, instead of the decoder's.

    Raises:
        OptionError: its fields do not fit together.
    """
    given = fields_of(decoder)
    if threshold is not None and "threshold" in given:
        given["threshold"] = threshold
    if isinstance(decoder, ClassificationDecoder):
        from belvedere.tasks.classification.decode import ClassificationDecoder as Classification

        return Classification(**given, labels=labels)
    if isinstance(decoder, DetectionDecoder):
        from belvedere.tasks.detection.decoder import DetectionDecoder as Detection
        from belvedere.tasks.detection.priors import PriorMap

        given["priors"] = tuple(PriorMap(**part.model_dump()) for part in decoder.priors)
        return Detection(**given, labels=labels)
    if isinstance(decoder, SegmentationDecoder):
        from belvedere.tasks.segmentation.decode import SegmentationDecoder as Segmentation

        return Segmentation(**given, labels=labels)
    if isinstance(decoder, InstanceDecoder):
        from belvedere.tasks.segmentation.instances import InstanceDecoder as Instances

        return Instances(**{**given, "boxes": settings_of(decoder.boxes, labels, threshold)})
    if isinstance(decoder, MaskQueryDecoder):
        from belvedere.tasks.segmentation.mask_queries import MaskQueryDecoder as MaskQueries

        return MaskQueries(**given, labels=labels)
    if isinstance(decoder, PoseDecoder):
        from belvedere.tasks.pose.decoder import PoseDecoder as Pose

        if not decoder.names:  # COCO's, which the decoder knows by itself
            given = {key: value for key, value in given.items() if key not in ("names", "skeleton")}
        return Pose(**given)
    raise OptionError(f"a decoder of kind {getattr(decoder, 'kind', None)!r} reads no outputs of a task with pictures")
