"""MobileNet v1 to v3 (GluonCV ``mobilenet.py``, ``mobilenetv3.py``)."""

from __future__ import annotations

import math

from tools.mxnet_networks.layers import (
    add,
    conv,
    conv_norm,
    conv_norm_relu,
    dense,
    dropout,
    flatten,
    global_pool,
    norm,
    relu,
    relu6,
    scalar,
)
from tools.mxnet_networks.symbol import Graph, Tensor

CLASSES = 1000

# Kernel, expanded width, width, gate, activation, stride.
_Block = tuple[int, int, int, bool, str, int]
_LARGE: tuple[_Block, ...] = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "swish", 2),
    (3, 200, 80, False, "swish", 1),
    (3, 184, 80, False, "swish", 1),
    (3, 184, 80, False, "swish", 1),
    (3, 480, 112, True, "swish", 1),
    (3, 672, 112, True, "swish", 1),
    (5, 672, 160, True, "swish", 2),
    (5, 960, 160, True, "swish", 1),
    (5, 960, 160, True, "swish", 1),
)
_SMALL: tuple[_Block, ...] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "swish", 2),
    (5, 240, 40, True, "swish", 1),
    (5, 240, 40, True, "swish", 1),
    (5, 120, 48, True, "swish", 1),
    (5, 144, 48, True, "swish", 1),
    (5, 288, 96, True, "swish", 2),
    (5, 576, 96, True, "swish", 1),
    (5, 576, 96, True, "swish", 1),
)


def mobilenet_v1(g: Graph, x: Tensor, multiplier: float) -> list[Tensor]:
    """Classifier (Howard et al. 2017, https://arxiv.org/abs/1704.04861)."""
    x = mobilenet_v1_layers(g, x, multiplier)[-1]
    return [dense(g, flatten(g, global_pool(g, x)), CLASSES)]


def mobilenet_v1_layers(g: Graph, x: Tensor, multiplier: float) -> list[Tensor]:
    """What each of the 27 ReLUs gives."""
    x = conv_norm_relu(g, x, int(32 * multiplier), 3, 2, 1)
    layers = [x]
    widths = [64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    for width, stride in zip(widths, [1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1], strict=True):
        x = conv_norm_relu(g, x, x.channels, 3, stride, 1, groups=x.channels)
        layers.append(x)
        x = conv_norm_relu(g, x, int(width * multiplier), 1)
        layers.append(x)
    return layers


def mobilenet_v2(g: Graph, x: Tensor, multiplier: float) -> list[Tensor]:
    """Classifier (Sandler et al. 2018, https://arxiv.org/abs/1801.04381); the first block expands too, by 1."""
    with g.scope("features_"):
        x = relu6(g, conv_norm(g, x, int(32 * multiplier), 3, 2, 1))
        groups = [(16, 1, 1, 1), (24, 2, 2, 6), (32, 3, 2, 6), (64, 4, 2, 6), (96, 3, 1, 6), (160, 3, 2, 6)]
        for width, repeats, first, expand in [*groups, (320, 1, 1, 6)]:
            for repeat in range(repeats):
                with g.numbered("linearbottleneck"):
                    x = _bottleneck_v2(g, x, int(width * multiplier), first if repeat == 0 else 1, expand)
        x = relu6(g, conv_norm(g, x, max(1280, int(1280 * multiplier)), 1))
        x = global_pool(g, x)
    with g.scope("output_"):
        x = conv(g, x, CLASSES, 1, name="pred")
        return [flatten(g, x)]


def _bottleneck_v2(g: Graph, x: Tensor, width: int, stride: int, expand: int) -> Tensor:
    inner = x.channels * expand
    body = relu6(g, conv_norm(g, x, inner, 1))
    body = relu6(g, conv_norm(g, body, inner, 3, stride, 1, groups=inner))
    if stride == 1 and x.channels == width:
        body = norm(g, conv(g, body, width, 1), gain=0.5)
        return g.op("elemwise_add", "elemwise_add", body, x)
    return conv_norm(g, body, width, 1)


def mobilenet_v3(g: Graph, x: Tensor, *, large: bool) -> list[Tensor]:
    """Classifier (Howard et al. 2019, https://arxiv.org/abs/1905.02244), with GluonCV's 1280-wide head."""
    x = conv(g, x, 16, 3, 2, 1, name="first-3x3-conv-conv2d")
    x = _hard_swish(g, norm(g, x, name="first-3x3-conv-batchnorm"))
    for index, block in enumerate(_LARGE if large else _SMALL):
        with g.scope(f"_resunit{index}_"):
            x = _unit_v3(g, x, block, f"seq-{index}")
    x = conv(g, x, 960 if large else 576, 1, name="last-1x1-conv1-conv2d")
    x = _hard_swish(g, norm(g, x, name="last-1x1-conv1-batchnorm"))
    x = conv(g, global_pool(g, x), 1280, 1, name="last-1x1-conv2-conv2d")
    x = dropout(g, _hard_swish(g, x), 0.2)
    with g.scope("output_"):
        return [flatten(g, conv(g, x, CLASSES, 1, bias=True, name="fc"))]


def _unit_v3(g: Graph, x: Tensor, block: _Block, name: str) -> Tensor:
    kernel, inner, width, gated, act, stride = block
    activate = relu if act == "relu" else _hard_swish
    body = x
    if inner != width:
        body = conv(g, body, inner, 1, name=f"{name}-exp-conv2d")
        body = activate(g, norm(g, body, name=f"{name}-exp-batchnorm"))
    body = conv(g, body, inner, kernel, stride, kernel // 2, groups=inner, name=f"{name}-depthwise-conv2d")
    body = activate(g, norm(g, body, name=f"{name}-depthwise-batchnorm"))
    if gated:
        gate = global_pool(g, body)
        squeezed = math.ceil(inner // 4 / 8) * 8
        gate = relu(g, conv(g, gate, squeezed, 1, bias=True, name=f"{name}-se_fc1"))
        gate = _hard_sigmoid(g, conv(g, gate, inner, 1, bias=True, name=f"{name}-se_fc2"))
        body = g.op("broadcast_mul", "_se0_broadcast_mul", body, gate)
    # The gate lets half of it pass.
    body = conv(g, body, width, 1, name=f"{name}-linear-conv2d", gain=1.4 if gated else 0.8)
    same = x.channels == width and stride == 1
    body = norm(g, body, name=f"{name}-linear-batchnorm", gain=0.5 if same else 1.0)
    return add(g, x, body) if same else body


def _hard_sigmoid(g: Graph, x: Tensor) -> Tensor:
    with g.numbered("hardsigmoid"):
        shifted = scalar(g, "plus", x, 3.0)
    clipped = relu6(g, shifted)
    return scalar(g, "div", clipped, 6.0)


def _hard_swish(g: Graph, x: Tensor) -> Tensor:
    gate = _hard_sigmoid(g, x)
    return g.op("elemwise_mul", "_mul", x, gate)
