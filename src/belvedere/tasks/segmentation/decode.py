"""From a network's output to the class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.segmentation.result import SegmentationResult
from belvedere.vision.placement import Placement
from belvedere.vision.resize import resize_map

_MOST_CLASSES = 32_767


@dataclass(frozen=True)
class SegmentationDecoder:
    """How a semantic segmentation network's output is read; part of the artifact.

    Attributes:
        output: Name of the output; of networks with an auxiliary one, the main output.
        form: ``scores`` (one map per class, the highest wins, the first among equals) or ``classes`` (class numbers).
        layout: Axes of scores: ``NCHW`` or ``NHWC``.
        background: The class that is nothing; None where every class is something.
        labels: Names of the classes, maybe none.

    Raises:
        OptionError: a field has no usable value.
    """

    output: str
    form: Literal["scores", "classes"] = "scores"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    background: int | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.form not in ("scores", "classes") or self.layout not in ("NCHW", "NHWC"):
            raise OptionError(f"form {self.form!r}, layout {self.layout!r}: expected scores or classes, NCHW or NHWC")


def decode_segmentation(
    outputs: Outputs,
    decoder: SegmentationDecoder,
    placement: Placement,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> SegmentationResult:
    """Read the output for one picture.

    Scores that are coarser than the network's input are first enlarged to it bilinearly, as DeepLab and PSPNet do.

    Args:
        outputs: The decoder's output: scores (1, C, h, w) or (1, h, w, C), or class numbers (1, h, w) with axes of
            length 1 anywhere.
        decoder: How to read it.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: the output is missing, of another shape, not finite, or holds a class without a label.
    """
    values = find_output(outputs, decoder.output)
    grid = _classes(decoder.output, values) if decoder.form == "classes" else _highest(decoder, values, placement)
    low, high = int(grid.min()), int(grid.max())
    if low < 0 or (decoder.labels and high >= len(decoder.labels)):
        raise EngineError(
            f"network output '{decoder.output}' holds classes {low} to {high}: expected 0 to {len(decoder.labels) - 1}"
        )
    return SegmentationResult(grid, placement, decoder.labels, decoder.background, image, path)


def _classes(name: str, values: NDArray[Any]) -> NDArray[np.int16]:
    squeezed = values[0].squeeze() if min(values.shape[1:], default=0) == 1 and values.ndim > 3 else values[0]
    if squeezed.ndim != 2:
        raise EngineError(f"network output '{name}' has shape {values.shape}: expected class numbers (1, h, w)")
    check_numbers(name, squeezed)
    if squeezed.min() < 0 or squeezed.max() > _MOST_CLASSES:
        raise EngineError(
            f"network output '{name}' holds numbers from {squeezed.min()} to {squeezed.max()}, no classes"
        )
    return np.asarray(np.round(squeezed), dtype=np.int16)


def _highest(decoder: SegmentationDecoder, values: NDArray[Any], placement: Placement) -> NDArray[np.int16]:
    if values.ndim != 4:
        raise EngineError(f"network output '{decoder.output}' has shape {values.shape}: expected {decoder.layout}")
    maps = values[0] if decoder.layout == "NCHW" else values[0].transpose(2, 0, 1)
    if len(maps) < 2 or len(maps) > _MOST_CLASSES or (decoder.labels and len(maps) != len(decoder.labels)):
        raise EngineError(
            f"network output '{decoder.output}' has {len(maps)} classes ({decoder.layout} {values.shape}): "
            f"expected {len(decoder.labels) or 'at least 2'}"
        )
    check_numbers(decoder.output, maps)
    size = placement.width, placement.height
    width, height = (max(own, wanted) for own, wanted in zip(maps.shape[:0:-1], size, strict=True))
    # One class after the other: all of them at full size would take long to fetch from memory.
    best = resize_map(maps[0].astype(np.float32), width, height).copy()
    grid = np.zeros((height, width), dtype=np.int16)
    for number, scores in enumerate(maps[1:], start=1):
        found = resize_map(scores.astype(np.float32), width, height)
        np.putmask(grid, found > best, number)
        np.maximum(best, found, out=best)
    return grid
