"""Changing the size of pictures and feature maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.operators.shapes import join
from belvedere.compiler.importers.mxnet.shaping import as_float
from belvedere.core.errors import CompileError

_PARITIES = {
    "to_even_down": (0, -1), "to_even_up": (0, 1), "to_odd_down": (1, -1), "to_odd_up": (1, 1),
}  # fmt: skip
_MODES = ("size", "odd_scale", "like", *_PARITIES)


def upsampling(call: Call) -> Tensor:
    """UpSampling: nearest, of one or several inputs; or bilinear, a transposed convolution with given weights."""
    emit, data = call.emit, _picture(call, 0)
    scale = call.attributes.integer("scale")
    if scale < 1:
        raise CompileError(f"its attribute scale is {scale}")
    if call.attributes.choice("sample_type", ("nearest", "bilinear")) == "bilinear":
        return _bilinear_upsampling(call, data, scale)
    goal = tuple(size * scale for size in data.shape[2:])
    parts = [_repeated(emit, _picture(call, number), goal) for number in range(len(call.inputs))]
    if call.attributes.choice("multi_input_mode", ("concat", "sum"), "concat") == "concat":
        return join(emit, parts, 1)
    total = parts[0]
    for part in parts[1:]:
        if part.shape != total.shape:
            raise CompileError(f"it adds the shapes {list(total.shape)} and {list(part.shape)}")
        total = emit.op("Add", total, part)
    return total


def _repeated(emit: Builder, data: Tensor, goal: tuple[int, ...]) -> Tensor:
    """Every pixel repeated to a size that is a multiple of the own one."""
    if any(size % own for size, own in zip(goal, data.shape[2:], strict=True)):
        raise CompileError(f"it enlarges the shape {list(data.shape)} to {list(goal)}, which is no multiple of it")
    return _resized(emit, data, goal, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def _bilinear_upsampling(call: Call, data: Tensor, scale: int) -> Tensor:
    weight = as_float(call.emit, call.input(1))
    size, channels = 2 * scale - scale % 2, data.shape[1]
    if weight.shape != (channels, 1, size, size):
        raise CompileError(f"its weights have the shape {list(weight.shape)}, expected {[channels, 1, size, size]}")
    pad = scale // 2  # ceil((scale - 1) / 2)
    return call.emit.op(
        "ConvTranspose", data, weight, group=channels, kernel_shape=[size, size], strides=[scale, scale],
        pads=[pad] * 4,
    )  # fmt: skip


def bilinear_resize(call: Call) -> Tensor:
    """_contrib_BilinearResize2D in all its modes; align_corners is the default, of old files too."""
    emit, data = call.emit, _picture(call, 0)
    goal = _goal(call, data.shape[2:])
    if not all(1 <= size <= 2**16 for size in goal):
        raise CompileError(f"it resizes to {list(goal)}")
    align = call.attributes.flag("align_corners", default=True)
    mode = "align_corners" if align else "half_pixel"
    return _resized(emit, data, goal, mode="linear", coordinate_transformation_mode=mode)


def _goal(call: Call, sizes: tuple[int, ...]) -> tuple[int, ...]:
    mode = call.attributes.choice("mode", _MODES, "size")
    names = ("height", "width")
    if mode == "like":
        return _picture(call, 1).shape[2:]
    if mode in _PARITIES:
        parity, step = _PARITIES[mode]
        return tuple(size if size % 2 == parity else size + step for size in sizes)
    if mode == "odd_scale":
        scales = [call.attributes.number(f"scale_{name}") for name in names]
        return tuple(
            _times(size - 1, scale) + 1 if size % 2 else _times(size, scale)
            for size, scale in zip(sizes, scales, strict=True)
        )
    factors = [call.attributes.optional_number(f"scale_{name}") for name in names]
    fixed = [call.attributes.integer(name, 1) for name in names]
    goals = zip(sizes, factors, fixed, strict=True)
    return tuple(own if factor is None else _times(size, factor) for size, factor, own in goals)


def _times(size: int, factor: float) -> int:
    """The product in float32, as MXNet computes it: 45 times 1.4 is 63, in float64 a little less."""
    with np.errstate(over="ignore"):
        found = np.float32(factor) * np.float32(size)
    if not np.isfinite(found):
        raise CompileError(f"it resizes {size} by {factor}")
    return int(found)


def _resized(emit: Builder, data: Tensor, goal: tuple[int, ...], **attributes: str) -> Tensor:
    if data.shape[2:] == goal:
        return data
    return emit.op("Resize", data, None, None, np.array((*data.shape[:2], *goal), np.int64), **attributes)


def adaptive_average_pooling(call: Call) -> Tensor:
    """_contrib_AdaptiveAvgPooling2D: bin i covers floor(i * in / out) to ceil((i + 1) * in / out)."""
    emit, data = call.emit, _picture(call, 0)
    given = call.attributes.integers("output_size", (1,))
    goal = given if len(given) == 2 else given * 2
    if len(goal) != 2 or min(goal) < 1:
        raise CompileError(f"its output_size is {list(given)}")
    if goal == (1, 1):
        return emit.op("GlobalAveragePool", data)
    if goal == data.shape[2:]:
        return data
    if all(size % bins == 0 for size, bins in zip(data.shape[2:], goal, strict=True)):
        window = [size // bins for size, bins in zip(data.shape[2:], goal, strict=True)]
        return emit.op("AveragePool", data, kernel_shape=window, strides=window)
    emit.check_stored((goal[0], data.shape[2]))
    emit.check_stored((goal[1], data.shape[3]))
    rows, columns = _averaging(data.shape[2], goal[0]), _averaging(data.shape[3], goal[1]).T
    return emit.op("MatMul", emit.op("MatMul", rows, data), np.ascontiguousarray(columns))


def _averaging(size: int, bins: int) -> NDArray[np.float32]:
    """The matrix (bins, size) that averages."""
    matrix = np.zeros((bins, size), np.float32)
    for index in range(bins):
        start, stop = index * size // bins, -(-(index + 1) * size // bins)
        matrix[index, start:stop] = 1 / (stop - start)
    return matrix


def _picture(call: Call, number: int) -> Tensor:
    data = as_float(call.emit, call.input(number))
    if data.rank != 4:
        raise CompileError(f"it takes pictures of 4 axes, not of shape {list(data.shape)}")
    return data


TRANSLATORS: Mapping[str, Translator] = {
    "UpSampling": upsampling,
    "_contrib_BilinearResize2D": bilinear_resize,
    "_contrib_AdaptiveAvgPooling2D": adaptive_average_pooling,
}
