"""What a trainer knows about a feature network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backbone:
    """A frozen convolutional (or patch) network as ONNX, in float32.

    Attributes:
        name: How users call it.
        network: ONNX model; input ``image`` float32 [N, 3, H, W], output ``features`` float32
            [N, channels, H / stride, W / stride], batch and sides free.
        channels: Channels of ``features``.
        stride: Pixels of the input per cell of ``features``.
        multiple: Sides of the input must be multiples of this.
        mean: Per channel (RGB), subtracted from pixels in 0..1.
        std: Per channel, divided by after that.
        licence: SPDX identifier of the weights.
        origin: Where the weights come from, in a few words.
    """

    name: str
    network: bytes
    channels: int
    stride: int
    multiple: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    origin: str
