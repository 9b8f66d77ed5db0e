"""Constant folding and the removal of redundant nodes, by ONNX Runtime's own offline optimiser."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.passes.graph import PLAIN_DOMAINS
from belvedere.compiler.passes.storage import LARGE_BYTES, model_bytes, save
from belvedere.runtime.engine_imports import import_onnxruntime

if TYPE_CHECKING:
    import onnx

_FATAL_ONLY = 4


def fold_constants(model: onnx.ModelProto, *, large: int = LARGE_BYTES) -> onnx.ModelProto | None:
    """Let ONNX Runtime fold constants and drop redundant nodes (its level ``basic``: plain ONNX operators only).

    Args:
        model: Stays as it is.
        large: From this many bytes the weights go through a second file.

    Returns:
        The simplified model with the same inputs and outputs, or None where ONNX Runtime refuses the model or would
        use operators of its own.
    """
    import onnx

    runtime = import_onnxruntime()
    with tempfile.TemporaryDirectory(prefix="belvedere-") as name:
        folder = Path(name)
        before, after = save(model, folder, "before", large=large), folder / "after.onnx"
        options = _options(runtime, after)
        if model_bytes(model) >= large:
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "after.data")
            options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        try:
            runtime.InferenceSession(str(before), options, providers=["CPUExecutionProvider"])
            folded = onnx.load_model(after)
        except Exception:  # noqa: BLE001  its status classes have no common base; the model is used as it is then
            return None
    return _like(folded, model)


def _options(runtime: Any, target: Path) -> Any:
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = 1
    return options


def _like(folded: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The folded model with the original's header; None where it needs operators that the original did not."""
    allowed = {entry.domain for entry in model.opset_import} | set(PLAIN_DOMAINS)
    if any(node.domain not in allowed for node in folded.graph.node):
        return None
    same = [value.name for value in folded.graph.output] == [value.name for value in model.graph.output]
    if not same or [value.name for value in folded.graph.input] != [value.name for value in model.graph.input]:
        return None
    del folded.opset_import[:]
    folded.opset_import.extend(model.opset_import)
    folded.ir_version = model.ir_version
    folded.producer_name, folded.producer_version = model.producer_name, model.producer_version
    del folded.metadata_props[:]
    folded.metadata_props.extend(model.metadata_props)
    return folded
