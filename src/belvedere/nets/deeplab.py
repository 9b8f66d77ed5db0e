"""DeepLab v3 (Chen et al. 2017, https://arxiv.org/abs/1706.05587) on a dilated ResNet, with torchvision's names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from belvedere.nets.resnet import Trunk

_RATES = (12, 24, 36)
_MAPS = 256


class _Pyramid(nn.Module):  # type: ignore[misc]
    """Atrous spatial pyramid pooling: convolutions of several reaches and the mean of the picture, joined."""

    def __init__(self, inward: int) -> None:
        super().__init__()
        reaches = [_unit(inward, _MAPS, 1), *(_unit(inward, _MAPS, 3, rate) for rate in _RATES)]
        pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_unit(inward, _MAPS, 1))
        self.convs = nn.ModuleList([*reaches, pooling])
        self.project = nn.Sequential(*_unit(_MAPS * (len(_RATES) + 2), _MAPS, 1), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [conv(x) for conv in self.convs]
        parts[-1] = functional.interpolate(parts[-1], size=x.shape[-2:], mode="bilinear", align_corners=False)
        joined: torch.Tensor = self.project(torch.cat(parts, 1))
        return joined


class DeepLabV3(nn.Module):  # type: ignore[misc]
    """A segmenter; logits [N, classes, H, W] under the key ``out``. Without the auxiliary classifier of training."""

    def __init__(self, blocks: Sequence[int], classes: int) -> None:
        super().__init__()
        self.backbone = Trunk(blocks, bottleneck=True, dilate=(False, True, True))
        self.classifier = nn.Sequential(
            _Pyramid(self.backbone.channels), *_unit(_MAPS, _MAPS, 3), nn.Conv2d(_MAPS, classes, 1)
        )

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits per pixel of pictures [N, 3, H, W]."""
        logits = self.classifier(self.backbone(x))
        return {"out": functional.interpolate(logits, size=x.shape[-2:], mode="bilinear", align_corners=False)}


def deeplabv3_resnet(*, blocks: Sequence[int], classes: int) -> DeepLabV3:
    """Make a DeepLab v3 on a ResNet of these blocks."""
    return DeepLabV3(blocks, classes)


def _unit(inward: int, outward: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inward, outward, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outward), nn.ReLU())
