"""DenseNet (Huang et al. 2016, https://arxiv.org/abs/1608.06993), with torchvision's names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_BOTTLENECK = 4


class _Layer(nn.Module):  # type: ignore[misc]
    """Makes ``growth`` new maps from all before."""

    def __init__(self, inward: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inward)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inward, _BOTTLENECK * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(_BOTTLENECK * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(self.relu1(self.norm1(x)))
        return torch.cat([x, self.conv2(self.relu2(self.norm2(y)))], 1)


class DenseNet(nn.Module):  # type: ignore[misc]
    """A classifier; logits [N, classes]."""

    def __init__(self, blocks: Sequence[int], growth: int, first: int, classes: int) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["conv0"] = nn.Conv2d(3, first, 7, 2, 3, bias=False)
        parts["norm0"] = nn.BatchNorm2d(first)
        parts["relu0"] = nn.ReLU(inplace=True)
        parts["pool0"] = nn.MaxPool2d(3, 2, 1)
        width = first
        for number, count in enumerate(blocks, start=1):
            layers = OrderedDict((f"denselayer{n + 1}", _Layer(width + n * growth, growth)) for n in range(count))
            parts[f"denseblock{number}"] = nn.Sequential(layers)
            width += count * growth
            if number < len(blocks):
                parts[f"transition{number}"] = _transition(width)
                width //= 2
        parts[f"norm{len(blocks) + 1}"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        maps = functional.relu(self.features(x), inplace=True)
        logits: torch.Tensor = self.classifier(torch.flatten(functional.adaptive_avg_pool2d(maps, 1), 1))
        return logits


def densenet(*, blocks: Sequence[int], classes: int, growth: int = 32, first: int = 64) -> DenseNet:
    """Make a DenseNet.

    Args:
        blocks: Layers per block.
        classes: Of the output.
        growth: Maps that a layer adds.
        first: Maps of the first convolution.
    """
    return DenseNet(blocks, growth, first, classes)


def _transition(width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(width),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(width, width // 2, 1, bias=False),
            pool=nn.AvgPool2d(2, 2),
        )
    )
