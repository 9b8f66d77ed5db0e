"""What poor cameras and thin lines do to pictures: fewer pixels, compression, bad focus, noise.

The size of the picture stays, and pixels stay in place, so annotations stay as they are.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from belvedere.data.transformations.light import LIGHT, is_grey, to_light, to_values
from belvedere.vision.encode import jpeg_bytes

_BLOCK = 64_000
"""Side of the parts in which larger pictures than JPEG holds are compressed."""


def coarsened(image: NDArray[np.uint8], rng: Generator, *, factor: float) -> NDArray[np.uint8]:
    """Taken with fewer pixels: averaged over squares of ``factor`` pixels, and enlarged again (cubic interpolation)."""
    del rng
    height, width = image.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    picture = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def compressed(image: NDArray[np.uint8], rng: Generator, *, quality: int) -> NDArray[np.uint8]:
    """Saved as JPEG at a quality of 1 to 100 (libjpeg's scale), with colours at half the resolution, and read again."""
    del rng
    out = np.empty_like(image)
    for top in range(0, image.shape[0], _BLOCK):
        for left in range(0, image.shape[1], _BLOCK):
            part = np.s_[top : top + _BLOCK, left : left + _BLOCK]
            with Image.open(io.BytesIO(jpeg_bytes(image[part], int(quality))), formats=("JPEG",)) as picture:
                out[part] = np.asarray(picture)
    return out


def blurred(image: NDArray[np.uint8], rng: Generator, *, sigma: float) -> NDArray[np.uint8]:
    """Out of focus: a normal distribution, by extended box filters as in Pillow (Gwosdek et al. 2011).

    Args:
        image: RGB uint8 (H, W, 3).
        rng: What draws; unused.
        sigma: Its standard deviation in thousandths of the picture's diagonal, so that it blurs the scene alike,
            whatever number of pixels shows it.
    """
    del rng
    pixels = sigma / 1000 * float(np.hypot(*image.shape[:2]))
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(pixels)))


def noisy(image: NDArray[np.uint8], rng: Generator, *, electrons: float, read: float) -> NDArray[np.uint8]:
    """Noise of a sensor in little light: that of light itself and that of reading it out, by pixel and channel.

    A picture without any colour is taken for one of a monochrome camera: its channels get the same noise.

    The variance grows with the light and has a constant part (Foi et al. 2008, "Practical Poissonian-Gaussian noise
    modeling and fitting for single-image raw-data"); the counts of electrons are large enough for the normal
    distribution to stand for Poisson's.

    Args:
        image: RGB uint8 (H, W, 3).
        rng: What draws.
        electrons: How many a white pixel holds.
        read: Standard deviation of reading out, in electrons.
    """
    spread = (np.sqrt(LIGHT * electrons + read**2) / electrons).astype(np.float32)
    channels = 1 if is_grey(image) else image.shape[2]
    drawn = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32)
    return to_values(to_light(image) + spread[image] * drawn)
