"""Pooling, with MXNet's own rules for what lies outside of the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce as fold
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.operators.windows import Window, channels_first, channels_last
from belvedere.compiler.importers.mxnet.shaping import as_float
from belvedere.core.errors import CompileError

_LOWEST = np.finfo(np.float32).min
_GLOBAL = {"max": "GlobalMaxPool", "avg": "GlobalAveragePool", "sum": "GlobalAveragePool"}
_KINDS = ("max", "avg", "sum")


@dataclass(frozen=True)
class _Axis:
    """One axis of a pooling: sizes of input, kernel and result, stride, padding before and after."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    result: int

    def cells(self, low: int, high: int) -> NDArray[np.float64]:
        """How many positions of every window lie in low .. high."""
        start = np.arange(self.result) * self.stride - self.before
        cells: NDArray[np.float64] = np.minimum(start + self.kernel, high) - np.maximum(start, low).astype(np.float64)
        return np.maximum(cells, 0)

    @property
    def real(self) -> NDArray[np.float64]:
        """Cells of the picture in every window."""
        return self.cells(0, self.size)

    @property
    def nominal(self) -> NDArray[np.float64]:
        """Cells of the picture and its nominal padding in every window; what lies beyond does not count."""
        return self.cells(-self.before, self.size + self.before)


def pooling(call: Call) -> Tensor:
    """Pooling: max, avg or sum; output sizes by the conventions valid, full and same."""
    return _pooling(call, divide_by_kernel=False)


def pooling_v1(call: Call) -> Tensor:
    """Pooling_v1: an average always divides by the whole kernel, whatever lies outside."""
    return _pooling(call, divide_by_kernel=True)


def _pooling(call: Call, *, divide_by_kernel: bool) -> Tensor:
    emit, data = call.emit, as_float(call.emit, call.input())
    kind = call.attributes.choice("pool_type", _KINDS, "max")
    last = call.attributes.text("layout") in ("NWC", "NHWC", "NDHWC")
    if last:
        data = channels_first(emit, data)
    if not 3 <= data.rank <= 5:
        raise CompileError(f"it takes inputs of 3 to 5 axes, not of shape {list(data.shape)}")
    if call.attributes.flag("global_pool"):
        result = emit.op(_GLOBAL[kind], data)
        if kind == "sum":
            result = emit.op("Mul", result, np.float32(math.prod(data.shape[2:])))
    else:
        axes = _axes(call, data, kind)
        counted = "kernel" if divide_by_kernel else _counted(call)
        result = _maximum(call, data, axes) if kind == "max" else _average(call, data, axes, kind, counted)
    return channels_last(emit, result) if last else result


def _counted(call: Call) -> str:
    return "nominal" if call.attributes.flag("count_include_pad", default=True) else "real"


def _axes(call: Call, data: Tensor, kind: str) -> list[_Axis]:
    window = Window.of(call)
    if len(window.kernel) != data.rank - 2:
        raise CompileError(f"its kernel {list(window.kernel)} does not fit an input of shape {list(data.shape)}")
    convention = call.attributes.choice("pooling_convention", ("valid", "full", "same"), "valid")
    if convention == "same" and (kind != "max" or len(window.kernel) != 1):
        raise CompileError("pooling_convention=same is defined for maximum pooling over one axis only")
    axes = []
    for size, kernel, stride, pad in zip(data.shape[2:], window.kernel, window.stride, window.pad, strict=True):
        span = size + 2 * pad - kernel
        if span < 0:
            raise CompileError(f"its kernel {kernel} is larger than its input of {size}, padding included")
        result = {"valid": span // stride + 1, "full": -(-span // stride) + 1, "same": -(-size // stride)}[convention]
        after = max(0, (result - 1) * stride + kernel - size - pad)
        axes.append(_Axis(size, kernel, stride, pad, after, result))
    return axes


def _window(axes: list[_Axis]) -> dict[str, Any]:
    pads = [*(a.before for a in axes), *(a.after for a in axes)]
    return {"kernel_shape": [a.kernel for a in axes], "strides": [a.stride for a in axes], "pads": pads}


def _overhangs(axes: list[_Axis]) -> bool:
    """Whether some padding is as wide as the kernel, which engines refuse in the pooling itself."""
    return any(max(a.before, a.after) >= a.kernel for a in axes)


def _maximum(call: Call, data: Tensor, axes: list[_Axis]) -> Tensor:
    if not _overhangs(axes):
        return call.emit.op("MaxPool", data, **_window(axes))
    pads = [0, 0, *(a.before for a in axes), 0, 0, *(a.after for a in axes)]
    padded = call.emit.op("Pad", data, np.array(pads, np.int64), _LOWEST)
    return call.emit.op("MaxPool", padded, **_window(axes) | {"pads": [0] * (2 * len(axes))})


def _sum(call: Call, data: Tensor, axes: list[_Axis]) -> Tensor:
    """The sum of every window, by a convolution: that may have any padding."""
    channels = data.shape[1]
    ones = np.ones((channels, 1, *(a.kernel for a in axes)), np.float32)
    return call.emit.op("Conv", data, ones, group=channels, **_window(axes))


def _average(call: Call, data: Tensor, axes: list[_Axis], kind: str, counted: str) -> Tensor:
    """Average or sum; the divisor is the number of real cells, of nominal ones, or of the kernel's."""
    emit = call.emit
    emit.check_stored([a.result for a in axes])
    whole = math.prod(a.kernel for a in axes)
    real = fold(np.multiply.outer, [a.real for a in axes])
    divisors = {
        "nominal": fold(np.multiply.outer, [a.nominal for a in axes]),
        "real": real,
        "kernel": np.full(real.shape, float(whole)),
    }
    divisor = np.ones(real.shape) if kind == "sum" else divisors[counted]
    if _overhangs(axes):
        result = _sum(call, data, axes)
        scale = np.divide(1.0, divisor, out=np.zeros_like(divisor), where=divisor > 0)
    elif kind == "sum" or (divisor == whole).all():
        result = emit.op("AveragePool", data, count_include_pad=1, **_window(axes))
        scale = whole / divisor
    else:
        result = emit.op("AveragePool", data, count_include_pad=0, **_window(axes))
        scale = real / divisor
    if (scale == 1).all():
        return result
    factor = scale.astype(np.float32)
    return emit.op("Mul", result, factor.flat[0] if (factor == factor.flat[0]).all() else factor[None, None])


TRANSLATORS: Mapping[str, Translator] = {"Pooling": pooling, "Pooling_v1": pooling_v1}
