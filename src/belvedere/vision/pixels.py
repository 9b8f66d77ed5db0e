"""Any pixel layout to 8-bit RGB, by stated rules.

| layout | rule |
|---|---|
| 1 bit, bool | 0 or 255 in all three channels |
| 8-bit grey | repeated in all three channels |
| 16-bit grey or colour | the high byte of each value (``value >> 8``) |
| 12-bit grey (TIFF) | the high 8 of the 12 bits (``value >> 4``) |
| wider integers, signed integers | taken as 16-bit where all values lie in 0..65535, else refused |
| floating point | refused: its range is not known |
| alpha, also of palettes | dropped; colours are kept as stored (premultiplied ones are divided first) |
| palette | looked up |
| CMYK | ``R = (255 - C) * (255 - K) / 255`` and so on; JPEG holds it inverted (Adobe's convention) |
| YCbCr, HSV | converted by Pillow (JPEG's full-range BT.601 for YCbCr) |
| Lab | refused |

Colour profiles (ICC) and gamma chunks are not applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import Limits

_DIRECT = frozenset({"1", "L", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
_VIA = {"LA": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}


def check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    """Refuse empty pictures (ImageError) and those over ``limits.image_pixels`` (LimitError)."""
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the picture is {width} x {height} pixels; it has no content")
    if width * height > limits.image_pixels:
        raise LimitError(
            f"{name}: {width} x {height} is {width * height} pixels, over the limit of "
            f"{limits.image_pixels}; make the picture smaller, or in Python raise Limits.image_pixels"
        )


def to_rgb(image: Image.Image, name: str, *, bits: int = 16, white_is_zero: bool = False) -> Image.Image:
    """Turn a loaded Pillow picture of any mode into mode RGB.

    Args:
        image: The picture. It is not changed.
        name: Names it in messages.
        bits: How many bits of a 16-bit grey value are in use.
        white_is_zero: Whether 16-bit grey values count from white down (TIFF).

    Raises:
        ImageError: the mode is refused, or an integer value lies outside 0..65535.
    """
    mode = image.mode
    if mode.startswith("I"):
        values = np.asarray(image)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise ImageError(
                f"{name}: integer values from {low} to {high}; only 0 to 65535 can be read: scale to 16 or 8 bits"
            )
        grey = np.minimum(values >> (bits - 8), 255).astype(np.uint8)
        return Image.fromarray(255 - grey if white_is_zero else grey).convert("RGB")
    if mode == "P":
        # Straight to RGB Pillow would warn about per-entry transparency.
        return image.convert("RGBA" if "transparency" in image.info else "RGB").convert("RGB")
    if mode in _VIA:
        return to_rgb(image.convert(_VIA[mode]), name)
    if mode not in _DIRECT:
        what = "floating-point values" if mode == "F" else f"pixels of mode {mode}"
        raise ImageError(f"{name}: {what} cannot be read; save the picture with 8 or 16 bits a channel")
    return image if mode == "RGB" else image.convert("RGB")


def array_to_rgb(array: NDArray[Any], name: str, limits: Limits) -> NDArray[np.uint8]:
    """Turn an array into RGB uint8 (height, width, 3), contiguous, always a copy.

    Args:
        array: bool, uint8 or uint16; (H, W), (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGB and alpha.
        name: Names it in messages.
        limits: Bound on pixels.

    Raises:
        ImageError: another shape or dtype, or no pixels.
        LimitError: over the limit.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = "; channels come last here: array.transpose(1, 2, 0)"
        raise ImageError(f"{name}: shape {array.shape}; expected (height, width) or (height, width, 1, 3 or 4){hint}")
    check_pixels(array.shape[1], array.shape[0], name, limits)
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = (array.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(
            f"{name}: dtype {array.dtype}; expected bool, uint8 (0..255) or uint16 (0..65535): "
            "scale and convert, for instance (array * 255).round().astype('uint8') from 0..1"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    rgb = np.empty((*array.shape[:2], 3), dtype=np.uint8)
    rgb[...] = array[:, :, :3]
    return rgb
