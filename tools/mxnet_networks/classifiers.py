"""DenseNet, SqueezeNet, Inception v3, GoogLeNet, Xception and Darknet-53 (GluonCV files of these names)."""

from __future__ import annotations

from tools.mxnet_networks.layers import (
    add,
    concat,
    conv,
    conv_norm,
    conv_norm_relu,
    dense,
    dropout,
    flatten,
    global_pool,
    leaky,
    norm,
    pool,
    relu,
)
from tools.mxnet_networks.resnets import CLASSES, residual_gain
from tools.mxnet_networks.symbol import Graph, Tensor

_DENSENETS = {121: (6, 12, 24, 16), 201: (6, 12, 48, 32)}


def densenet(g: Graph, x: Tensor, depth: int) -> list[Tensor]:
    """DenseNet-BC with growth 32 (Huang et al. 2017, https://arxiv.org/abs/1608.06993)."""
    x = conv_norm_relu(g, x, 64, 7, 2, 3)
    x = pool(g, x, "max", 3, 2, 1)
    for stage, blocks in enumerate(_DENSENETS[depth], start=1):
        with g.scope(f"stage{stage}_"):
            for _ in range(blocks):
                new = conv(g, relu(g, norm(g, x)), 128, 1)
                new = conv(g, relu(g, norm(g, new)), 32, 3, 1, 1)
                x = concat(g, x, new)
        x = relu(g, norm(g, x))
        if stage < 4:
            x = pool(g, conv(g, x, x.channels // 2, 1), "avg", 2, 2)
    return [dense(g, flatten(g, pool(g, x, "avg", 7, 7)), CLASSES)]


def squeezenet(g: Graph, x: Tensor, version: str) -> list[Tensor]:
    """Iandola et al. 2016 (https://arxiv.org/abs/1602.07360), version 1.0 or 1.1."""
    old = version == "1.0"
    x = relu(g, conv(g, x, 96, 7, 2, bias=True) if old else conv(g, x, 64, 3, 2, bias=True))
    sizes = (16, 16, 32, 32, 48, 48, 64, 64)
    for index, size in enumerate(sizes):
        if index in ((0, 3, 7) if old else (0, 2, 4)):
            x = pool(g, x, "max", 3, 2, ceil=True)
        x = relu(g, conv(g, x, size, 1, bias=True))
        parts = (conv(g, x, 4 * size, 1, bias=True), conv(g, x, 4 * size, 3, 1, 1, bias=True))
        x = concat(g, *(relu(g, part) for part in parts))
    x = relu(g, conv(g, dropout(g, x, 0.5), CLASSES, 1, bias=True))
    return [flatten(g, pool(g, x, "avg", 13, 13))]


# Channels, kernel, stride, pad of one convolution of a branch.
_Step = tuple[int, int | tuple[int, int], int, int | tuple[int, int]]
_COLUMN: tuple[tuple[int, int], tuple[int, int]] = ((7, 1), (3, 0))
_ROW: tuple[tuple[int, int], tuple[int, int]] = ((1, 7), (0, 3))


def _branch(g: Graph, x: Tensor, *steps: _Step) -> Tensor:
    for step in steps:
        x = conv_norm_relu(g, x, *step, eps=0.001)
    return x


def inception_v3(g: Graph, x: Tensor) -> list[Tensor]:
    """Szegedy et al. 2016 (https://arxiv.org/abs/1512.00567), without the auxiliary classifier."""
    x = _branch(g, x, (32, 3, 2, 0), (32, 3, 1, 0), (64, 3, 1, 1))
    x = pool(g, x, "max", 3, 2)
    x = _branch(g, x, (80, 1, 1, 0), (192, 3, 1, 0))
    x = pool(g, x, "max", 3, 2)
    for name, width in (("A1_", 32), ("A2_", 64), ("A3_", 64)):
        with g.scope(name):
            x = _inception_a(g, x, width)
    with g.scope("B_"):
        parts = (_branch(g, x, (384, 3, 2, 0)), _branch(g, x, (64, 1, 1, 0), (96, 3, 1, 1), (96, 3, 2, 0)))
        x = concat(g, *parts, pool(g, x, "max", 3, 2))
    for name, width in (("C1_", 128), ("C2_", 160), ("C3_", 160), ("C4_", 192)):
        with g.scope(name):
            x = _inception_c(g, x, width)
    with g.scope("D_"):
        left = _branch(g, x, (192, 1, 1, 0), (320, 3, 2, 0))
        middle = _branch(g, x, (192, 1, 1, 0), (192, _ROW[0], 1, _ROW[1]), (192, _COLUMN[0], 1, _COLUMN[1]))
        x = concat(g, left, _branch(g, middle, (192, 3, 2, 0)), pool(g, x, "max", 3, 2))
    for name in ("E1_", "E2_"):
        with g.scope(name):
            x = _inception_e(g, x)
    x = dropout(g, pool(g, x, "avg", 8, 8), 0.5)
    return [dense(g, x, CLASSES)]


def _inception_a(g: Graph, x: Tensor, pooled: int) -> Tensor:
    parts = (
        _branch(g, x, (64, 1, 1, 0)),
        _branch(g, x, (48, 1, 1, 0), (64, 5, 1, 2)),
        _branch(g, x, (64, 1, 1, 0), (96, 3, 1, 1), (96, 3, 1, 1)),
        _branch(g, pool(g, x, "avg", 3, 1, 1), (pooled, 1, 1, 0)),
    )
    return concat(g, *parts)


def _inception_c(g: Graph, x: Tensor, w: int) -> Tensor:
    row, column = (w, _ROW[0], 1, _ROW[1]), (w, _COLUMN[0], 1, _COLUMN[1])
    parts = (
        _branch(g, x, (192, 1, 1, 0)),
        _branch(g, x, (w, 1, 1, 0), row, (192, _COLUMN[0], 1, _COLUMN[1])),
        _branch(g, x, (w, 1, 1, 0), column, row, column, (192, _ROW[0], 1, _ROW[1])),
        _branch(g, pool(g, x, "avg", 3, 1, 1), (192, 1, 1, 0)),
    )
    return concat(g, *parts)


def _inception_e(g: Graph, x: Tensor) -> Tensor:
    def split(part: Tensor) -> Tensor:
        return concat(g, _branch(g, part, (384, (1, 3), 1, (0, 1))), _branch(g, part, (384, (3, 1), 1, (1, 0))))

    parts = (
        _branch(g, x, (320, 1, 1, 0)),
        split(_branch(g, x, (384, 1, 1, 0))),
        split(_branch(g, x, (448, 1, 1, 0), (384, 3, 1, 1))),
        _branch(g, pool(g, x, "avg", 3, 1, 1), (192, 1, 1, 0)),
    )
    return concat(g, *parts)


# 1x1; 1x1 and 3x3; 1x1 and 3x3 (where the paper has 5x5); pooled 1x1. None: a maximum pooling of that kernel.
_GOOGLENET: tuple[tuple[int, ...] | int, ...] = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    3,
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    2,
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def googlenet(g: Graph, x: Tensor) -> list[Tensor]:
    """Szegedy et al. 2015 (https://arxiv.org/abs/1409.4842) with batch norm, without auxiliary classifiers."""
    x = _branch(g, x, (64, 7, 2, 3))
    x = pool(g, x, "max", 3, 2, ceil=True)
    x = _branch(g, x, (64, 1, 1, 0), (192, 3, 1, 1))
    x = pool(g, x, "max", 3, 2, ceil=True)
    for block in _GOOGLENET:
        if isinstance(block, int):
            x = pool(g, x, "max", block, 2, ceil=block == 3)
            continue
        first, second, wide, third, small, pooled = block
        parts = (
            _branch(g, x, (first, 1, 1, 0)),
            _branch(g, x, (second, 1, 1, 0), (wide, 3, 1, 1)),
            _branch(g, x, (third, 1, 1, 0), (small, 3, 1, 1)),
            _branch(g, pool(g, x, "max", 3, 1, 1), (pooled, 1, 1, 0)),
        )
        x = concat(g, *parts)
    return [dense(g, dropout(g, pool(g, x, "avg", 7, 7), 0.4), CLASSES)]


def xception65(g: Graph, x: Tensor) -> list[Tensor]:
    """Aligned Xception with 65 layers (Chen et al. 2018, https://arxiv.org/abs/1802.02611)."""
    x = conv_norm_relu(g, x, 32, 3, 2, 1)
    x = conv_norm_relu(g, x, 64, 3, 1, 1)
    x = relu(g, _xception_block(g, x, (128, 128, 128), 2, start=False))
    x = _xception_block(g, x, (256, 256, 256), 2, start=False)
    x = _xception_block(g, x, (728, 728, 728), 2)
    for _ in range(16):
        x = _xception_block(g, x, (728, 728, 728), 1)
    x = relu(g, _xception_block(g, x, (728, 1024, 1024), 2))
    for width in (1536, 1536, 2048):
        x = relu(g, norm(g, _separable(g, x, width)))
    return [dense(g, flatten(g, global_pool(g, x)), CLASSES)]


def _xception_block(g: Graph, x: Tensor, widths: tuple[int, ...], stride: int, *, start: bool = True) -> Tensor:
    gain = residual_gain(20)
    body = x
    for index, width in enumerate(widths):
        last = index == len(widths) - 1
        body = relu(g, body) if index or start else body
        body = _separable(g, body, width, stride if last else 1)
        body = norm(g, body, gain=gain if last else 1.0)
    changed = stride != 1 or x.channels != widths[-1]
    return add(g, body, conv_norm(g, x, widths[-1], 1, stride) if changed else x)


def _separable(g: Graph, x: Tensor, width: int, stride: int = 1) -> Tensor:
    with g.numbered("separableconv2d"):
        x = g.op("Pad", "pad", x, constant_value=0, mode="constant", pad_width=(0, 0, 0, 0, 1, 1, 1, 1))
        x = conv_norm(g, x, x.channels, 3, stride, groups=x.channels)
        # Nothing bends its input, so it keeps twice what a ReLU would leave.
        return conv(g, x, width, 1, gain=0.7)


def darknet53(g: Graph, x: Tensor) -> list[Tensor]:
    """Classifier (Redmon and Farhadi 2018, https://arxiv.org/abs/1804.02767)."""
    x = darknet53_stages(g, x)[-1]
    pooled = g.op("Pooling", "pooling", x, global_pool=True, kernel=(7, 7), pool_type="avg")
    return [dense(g, pooled, CLASSES)]


def darknet53_stages(g: Graph, x: Tensor) -> list[Tensor]:
    """Feature maps at strides 8, 16 and 32."""
    x = conv_leaky(g, x, 32, 3)
    stages = []
    for blocks, width in zip((1, 2, 8, 8, 4), (64, 128, 256, 512, 1024), strict=True):
        x = conv_leaky(g, x, width, 3, 2)
        for _ in range(blocks):
            body = conv_leaky(g, x, width // 2, 1)
            body = conv_leaky(g, body, width, 3, gain=0.5 / blocks)
            with g.numbered("darknetbasicblockv3"):
                x = add(g, body, x)
        stages.append(x)
    return stages[2:]


def conv_leaky(g: Graph, x: Tensor, width: int, kernel: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    """Convolution, batch norm, leaky ReLU."""
    return leaky(g, norm(g, conv(g, x, width, kernel, stride, kernel // 2), gain=gain))
