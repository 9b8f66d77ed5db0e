"""Arithmetic and comparison of two tensors, or of a tensor and a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, broadcast_shape, cast, filled, scalar
from belvedere.core.errors import CompileError

Binary = Callable[[Builder, Tensor, Tensor], Tensor]

_LOGICAL = {"and": "And", "or": "Or", "xor": "Xor"}


def _plain(kind: str) -> Binary:
    return lambda emit, left, right: emit.op(kind, left, right)


def _divide(emit: Builder, left: Tensor, right: Tensor) -> Tensor:
    """Division; whole numbers are rounded towards zero, which engines do not agree on for negative ones."""
    if left.is_float:
        return emit.op("Div", left, right)
    size = emit.op("Div", emit.op("Abs", left), emit.op("Abs", right))
    return emit.op("Mul", emit.op("Mul", emit.op("Sign", left), emit.op("Sign", right)), size)


def _modulo(emit: Builder, left: Tensor, right: Tensor) -> Tensor:
    """The remainder with the divisor's sign; 0 for a divisor of 0."""
    if not left.is_float:
        return emit.op("Mod", left, right)
    zero = scalar(left, 0)
    safe = emit.op("Where", emit.op("Equal", right, zero), scalar(left, 1), right)
    rest = emit.op("Mod", left, safe, fmod=1)
    other_sign = emit.op("Less", emit.op("Mul", emit.op("Sign", rest), emit.op("Sign", safe)), zero)
    turned = emit.op("Where", other_sign, emit.op("Add", rest, safe), rest)
    return emit.op("Where", emit.op("Equal", right, zero), zero, turned)


def _hypotenuse(emit: Builder, left: Tensor, right: Tensor) -> Tensor:
    return emit.op("Sqrt", emit.op("Add", emit.op("Mul", left, left), emit.op("Mul", right, right)))


def _compare(kind: str, *, negated: bool = False) -> Binary:
    """A comparison whose result is 0 or 1 in the type of what is compared."""

    def comparison(emit: Builder, left: Tensor, right: Tensor) -> Tensor:
        result = emit.op(kind, left, right)
        return cast(emit, emit.op("Not", result) if negated else result, left.dtype)

    return comparison


def _logical(kind: str) -> Binary:
    def operation(emit: Builder, left: Tensor, right: Tensor) -> Tensor:
        truths = (cast(emit, tensor, np.bool_) for tensor in (left, right))
        return cast(emit, emit.op(kind, *truths), left.dtype)

    return operation


_ARITHMETIC: Mapping[str, Binary] = {
    "add": _plain("Add"),
    "sub": _plain("Sub"),
    "mul": _plain("Mul"),
    "div": _divide,
    "mod": _modulo,
    "power": _plain("Pow"),
    "maximum": _plain("Max"),
    "minimum": _plain("Min"),
    "hypot": _hypotenuse,
}
_COMPARISONS: Mapping[str, Binary] = {
    "equal": _compare("Equal"),
    "not_equal": _compare("Equal", negated=True),
    "greater": _compare("Greater"),
    "greater_equal": _compare("GreaterOrEqual"),
    "lesser": _compare("Less"),
    "lesser_equal": _compare("LessOrEqual"),
    **{f"logical_{name}": _logical(kind) for name, kind in _LOGICAL.items()},
}
_ALL = {**_ARITHMETIC, **_COMPARISONS}


