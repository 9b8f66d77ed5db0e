"""The colours of heatmaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Violet over red and orange to light yellow: each step lighter than the one before, so that order survives
# in greyscale print and with any kind of colour blindness.
_STOPS = (
    (0.00, (46, 12, 112)),
    (0.25, (121, 20, 130)),
    (0.45, (190, 43, 102)),
    (0.62, (232, 84, 58)),
    (0.78, (251, 143, 28)),
    (0.90, (252, 203, 53)),
    (1.00, (255, 247, 160)),
)
_RISE = 0.45


def heat_colors() -> NDArray[np.uint8]:
    """Colour of each of 256 levels, RGB uint8 (256, 3); its lightness rises all the way."""
    at, colors = zip(*_STOPS, strict=True)
    levels = np.linspace(0, 1, 256)
    channels = np.asarray(colors, dtype=np.float64).T
    return np.stack([np.interp(levels, at, channel) for channel in channels], axis=1).round().astype(np.uint8)


def heat_opacity(strength: float, floor: float) -> NDArray[np.uint8]:
    """Opacity of each of 256 levels, uint8 (256,): 0 up to ``floor``, then smoothly to ``strength``."""
    share = np.clip((np.linspace(0, 1, 256) - floor) / (_RISE * max(1 - floor, 1e-6)), 0, 1)
    return np.asarray((share * share * (3 - 2 * share) * strength * 255).round(), dtype=np.uint8)
