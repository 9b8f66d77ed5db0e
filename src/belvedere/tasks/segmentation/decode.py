"""From a network's output to the class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.outputs import Outputs, check_numbers, find_output
from belvedere.tasks.segmentation.maps import highest_in_input, highest_in_picture
from belvedere.tasks.segmentation.mask_queries import class_maps, read_queries
from belvedere.tasks.segmentation.result import SegmentationResult
from belvedere.vision.placement import Placement

_MOST_CLASSES = 32_767


@dataclass(frozen=True)
class SegmentationDecoder:
    """How a semantic segmentation network's output is read; part of the artifact.

    Attributes:
        output: Name of the output; of networks with an auxiliary one, the main output; of queries their mask logits.
        form: ``scores`` (one map per class, the highest wins, the first among equals), ``classes`` (class numbers) or
            ``queries`` (a mask and class logits per query, as Mask2Former).
        layout: Axes of scores: ``NCHW`` or ``NHWC``.
        background: The class that is nothing; None where every class is something.
        labels: Names of the classes, maybe none.
        resolution: Where the highest class is looked for: in the network's ``input``, to which coarser maps are
            enlarged bilinearly, as DeepLab and PSPNet do, and each pixel of the picture takes the nearest; or in the
            ``picture``, at each of whose pixels the maps are read bilinearly, as SegFormer and Mask2Former do.
        queries: Name of the output with class logits, for ``queries``.

    Raises:
        OptionError: a field has no usable value.
    """

    output: str
    form: Literal["scores", "classes", "queries"] = "scores"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    background: int | None = None
    labels: tuple[str, ...] = ()
    resolution: Literal["input", "picture"] = "input"
    queries: str | None = None

    def __post_init__(self) -> None:
        if self.form not in ("scores", "classes", "queries") or self.layout not in ("NCHW", "NHWC"):
            raise OptionError(
                f"form {self.form!r}, layout {self.layout!r}: expected scores, classes or queries, NCHW or NHWC"
            )
        if self.resolution not in ("input", "picture"):
            raise OptionError(f"resolution is {self.resolution!r}: expected input or picture")
        if (self.form == "queries") != (self.queries is not None):
            raise OptionError(f"queries is {self.queries!r}: expected an output's name for form queries, else none")


def decode_segmentation(
    outputs: Outputs,
    decoder: SegmentationDecoder,
    placement: Placement,
    image: NDArray[np.uint8],
    path: str | None = None,
) -> SegmentationResult:
    """Read the output for one picture.

    Args:
        outputs: The decoder's output: scores (1, C, h, w) or (1, h, w, C); class numbers (1, h, w) with axes of
            length 1 anywhere; or mask logits (1, Q, h, w) with class logits (1, Q, C + 1).
        decoder: How to read it.
        placement: Where the picture lies in the network's input.
        image: The decoded picture, RGB uint8 (H, W, 3).
        path: Where the picture came from, if it had a name.

    Raises:
        EngineError: the output is missing, of another shape, not finite, or holds a class without a label.
    """
    grid, over = _grid(outputs, decoder, placement)
    low, high = int(grid.min()), int(grid.max())
    if (decoder.form == "classes" and low < 0) or (decoder.labels and high >= len(decoder.labels)):
        raise EngineError(
            f"network output '{decoder.output}' holds classes {low} to {high}: expected 0 to {len(decoder.labels) - 1}"
        )
    return SegmentationResult(grid, over, decoder.labels, decoder.background, image, path)


def _grid(outputs: Outputs, decoder: SegmentationDecoder, placement: Placement) -> tuple[NDArray[np.int16], Placement]:
    """Class numbers, and where the picture lies on them."""
    values = find_output(outputs, decoder.output)
    if decoder.form == "classes":
        return _classes(decoder.output, values), placement
    if decoder.queries is not None:
        maps = class_maps(*read_queries(outputs, decoder.queries, decoder.output), placement)
        _check_classes(decoder, decoder.queries, len(maps))
    else:
        maps = _maps(decoder, values)
    if decoder.resolution == "input":
        return highest_in_input(maps, placement), placement
    size = placement.source_width, placement.source_height
    return highest_in_picture(maps, placement), Placement(*size, *size, 1.0, 1.0)


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


def _maps(decoder: SegmentationDecoder, values: NDArray[Any]) -> NDArray[np.float32]:
    if values.ndim != 4:
        raise EngineError(f"network output '{decoder.output}' has shape {values.shape}: expected {decoder.layout}")
    maps = values[0] if decoder.layout == "NCHW" else values[0].transpose(2, 0, 1)
    if len(maps) < 2:
        raise EngineError(
            f"network output '{decoder.output}' has {len(maps)} classes ({decoder.layout} {values.shape}): "
            f"expected {len(decoder.labels) or 'at least 2'}"
        )
    _check_classes(decoder, decoder.output, len(maps))
    check_numbers(decoder.output, maps)
    return np.asarray(maps, dtype=np.float32)


def _check_classes(decoder: SegmentationDecoder, name: str, count: int) -> None:
    if count > _MOST_CLASSES or (decoder.labels and count != len(decoder.labels)):
        raise EngineError(
            f"network output '{name}' has {count} classes ({decoder.form}, {decoder.layout}): "
            f"expected {len(decoder.labels) or f'at most {_MOST_CLASSES}'}"
        )
