"""OpenVINO's own passes over its own model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino


def simplify(model: openvino.Model) -> None:
    """Fold constants and batch normalisation, remove dead and redundant nodes: what OpenVINO's own converter runs.

    Args:
        model: Changed in place.
    """
    import_openvino()
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=True, smart_reshape=False)
    model.validate_nodes_and_infer_types()


def keep_model_outputs(model: openvino.Model, names: Sequence[str]) -> openvino.Model:
    """A model with only the named outputs, in this order.

    Raises:
        CompileError: a name is no output; the message lists the outputs.
    """
    openvino = import_openvino()
    found = {name: port for port in model.outputs for name in port.get_names()}
    unknown = [name for name in names if name not in found]
    if unknown:
        known = ", ".join(name_of(port) for port in model.outputs)
        raise CompileError(f"the network has no output {', '.join(unknown)}; its outputs: {known}")
    results = [found[name].node for name in names]
    kept = openvino.Model(results, list(model.get_sinks()), model.get_parameters(), model.get_friendly_name())
    kept.validate_nodes_and_infer_types()
    return kept


def name_of(port: Any) -> str:
    """A port's first name in alphabetical order, so that it is the same in every process; its node's where none."""
    names: list[str] = sorted(port.get_names())
    return names[0] if names else str(port.get_node().get_friendly_name())
