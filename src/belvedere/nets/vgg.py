"""VGG (Simonyan & Zisserman 2014, https://arxiv.org/abs/1409.1556), with torchvision's names."""

from __future__ import annotations

import torch
from torch import nn

_COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):  # type: ignore[misc]
    """A classifier; logits [N, classes]."""

    def __init__(self, depth: int, *, norm: bool, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inward = 3
        for count, width in zip(_COUNTS[depth], _WIDTHS, strict=True):
            for _ in range(count):
                layers.append(nn.Conv2d(inward, width, 3, padding=1))
                layers.extend([nn.BatchNorm2d(width)] if norm else [])
                layers.append(nn.ReLU(inplace=True))
                inward = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, classes),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        logits: torch.Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def vgg(*, depth: int, norm: bool, classes: int) -> VGG:
    """Make a VGG of 11, 13, 16 or 19 layers, with batch normalisation or without."""
    return VGG(depth, norm=norm, classes=classes)
