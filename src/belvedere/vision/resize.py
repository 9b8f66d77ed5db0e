"""Resizing by named kernels; Pillow's are the reference."""

from __future__ import annotations

from collections.abc import Iterator

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
"""Pillow's kernels. Downscaling widens each kernel's support (anti-aliasing)."""

LINEAR = "linear"
"""Interpolation between the four nearest pixels at any scale, without anti-aliasing: OpenCV's ``INTER_LINEAR``."""

CUBIC = "cubic"
"""Interpolation over the nearest 4x4 pixels at any scale, without anti-aliasing (Keys 1981, a = -0.75): OpenCV's
``INTER_CUBIC``, with which GluonCV's presets resize."""

_BLOCK = 1 << 15
"""Numbers that are computed at a time."""

KERNEL_NAMES = (*KERNELS, LINEAR, CUBIC)
"""Kernel names that a manifest may hold."""


def check_kernel(name: str) -> None:
    """Raises OptionError for a name that is not among `KERNEL_NAMES`."""
    if name not in KERNEL_NAMES:
        raise OptionError(f"unknown resize kernel {name!r}: expected one of {', '.join(KERNEL_NAMES)}")


def resize_part(
    image: NDArray[np.uint8], box_xyxy: tuple[float, float, float, float], width: int, height: int, kernel_name: str
) -> NDArray[np.uint8]:
    """Resize the part of a picture inside a box, which may begin and end within pixels.

    Args:
        image: RGB uint8 (H, W, 3).
        box_xyxy: Left, top, right, bottom in pixels, inside the picture.
        width: Width of the result in pixels.
        height: Its height.
        kernel_name: One of `KERNEL_NAMES`.

    Returns:
        RGB uint8 (height, width, 3).

    Raises:
        OptionError: unknown kernel.
    """
    check_kernel(kernel_name)
    if kernel_name == LINEAR:
        return _linear(image, box_xyxy, width, height)
    if kernel_name == CUBIC:
        return _cubic(image, box_xyxy, width, height)
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((width, height), KERNELS[kernel_name], box=box_xyxy))


def resize_rgb(image: NDArray[np.uint8], width: int, height: int, kernel_name: str) -> NDArray[np.uint8]:
    """Resize RGB uint8 (H, W, 3) to (height, width, 3). A picture of that size is returned as it is.

    Raises:
        OptionError: unknown kernel.
    """
    check_kernel(kernel_name)
    if image.shape[:2] == (height, width):
        return image
    if kernel_name in (LINEAR, CUBIC):
        whole = (0, 0, image.shape[1], image.shape[0])
        return resize_part(image, whole, width, height, kernel_name)
    return np.asarray(Image.fromarray(image).resize((width, height), KERNELS[kernel_name]))


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


def _linear(
    image: NDArray[np.uint8], box_xyxy: tuple[float, float, float, float], width: int, height: int
) -> NDArray[np.uint8]:
    left, top, right, bottom = box_xyxy
    x, x_next, across = _neighbours(left, right, width, image.shape[1])
    y, y_next, down = _neighbours(top, bottom, height, image.shape[0])
    # Rows of single values, colours side by side: NumPy is several times faster on them than on a short last axis.
    flat = np.ascontiguousarray(image).reshape(len(image), -1)
    at, at_next = ((3 * each[:, None] + np.arange(3)).ravel() for each in (x, x_next))
    u, v = np.repeat(across, 3).astype(np.float32), down.astype(np.float32)[:, None]
    mixed = np.empty((height, 3 * width), dtype=np.uint8)
    # Block by block, so that what is computed stays in the processor's cache; rows that neighbours share count once.
    for part in _parts(height, _BLOCK // (3 * width)):
        own, above, below = _needed_rows(flat, y[part], y_next[part])
        first = own.take(at, axis=1).astype(np.float32)
        rows = own.take(at_next, axis=1).astype(np.float32)
        rows -= first
        rows *= u
        rows += first
        upper, values = rows.take(above, axis=0), rows.take(below, axis=0)
        values -= upper
        values *= v[part]
        values += upper
        mixed[part] = np.rint(values, out=values)
    return mixed.reshape(height, width, 3)


def _parts(size: int, step: int) -> Iterator[slice]:
    """Slices of ``step`` (1 at least), one after the other, over ``size``."""
    step = max(1, step)
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _needed_rows(
    flat: NDArray[np.uint8], y: NDArray[np.intp], y_next: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]]:
    """Rows that hold those at ``y`` and ``y_next``, which both rise, and the places of these in them."""
    first, behind = y[0], y_next[-1] + 1
    if behind - first <= 2 * len(y):
        return flat[first:behind], y - first, y_next - first
    return flat.take(np.concatenate([y, y_next]), axis=0), np.arange(len(y)), np.arange(len(y), 2 * len(y))


def _cubic(
    image: NDArray[np.uint8], box_xyxy: tuple[float, float, float, float], width: int, height: int
) -> NDArray[np.uint8]:
    left, top, right, bottom = box_xyxy
    columns, across = _four(left, right, width, image.shape[1])
    rows, down = _four(top, bottom, height, image.shape[0])
    flat = np.ascontiguousarray(image).reshape(len(image), -1)
    # Rows first, and only those that are needed: most pictures are made smaller.
    tall = np.zeros((height, flat.shape[1]), dtype=np.float32)
    for tap in range(4):
        tall += flat.take(rows[tap], axis=0) * down[tap][:, None].astype(np.float32)
    mixed = np.zeros((height, 3 * width), dtype=np.float32)
    for tap in range(4):
        at = (3 * columns[tap][:, None] + np.arange(3)).ravel()
        mixed += tall.take(at, axis=1) * np.repeat(across[tap], 3).astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8).reshape(height, width, 3)


def _four(low: float, high: float, size: int, source: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each of ``size`` cells over ``low`` to ``high`` the four nearest pixels and their weights, (4, size) each."""
    at = low + (np.arange(size) + 0.5) * ((high - low) / size) - 0.5
    first = np.floor(at)
    share = at - first
    a = -0.75
    outer = [((a * t - 5 * a) * t + 8 * a) * t - 4 * a for t in (share + 1, 2 - share)]
    inner = [((a + 2) * t - (a + 3)) * t * t + 1 for t in (share, 1 - share)]
    weights = np.stack([outer[0], inner[0], inner[1], outer[1]])
    places = np.clip(first[None] + np.arange(-1, 3)[:, None], 0, source - 1)
    return places.astype(np.intp), weights


def _neighbours(
    low: float, high: float, size: int, source: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each of ``size`` cells over ``low`` to ``high`` the two nearest pixels, and the share of the second."""
    at = low + (np.arange(size) + 0.5) * ((high - low) / size) - 0.5
    at = np.clip(at, 0, source - 1)
    first = np.floor(at).astype(np.intp)
    return first, np.minimum(first + 1, source - 1), at - first
