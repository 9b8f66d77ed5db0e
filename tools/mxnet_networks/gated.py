"""ResNets with gates: SE-ResNeXt, SENet-154, ResNeSt (GluonCV ``resnext.py``, ``senet.py``, ``resnest.py``)."""

from __future__ import annotations

from tools.mxnet_networks.layers import (
    activation,
    adaptive_pool,
    add,
    conv,
    conv_norm,
    conv_norm_relu,
    dense,
    dropout,
    flatten,
    global_pool,
    norm,
    pool,
    relu,
    reshape,
    sigmoid,
)
from tools.mxnet_networks.resnets import CLASSES, DEPTHS, WIDTHS, residual_gain
from tools.mxnet_networks.symbol import Graph, Tensor


def se_resnext50_32x4d(g: Graph, x: Tensor) -> list[Tensor]:
    """Hu et al. 2018 (https://arxiv.org/abs/1709.01507) on ResNeXt-50 with 32 groups of 4 channels."""
    x = conv_norm_relu(g, x, 64, 7, 2, 3)
    x = pool(g, x, "max", 3, 2, 1)
    x = _stages(g, x, DEPTHS[50], groups=32, narrow=1, kernels=(1, 1, 1, 1))
    return [dense(g, global_pool(g, x), CLASSES)]


def senet_154(g: Graph, x: Tensor) -> list[Tensor]:
    """SENet-154: 64 groups, half-wide first convolutions, 3x3 shortcuts."""
    x = conv_norm_relu(g, x, 64, 3, 2, 1)
    x = conv_norm_relu(g, x, 64, 3, 1, 1)
    x = conv_norm_relu(g, x, 128, 3, 1, 1)
    x = pool(g, x, "max", 3, 2, ceil=True)
    x = _stages(g, x, DEPTHS[152], groups=64, narrow=2, kernels=(1, 3, 3, 3))
    return [dense(g, dropout(g, global_pool(g, x), 0.2), CLASSES)]


def _stages(
    g: Graph, x: Tensor, depths: tuple[int, ...], *, groups: int, narrow: int, kernels: tuple[int, ...]
) -> Tensor:
    gain = residual_gain(sum(depths))
    for stage, (blocks, width, kernel) in enumerate(zip(depths, WIDTHS, kernels, strict=True), start=1):
        with g.scope(f"stage{stage}_"):
            for block in range(blocks):
                stride = 2 if block == 0 and stage > 1 else 1
                inner = groups * (width * 4 // 64)
                body = conv_norm_relu(g, x, inner // narrow, 1)
                body = conv_norm_relu(g, body, inner, 3, stride, 1, groups=groups)
                # The gate lets half of it pass.
                body = norm(g, conv(g, body, width * 4, 1), gain=2 * gain)
                body = squeeze_excitation(g, body, width // 4)
                shortcut = x if block else conv_norm(g, x, width * 4, kernel, stride, kernel // 2)
                x = activation(g, add(g, body, shortcut))
    return x


def squeeze_excitation(g: Graph, x: Tensor, squeezed: int) -> Tensor:
    """Channel gates from the pooled map, by two 1x1 convolutions with bias."""
    gate = adaptive_pool(g, x, 1)
    gate = relu(g, conv(g, gate, squeezed, 1, bias=True))
    gate = sigmoid(g, conv(g, gate, x.channels, 1, bias=True, gain=0.5))
    return g.op("broadcast_mul", "broadcast_mul", x, gate)


def resnest50(g: Graph, x: Tensor) -> list[Tensor]:
    """Zhang et al. 2020 (https://arxiv.org/abs/2004.08955), radix 2, cardinality 1."""
    x = conv_norm_relu(g, x, 32, 3, 2, 1)
    x = conv_norm_relu(g, x, 32, 3, 1, 1)
    x = conv_norm_relu(g, x, 64, 3, 1, 1)
    x = pool(g, x, "max", 3, 2, 1)
    gain = residual_gain(sum(DEPTHS[50]))
    for stage, (blocks, width) in enumerate(zip(DEPTHS[50], WIDTHS, strict=True), start=1):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 1 else 1
            with g.scope(f"layers{stage}_"):
                body = conv_norm_relu(g, x, width, 1)
                with g.numbered("splitattentionconv"):
                    body = split_attention(g, body, width)
                if stride > 1:
                    body = pool(g, body, "avg", 3, stride, 1)
                body = norm(g, conv(g, body, width * 4, 1), gain=gain)
            shortcut = x
            if block == 0:
                with g.scope(f"down{stage}_"):
                    shortcut = pool(g, x, "avg", stride, stride, ceil=True, count=False)
                    shortcut = conv_norm(g, shortcut, width * 4, 1)
            with g.scope(f"layers{stage}_"):
                x = relu(g, add(g, body, shortcut))
    return [dense(g, flatten(g, global_pool(g, x)), CLASSES)]


def split_attention(g: Graph, x: Tensor, width: int, radix: int = 2) -> Tensor:
    """``SplitAttentionConv``: ``radix`` grouped convolutions, weighted by a softmax over them."""
    inner = max(x.channels * radix // 4, 32)
    x = conv_norm_relu(g, x, width * radix, 3, 1, 1, groups=radix)
    splits = reshape(g, g.op("expand_dims", "expand_dims", x, axis=1), 0, radix, width, 0, 0)
    pooled = adaptive_pool(g, g.op("sum", "sum", splits, axis=1, channels=width), 1)
    weights = relu(g, norm(g, conv(g, pooled, inner, 1, bias=True)))
    weights = reshape(g, conv(g, weights, width * radix, 1, bias=True), 0, 1, radix, -1)
    weights = g.op("SwapAxis", "swapaxes", weights, dim1=1, dim2=2)
    weights = reshape(g, g.op("softmax", "softmax", weights, axis=1), 0, radix, -1, 1, 1)
    product = g.op("broadcast_mul", "broadcast_mul", weights, splits)
    return g.op("sum", "sum", product, axis=1, channels=width)
