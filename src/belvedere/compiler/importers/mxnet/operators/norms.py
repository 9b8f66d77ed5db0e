"""Normalisations."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, axis_of, reduce, reshape, scalar, transpose
from belvedere.core.errors import CompileError


def batch_norm(call: Call) -> Tensor:
    """BatchNorm by its moving statistics; fix_gamma, the default, makes gamma 1 whatever the file holds."""
    emit, data = call.emit, as_float(call.emit, call.input())
    axis = axis_of(call.attributes.integer("axis", 1), data.rank)
    channels = data.shape[axis]
    gamma, beta, mean, variance = (_channelwise(call, number, channels) for number in range(1, 5))
    if call.attributes.flag("fix_gamma", default=True):
        gamma = emit.constant(np.ones(channels, np.float32))
    epsilon = call.attributes.number("eps", 1e-3)
    if axis == 1:
        return emit.op("BatchNormalization", data, gamma, beta, mean, variance, epsilon=epsilon)
    deviation = emit.op("Sqrt", emit.op("Add", variance, scalar(variance, epsilon)))
    scale = emit.op("Div", gamma, deviation)
    offset = emit.op("Sub", beta, emit.op("Mul", mean, scale))
    shape = [1] * data.rank
    shape[axis] = channels
    return emit.op("Add", emit.op("Mul", data, reshape(emit, scale, shape)), reshape(emit, offset, shape))


def _channelwise(call: Call, number: int, channels: int) -> Tensor:
    what = ("", "gamma", "beta", "moving mean", "moving variance")[number]
    values = as_float(call.emit, call.input(number))
    if math.prod(values.shape) != channels:
        raise CompileError(
            f"its {what} has {math.prod(values.shape)} values, its input of shape {list(call.input().shape)} "
            f"has {channels} channels"
        )
    return reshape(call.emit, values, (channels,))


def instance_norm(call: Call) -> Tensor:
    """InstanceNorm: every channel of every picture by its own statistics."""
    emit, data = call.emit, as_float(call.emit, call.input())
    if data.rank < 3:
        raise CompileError(f"it takes inputs of at least 3 axes, not of shape {list(data.shape)}")
    gamma, beta = (_channelwise(call, number, data.shape[1]) for number in (1, 2))
    return emit.op("InstanceNormalization", data, gamma, beta, epsilon=call.attributes.number("eps", 1e-3))


def layer_norm(call: Call) -> Tensor:
    """LayerNorm along one axis."""
    emit, data = call.emit, as_float(call.emit, call.input())
    axis = axis_of(call.attributes.integer("axis", -1), data.rank)
    gamma, beta = (_channelwise(call, number, data.shape[axis]) for number in (1, 2))
    order = [*(a for a in range(data.rank) if a != axis), axis]
    moved = transpose(emit, data, order)
    epsilon = call.attributes.number("eps", 1e-5)
    result = emit.op("LayerNormalization", moved, gamma, beta, axis=data.rank - 1, epsilon=epsilon)
    return transpose(emit, result, [order.index(a) for a in range(data.rank)])


def group_norm(call: Call) -> Tensor:
    """GroupNorm; gamma and beta have a value for every group (MXNet 1) or channel (MXNet 2)."""
    emit, data = call.emit, as_float(call.emit, call.input())
    groups = call.attributes.integer("num_groups", 1)
    if data.rank < 3 or groups < 1 or data.shape[1] % groups:
        raise CompileError(f"an input of shape {list(data.shape)} cannot be divided into {groups} groups")
    batch, channels = data.shape[:2]
    flat = reshape(emit, data, (batch, groups, math.prod(data.shape[1:]) // groups))
    ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
    epsilon = call.attributes.number("eps", 1e-5)
    result = reshape(emit, emit.op("InstanceNormalization", flat, ones, zeros, epsilon=epsilon), data.shape)
    gamma, beta = (_per_channel(call, number, groups, channels, data.rank) for number in (1, 2))
    return emit.op("Add", emit.op("Mul", result, gamma), beta)


def _per_channel(call: Call, number: int, groups: int, channels: int, rank: int) -> Tensor:
    emit, values = call.emit, as_float(call.emit, call.input(number))
    size = math.prod(values.shape)
    if size not in (groups, channels):
        raise CompileError(f"its input {number + 1} has {size} values for {groups} groups of {channels} channels")
    if size != channels:
        column = reshape(emit, values, (groups, 1))
        values = emit.op("Expand", column, np.array((groups, channels // groups), np.int64))
    return reshape(emit, values, (1, channels, *(1,) * (rank - 2)))


def l2_normalization(call: Call) -> Tensor:
    """L2Normalization: over everything but the batch, over axis 1 (channel), or over the axes from 2 on (spatial)."""
    emit, data = call.emit, as_float(call.emit, call.input())
    mode = call.attributes.choice("mode", ("instance", "channel", "spatial"), "instance")
    axes = {"instance": range(1, data.rank), "channel": range(1, 2), "spatial": range(2, data.rank)}[mode]
    if not all(axis < data.rank for axis in axes) or not axes:
        raise CompileError(f"mode={mode} needs more axes than the shape {list(data.shape)} has")
    squares = reduce(emit, "ReduceSum", emit.op("Mul", data, data), list(axes), keepdims=True)
    length = emit.op("Sqrt", emit.op("Add", squares, scalar(data, call.attributes.number("eps", 1e-10))))
    return emit.op("Div", data, length)


def lrn(call: Call) -> Tensor:
    """LRN: local response normalisation across channels."""
    data, size = as_float(call.emit, call.input()), call.attributes.integer("nsize")
    if size < 1 or size % 2 == 0 or data.rank < 3:
        raise CompileError(f"its nsize {size} is not odd, or its input of shape {list(data.shape)} no picture")
    return call.emit.op(
        "LRN", data, size=size, alpha=call.attributes.number("alpha", 1e-4),
        beta=call.attributes.number("beta", 0.75), bias=call.attributes.number("knorm", 2.0),
    )  # fmt: skip


BATCH_NORMS = frozenset({"BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm", "SyncBatchNorm"})
TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(BATCH_NORMS, batch_norm),
    "InstanceNorm": instance_norm,
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "L2Normalization": l2_normalization,
    "LRN": lrn,
}
