"""The student network whose weights ship in the package.

A plain residual network (He et al. 2016, https://arxiv.org/abs/1512.03385) of dense 3x3 convolutions:
dense convolutions use a CPU's vector units better than the depthwise ones of its teachers, so for the same
latency it may have more of them. Two outputs: stride 8 and stride 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StudentShape:
    """Channels per stage and residual blocks per stage (strides 2, 4, 8, 16)."""

    stem: int = 32
    stride4: int = 48
    stride8: int = 96
    stride16: int = 176
    blocks4: int = 1
    blocks8: int = 3
    blocks16: int = 2


def conv_bn(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution without bias, then batch norm."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two 3x3 convolutions with an identity shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_bn(channels, channels)
        self.second = conv_bn(channels, channels)
        nn.init.zeros_(self.second[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Stage(nn.Module):
    """A stride-2 convolution followed by residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.down = conv_bn(inputs, outputs, stride=2)
        self.blocks = nn.Sequential(*(Block(outputs) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(torch.relu(self.down(x)))


class Student(nn.Module):
    """RGB float NCHW (ImageNet-normalised) -> (stride 8, stride 16) feature maps."""

    def __init__(self, shape: StudentShape = StudentShape()) -> None:
        super().__init__()
        self.shape = shape
        self.stride2 = Stage(3, shape.stem, 0)
        self.stride4 = Stage(shape.stem, shape.stride4, shape.blocks4)
        self.stride8 = Stage(shape.stride4, shape.stride8, shape.blocks8)
        self.stride16 = Stage(shape.stride8, shape.stride16, shape.blocks16)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stride8(self.stride4(self.stride2(x)))
        return fine, self.stride16(fine)


class Heads(nn.Module):
    """Linear maps from student channels to the teachers' standardised channels (training only)."""

    def __init__(self, shape: StudentShape, targets8: int, targets16: int) -> None:
        super().__init__()
        self.to8 = nn.Conv2d(shape.stride8, targets8, 1)
        self.to16 = nn.Conv2d(shape.stride16, targets16, 1)

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        return self.to8(fine), self.to16(coarse)
