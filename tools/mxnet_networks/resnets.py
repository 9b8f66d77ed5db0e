"""ResNets v1, v1b, v1d, v1s and v2 (GluonCV ``resnet.py``, ``resnetv1b.py``)."""

from __future__ import annotations

from dataclasses import dataclass

from tools.mxnet_networks.layers import (
    activation,
    add,
    conv,
    conv_norm,
    conv_norm_relu,
    dense,
    flatten,
    global_pool,
    norm,
    pool,
    relu,
)
from tools.mxnet_networks.symbol import Graph, Tensor

DEPTHS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)
CLASSES = 1000


def residual_gain(blocks: int) -> float:
    """Scale of a residual branch so that a chain of blocks grows by a constant factor at most."""
    return float(blocks) ** -0.5


def resnet_v1(g: Graph, x: Tensor, depth: int) -> list[Tensor]:
    """Classifier."""
    x = resnet_v1_stages(g, x, depth)[-1]
    return [dense(g, global_pool(g, x), CLASSES)]


def resnet_v1_stages(g: Graph, x: Tensor, depth: int) -> list[Tensor]:
    """Feature maps of the four stages; the stride of a bottleneck is in its first convolution."""
    x = conv_norm_relu(g, x, 64, 7, 2, 3)
    x = pool(g, x, "max", 3, 2, 1)
    gain = residual_gain(sum(DEPTHS[depth]))
    stages = []
    for stage, (blocks, width) in enumerate(zip(DEPTHS[depth], WIDTHS, strict=True), start=1):
        with g.scope(f"stage{stage}_"):
            for block in range(blocks):
                stride = 2 if block == 0 and stage > 1 else 1
                x = (_basic_v1 if depth < 50 else _bottleneck_v1)(g, x, width, stride, gain)
        stages.append(x)
    return stages


def _basic_v1(g: Graph, x: Tensor, width: int, stride: int, gain: float) -> Tensor:
    body = conv_norm_relu(g, x, width, 3, stride, 1)
    body = norm(g, conv(g, body, width, 3, 1, 1), gain=gain)
    shortcut = x if x.channels == width and stride == 1 else conv_norm(g, x, width, 1, stride)
    return activation(g, add(g, shortcut, body))


def _bottleneck_v1(g: Graph, x: Tensor, width: int, stride: int, gain: float) -> Tensor:
    body = conv_norm_relu(g, x, width, 1, stride, bias=True)
    body = conv_norm_relu(g, body, width, 3, 1, 1)
    body = norm(g, conv(g, body, width * 4, 1, bias=True), gain=gain)
    shortcut = x if x.channels == width * 4 and stride == 1 else conv_norm(g, x, width * 4, 1, stride)
    return activation(g, add(g, body, shortcut))


@dataclass(frozen=True)
class Variant:
    """What tells the v1b family apart.

    Attributes:
        stem: Width of the three-convolution stem; None for one 7x7 convolution.
        average: Whether shortcuts shrink by average pooling.
        dilated: Whether stages 3 and 4 dilate instead of shrinking (stride 8 in all).
    """

    stem: int | None = None
    average: bool = False
    dilated: bool = False


V1B = Variant()
V1D = Variant(stem=32, average=True)
V1S_DILATED = Variant(stem=64, dilated=True)


def resnet_v1b(g: Graph, x: Tensor, depth: int, variant: Variant = V1B) -> list[Tensor]:
    """Classifier of the v1b family."""
    x = resnet_v1b_stages(g, x, depth, variant)[-1]
    return [dense(g, flatten(g, global_pool(g, x)), CLASSES)]


def resnet_v1b_stages(g: Graph, x: Tensor, depth: int, variant: Variant = V1B) -> list[Tensor]:
    """Feature maps of the four stages; the stride of a bottleneck is in its 3x3 convolution."""
    if variant.stem is None:
        x = conv_norm_relu(g, x, 64, 7, 2, 3)
    else:
        x = conv_norm_relu(g, x, variant.stem, 3, 2, 1)
        x = conv_norm_relu(g, x, variant.stem, 3, 1, 1)
        x = conv_norm_relu(g, x, variant.stem * 2, 3, 1, 1)
    x = pool(g, x, "max", 3, 2, 1)
    stages = []
    for stage in range(4):
        x = v1b_stage(g, x, depth, stage, variant)
        stages.append(x)
    return stages


