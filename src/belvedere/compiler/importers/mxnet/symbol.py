"""Reading MXNet's symbol files: the graph as JSON, in every form that MXNet has written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.core.errors import CompileError, LimitError

VARIABLE = "null"
_MOST_BYTES = 16 * 1024**2
_DEEPEST = 16
_MOST_NODES = 50_000
_LONGEST_NAME = 1000
_OLDEST = 800  # files without a version are of MXNet 0.8 or before
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROL_FLOW = "subgraphs"

Entry = tuple[int, int]
"""An output of a node: the node's index and the output's number."""


@dataclass(frozen=True)
class Node:
    """An operator or a variable of the graph.

    Attributes:
        index: Its place in the file; names repeat, indices do not.
        op: The operator's name, ``null`` for a variable.
        name: Its name.
        attributes: Its attributes as text.
        inputs: What it takes.
        subgraphs: Whether it holds graphs of its own, as control flow does.
    """

    index: int
    op: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Entry, ...] = ()
    subgraphs: bool = False

    @property
    def is_variable(self) -> bool:
        """Whether it is an input, a weight, a constant or a label."""
        return self.op == VARIABLE

    def __str__(self) -> str:
        return f"'{self.name}' (node {self.index})"


@dataclass(frozen=True)
class Symbol:
    """A graph.

    Attributes:
        nodes: All nodes, by index.
        heads: The graph's outputs, in order.
        version: Of the MXNet that wrote the file: 10000 * major + 100 * minor + patch.
    """

    nodes: tuple[Node, ...]
    heads: tuple[Entry, ...]
    version: int = _OLDEST


def read_symbol(path: Path) -> Symbol:
    """Read a ``-symbol.json`` file.

    Attributes lie in ``attrs``, before MXNet 0.13 in ``attr``, before 0.9 in ``param``: all three are merged.

    Raises:
        CompileError: no such file, no JSON, or no MXNet graph.
        LimitError: larger, deeper or with more nodes than is read.
    """
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise LimitError(f"{path.name}: a symbol file of {size} bytes; at most {_MOST_BYTES} are read")
        text = path.read_bytes()
    except OSError as error:
        raise CompileError(f"{path.name}: cannot be read ({error.strerror})") from error
    _check_depth(text, path.name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CompileError(f"{path.name}: no readable JSON ({error}); expected an MXNet symbol file") from error
    return _symbol(content, path.name)


def _check_depth(text: bytes, name: str) -> None:
    """Count brackets outside of strings, so that deep nesting never reaches the JSON parser."""
    marks = np.frombuffer(_STRING.sub(b"", text), np.uint8)
    opening = (marks == ord("[")) | (marks == ord("{"))
    closing = (marks == ord("]")) | (marks == ord("}"))
    steps = opening.astype(np.int8) - closing.astype(np.int8)
    if steps.size and int(np.cumsum(steps, dtype=np.int32).max()) > _DEEPEST:
        raise LimitError(f"{name}: nested more than {_DEEPEST} deep, which no MXNet symbol is")


def _symbol(content: Any, name: str) -> Symbol:
    if not isinstance(content, dict) or not isinstance(content.get("nodes"), list) or not content["nodes"]:
        raise CompileError(f"{name}: no MXNet symbol, it has no list of nodes")
    if len(content["nodes"]) > _MOST_NODES:
        raise LimitError(f"{name}: {len(content['nodes'])} nodes; at most {_MOST_NODES} are read")
    nodes = tuple(_node(index, entry, name) for index, entry in enumerate(content["nodes"]))
    if any(node.op == "tvm_op" for node in nodes):
        raise CompileError(
            f"{name}: a graph that Neo or TVM has compiled (operators tvm_op), not a model: compile the model that it "
            "was made of, with its -symbol.json and .params as MXNet exported them"
        )
    heads = tuple(_entries(content.get("heads"), name, "the list of heads"))
    if not heads:
        raise CompileError(f"{name}: no MXNet symbol, it has no heads (outputs)")
    for index, _ in [*heads, *(entry for node in nodes for entry in node.inputs)]:
        if index >= len(nodes):
            raise CompileError(f"{name}: it refers to node {index}, but has {len(nodes)} nodes")
    return Symbol(nodes, heads, _version(content))


def _node(index: int, entry: Any, name: str) -> Node:
    if not isinstance(entry, dict) or not isinstance(entry.get("op"), str) or not isinstance(entry.get("name"), str):
        raise CompileError(f"{name}: node {index} has no operator and name")
    if len(entry["op"]) > _LONGEST_NAME or len(entry["name"]) > _LONGEST_NAME:
        raise LimitError(f"{name}: node {index} has a name of more than {_LONGEST_NAME} characters")
    attributes: dict[str, str] = {}
    for key in ("attr", "param", "attrs"):
        found = entry.get(key, {})
        if not isinstance(found, dict):
            raise CompileError(f"{name}: the attributes of node {index} are no object")
        attributes |= {key: value if isinstance(value, str) else str(value) for key, value in found.items()}
    inputs = tuple(_entries(entry.get("inputs", []), name, f"the inputs of node {index}"))
    return Node(index, entry["op"], entry["name"], attributes, inputs, bool(entry.get(_CONTROL_FLOW)))


def _entries(found: Any, name: str, what: str) -> Iterator[Entry]:
    if not isinstance(found, list):
        raise CompileError(f"{name}: {what} are no list")
    for entry in found:
        # [node, output] before MXNet 0.9, [node, output, version] since.
        plain = isinstance(entry, list) and len(entry) >= 2 and all(type(part) is int for part in entry[:2])
        if not plain or entry[0] < 0 or entry[1] < 0:
            raise CompileError(f"{name}: {what} are not of the form [node, output, version]")
        yield entry[0], entry[1]


def _version(content: Mapping[str, Any]) -> int:
    attributes = content.get("attrs", {})
    found = attributes.get("mxnet_version") if isinstance(attributes, dict) else None
    if isinstance(found, list) and len(found) > 1 and type(found[1]) is int and 0 < found[1] < 10**6:
        return found[1]
    return _OLDEST


def version_text(version: int) -> str:
    """``10901`` as ``1.9.1``."""
    return f"{version // 10_000}.{version // 100 % 100}.{version % 100}"


def reachable(symbol: Symbol, heads: Iterable[Entry], taken: Mapping[int, tuple[Entry, ...]]) -> list[Node]:
    """The nodes that the heads depend on, every node after those that it takes.

    Args:
        symbol: The graph.
        heads: Where to begin.
        taken: For some nodes, by index, those of their inputs that count; for the others all do.

    Raises:
        CompileError: the graph has a cycle; the message names it.
    """
    order: list[Node] = []
    done: set[int] = set()
    path: dict[int, None] = {}  # an ordered set: the nodes between a head and here
    stack = [index for index, _ in heads][::-1]
    while stack:
        index = stack[-1]
        node = symbol.nodes[index]
        if index in done or index in path:
            stack.pop()
            if index in path:
                del path[index]
                done.add(index)
                order.append(node)
            continue
        path[index] = None
        for source, _ in taken.get(index, node.inputs)[::-1]:
            if source in path:
                names = [str(symbol.nodes[member]) for member in list(path)[list(path).index(source) :]]
                raise CompileError(f"the graph has a cycle: {' → '.join([*names[:8], names[0]])}")
            if source not in done:
                stack.append(source)
    return order
