"""Arrays to PNG and JPEG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import ImageError, OptionError


def png_bytes(array: NDArray[Any]) -> bytes:
    """Encode without loss as an 8-bit PNG. Equal arrays give equal bytes with one Pillow version.

    Args:
        array: uint8 (H, W, 3) RGB or uint8 (H, W) grey; bool (H, W) becomes 0 and 255.

    Raises:
        ImageError: another shape or dtype.
    """
    return _save(_picture(array), "PNG", compress_level=6)


def jpeg_bytes(array: NDArray[Any], quality: int = 90) -> bytes:
    """Encode as JPEG, without chroma subsampling from quality 90 on.

    Args:
        array: uint8 (H, W, 3) RGB or uint8 (H, W) grey; bool (H, W) becomes 0 and 255.
        quality: 1 (worst) to 100.

    Raises:
        ImageError: another shape or dtype, or more than 65535 pixels wide or high.
        OptionError: quality out of range.
    """
    if not 1 <= quality <= 100:
        raise OptionError(f"JPEG quality is {quality}: expected 1 to 100")
    if max(array.shape[:2], default=0) > 65535:
        raise ImageError(f"an array of shape {array.shape} is too large for JPEG (65535 pixels); use PNG")
    return _save(_picture(array), "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)


def _picture(array: NDArray[Any]) -> Image.Image:
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not fits or not array.size:
        raise ImageError(
            f"cannot encode {array.dtype} {array.shape}: expected uint8 (H, W, 3) RGB, uint8 (H, W) or bool (H, W)"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _save(picture: Image.Image, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
