"""Operators that a model uses: those nobody here knows, and functions that the model brings along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from belvedere.compiler.passes.graph import PLAIN_DOMAINS
from belvedere.compiler.passes.walking import label, model_nodes, nodes, subgraphs
from belvedere.core.errors import CompileError, LimitError
from belvedere.runtime.engine_imports import import_onnxruntime

if TYPE_CHECKING:
    import onnx

_MOST_NODES = 1_000_000
_MOST_SHOWN = 5
_MOST_FUNCTIONS = 10_000
_DEEPEST_CALLS = 64
_FATAL_ONLY = 4
_OPEN_END = 2**31 - 1
_CPU = "CPUExecutionProvider"


def check_operators(model: onnx.ModelProto, where: str) -> None:
    """Refuse operators that neither ONNX, ONNX Runtime nor a function of the model defines.

    Raises:
        CompileError: lists all of them with their nodes.
    """
    versions = opset_versions(model)
    own = {(plain(function.domain), function.name) for function in model.functions}
    unknown: dict[str, list[str]] = {}
    for node in model_nodes(model):
        domain = plain(node.domain)
        if (domain, node.op_type) in own or _is_known(node.op_type, domain, versions.get(domain)):
            continue
        title = f"{domain}::{node.op_type}" if domain else f"{node.op_type} (opset {versions.get('')})"
        unknown.setdefault(title, []).append(label(node))
    if unknown:
        listed = "; ".join(f"{title} in {_nodes(names)}" for title, names in sorted(unknown.items()))
        raise CompileError(
            f"{where}: operators that are not ONNX and that no engine here runs: {listed}. Export the model with "
            "standard operators, or write these operators out as ONNX functions"
        )


def inline_functions(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Replace the calls of a model's own functions by their bodies.

    Raises:
        CompileError: functions that call each other in a circle.
        LimitError: the bodies would come to more than a million nodes.
    """
    if not model.functions:
        return model
    from onnx import inliner

    _check_calls(model, where)
    inlined: onnx.ModelProto = inliner.inline_local_functions(model)
    return inlined


def opset_versions(model: onnx.ModelProto) -> dict[str, int]:
    """Versions of the operator sets by domain, the plain one as ``""``."""
    versions: dict[str, int] = {}
    for entry in (*model.opset_import, *(e for function in model.functions for e in function.opset_import)):
        domain = plain(entry.domain)
        versions[domain] = max(entry.version, versions.get(domain, 0))
    return versions


def plain(domain: str) -> str:
    """The domain's name, with one name for the plain one."""
    return "" if domain in PLAIN_DOMAINS else domain


def runs_on_onnxruntime(op: str, domain: str, since: int) -> bool:
    """Whether ONNX Runtime has CPU code for an operator as it is since that version of its operator set.

    True where this build of ONNX Runtime does not tell.
    """
    ranges = _kernels().get((domain, op), frozenset())
    # How ONNX Runtime matches: an open end stands for the version it begins with until the operator changes.
    found = any(first == since or (first < since <= last and last != _OPEN_END) for first, last in ranges)
    return found or not _kernels()


@cache
def onnxruntime_accepts(opset: int) -> bool:
    """Whether ONNX Runtime reads models of that plain operator set; it refuses those newer than itself."""
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    try:
        runtime.InferenceSession(model.SerializeToString(), options, providers=[_CPU])
    except Exception:  # noqa: BLE001 - its classes of errors have no common base
        return False
    return True


def _is_known(op: str, domain: str, version: int | None) -> bool:
    from onnx import defs

    if version is None:
        return False
    if defs.has(op, max(1, version), domain):
        return True
    # Operators of ONNX Runtime's own, and those of old exporters that it still runs.
    return bool(_kernels().get((domain, op)))


@cache
def _kernels() -> Mapping[tuple[str, str], frozenset[tuple[int, int]]]:
    """CPU kernels of ONNX Runtime: (domain, operator) to ranges of versions."""
    state = import_onnxruntime().capi.onnxruntime_pybind11_state
    listed: Iterable[Any] = getattr(state, "get_all_opkernel_def", list)()
    found: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for kernel in listed:
        if kernel.provider == _CPU:
            first, last = kernel.version_range
            found.setdefault((plain(kernel.domain), kernel.op_name), set()).add((int(first), int(last)))
    return {key: frozenset(ranges) for key, ranges in found.items()}


def _check_calls(model: onnx.ModelProto, where: str) -> None:
    """Functions may call functions: neither in a circle nor so often that the bodies fill the memory."""
    bodies = {(plain(f.domain), f.name): f for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], above: tuple[tuple[str, str], ...]) -> int:
        if key in above:
            raise CompileError(f"{where}: functions of the model call each other in a circle: {_circle(above, key)}")
        if len(above) > _DEEPEST_CALLS:
            raise LimitError(f"{where}: functions of the model call each other more than {_DEEPEST_CALLS} deep")
        if key not in sizes:
            sizes[key] = total(_inner(bodies[key]), (*above, key))
        return sizes[key]

    def total(inside: Iterable[onnx.NodeProto], above: tuple[tuple[str, str], ...]) -> int:
        keys = ((plain(node.domain), node.op_type) for node in inside)
        return sum(size(key, above) if key in bodies else 1 for key in keys)

    if len(bodies) > _MOST_FUNCTIONS or total(nodes(model.graph), ()) > _MOST_NODES:
        raise LimitError(f"{where}: the functions of the model come to too many nodes; at most {_MOST_NODES} are read")


def _inner(function: onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    for node in function.node:
        yield node
        for graph in subgraphs(node):
            yield from nodes(graph)


def _circle(above: tuple[tuple[str, str], ...], key: tuple[str, str]) -> str:
    return " -> ".join(name for _, name in (*above[above.index(key) :], key))


def _nodes(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more nodes" if len(names) > _MOST_SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_MOST_SHOWN]) + more
