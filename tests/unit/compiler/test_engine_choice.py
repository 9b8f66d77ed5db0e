"""The engine is chosen by what both compute, then by speed; quantised activations are written unsigned."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from belvedere.compiler.parity import engines
from belvedere.compiler.parity.engines import choose_engine
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.runners import openvino_runner
from belvedere.compiler.parity.speed import Speed
from belvedere.compiler.pipeline.engine import check_target
from belvedere.compiler.pipeline.options import CompileOptions
from belvedere.compiler.quantize.activations import make_activations_unsigned
from belvedere.core.errors import CompileError, EngineError
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier, normal, run_onnx
from unit.compiler.test_judge import SIZE, changed, noise, regions


def samples() -> list[Sample]:
    feeds = {"data": normal((1, 3, 32, 32))}
    return [Sample("one", feeds, feeds)]


def slower(factor: float) -> Any:
    def measured(calls: Any, *, seconds: float) -> dict[str, Speed]:
        assert set(calls) == {"openvino", "onnxruntime"}
        return {name: Speed(10.0 * (factor if name == "openvino" else 1), 12.0, 5) for name in calls}

    return measured


@pytest.mark.parametrize(("factor", "engine", "runs_on"), [(1.02, "auto", "openvino"), (1.2, *["onnxruntime"] * 2)])
def test_the_faster_engine(monkeypatch: pytest.MonkeyPatch, factor: float, engine: str, runs_on: str) -> None:
    monkeypatch.setattr(engines, "measure", slower(factor))
    found = choose_engine(classifier(), samples())
    assert (found.engine, found.runs_on) == (engine, runs_on)
    assert found.gate is not None
    assert found.gate < 1e-3


def test_an_engine_that_computes_something_else_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(network: onnx.ModelProto) -> Any:
        right = openvino_runner(network)
        return lambda feeds: {name: values * 1.01 for name, values in right(feeds).items()}

    monkeypatch.setattr(engines, "openvino_runner", wrong)
    monkeypatch.setattr(engines, "measure", slower(0.5))
    found = choose_engine(classifier(), samples())
    assert found.engine == "onnxruntime"
    assert "something else" in found.reason
    assert found.gate == pytest.approx(0.01, rel=0.05)
    # Rounding by 8 bits may differ by more than that.
    assert choose_engine(classifier(), samples(), precision="int8").engine == "auto"


def test_ties_in_a_choice_are_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net()
    scores = net.op("Relu", net.op("ReduceMean", net.conv("data", 3, 4), axes=[1, 2], keepdims=0))
    net.nodes.append(helper.make_node("TopK", [scores, net.constant(np.array([3]))], ["best", "where"]))
    model = net.model({"data": [1, 3, 32, 32]}, {"best": None})
    model.graph.output.append(helper.make_tensor_value_info("where", TensorProto.INT64, None))
    seen = []

    def swapped(network: onnx.ModelProto) -> Any:
        right = openvino_runner(network)
        seen.append([value.name for value in network.graph.output])

        def run(feeds: Any) -> Any:
            found = right(feeds)
            return {name: values[..., ::-1] if name == "where" else values for name, values in found.items()}

        return run

    monkeypatch.setattr(engines, "openvino_runner", swapped)
    monkeypatch.setattr(engines, "measure", slower(1.0))
    assert choose_engine(model, samples()).engine == "auto"
    assert seen == [["best", "where"], [scores, "best", "where"]]


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_an_engine_that_computes_something_else_behind_a_choice_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(engines, "openvino_runner", lambda network: openvino_runner(changed(network, -1, noise)))
    monkeypatch.setattr(engines, "measure", slower(0.5))
    feeds = {"data": normal((1, 3, SIZE, SIZE))}
    found = choose_engine(regions(), [Sample("one", feeds, feeds)], precision=precision)
    assert found.engine == "onnxruntime"
    monkeypatch.setattr(engines, "openvino_runner", openvino_runner)
    assert choose_engine(regions(), [Sample("one", feeds, feeds)], precision=precision).engine == "auto"


def test_one_engine_or_none() -> None:
    net = Net()
    weight = net.constant((net.rng.standard_normal((4, 3, 3, 3)) * 0.2).astype(np.float32))
    net.op("DeformConv", "data", weight, net.conv("data", 3, 18), name="out", kernel_shape=[3, 3], pads=[1] * 4)
    found = choose_engine(net.model({"data": [1, 3, 32, 32]}, {"out": None}, opset=19), samples())
    assert (found.engine, found.gate) == ("onnxruntime", None)
    graph = helper.make_graph(
        [helper.make_node("Mystery", ["data"], ["out"], domain="com.example")], "g",
        [helper.make_tensor_value_info("data", 1, [1])], [helper.make_tensor_value_info("out", 1, [1])],
    )  # fmt: skip
    with pytest.raises(EngineError, match=r"OpenVINO refuses.*ONNX Runtime refuses"):
        choose_engine(helper.make_model(graph), samples())


def test_openvino_models_have_targets_of_their_own(tmp_path: Any) -> None:
    network = import_openvino().Core().read_model(classifier().SerializeToString())
    options = CompileOptions(model=tmp_path, target="nvidia")
    with pytest.raises(CompileError, match=r"tensorflow becomes.*the target nvidia.*belvedere\[tensorflow\]"):
        check_target(network, options, "tensorflow")
    with pytest.raises(CompileError, match="export it as ONNX"):
        check_target(network, options, "pytorch")
    check_target(network, CompileOptions(model=tmp_path, target="intel-gpu"), "tensorflow")
    check_target(classifier(), options, "onnx")


def signed_behind_concat() -> onnx.ModelProto:
    """A convolution over two maps that were quantised with one signed scale, as NNCF writes it."""
    net = Net(2)
    scale, zero = net.constant(np.float32(0.044)), net.constant(np.int8(-115), "zero")
    both = net.op("Concat", "a", "b", axis=1)
    mixed = net.op("DequantizeLinear", net.op("QuantizeLinear", both, scale, zero), scale, zero)
    weights = net.constant(net.rng.integers(-127, 128, (32, 32, 1, 1)).astype(np.int8))
    scales, zeros = net.constant(np.full(32, 0.002, np.float32)), net.constant(np.zeros(32, np.int8), "weight_zero")
    weight = net.op("DequantizeLinear", weights, scales, zeros, axis=0)
    net.op("Conv", mixed, weight, name="out", kernel_shape=[1, 1])
    return net.model({"a": [1, 16, 24, 24], "b": [1, 16, 24, 24]}, {"out": None})


def test_quantised_activations_are_unsigned() -> None:
    model = signed_behind_concat()
    feeds = {name: np.abs(normal((1, 16, 24, 24), seed)) * 2 for seed, name in enumerate("ab")}
    expected = run_onnx(model, feeds)[0]
    assert make_activations_unsigned(model) == 1
    onnx.checker.check_model(model)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds["weight_zero"] == TensorProto.INT8
    assert "zero" not in kinds
    unsigned = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("_unsigned"))
    assert numpy_helper.to_array(unsigned) == 13
    np.testing.assert_allclose(run_onnx(model, feeds)[0], expected, atol=1e-5)
    found = openvino_runner(model)(feeds)["out"]
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert make_activations_unsigned(model) == 0
