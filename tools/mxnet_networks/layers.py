"""Layers as Gluon exports them: operator names, attribute spellings, parameter names."""

from __future__ import annotations

from typing import Any

from tools.mxnet_networks.parameters import Initial, normal, scaled, uniform
from tools.mxnet_networks.symbol import Graph, Tensor

Pair = int | tuple[int, int]


def pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def conv(
    g: Graph,
    x: Tensor,
    channels: int,
    kernel: Pair,
    stride: Pair = 1,
    pad: Pair = 0,
    dilate: Pair = 1,
    groups: int = 1,
    *,
    bias: bool = False,
    gain: float = 1.0,
    weights: Initial | None = None,
    biases: Initial | None = None,
    name: str | None = None,
) -> Tensor:
    """``nn.Conv2D``."""
    name = name or g.count("conv")
    shape = (channels, x.channels // groups, *pair(kernel))
    inputs = [x, g.parameter(f"{name}_weight", shape, weights or scaled(gain))]
    if bias:
        inputs.append(g.parameter(f"{name}_bias", (channels,), biases or normal(0.05), initializer="zeros"))
    return g.named(
        "Convolution", f"{name}_fwd", *inputs, channels=channels,
        dilate=pair(dilate), kernel=pair(kernel), layout="NCHW", no_bias=not bias, num_filter=channels,
        num_group=groups, pad=pair(pad), stride=pair(stride),
    )  # fmt: skip


def deconv(
    g: Graph, x: Tensor, channels: int, kernel: int, stride: int, pad: int, *, bias: bool = False, gain: float = 1.0
) -> Tensor:
    """``nn.Conv2DTranspose``."""
    name = g.count("conv")
    # Each output pixel sees kernel / stride weights a side.
    fan = x.channels * (kernel // stride) ** 2
    inputs = [x, g.parameter(f"{name}_weight", (x.channels, channels, kernel, kernel), scaled(gain, fan))]
    if bias:
        inputs.append(g.parameter(f"{name}_bias", (channels,), normal(0.05), initializer="zeros"))
    return g.named(
        "Deconvolution", f"{name}_fwd", *inputs, channels=channels,
        adj=(0, 0), dilate=(1, 1), kernel=pair(kernel), layout="NCHW", no_bias=not bias, num_filter=channels,
        num_group=1, pad=pair(pad), stride=pair(stride),
    )  # fmt: skip


def norm(
    g: Graph, x: Tensor, eps: float = 1e-5, *, gain: float = 1.0, fix_gamma: bool = False, name: str | None = None
) -> Tensor:
    """``nn.BatchNorm`` with statistics near those of its input."""
    name, width = name or g.count("batchnorm"), (x.channels,)
    gamma = uniform(1.0, 1.0) if fix_gamma else uniform(0.8 * gain, 1.2 * gain)
    inputs = [
        g.parameter(f"{name}_gamma", width, gamma, initializer="ones"),
        g.parameter(f"{name}_beta", width, normal(0.1 * gain), initializer="zeros"),
        g.parameter(f"{name}_running_mean", width, normal(0.1), kind="statistics", initializer="zeros"),
        g.parameter(f"{name}_running_var", width, uniform(0.8, 1.25), kind="statistics", initializer="ones"),
    ]
    return g.named(
        "BatchNorm", f"{name}_fwd", x, *inputs,
        axis=1, eps=eps, fix_gamma=fix_gamma, momentum=0.9, use_global_stats=False,
    )  # fmt: skip


def relu(g: Graph, x: Tensor, name: str | None = None) -> Tensor:
    """``nn.Activation("relu")``."""
    return g.named("Activation", f"{name or g.count('relu')}_fwd", x, act_type="relu")


def sigmoid(g: Graph, x: Tensor) -> Tensor:
    """``nn.Activation("sigmoid")``."""
    return g.named("Activation", f"{g.count('sigmoid')}_fwd", x, act_type="sigmoid")


def activation(g: Graph, x: Tensor) -> Tensor:
    """``F.Activation(x, act_type="relu")``."""
    return g.op("Activation", "activation", x, act_type="relu")


def leaky(g: Graph, x: Tensor) -> Tensor:
    """``nn.LeakyReLU(0.1)``."""
    return g.named("LeakyReLU", f"{g.count('leakyrelu')}_fwd", x, act_type="leaky", slope=0.1)


def relu6(g: Graph, x: Tensor) -> Tensor:
    """ReLU6, a clip."""
    return g.named("clip", f"{g.count('relu6')}_relu6", x, a_min=0, a_max=6)


def conv_norm(g: Graph, x: Tensor, *args: Any, eps: float = 1e-5, **kwargs: Any) -> Tensor:
    """A convolution without bias, then batch norm."""
    return norm(g, conv(g, x, *args, **kwargs), eps)


def conv_norm_relu(g: Graph, x: Tensor, *args: Any, eps: float = 1e-5, **kwargs: Any) -> Tensor:
    """A convolution without bias, batch norm, ReLU."""
    return relu(g, conv_norm(g, x, *args, eps=eps, **kwargs))


def pool(
    g: Graph, x: Tensor, kind: str, kernel: Pair, stride: Pair, pad: Pair = 0, *, ceil: bool = False, count: bool = True
) -> Tensor:
    """``nn.MaxPool2D`` or ``nn.AvgPool2D``; ``count`` says whether the average counts padding."""
    extra = {"count_include_pad": count} if kind == "avg" else {}
    return g.named(
        "Pooling", f"{g.count('pool')}_fwd", x, **extra,
        global_pool=False, kernel=pair(kernel), layout="NCHW", pad=pair(pad), pool_type=kind,
        pooling_convention="full" if ceil else "valid", stride=pair(stride),
    )  # fmt: skip


def global_pool(g: Graph, x: Tensor) -> Tensor:
    """``nn.GlobalAvgPool2D``."""
    return g.named(
        "Pooling", f"{g.count('pool')}_fwd", x,
        global_pool=True, kernel=(1, 1), layout="NCHW", pad=(0, 0), pool_type="avg", pooling_convention="full",
        stride=(1, 1),
    )  # fmt: skip


def adaptive_pool(g: Graph, x: Tensor, size: int) -> Tensor:
    """``F.contrib.AdaptiveAvgPooling2D``."""
    return g.op("_contrib_AdaptiveAvgPooling2D", "adaptiveavgpooling2d", x, output_size=size)


def flatten(g: Graph, x: Tensor) -> Tensor:
    """``nn.Flatten``."""
    number = g.count("flatten")
    return g.named("Flatten", f"{number}_flatten0", x)


def dropout(g: Graph, x: Tensor, rate: float) -> Tensor:
    """``nn.Dropout``."""
    return g.named("Dropout", f"{g.count('dropout')}_fwd", x, axes=(), cudnn_off=False, p=rate)


def dense(
    g: Graph, x: Tensor, units: int, width: int | None = None, *, weights: Initial | None = None, bias: bool = True
) -> Tensor:
    """``nn.Dense``; ``width`` where the flattened input is wider than its channels."""
    name = g.count("dense")
    inputs = [x, g.parameter(f"{name}_weight", (units, width or x.channels), weights or scaled())]
    if bias:
        inputs.append(g.parameter(f"{name}_bias", (units,), normal(0.05), initializer="zeros"))
    return g.named(
        "FullyConnected", f"{name}_fwd", *inputs, channels=units, flatten=True, no_bias=not bias, num_hidden=units
    )


def concat(g: Graph, *parts: Tensor, dim: int = 1) -> Tensor:
    """``F.concat``."""
    channels = sum(part.channels for part in parts) if dim == 1 else parts[0].channels
    return g.op("Concat", "concat", *parts, channels=channels, dim=dim, num_args=len(parts))


def add(g: Graph, a: Tensor, b: Tensor) -> Tensor:
    """``a + b``."""
    return g.op("elemwise_add", "_plus", a, b)


def subtract(g: Graph, a: Tensor, b: Tensor) -> Tensor:
    """``a - b``."""
    return g.op("elemwise_sub", "_minus", a, b)


def scalar(g: Graph, what: str, x: Tensor, value: object) -> Tensor:
    """An operator with a number, such as ``scalar(g, "mul", x, 2)``."""
    return g.op(f"_{what}_scalar", f"_{what}scalar", x, scalar=value)


def reshape(g: Graph, x: Tensor, *shape: int) -> Tensor:
    """``x.reshape(shape)`` with MXNet's special codes."""
    return g.op("Reshape", "reshape", x, shape=shape)


def transpose(g: Graph, x: Tensor, *axes: int) -> Tensor:
    """``x.transpose(axes)``."""
    return g.op("transpose", "transpose", x, axes=axes)


def slice_axis(g: Graph, x: Tensor, axis: int, begin: int, end: int | None) -> Tensor:
    """``x.slice_axis(...)``."""
    return g.op("slice_axis", "slice_axis", x, axis=axis, begin=begin, end=end)


def slice_like(g: Graph, x: Tensor, like: Tensor) -> Tensor:
    """``F.slice_like(x, like * 0, axes=(2, 3))``."""
    zeros = scalar(g, "mul", like, 0)
    return g.op("slice_like", "slice_like", x, zeros, axes=(2, 3))


def arange(g: Graph, start: int, stop: int | None) -> Tensor:
    """``F.arange``; with ``stop`` None it counts from 0 to ``start``."""
    return g.op("_arange", "_arange", dtype="float32", infer_range=False, repeat=1, start=start, step=1.0, stop=stop)
