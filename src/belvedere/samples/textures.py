"""Grain: noise with a size, glass weave, blobs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

_DIRECTIONS = 2048


def noise(shape: tuple[int, int], cell: float, rng: np.random.Generator, octaves: int = 1) -> Plane:
    """Smooth noise, about zero mean and unit deviation.

    Args:
        shape: Rows and columns of the result.
        cell: Size of the coarsest grains in pixels.
        rng: Where the chance comes from.
        octaves: How many times grains of half the size and half the strength are added.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        size = max(1.0, cell / 2**octave)
        grid = (math.ceil(shape[0] / size) + 3, math.ceil(shape[1] / size) + 3)
        coarse = Image.fromarray(rng.standard_normal(grid, dtype=np.float32))
        box = (1.0, 1.0, 1.0 + shape[1] / size, 1.0 + shape[0] / size)
        fine = coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(fine) * np.float32(0.5**octave)
    return total * np.float32(1.4 / math.sqrt(sum(0.25**octave for octave in range(octaves))))


def weave(shape: tuple[int, int], pitch: float, rng: np.random.Generator) -> Plane:
    """The plain weave of glass cloth, -1..1, threads ``pitch`` pixels apart and slightly uneven."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    columns = np.arange(shape[1], dtype=np.float32)[None, :]
    warp = columns / pitch + noise(shape, pitch * 9, rng) * 0.07
    weft = rows / pitch + noise(shape, pitch * 9, rng) * 0.07
    over = np.sin(np.pi * warp) * np.sin(np.pi * weft)
    ridges = np.abs(np.cos(np.pi * warp)) - np.abs(np.cos(np.pi * weft))
    return np.asarray((0.6 * over + 0.5 * np.sign(over) * ridges).clip(-1, 1), dtype=np.float32)


def blob(x: Plane, y: Plane, rng: np.random.Generator, roughness: float = 0.2) -> Plane:
    """A field that is 1 in the middle of an irregular unit disc and 0 on its rim, negative outside.

    Args:
        x: Abscissa in radii of the disc.
        y: Ordinate in radii of the disc.
        rng: Where the chance comes from.
        roughness: How far the rim leaves the circle, in radii.
    """
    angle = np.linspace(-np.pi, np.pi, _DIRECTIONS, dtype=np.float32)
    rim = np.ones_like(angle)
    for wave in range(2, 8):
        rim += roughness / wave * 1.6 * rng.standard_normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    direction = np.arctan2(y, x) * np.float32((_DIRECTIONS - 1) / (2 * np.pi)) + np.float32(_DIRECTIONS / 2)
    reach = np.maximum(rim, 0.3)[direction.astype(np.intp).clip(0, _DIRECTIONS - 1)]
    return np.asarray(1 - np.hypot(x, y) / reach, dtype=np.float32)
