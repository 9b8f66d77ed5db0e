"""MobileNetV3 (Howard et al. 2019, https://arxiv.org/abs/1905.02244), with torchvision's names."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from belvedere.nets.widths import make_divisible

# Kernel, expanded, out, squeeze-and-excitation, hard swish, stride.
_Row = tuple[int, int, int, bool, bool, int]
_STAGES: dict[str, tuple[_Row, ...]] = {
    "large": (
        (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
        (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
        (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
        (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
        (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
    ),
    "small": (
        (3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
        (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
        (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1), (5, 288, 96, True, True, 2),
        (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1),
    ),
}  # fmt: skip
_LAST = {"large": 1280, "small": 1024}
_FIRST = 16


class _Excitation(nn.Module):  # type: ignore[misc]
    """Weigh each map by what all maps hold on the average."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.fc2(functional.relu(self.fc1(functional.adaptive_avg_pool2d(x, 1))))
        return x * functional.hardsigmoid(scale)


class _Residual(nn.Module):  # type: ignore[misc]
    """Expand, filter each map by itself, excite, project."""

    def __init__(self, inward: int, row: _Row) -> None:
        super().__init__()
        kernel, width, outward, excited, swish, stride = row
        act = nn.Hardswish if swish else nn.ReLU
        layers: list[nn.Module] = [_unit(inward, width, 1, act=act)] if width != inward else []
        layers.append(_unit(width, width, kernel, stride, width, act=act))
        if excited:
            layers.append(_Excitation(width, make_divisible(width // 4)))
        layers.append(_unit(width, outward, 1))
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inward == outward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(x)
        return x + y if self.shortcut else y


class MobileNetV3(nn.Module):  # type: ignore[misc]
    """A classifier; logits [N, classes]."""

    def __init__(self, size: str, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, _FIRST, 3, 2, act=nn.Hardswish)]
        inward = _FIRST
        for row in _STAGES[size]:
            layers.append(_Residual(inward, row))
            inward = row[2]
        layers.append(_unit(inward, 6 * inward, 1, act=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(6 * inward, _LAST[size]), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(_LAST[size], classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of pictures [N, 3, H, W]."""
        logits: torch.Tensor = self.classifier(torch.flatten(functional.adaptive_avg_pool2d(self.features(x), 1), 1))
        return logits


def mobilenet_v3(*, size: str, classes: int) -> MobileNetV3:
    """Make a MobileNetV3, ``large`` or ``small``."""
    return MobileNetV3(size, classes)


def _unit(
    inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1, *, act: type[nn.Module] | None = None
) -> nn.Sequential:
    """Convolution, batch normalisation, activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward, eps=1e-3, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([act()] if act is not None else []))
