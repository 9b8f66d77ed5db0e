"""From an RGB picture to a network's input tensor, as an artifact's manifest says.

Training, the runtime and the edge all call this code, so the same picture gives the same tensor everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.resize import kernel, resize_rgb

COLORS = ("RGB", "BGR")
LAYOUTS = ("NCHW", "NHWC")


@dataclass(frozen=True)
class Preprocess:
    """Resize, scale and normalise: ``(resize(picture) * scale - mean) / std``.

    The aspect ratio is not kept. The resized picture is 8-bit; the formula is computed in float32, step by
    step, so that it can be repeated exactly with Pillow and numpy alone.

    Attributes:
        width: Width of the network's input in pixels.
        height: Its height.
        kernel: Resize kernel, one of `belvedere.vision.resize.KERNELS`.
        scale: Factor on the values 0..255.
        mean: Subtracted after scaling, per channel in the order of ``color``.
        std: Divided by at last, per channel in the order of ``color``.
        color: Channel order of the tensor, ``RGB`` or ``BGR``.
        layout: ``NCHW`` or ``NHWC``.

    Raises:
        OptionError: a field has no usable value.
    """

    width: int
    height: int
    kernel: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    color: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    def __post_init__(self) -> None:
        kernel(self.kernel)
        for name in ("width", "height"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(f"preprocess {name} is {value!r}: expected a whole number of pixels, at least 1")
        if not math.isfinite(self.scale) or self.scale == 0:
            raise OptionError(f"preprocess scale is {self.scale!r}: expected a finite number other than 0")
        for name in ("mean", "std"):
            object.__setattr__(self, name, _three_numbers(name, getattr(self, name)))
        if 0.0 in self.std:
            raise OptionError(f"preprocess std is {self.std}: no channel's may be 0")
        _one_of("color", self.color, COLORS)
        _one_of("layout", self.layout, LAYOUTS)

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's input for one picture.

        Args:
            rgb: RGB uint8 (H, W, 3).

        Returns:
            float32 (1, 3, height, width), or (1, height, width, 3) for layout ``NHWC``.

        Raises:
            ImageError: ``rgb`` is not such an array.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ImageError(f"expected an RGB uint8 (H, W, 3) array, got {rgb.dtype} {rgb.shape}")
        pixels = resize_rgb(rgb, self.width, self.height, self.kernel)
        if self.color == "BGR":
            pixels = pixels[:, :, ::-1]
        tensor = np.empty((1, 3, self.height, self.width), dtype=np.float32)
        for channel, values in enumerate(self._table):
            np.take(values, pixels[:, :, channel], out=tensor[0, channel], mode="clip")
        return tensor if self.layout == "NCHW" else np.ascontiguousarray(tensor.transpose(0, 2, 3, 1))

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        """The formula's value for each channel and byte, float32 (3, 256): exact, and fast to look up."""
        scaled = np.arange(256, dtype=np.float32) * np.float32(self.scale)
        mean, std = np.asarray([self.mean, self.std], dtype=np.float32)
        return np.asarray((scaled[None] - mean[:, None]) / std[:, None], dtype=np.float32)


def _three_numbers(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) != 3:
        raise OptionError(f"preprocess {name} is {values!r}: expected three numbers")
    numbers = (float(values[0]), float(values[1]), float(values[2]))
    if not all(map(math.isfinite, numbers)):
        raise OptionError(f"preprocess {name} is {values!r}: expected finite numbers")
    return numbers


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise OptionError(f"preprocess {name} is {value!r}: expected {' or '.join(known)}")
