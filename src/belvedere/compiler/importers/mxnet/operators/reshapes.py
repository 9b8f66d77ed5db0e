"""Reshape, with the codes that MXNet has for axes that are copied, joined or split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import reshape
from belvedere.core.errors import CompileError

_MOST_AXES = 32


def flatten(call: Call) -> Tensor:
    """Flatten everything but the batch."""
    data = call.input()
    return reshape(call.emit, data, (data.shape[0], math.prod(data.shape[1:])))


def reshaped(call: Call) -> Tensor:
    """Reshape with MXNet's codes, or by the old target_shape."""
    data, codes = call.input(), call.attributes.integers("shape")
    if codes:
        shape = resolve_shape(data.shape, codes, reverse=call.attributes.flag("reverse"))
    else:
        shape = _target_shape(call, data.shape)
    return reshape(call.emit, data, shape)


def _target_shape(call: Call, shape: tuple[int, ...]) -> list[int]:
    """The shape before MXNet 0.9: one 0 is inferred."""
    target = list(call.attributes.integers("target_shape"))
    if not target:
        raise CompileError("it has no attribute shape")
    if call.attributes.flag("keep_highest"):
        target[0] = shape[0]
    if target.count(0) == 1:
        open_at = target.index(0)
        target[open_at] = 1
        target[open_at] = math.prod(shape) // max(1, math.prod(target))
    return target


def resolve_shape(shape: Sequence[int], codes: Sequence[int], *, reverse: bool = False) -> list[int]:
    """The shape that MXNet's reshape codes stand for.

    0 copies an axis, -1 is inferred, -2 copies all that are left, -3 multiplies two axes, -4 splits one into the two
    numbers that follow, of which one may be -1. ``reverse`` matches from the right.

    Raises:
        CompileError: the codes do not fit the shape.
    """
    if len(codes) > _MOST_AXES:
        raise CompileError(f"its attribute shape has {len(codes)} entries")
    source, wanted = list(shape), list(codes)
    if reverse:
        source.reverse()
        wanted.reverse()
    wrong = CompileError(f"its attribute shape {list(codes)} does not fit a tensor of shape {list(shape)}")
    result: list[int] = []
    at = index = 0
    try:
        while index < len(wanted):
            code = wanted[index]
            if code == 0:
                result.append(source[at])
                at += 1
            elif code == -1:
                result.append(-1)
                at += 1
            elif code == -2:
                result += source[at:]
                at = len(source)
            elif code == -3:
                result.append(source[at] * source[at + 1])
                at += 2
            elif code == -4:
                result += _split(source[at], wanted[index + 1], wanted[index + 2])
                at += 1
                index += 2
            elif code > 0:
                result.append(code)
                at += 1
            else:
                raise wrong
            index += 1
    except IndexError:
        raise wrong from None
    return _inferred(result[::-1] if reverse else result, math.prod(shape), wrong)


def _split(size: int, first: int, second: int) -> tuple[int, int]:
    if first == -1 and second > 0:
        first = size // second
    elif second == -1 and first > 0:
        second = size // first
    return first, second


def _inferred(shape: list[int], size: int, wrong: CompileError) -> list[int]:
    if shape.count(-1) > 1:
        raise wrong
    if -1 in shape:
        known = -math.prod(shape)
        if known < 1 or size % known:
            raise wrong
        shape[shape.index(-1)] = size // known
    if any(axis < 1 for axis in shape) or math.prod(shape) != size:
        raise wrong
    return shape


def reshape_like(call: Call) -> Tensor:
    """The shape of the second input; or some axes replaced by some of its."""
    data, other = call.input(), call.input(1)
    begin, end = _range(call, "lhs", data.rank)
    other_begin, other_end = _range(call, "rhs", other.rank)
    shape = (*data.shape[:begin], *other.shape[other_begin:other_end], *data.shape[end:])
    return reshape(call.emit, data, shape)


def _range(call: Call, side: str, rank: int) -> tuple[int, int]:
    begin = call.attributes.optional_integer(f"{side}_begin")
    end = call.attributes.optional_integer(f"{side}_end")
    start, stop, _ = slice(begin, end).indices(rank)
    return start, max(start, stop)


TRANSLATORS: Mapping[str, Translator] = {
    **dict.fromkeys(("Flatten", "flatten"), flatten),
    **dict.fromkeys(("Reshape", "reshape"), reshaped),
    "reshape_like": reshape_like,
}
