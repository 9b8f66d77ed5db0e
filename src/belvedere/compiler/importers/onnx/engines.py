"""Suiting a model to the engines: operator sets they read, and operators they compute wrongly or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from belvedere.compiler.declared import FREE
from belvedere.compiler.importers.onnx.external import is_external
from belvedere.compiler.importers.onnx.interface import misfit
from belvedere.compiler.importers.onnx.operators import onnxruntime_accepts, opset_versions, plain, runs_on_onnxruntime
from belvedere.compiler.passes.graph import attribute_of, is_plain, opset_of, shape_of
from belvedere.compiler.passes.walking import graphs, nodes, tensors
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_onnxruntime

if TYPE_CHECKING:
    import onnx

OLDEST_OPSET = 7
NEWEST_IR = 10
"""Version of the file format that engines of the last years read."""

# OpenVINO 2026.4 ignores the axes of these and reduces everything.
_WRONG_REDUCTIONS = frozenset({"ReduceL1", "ReduceLogSum", "ReduceLogSumExp"})
_WRONG_FROM, _WRONG_BEFORE = 13, 18
_LARGE = float(np.finfo(np.float32).max)
_NOT_ON_OPENVINO = ("DeformConv",)
_LARGEST_CONVERTED = 1_800_000_000


def suit_engines(model: onnx.ModelProto, where: str) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Convert operator sets that the engines do not read, and rewrite operators that they compute wrongly.

    Args:
        model: May be changed in place.
        where: What error messages begin with.

    Returns:
        The model, and notes for the user.

    Raises:
        CompileError: an operator set that cannot be converted, or operators that no engine runs.
    """
    notes: list[str] = []
    target = _target_opset(model, where)
    if target != opset_of(model):
        notes.append(f"converted from ONNX opset {opset_of(model)} to {target}, which the engines run")
        model = convert_opset(model, target, where)
    model.ir_version = min(model.ir_version, NEWEST_IR)
    if _WRONG_FROM <= target < _WRONG_BEFORE:
        for graph in graphs(model.graph):
            _rewrite_reductions(graph)
    used = {(plain(node.domain), node.op_type) for node in nodes(model.graph)}
    only_ort = sorted(op for domain, op in used if domain or op in _NOT_ON_OPENVINO)
    if only_ort:
        notes.append(f"{', '.join(only_ort)}: these operators run on ONNX Runtime, not (or not all) on OpenVINO")
    return model, tuple(notes)


