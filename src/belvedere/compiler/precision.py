"""The precisions a network can be compiled to, and float16 storage of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import GraphIndex, fresh_name, is_plain
from belvedere.core.errors import OptionError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import onnx
    import openvino

PRECISIONS = ("f32", "bf16", "f16", "int8")
MEANING = {
    "f32": "weights and arithmetic in float32",
    "bf16": "weights in float32, arithmetic in bfloat16 where the processor has it",
    "f16": "weights stored as float16, arithmetic in float32",
    "int8": "weights and activations of the layers in 8-bit integers, everything else in float32",
}

_WEIGHT_PLACES = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "DeformConv": (1,),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "LSTM": (1, 2),
    "GRU": (1, 2),
    "RNN": (1, 2),
}
"""Inputs of ONNX operators that are weights: no other constant is ever stored in less than float32."""
_WEIGHTED = frozenset(
    {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul",
     "LSTMSequence", "GRUSequence", "RNNSequence", "LSTMCell", "GRUCell"}
)  # fmt: skip
"""The same for OpenVINO's operators: any input of theirs but the first."""
_SMALLEST = 256
"""Smaller constants are worth nothing, and a small one may be a table of box decoding in the shape of a weight."""
_MOST_F16 = 65504.0


def arithmetic(precision: str, computes: str) -> str:
    """What a network is computed in, in words.

    Args:
        precision: Of the artifact.
        computes: What the engine computes float parts in.
    """
    return f"int8, and in {computes} what is not quantised" if precision == "int8" else computes


def check_precision(precision: str) -> str:
    """``precision`` itself. Raises OptionError where there is no such precision."""
    if precision not in PRECISIONS:
        raise OptionError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    return precision


def machine_has_bf16() -> bool:
    """Whether this machine's processor computes in bfloat16, as OpenVINO sees it."""
    openvino = import_openvino()
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def store_f16(network: onnx.ModelProto | openvino.Model) -> int:
    """Store the weights of layers as float16, turned back into float32 by the engine when it loads the network.

    Only weights of convolutions, dense and recurrent layers: biases, anchors and everything else that boxes are
    decoded with stay float32, because float16 rounds coordinates between 256 and 512 by up to 0.125 pixels.

    Args:
        network: Changed in place.

    Returns:
        How many weights are float16 now.
    """
    return _store_onnx(network) if is_onnx(network) else _store_openvino(network)


def _store_onnx(model: onnx.ModelProto) -> int:
    import onnx
    from onnx import numpy_helper

    index = GraphIndex(model.graph)
    casts = []
    for name in dict.fromkeys(_weight_names(model, index)):
        tensor = index.initializers[name]
        values = numpy_helper.to_array(tensor)
        if not _fits(values):
            continue
        narrow = fresh_name(model, f"{name}_f16")
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), narrow))
        casts.append(onnx.helper.make_node("Cast", [narrow], [name], name=f"{narrow}_cast", to=onnx.TensorProto.FLOAT))
    if casts:
        nodes = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([*casts, *nodes])
    return len(casts)


def _weight_names(model: onnx.ModelProto, index: GraphIndex) -> Iterator[str]:
    for node in model.graph.node:
        if is_plain(node):
            for place in _WEIGHT_PLACES.get(node.op_type, ()):
                if place < len(node.input) and node.input[place] in index.initializers:
                    name = node.input[place]
                    if name not in index.outputs and all(_is_weight_of(name, other) for other in index.readers[name]):
                        yield name


def _is_weight_of(name: str, node: onnx.NodeProto) -> bool:
    places = _WEIGHT_PLACES.get(node.op_type, ()) if is_plain(node) else ()
    return all(place in places for place, other in enumerate(node.input) if other == name)


def _fits(values: NDArray[Any]) -> bool:
    if values.dtype != np.float32 or values.size < _SMALLEST:
        return False
    return bool(np.isfinite(values).all()) and float(np.abs(values).max()) <= _MOST_F16


def _store_openvino(model: openvino.Model) -> int:
    openvino = import_openvino()
    from openvino import opset13

    count = 0
    for op in model.get_ordered_ops():
        if op.get_type_name() != "Constant" or op.get_element_type() != openvino.Type.f32:
            continue
        targets = list(op.output(0).get_target_inputs())
        weighted = all(one.get_node().get_type_name() in _WEIGHTED and one.get_index() > 0 for one in targets)
        if not targets or not weighted or not _fits(op.data):
            continue
        narrow = opset13.constant(op.data.astype(np.float16), name=f"{op.get_friendly_name()}_f16")
        wide = opset13.convert(narrow, "f32", name=op.get_friendly_name())
        for one in targets:
            one.replace_source_output(wide.output(0))
        count += 1
    model.validate_nodes_and_infer_types()
    return count
