"""From the manifest to the code that prepares pictures and reads outputs for its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ArtifactError, OptionError
from belvedere.runtime.decoders import TASKS, AnomalyDecoder
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.settings import fields_of, settings_of
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
    decoder = Settings(**fields_of(manifest.decoder))
    return lambda outputs, image, path: decode_outputs(outputs, decoder, image, path)


def _classification(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.classification.decode import decode_classification

    decoder = settings_of(manifest.decoder, manifest.labels, threshold)
    return lambda outputs, image, path: decode_classification(outputs, decoder, image, path)


def _placed(manifest: Manifest, threshold: float | None, decode: Callable[..., Result]) -> Decode:
    """A decoder that needs to know where the picture lies in the network's input."""
    decoder = settings_of(manifest.decoder, manifest.labels, threshold)
    place = preprocess_of(manifest).placement
    return lambda outputs, image, path: decode(outputs, decoder, place(image.shape[1], image.shape[0]), image, path)


def _detection(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.detection.decode import decode_detection

    return _placed(manifest, threshold, decode_detection)


def _segmentation(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.segmentation.decode import decode_segmentation

    return _placed(manifest, threshold, decode_segmentation)


def _instances(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.segmentation.instances import decode_instances

    return _placed(manifest, threshold, decode_instances)


def _mask_queries(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.segmentation.mask_queries import decode_mask_queries

    return _placed(manifest, threshold, decode_mask_queries)


def _pose(manifest: Manifest, threshold: float | None) -> Decode:
    from belvedere.tasks.pose.decode import decode_pose

    return _placed(manifest, threshold, decode_pose)


def _fitted(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number per channel; the manifest may hold equal ones for three where there is one channel."""
    return values[:channels] if len(values) > channels else values


_DECODERS: dict[str, Callable[[Manifest, float | None], Decode]] = {
    "anomaly": _anomaly,
    "classification": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
    "instances": _instances,
    "mask-queries": _mask_queries,
    "pose": _pose,
}
