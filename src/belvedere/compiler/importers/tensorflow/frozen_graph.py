"""Choosing the outputs of a frozen graph, whose file does not name any.

Messages (tensorflow/core/framework/graph.proto, node_def.proto): GraphDef.node = 1; NodeDef.name = 1, .op = 2,
.input = 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from belvedere.compiler.declared_ports import bare
from belvedere.compiler.protobuf_wire import LENGTH, fields, text
from belvedere.core.errors import CompileError

# What the object-detection API exports; detection_scores also feeds num_detections, so it is no leaf of the graph.
DETECTION = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
MASKS = "detection_masks"
_NO_VALUE = frozenset(
    {"NoOp", "Assert", "Const", "Placeholder", "PlaceholderWithDefault", "Exit", "SaveV2", "RestoreV2"}
)
_NEXT_ROUND = frozenset({"NextIteration", "RefNextIteration"})
_MOST_LISTED = 20


@dataclass(frozen=True)
class Node:
    """A node of the graph: its name, its operator and the names of what it reads."""

    name: str
    operator: str
    inputs: tuple[str, ...]


def read_nodes(content: memoryview, where: Path) -> tuple[Node, ...]:
    """The nodes of an encoded GraphDef; constants are passed over.

    Raises:
        CompileError: damaged, or no GraphDef.
    """
    try:
        nodes = tuple(_node(field.payload) for field in fields(content) if field.number == 1 and field.kind == LENGTH)
    except CompileError as error:
        raise CompileError(f"{where}: not a readable TensorFlow graph: {error}") from None
    if not any(node.name and node.operator for node in nodes):
        raise CompileError(f"{where}: not a TensorFlow graph: it has no nodes")
    if stuck := _on_cycles(nodes):
        raise CompileError(f"{where}: a cycle in the graph, among or before {', '.join(stuck[:_MOST_LISTED])}")
    return nodes


def select_outputs(nodes: Sequence[Node], wanted: Sequence[str], where: Path) -> tuple[tuple[str, str], ...]:
    """The outputs to compile.

    Args:
        nodes: The nodes of the graph.
        wanted: Names as the user gave them, with ``:0`` or without; empty takes the outputs of the
            object-detection API where they are there, else the leaves that are no loop's bookkeeping.
        where: The file, for messages.

    Returns:
        Name and tensor (``node:index``) of each output.

    Raises:
        CompileError: an output that is not in the graph, or a graph without leaves.
    """
    names = {node.name for node in nodes}
    if wanted:
        missing = [name for name in wanted if _tensor(name).rpartition(":")[0] not in names]
        if missing:
            leaves = ", ".join(_leaves(nodes)[:_MOST_LISTED])
            raise CompileError(f"{where}: no outputs {', '.join(missing)} in the graph; its leaves: {leaves or 'none'}")
        return tuple((name, _tensor(name)) for name in wanted)
    if names.issuperset(DETECTION):
        chosen = [*DETECTION, MASKS] if MASKS in names else [*DETECTION]
    else:
        chosen = _leaves(nodes)
    if not chosen:
        raise CompileError(f"{where}: the graph has no leaves: name its outputs (output_names)")
    return tuple((bare(name), _tensor(name)) for name in chosen)


def _leaves(nodes: Sequence[Node]) -> list[str]:
    """Nodes whose value nobody reads, in the order of the graph."""
    read = {_producer(name) for node in nodes for name in node.inputs}
    return [
        node.name
        for node in nodes
        if node.name not in read and node.operator not in _NO_VALUE and "/while/" not in f"/{node.name}"
    ]


def _on_cycles(nodes: Sequence[Node]) -> list[str]:
    """Nodes that can never run; what a loop hands to its next round (NextIteration) is no cycle."""
    again = {node.name for node in nodes if node.operator in _NEXT_ROUND}
    waiting = {node.name: {_producer(name) for name in node.inputs} - again for node in nodes}
    readers: dict[str, list[str]] = {}
    for name, reads in waiting.items():
        for read in reads:
            readers.setdefault(read, []).append(name)
    ready = [name for name in dict.fromkeys([*waiting, *readers]) if not waiting.get(name)]
    while ready:
        done = ready.pop()
        waiting.pop(done, None)
        for reader in readers.get(done, []):
            waiting[reader].discard(done)
            if not waiting[reader]:
                ready.append(reader)
    return list(waiting)


def _producer(name: str) -> str:
    """The node that an input's name, such as ``split:1`` or ``^init``, refers to."""
    head, colon, index = name.removeprefix("^").rpartition(":")
    return head if colon and index.isdigit() else name.removeprefix("^")


def _tensor(name: str) -> str:
    head, colon, index = name.rpartition(":")
    return name if colon and head and index.isdigit() else f"{name}:0"


def _node(payload: memoryview) -> Node:
    name, operator, inputs = "", "", []
    for field in fields(payload):
        if field.number == 1:
            name = text(field.payload)
        elif field.number == 2:
            operator = text(field.payload)
        elif field.number == 3:
            inputs.append(text(field.payload))
    return Node(name, operator, tuple(inputs))