def _unified(emit: Builder, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one type: float32 where one of them is, else the wider one."""
    if left.dtype == right.dtype:
        return left, right
    wider = np.float32 if left.is_float or right.is_float else np.promote_types(left.dtype, right.dtype)
    wanted = np.int64 if np.dtype(wider).kind in "fu" and not (left.is_float or right.is_float) else wider
    return cast(emit, left, wanted), cast(emit, right, wanted)


def _elementwise(call: Call, operation: Binary) -> Tensor:
    """Two tensors of one shape."""
    left, right = call.input(), call.input(1)
    if left.shape != right.shape:
        raise CompileError(
            f"its inputs have the shapes {list(left.shape)} and {list(right.shape)}, expected equal ones"
        )
    return operation(call.emit, *_unified(call.emit, left, right))


def _broadcast(call: Call, operation: Binary) -> Tensor:
    """Two tensors whose shapes broadcast."""
    left, right = call.input(), call.input(1)
    broadcast_shape(left.shape, right.shape)
    return operation(call.emit, *_unified(call.emit, left, right))


def _with_scalar(call: Call, operation: Binary, *, turned: bool) -> Tensor:
    """A tensor and a number; ``turned`` puts the number on the left."""
    data = call.input()
    number = call.attributes.number("scalar", 0.0)
    if not data.is_float and not (math.isfinite(number) and number.is_integer()):
        raise CompileError(f"it combines whole numbers ({data.dtype}) with the number {number}, which is none")
    if not data.is_float and not np.iinfo(data.dtype).min <= number <= np.iinfo(data.dtype).max:
        raise CompileError(f"it combines {data.dtype} with the number {number}, which does not fit")
    if not data.is_float and number == 0 and (operation is _divide or operation is _modulo) and not turned:
        raise CompileError("it divides whole numbers by 0")
    constant = call.emit.constant(scalar(data, number))
    return operation(call.emit, constant, data) if turned else operation(call.emit, data, constant)


def _times_scalar(call: Call) -> Tensor:
    """A tensor times a number; times 0 is the usual way to say "zeros of this shape"."""
    if call.attributes.number("scalar", 0.0) == 0:
        return filled(call.emit, call.input().shape, 0, call.input().dtype)
    return _with_scalar(call, _ARITHMETIC["mul"], turned=False)


def add_n(call: Call) -> Tensor:
    """The sum of any number of tensors of one shape."""
    result = call.input()
    for number in range(1, len(call.inputs)):
        other = call.input(number)
        if other.shape != result.shape:
            raise CompileError(f"its inputs have the shapes {list(result.shape)} and {list(other.shape)}")
        result = call.emit.op("Add", *_unified(call.emit, result, other))
    return result


def logical_not(call: Call) -> Tensor:
    """1 where the input is 0, else 0."""
    data = call.input()
    return cast(call.emit, call.emit.op("Equal", data, scalar(data, 0)), data.dtype)


def true_divide(call: Call) -> Tensor:
    """Division in floating-point numbers."""
    left, right = (as_float(call.emit, call.input(number)) for number in (0, 1))
    broadcast_shape(left.shape, right.shape)
    return call.emit.op("Div", left, right)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _names() -> dict[str, Translator]:
    table: dict[str, Translator] = {}
    short = {"add": "plus", "sub": "minus"}
    for name, operation in _ALL.items():
        other = short.get(name, name)
        elementwise = partial(_elementwise, operation=operation)
        broadcast = partial(_broadcast, operation=operation)
        right = partial(_with_scalar, operation=operation, turned=False)
        for known in {name, other}:
            table |= {f"broadcast_{known}": broadcast, f"elemwise_{known}": elementwise}
            table |= dict.fromkeys((f"_{known}", f"_{_camel(known)}", f"_{known.title()}"), elementwise)
            table |= {f"_{known}_scalar": right, f"_{_camel(known)}Scalar": right}
        if name in ("sub", "div", "mod", "power"):
            left = partial(_with_scalar, operation=operation, turned=True)
            table |= {f"_r{other}_scalar": left, f"_R{_camel(other)}Scalar": left}
    return table


TRANSLATORS: Mapping[str, Translator] = {
    **_names(),
    **dict.fromkeys(("_mul_scalar", "_MulScalar"), _times_scalar),
    **dict.fromkeys(("add_n", "ElementWiseSum", "_sum"), add_n),
    "_grad_add": partial(_elementwise, operation=_ARITHMETIC["add"]),
    "logical_not": logical_not,
    "_true_divide": true_divide,
}
