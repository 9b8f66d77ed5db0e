"""Parts that lie at any angle: are pictures turned against each other, and copies at the angles in between.

A memory that has seen a part at three angles takes a fourth for an anomaly. Where normal pictures explain each other
better once they are turned, turned copies join the training pictures; where they do not (most fixtures hold a part
in one position, and a turned component on it is a defect), nothing is turned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MOST_PICTURES, _CELLS = 6, 256
_GAIN, _SHARE = 0.06, 0.25
_FULL = 250


def turned(picture: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The picture turned about its centre; corners are filled with the colours of the nearest border."""
    height, width = picture.shape[:2]
    pad = int(np.ceil((np.hypot(height, width) - min(height, width)) / 2)) + 1
    padded = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    image = Image.fromarray(padded).rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(image.crop((pad, pad, pad + width, pad + height)))


def reduced(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The picture at no more than about twice the pixels of a ``width`` by ``height`` input, proportions kept.

    Copies are made from it: turning a photograph of many megapixels would cost more than all the rest.
    """
    factor = (2 * width * height / (picture.shape[0] * picture.shape[1])) ** 0.5
    if factor >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def shown(rows: int, columns: int, degrees: float) -> NDArray[np.bool_]:
    """Cells of a turned copy that show the picture rather than the filled corners, bool (rows * columns,)."""
    scale = 8
    full = Image.new("L", (columns * scale, rows * scale), 255).rotate(degrees, Image.Resampling.BILINEAR)
    small = full.resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small).reshape(-1) >= _FULL


def angles(count: int) -> list[float]:
    """``count`` angles evenly spread over the circle, zero left out."""
    return [360.0 * step / (count + 1) for step in range(1, count + 1)]


def turning_helps(
    plain: Sequence[NDArray[np.float32]], copies: Sequence[Sequence[NDArray[np.float32]]], seed: int
) -> bool:
    """Whether normal pictures are turned against each other.

    For every ordered pair, the mean distance from the cells of one to the nearest cells of the other is compared
    with the least such distance to a turned copy of the other. The answer is yes when turning brings a gain of
    more than 6 % for at least a quarter of the pairs.

    Args:
        plain: Reduced cells per picture, float32 (P, d); at most six are looked at.
        copies: Per picture those of its turned copies, valid cells only.
        seed: Chooses the cells compared.
    """
    rng = np.random.default_rng((seed, 4))
    count = min(_MOST_PICTURES, len(plain))
    gains = []
    for target in range(count):
        cells = plain[target][rng.permutation(len(plain[target]))[:_CELLS]]
        for other in range(count):
            if other == target:
                continue
            straight = _mean_nearest(cells, plain[other])
            best = min(_mean_nearest(cells, copy) for copy in copies[other])
            gains.append(1 - best / max(straight, 1e-9))
    return bool(gains) and float(np.mean(np.array(gains) > _GAIN)) >= _SHARE


def _mean_nearest(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return float(np.sqrt(np.maximum(squared.min(axis=1), 0)).mean())
