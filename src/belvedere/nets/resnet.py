"""ResNet (He et al. 2015, https://arxiv.org/abs/1512.03385), ResNeXt and Wide ResNet, with torchvision's names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

_WIDTHS = (64, 128, 256, 512)


class _Block(nn.Module):  # type: ignore[misc]
    """A residual block; with a bottleneck the stride lies in the 3x3 convolution ("v1.5")."""

    def __init__(
        self, inward: int, width: int, outward: int, stride: int, dilation: int, groups: int, *, bottleneck: bool
    ) -> None:
        super().__init__()
        if bottleneck:
            self.conv1 = nn.Conv2d(inward, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, groups, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, outward, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(outward)
        else:
            self.conv1 = nn.Conv2d(inward, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, outward, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outward)
        self.bottleneck = bottleneck
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inward != outward:
            self.downsample = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(self.relu(y)))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Trunk(nn.Module):  # type: ignore[misc]
    """The convolutional part of a ResNet.

    Args:
        blocks: Per stage.
        bottleneck: Three convolutions a block instead of two, with four times as many channels at its end.
        groups: Of the 3x3 convolutions.
        group_width: Channels per group at a width of 64.
        dilate: Per stage from the second on, whether it dilates instead of striding.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        *,
        bottleneck: bool,
        groups: int = 1,
        group_width: int = 64,
        dilate: Sequence[bool] = (False, False, False),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inward, dilation = 64, 1
        for stage, (count, base) in enumerate(zip(blocks, _WIDTHS, strict=True)):
            stride, before = (1 if stage == 0 else 2), dilation
            if stage and dilate[stage - 1]:
                stride, dilation = 1, dilation * 2
            outward = base * (4 if bottleneck else 1)
            width = base * group_width // 64 * groups
            layer = []
            for index in range(count):
                # torchvision's first block of a stage keeps the dilation of the stage before.
                spread = before if index == 0 else dilation
                step = stride if index == 0 else 1
                layer.append(_Block(inward, width, outward, step, spread, groups, bottleneck=bottleneck))
                inward = outward
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.channels = inward

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last feature map of pictures [N, 3, H, W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See ``features``."""
        return self.features(x)


class ResNet(Trunk):
    """A classifier; logits [N, classes]."""

    def __init__(
        self, blocks: Sequence[int], *, bottleneck: bool, groups: int = 1, group_width: int = 64, classes: int = 1000
    ) -> None:
        super().__init__(blocks, bottleneck=bottleneck, groups=groups, group_width=group_width)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self.channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        logits: torch.Tensor = self.fc(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def resnet(*, blocks: Sequence[int], bottleneck: bool, classes: int, groups: int = 1, group_width: int = 64) -> ResNet:
    """Make a ResNet; see ``Trunk``."""
    return ResNet(blocks, bottleneck=bottleneck, groups=groups, group_width=group_width, classes=classes)
