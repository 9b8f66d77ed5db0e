"""MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381), with torchvision's names."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from belvedere.nets.widths import make_divisible

# Expansion, channels, blocks, stride of the first.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_FIRST, _LAST = 32, 1280


class SameConv2d(nn.Conv2d):  # type: ignore[misc]
    """A convolution with TensorFlow's SAME padding: the odd row and column come at the bottom and at the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, C, H, W] to [N, C', ceil(H / stride), ceil(W / stride)]."""
        padding = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, padding), self.weight, self.bias, self.stride, 0, 1, self.groups)


class _Residual(nn.Module):  # type: ignore[misc]
    """Expand, filter each map by itself, project."""

    def __init__(self, inward: int, outward: int, stride: int, expansion: int, *, same: bool) -> None:
        super().__init__()
        width = inward * expansion
        layers: list[nn.Module] = [_unit(inward, width, 1, same=same)] if expansion != 1 else []
        layers.append(_unit(width, width, 3, stride, width, same=same))
        layers += [nn.Conv2d(width, outward, 1, bias=False), nn.BatchNorm2d(outward)]
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inward == outward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):  # type: ignore[misc]
    """A classifier; logits [N, classes]."""

    def __init__(self, classes: int, width: float, *, same: bool) -> None:
        super().__init__()
        inward = make_divisible(_FIRST * width)
        layers: list[nn.Module] = [_unit(3, inward, 3, 2, same=same)]
        for expansion, channels, count, first in _STAGES:
            outward = make_divisible(channels * width)
            for index in range(count):
                layers.append(_Residual(inward, outward, first if index == 0 else 1, expansion, same=same))
                inward = outward
        last = make_divisible(_LAST * max(1.0, width))
        layers.append(_unit(inward, last, 1, same=same))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        logits: torch.Tensor = self.classifier(torch.flatten(functional.adaptive_avg_pool2d(self.features(x), 1), 1))
        return logits


def mobilenet_v2(*, classes: int, width: float = 1.0, padding: str = "symmetric") -> MobileNetV2:
    """Make a MobileNetV2.

    Args:
        classes: Of the output.
        width: Multiplier of all channels.
        padding: ``symmetric`` as torchvision trains it, ``same`` for weights that come from TensorFlow.

    Raises:
        TypeError: no such padding.
    """
    if padding not in ("symmetric", "same"):
        raise TypeError(f"padding {padding!r}; expected symmetric or same")
    return MobileNetV2(classes, float(width), same=padding == "same")


def _unit(inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1, *, same: bool) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6."""
    conv: nn.Conv2d
    if same:
        conv = SameConv2d(inward, outward, kernel, stride, groups=groups, bias=False)
    else:
        conv = nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outward), nn.ReLU6(inplace=True))
