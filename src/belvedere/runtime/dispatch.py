"""From the manifest to the code that prepares pictures and reads outputs for its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ArtifactError, OptionError
from belvedere.runtime.decoders import (
    TASKS,
    AnomalyDecoder,
    ClassificationDecoder,
    DetectionDecoder,
    InstanceDecoder,
    PoseDecoder,
    SegmentationDecoder,
)
from belvedere.runtime.fields import Part
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.manifest import Manifest
from belvedere.tasks.result import Result
from belvedere.vision.colors import parse_hex
from belvedere.vision.preprocess import Preprocess

Decode = Callable[[Mapping[str, NDArray[Any]], NDArray[np.uint8], str | None], Result]
"""Reads one picture's outputs: (outputs with first axis 1, picture RGB uint8 (H, W, 3), path) to a result."""


def preprocess_of(manifest: Manifest) -> Preprocess:
    """The preprocessing that the manifest's picture input asks for.

    Raises:
        ArtifactError: the network takes tensors, or more than one input.
    """
    wanted = manifest.inputs[0]
    if not isinstance(wanted, ImageInput) or len(manifest.inputs) != 1:
        raise ArtifactError(
            f"the model '{manifest.name}' takes {', '.join(taken.name for taken in manifest.inputs)}, not one picture: "
            "call run with tensors"
        )
    resize = wanted.resize
    channels = 1 if wanted.color == "GRAY" else 3
    return Preprocess(
        width=resize.width,
        height=resize.height,
        kernel=resize.kernel,
        scale=wanted.scale,
        mean=_fitted(wanted.mean, channels),
        std=_fitted(wanted.std, channels),
        color=wanted.color,
        layout=wanted.layout,
        mode=resize.mode,
        anchor=resize.anchor,
        fill=parse_hex(resize.fill),
        short=resize.short,
        dtype=wanted.dtype,
    )


def decode_of(manifest: Manifest, *, threshold: float | None = None) -> Decode:
    """The decoder for the manifest's task.

    Args:
        manifest: The manifest of a model that is bound to a task.
        threshold: Least score of what a detector or pose network finds, instead of the manifest's.

    Raises:
        ArtifactError: the model is bound to no task, or its decoder is for another one or has no usable settings.
    """
    kind = manifest.decoder.kind
    if kind not in _DECODERS:
        raise ArtifactError(f"the model '{manifest.name}' is bound to no task: call run with tensors")
    if TASKS[kind] != manifest.task:
        raise ArtifactError(f"the model '{manifest.name}' is for the task {manifest.task!r}, its decoder is {kind!r}")
    try:
        return _DECODERS[kind](manifest, threshold)
    except OptionError as error:
        raise ArtifactError(f"the model '{manifest.name}': decoder: {error}") from None


def _anomaly(manifest: Manifest, _threshold: float | None) -> Decode:
    from belvedere.tasks.anomaly.decode import AnomalyDecoder as Settings
    from belvedere.tasks.anomaly.decode import decode_outputs

    assert isinstance(manifest.decoder, AnomalyDecoder)
    decoder = Settings(**_settings(manifest.decoder))
    return lambda outputs, image, path: decode_outputs(outputs, decoder, image, path)


def _classification(manifest: Manifest, _threshold: float | None) -> Decode:
    from belvedere.tasks.classification.decode import ClassificationDecoder as Settings
    from belvedere.tasks.classification.decode import decode_classification

    assert isinstance(manifest.decoder, ClassificationDecoder)
    decoder = Settings(**_settings(manifest.decoder), labels=manifest.labels)
    return lambda outputs, image, path: decode_classification(outputs, decoder, image, path)


def _detection(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.detection.decode import DetectionDecoder as Settings
    from belvedere.tasks.detection.decode import decode_detection

    assert isinstance(manifest.decoder, DetectionDecoder)
    decoder = Settings(**_settings(manifest.decoder), labels=manifest.labels)
    if threshold is not None:
        decoder = replace(decoder, threshold=threshold)
    place = preprocess_of(manifest).placement
    return lambda outputs, image, path: decode_detection(
        outputs, decoder, place(image.shape[1], image.shape[0]), image, path
    )


def _segmentation(manifest: Manifest, _threshold: float | None) -> Decode:
    from belvedere.tasks.segmentation.decode import SegmentationDecoder as Settings
    from belvedere.tasks.segmentation.decode import decode_segmentation

    assert isinstance(manifest.decoder, SegmentationDecoder)
    decoder = Settings(**_settings(manifest.decoder), labels=manifest.labels)
    place = preprocess_of(manifest).placement
    return lambda outputs, image, path: decode_segmentation(
        outputs, decoder, place(image.shape[1], image.shape[0]), image, path
    )


def _instances(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.detection.decode import DetectionDecoder as Boxes
    from belvedere.tasks.segmentation.instances import InstanceDecoder as Settings
    from belvedere.tasks.segmentation.instances import decode_instances

    settings = manifest.decoder
    assert isinstance(settings, InstanceDecoder)
    boxes = Boxes(**_settings(settings.boxes), labels=manifest.labels)
    if threshold is not None:
        boxes = replace(boxes, threshold=threshold)
    decoder = Settings(boxes=boxes, masks=settings.masks, mask_threshold=settings.mask_threshold)
    place = preprocess_of(manifest).placement
    return lambda outputs, image, path: decode_instances(
        outputs, decoder, place(image.shape[1], image.shape[0]), image, path
    )


def _pose(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.pose.decode import PoseDecoder as Settings
    from belvedere.tasks.pose.decode import decode_pose

    settings = manifest.decoder
    assert isinstance(settings, PoseDecoder)
    given = _settings(settings)
    if not settings.names:  # COCO's, which the decoder knows by itself
        given = {key: value for key, value in given.items() if key not in ("names", "skeleton")}
    decoder = Settings(**given)
    if threshold is not None:
        decoder = replace(decoder, threshold=threshold)
    place = preprocess_of(manifest).placement
    return lambda outputs, image, path: decode_pose(
        outputs, decoder, place(image.shape[1], image.shape[0]), image, path
    )


def _settings(part: Part) -> dict[str, Any]:
    return part.model_dump(exclude={"kind"})


def _fitted(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number per channel; the manifest may hold equal ones for three where there is one channel."""
    return values[:channels] if len(values) > channels else values


_DECODERS: dict[str, Callable[[Manifest, float | None], Decode]] = {
    "anomaly": _anomaly,
    "classification": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
    "instances": _instances,
    "pose": _pose,
}
