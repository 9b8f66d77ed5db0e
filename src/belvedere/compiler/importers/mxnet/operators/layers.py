"""Convolutions and fully connected layers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.operators.windows import Window, channels_first, channels_last
from belvedere.compiler.importers.mxnet.shaping import as_float, reshape
from belvedere.core.errors import CompileError

_CHANNELS_LAST = ("NWC", "NHWC", "NDHWC")


def convolution(call: Call) -> Tensor:
    """Convolution over one, two or three axes, channels first or last."""
    emit, window = call.emit, Window.of(call)
    data, weight = as_float(emit, call.input()), as_float(emit, call.input(1))
    last = call.attributes.text("layout") in _CHANNELS_LAST
    if last:
        data, weight = channels_first(emit, data), channels_first(emit, weight)
    window.check(data, weight)
    groups = call.attributes.integer("num_group", 1)
    _check_channels(data, weight.shape[1] * groups, groups, f"weights {list(weight.shape)} in {groups} group(s)")
    _check_filters(call, weight.shape[0])
    result = emit.op(
        "Conv", data, weight, *_bias(call, weight.shape[0], absent=False),
        kernel_shape=list(window.kernel), strides=list(window.stride), dilations=list(window.dilate),
        pads=[*window.pad, *window.pad], group=groups,
    )  # fmt: skip
    return channels_last(emit, result) if last else result


def deconvolution(call: Call) -> Tensor:
    """Deconvolution (transposed convolution); a target shape overrides padding and adjustment."""
    emit, window = call.emit, Window.of(call)
    data, weight = as_float(emit, call.input()), as_float(emit, call.input(1))
    if call.attributes.text("layout") in _CHANNELS_LAST:
        raise CompileError("a channels-last layout is not supported; export the model with channels first")
    window.check(data, weight, inside=False)
    groups = call.attributes.integer("num_group", 1)
    _check_channels(data, weight.shape[0], groups, f"weights {list(weight.shape)}")
    filters = weight.shape[1] * groups
    _check_filters(call, filters)
    pad, adjustment = _deconvolution_padding(call, window, data.shape[2:])
    sizes = zip(data.shape[2:], window.stride, pad, window.extent, adjustment, strict=True)
    if any((size - 1) * step - 2 * border + extent + extra < 1 for size, step, border, extent, extra in sizes):
        raise CompileError(f"its result would be empty for an input of shape {list(data.shape)}")
    # Padding less at the end is the same, and engines take no output padding of a stride or more.
    fits = [more <= border for border, more in zip(pad, adjustment, strict=True)]
    ends = [border - more if fit else border for border, more, fit in zip(pad, adjustment, fits, strict=True)]
    extra = [0 if fit else more for more, fit in zip(adjustment, fits, strict=True)]
    return emit.op(
        "ConvTranspose", data, weight, *_bias(call, filters, absent=True),
        kernel_shape=list(window.kernel), strides=list(window.stride), dilations=list(window.dilate),
        pads=[*pad, *ends], output_padding=extra, group=groups,
    )  # fmt: skip


def _deconvolution_padding(
    call: Call, window: Window, sizes: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding, and rows and columns that are added at the end."""
    target = call.attributes.integers("target_shape")
    if not any(target):
        return window.pad, window.per_axis(call, "adj", 0)
    if len(target) != len(sizes):
        raise CompileError(f"its target_shape {list(target)} does not fit {len(sizes)} axes")
    surplus = [
        step * (size - 1) + extent - goal
        for step, size, extent, goal in zip(window.stride, sizes, window.extent, target, strict=True)
    ]
    if min(surplus) < 0:
        raise CompileError(f"its target_shape {list(target)} is larger than what it can reach")
    return tuple((rest + 1) // 2 for rest in surplus), tuple(rest % 2 for rest in surplus)


def fully_connected(call: Call) -> Tensor:
    """FullyConnected: of everything but the batch (flatten), or of the last axis."""
    emit, data, weight = call.emit, as_float(call.emit, call.input()), as_float(call.emit, call.input(1))
    if weight.rank != 2:
        raise CompileError(f"its weights have the shape {list(weight.shape)}, expected (outputs, inputs)")
    outputs, width = weight.shape
    expected = call.attributes.integer("num_hidden", outputs)
    if expected != outputs:
        raise CompileError(f"it has num_hidden={expected}, but weights for {outputs} outputs")
    lead = (data.shape[0],) if call.attributes.flag("flatten", default=True) else data.shape[:-1]
    given = math.prod(data.shape) // math.prod(lead)
    if given != width:
        raise CompileError(f"its weights expect {width} values, its input of shape {list(data.shape)} has {given}")
    flat = reshape(emit, data, (math.prod(lead), width))
    result = emit.op("Gemm", flat, weight, *_bias(call, outputs, absent=False), transB=1)
    return reshape(emit, result, (*lead, outputs))


def _bias(call: Call, outputs: int, *, absent: bool) -> tuple[Tensor, ...]:
    """The third input, unless no_bias; ``absent`` is the operator's default for that."""
    if call.attributes.flag("no_bias", default=absent):
        return ()
    bias = as_float(call.emit, call.input(2))
    if math.prod(bias.shape) != outputs:
        raise CompileError(f"its bias has {math.prod(bias.shape)} values for {outputs} outputs")
    return (reshape(call.emit, bias, (outputs,)),)


def _check_channels(data: Tensor, expected: int, groups: int, what: str) -> None:
    if data.shape[1] != expected:
        raise CompileError(
            f"its {what} expect {expected} channels, its input of shape {list(data.shape)} has {data.shape[1]}"
        )
    if groups < 1 or expected % groups:
        raise CompileError(f"{expected} channels cannot be divided into {groups} groups")


def _check_filters(call: Call, filters: int) -> None:
    expected = call.attributes.integer("num_filter", filters)
    if expected != filters:
        raise CompileError(f"it has num_filter={expected}, but weights for {filters} filters")
    groups = call.attributes.integer("num_group", 1)
    if filters % groups:
        raise CompileError(f"{filters} filters cannot be divided into {groups} groups")


def deformable_convolution(call: Call) -> Tensor:
    """_contrib_DeformableConvolution (version 1), by the modulated form.

    Version 1 counts a sample only where 0 <= y < height and 0 <= x < width, and clamps it to the last row and column,
    where ONNX lets it fade out: so the offsets are clamped, and a mask drops the samples outside.
    """
    emit, data, offset = call.emit, as_float(call.emit, call.input()), as_float(call.emit, call.input(1))
    window = Window.of(call)
    groups = call.attributes.integer("num_deformable_group", 1)
    rows, columns = _result_size(window, data)
    taps = math.prod(window.kernel)
    pairs = reshape(emit, offset, (data.shape[0], groups * taps, 2, rows, columns))
    emit.check_stored(pairs.shape[1:])
    base = emit.constant(_sampling_grid(window, rows, columns, groups))
    limit = emit.constant(np.array(data.shape[2:], np.float32).reshape(1, 1, 2, 1, 1))
    place = emit.op("Add", pairs, base)
    zero = np.float32(0)
    counts = emit.op("And", emit.op("GreaterOrEqual", place, zero), emit.op("Less", place, limit))
    inside = emit.op("Cast", counts, to=1)
    mask = emit.op("Mul", *emit.ops("Split", inside, np.array([1, 1], np.int64), outputs=2, axis=2))
    last = emit.op("Sub", limit, np.float32(1))
    clamped = emit.op("Sub", emit.op("Min", emit.op("Max", place, zero), last), base)
    shape = (data.shape[0], groups * taps, rows, columns)
    return _deformed(call, window, data, reshape(emit, clamped, offset.shape), reshape(emit, mask, shape), 2)


def modulated_deformable_convolution(call: Call) -> Tensor:
    """_contrib_ModulatedDeformableConvolution (version 2); runs on ONNX Runtime only."""
    emit = call.emit
    data, offset, mask = (as_float(emit, call.input(number)) for number in range(3))
    return _deformed(call, Window.of(call), data, offset, mask, 3)


def _deformed(call: Call, window: Window, data: Tensor, offset: Tensor, mask: Tensor, first: int) -> Tensor:
    """DeformConv; ``first`` is the number of the input with the weights."""
    emit, weight = call.emit, as_float(call.emit, call.input(first))
    window.check(data, weight)
    groups, parts = call.attributes.integer("num_group", 1), call.attributes.integer("num_deformable_group", 1)
    _check_channels(data, weight.shape[1] * groups, groups, f"weights {list(weight.shape)} in {groups} group(s)")
    _check_filters(call, weight.shape[0])
    taps = parts * math.prod(window.kernel)
    size = (data.shape[0], *_result_size(window, data))
    for tensor, count, what in ((offset, 2 * taps, "offset"), (mask, taps, "mask")):
        if tensor.shape != (size[0], count, *size[1:]):
            raise CompileError(f"its {what} has the shape {list(tensor.shape)}, expected {[size[0], count, *size[1:]]}")
    bias: Tensor | None = None
    if not call.attributes.flag("no_bias"):
        bias = as_float(emit, call.input(first + 1))
    return emit.op(
        "DeformConv", data, weight, offset, bias, mask,
        kernel_shape=list(window.kernel), strides=list(window.stride), dilations=list(window.dilate),
        pads=[*window.pad, *window.pad], group=groups, offset_group=parts,
    )  # fmt: skip


def _result_size(window: Window, data: Tensor) -> tuple[int, int]:
    if data.rank != 4 or len(window.kernel) != 2:
        raise CompileError(f"it takes pictures of 4 axes, not {list(data.shape)}")
    rows, columns = (
        (size + 2 * pad - extent) // step + 1
        for size, pad, extent, step in zip(data.shape[2:], window.pad, window.extent, window.stride, strict=True)
    )
    return rows, columns


def _sampling_grid(window: Window, rows: int, columns: int, groups: int) -> np.ndarray[tuple[int, ...], np.dtype]:
    """Where the taps lie without offsets: (1, groups * taps, 2 for y and x, rows, columns)."""
    tap_y, tap_x = np.meshgrid(*(np.arange(size) for size in window.kernel), indexing="ij")
    y = np.arange(rows) * window.stride[0] - window.pad[0] + tap_y.reshape(-1, 1) * window.dilate[0]
    x = np.arange(columns) * window.stride[1] - window.pad[1] + tap_x.reshape(-1, 1) * window.dilate[1]
    shape = (tap_y.size, rows, columns)
    grid = np.stack([np.broadcast_to(y[:, :, None], shape), np.broadcast_to(x[:, None, :], shape)], 1)
    return np.tile(grid, (groups, 1, 1, 1))[None].astype(np.float32)


TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(("Convolution", "Convolution_v1"), convolution),
    "Deconvolution": deconvolution,
    "FullyConnected": fully_connected,
    "_contrib_DeformableConvolution": deformable_convolution,
    "_contrib_ModulatedDeformableConvolution": modulated_deformable_convolution,
}
DEFORMABLE = frozenset({"_contrib_DeformableConvolution", "_contrib_ModulatedDeformableConvolution"})
