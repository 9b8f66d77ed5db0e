"""How GluonCV's own scripts prepare pictures: ``gluoncv.data.transforms.presets``, versions 0.4 to 0.10.

All scale RGB to 0..1, subtract the mean (0.485, 0.456, 0.406) and divide by (0.229, 0.224, 0.225). Detectors resize
the shorter side to a number of pixels, cubically and without anti-aliasing, unless the longer one would exceed a bound;
the input has the shape that comes of it. An artifact's input has one size: a picture of that shape goes in exactly as
GluonCV's own script prepares it, one of another shape keeps its own, and the rest is filled with the mean colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from belvedere.core.errors import OptionError

MEAN_COLOR = "#7c7467"
"""The mean (0.485, 0.456, 0.406) in bytes: what is filled with it is 0 after normalisation, but for rounding."""


@dataclass(frozen=True)
class Preset:
    """One of GluonCV's presets.

    Attributes:
        mode: As in a manifest's `Resize`.
        kernel: Likewise.
        short: The shorter side that its script resizes to; 0 where it resizes to a fixed size.
        longest: Bound on the longer side.
        share: For crops: the input's side as a share of the shorter one.
    """

    mode: str
    kernel: str
    short: int = 0
    longest: int = 0
    share: float = 0.0

    def size_for(self, width: int, height: int, short: int | None = None) -> tuple[int, int]:
        """Width and height that GluonCV's ``transform_test`` gives a picture.

        Args:
            width: Of the picture.
            height: Of the picture.
            short: The shorter side wanted; None for the preset's.

        Raises:
            OptionError: the preset resizes to a fixed size.
        """
        if not self.short:
            raise OptionError("this preset resizes to a fixed size, whatever the picture's is")
        scale = (short or self.short) / min(width, height)
        if round(scale * max(width, height)) > self.longest:
            scale = self.longest / max(width, height)
        return round(width * scale), round(height * scale)

    def resize(self, width: int, height: int) -> dict[str, Any]:
        """Fields of a manifest's `Resize` for an input of that size."""
        short = round(max(width, height) / self.share) if self.mode == "crop" else None
        return {
            "mode": self.mode, "kernel": self.kernel, "width": width, "height": height, "anchor": "center",
            "fill": MEAN_COLOR, "short": short,
        }  # fmt: skip


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "yolo": Preset("letterbox", "cubic", short=416, longest=1024),
        "ssd": Preset("letterbox", "cubic", short=512, longest=1024),
        "rcnn": Preset("letterbox", "cubic", short=600, longest=1000),
        "rcnn-fpn": Preset("letterbox", "cubic", short=800, longest=1333),
        "center-net": Preset("letterbox", "cubic", short=512, longest=1024),
        "imagenet": Preset("crop", "linear", share=0.875),
        # Its script takes the picture as it is; the network has one size.
        "segmentation": Preset("stretch", "linear"),
        # Its script cuts a person's box out of the picture and keeps its shape.
        "pose": Preset("letterbox", "linear"),
    }
)
