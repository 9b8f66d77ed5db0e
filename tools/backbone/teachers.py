"""The public networks whose features the student learns to predict.

Each teacher is a small torch network written after its published structure, filled from the state dicts in
``shared/models`` and read at strides 8 and 16. All are Apache-2.0 or BSD; only their outputs are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  the name everybody knows
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _same_pad(x: Tensor) -> Tensor:
    """TensorFlow SAME padding of a stride-2 3x3 convolution: one row below, one column right."""
    return F.pad(x, (0, 1, 0, 1))


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.residual = stride == 1 and inputs == outputs
        self.stride = stride
        layers: list[nn.Module] = []
        if expand != 1:
            layers.append(_cbr(inputs, hidden, 1))
        layers.append(_cbr(hidden, hidden, 3, stride, groups=hidden))
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class _ConvBnRelu6(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        conv = self[0]
        if conv.stride == (2, 2):
            x = _same_pad(x)
        return super().forward(x)


def _cbr(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = kernel // 2 if stride == 1 else 0
    return _ConvBnRelu6(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class MobileNetV2(nn.Module):
    """MobileNetV2 (Sandler et al. 2018), ImageNet; blocks 6 (stride 8) and 13 (stride 16)."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [_cbr(3, 32, 3, 2)]
        inputs = 32
        plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
        for expand, outputs, count, stride in plan:
            for index in range(count):
                features.append(_InvertedResidual(inputs, outputs, stride if index == 0 else 1, expand))
                inputs = outputs
        self.features = nn.Sequential(*features)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``x``: RGB in 0..1."""
        x = x * 2 - 1
        fine = None
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index == 6:
                fine = x
        assert fine is not None
        return fine, x


class _Fire(nn.Module):
    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1 (Iandola et al. 2016), ImageNet; fire 5 (stride 8) and fire 9 (stride 16)."""

    def __init__(self) -> None:
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)  # noqa: E731
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool(),
            _Fire(64, 16, 64), _Fire(128, 16, 64), pool(),
            _Fire(128, 32, 128), _Fire(256, 32, 128), pool(),
            _Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``x``: RGB in 0..1."""
        x = x * 255 - x.new_tensor([123.0, 117.0, 104.0])[:, None, None]
        fine = None
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index == 7:
                fine = x
        assert fine is not None
        return fine, x


class _BaseConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.bn(self.conv(x)))


class _DWConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = _BaseConv(inputs, inputs, kernel, stride, groups=inputs)
        self.pconv = _BaseConv(inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pconv(self.dconv(x))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _BaseConv(channels, channels, 1, 1)
        self.conv2 = _DWConv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x))


class _CSPLayer(nn.Module):
    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.conv1 = _BaseConv(channels, hidden, 1, 1)
        self.conv2 = _BaseConv(channels, hidden, 1, 1)
        self.conv3 = _BaseConv(2 * hidden, channels, 1, 1)
        self.m = nn.Sequential(*(_Bottleneck(hidden) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], 1))


class _Focus(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = _BaseConv(12, 16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]]
        return self.conv(torch.cat(parts, 1))


class YoloxNano(nn.Module):
    """CSPDarknet of YOLOX-Nano (Ge et al. 2021), COCO; dark3 (stride 8) and dark4 (stride 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Focus()
        self.dark2 = nn.Sequential(_DWConv(16, 32, 3, 2), _CSPLayer(32, 1))
        self.dark3 = nn.Sequential(_DWConv(32, 64, 3, 2), _CSPLayer(64, 3))
        self.dark4 = nn.Sequential(_DWConv(64, 128, 3, 2), _CSPLayer(128, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``x``: RGB in 0..1 (the network itself wants BGR in 0..255)."""
        fine = self.dark3(self.dark2(self.stem(x.flip(1) * 255)))
        return fine, self.dark4(fine)


def _fold_batch_norms(net: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it: the teachers never train, and run faster so."""
    for module in list(net.modules()):
        names = list(module._modules)
        for first, second in pairwise(names):
            conv, norm = module._modules[first], module._modules[second]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[first] = fuse_conv_bn_eval(conv, norm)
                module._modules[second] = nn.Identity()
    return net


TEACHERS: dict[str, tuple[type[nn.Module], str, str]] = {
    "mobilenet_v2": (MobileNetV2, "mobilenet_v2_imagenet/mobilenet_v2_imagenet_fp16.pt", ""),
    "squeezenet1_1": (SqueezeNet, "squeezenet1_1_imagenet/squeezenet1_1_imagenet_fp16.pt", ""),
    "yolox_nano": (YoloxNano, "yolox_nano_coco/yolox_nano_coco.pt", "backbone.backbone."),
}


class Teachers(nn.Module):
    """All teachers side by side, standardised per channel and resampled to the student's grids."""

    def __init__(self, models: Path) -> None:
        super().__init__()
        self.nets = nn.ModuleDict()
        for name, (build, file, prefix) in TEACHERS.items():
            net = build()
            state = torch.load(models / file, weights_only=True)
            state = {k.removeprefix(prefix): v.float() for k, v in state.items() if k.startswith(prefix)}
            missing, _ = net.load_state_dict(state, strict=False)
            lacking = [key for key in missing if not key.endswith("num_batches_tracked")]
            if lacking:
                raise SystemExit(f"{file}: no weights for {lacking}")
            self.nets[name] = _fold_batch_norms(net.eval())
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.moments: list[tuple[Tensor, Tensor]] = []
        self.widths: list[list[int]] = []

    def raw(self, x: Tensor) -> list[list[Tensor]]:
        """Per level (stride 8, 16) the list of every teacher's map, on the student's grid."""
        levels: list[list[Tensor]] = [[], []]
        for net in self.nets.values():
            for level, features in enumerate(net(x)):
                stride = 8 << level
                grid = (x.shape[2] // stride, x.shape[3] // stride)
                features = features.float()
                if features.shape[2:] != grid:
                    features = F.interpolate(features, grid, mode="bilinear", align_corners=False)
                levels[level].append(features)
        return levels

    @torch.no_grad()
    def measure(self, batches: Iterator[Tensor]) -> None:
        """Channel means and deviations over ``batches``; must run before ``forward``."""
        sums: list[list[Tensor]] = []
        count = 0
        for x in batches:
            levels = self.raw(x)
            self.widths = [[f.shape[1] for f in level] for level in levels]
            joined = [torch.cat(level, 1) for level in levels]
            stats = [[f.mean((0, 2, 3)), (f * f).mean((0, 2, 3))] for f in joined]
            if sums:
                stats = [[a + b for a, b in zip(s, t, strict=True)] for s, t in zip(sums, stats, strict=True)]
            sums = stats
            count += 1
        self.moments = []
        for mean, square in sums:
            mean, square = mean / count, square / count
            deviation = (square - mean * mean).clamp_min(1e-8).sqrt()
            # Channels that hardly ever fire would be blown up to pure noise by dividing by their deviation.
            self.moments.append((mean, deviation.clamp_min(0.05 * deviation.median())))

    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        targets = []
        for level, (mean, deviation) in zip(self.raw(x), self.moments, strict=True):
            joined = torch.cat(level, 1)
            targets.append((joined - mean[:, None, None]) / deviation[:, None, None])
        return targets[0], targets[1]
