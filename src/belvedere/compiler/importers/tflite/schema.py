"""The parts of a TFLite file that the importer looks at itself.

Source of the field numbers: tensorflow/compiler/mlir/lite/schema/schema.fbs of TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.tflite.flatbuffer import Table, root, unpack, vector
from belvedere.compiler.importers.tflite.operator_names import operator_name
from belvedere.core.errors import CompileError, LimitError

IDENTIFIER = b"TFL3"
_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = 0, 1, 2, 3
_CUSTOM = 32
_DTYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8"}
_LARGEST_FILE = 2**31


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the main graph.

    Attributes:
        name: Its name.
        shape: Its shape; -1 for free axes.
        dtype: NumPy name of the element type; empty for those that no detector uses.
        scale: Scale of the quantisation; None where it is not quantised.
        zero_point: Zero point of the quantisation.
        content: The value of a constant; empty for others.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int
    content: memoryview

    def value(self) -> NDArray[np.float32]:
        """The value of a constant, dequantised.

        Raises:
            CompileError: it has another size than its shape says.
        """
        count = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        if not self.dtype or count * np.dtype(self.dtype).itemsize != len(self.content):
            raise CompileError(f"the constant '{self.name}' has not the size of its shape {list(self.shape)}")
        stored = np.frombuffer(self.content, self.dtype).reshape(self.shape).astype(np.float32)
        return stored if self.scale is None else (stored - np.float32(self.zero_point)) * np.float32(self.scale)


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator of the main graph.

    Attributes:
        index: Its place in the list of operators.
        kind: Its name.
        custom: Whether it is a custom operator.
        inputs: Numbers of the tensors that it reads, -1 for none.
        outputs: Numbers of the tensors that it writes.
        options: Options of a custom operator, a FlexBuffer.
    """

    index: int
    kind: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: memoryview


@dataclass(frozen=True, eq=False)
class Graph:
    """The main graph of a TFLite file.

    Attributes:
        data: The whole file.
        table: The graph's table in it.
        tensors: All tensors.
        operators: All operators in order of execution.
        inputs: Numbers of the tensors that are inputs.
        outputs: Numbers of the tensors that are outputs.
    """

    data: memoryview
    table: Table
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(path: Path) -> Graph:
    """Read the main graph of a TFLite file.

    Raises:
        CompileError: not TFLite, or damaged.
        LimitError: over 2 GiB, which the format does not hold.
    """
    if path.stat().st_size > _LARGEST_FILE:
        raise LimitError(f"{path}: over 2 GiB, more than a TFLite file can hold")
    try:
        return _read(memoryview(path.read_bytes()))
    except CompileError as error:
        raise CompileError(f"{path}: damaged, or no TFLite file: {error}") from None


def without_operator(graph: Graph, operator: Operator, outputs: tuple[int, ...]) -> bytes:
    """The file with one operator taken out and with other tensors as the main graph's outputs.

    Nothing else moves: the entries behind the operator's in the list of operators move up by one, and the new list
    of outputs is appended.
    """
    data = bytearray(graph.data)
    listed = graph.table.field(_OPERATORS)
    owner = graph.table.field(_OUTPUTS)
    if listed is None or owner is None:
        raise CompileError("the graph has no list of operators or of outputs")
    start, count = vector(graph.data, listed, 4)
    for index in range(operator.index, count - 1):
        at = start + 4 * index
        # Offsets count from where they are stored, so one that moves up points 4 bytes further.
        data[at : at + 4] = (unpack(graph.data, at + 4, "I") + 4).to_bytes(4, "little")
    data[start - 4 : start] = (count - 1).to_bytes(4, "little")
    data += bytes(-len(data) % 4)
    data[owner : owner + 4] = (len(data) - owner).to_bytes(4, "little")
    data += len(outputs).to_bytes(4, "little")
    data += np.asarray(outputs, "<i4").tobytes()
    return bytes(data)


def _read(data: memoryview) -> Graph:
    model = root(data, IDENTIFIER)
    graphs = model.tables(_SUBGRAPHS)
    if not graphs:
        raise CompileError("it has no graph")
    buffers = model.tables(_BUFFERS)
    kinds = [_kind(code) for code in model.tables(_CODES)]
    tensors = tuple(_tensor(table, buffers) for table in graphs[0].tables(_TENSORS))
    operators = tuple(
        _operator(table, index, kinds, tensors) for index, table in enumerate(graphs[0].tables(_OPERATORS))
    )
    inputs, outputs = _numbers(graphs[0], _INPUTS, tensors), _numbers(graphs[0], _OUTPUTS, tensors)
    return Graph(data, graphs[0], tensors, operators, inputs, outputs)


def _operator(table: Table, index: int, kinds: list[tuple[str, bool]], tensors: tuple[Tensor, ...]) -> Operator:
    kind, custom = _at(kinds, table.scalar(0, "I"), "operator code")
    return Operator(
        index, kind, custom, _numbers(table, 1, tensors), _numbers(table, 2, tensors), options=table.octets(5)
    )


def _kind(code: Table) -> tuple[str, bool]:
    """The operator's name, and whether it is a custom one."""
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))  # newer files hold the code in the second place
    return (code.text(1) or "unnamed", True) if number == _CUSTOM else (operator_name(number), False)


def _tensor(table: Table, buffers: tuple[Table, ...]) -> Tensor:
    signature = table.numbers(7, "i")
    quantisation = table.table(4)
    scales = quantisation.numbers(2, "f") if quantisation else ()
    zeros = quantisation.numbers(3, "q") if quantisation else ()
    return Tensor(
        table.text(3),
        tuple(int(axis) for axis in signature or table.numbers(0, "i")),
        _DTYPES.get(table.scalar(1, "b"), ""),
        float(scales[0]) if len(scales) == 1 else None,
        int(zeros[0]) if len(zeros) == 1 else 0,
        _at(buffers, table.scalar(2, "I"), "buffer").octets(0) if buffers else memoryview(b""),
    )


def _numbers(table: Table, slot: int, tensors: tuple[Tensor, ...]) -> tuple[int, ...]:
    found = tuple(int(number) for number in table.numbers(slot, "i"))
    if any(not -1 <= number < len(tensors) for number in found):
        raise CompileError(f"a list of tensors at byte {table.position} names one that is not there")
    return found


def _at(entries: Any, index: int, kind: str) -> Any:
    if index >= len(entries):
        raise CompileError(f"{kind} {index} of {len(entries)} is not there")
    return entries[index]
