"""SqueezeNet (Iandola et al. 2016, https://arxiv.org/abs/1602.07360), with torchvision's names."""

from __future__ import annotations

import torch
from torch import nn

# First convolution: maps and kernel. Then fire modules as (in, squeezed, expanded), None for a max pool.
_VERSIONS: dict[str, tuple[tuple[int, int], tuple[tuple[int, int, int] | None, ...]]] = {
    "1.0": (
        (96, 7),
        (
            None, (96, 16, 64), (128, 16, 64), (128, 32, 128),
            None, (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256),
            None, (512, 64, 256),
        ),
    ),
    "1.1": (
        (64, 3),
        (
            None, (64, 16, 64), (128, 16, 64),
            None, (128, 32, 128), (256, 32, 128),
            None, (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256),
        ),
    ),
}  # fmt: skip


class _Fire(nn.Module):  # type: ignore[misc]
    """Squeeze to few maps, expand by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, inward: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inward, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):  # type: ignore[misc]
    """A classifier; logits [N, classes]."""

    def __init__(self, version: str, classes: int) -> None:
        super().__init__()
        (maps, kernel), rows = _VERSIONS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, maps, kernel, 2), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2, ceil_mode=True) if row is None else _Fire(*row) for row in rows]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(512, classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        return torch.flatten(self.classifier(self.features(x)), 1)


def squeezenet(*, version: str, classes: int) -> SqueezeNet:
    """Make a SqueezeNet, version ``1.0`` or ``1.1``."""
    return SqueezeNet(version, classes)
