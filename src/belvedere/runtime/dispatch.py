"""From the manifest to the code that prepares pictures and reads outputs for its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ArtifactError
from belvedere.runtime.manifest import Manifest
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.vision.preprocess import Preprocess

Decode = Callable[[Mapping[str, NDArray[Any]], NDArray[np.uint8], str | None], AnomalyResult]
"""Reads one picture's outputs: (outputs with first axis 1, picture RGB uint8 (H, W, 3), path) to a result."""


def preprocess_of(manifest: Manifest) -> Preprocess:
    """The preprocessing that the manifest's picture input asks for."""
    wanted = manifest.inputs[0]
    return Preprocess(
        width=wanted.resize.width,
        height=wanted.resize.height,
        kernel=wanted.resize.kernel,
        scale=wanted.scale,
        mean=wanted.mean,
        std=wanted.std,
        color=wanted.color,
        layout=wanted.layout,
    )


def decode_of(manifest: Manifest) -> Decode:
    """The decoder for the manifest's task. Raises ArtifactError for a task that is not known here."""
    if manifest.task not in _DECODERS:
        raise ArtifactError(
            f"the model '{manifest.name}' is for the task {manifest.task!r}; this release knows: {', '.join(_DECODERS)}"
        )
    return _DECODERS[manifest.task](manifest)


def _anomaly(manifest: Manifest) -> Decode:
    from belvedere.tasks.anomaly.decode import AnomalyDecoder, decode_outputs

    settings = manifest.decoder
    decoder = AnomalyDecoder(
        threshold=settings.threshold,
        pixel_threshold=settings.pixel_threshold,
        types=settings.types,
        colors=settings.colors,
    )

    def decode(outputs: Mapping[str, NDArray[Any]], image: NDArray[np.uint8], path: str | None) -> AnomalyResult:
        return decode_outputs(outputs, decoder, image, path)

    return decode


_DECODERS: dict[str, Callable[[Manifest], Decode]] = {"anomaly": _anomaly}
