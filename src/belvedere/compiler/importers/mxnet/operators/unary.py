"""Functions of every element."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, cast, scalar
from belvedere.core.errors import CompileError

Function = Callable[[Builder, Tensor], Tensor]

_OF_FLOATS = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "erf": "Erf", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "reciprocal": "Reciprocal", "sigmoid": "Sigmoid",
    "softsign": "Softsign",
}  # fmt: skip
_OF_NUMBERS = {"abs": "Abs", "sign": "Sign", "negative": "Neg", "relu": "Relu"}


def _scaled_log(base: float) -> Function:
    return lambda emit, x: emit.op("Mul", emit.op("Log", x), scalar(x, 1 / math.log(base)))


def _log1p(emit: Builder, x: Tensor) -> Tensor:
    """log(1 + x); near 0, where that loses x in the sum, 2 atanh(x / (2 + x))."""
    ratio = emit.op("Div", x, emit.op("Add", x, scalar(x, 2)))
    near = emit.op("Mul", emit.op("Atanh", ratio), scalar(x, 2))
    return _near_zero(emit, x, near, emit.op("Log", emit.op("Add", x, scalar(x, 1))))


def _expm1(emit: Builder, x: Tensor) -> Tensor:
    """exp(x) - 1; near 0, where that loses x in the difference, 2 t / (1 - t) of t = tanh(x / 2)."""
    half = emit.op("Tanh", emit.op("Mul", x, scalar(x, 0.5)))
    near = emit.op("Div", emit.op("Mul", half, scalar(x, 2)), emit.op("Sub", scalar(x, 1), half))
    return _near_zero(emit, x, near, emit.op("Sub", emit.op("Exp", x), scalar(x, 1)))


def _near_zero(emit: Builder, x: Tensor, near: Tensor, far: Tensor) -> Tensor:
    return emit.op("Where", emit.op("Less", emit.op("Abs", x), scalar(x, 0.5)), near, far)


def _rsqrt(emit: Builder, x: Tensor) -> Tensor:
    return emit.op("Reciprocal", emit.op("Sqrt", x))


def _cbrt(emit: Builder, x: Tensor) -> Tensor:
    return emit.op("Mul", emit.op("Sign", x), emit.op("Pow", emit.op("Abs", x), scalar(x, 1 / 3)))


def _rcbrt(emit: Builder, x: Tensor) -> Tensor:
    return emit.op("Reciprocal", _cbrt(emit, x))


def _square(emit: Builder, x: Tensor) -> Tensor:
    return emit.op("Mul", x, x)


def _degrees(factor: float) -> Function:
    return lambda emit, x: emit.op("Mul", x, scalar(x, factor))


def _truncate(emit: Builder, x: Tensor) -> Tensor:
    return emit.op("Mul", emit.op("Sign", x), emit.op("Floor", emit.op("Abs", x)))


def _steps(emit: Builder, x: Tensor, comparison: str) -> Tensor:
    """The floor, plus 1 where what it leaves is over (or at) a half; adding the half first would round twice."""
    low = emit.op("Floor", x)
    over = emit.op(comparison, emit.op("Sub", x, low), scalar(x, 0.5))
    return emit.op("Add", low, cast(emit, over, x.dtype))


def _round(emit: Builder, x: Tensor) -> Tensor:
    """To the nearest whole number, halves away from zero."""
    return emit.op("Mul", emit.op("Sign", x), _steps(emit, emit.op("Abs", x), "GreaterOrEqual"))


def _rint(emit: Builder, x: Tensor) -> Tensor:
    """To the nearest whole number, halves down."""
    return _steps(emit, x, "Greater")


_COMPOSED: Mapping[str, Function] = {
    "log2": _scaled_log(2.0),
    "log10": _scaled_log(10.0),
    "log1p": _log1p,
    "expm1": _expm1,
    "rsqrt": _rsqrt,
    "cbrt": _cbrt,
    "rcbrt": _rcbrt,
    "degrees": _degrees(180 / math.pi),
    "radians": _degrees(math.pi / 180),
}
_ROUNDINGS: Mapping[str, Function] = {
    "floor": lambda emit, x: emit.op("Floor", x),
    "ceil": lambda emit, x: emit.op("Ceil", x),
    "round": _round,
    "rint": _rint,
    "fix": _truncate,
    "trunc": _truncate,
}


def _named(kind: str) -> Function:
    return lambda emit, x: emit.op(kind, x)


def _float_function(call: Call, function: Function) -> Tensor:
    return function(call.emit, as_float(call.emit, call.input()))


def _number_function(call: Call, function: Function) -> Tensor:
    return function(call.emit, call.input())


def _rounding(call: Call, function: Function) -> Tensor:
    """Whole numbers are round already."""
    return function(call.emit, call.input()) if call.input().is_float else call.input()


def convert(call: Call) -> Tensor:
    """Cast to another type; floating-point numbers are cut towards zero, truths are 0 and 1."""
    data = cast(call.emit, call.input(), np.bool_) if call.attributes.is_bool("dtype") else call.input()
    return cast(call.emit, data, call.attributes.dtype("dtype"))


def convert_all(call: Call) -> tuple[Tensor, ...]:
    """amp_multicast: several tensors to one common type."""
    wanted = np.result_type(*(tensor.dtype for tensor in call.inputs))
    return tuple(cast(call.emit, tensor, np.float32 if wanted.kind == "f" else wanted) for tensor in call.inputs)


def where(call: Call) -> Tensor:
    """Choose by a condition that holds where it is not 0; a condition of one axis chooses rows."""
    emit = call.emit
    condition, first, second = (call.input(number) for number in range(3))
    if first.shape != second.shape:
        raise CompileError(f"it chooses between shapes {list(first.shape)} and {list(second.shape)}")
    if condition.shape != first.shape:
        if condition.rank != 1 or condition.shape[0] != first.shape[0]:
            raise CompileError(
                f"its condition of shape {list(condition.shape)} does not fit the shape {list(first.shape)}"
            )
        condition = emit.op("Reshape", condition, np.array((-1, *(1,) * (first.rank - 1)), np.int64))
    dtype = np.float32 if first.is_float or second.is_float else np.promote_types(first.dtype, second.dtype)
    truth = cast(emit, condition, np.bool_)
    return emit.op("Where", truth, cast(emit, first, dtype), cast(emit, second, dtype))


TRANSLATORS: Mapping[str, Translator] = {
    **{name: partial(_float_function, function=_named(kind)) for name, kind in _OF_FLOATS.items()},
    **{name: partial(_float_function, function=function) for name, function in _COMPOSED.items()},
    **{name: partial(_number_function, function=_named(kind)) for name, kind in _OF_NUMBERS.items()},
    "square": partial(_number_function, function=_square),
    **{name: partial(_rounding, function=function) for name, function in _ROUNDINGS.items()},
    **dict.fromkeys(("Cast", "cast", "amp_cast"), convert),
    "amp_multicast": convert_all,
    "where": where,
}
