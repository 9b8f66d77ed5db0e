"""Endless random training crops from a folder tree of pictures, plus drawn textures.

Nothing here looks at labels. Half the crops are changed hard (turned, greyed, blurred, noised, pasted
over), because the student must answer as its teachers do on factory pictures too, which look like no photograph.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name everybody knows
from PIL import Image
from torch import Tensor

SUFFIXES = {".jpg", ".jpeg", ".png"}


def load_pictures(folders: list[Path], largest: int = 512) -> list[np.ndarray]:
    """Every picture below ``folders`` in sorted order as RGB uint8 HWC, its long side at most ``largest``."""
    pictures = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
            with Image.open(path) as image:
                image = image.convert("RGB")
                image.thumbnail((largest, largest), Image.Resampling.BOX)
                pictures.append(np.asarray(image))
    return pictures


def _crop(picture: np.ndarray, size: int, rng: np.random.Generator) -> Tensor:
    """A random square of 0.4 to 1.6 times ``size`` pixels, resized to ``size``; float CHW in 0..1."""
    height, width = picture.shape[:2]
    side = int(min(height, width, size * np.exp(rng.uniform(np.log(0.4), np.log(1.6)))))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    patch = torch.from_numpy(picture[top : top + side, left : left + side].copy())
    patch = patch.permute(2, 0, 1)[None].float() / 255
    return F.interpolate(patch, (size, size), mode="bilinear", antialias=side > size, align_corners=False)[0]


def _texture(size: int, rng: np.random.Generator) -> Tensor:
    """Coloured noise with a random spectrum and direction, sometimes a grating: brushed metal, cloth, grain."""
    falloff, angle, stretch = rng.uniform(0.3, 2.2), rng.uniform(0, np.pi), np.exp(rng.uniform(0, 2.5))
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    along = (fx * np.cos(angle) + fy * np.sin(angle)) * stretch
    across = -fx * np.sin(angle) + fy * np.cos(angle)
    amplitude = (np.hypot(along, across) + 1 / size) ** -falloff
    noise = rng.standard_normal((size, size // 2 + 1)) + 1j * rng.standard_normal((size, size // 2 + 1))
    field = np.fft.irfft2(noise * amplitude, (size, size))
    field = field / (field.std() + 1e-9)
    if rng.random() < 0.4:
        y, x = np.mgrid[:size, :size]
        phase = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / rng.uniform(4, 48)
        field = field * rng.uniform(0, 0.6) + np.sin(phase + rng.uniform(0, 6.3))
    base, contrast = rng.uniform(0.15, 0.85, 3), rng.uniform(0.02, 0.2) * rng.uniform(0.6, 1.0, 3)
    image = base[:, None, None] + contrast[:, None, None] * field[None]
    return torch.from_numpy(image.astype(np.float32)).clamp(0, 1)


def _disturb(x: Tensor, other: Tensor, rng: np.random.Generator) -> Tensor:
    """Turns, light, colour, blur, noise, and a pasted piece of ``other``; all random."""
    size = x.shape[-1]
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            height, width = (int(v) for v in np.exp(rng.uniform(np.log(4), np.log(size / 2.5), 2)))
            top, left = int(rng.integers(0, size - height)), int(rng.integers(0, size - width))
            fade = rng.uniform(0.2, 1.0)
            piece = other[:, top : top + height, left : left + width]
            x[:, top : top + height, left : left + width].lerp_(piece.clone(), fade)
    x = torch.rot90(x, int(rng.integers(0, 4)), (1, 2))
    if rng.random() < 0.5:
        x = x.flip(2)
    if rng.random() < 0.25:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, 3).astype(np.float32))[:, None, None] * rng.uniform(0.5, 1.4)
    middle = x.mean()
    x = ((x - middle) * rng.uniform(0.5, 1.3) + middle) * gain
    if rng.random() < 0.2:
        small = max(24, int(size * rng.uniform(0.35, 0.9)))
        x = F.interpolate(x[None], (small, small), mode="area")
        x = F.interpolate(x, (size, size), mode="bilinear", align_corners=False)[0]
    if rng.random() < 0.3:
        noise = rng.standard_normal(tuple(x.shape), dtype=np.float32) * rng.uniform(0.005, 0.05)
        x = x + torch.from_numpy(noise)
    return x.clamp(0, 1)


def crops(
    pictures: list[np.ndarray], size: int, batch: int, seed: int, start: int = 0, textures: float = 0.08
) -> Iterator[Tensor]:
    """Batches of float NCHW in 0..1. Batch number n depends on ``seed`` and n alone, so a run can resume."""
    number = start
    while True:
        rng = np.random.default_rng((seed, number))
        images = []
        for _ in range(batch):
            plain = rng.random() >= textures
            image = _crop(pictures[rng.integers(len(pictures))], size, rng) if plain else _texture(size, rng)
            images.append(image)
        others = images[1:] + images[:1]
        yield torch.stack([_disturb(x.clone(), o, rng) for x, o in zip(images, others, strict=True)])
        number += 1
