"""Pictures and masks as a warp shows them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.data.transformations.warps import AnyWarp, Window


def show(image: NDArray[np.uint8], warp: AnyWarp) -> NDArray[np.uint8]:
    """The frame of a picture, RGB uint8; pixels are interpolated linearly."""
    _check_size(image, warp)
    if isinstance(warp, Window):
        return _cut(image, warp)
    from scipy import ndimage

    x, y = warp.grid()
    at = np.stack([y - 0.5, x - 0.5])  # arrays count from the middle of the first pixel
    frame = np.empty((*x.shape, image.shape[2]), dtype=np.uint8)
    for channel in range(image.shape[2]):
        found = ndimage.map_coordinates(image[..., channel], at, output=np.float32, order=1, mode="nearest")
        frame[..., channel] = np.rint(found)
    return frame


def show_labels(labels: NDArray[Any], warp: AnyWarp) -> NDArray[Any]:
    """The frame of a map of numbers or a mask, (H, W) of any dtype: each pixel takes that in which its middle lies."""
    _check_size(labels, warp)
    if isinstance(warp, Window):
        return _cut(labels, warp)
    x, y = warp.grid()
    height, width = labels.shape
    columns = np.clip(np.floor(x), 0, width - 1).astype(np.intp)
    rows = np.clip(np.floor(y), 0, height - 1).astype(np.intp)
    return np.asarray(labels[rows, columns])


def _cut(array: NDArray[Any], warp: Window) -> NDArray[Any]:
    width, height = warp.size
    return np.ascontiguousarray(array[warp.top : warp.top + height, warp.left : warp.left + width])


def _check_size(array: NDArray[Any], warp: AnyWarp) -> None:
    if array.shape[1::-1] != warp.source:
        width, height = warp.source
        raise OptionError(f"an array of {array.shape[1]} x {array.shape[0]} pixels: the warp is for {width} x {height}")
