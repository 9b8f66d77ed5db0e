"""YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430), with the names of the YOLOX project."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_STRIDES = (8, 16, 32)
_MAPS = (256, 512, 1024)
_POOLS = (5, 9, 13)


class _Conv(nn.Module):  # type: ignore[misc]
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inward, outward, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outward, eps=1e-3, momentum=0.03)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.bn(self.conv(x)))


class _DepthwiseConv(nn.Module):  # type: ignore[misc]
    """A convolution of each map by itself, then one across maps."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = _Conv(inward, inward, kernel, stride, inward)
        self.pconv = _Conv(inward, outward, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.pconv(self.dconv(x))
        return y


def _conv(inward: int, outward: int, kernel: int, stride: int = 1, *, depthwise: bool) -> nn.Module:
    kind = _DepthwiseConv if depthwise else _Conv
    return kind(inward, outward, kernel, stride)


class _Bottleneck(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, *, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = _Conv(width, width, 1)
        self.conv2 = _conv(width, width, 3, depthwise=depthwise)
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class _CSP(nn.Module):  # type: ignore[misc]
    """Cross stage partial layer (Wang et al. 2019): half of the maps pass the bottlenecks, half go by."""

    def __init__(self, inward: int, outward: int, count: int, *, shortcut: bool = True, depthwise: bool) -> None:
        super().__init__()
        hidden = outward // 2
        self.conv1 = _Conv(inward, hidden, 1)
        self.conv2 = _Conv(inward, hidden, 1)
        self.conv3 = _Conv(2 * hidden, outward, 1)
        self.m = nn.Sequential(*(_Bottleneck(hidden, shortcut=shortcut, depthwise=depthwise) for _ in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], 1))
        return y


class _Pools(nn.Module):  # type: ignore[misc]
    """Spatial pyramid pooling (He et al. 2014)."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        hidden = inward // 2
        self.conv1 = _Conv(inward, hidden, 1)
        self.m = nn.ModuleList([nn.MaxPool2d(kernel, 1, kernel // 2) for kernel in _POOLS])
        self.conv2 = _Conv(hidden * (len(_POOLS) + 1), outward, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        y: torch.Tensor = self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))
        return y


class _Focus(nn.Module):  # type: ignore[misc]
    """Fold squares of 2 x 2 pixels into the channels, then a convolution."""

    def __init__(self, outward: int) -> None:
        super().__init__()
        self.conv = _Conv(12, outward, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        even, odd = x[..., ::2, :], x[..., 1::2, :]
        parts = [even[..., ::2], odd[..., ::2], even[..., 1::2], odd[..., 1::2]]
        y: torch.Tensor = self.conv(torch.cat(parts, 1))
        return y


class _Darknet(nn.Module):  # type: ignore[misc]
    """The backbone: maps at strides 8, 16 and 32."""

    def __init__(self, depth: float, width: float, *, depthwise: bool) -> None:
        super().__init__()
        base, count = int(width * 64), max(round(depth * 3), 1)
        self.stem = _Focus(base)
        self.dark2 = self._stage(base, count, depthwise=depthwise)
        self.dark3 = self._stage(base * 2, count * 3, depthwise=depthwise)
        self.dark4 = self._stage(base * 4, count * 3, depthwise=depthwise)
        self.dark5 = nn.Sequential(
            _conv(base * 8, base * 16, 3, 2, depthwise=depthwise),
            _Pools(base * 16, base * 16),
            _CSP(base * 16, base * 16, count, shortcut=False, depthwise=depthwise),
        )

    @staticmethod
    def _stage(inward: int, count: int, *, depthwise: bool) -> nn.Sequential:
        return nn.Sequential(
            _conv(inward, inward * 2, 3, 2, depthwise=depthwise),
            _CSP(inward * 2, inward * 2, count, depthwise=depthwise),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        fine = self.dark3(self.dark2(self.stem(x)))
        middle = self.dark4(fine)
        return fine, middle, self.dark5(middle)


class _Neck(nn.Module):  # type: ignore[misc]
    """Path aggregation (Liu et al. 2018) over the backbone's maps: from coarse to fine and back."""

    def __init__(self, depth: float, width: float, *, depthwise: bool) -> None:
        super().__init__()
        self.backbone = _Darknet(depth, width, depthwise=depthwise)
        fine, middle, coarse = (int(maps * width) for maps in _MAPS)
        count = round(3 * depth)

        def csp(inward: int, outward: int) -> _CSP:
            return _CSP(inward, outward, count, shortcut=False, depthwise=depthwise)

        self.lateral_conv0 = _Conv(coarse, middle, 1)
        self.C3_p4 = csp(2 * middle, middle)
        self.reduce_conv1 = _Conv(middle, fine, 1)
        self.C3_p3 = csp(2 * fine, fine)
        self.bu_conv2 = _conv(fine, fine, 3, 2, depthwise=depthwise)
        self.C3_n3 = csp(2 * fine, middle)
        self.bu_conv1 = _conv(middle, middle, 3, 2, depthwise=depthwise)
        self.C3_n4 = csp(2 * middle, coarse)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        fine, middle, coarse = self.backbone(x)
        top = self.lateral_conv0(coarse)
        middle = self.C3_p4(torch.cat([_twice(top), middle], 1))
        side = self.reduce_conv1(middle)
        fine = self.C3_p3(torch.cat([_twice(side), fine], 1))
        middle = self.C3_n3(torch.cat([self.bu_conv2(fine), side], 1))
        return [fine, middle, self.C3_n4(torch.cat([self.bu_conv1(middle), top], 1))]


class _Head(nn.Module):  # type: ignore[misc]
    """Boxes, objectness and classes, predicted apart for each cell of each stride."""

    def __init__(self, classes: int, width: float, *, depthwise: bool) -> None:
        super().__init__()
        maps = int(256 * width)

        def towers() -> nn.ModuleList:
            convs = [[_conv(maps, maps, 3, depthwise=depthwise) for _ in range(2)] for _ in _STRIDES]
            return nn.ModuleList([nn.Sequential(*pair) for pair in convs])

        self.cls_convs, self.reg_convs = towers(), towers()
        self.cls_preds = nn.ModuleList([nn.Conv2d(maps, classes, 1) for _ in _STRIDES])
        self.reg_preds = nn.ModuleList([nn.Conv2d(maps, 4, 1) for _ in _STRIDES])
        self.obj_preds = nn.ModuleList([nn.Conv2d(maps, 1, 1) for _ in _STRIDES])
        self.stems = nn.ModuleList([_Conv(int(inward * width), maps, 1) for inward in _MAPS])

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        rows = []
        for at, level in enumerate(levels):
            stem = self.stems[at](level)
            boxes = self.reg_convs[at](stem)
            parts = [
                self.reg_preds[at](boxes),
                self.obj_preds[at](boxes).sigmoid(),
                self.cls_preds[at](self.cls_convs[at](stem)).sigmoid(),
            ]
            rows.append(torch.cat(parts, 1).flatten(2))
        return torch.cat(rows, 2).transpose(1, 2)


class YOLOX(nn.Module):  # type: ignore[misc]
    """A detector of pictures in BGR, 0 to 255; sides are multiples of 32.

    Output [N, cells, 5 + classes]: the cells of strides 8, 16 and 32, row by row; centre and size of the box as the
    network predicts them (to be decoded: ``(x + column) * stride``, ``exp(w) * stride``), objectness and class scores
    after the sigmoid. The same as the project's ONNX export gives.
    """

    def __init__(self, depth: float, width: float, classes: int, *, depthwise: bool) -> None:
        super().__init__()
        self.backbone = _Neck(depth, width, depthwise=depthwise)
        self.head = _Head(classes, width, depthwise=depthwise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raw predictions for pictures [N, 3, H, W]."""
        predictions: torch.Tensor = self.head(self.backbone(x))
        return predictions


def yolox(*, depth: float, width: float, classes: int, depthwise: bool = False) -> YOLOX:
    """Make a YOLOX of relative depth and width."""
    return YOLOX(depth, width, classes, depthwise=depthwise)


def _twice(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
