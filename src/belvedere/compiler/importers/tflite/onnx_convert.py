"""The process that converts a TFLite file to ONNX: ``python -m`` this module; see ``tf2onnx_form``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from belvedere.compiler.declared_ports import Own, bare, bind, declared_inputs
from belvedere.compiler.importers.tflite.schema import read_graph
from belvedere.compiler.tf2onnx_form.worker import OPSET, Ends, serve
from belvedere.core.errors import CompileError

_DETECTION = "TFLite_Detection_PostProcess"


def convert(job: dict[str, Any], _scratch: Path) -> Ends:
    """Convert the TFLite file at ``job['path']``.

    Raises:
        CompileError: see ``tf2onnx_form.loading.load_as_onnx``.
    """
    path = Path(job["path"])
    graph = read_graph(path)
    customs = sorted({operator.kind for operator in graph.operators if operator.custom})
    if _DETECTION in customs:
        raise CompileError(
            f"{path}: {_DETECTION} is not translated to ONNX: compile for OpenVINO (any target but nvidia, any engine "
            "but onnxruntime), or export the model from its SavedModel"
        )
    if customs:
        raise CompileError(f"{path}: custom operators that cannot be translated: {', '.join(customs)}")
    own = [Own(graph.tensors[at].name, graph.tensors[at].shape, graph.tensors[at].dtype) for at in graph.inputs]
    if odd := [entry.name for entry in own if not entry.dtype]:
        raise CompileError(f"{path}: inputs that are no tensors of numbers: {', '.join(odd)}")
    bound, notes = bind(own, declared_inputs(job["inputs"]), path)
    tensors = {bare(graph.tensors[at].name): graph.tensors[at].name for at in graph.outputs}
    if missing := [name for name in job["outputs"] if bare(name) not in tensors]:
        raise CompileError(f"{path}: no outputs {', '.join(missing)}; the model has {', '.join(tensors)}")
    outputs = [(name, tensors[bare(name)]) for name in job["outputs"] or tensors]
    model, _ = importlib.import_module("tf2onnx.convert").from_tflite(str(path), opset=OPSET)
    return Ends(model, [(entry, entry.own.name) for entry in bound], outputs, notes)


if __name__ == "__main__":
    serve(convert)
