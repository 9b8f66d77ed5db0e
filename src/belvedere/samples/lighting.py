"""Light on a surface: diffuse and mirrored light from a lamp and a sky, and soft shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from belvedere.samples.surface import Plane, Surface

_BINS = 128
_STEEPEST = 3.0


@dataclass(frozen=True)
class Light:
    """A lamp beside the camera and light from all around.

    Attributes:
        azimuth: Where the lamp is, radians from the x axis towards the y axis (downwards).
        elevation: Its height above the board's plane, radians.
        sky: Share of the light that comes from all around, 0..1.
        hardness: How small and sharp its mirror images are; about 4 (large diffuser) to 30 (bare lamp).
    """

    azimuth: float
    elevation: float
    sky: float
    hardness: float

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector towards the lamp."""
        flat = math.cos(self.elevation)
        return flat * math.cos(self.azimuth), flat * math.sin(self.azimuth), math.sin(self.elevation)


def shade(surface: Surface, light: Light) -> Plane:
    """Linear RGB that a camera straight above sees, (h, w, 3); white in full light is 1."""
    table = _table(light)
    index = _slope_index(surface)
    diffuse, metal, gloss = (np.take(table[channel], index) for channel in range(3))
    shadow = _shadow(surface, light)
    diffuse *= light.sky * 0.62 + (1 - light.sky * 0.62) * shadow
    metal *= 0.35 + 0.65 * shadow
    gloss *= surface.gloss * shadow
    factor = diffuse + (metal - diffuse) * surface.metal
    lit = surface.color * factor[..., None]
    lit += gloss[..., None]
    return np.asarray(lit)


def _table(light: Light) -> NDArray[np.float32]:
    """Diffuse, metallic and clear reflection for every slope; (3, bins * bins)."""
    slope = (np.arange(_BINS, dtype=np.float32) - _BINS // 2) * (2 * _STEEPEST / _BINS)
    sx, sy = slope[None, :], slope[:, None]
    nz = 1 / np.sqrt(1 + sx**2 + sy**2)
    nx, ny = -sx * nz, -sy * nz
    lx, ly, lz = light.direction
    lambert = np.clip(nx * lx + ny * ly + nz * lz, 0, None) / lz
    diffuse = light.sky * (0.55 + 0.45 * nz) + (1 - light.sky) * np.minimum(lambert, 1.9)
    mirror = np.stack([2 * nz * nx, 2 * nz * ny, 2 * nz * nz - 1])
    lamp = mirror[0] * lx + mirror[1] * ly + mirror[2] * lz
    back = -0.6 * mirror[0] * lx - 0.6 * mirror[1] * ly + mirror[2] * 0.8
    metal = 0.34 + 0.24 * np.clip(mirror[2], 0, 1) + 1.35 * np.exp(light.hardness * 0.8 * (lamp - 1))
    metal += 0.35 * np.exp(9 * (np.minimum(back, 1) - 1)) - 0.2 * np.exp(-((mirror[2] / 0.35) ** 2))
    gloss = 0.9 * np.exp(light.hardness * 2.2 * (lamp - 1)) + 0.012
    return np.stack([diffuse, metal, gloss]).reshape(3, -1).astype(np.float32)


def _slope_index(surface: Surface) -> NDArray[np.intp]:
    """Which entry of the table each pixel's slope belongs to."""
    height = surface.height
    factor = np.float32(surface.scale / 2 * _BINS / (2 * _STEEPEST))
    index = np.zeros(surface.shape, np.intp)
    for axis, stride in ((0, _BINS), (1, 1)):
        slope = np.zeros_like(height)
        if axis == 0:
            np.subtract(height[2:], height[:-2], out=slope[1:-1])
        else:
            np.subtract(height[:, 2:], height[:, :-2], out=slope[:, 1:-1])
        slope *= factor
        slope += _BINS // 2 + 0.5
        np.clip(slope, 0, _BINS - 1, out=slope)
        index += slope.astype(np.intp) * stride
    return index


def _shadow(surface: Surface, light: Light) -> Plane:
    """How much of the lamp reaches each pixel, 0..1: marched along the height field at quarter size."""
    rows, columns = surface.shape
    small = Image.fromarray(surface.height).resize((columns // 2, rows // 2), Image.Resampling.BOX)
    height = np.asarray(small)
    scale = surface.scale / 2
    lx, ly, _ = light.direction
    flat = math.hypot(lx, ly)
    rise = math.tan(light.elevation) / scale
    blocked = np.zeros_like(height)
    reach = min(6.0, 6.5 / math.tan(light.elevation)) * scale
    steps = np.unique(np.round(np.geomspace(1.0, max(2.0, reach), 9)))
    for step in steps:
        dx, dy = round(float(lx / flat * step)), round(float(ly / flat * step))
        over = _shifted(height, dx, dy) - height - np.float32(step * rise)
        np.maximum(blocked, over * np.float32(2.6 / (0.35 + step / scale)), out=blocked)
    dark = Image.fromarray((np.clip(blocked, 0, 1) * 255).astype(np.uint8))
    dark = dark.filter(ImageFilter.GaussianBlur(0.12 * scale))
    near = Image.fromarray((np.clip(height, 0, 4) * 60).astype(np.uint8))
    occluded = np.asarray(near.filter(ImageFilter.BoxBlur(0.5 * scale)), dtype=np.float32) / 60 - height
    soft = np.asarray(dark, dtype=np.float32) / 255
    lit = (1 - 0.82 * soft) * (1 - 0.28 * np.clip(occluded, 0, 1.2) / 1.2)
    full = Image.fromarray(lit.astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(full)


def _shifted(plane: Plane, dx: int, dy: int) -> Plane:
    """``plane[y + dy, x + dx]`` with the edge repeated."""
    rows, columns = plane.shape
    y = np.clip(np.arange(rows) + dy, 0, rows - 1)
    x = np.clip(np.arange(columns) + dx, 0, columns - 1)
    return plane[y][:, x]
