"""Resizing by named kernels; Pillow's are the reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import OptionError

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Kernel names that a manifest may hold. Downscaling widens each kernel's support (anti-aliasing)."""


def kernel(name: str) -> Image.Resampling:
    """Look a kernel up by name. Raises OptionError for an unknown one."""
    if name not in KERNELS:
        raise OptionError(f"unknown resize kernel {name!r}: expected one of {', '.join(KERNELS)}")
    return KERNELS[name]


def resize_rgb(image: NDArray[np.uint8], width: int, height: int, kernel_name: str) -> NDArray[np.uint8]:
    """Resize RGB uint8 (H, W, 3) to (height, width, 3). A picture of that size is returned as it is.

    Raises:
        OptionError: unknown kernel.
    """
    resampling = kernel(kernel_name)
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), resampling))


def resize_map(values: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Resize a float32 map (h, w) to (height, width) bilinearly, without clipping.

    A map of that size is returned as it is. Enlarging interpolates between the centres of the map's cells.
    """
    if values.shape == (height, width):
        return values
    picture = Image.fromarray(np.asarray(values, dtype=np.float32))  # mode F
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def nearest_indices(size: int, source: int) -> NDArray[np.intp]:
    """For each of ``size`` target cells along one axis, the cell of ``source`` that its centre lies in."""
    return np.asarray((2 * np.arange(size) + 1) * source // (2 * size))


def resize_labels(labels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize a uint8 map of labels (h, w) to (height, width), each pixel from the cell of its centre."""
    rows = nearest_indices(height, labels.shape[0])
    columns = nearest_indices(width, labels.shape[1])
    return np.asarray(labels[rows[:, None], columns])
