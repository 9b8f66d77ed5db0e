"""From an RGB picture to a network's input tensor, as an artifact's manifest says.

Training, the runtime and the edge all call this code, so the same picture gives the same tensor everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.fit import (
    ANCHORS,
    MODES,
    fit_cropped,
    fit_letterboxed,
    fit_stretched,
    place_cropped,
    place_letterboxed,
    place_stretched,
)
from belvedere.vision.placement import Placement
from belvedere.vision.resize import check_kernel

COLORS = ("RGB", "BGR", "GRAY")
LAYOUTS = ("NCHW", "NHWC")
DTYPES = ("float16", "float32", "uint8")

_ROWS = 32
"""Rows of the tensor that are computed at a time: few enough for the processor's cache."""


@dataclass(frozen=True)
class Preprocess:
    """Bring to size, scale and normalise: ``(resized(picture) * scale - mean) / std``.

    The resized picture is 8-bit; the formula is computed in float32, step by step, so that it can be repeated
    exactly with Pillow and numpy alone.

    Attributes:
        width: Width of the network's input in pixels.
        height: Its height.
        kernel: Resize kernel, one of `belvedere.vision.resize.KERNEL_NAMES`.
        scale: Factor on the values 0..255.
        mean: Subtracted after scaling, per channel in the order of ``color``; one number stands for all channels.
        std: Divided by at last, in the same way.
        color: Channels of the tensor: ``RGB``, ``BGR``, or ``GRAY`` (one channel, luma of ITU-R 601).
        layout: ``NCHW`` or ``NHWC``.
        mode: ``stretch`` (aspect ratio not kept), ``letterbox`` (kept, the rest filled) or ``crop`` (shorter side to
            ``short`` pixels, then the middle).
        anchor: Where a letterbox puts the picture: ``center`` or ``top-left``.
        fill: Colour of a letterbox's rest: red, green, blue, 0..255.
        short: The shorter side before a crop, in pixels, at least width and height.
        dtype: ``float32``; ``float16`` for the same values rounded at last; or ``uint8`` for the pixels as they are
            (then scale 1, mean 0, std 1).

    Raises:
        OptionError: a field has no usable value.
    """

    width: int
    height: int
    kernel: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    color: Literal["RGB", "BGR", "GRAY"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mode: Literal["stretch", "letterbox", "crop"] = "stretch"
    anchor: Literal["center", "top-left"] = "center"
    fill: tuple[int, int, int] = (0, 0, 0)
    short: int | None = None
    dtype: Literal["float32", "float16", "uint8"] = "float32"

    def __post_init__(self) -> None:
        check_kernel(self.kernel)
        for name in ("width", "height"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(f"preprocess {name} is {value!r}: expected a whole number of pixels, at least 1")
        if not math.isfinite(self.scale) or self.scale == 0:
            raise OptionError(f"preprocess scale is {self.scale!r}: expected a finite number other than 0")
        for name, known in (("color", COLORS), ("layout", LAYOUTS), ("mode", MODES), ("anchor", ANCHORS)):
            _one_of(name, getattr(self, name), known)
        _one_of("dtype", self.dtype, DTYPES)
        for name in ("mean", "std"):
            object.__setattr__(self, name, _per_channel(name, getattr(self, name), self.channels))
        if 0.0 in self.std:
            raise OptionError(f"preprocess std is {self.std}: no channel's may be 0")
        object.__setattr__(self, "fill", _color(self.fill))
        if self.mode == "crop" and (self.short is None or self.short < max(self.width, self.height)):
            raise OptionError(
                f"preprocess short is {self.short!r}: a crop of {self.width}x{self.height} needs a shorter side of "
                f"at least {max(self.width, self.height)} pixels"
            )
        if self.dtype == "uint8" and (self.scale != 1 or any(self.mean) or set(self.std) != {1.0}):
            raise OptionError("preprocess dtype uint8 takes pixels as they are: expected scale 1, mean 0 and std 1")

    @property
    def channels(self) -> int:
        """Channels of the tensor: 1 for ``GRAY``, else 3."""
        return 1 if self.color == "GRAY" else 3

    def placement(self, width: int, height: int) -> Placement:
        """Where a picture of this size lies in the input, for mapping what a network finds back onto it."""
        source, size = (width, height), (self.width, self.height)
        if self.mode == "letterbox":
            return place_letterboxed(source, size, self.anchor)
        if self.mode == "crop":
            return place_cropped(source, size, self.short or max(size))
        return place_stretched(source, size)

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[Any]:
        """The network's input for one picture.

        Args:
            rgb: RGB uint8 (H, W, 3).

        Returns:
            Of ``dtype``, (1, channels, height, width), or (1, height, width, channels) for layout ``NHWC``.

        Raises:
            ImageError: ``rgb`` is not such an array.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ImageError(f"expected an RGB uint8 (H, W, 3) array, got {rgb.dtype} {rgb.shape}")
        pixels = self._colored(self._fitted(rgb))
        if self.dtype == "uint8":
            moved = pixels if self.layout == "NHWC" else pixels.transpose(2, 0, 1)
            return np.ascontiguousarray(moved)[None]
        last = self.layout == "NHWC"
        shape = (self.height, self.width, self.channels) if last else (self.channels, self.height, self.width)
        tensor = np.empty((1, *shape), dtype=self.dtype)
        planes = tensor[0].transpose(2, 0, 1) if last else tensor[0]
        with np.errstate(over="ignore"):  # what float16 cannot hold becomes infinite there
            for channel, plane in enumerate(planes):
                self._normalise(pixels[:, :, channel], channel, plane)
        return tensor

    def _normalise(self, values: NDArray[np.uint8], channel: int, out: NDArray[Any]) -> None:
        """The formula in float32, step by step; steps that change nothing are left out."""
        scale, mean, std = (np.float32(value) for value in (self.scale, self.mean[channel], self.std[channel]))
        if scale == 1 and mean == 0 and std == 1:
            out[:] = values
            return
        for start in range(0, len(values), _ROWS):
            rows = slice(start, start + _ROWS)
            found = values[rows].astype(np.float32)
            if scale != 1:
                found *= scale
            if mean != 0:
                found -= mean
            if std != 1:
                found /= std
            out[rows] = found

    def _fitted(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        place = self.placement(rgb.shape[1], rgb.shape[0])
        if self.mode == "letterbox":
            return fit_letterboxed(rgb, place, self.kernel, self.fill)
        if self.mode == "crop":
            return fit_cropped(rgb, place, self.kernel)
        return fit_stretched(rgb, place, self.kernel)

    def _colored(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.color == "GRAY":
            return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]
        return pixels[:, :, ::-1] if self.color == "BGR" else pixels


def _per_channel(name: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) not in (1, channels):
        many = {1: "one number", 3: "three numbers, or one for all"}[channels]
        raise OptionError(f"preprocess {name} is {values!r}: expected {many}")
    numbers = tuple(float(value) for value in values) * (channels // len(values))
    if not all(map(math.isfinite, numbers)):
        raise OptionError(f"preprocess {name} is {values!r}: expected finite numbers")
    return numbers


def _color(values: Sequence[int]) -> tuple[int, int, int]:
    whole = [int(value) for value in values if isinstance(value, int) and 0 <= value <= 255]
    if len(whole) != 3 or len(values) != 3:
        raise OptionError(f"preprocess fill is {values!r}: expected red, green and blue, 0 to 255")
    return whole[0], whole[1], whole[2]


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        options = f"{', '.join(known[:-1])} or {known[-1]}"
        raise OptionError(f"preprocess {name} is {value!r}: expected {options}")
