"""A graph of MXNet operators as ``symbol.json`` holds it: a list of nodes, grown one operator at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tools.mxnet_networks.parameters import Initial, Parameter

MXNET_VERSION = 10901


@dataclass(frozen=True)
class Tensor:
    """One output of a node.

    Attributes:
        node: Index of the node.
        out: Which of its outputs.
        channels: Size of axis 1, which the next layer's weights need.
    """

    node: int
    out: int = 0
    channels: int = 0


@dataclass
class Node:
    op: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    inputs: list[tuple[int, int, int]] = field(default_factory=list)
    outputs: int = 1


class Graph:
    """Nodes and parameters of one network; names are counted the way Gluon counts them.

    Args:
        prefix: Start of every name, such as ``resnetv10_``.
    """

    def __init__(self, prefix: str) -> None:
        self.nodes: list[Node] = []
        self.parameters: list[Parameter] = []
        self._prefix = prefix
        self._counts: Counter[str] = Counter()

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Adds ``name`` to the prefix of what is built inside."""
        before, self._prefix = self._prefix, self._prefix + name
        yield
        self._prefix = before

    @contextmanager
    def numbered(self, kind: str) -> Iterator[None]:
        """A scope called ``kind`` and its number, such as ``linearbottleneck3_``."""
        with self.scope(f"{self.count(kind)}_"):
            yield

    def count(self, kind: str) -> str:
        """``kind`` with the number of the next one in this scope."""
        number = self._counts[self._prefix + kind]
        self._counts[self._prefix + kind] += 1
        return f"{kind}{number}"

    def full(self, name: str) -> str:
        """``name`` with the prefix of the scope."""
        return self._prefix + name

    def input(self, name: str, channels: int) -> Tensor:
        """A variable that no parameter fills."""
        self.nodes.append(Node("null", name))
        return Tensor(len(self.nodes) - 1, channels=channels)

    def parameter(
        self,
        name: str,
        shape: Sequence[int],
        initial: Initial,
        *,
        kind: str = "learned",
        shown: bool = True,
        initializer: str = "",
    ) -> Tensor:
        """A variable that the params file fills.

        Args:
            name: Its name within the scope.
            shape: Its shape.
            initial: Makes its values.
            kind: ``learned``, ``statistics`` (stored as ``aux:``) or ``constant``.
            shown: Whether the node carries Gluon's hidden attributes (plain symbols carry none).
            initializer: Text of ``__init__``, where Gluon writes one.
        """
        name, shape = self.full(name), tuple(shape)
        hidden = {"__init__": initializer} if initializer else {}
        if shown:
            hidden |= {"__dtype__": "0", "__lr_mult__": "1.0", "__shape__": str(shape), "__storage_type__": "0"}
            hidden |= {"__wd_mult__": "1.0"}
        self.nodes.append(Node("null", name, dict(sorted(hidden.items()))))
        self.parameters.append(Parameter(name, shape, initial, kind))
        return Tensor(len(self.nodes) - 1)

    def op(
        self, op: str, kind: str, *inputs: Tensor, channels: int | None = None, outputs: int = 1, **attributes: Any
    ) -> Tensor:
        """An operator called after its kind and number, such as ``concat2``."""
        return self.named(op, self.count(kind), *inputs, channels=channels, outputs=outputs, **attributes)

    def named(
        self, op: str, name: str, *inputs: Tensor, channels: int | None = None, outputs: int = 1, **attributes: Any
    ) -> Tensor:
        """An operator of that name; attributes become text as MXNet writes them.

        Args:
            op: The operator.
            name: Its name within the scope.
            *inputs: What it reads.
            channels: Size of axis 1 of what it gives; that of its first input unless told.
            outputs: How many outputs it has.
            **attributes: Its attributes.
        """
        # The third number of an entry is 1 for the variables that the operator updates: the moving statistics.
        entries = [(one.node, one.out, int(op == "BatchNorm" and place > 2)) for place, one in enumerate(inputs)]
        text = {key: str(value) for key, value in sorted(attributes.items())}
        self.nodes.append(Node(op, self.full(name), text, entries, outputs))
        width = channels if channels is not None else (inputs[0].channels if inputs else 0)
        return Tensor(len(self.nodes) - 1, channels=width)

    def again(self, first: int, last: int, source: Tensor, other: Tensor, end: Tensor) -> Tensor:
        """Apply a block a second time, as Gluon does: the same names and parameters, other nodes.

        Args:
            first: The block's first node.
            last: The node after its last one.
            source: What it read.
            other: What it shall read now.
            end: What it gave.

        Returns:
            What it gives now.
        """
        place = {source.node: other.node}
        for index in range(first, last):
            node = self.nodes[index]
            if node.op != "null":
                inputs = [(place.get(entry, entry), out, version) for entry, out, version in node.inputs]
                place[index] = len(self.nodes)
                self.nodes.append(Node(node.op, node.name, node.attributes, inputs, node.outputs))
        return Tensor(place[end.node], end.out, end.channels)

    def json(self, heads: Sequence[Tensor]) -> str:
        """The text of ``symbol.json``: the nodes that the heads need, in MXNet's depth-first order."""
        order = self._order(heads)
        place = {node: index for index, node in enumerate(order)}

        def entry(node: int, out: int, version: int) -> list[int]:
            return [place[node], out, version]

        nodes = []
        rows = [0]
        for index in order:
            node = self.nodes[index]
            attributes = {"attrs": node.attributes} if node.attributes else {}
            nodes.append({"op": node.op, "name": node.name, **attributes, "inputs": [entry(*e) for e in node.inputs]})
            rows.append(rows[-1] + node.outputs)
        graph = {
            "nodes": nodes,
            "arg_nodes": [place[index] for index in order if self.nodes[index].op == "null"],
            "node_row_ptr": rows,
            "heads": [entry(head.node, head.out, 0) for head in heads],
            "attrs": {"mxnet_version": ["int", MXNET_VERSION]},
        }
        return json.dumps(graph, indent=1)

    def _order(self, heads: Sequence[Tensor]) -> list[int]:
        """Indices of the nodes that the heads need, inputs before their readers, depth first."""
        order: list[int] = []
        seen: set[int] = set()
        pending = [(head.node, False) for head in reversed(heads)]
        while pending:
            node, done = pending.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                pending.append((node, True))
                pending.extend((index, False) for index, _, _ in reversed(self.nodes[node].inputs) if index not in seen)
        return order
