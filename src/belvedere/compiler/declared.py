"""Reading how users declare a model's inputs: DataInputConfig, Panorama descriptors, ``--input``, Python values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from belvedere.compiler.importing import Declared
from belvedere.compiler.literals import read_literal
from belvedere.core.errors import CompileError

FREE = -1
MOST_INPUTS = 64
LARGEST_RANK = 8
LARGEST_DIMENSION = 2**31 - 1
LARGEST_INPUT = 2**31
_LARGEST_DESCRIPTOR = 1_000_000
_LONGEST_NAME = 512

_DTYPES = {
    **{name: name for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64")},
    **{name: name for name in ("uint8", "uint16", "uint32", "uint64", "bool")},
    "float": "float32", "double": "float64", "half": "float16", "fp16": "float16", "fp32": "float32", "f32": "float32",
    "f16": "float16", "f64": "float64", "u8": "uint8", "i8": "int8", "i32": "int32", "i64": "int64", "byte": "uint8",
    "boolean": "bool",
}  # fmt: skip
_RANGE = re.compile(r"\s*(\d*)\s*\.\.\s*(-?\d*)\s*")
_FREE_WORDS = frozenset({"?", "*", "-1", "none", "null", "dynamic"})
_HOW = "expected a shape such as 1x3x224x224, [1, 3, 224, 224] or (1, 3, 224, 224), -1 or None for a free axis"


@dataclass(frozen=True)
class Descriptor:
    """What a Panorama model descriptor (``mlModelDescriptor``) says.

    Attributes:
        framework: As in ``--framework``, in lower case.
        version: Of the framework; a label.
        inputs: Declared inputs.
        outputs: Names of the outputs in the wanted order; a superset of Panorama's schema.
        precision: ``f32`` or ``f16``.
    """

    framework: str
    version: str
    inputs: tuple[Declared, ...]
    outputs: tuple[str, ...]
    precision: str


def declared_inputs(value: Any) -> tuple[Declared, ...]:
    """Read declared inputs in any form that users have.

    A text of a compile job's DataInputConfig, JSON or Python literal: ``{"data": [1, 3, 224, 224]}``, a bare list of
    shapes, or options as for Core ML, ``{"image": {"shape": ["1..10", 160, 160, 3], "default_shape": [...]}}``. A
    Panorama descriptor's list, ``[{"name": ..., "shape": ..., "type": ...}]``. One ``--input`` value or several:
    ``data=1x3x224x224``, ``data=1x3x224x224:uint8``, ``1x3x224x224``. The same as Python values. A free axis is -1,
    None or ``?``; an axis with a range takes the default shape's, else is free; of several shapes the default is
    taken, else the first.

    Raises:
        CompileError: not of these forms, a name that is there twice, or a size over the bounds.
    """
    found = tuple(_entries(value))
    if len(found) > MOST_INPUTS:
        raise CompileError(f"{len(found)} inputs are declared; at most {MOST_INPUTS} are read")
    names = [entry.name for entry in found if entry.name is not None]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise CompileError(f"inputs declared twice: {', '.join(repeated)}")
    if names and len(names) != len(found):
        raise CompileError(
            f"some declared inputs have a name ({', '.join(names)}) and some have none: name all or none"
        )
    return found


def read_descriptor(value: bytes | str | Mapping[str, Any]) -> Descriptor:
    """Read a Panorama model descriptor, as text or as parsed JSON.

    Raises:
        CompileError: not a model descriptor.
    """
    content = _parsed(value) if isinstance(value, bytes | str) else value
    inner = content.get("mlModelDescriptor") if isinstance(content, Mapping) else None
    if not isinstance(inner, Mapping):
        raise CompileError("the descriptor has no object mlModelDescriptor: is it the descriptor of a code package?")
    framework, precision = inner.get("framework"), inner.get("precisionMode", "FP32")
    if not isinstance(framework, str) or not framework:
        raise CompileError("the descriptor names no framework: TENSORFLOW, PYTORCH or MXNET")
    if precision not in ("FP32", "FP16"):
        raise CompileError(f"the descriptor's precisionMode is {precision!r}; expected FP32 or FP16")
    inputs = inner.get("inputs")
    if not isinstance(inputs, Sequence) or isinstance(inputs, str) or not inputs:
        raise CompileError("the descriptor lists no inputs, [{name, shape}]")
    outputs = inner.get("outputs", [])
    if not isinstance(outputs, Sequence) or isinstance(outputs, str):
        raise CompileError("the descriptor's outputs are no list of names")
    return Descriptor(
        framework=framework.lower(),
        version=str(inner.get("frameworkVersion", ""))[:_LONGEST_NAME],
        inputs=declared_inputs(inputs),
        outputs=tuple(
            _name(entry["name"] if isinstance(entry, Mapping) and "name" in entry else entry) for entry in outputs
        ),
        precision="f16" if precision == "FP16" else "f32",
    )


def _entries(value: Any) -> Iterable[Declared]:
    if value is None:
        return []
    if isinstance(value, Declared):
        return [_declared(value.name, value.shape, value.dtype)]
    if isinstance(value, str):
        return _entries(read_literal(value)) if value.lstrip()[:1] in ("{", "[", "(") else [_option(value)]
    if isinstance(value, Mapping):
        return [_described(name, shape) for name, shape in _some(value.items())]
    if not isinstance(value, Sequence):
        raise CompileError(f"declared inputs of the type {type(value).__name__} are not read; {_HOW}")
    if value and all(_is_axis(axis) for axis in value):
        return [_declared(None, value, None)]  # one shape alone
    return [entry for part in _some(value) for entry in _listed(part)]


def _some(parts: Iterable[Any]) -> list[Any]:
    """The parts, cut so that the count can be complained about but not be abused."""
    return [part for part, _ in zip(parts, range(MOST_INPUTS + 1), strict=False)]


def _listed(part: Any) -> Iterable[Declared]:
    """A member of a list of inputs."""
    if isinstance(part, Mapping) and "name" in part and "shape" in part:
        return [_described(part["name"], part)]
    if isinstance(part, str | Declared):
        return _entries(part)
    if isinstance(part, Mapping):
        return _entries(part)
    return [_declared(None, part, None)]


def _option(text: str) -> Declared:
    """``NAME=SHAPE``, ``NAME=SHAPE:DTYPE`` or ``SHAPE``; names may hold colons and equals signs."""
    name, equals, shape = text.rpartition("=")
    shape, colon, dtype = shape.strip().partition(":")
    if shape.startswith(("[", "(")):
        axes: Any = read_literal(shape)
    else:
        axes = [axis for axis in re.split(r"\s*[x×,]\s*", shape) if axis] if shape not in ("", "scalar") else []
        if not axes and shape != "scalar":
            raise CompileError(f"input {text!r}: no shape; expected NAME=1x3x224x224, and scalar for no axes")
    return _declared(name.strip() if equals else None, axes, dtype.strip() if colon else None)


def _described(name: Any, value: Any) -> Declared:
    """An input by name: a shape, a text like that of ``--input``, or an object with the shape in it."""
    name = _name(name)
    if isinstance(value, str):
        text = _option(value)
        return _declared(name, text.shape, text.dtype)
    if not isinstance(value, Mapping):
        return _declared(name, value, None)
    shape, default = value.get("shape"), value.get("default_shape")
    if shape is None and default is None:
        raise CompileError(f"input '{name}': its options have no shape")
    chosen = default if default is not None and not _is_static(shape) else shape
    if (
        isinstance(chosen, Sequence)
        and chosen
        and all(isinstance(s, Sequence) and not isinstance(s, str) for s in chosen)
    ):
        chosen = chosen[0]  # enumerated shapes
    dtype = value.get("dtype", value.get("type"))
    # Core ML has {"type": "Image"} there: how the input is fed, not of what numbers it is.
    known = isinstance(dtype, str) and dtype.lower() not in ("image", "multiarray")
    return _declared(name, chosen, dtype if known else None)


def _is_static(shape: Any) -> bool:
    return isinstance(shape, Sequence) and all(isinstance(axis, int) and axis > 0 for axis in shape)


def _is_axis(axis: Any) -> bool:
    return axis is None or (hasattr(axis, "__index__") and not isinstance(axis, bool))


def _declared(name: str | None, shape: Any, dtype: Any) -> Declared:
    label = f"input '{name}'" if name else "an input"
    if not isinstance(shape, Sequence) or isinstance(shape, str | bytes):
        if not hasattr(shape, "__index__"):
            raise CompileError(f"{label}: {shape!r} is no shape; {_HOW}")
        shape = [shape]
    if len(shape) > LARGEST_RANK:
        raise CompileError(f"{label}: {len(shape)} axes; at most {LARGEST_RANK} are read")
    axes = tuple(_axis(axis, label) for axis in shape)
    elements = 1
    for axis in axes:
        elements *= 1 if axis == FREE else axis
    if elements > LARGEST_INPUT:
        raise CompileError(f"{label}: {'x'.join(map(str, axes))} has more than {LARGEST_INPUT} elements")
    return Declared(None if name is None else _name(name), axes, _dtype(dtype, label))


def _axis(axis: Any, label: str) -> int:
    if axis is None:
        return FREE
    if isinstance(axis, str):
        text = axis.strip().lower()
        if text in _FREE_WORDS:
            return FREE
        if (found := _RANGE.fullmatch(text)) and len(text) < 32:
            low, high = found.groups()
            return int(low) if low and low == high else FREE
        axis = int(text) if re.fullmatch(r"[0-9]{1,12}", text) else axis
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise CompileError(f"{label}: {axis!r} is no length of an axis; {_HOW}")
    length = int(axis)
    if length == FREE or 0 < length <= LARGEST_DIMENSION:
        return length
    raise CompileError(f"{label}: an axis of {length}; expected 1 to {LARGEST_DIMENSION}, or -1 for a free one")


def _dtype(dtype: Any, label: str) -> str | None:
    if dtype is None:
        return None
    known = _DTYPES.get(dtype.lower()) if isinstance(dtype, str) else None
    if known is None:
        raise CompileError(
            f"{label}: no element type {dtype!r}; expected one of {', '.join(sorted(set(_DTYPES.values())))}"
        )
    return known


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise CompileError(f"{str(name)[:60]!r} is no name of an input or output")
    return name


def _parsed(text: bytes | str) -> Any:
    if len(text) > _LARGEST_DESCRIPTOR:
        raise CompileError(f"the descriptor has {len(text)} bytes; at most {_LARGEST_DESCRIPTOR} are read")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CompileError(f"the descriptor is not JSON ({error})") from error
