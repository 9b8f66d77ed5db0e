"""Between the values of pictures and light: the transfer function of sRGB (IEC 61966-2-1).

What happens to light happens in proportion to its strength, which the values of a picture are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEPS = 65535


def _decoded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


LIGHT = _decoded(np.arange(256) / 255).astype(np.float32)
"""Light of each value of a channel, float32 (256,): 0 is black, 1 is white."""

_VALUES = np.rint(255 * _encoded(np.arange(_STEPS + 1) / _STEPS)).astype(np.uint8)


def to_light(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The light of a picture, float32 of its shape, 0..1."""
    return np.asarray(LIGHT[image])


def to_values(light: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """The picture of some light, uint8 of its shape; what lies beyond black or white is cut off."""
    return np.asarray(_VALUES[(np.clip(light, 0.0, 1.0) * _STEPS + 0.5).astype(np.uint16)])


def is_grey(image: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W, 3) has no colour at all."""
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())
