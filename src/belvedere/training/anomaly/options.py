"""What a user may choose when training an anomaly model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belvedere.core.errors import OptionError
from belvedere.training.backbones import DEFAULT_BACKBONE

SMALLEST_SIZE, LARGEST_SIZE = 64, 2048


@dataclass(frozen=True)
class TrainOptions:
    """Options of ``belvedere train --task anomaly``.

    Attributes:
        backbone: Name of the feature network: a bundled one here; ``belvedere.train`` also takes those of the hub.
        size: Network input as the side of a square with the same area, in pixels; the input keeps the
            pictures' usual aspect ratio. ``auto`` compares sizes by cross-validation.
        tile: See the pictures at their own resolution, in overlapping windows (see ``tiles``); a given
            ``size`` then is the size of the whole picture.
        roi: Picture whose white (at least half bright) pixels are the region of interest; the rest is ignored.
        normal_only: Learn from normal pictures alone even where anomalous ones are labelled.
        false_alarms: Share of normal pictures that may be called anomalous, 0..1 exclusive. None means 0.1
            for training from normal pictures alone, and the best F1 where anomalies are labelled.
        seed: Seed of every random choice.
        name: Name of the model.
        exif: Apply the EXIF orientation of pictures.

    Raises:
        OptionError: a value is out of range.
    """

    backbone: str = DEFAULT_BACKBONE
    size: int | Literal["auto"] = "auto"
    tile: bool = False
    roi: Path | None = None
    normal_only: bool = False
    false_alarms: float | None = None
    seed: int = 0
    name: str = "anomaly"
    exif: bool = True

    def __post_init__(self) -> None:
        size = self.size
        if isinstance(size, str):
            if size != "auto":
                raise OptionError(f"size {size!r}: expected a number of pixels or 'auto'")
        elif not SMALLEST_SIZE <= size <= LARGEST_SIZE:
            raise OptionError(f"size {size}: expected {SMALLEST_SIZE} to {LARGEST_SIZE} pixels, or 'auto'")
        rate = self.false_alarms
        if rate is not None and not (math.isfinite(rate) and 0 < rate < 1):
            raise OptionError(f"false-alarm rate {rate}: expected a share above 0 and below 1, such as 0.05")
        if self.seed < 0:
            raise OptionError(f"seed {self.seed}: expected a whole number, 0 or more")
        if not self.name.strip():
            raise OptionError("the model's name is empty")