def v1b_stage(g: Graph, x: Tensor, depth: int, stage: int, variant: Variant = V1B) -> Tensor:
    """Stage 0 to 3."""
    gain = residual_gain(sum(DEPTHS[depth]))
    dilation = (1, 1, 2, 4)[stage] if variant.dilated else 1
    for block in range(DEPTHS[depth][stage]):
        stride = 2 if block == 0 and stage > 0 and dilation == 1 else 1
        own = max(1, dilation // 2) if block == 0 else dilation
        with g.scope(f"layers{stage + 1}_"):
            body = _body_v1b(g, x, depth, WIDTHS[stage], stride, own, gain)
        out = WIDTHS[stage] * (1 if depth < 50 else 4)
        with g.scope(f"down{stage + 1}_"):
            shortcut = x if x.channels == out and stride == 1 else _shortcut_v1b(g, x, out, stride, variant)
        with g.scope(f"layers{stage + 1}_"):
            x = relu(g, add(g, body, shortcut))
    return x


def _body_v1b(g: Graph, x: Tensor, depth: int, width: int, stride: int, dilation: int, gain: float) -> Tensor:
    if depth < 50:
        x = conv_norm_relu(g, x, width, 3, stride, dilation, dilation)
        return norm(g, conv(g, x, width, 3, 1, dilation, dilation), gain=gain)
    x = conv_norm_relu(g, x, width, 1)
    x = conv_norm_relu(g, x, width, 3, stride, dilation, dilation)
    return norm(g, conv(g, x, width * 4, 1), gain=gain)


def _shortcut_v1b(g: Graph, x: Tensor, width: int, stride: int, variant: Variant) -> Tensor:
    if not variant.average:
        return conv_norm(g, x, width, 1, stride)
    x = pool(g, x, "avg", stride, stride, ceil=True, count=False)
    return conv_norm(g, x, width, 1)


def resnet_v2(g: Graph, x: Tensor, depth: int) -> list[Tensor]:
    """Classifier with pre-activation; the first batch norm has no scale of its own."""
    x = norm(g, x, fix_gamma=True)
    x = conv_norm_relu(g, x, 64, 7, 2, 3)
    x = pool(g, x, "max", 3, 2, 1)
    gain = residual_gain(sum(DEPTHS[depth]))
    for stage, (blocks, width) in enumerate(zip(DEPTHS[depth], WIDTHS, strict=True), start=1):
        with g.scope(f"stage{stage}_"):
            for block in range(blocks):
                stride = 2 if block == 0 and stage > 1 else 1
                x = (_basic_v2 if depth < 50 else _bottleneck_v2)(g, x, width, stride, gain)
    x = relu(g, norm(g, x))
    return [dense(g, flatten(g, global_pool(g, x)), CLASSES)]


def _basic_v2(g: Graph, x: Tensor, width: int, stride: int, gain: float) -> Tensor:
    ready = activation(g, norm(g, x))
    body = activation(g, norm(g, conv(g, ready, width, 3, stride, 1)))
    body = conv(g, body, width, 3, 1, 1, gain=gain)
    shortcut = x if x.channels == width and stride == 1 else conv(g, ready, width, 1, stride)
    return add(g, body, shortcut)


def _bottleneck_v2(g: Graph, x: Tensor, width: int, stride: int, gain: float) -> Tensor:
    ready = activation(g, norm(g, x))
    body = activation(g, norm(g, conv(g, ready, width, 1)))
    body = activation(g, norm(g, conv(g, body, width, 3, stride, 1)))
    body = conv(g, body, width * 4, 1, gain=gain)
    shortcut = x if x.channels == width * 4 and stride == 1 else conv(g, ready, width * 4, 1, stride)
    return add(g, body, shortcut)
