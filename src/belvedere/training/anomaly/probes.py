"""Defects drawn onto normal pictures, to compare input sizes where no real defect is at hand.

Small pasted pieces and thin scars of the picture's own material, as in CutPaste (Li et al. 2021,
https://arxiv.org/abs/2104.04015). They serve this comparison alone: no model is trained on them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SHARES = (0.0004, 0.002)
_SCARS = ((2.0, 8.0), (1.0, 2.0))


def with_probe(
    picture: NDArray[np.uint8], rng: np.random.Generator, inside: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """A copy with one pasted piece of 0.04 to 0.2 % of its area, turned and slightly changed in brightness.

    Args:
        picture: RGB uint8 (H, W, 3), at least 16 pixels a side.
        rng: Chooses where and what.
        inside: Region the piece must lie in, bool (H, W); anywhere for None.
    """
    height, width = picture.shape[:2]
    low, high = _SCARS[int(rng.integers(len(_SCARS)))]
    area, ratio = rng.uniform(*_SHARES) * height * width, rng.uniform(low, high)
    long = int(np.clip((area * ratio) ** 0.5, 4, min(height, width) / 3))
    short = int(np.clip((area / ratio) ** 0.5, 2, long))
    top, left = int(rng.integers(0, height - short)), int(rng.integers(0, width - long))
    piece = picture[top : top + short, left : left + long].astype(np.float32)
    piece = np.clip(piece * rng.uniform(0.7, 1.3) + rng.uniform(-25, 25), 0, 255).astype(np.uint8)
    angle = float(rng.uniform(-45, 45))
    turned = Image.fromarray(piece).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    mask = Image.new("L", (long, short), 255).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    y, x = _place(height - turned.height, width - turned.width, (turned.height, turned.width), rng, inside)
    canvas = Image.fromarray(picture.copy())
    canvas.paste(turned, (x, y), mask)
    return np.asarray(canvas)


def _place(
    most_y: int,
    most_x: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    inside: NDArray[np.bool_] | None,
) -> tuple[int, int]:
    if inside is None or not inside.any():
        # A region narrower than a pixel of a small picture leaves none inside.
        return int(rng.integers(0, max(1, most_y))), int(rng.integers(0, max(1, most_x)))
    rows, columns = np.nonzero(inside)
    chosen = int(rng.integers(len(rows)))
    y, x = int(rows[chosen]) - size[0] // 2, int(columns[chosen]) - size[1] // 2
    return int(np.clip(y, 0, max(0, most_y))), int(np.clip(x, 0, max(0, most_x)))
