"""What light does to pictures: too little or too much of it, tone curves, shadows, glare, its colour.

Everything is computed in linear light (see `belvedere.data.transformations.light`), except for the tone curve, which
cameras apply to values. Pixels stay in place, so annotations stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from belvedere.data.transformations.light import LIGHT, is_grey, to_light, to_values

_DAYLIGHT = 6504.0
_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
"""XYZ to linear sRGB (IEC 61966-2-1)."""


def exposed(image: NDArray[np.uint8], rng: Generator, *, stops: float) -> NDArray[np.uint8]:
    """Exposed longer or shorter: each stop doubles the light, and what would be brighter than white is white."""
    del rng
    return np.asarray(to_values(LIGHT * 2.0**stops)[image])


def toned(image: NDArray[np.uint8], rng: Generator, *, gamma: float) -> NDArray[np.uint8]:
    """Another tone curve: values to the power of ``gamma`` or of its inverse, drawn per picture.

    A gamma above 1 darkens what lies between black and white, its inverse lightens it.
    """
    power = gamma if rng.random() < 0.5 else 1 / gamma
    table = np.rint(255 * (np.arange(256) / 255) ** power).astype(np.uint8)
    return np.asarray(table[image])


def shadowed(image: NDArray[np.uint8], rng: Generator, *, light: float) -> NDArray[np.uint8]:
    """A shadow falls across the middle of the picture, of a beam or a person.

    A straight band with a soft edge, whose place, direction and width are drawn per picture.

    Args:
        image: RGB uint8 (H, W, 3).
        rng: What draws.
        light: The share of the light that is left in it.
    """
    height, width = image.shape[:2]
    diagonal = float(np.hypot(width, height))
    middle = rng.uniform(0.3, 0.7, 2) * (width, height)
    turn, half = rng.uniform(0, np.pi), rng.uniform(0.14, 0.24) * diagonal
    edge = 0.02 * diagonal
    x, y = _places(width, height)
    away = np.abs((x - middle[0]) * np.cos(turn) + (y - middle[1]) * np.sin(turn))
    lit = np.clip((away - (half - edge)) / (2 * edge), 0.0, 1.0)
    lit = lit * lit * (3 - 2 * lit)
    return to_values(to_light(image) * (light + (1 - light) * lit)[..., np.newaxis].astype(np.float32))


def glaring(image: NDArray[np.uint8], rng: Generator, *, radius: float, light: float) -> NDArray[np.uint8]:
    """A lamp is mirrored in the picture: white light is added around a place drawn per picture.

    A bright core that falls off as a normal distribution, and a fainter halo four times as wide.

    Args:
        image: RGB uint8 (H, W, 3).
        rng: What draws.
        radius: Standard deviation of the core, as a share of the picture's diagonal.
        light: What is added in its middle; 1 is white.
    """
    height, width = image.shape[:2]
    diagonal = float(np.hypot(width, height))
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    turn, narrow = rng.uniform(0, np.pi), rng.uniform(0.5, 1.0)
    x, y = _places(width, height)
    x, y = x - middle[0], y - middle[1]
    along = (x * np.cos(turn) + y * np.sin(turn)) / (radius * diagonal)
    across = (y * np.cos(turn) - x * np.sin(turn)) / (radius * diagonal * narrow)
    far = along**2 + across**2
    added = light * (0.85 * np.exp(-far / 2) + 0.15 * np.exp(-far / 32))
    return to_values(to_light(image) + added[..., np.newaxis].astype(np.float32))


def tinted(image: NDArray[np.uint8], rng: Generator, *, kelvin: float) -> NDArray[np.uint8]:
    """Light of another colour temperature than the camera is balanced for: below 6504 K warm, above it cool.

    A picture without any colour is taken for one of a monochrome camera, and stays as it is.
    """
    del rng
    if is_grey(image):
        return image
    gains = temperature_gains(kelvin)
    tables = [to_values(LIGHT * gain) for gain in gains]
    return np.stack([table[image[..., channel]] for channel, table in enumerate(tables)], axis=-1)


def temperature_gains(kelvin: float) -> NDArray[np.float64]:
    """Factors of red, green and blue light, float64 (3,), for a picture balanced for 6504 K; white keeps its luminance.

    The colours of black bodies by the cubic splines of Kim et al. (2002), "Design of advanced color temperature
    control system for HDTV applications", which hold from 1667 to 25000 K.
    """
    shown, usual = (_TO_SRGB @ _black_body(at) for at in (kelvin, _DAYLIGHT))
    gains = shown / usual
    return np.asarray(gains / (gains @ (0.2126, 0.7152, 0.0722)))


def _black_body(kelvin: float) -> NDArray[np.float64]:
    """XYZ of a black body, Y being 1."""
    t = 1e3 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _places(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles of all pixels: x (1, W) and y (H, 1)."""
    return (
        (np.arange(width, dtype=np.float32) + 0.5)[np.newaxis, :],
        (np.arange(height, dtype=np.float32) + 0.5)[:, np.newaxis],
    )
