"""The importer: from a symbol and a parameter file to an ONNX model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.binding import FREE, Bound, bind
from belvedere.compiler.importers.mxnet.builder import UNKNOWN, Builder, Tensor
from belvedere.compiler.importers.mxnet.convert import Graph, check_operators, translate
from belvedere.compiler.importers.mxnet.files import find_pair
from belvedere.compiler.importers.mxnet.layouts import layout_of
from belvedere.compiler.importers.mxnet.outputs import select_outputs
from belvedere.compiler.importers.mxnet.params import read_params
from belvedere.compiler.importers.mxnet.registry import ONLY_FIRST
from belvedere.compiler.importers.mxnet.symbol import Entry, reachable, read_symbol, version_text
from belvedere.compiler.importers.mxnet.writer import write_model
from belvedere.compiler.importing import Imported, Port, Request, Source
from belvedere.core.errors import CompileError, LimitError

_TRIED_BATCHES = (2, 3)


def load(source: Source, request: Request) -> Imported:
    """Import an MXNet model (symbol and parameter file) as ONNX, without MXNet.

    Shapes are static, from the declared inputs; a free batch (-1) is granted where nothing depends on it. Outputs
    are in the order of the graph's heads, named as MXNet names them. The option ``node`` returns the outputs of a
    node in the middle instead, by its index in the symbol file.

    Raises:
        CompileError: a file is missing, damaged or contradicts what is declared, an operator is not supported, or
            weights are missing; all faults of a kind are in one message.
        LimitError: a file or tensor is over a limit.
    """
    pair = find_pair(source)
    symbol = read_symbol(pair.symbol)
    parameters = read_params(pair.params)
    files = f"{pair.symbol.name} and {pair.params.name}"
    heads = select_outputs(symbol, request, pair.symbol.name)
    taken = {node.index: node.inputs[:1] for node in symbol.nodes if node.op in ONLY_FIRST}
    try:
        nodes = reachable(symbol, [entry for _, entry in heads], taken)
    except CompileError as error:
        raise CompileError(f"{pair.symbol.name}: {error}") from error
    check_operators(nodes, pair.symbol.name)
    bound, notes = bind(symbol, nodes, parameters.arrays, request.inputs, files)
    written = _translated(Graph(nodes, parameters.arrays, symbol.version), bound, heads, pair.symbol.name)
    inputs = tuple(
        Port(entry.name, entry.shape, entry.dtype.name, layout_of(entry.variable, entry.shape, nodes))
        for entry in bound
    )
    outputs = tuple(
        Port(name, shape, tensor.dtype.name)
        for (name, tensor), shape in zip(written.outputs, written.shapes, strict=True)
    )
    version = version_text(symbol.version)
    network = write_model(
        written.emit,
        written.outputs,
        shapes={port.name: port.shape for port in (*inputs, *outputs)},
        producer=("mxnet", version),
    )
    facts = {
        "mxnet_version": version,
        "symbol": pair.symbol.name,
        "params": pair.params.name,
        "operators": sorted({node.op for node in nodes if not node.is_variable}),
    }
    return Imported("mxnet", network, inputs, outputs, (*pair.notes, *notes), facts)


@dataclass(frozen=True)
class _Written:
    emit: Builder
    outputs: Sequence[tuple[str, Tensor]]
    shapes: Sequence[tuple[int, ...]]


def _translated(graph: Graph, bound: Sequence[Bound], heads: Sequence[tuple[str, Entry]], name: str) -> _Written:
    """The graph in ONNX; a free batch is proved by translating for two sizes, which must give the same."""
    try:
        if all(axis != FREE for entry in bound for axis in entry.shape):
            emit, outputs = translate(graph, bound, heads, 1)
            return _Written(emit, outputs, [tensor.shape for _, tensor in outputs])
        (emit, outputs), (other, others) = (translate(graph, bound, heads, batch) for batch in _TRIED_BATCHES)
    except (CompileError, LimitError) as error:
        raise type(error)(f"{name}: {error}") from error
    if differing := _first_difference(emit, other):
        raise CompileError(
            f"{name}: its batch cannot be free, the graph depends on it (first at '{differing}'): declare a number"
        )
    pairs = zip(outputs, others, strict=True)
    shapes = [_common(first.shape, second.shape) for (_, first), (_, second) in pairs]
    return _Written(emit, outputs, shapes)


def _common(first: Iterable[int], second: Iterable[int]) -> tuple[int, ...]:
    return tuple(a if a == b else UNKNOWN for a, b in zip(first, second, strict=True))


def _first_difference(first: Builder, second: Builder) -> str:
    """The name of the first node in which two translations differ, empty where they are equal."""
    for one, two in zip(first.nodes, second.nodes, strict=False):
        constants = (
            (first.constants.get(a), second.constants.get(b)) for a, b in zip(one.inputs, two.inputs, strict=False)
        )
        if one != two or any(not _equal(a, b) for a, b in constants):
            return one.name
    return "the end" if len(first.nodes) != len(second.nodes) else ""


def _equal(first: NDArray[Any] | None, second: NDArray[Any] | None) -> bool:
    if first is None or second is None or first is second:
        return first is second
    return first.dtype == second.dtype and np.array_equal(first, second)
