"""Differences are measured, judged at the right place, and traced to the layer they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from belvedere.compiler.importing import Port
from belvedere.compiler.parity.bisect import first_drift
from belvedere.compiler.parity.excerpts import with_tensors
from belvedere.compiler.parity.feeds import random_picture, seeded_inputs
from belvedere.compiler.parity.runners import onnxruntime_runner, openvino_runner, reference_runner
from belvedere.compiler.parity.speed import measure
from belvedere.compiler.parity.tensors import NO_DIFFERENCE, Difference, difference
from belvedere.core.errors import CompileError, EngineError
from belvedere.runtime.engine_imports import import_openvino
from belvedere.runtime.engine_options import EngineOptions
from belvedere.runtime.openvino_device import properties
from helpers.onnx_networks import Net, classifier, normal, run_onnx


def test_differences() -> None:
    first = np.array([1.0, -4.0, 2.0])
    found = difference(first, first + np.array([0.0, 0.4, 0.0]))
    assert found.max_abs == pytest.approx(0.4)
    assert found.max_rel == pytest.approx(0.1)
    assert found.rms_rel == pytest.approx(0.4 / np.sqrt(21))
    assert found.agreement == pytest.approx(2 / 3)
    assert found.error("f32") == found.max_rel
    assert found.error("int8") == found.rms_rel
    assert found.worse(NO_DIFFERENCE) == found


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, np.inf], [1.0, -np.inf], np.inf),
        ([1.0, np.inf], [1.0, np.inf], 0.0),
        ([], [], 0.0),
        ([[1.0]], [1.0], np.inf),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
    ],
)
def test_odd_values(first: Any, second: Any, expected: float) -> None:
    assert difference(np.array(first), np.array(second)).max_rel == expected


def test_rows_in_another_order_agree_though_values_do_not() -> None:
    rows = normal((20, 4))
    found = difference(rows, rows[::-1])
    assert found.max_rel > 0.5
    assert found.agreement == 1.0


def deep() -> onnx.ModelProto:
    net, x = Net(1), "data"
    for place in range(10):
        x = net.op("Relu", net.conv(x, 3 if place == 0 else 8, 8), name=f"stage{place}")
    net.nodes.append(helper.make_node("Identity", [x], ["out"]))
    return net.model({"data": [1, 3, 8, 8]}, {"out": None})


def damaged(model: onnx.ModelProto, place: int) -> onnx.ModelProto:
    """One layer computes something else, as a layer does that bears no quantisation."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    convolution = [node for node in copy.graph.node if node.op_type == "Conv"][place]
    tensor = next(t for t in copy.graph.initializer if t.name == convolution.input[1])
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((values * 1.5).astype(np.float32), tensor.name))
    return copy


@pytest.mark.parametrize("place", [0, 4, 9])
def test_the_first_layer_that_drifts_is_found(place: int) -> None:
    model = deep()
    convolutions = [node.output[0] for node in model.graph.node if node.op_type == "Conv"]
    opened = []

    def run_reduced(network: Any) -> Any:
        opened.append(network)
        return reference_runner(network)

    found = first_drift(
        model, damaged(model, place), "out", {"data": normal((1, 3, 8, 8))},
        run_reference=reference_runner, run_reduced=run_reduced, precision="int8", tolerance=0.1,
    )  # fmt: skip
    assert found is not None
    assert (found.tensor, found.operator) == (convolutions[place], "Conv")
    assert found.before < 0.1 < found.error
    assert len(opened) <= 6
    assert f"Conv '{convolutions[place]}'" in str(found)


def test_the_drift_of_an_openvino_model_is_found() -> None:
    core = import_openvino().Core()
    first, second = (core.read_model(one.SerializeToString()) for one in (deep(), damaged(deep(), 4)))
    found = first_drift(
        first, second, "out", {"data": normal((1, 3, 8, 8))},
        run_reference=openvino_runner, run_reduced=openvino_runner, precision="int8", tolerance=0.1,
    )  # fmt: skip
    assert found is not None
    assert found.operator == "Convolution"


