"""A drawn part that takes a millisecond: a plate with a bar, a disc and holes; with and without defects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from belvedere.vision.encode import jpeg_bytes, png_bytes

KINDS = ("blob", "scratch")
WIDTH, HEIGHT = 160, 120


def part(seed: int, kind: str | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)) -> tuple[np.ndarray, np.ndarray]:
    """RGB uint8 (H, W, 3) and the defect's pixels, bool (H, W); the seed gives light, noise and position."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width * 4 + rng.normal(0, 0.01), y / height * 3 + rng.normal(0, 0.01)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = (90, 120, 100)
    picture += 14 * np.sin(9 * x + 1.5 * np.sin(4 * y))[..., None]
    picture[(abs(x - 1.1) < 0.7) & (abs(y - 0.6) < 0.22)] = (60, 60, 66)
    picture[(x - 3) ** 2 + (y - 1) ** 2 < 0.3] = (190, 185, 170)
    for hole in (0.4, 1.6, 2.8):
        picture[(x - hole) ** 2 + (y - 2.4) ** 2 < 0.03] = (20, 20, 20)
    marked = np.zeros((height, width), bool)
    if kind == "blob":
        marked = (x - rng.uniform(0.6, 3.4)) ** 2 + (y - rng.uniform(0.6, 2.4)) ** 2 < 0.06
        picture[marked] = (170, 60, 40)
    elif kind == "scratch":
        middle, slope = rng.uniform(0.9, 2.1), rng.uniform(-0.4, 0.4)
        marked = (abs(y - middle - slope * (x - 2)) < 0.07) & (abs(x - 2) < 0.9)
        picture[marked] = (235, 235, 240)
    picture *= rng.normal(1, 0.02)
    picture += rng.normal(0, 3, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), marked


def write_parts(
    folder: Path,
    normal: int,
    anomalous: int = 0,
    *,
    masks: bool = True,
    seed: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """``normal/``, ``anomaly/<kind>/`` and ``ground_truth/<kind>/`` with that many pictures, kinds in turn."""
    for index in range(normal):
        _write(folder / "normal" / f"{index:02}.jpg", jpeg_bytes(part(1000 * seed + index, size=size)[0], quality=95))
    for index in range(anomalous):
        kind = KINDS[index % len(KINDS)]
        picture, marked = part(1000 * seed + 500 + index, kind, size)
        _write(folder / "anomaly" / kind / f"{index:02}.jpg", jpeg_bytes(picture, quality=95))
        if masks:
            _write(folder / "ground_truth" / kind / f"{index:02}_mask.png", png_bytes(marked))
    return folder


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
