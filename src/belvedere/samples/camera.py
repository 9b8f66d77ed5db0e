"""The camera: pose, exposure, colour balance, vignetting, blur, noise, JPEG."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from belvedere.samples.surface import Plane

OVERSAMPLE = 2


@dataclass(frozen=True)
class Camera:
    """How one picture was taken.

    Attributes:
        shift: Displacement of the part in pixels of the picture, x and y.
        degrees: Rotation of the part, anticlockwise.
        zoom: Magnification, about 1.
        gain: Exposure times colour balance, one factor for red, green and blue.
        slope: Relative change of the light from the middle to the right and to the bottom edge.
        vignette: Relative loss of light in the corners.
        blur: Radius of the defocus in pixels of the picture.
        noise: Deviation of the noise at mid grey, display levels.
        quality: Of the JPEG compression.
    """

    shift: tuple[float, float]
    degrees: float
    zoom: float
    gain: tuple[float, float, float]
    slope: tuple[float, float]
    vignette: float
    blur: float
    noise: float
    quality: int


def expose(light: Plane, camera: Camera, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture of a scene.

    Args:
        light: Linear RGB at ``OVERSAMPLE`` times the resolution of the picture, with a margin on all sides.
        camera: How it is taken.
        size: Width and height of the picture.
        rng: Decides about the noise.

    Returns:
        RGB uint8 (h, w, 3), compressed and decoded once.
    """
    display = _tone(light, np.array(camera.gain, np.float32))
    warped = _warped(Image.fromarray(display), camera, size)
    picture = warped.reduce(OVERSAMPLE).filter(ImageFilter.GaussianBlur(camera.blur))
    values = np.asarray(picture, dtype=np.float32) * _falloff(size, camera)[..., None]
    grain = rng.standard_normal((size[1], size[0], 3), dtype=np.float32)
    values += grain * np.float32(camera.noise) * (0.6 + 0.4 * values[..., 1:2] / 128)
    buffer = io.BytesIO()
    rounded = (np.clip(values, 0, 255) + 0.5).astype(np.uint8)
    Image.fromarray(rounded).save(buffer, "JPEG", quality=camera.quality, subsampling=0)
    with Image.open(buffer) as decoded:
        return np.array(decoded.convert("RGB"))


def expose_mask(cover: Plane, camera: Camera, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of the picture that a part of the scene covers at least by a quarter.

    A quarter, because a scratch is often thinner than a pixel; less where nothing covers that much, so that
    a defect that can be seen at all is marked.
    """
    image = Image.fromarray((np.clip(cover, 0, 1) * 255).astype(np.uint8))
    covered = np.asarray(_warped(image, camera, size).reduce(OVERSAMPLE))
    return np.asarray(covered >= max(1, min(64, int(covered.max()) // 2)))


def _tone(light: Plane, gain: Plane) -> NDArray[np.uint8]:
    """Display levels with a soft shoulder: highlights bend instead of clipping hard."""
    exposed = light * gain
    shoulder = exposed * np.float32(0.55)
    shoulder += 1
    bent = exposed * np.float32(0.2)
    bent += 1
    bent *= exposed
    bent /= shoulder
    np.clip(bent, 0, 1, out=bent)
    np.sqrt(bent, out=bent)
    bent *= 255
    return bent.astype(np.uint8)


def _warped(image: Image.Image, camera: Camera, size: tuple[int, int]) -> Image.Image:
    """The middle of the scene, posed, still oversampled."""
    angle = math.radians(camera.degrees)
    cos, sin = math.cos(angle) / camera.zoom, math.sin(angle) / camera.zoom
    width, height = size[0] * OVERSAMPLE, size[1] * OVERSAMPLE
    x = width / 2 + camera.shift[0] * OVERSAMPLE
    y = height / 2 + camera.shift[1] * OVERSAMPLE
    matrix = (cos, -sin, image.width / 2 - cos * x + sin * y, sin, cos, image.height / 2 - sin * x - cos * y)
    return image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _falloff(size: tuple[int, int], camera: Camera) -> Plane:
    """The square root of the relative light on the sensor, for display levels."""
    x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    slope = 1 + camera.slope[0] * x + camera.slope[1] * y
    vignette = 1 - camera.vignette * (x**2 + y**2) / 2
    return np.asarray(np.sqrt(slope * vignette))
