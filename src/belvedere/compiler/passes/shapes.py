"""Shape inference by onnx, without handing it the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belvedere.compiler.passes.graph import GraphIndex
from belvedere.compiler.passes.storage import stored_bytes
from belvedere.compiler.passes.walking import dense_tensors

if TYPE_CHECKING:
    import onnx

_KEPT_BYTES = 4096
"""Constants up to this size keep their content: shapes come from them (``Reshape``, ``Resize``, ``Slice``)."""


def infer_shapes(model: onnx.ModelProto) -> int:
    """Fill in the shapes of all tensors whose shape follows from the inputs'.

    Weights are replaced by their dimensions for it, so that it costs no memory and knows no 2 GB bound.

    Args:
        model: Changed in place.

    Returns:
        Tensors whose shape is known now.
    """
    from onnx import shape_inference
    from onnx.onnx_cpp2py_export.shape_inference import InferenceError

    light = light_copy(model)
    try:
        inferred = shape_inference.infer_shapes(light, data_prop=True)
    except (InferenceError, RuntimeError, ValueError):
        return len(model.graph.value_info)
    index = GraphIndex(model.graph)
    del model.graph.value_info[:]
    model.graph.value_info.extend(value for value in inferred.graph.value_info if value.name in index.producers)
    known = {value.name: value for value in inferred.graph.output}
    for value in model.graph.output:
        # An output keeps what it declares; what it leaves open is filled in.
        if not value.type.tensor_type.HasField("shape") and value.name in known:
            value.CopyFrom(known[value.name])
    return len(model.graph.value_info)


def light_copy(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the model with the dimensions of its large constants, but not their content."""
    import onnx

    copy = onnx.ModelProto()
    copy.ir_version = model.ir_version
    copy.opset_import.extend(model.opset_import)
    copy.functions.extend(model.functions)
    graph, source = copy.graph, model.graph
    graph.name = source.name
    graph.node.extend(source.node)
    graph.input.extend(source.input)
    graph.output.extend(source.output)
    for tensor in dense_tensors(copy):
        if stored_bytes(tensor) > _KEPT_BYTES:
            tensor.CopyFrom(_without_content(tensor))
    for tensor in source.initializer:
        graph.initializer.append(tensor if stored_bytes(tensor) <= _KEPT_BYTES else _without_content(tensor))
    return copy


def _without_content(tensor: onnx.TensorProto) -> onnx.TensorProto:
    import onnx

    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
