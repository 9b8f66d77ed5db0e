"""Giving a network that tf2onnx made the inputs and outputs that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from belvedere.compiler.declared_ports import Bound
from belvedere.compiler.importers.onnx.naming import rename_tensor, tensor_names
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx


def finish(
    model: onnx.ModelProto, inputs: Sequence[tuple[Bound, str]], outputs: Sequence[tuple[str, str]], where: str
) -> tuple[list[Bound], tuple[str, ...]]:
    """Set names and order of a network's inputs and outputs.

    Args:
        model: The network; it is changed.
        inputs: The bound inputs in the wanted order, each with its tensor.
        outputs: The wanted outputs in order: name and tensor.
        where: The file, for messages.

    Returns:
        The inputs that the network still has, and notes for the user. An output called like an input gets ``_output``
        appended.

    Raises:
        CompileError: two inputs or outputs have one name, or the conversion lost an output.
    """
    graph = model.graph
    known = {value.name for value in graph.input}
    used = [(entry, tensor) for entry, tensor in inputs if tensor in known]
    unused = [entry.name for entry, tensor in inputs if (entry, tensor) not in used]
    notes = [f"inputs that the network does not use were left out: {', '.join(unused)}"] if unused else []
    fed = {entry.name for entry, _ in used}
    notes += [f"output '{name}' is called '{name}_output': an input has its name" for name, _ in outputs if name in fed]
    named = [(f"{name}_output" if name in fed else name, tensor) for name, tensor in outputs]
    for kind, names in (("inputs", [entry.name for entry, _ in used]), ("outputs", [name for name, _ in named])):
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise CompileError(f"{where}: {kind} of the same name: {', '.join(repeated)}")
    _set_outputs(graph, named, where)
    _set_inputs(graph, used)
    return [entry for entry, _ in used], tuple(notes)


def _set_outputs(graph: onnx.GraphProto, outputs: Sequence[tuple[str, str]], where: str) -> None:
    """Each output becomes a copy of its tensor, which may be an input too or go out twice."""
    import onnx

    values = {value.name: value for value in graph.output}
    if missing := [name for name, tensor in outputs if tensor not in values]:
        raise CompileError(f"{where}: the converted network lost the outputs {', '.join(missing)}")
    copies = []
    taken = tensor_names(graph)
    for at, (_, tensor) in enumerate(outputs):
        copy = onnx.ValueInfoProto.FromString(values[tensor].SerializeToString())
        copy.name = _fresh(f"output_{at}", taken)
        graph.node.append(onnx.helper.make_node("Identity", [tensor], [copy.name], name=copy.name))
        copies.append(copy)
    del graph.output[:]
    graph.output.extend(copies)
    for copy, (name, _) in zip(list(graph.output), outputs, strict=True):
        rename_tensor(graph, copy.name, name)


def _set_inputs(graph: onnx.GraphProto, inputs: Sequence[tuple[Bound, str]]) -> None:
    import onnx

    values = {value.name: value for value in graph.input}
    kept = [onnx.ValueInfoProto.FromString(values[tensor].SerializeToString()) for _, tensor in inputs]
    del graph.input[:]
    graph.input.extend(kept)
    # Two steps: an input may be called as another one was.
    taken = tensor_names(graph)
    steps = [(tensor, _fresh(f"input_{at}", taken)) for at, (_, tensor) in enumerate(inputs)]
    for tensor, step in steps:
        rename_tensor(graph, tensor, step)
    for (entry, _), (_, step) in zip(inputs, steps, strict=True):
        rename_tensor(graph, step, entry.name)


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
