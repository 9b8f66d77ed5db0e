"""From a network's outputs to an anomaly result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.vision.colors import palette, parse_hex

MOST_TYPES = 254
"""A mask is uint8 and has one number for background; 255 stays free, as datasets use it for "ignore"."""

# Outputs of low-precision engines may leave 0..1 by rounding; further out something is wrong.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class AnomalyDecoder:
    """How an anomaly network's outputs are read; part of the artifact.

    Attributes:
        threshold: The score from which a picture counts as anomalous, finite; over 1 flags none.
        pixel_threshold: The heatmap value from which a pixel counts as anomalous.
        types: Names of the anomaly types, in the order of the channels of output ``types`` after background.
        colors: One ``#RRGGBB`` per type; none at all stands for Lookout for Vision's palette.

    Raises:
        OptionError: a field has no usable value.
    """

    threshold: float = 0.5
    pixel_threshold: float = 0.5
    types: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("threshold", "pixel_threshold"):
            if not math.isfinite(getattr(self, name)):
                raise OptionError(f"{name} is {getattr(self, name)!r}: expected a finite number")
        types = tuple(self.types)
        if len(set(types)) != len(types) or not all(types) or len(types) > MOST_TYPES:
            raise OptionError(f"anomaly types are {types}: expected at most {MOST_TYPES} different names")
        colors = tuple(self.colors) or palette(len(types))
        if len(colors) != len(types):
            raise OptionError(f"{len(colors)} colours for {len(types)} anomaly types: expected one each, or none")
        for color in colors:
            parse_hex(color)
        object.__setattr__(self, "types", types)
        object.__setattr__(self, "colors", colors)


def decode_outputs(
    outputs: Mapping[str, NDArray[np.float32]],
    decoder: AnomalyDecoder,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> AnomalyResult:
    """Read the outputs for one picture, batch item 0.

    Args:
        outputs: ``score`` float32 (N,) and ``heatmap`` float32 (N, h, w), both 0..1; where the decoder has
            types, also ``types`` float32 (N, T + 1, h, w), whose highest channel decides, channel 0 being
            background and the first one winning among equals.
        decoder: Thresholds and types.
        image: The decoded picture, RGB uint8 (height, width, 3).
        path: Where the picture came from, if it had a name.

    Returns:
        The result, with copies of the arrays it keeps of the outputs.

    Raises:
        EngineError: an output is missing, of another shape, not finite, or outside 0..1.
    """
    score = _score(_output(outputs, "score", 1))
    grid = _grid(_output(outputs, "heatmap", 3))
    type_grid = None
    if decoder.types:
        channels = _output(outputs, "types", 4)[0]
        expected = (len(decoder.types) + 1, *grid.shape)
        if channels.shape != expected:
            raise EngineError(
                f"network output 'types' has shape {channels.shape} for a picture, expected {expected}: "
                f"background and {len(decoder.types)} types at the size of the heatmap"
            )
        type_grid = _highest(channels)
    return AnomalyResult(
        score=score,
        threshold=decoder.threshold,
        width=image.shape[1],
        height=image.shape[0],
        grid=grid,
        pixel_threshold=decoder.pixel_threshold,
        image=image,
        types=decoder.types,
        colors=decoder.colors,
        type_grid=type_grid,
        path=path,
    )


def _output(outputs: Mapping[str, NDArray[np.float32]], name: str, dimensions: int) -> NDArray[np.float32]:
    if name not in outputs:
        have = ", ".join(outputs) or "none"
        raise EngineError(f"the network has no output '{name}' (it has: {have}); the artifact does not fit")
    values = outputs[name]
    if values.ndim != dimensions or not values.size:
        raise EngineError(
            f"network output '{name}' has shape {values.shape}, expected {dimensions} dimensions, the batch first"
        )
    return values


def _score(values: NDArray[np.float32]) -> float:
    _check_range("score", float(values[0]), float(values[0]))
    return min(1.0, max(0.0, float(values[0])))


def _grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    # A copy: an engine may use the memory of its outputs again for the next picture.
    grid = np.array(values[0], dtype=np.float32, order="C")
    low, high = float(grid.min()), float(grid.max())
    _check_range("heatmap", low, high)
    if low < 0 or high > 1:
        np.clip(grid, 0, 1, out=grid)
    return grid


def _check_range(name: str, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise EngineError(f"network output '{name}' holds values that are not finite numbers")
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise EngineError(f"network output '{name}' holds values from {low:g} to {high:g}, expected 0 to 1")


def _highest(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The channel with the highest value, uint8 (h, w); several times faster than arg-max over axis 0."""
    if not np.isfinite(channels).all():
        raise EngineError("network output 'types' holds values that are not finite numbers")
    best = channels[0].copy()
    index = np.zeros(best.shape, dtype=np.uint8)
    for number, values in enumerate(channels[1:], start=1):
        np.putmask(index, values > best, number)
        np.maximum(best, values, out=best)
    return index
