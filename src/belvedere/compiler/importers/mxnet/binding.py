"""Telling inputs, weights and labels apart, and matching inputs with what the user declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.attributes import Attributes
from belvedere.compiler.importers.mxnet.registry import BATCH_NORMS
from belvedere.compiler.importers.mxnet.symbol import Node, Symbol
from belvedere.compiler.importing import Declared
from belvedere.core.errors import CompileError

FREE = -1
_BATCH_NORM_INPUTS = 5
_MOVING = ("_moving_mean", "_moving_var")
_WEIGHTS = (
    "_weight", "_bias", "_gamma", "_beta", "_alpha", "_moving_mean", "_moving_var", "_running_mean", "_running_var",
    "_const",
)  # fmt: skip
_LABEL = "label"
_SHOWN = 20
_WHOLE = ("int32", "int64")


@dataclass(frozen=True)
class Bound:
    """An input of the network.

    Attributes:
        variable: Its name in the graph.
        name: Its name in the finished model.
        shape: Its shape, FREE where the batch shall stay free.
        dtype: What it is fed with.
        inner: What the graph computes with.
    """

    variable: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    inner: np.dtype[Any]


def moving_statistics(node: Node) -> tuple[str, ...]:
    """Names of the statistics that batch norms before MXNet 0.9 do not list among their inputs."""
    if node.op not in BATCH_NORMS or len(node.inputs) >= _BATCH_NORM_INPUTS:
        return ()
    missing = _BATCH_NORM_INPUTS - len(node.inputs)
    return tuple(node.name + suffix for suffix in _MOVING[-missing:])


def bind(
    symbol: Symbol, nodes: Sequence[Node], arrays: Mapping[str, NDArray[Any]], declared: Sequence[Declared], files: str
) -> tuple[tuple[Bound, ...], tuple[str, ...]]:
    """Decide what the inputs are.

    A variable that the outputs depend on is a weight where the parameter file has it, else an input. Inputs are
    declared by the graph's names, or without names in the graph's order. Declared labels, and others that no output
    depends on, are dropped.

    Args:
        symbol: The graph.
        nodes: The nodes that the outputs depend on.
        arrays: The weights.
        declared: What the user declares; empty takes the shapes in the graph.
        files: How messages call the model's files.

    Returns:
        The inputs in the graph's order, and notes.

    Raises:
        CompileError: declared and actual inputs differ, one is a weight, or weights are missing; all are listed.
    """
    variables = {node.name: node for node in nodes if node.is_variable}
    hidden = [name for node in nodes for name in moving_statistics(node) if name not in arrays]
    known = {entry.name for entry in declared if entry.name is not None}
    open_ones = [name for name in variables if name not in arrays and name not in known]
    weights = [name for name in open_ones if name.endswith(_WEIGHTS)] + hidden
    data = [name for name in open_ones if not name.endswith(_WEIGHTS)]
    held = [name for name in variables if name in arrays and name in known]
    if held:
        raise CompileError(
            f"{files}: declared as input(s) are {_listed(held)}, which the parameter file has as weights; the inputs "
            f"are {_described(variables, [n for n in variables if n not in arrays and not n.endswith(_WEIGHTS)])}"
        )
    chosen, notes = _matched(symbol, variables, data, declared, weights, files)
    left = [name for name in data if name not in chosen]
    if left and not declared and not weights:
        chosen |= {name: Declared(name, _own_shape(variables[name])) for name in left}
        left = [name for name, entry in chosen.items() if not entry.shape]
        if left:
            raise CompileError(
                f"{files}: no shape is known for the input(s) {_listed(left)}: declare all inputs, such as "
                f"{left[0]}=1x3x224x224"
            )
    if weights or left:
        raise CompileError(_missing(weights, left, arrays, chosen, files))
    bound = [_bound(variables[name], chosen[name], files) for name in variables if name in chosen]
    if not bound:
        raise CompileError(f"{files}: no output depends on an input: the parameter file has every variable")
    return tuple(bound), notes


def _matched(
    symbol: Symbol,
    variables: Mapping[str, Node],
    data: list[str],
    declared: Sequence[Declared],
    weights: list[str],
    files: str,
) -> tuple[dict[str, Declared], tuple[str, ...]]:
    """Which variable each declared input is."""
    if declared and all(entry.name is None for entry in declared):
        if len(declared) != len(data):
            raise CompileError(
                f"{files}: {len(declared)} inputs are declared, the model has {len(data)}: "
                f"{_described(variables, data)}"
            )
        return dict(zip(data, declared, strict=True)), ()
    all_names = {node.name for node in symbol.nodes if node.is_variable}
    chosen = {entry.name: entry for entry in declared if entry.name in variables}
    others = [entry for entry in declared if entry.name not in variables]
    dropped = [e.name or "" for e in others if e.name in all_names or (e.name or "").endswith(_LABEL)]
    unknown = [entry for entry in others if entry.name not in dropped]
    notes = [
        f"The declared input '{name}' is a label or not needed for the outputs; it was dropped." for name in dropped
    ]
    if unknown:
        expected = _described(variables, [*map(str, chosen), *data]) or "none"
        missing = f"; the parameter file also lacks {_listed(weights)}" if weights else ""
        raise CompileError(
            f"{files}: the model has no input {_listed([str(e.name) for e in unknown])}; its inputs are {expected}"
            f"{missing}"
        )
    return {str(name): entry for name, entry in chosen.items()}, tuple(notes)


def _missing(
    weights: list[str], left: list[str], arrays: Mapping[str, Any], chosen: Mapping[str, Declared], files: str
) -> str:
    parts = []
    if weights:
        parts.append(f"the parameter file lacks {len(weights)} weight(s) that the graph needs: {_listed(weights)}")
        if not any(name.rsplit("_", 1)[0] + "_" in other for name in weights for other in arrays):
            parts.append("it seems to belong to another model")
    if left:
        labels = [name for name in left if name.endswith(_LABEL)]
        inputs = f"declared are {_listed(list(chosen))}" if chosen else "no input is declared"
        parts.append(f"the variable(s) {_listed(left)} are neither parameters nor declared inputs ({inputs})")
        if labels:
            parts.append(f"outputs depend on the label(s) {_listed(labels)}: name outputs that do not, of inference")
    return f"{files}: {'; '.join(parts)}"


def _described(variables: Mapping[str, Node], names: Sequence[str]) -> str:
    """Inputs with the shapes that the graph gives them, where it does."""
    shapes = {name: Attributes(variables[name].attributes).integers("__shape__") for name in names}
    return ", ".join(
        f"'{name}'" + (f" [{', '.join(str(axis or '?') for axis in shape)}]" if shape else "")
        for name, shape in list(shapes.items())[:_SHOWN]
    )


def _own_shape(node: Node) -> tuple[int, ...]:
    """The shape in the graph, empty where it is not known in full."""
    shape = Attributes(node.attributes).integers("__shape__")
    return shape if all(axis > 0 for axis in shape) else ()


def _bound(node: Node, entry: Declared, files: str) -> Bound:
    shape = tuple(entry.shape)
    name = entry.name or node.name
    if not shape or any(axis < 1 for axis in shape[1:]) or (shape[0] < 1 and shape[0] != FREE):
        raise CompileError(
            f"{files}: the input '{name}' is declared as {list(shape)}; MXNet models are imported for fixed sizes, "
            "only the first axis (the batch) may be -1"
        )
    own = Attributes(node.attributes).dtype("__dtype__") if "__dtype__" in node.attributes else None
    try:
        fed = np.dtype(entry.dtype) if entry.dtype else own or np.dtype(np.float32)
    except TypeError as error:
        raise CompileError(f"{files}: the input '{name}' is declared with the unknown type {entry.dtype!r}") from error
    if fed.kind not in "fiub":
        raise CompileError(f"{files}: the input '{name}' is declared as {entry.dtype}, which is no number")
    inner = own if own is not None and own.kind in "iu" else fed if fed.name in _WHOLE else np.dtype(np.float32)
    return Bound(node.name, name, shape, fed, inner)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > 4 * _SHOWN else ""
    return ", ".join(f"'{name}'" for name in (names[:_SHOWN] if more else names)) + more
