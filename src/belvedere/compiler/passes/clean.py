"""The order of the clean-up passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belvedere.compiler.passes.batchnorm import fold_batch_norm
from belvedere.compiler.passes.folding import fold_constants
from belvedere.compiler.passes.prune import keep_outputs, prune
from belvedere.compiler.passes.shapes import infer_shapes
from belvedere.compiler.passes.storage import LARGE_BYTES

if TYPE_CHECKING:
    import onnx
    import openvino


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A cleaned network and what was done to it.

    Attributes:
        network: Computes what the original computes, with the same inputs and the outputs that were kept.
        facts: Counts for the report: ``nodes_before``, ``nodes_after``, ``batch_norms_folded``, ``dead_nodes``.
        notes: Sentences that the user should read.
    """

    network: onnx.ModelProto | openvino.Model
    facts: dict[str, int]
    notes: tuple[str, ...] = ()


def clean(network: onnx.ModelProto | openvino.Model, outputs: Sequence[str] = ()) -> Cleaned:
    """Infer shapes, fold constants and batch normalisation, remove what no output needs.

    Args:
        network: Changed in place where that saves memory: use what is returned.
        outputs: Names of the outputs to keep, in order; empty keeps all.

    Raises:
        CompileError: an output that is wanted is not there.
    """
    return _clean_onnx(network, outputs) if is_onnx(network) else _clean_openvino(network, outputs)


def is_onnx(network: Any) -> bool:
    """Whether a network is an ONNX model, not one of OpenVINO's."""
    return hasattr(network, "graph") and hasattr(network, "opset_import")


def _clean_onnx(model: onnx.ModelProto, outputs: Sequence[str], large: int = LARGE_BYTES) -> Cleaned:
    before = len(model.graph.node)
    if outputs:
        keep_outputs(model, outputs)
    _drop_initializer_inputs(model)
    dead = prune(model)
    folded = fold_batch_norm(model)
    simpler = fold_constants(model, large=large)
    notes: tuple[str, ...] = ()
    if simpler is None:
        notes = ("ONNX Runtime cannot simplify this network; it is kept as it is",)
    else:
        model = simpler
    dead += prune(model)
    infer_shapes(model)
    facts = {
        "nodes_before": before,
        "nodes_after": len(model.graph.node),
        "batch_norms_folded": folded,
        "dead_nodes": dead,
    }
    return Cleaned(model, facts, notes)


def _clean_openvino(model: openvino.Model, outputs: Sequence[str]) -> Cleaned:
    from belvedere.compiler.passes.openvino_model import keep_model_outputs, simplify

    before = len(model.get_ops())
    if outputs:
        model = keep_model_outputs(model, outputs)
    simplify(model)
    return Cleaned(model, {"nodes_before": before, "nodes_after": len(model.get_ops())})


def _drop_initializer_inputs(model: onnx.ModelProto) -> None:
    """Before IR version 4 every weight is listed as an input too; one that is listed can be fed, so never folded."""
    names = {tensor.name for tensor in model.graph.initializer}
    for index in reversed(range(len(model.graph.input))):
        if model.graph.input[index].name in names:
            del model.graph.input[index]
    if model.ir_version < 4:
        model.ir_version = 4
