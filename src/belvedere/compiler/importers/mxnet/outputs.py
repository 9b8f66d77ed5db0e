"""Choosing and naming the outputs, as MXNet names them."""

from __future__ import annotations

from collections.abc import Iterator

from belvedere.compiler.importers.mxnet.registry import is_numbered
from belvedere.compiler.importers.mxnet.symbol import Entry, Node, Symbol
from belvedere.compiler.importing import Request
from belvedere.core.errors import CompileError

_NODE = "node"


def select_outputs(symbol: Symbol, request: Request, file: str) -> list[tuple[str, Entry]]:
    """Names and places of the outputs: the heads, those that the request names, or those of one node (option node).

    Raises:
        CompileError: there is no such output or node.
    """
    if _NODE in request.options:
        return _of_node(symbol, request.options[_NODE], file)
    heads = [(_name(symbol, entry), entry) for entry in symbol.heads]
    if not request.outputs:
        return heads
    known = dict(heads)
    inner = {name: entry for node in symbol.nodes for name, entry in _all_names(node)}
    missing = [name for name in request.outputs if name not in known and name not in inner]
    if missing:
        raise CompileError(
            f"{file}: the model has no output {', '.join(map(repr, missing))}; its outputs are {', '.join(known)}"
        )
    return [(name, known[name] if name in known else inner[name]) for name in request.outputs]


def _of_node(symbol: Symbol, wanted: str, file: str) -> list[tuple[str, Entry]]:
    index, _, number = wanted.partition(":")
    if not index.isdecimal() or int(index) >= len(symbol.nodes) or not (number or "0").isdecimal():
        raise CompileError(f"{file}: the option node={wanted!r} is no index of its {len(symbol.nodes)} nodes")
    entry = int(index), int(number or 0)
    return [(_name(symbol, entry), entry)]


def _all_names(node: Node) -> Iterator[tuple[str, Entry]]:
    """How an inner output may be asked for: by the node's name, with or without MXNet's ending."""
    if not node.is_variable:
        yield node.name, (node.index, 0)
        yield f"{node.name}_output", (node.index, 0)
        outputs = _count(node)
        for number in range(outputs):
            yield f"{node.name}_output{number}", (node.index, number)


def _name(symbol: Symbol, entry: Entry) -> str:
    index, number = entry
    node = symbol.nodes[index]
    if node.is_variable:
        return node.name
    numbered = is_numbered(node.op, node.attributes, max(_count(node), number + 1))
    return f"{node.name}_output{number}" if numbered else f"{node.name}_output"


_MOST = 1000


def _count(node: Node) -> int:
    """How many outputs a node has, as far as its attributes say so."""
    text = {"SliceChannel": "num_outputs", "split": "num_outputs", "amp_multicast": "num_outputs"}.get(node.op)
    if text is not None:
        given = node.attributes.get(text, "1")
        return min(int(given), _MOST) if given.isdecimal() else 1
    if node.op == "_split_v2":
        sections = node.attributes.get("sections", "0")
        if sections.isdecimal() and int(sections) > 0:
            return min(int(sections), _MOST)
        return max(1, min(node.attributes.get("indices", "").count(",") + 1, _MOST))
    return 2 if node.op == "topk" and node.attributes.get("ret_typ") == "both" else 1
