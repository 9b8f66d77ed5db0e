"""Finding pictures that are nearly the same, such as re-encoded or resized copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DHASH_DISTANCE = 4
"""Most bits of 64 in which the difference hashes of near duplicates differ."""

THUMBNAIL_RMS = 1.5
"""Largest root mean square difference, in grey levels, of near duplicates at 32 by 32 pixels."""

_THUMBNAIL = 32
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a picture to compare it with others.

    Attributes:
        dhash: Difference hash: 64 values of 1 or -1, float32; whether each cell of a 9 by 8 grey reduction is
            darker than its right neighbour.
        thumbnail: Grey reduction to 32 by 32, uint8, flat (1024,).
    """

    dhash: NDArray[np.float32]
    thumbnail: NDArray[np.uint8]


def fingerprint(image: NDArray[np.uint8]) -> Fingerprint:
    """Take the fingerprint of an RGB uint8 picture (height, width, 3)."""
    grey = Image.fromarray(image).convert("L")
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.where(cells[:, 1:] > cells[:, :-1], 1, -1).astype(np.float32).ravel()
    small = grey.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return Fingerprint(bits, np.asarray(small, dtype=np.uint8).ravel())


def near_duplicates(prints: list[Fingerprint]) -> list[list[int]]:
    """Group pictures whose fingerprints nearly agree.

    Both must hold: difference hashes at most ``DHASH_DISTANCE`` bits apart, and thumbnails at most
    ``THUMBNAIL_RMS`` apart. The second keeps apart different parts that one fixed camera took.

    Returns:
        Groups of two or more positions in ``prints``, ascending.
    """
    if len(prints) < 2:
        return []
    hashes = np.stack([one.dhash for one in prints])
    thumbnails = np.stack([one.thumbnail for one in prints])
    parents = list(range(len(prints)))
    for start in range(0, len(prints), _BLOCK):
        apart = (64 - hashes[start : start + _BLOCK] @ hashes.T) / 2
        firsts, seconds = np.nonzero(apart <= DHASH_DISTANCE)
        for first in np.unique(firsts):
            others = seconds[firsts == first]
            others = others[others > start + first]
            difference = thumbnails[others].astype(np.float32) - thumbnails[start + first]
            rms = np.sqrt(np.mean(difference**2, axis=1)) if others.size else np.empty(0)
            for other in others[rms <= THUMBNAIL_RMS]:
                parents[_top(parents, int(other))] = _top(parents, start + int(first))
    groups: dict[int, list[int]] = {}
    for position in range(len(prints)):
        groups.setdefault(_top(parents, position), []).append(position)
    return [group for group in groups.values() if len(group) > 1]


def _top(parents: list[int], position: int) -> int:
    while parents[position] != position:
        parents[position] = parents[parents[position]]
        position = parents[position]
    return position
