"""Parts that lie at any angle: are pictures turned against each other, and copies at the angles in between.

A memory that has seen a part at three angles takes a fourth for an anomaly. Where normal pictures explain each other
better once they are turned, and the angles fit together, turned copies join the training pictures; where they do not
(most fixtures hold a part in one position, and a turned component on it is a defect), nothing is turned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MOST_PICTURES, _CELLS = 6, 256
_GAIN, _SHARE = 0.06, 0.35
_AS_GOOD = 0.02
"""How much farther apart than at the best angle pictures may be where one is as good: symmetric parts have several."""

_NOTHING = 1e-6
"""Keeps pictures without any difference from being compared by rounding errors."""

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
    with such distances to turned copies of the other. Turning explains a pair when it brings a gain of more than 6 %
    both ways, at opposite angles, and when most of the other pictures confirm the angle: what lies between the pair
    is what lies between one of it and the third plus what lies between the third and the other. Textures without a
    direction gain too, in small pictures above all, but at angles that fit together by chance only. The answer is yes
    when turning explains more than a third of the pairs.

    Args:
        plain: Reduced cells per picture, float32 (P, d); at most six are looked at.
        copies: Per picture those of its copies turned by ``angles``, valid cells only.
        seed: Chooses the cells compared.
    """
    count = min(_MOST_PICTURES, len(plain))
    if count < 2:
        return False
    ratios = _distance_ratios(plain[:count], copies[:count], seed)
    gains = ratios.min(axis=2) < 1 - _GAIN
    best = ratios <= ratios.min(axis=2, keepdims=True) * (1 + _AS_GOOD)
    near = best | np.roll(best, 1, axis=2) | np.roll(best, -1, axis=2)
    explained = np.zeros((count, count), np.bool_)
    for a in range(count):
        for b in range(count):
            opposite = a != b and bool((best[a, b] & _negative(near[b, a])).any())
            explained[a, b] = gains[a, b] and opposite and _confirmed(best, near, a, b)
    return float((explained & explained.T).sum()) / (count * (count - 1)) >= _SHARE


def _distance_ratios(
    plain: Sequence[NDArray[np.float32]], copies: Sequence[Sequence[NDArray[np.float32]]], seed: int
) -> NDArray[np.float64]:
    """Distance from picture a to b turned by each angle, as a multiple of that to b as it is, (a, b, angle).

    Angle 0, with the ratio 1, comes first.
    """
    rng = np.random.default_rng((seed, 4))
    ratios = np.ones((len(plain), len(plain), 1 + len(copies[0])))
    for a, cells in enumerate(plain):
        chosen = cells[rng.permutation(len(cells))[:_CELLS]]
        for b in range(len(plain)):
            if a == b:
                continue
            straight = _mean_nearest(chosen, plain[b]) + _NOTHING
            ratios[a, b, 1:] = [(_mean_nearest(chosen, copy) + _NOTHING) / straight for copy in copies[b]]
    return ratios


def _negative(angles_of_pair: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A set of angles, bool (S,), turned into their opposites."""
    return np.roll(angles_of_pair[::-1], 1)


def _confirmed(best: NDArray[np.bool_], near: NDArray[np.bool_], a: int, b: int) -> bool:
    """Whether at least half of the other pictures, if there are any, agree with the angle between a and b."""
    others = [c for c in range(len(best)) if c not in (a, b)]
    agree = [(_sums(best[a, c], best[c, b]) & near[a, b]).any() for c in others]
    return not others or float(np.mean(agree)) >= 0.5


def _sums(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All angles that one of the first set and one of the second add up to, bool (S,)."""
    return np.asarray(np.logical_or.reduce([np.roll(second, step) for step in np.flatnonzero(first)]), np.bool_)


def _mean_nearest(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return float(np.sqrt(np.maximum(squared.min(axis=1), 0)).mean())