def check_runs(model: onnx.ModelProto, changed: Sequence[str], where: str) -> None:
    """Run the network once on zeros, to see that it fits together with shapes that it was not made for.

    Models with free axes or external tensors are not tried.

    Raises:
        CompileError: it does not.
    """
    import onnx

    onnxruntime = import_onnxruntime()
    shapes = {value.name: shape_of(value) for value in model.graph.input}
    if any(FREE in shape for shape in shapes.values()) or any(map(is_external, tensors(model))):
        return
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    zeros = {
        value.name: np.zeros(shapes[value.name], onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        for value in model.graph.input
    }
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        session.run(None, zeros)
    except Exception as error:
        raise misfit(where, changed, error) from error


def convert_opset(model: onnx.ModelProto, target: int, where: str) -> onnx.ModelProto:
    """Convert a model to another version of the plain operator set, up or down.

    Raises:
        CompileError: an operator that ONNX has no conversion for; the message names it.
    """
    from onnx import version_converter

    if model.ByteSize() > _LARGEST_CONVERTED:
        raise CompileError(f"{where}: opset {opset_of(model)} has to be converted, but models of this size cannot be")
    # The converter knows constants only as inputs in files before version 4 of the format.
    if model.ir_version < 4:
        model.ir_version = 4
    for entry in model.opset_import:
        entry.domain = plain(entry.domain)
    try:
        converted: onnx.ModelProto = version_converter.convert_version(model, target)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[-300:]
        raise CompileError(
            f"{where}: ONNX opset {opset_of(model)} cannot be converted to {target}, which the engines need "
            f"({reason}); export the model with opset {target}"
        ) from error
    return converted


def _target_opset(model: onnx.ModelProto, where: str) -> int:
    """The newest operator set, not above the model's own where that can be, in which ONNX Runtime has all operators."""
    own = opset_versions(model).get("", OLDEST_OPSET)
    start = max(own, OLDEST_OPSET)
    lacking: list[str] = []
    for opset in range(start, OLDEST_OPSET - 1, -1):
        if not onnxruntime_accepts(opset):
            continue
        missing = sorted(set(_missing(model, opset)))
        if not missing:
            return opset
        lacking = lacking or missing
    raise CompileError(f"{where}: operators that no engine here runs: {', '.join(lacking) or f'all of opset {own}'}")


def _missing(model: onnx.ModelProto, opset: int) -> Iterator[str]:
    """Operators of the model that ONNX Runtime lacks in that operator set."""
    from onnx import defs

    for op in {node.op_type for node in nodes(model.graph) if is_plain(node)} - {"Constant"}:
        if not defs.has(op, opset, ""):
            if defs.has(op):  # newer than that opset; old operators of exporters have no schema at all
                yield op
            continue
        schema = defs.get_schema(op, opset, "")
        composed = schema.has_function or schema.has_context_dependent_function
        if not composed and not runs_on_onnxruntime(op, "", schema.since_version):
            yield op


def _rewrite_reductions(graph: onnx.GraphProto) -> None:
    """Write reductions that OpenVINO gets wrong in terms of others."""
    import onnx

    rewritten: list[onnx.NodeProto] = []
    changed = False
    for node in graph.node:
        wrong = is_plain(node) and node.op_type in _WRONG_REDUCTIONS and attribute_of(node, "axes", None) is not None
        changed = changed or wrong
        rewritten.extend(_reduction(graph, node) if wrong else [node])
    if changed:
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in rewritten]
        del graph.node[:]
        graph.node.extend(copies)


def _reduction(graph: onnx.GraphProto, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """L1 = sum |x|; LogSum = log sum x; LogSumExp = m + log sum exp(x - m), m = max x clipped to finite values."""
    from onnx import helper, numpy_helper

    out, x = node.output[0], node.input[0]
    keep, axes = int(attribute_of(node, "keepdims", 1)), list(attribute_of(node, "axes", []))
    names = {
        part: f"{out}/{part}" for part in ("axes", "abs", "sum", "max", "low", "high", "clip", "less", "exp", "log")
    }
    graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), names["axes"]))
    total = {"keepdims": keep, "name": node.name}
    if node.op_type == "ReduceL1":
        yield helper.make_node("Abs", [x], [names["abs"]])
        yield helper.make_node("ReduceSum", [names["abs"], names["axes"]], [out], **total)
        return
    if node.op_type == "ReduceLogSum":
        yield helper.make_node("ReduceSum", [x, names["axes"]], [names["sum"]], **total)
        yield helper.make_node("Log", [names["sum"]], [out])
        return
    for part, value in (("low", -_LARGE), ("high", _LARGE)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), names[part]))
    yield helper.make_node("ReduceMax", [x], [names["max"]], keepdims=1, axes=axes)
    yield helper.make_node("Clip", [names["max"], names["low"], names["high"]], [names["clip"]])
    yield helper.make_node("Sub", [x, names["clip"]], [names["less"]])
    yield helper.make_node("Exp", [names["less"]], [names["exp"]])
    yield helper.make_node("ReduceSum", [names["exp"], names["axes"]], [names["sum"]], **total)
    yield helper.make_node("Log", [names["sum"]], [names["log"]])
    if keep:
        yield helper.make_node("Add", [names["log"], names["clip"]], [out])
    else:
        yield helper.make_node("Squeeze", [names["clip"], names["axes"]], [f"{out}/flat"])
        yield helper.make_node("Add", [names["log"], f"{out}/flat"], [out])
