"""Writing an ONNX graph node by node, with every shape known and constants computed on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from belvedere.compiler.importers.mxnet.constants import FOLDABLE, evaluate, narrow
from belvedere.compiler.importers.mxnet.inference import infer
from belvedere.core.errors import CompileError, LimitError

OPSET = 17
OPSET_DEFORMABLE = 19
UNKNOWN = -1
MOST_ELEMENTS = 2**31
_MOST_FOLDED = 2**24
_MOST_FOLDED_TOGETHER = 2**27
_SHARED_SIZE = 64
_EXPANDED_SIZE = 1024


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph.

    Attributes:
        name: In the ONNX graph.
        shape: Static; UNKNOWN only inside of a translation, after operators whose result has a size of its own.
        dtype: Element type.
        value: What it holds, where that is known now.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    value: NDArray[Any] | None = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return self.dtype.kind == "f"


Operand = Tensor | ArrayLike | None


@dataclass(frozen=True)
class Emitted:
    """A node of the ONNX graph."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Padded:
    """A tensor that another one was made of by appending a constant along an axis."""

    source: Tensor
    axis: int
    value: float


@dataclass
class Builder:
    """Collects the nodes and constants of an ONNX graph.

    Attributes:
        opset: Of the graph: OPSET, or OPSET_DEFORMABLE where deformable convolutions are in it.
        scope: Prefix of the names of nodes to come.
        nodes: The nodes, each after those that it takes.
        constants: The constants that nodes take, by name.
        inputs: The graph's inputs.
        padded: How padded tensors came to be, by name.
    """

    opset: int = OPSET
    scope: str = ""
    nodes: list[Emitted] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    inputs: list[Tensor] = field(default_factory=list)
    padded: dict[str, Padded] = field(default_factory=dict)
    _folded: int = 0
    _names: set[str] = field(default_factory=set)
    _counts: dict[str, int] = field(default_factory=dict)
    _shared: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def input(self, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Tensor:
        """Add an input to the graph."""
        tensor = Tensor(self._unique(name), tuple(shape), dtype)
        self.inputs.append(tensor)
        return tensor

    def reserve(self, name: str) -> str:
        """Keep a name for an output; with a suffix where it is taken."""
        return self._unique(name)

    def constant(self, value: ArrayLike, name: str | None = None) -> Tensor:
        """A constant; it goes into the graph when a node takes it."""
        array = np.asarray(value)
        return Tensor(self._unique(name or f"{self.scope}/constant"), array.shape, array.dtype, array)

    def op(self, kind: str, *operands: Operand, **attributes: Any) -> Tensor:
        """Add a node with one output, or compute it where all it takes is known.

        Args:
            kind: ONNX operator.
            operands: What it takes: tensors, arrays as constants, None for an optional input left out.
            attributes: ONNX attributes.

        Raises:
            CompileError: the operands do not fit the operator, or the result is empty.
            LimitError: the result is too large.
        """
        return self.ops(kind, *operands, outputs=1, **attributes)[0]

    def ops(self, kind: str, *operands: Operand, outputs: int, **attributes: Any) -> tuple[Tensor, ...]:
        """Add a node with several outputs; see ``op``."""
        taken = [self._tensor(operand) for operand in operands]
        known = [tensor.value for tensor in taken if tensor is not None]
        fold = kind in FOLDABLE and all(value is not None for value in known)
        if not fold:
            taken = self._narrowed(kind, taken)
        found = infer(kind, [_typed(tensor) for tensor in taken], attributes, outputs, self.opset)
        for shape, _ in found:
            _check_size(kind, shape)
        if fold and self._worth_folding([shape for shape, _ in found]):
            values = evaluate(
                kind, [None if tensor is None else tensor.value for tensor in taken], attributes, outputs, self.opset
            )
            return tuple(self.constant(value) for value in values)
        name = self._unique(f"{self.scope}/{kind}")
        names = [name if outputs == 1 else self._unique(f"{name}:{index}") for index in range(outputs)]
        inputs = tuple("" if tensor is None else self.use(tensor) for tensor in taken)
        self.nodes.append(Emitted(kind, name, inputs, tuple(names), attributes))
        return tuple(Tensor(name, shape, dtype) for name, (shape, dtype) in zip(names, found, strict=True))

    def check(self, shape: Sequence[int]) -> None:
        """Raise unless a tensor of this shape may be made.

        Raises:
            CompileError: it is empty.
            LimitError: it is too large.
        """
        _check_size("constant", tuple(shape))

    def check_stored(self, shape: Sequence[int]) -> None:
        """Raise unless a constant of this shape may be computed and stored.

        Raises:
            CompileError: it is empty.
            LimitError: it is too large.
        """
        self.check(shape)
        if math.prod(shape) > _MOST_FOLDED:
            raise LimitError(f"a constant of shape {list(shape)} is over the limit of {_MOST_FOLDED} elements")

    def _worth_folding(self, shapes: list[tuple[int, ...]]) -> bool:
        """Whether results are small enough to be computed now, each and all so far."""
        sizes = [math.prod(shape) for shape in shapes]
        if any(UNKNOWN in shape for shape in shapes) or max(sizes) > _MOST_FOLDED:
            return False
        self._folded += sum(sizes)
        return self._folded <= _MOST_FOLDED_TOGETHER

    def use(self, tensor: Tensor) -> str:
        """The name by which a node takes a tensor; a constant is put into the graph."""
        value = tensor.value
        if value is None or tensor.name in self.constants:
            return tensor.name
        if value.size > _EXPANDED_SIZE and not any(value.strides):
            return self._filled(value)
        if value.size > _SHARED_SIZE:
            self.constants[tensor.name] = value
            return tensor.name
        name = self._shared.setdefault((value.dtype.str, value.shape, value.tobytes()), tensor.name)
        self.constants[name] = value
        return name

    def _filled(self, value: NDArray[Any]) -> str:
        """A large constant of one repeated number, made when the network runs rather than stored."""
        import onnx

        name = self._unique(f"{self.scope}/filled")
        shape = self.use(self.constant(np.array(value.shape, np.int64)))
        fill = onnx.numpy_helper.from_array(value[(0,) * value.ndim].reshape(1))
        self.nodes.append(Emitted("ConstantOfShape", name, (shape,), (name,), {"value": fill}))
        return name

    def _tensor(self, operand: Operand) -> Tensor | None:
        return operand if operand is None or isinstance(operand, Tensor) else self.constant(operand)

    def _narrowed(self, kind: str, taken: list[Tensor | None]) -> list[Tensor | None]:
        """Constants that repeat along an axis, cut to one element there where broadcasting brings them back."""
        values = narrow(kind, [None if t is None else (t.shape, t.value) for t in taken])
        return [t if value is None else self.constant(value) for t, value in zip(taken, values, strict=True)]

    def _unique(self, name: str) -> str:
        if name not in self._names:
            self._names.add(name)
            return name
        count = self._counts.get(name, 0) + 1
        while f"{name}_{count}" in self._names:
            count += 1
        self._counts[name] = count
        self._names.add(f"{name}_{count}")
        return f"{name}_{count}"


def _typed(tensor: Tensor | None) -> tuple[tuple[int, ...], np.dtype[Any], NDArray[Any] | None] | None:
    return None if tensor is None else (tensor.shape, tensor.dtype, tensor.value)


def _check_size(kind: str, shape: tuple[int, ...]) -> None:
    if any(axis == 0 or axis < UNKNOWN for axis in shape):
        raise CompileError(f"its result would be empty ({kind} of shape {list(shape)}): the input is too small for it")
    if math.prod(abs(axis) for axis in shape) > MOST_ELEMENTS:
        raise LimitError(f"a tensor of shape {list(shape)} is over the limit of {MOST_ELEMENTS} elements")