def test_no_drift_is_no_place() -> None:
    model = deep()
    found = first_drift(
        model, model, "out", {"data": normal((1, 3, 8, 8))},
        run_reference=reference_runner, run_reduced=reference_runner, precision="f32", tolerance=1e-3,
    )  # fmt: skip
    assert found is None


def test_runners_agree_and_large_networks_go_through_files(monkeypatch: pytest.MonkeyPatch) -> None:
    model, feeds = classifier(), {"data": normal((1, 3, 32, 32)), "unused": normal((1,))}
    expected = run_onnx(model, {"data": feeds["data"]})[0]
    monkeypatch.setattr("belvedere.compiler.parity.runners.LARGE_BYTES", 1000)
    monkeypatch.setattr("belvedere.compiler.passes.storage.save.__kwdefaults__", {"large": 1000})
    for runner in (onnxruntime_runner(model), onnxruntime_runner(model, optimise=False), openvino_runner(model)):
        np.testing.assert_allclose(runner(feeds)["logits"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_network_runs_as_it_does_in_its_artifact(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = import_openvino().Core()
    told = []

    def spied(self: Any, network: Any, device: str, settings: Any) -> Any:
        told.append((device, settings))
        return compiled(self, network, device, settings)

    compiled = type(core).compile_model
    monkeypatch.setattr(type(core), "compile_model", spied)
    openvino_runner(classifier(), precision=precision, threads=1)
    assert told == [("CPU", properties(core, "CPU", EngineOptions(precision=precision, threads=1)))]
    assert told[0][1]["EXECUTION_MODE_HINT"] == "ACCURACY"
    assert told[0][1]["INFERENCE_PRECISION_HINT"] == precision


def test_what_a_network_is_fed_may_not_fit() -> None:
    for runner in (onnxruntime_runner(classifier()), openvino_runner(classifier())):
        with pytest.raises(EngineError, match="failed on the inputs"):
            runner({"data": normal((1, 4, 32, 32))})


def test_what_no_engine_takes_is_said() -> None:
    graph = helper.make_graph(
        [helper.make_node("Mystery", ["data"], ["out"], domain="com.example")], "g",
        [helper.make_tensor_value_info("data", 1, [1])], [helper.make_tensor_value_info("out", 1, [1])],
    )  # fmt: skip
    with pytest.raises(EngineError, match=r"ONNX Runtime refuses.*OpenVINO refuses"):
        reference_runner(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    with pytest.raises(CompileError, match="no tensor nowhere"):
        with_tensors(classifier(), ["nowhere"])


def test_seeded_inputs_depend_on_nothing_else() -> None:
    ports = [
        Port("picture", (-1, 16, 16, 3), "uint8"),
        Port("data", (1, 3, 16, 16), "float32"),
        Port("ids", (2, 5), "int64"),
        Port("vector", (4,), "float32"),
    ]
    first, again, other = seeded_inputs(ports, 0), seeded_inputs(ports, 0), seeded_inputs(ports, 1)
    assert {name: value.shape for name, value in first.items()} == {
        "picture": (1, 16, 16, 3), "data": (1, 3, 16, 16), "ids": (2, 5), "vector": (4,),
    }  # fmt: skip
    assert {name: str(value.dtype) for name, value in first.items()} == {port.name: port.dtype for port in ports}
    for name, value in first.items():
        assert np.array_equal(value, again[name])
        assert not np.array_equal(value, other[name])
    assert set(np.unique(first["ids"])) <= {0, 1}
    assert random_picture(5, 7, 3, 0).shape == (5, 7, 3)


def test_speed_is_measured_in_turns() -> None:
    order: list[str] = []
    found = measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0.0)
    assert found["a"].calls >= 5
    assert found["a"].p50_ms <= found["a"].p95_ms
    assert "b" in order[: len(order) // 2]


def test_difference_is_a_value() -> None:
    assert Difference(0.0, 0.0, 0.0, 1.0) == NO_DIFFERENCE
