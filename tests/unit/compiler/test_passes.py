"""Clean-up leaves the numbers as they are and the graph smaller."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from belvedere.compiler.passes import clean
from belvedere.compiler.passes.batch import free_batch
from belvedere.compiler.passes.batchnorm import fold_batch_norm
from belvedere.compiler.passes.folding import fold_constants
from belvedere.compiler.passes.graph import shape_of
from belvedere.compiler.passes.inputs import Adaption, adapt_input
from belvedere.compiler.passes.prune import keep_outputs, prune
from belvedere.compiler.passes.shapes import infer_shapes
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier, normal, run_onnx

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def copy(model: onnx.ModelProto) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other


def close(first: np.ndarray, second: np.ndarray, tolerance: float = 1e-5) -> None:
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= tolerance * max(1.0, float(np.abs(first).max()))


def openvino_run(model: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    core = import_openvino().Core()
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    results = compiled(feeds)
    return [np.array(results[port]) for port in compiled.outputs]


def layers_with_norms(groups: int = 1) -> onnx.ModelProto:
    net = Net(3)
    x = net.op("Relu", net.norm(net.conv("data", 4, 8, bias=True), 8))
    spread = net.constant((net.rng.standard_normal((8, 6 // groups, 2, 2)) * 0.2).astype(np.float32))
    up = net.op("ConvTranspose", x, spread, strides=[2, 2], kernel_shape=[2, 2], group=groups)
    x = net.op("Relu", net.norm(up, 6))
    x = net.op("Flatten", net.op("GlobalAveragePool", x))
    weight = net.constant(net.rng.standard_normal((6, 5)).astype(np.float32))
    net.norm(net.op("Gemm", x, weight), 5)
    net.nodes[-1].output[0] = "out"
    return net.model({"data": [2, 4, 6, 6]}, {"out": [2, 5]})


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_is_folded_into_every_kind_of_layer(groups: int) -> None:
    model = layers_with_norms(groups)
    folded = copy(model)
    assert fold_batch_norm(folded) == 3
    onnx.checker.check_model(folded)
    assert not kinds(folded)["BatchNormalization"]
    feeds = {"data": normal((2, 4, 6, 6))}
    close(run_onnx(model, feeds)[0], run_onnx(folded, feeds)[0])


def test_batch_norm_stays_where_folding_would_change_something_else() -> None:
    net = Net()
    x = net.conv("data", 3, 4)
    net.nodes.append(helper.make_node("Identity", [x], ["raw"]))  # read elsewhere
    net.nodes.append(helper.make_node("Identity", [net.norm(x, 4)], ["out"]))
    assert fold_batch_norm(net.model({"data": [1, 3, 5, 5]}, {"out": None, "raw": None})) == 0

    net = Net()
    weight = net.constant(net.rng.standard_normal((3, 3, 1, 1)).astype(np.float32))
    first = net.norm(net.op("Conv", "data", weight), 3)
    net.nodes.append(helper.make_node("Identity", [net.norm(net.op("Conv", first, weight), 3)], ["out"]))  # shared
    assert fold_batch_norm(net.model({"data": [1, 3, 5, 5]}, {"out": None})) == 0


@pytest.mark.parametrize(
    ("bias", "folded"),
    [((), 1), ((1,), 1), ((4,), 1), ((1, 4), 1), ((1, 1), 1), ((2, 1), 0), ((4, 1), 0), ((2, 4), 0), ((4, 4), 0)],
)
def test_only_a_bias_per_channel_is_folded(bias: tuple[int, ...], folded: int) -> None:
    rows = bias[0] if len(bias) == 2 and bias[0] > 1 else 2
    net = Net()
    weight = net.constant(net.rng.standard_normal((4, 3)).astype(np.float32))
    dense = net.op("Gemm", "data", weight, net.constant(normal(bias, 5)), transB=1)
    net.nodes.append(helper.make_node("Relu", [net.norm(dense, 4)], ["out"]))
    model = net.model({"data": [rows, 3]}, {"out": None})
    feeds = {"data": normal((rows, 3))}
    expected = run_onnx(model, feeds)[0]
    assert fold_batch_norm(model) == folded
    onnx.checker.check_model(model, full_check=True)
    close(expected, run_onnx(model, feeds)[0])


def test_clean_removes_what_does_nothing() -> None:
    net = Net()
    x = net.conv("data", 3, 4)
    table = net.op("Add", net.constant(np.ones(4, np.float32)), net.constant(np.ones(4, np.float32)))  # constant
    x = net.op("Add", net.op("Identity", x), net.op("Reshape", table, net.constant(np.array([1, 4, 1, 1]))))
    net.nodes.append(helper.make_node("Relu", [x], ["out"]))
    net.op("Exp", net.op("Sqrt", x))  # leads nowhere
    model = net.model({"data": [1, 3, 8, 8]}, {"out": None})
    feeds = {"data": normal((1, 3, 8, 8))}
    expected = run_onnx(model, feeds)
    cleaned = clean(copy(model))
    assert kinds(cleaned.network)["Exp"] == kinds(cleaned.network)["Identity"] == kinds(cleaned.network)["Reshape"] == 0
    assert cleaned.facts["dead_nodes"] >= 2
    assert cleaned.facts["nodes_after"] < cleaned.facts["nodes_before"]
    onnx.checker.check_model(cleaned.network)
    close(expected[0], run_onnx(cleaned.network, feeds)[0])
    assert [entry.domain for entry in cleaned.network.opset_import] == [""]


def test_clean_of_a_large_model_goes_through_a_second_file() -> None:
    model = classifier()
    folded = fold_constants(model, large=1000)
    assert folded is not None
    assert all(not tensor.external_data for tensor in folded.graph.initializer)
    feeds = {"data": normal((1, 3, 32, 32))}
    close(run_onnx(model, feeds)[0], run_onnx(folded, feeds)[0])


def test_unknown_operators_leave_the_network_as_it_is() -> None:
    graph = helper.make_graph(
        [helper.make_node("Mystery", ["data"], ["out"], domain="com.example")],
        "g",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)])
    cleaned = clean(model)
    assert kinds(cleaned.network) == {"Mystery": 1}
    assert "cannot simplify" in cleaned.notes[0]


def test_outputs_are_chosen_and_ordered() -> None:
    net = Net()
    x = net.conv("data", 3, 4)
    for name, kind in (("a", "Relu"), ("b", "Sigmoid"), ("c", "Exp")):
        net.nodes.append(helper.make_node(kind, [x], [name]))
    model = net.model({"data": [1, 3, 8, 8]}, {"a": None, "b": None, "c": None})
    cleaned = clean(copy(model), ["c", "a"]).network
    assert [value.name for value in cleaned.graph.output] == ["c", "a"]
    assert not kinds(cleaned)["Sigmoid"]
    with pytest.raises(CompileError, match=r"no output d; its outputs: a, b, c"):
        keep_outputs(copy(model), ["a", "d"])


def test_subgraphs_keep_what_they_read() -> None:
    branch = helper.make_graph(
        [helper.make_node("Mul", ["doubled", "factor"], ["inner"])],
        "then",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["data", "data"], ["doubled"]),
            helper.make_node("Greater", ["data", "factor"], ["many"]),
            helper.make_node("Squeeze", ["many"], ["condition"]),
            helper.make_node("If", ["condition"], ["out"], then_branch=branch, else_branch=branch),
        ],
        "g",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [3.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert prune(model) == 0
    assert len(model.graph.initializer) == 1
    assert run_onnx(model, {"data": np.ones(1, np.float32)})[0] == 6.0


def test_shapes_are_inferred_without_the_weights() -> None:
    model = classifier()
    infer_shapes(model)
    known = {value.name: shape_of(value) for value in model.graph.value_info}
    assert (1, 32, 4, 4) in known.values()
    assert len(model.graph.initializer[0].raw_data) > 0


# --- inputs ---------------------------------------------------------------------------------------------------------


def picture(size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, size, size, 3), dtype=np.uint8)


def prepared(pixels: np.ndarray) -> np.ndarray:
    values = pixels.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(1 / 255)
    mean, std = (np.asarray(v, np.float32).reshape(1, 3, 1, 1) for v in (MEAN, STD))
    return ((values - mean) / std).astype(np.float32)


def test_uint8_channels_last_input_gives_bit_for_bit_what_preprocessing_gave() -> None:
    model = classifier()
    adapted, done = adapt_input(copy(model), Adaption("data", "NCHW", "NHWC", True, 1 / 255, MEAN, STD))
    onnx.checker.check_model(adapted, full_check=True)
    assert "put in front" in done
    assert shape_of(adapted.graph.input[0]) == (1, 32, 32, 3)
    pixels = picture()
    expected = run_onnx(model, {"data": prepared(pixels)})[0]
    assert np.array_equal(run_onnx(adapted, {"data": pixels})[0], expected)


@pytest.mark.parametrize("bias", [True, False])
def test_normalisation_goes_into_a_convolution_that_pads_nothing(bias: bool) -> None:
    net = Net()
    net.nodes.append(helper.make_node("Relu", [net.conv("data", 3, 8, pad=0, bias=bias)], ["out"]))
    model = net.model({"data": [1, 3, 32, 32]}, {"out": None})
    adapted, done = adapt_input(copy(model), Adaption("data", "NCHW", "NCHW", True, 1 / 255, MEAN, STD))
    assert "folded into the first convolution" in done
    assert kinds(adapted) == {"Cast": 1, "Conv": 1, "Relu": 1}
    pixels = picture()
    close(run_onnx(model, {"data": prepared(pixels)})[0], run_onnx(adapted, {"data": pixels.transpose(0, 3, 1, 2)})[0])


def test_a_scale_alone_goes_into_a_padding_convolution_too() -> None:
    net = Net()
    net.nodes.append(helper.make_node("Relu", [net.conv("data", 3, 8)], ["out"]))
    model = net.model({"data": [1, 3, 32, 32]}, {"out": None})
    adapted, done = adapt_input(copy(model), Adaption("data", uint8=True, scale=1 / 255))
    assert "folded" in done
    pixels = picture().transpose(0, 3, 1, 2)
    expected = run_onnx(model, {"data": pixels.astype(np.float32) / 255})[0]
    close(expected, run_onnx(adapted, {"data": pixels})[0])


def test_openvino_models_get_the_same_input() -> None:
    openvino = import_openvino()
    model = classifier()
    network = openvino.Core().read_model(model.SerializeToString())
    adapted, done = adapt_input(network, Adaption("data", "NCHW", "NHWC", True, 1 / 255, MEAN, STD))
    assert "uint8" in done
    assert "NHWC" in done
    port = adapted.inputs[0]
    assert list(port.get_shape()) == [1, 32, 32, 3]
    assert port.get_element_type() == openvino.Type.u8
    pixels = picture()
    close(run_onnx(model, {"data": prepared(pixels)})[0], openvino_run(adapted, {"data": pixels})[0])


def test_inputs_that_cannot_be_adapted_are_named() -> None:
    with pytest.raises(CompileError, match=r"no input 'image'; its inputs: data"):
        adapt_input(classifier(), Adaption("image", uint8=True))
    with pytest.raises(CompileError, match="mean has 2 values, input 'data' has 3 channels"):
        adapt_input(classifier(), Adaption("data", uint8=True, mean=(1.0, 2.0)))
    net = Net()
    net.nodes.append(helper.make_node("Relu", ["data"], ["out"]))
    with pytest.raises(CompileError, match=r"'data' is float32 \[1, 7\]"):
        adapt_input(net.model({"data": [1, 7]}, {"out": None}), Adaption("data", uint8=True))


# --- batch ----------------------------------------------------------------------------------------------------------


def run_any(network: Any, feeds: Any) -> list[np.ndarray]:
    return run_onnx(network, feeds) if hasattr(network, "graph") else openvino_run(network, dict(feeds))


def flattening(shape: list[int]) -> onnx.ModelProto:
    net = Net()
    x = net.op("Reshape", net.op("Relu", net.conv("data", 3, 4)), net.constant(np.array(shape)))
    net.nodes.append(helper.make_node("Identity", [net.dense(x, shape[-1], 5)], ["out"]))
    return net.model({"data": [1, 3, 8, 8]}, {"out": [1, 5]})


def test_batch_is_freed_even_where_a_reshape_spells_it_out() -> None:
    model = flattening([1, 256])
    freed = free_batch(model, {"data": normal((1, 3, 8, 8))}, run_any)
    assert shape_of(freed.graph.input[0]) == (-1, 3, 8, 8)
    assert shape_of(model.graph.input[0]) == (1, 3, 8, 8)
    pair = normal((2, 3, 8, 8), 5)
    both = run_onnx(freed, {"data": pair})[0]
    assert both.shape == (2, 5)
    close(both[1:], run_onnx(model, {"data": pair[1:]})[0])


def test_a_network_that_mixes_pictures_is_refused() -> None:
    net = Net()
    x = net.op("Softmax", net.op("Flatten", net.conv("data", 3, 4)), axis=0)  # over the batch
    net.nodes.append(helper.make_node("Identity", [net.dense(x, 256, 5)], ["out"]))
    model = net.model({"data": [1, 3, 8, 8]}, {"out": [1, 5]})
    with pytest.raises(CompileError, match="is not what each gives alone"):
        free_batch(model, {"data": normal((1, 3, 8, 8))}, run_any)


def test_a_network_that_fixes_the_batch_is_refused() -> None:
    net = Net()
    x = net.op("Add", net.conv("data", 3, 4), net.constant(np.zeros((1, 4, 8, 8), np.float32)))
    x = net.op("Reshape", net.op("Squeeze", x, net.constant(np.array([0]))), net.constant(np.array([4, 64])))
    net.nodes.append(helper.make_node("Identity", [x], ["out"]))
    model = net.model({"data": [1, 3, 8, 8]}, {"out": None})
    with pytest.raises(CompileError, match="cannot take two at once"):
        free_batch(model, {"data": normal((1, 3, 8, 8))}, run_any)
    with pytest.raises(CompileError, match="no first axis of 1"):
        free_batch(model, {"data": normal((2, 3, 8, 8))}, run_any)


def test_batch_of_an_openvino_model_is_freed() -> None:
    network = import_openvino().Core().read_model(classifier().SerializeToString())
    freed = free_batch(network, {"data": normal((1, 3, 32, 32))}, run_any)
    assert openvino_run(freed, {"data": normal((3, 3, 32, 32))})[0].shape == (3, 10)
    assert list(network.inputs[0].get_shape()) == [1, 3, 32, 32]


def test_openvino_clean_up_keeps_numbers_and_chooses_outputs() -> None:
    openvino = import_openvino()
    model = layers_with_norms()
    network = openvino.Core().read_model(model.SerializeToString())
    cleaned = clean(network, ["out"])
    operators = Counter(op.get_type_name() for op in cleaned.network.get_ops())
    assert not operators["BatchNormInference"]
    feeds = {"data": normal((2, 4, 6, 6))}
    close(run_onnx(model, feeds)[0], openvino_run(cleaned.network, feeds)[0])
    with pytest.raises(CompileError, match="no output gone; its outputs: out"):
        clean(network, ["gone"])
