"""Small pictures for the gallery: the picture with what was marked, and with what the model saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.data.masks import Mask
from belvedere.evaluation.report import GalleryItem, Group, PictureRow
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.vision.encode import jpeg_bytes
from belvedere.vision.resize import resize_map

SIDE = 320
"""Longest side of a thumbnail in pixels."""

_QUALITY = 82
_MARKED = (0, 200, 255)
_FLAGGED = (255, 255, 255)
_HALO = (0, 0, 0)
# Brighter is hotter, so it reads without colour vision and in grey print.
_RAMP = np.array([(60, 10, 110), (190, 40, 85), (245, 120, 30), (255, 225, 80)], dtype=np.float32)
_STOPS = np.array([0.0, 0.4, 0.7, 1.0], dtype=np.float32)


def thumbnails(row: PictureRow, group: Group, result: AnomalyResult, mask: Mask | None) -> GalleryItem:
    """Draw one gallery item from the result on a picture and its mask, where it has one."""
    width, height = _fit(result.width, result.height)
    small = np.asarray(Image.fromarray(result.image).resize((width, height), Image.Resampling.LANCZOS))
    marked = None if mask is None or not mask.any else _shrunk(mask.binary, width, height)
    heat = np.clip(resize_map(result.grid, width, height), 0.0, 1.0)
    stretched = _stretched(heat) if group == "missed" and heat.max() < result.pixel_threshold else None
    seen = (
        heat_overlay(small, heat, result.pixel_threshold) if stretched is None else heat_overlay(small, stretched, 0.5)
    )
    return GalleryItem(
        row=row,
        group=group,
        picture=jpeg_bytes(small if marked is None else outline(small, marked, _MARKED), _QUALITY),
        heatmap=jpeg_bytes(outline(seen, _shrunk(result.mask, width, height), _FLAGGED), _QUALITY),
        width=width,
        height=height,
        marked=marked is not None,
        stretched=stretched is not None,
    )


def heat_overlay(image: NDArray[np.uint8], heat: NDArray[np.float32], pixel_threshold: float) -> NDArray[np.uint8]:
    """Lay a heatmap over a picture: clear below half the pixel threshold, then from violet to yellow.

    Args:
        image: RGB uint8 (h, w, 3).
        heat: float32 (h, w), 0..1.
        pixel_threshold: Heatmap value from which a pixel counts as anomalous.
    """
    foot = pixel_threshold / 2
    strength = np.clip((heat - foot) / max(1.0 - foot, 1e-6), 0.0, 1.0)
    color = np.stack([np.interp(strength, _STOPS, _RAMP[:, channel]) for channel in range(3)], axis=-1)
    alpha = np.minimum(0.8, 2.0 * strength)[..., np.newaxis]
    return np.asarray(np.rint(image * (1 - alpha) + color * alpha), dtype=np.uint8)


def _stretched(heat: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The upper half of a faint heatmap over the whole range: it shows where there is most; None of a flat one."""
    low, high = float(np.median(heat)), float(heat.max())
    return None if high - low < 1e-6 else np.asarray(np.clip((heat - low) / (high - low), 0.0, 1.0), dtype=np.float32)


def outline(image: NDArray[np.uint8], mask: NDArray[np.bool_], color: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Draw a two-pixel line with a dark edge around the mask, outside of it, so that small defects stay visible."""
    from scipy import ndimage

    if not mask.any():
        return image
    line = ndimage.binary_dilation(mask, iterations=2)
    drawn = image.copy()
    drawn[ndimage.binary_dilation(line, iterations=1) & ~line] = _HALO
    drawn[line & ~mask] = color
    return drawn


def _fit(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrunk(mask: NDArray[np.bool_], width: int, height: int) -> NDArray[np.bool_]:
    """A mask at another size in which even a single pixel survives."""
    if mask.shape == (height, width):
        return mask
    covered = Image.fromarray(mask.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return np.asarray(covered) > 1e-6
