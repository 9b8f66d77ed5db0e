"""Small pictures and masks on disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def encoded(seed: int = 0, size: tuple[int, int] = (12, 8), kind: str = "PNG") -> bytes:
    """A smooth random picture; equal seeds give equal bytes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, seed: int | None = None, size: tuple[int, int] = (12, 8)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "JPEG" if path.suffix.lower() in {".jpg", ".jpeg"} else "PNG"
        path.write_bytes(encoded(len(list(tmp_path.rglob("*"))) if seed is None else seed, size, kind))
        return path

    return make


@pytest.fixture
def make_mask(tmp_path: Path) -> Callable[..., Path]:
    """Write a binary mask whose box (left, top, right, bottom) is white."""

    def make(name: str, box: tuple[int, int, int, int] = (2, 2, 5, 4), size: tuple[int, int] = (12, 8)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
        pixels[box[1] : box[3], box[0] : box[2]] = 255
        Image.fromarray(pixels).save(path, "PNG")
        return path

    return make
