"""Precision is lowered where it is asked for and nowhere else."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from belvedere.compiler.parity.runners import onnxruntime_runner, openvino_runner, reference_runner
from belvedere.compiler.passes import clean
from belvedere.compiler.precision import check_precision, store_f16
from belvedere.compiler.quantize import post_training as quantisation
from belvedere.compiler.quantize.post_training import Validation, quantize
from belvedere.compiler.quantize.scope import Step, has_soft_activations, kept_in_float, steps_of
from belvedere.core.errors import CompileError, MissingExtraError, OptionError
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier, normal, run_onnx

needs_nncf = pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="needs the [quantize] extra")
# NNCF and what it imports warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


def detector() -> onnx.ModelProto:
    """Two convolutions, boxes decoded with a table of anchors, non-maximum suppression."""
    net = Net()
    x = net.op("Relu", net.conv("data", 3, 16, strides=[2, 2]))
    head = net.conv(x, 16, 5, 1, pad=0)
    flat = net.op("Transpose", net.op("Reshape", head, net.constant(np.array([1, 5, 256]))), perm=[0, 2, 1])
    anchors = net.constant(np.tile(np.arange(256, dtype=np.float32)[:, None], (1, 4))[None] + 256.3, "anchors")
    raw = net.op("Slice", flat, net.constant(np.array([0])), net.constant(np.array([4])), net.constant(np.array([2])))
    boxes = net.op("Add", net.op("Exp", raw), anchors)
    one = net.op("Slice", flat, net.constant(np.array([4])), net.constant(np.array([5])), net.constant(np.array([2])))
    score = net.op("Transpose", net.op("Sigmoid", one), perm=[0, 2, 1], name="score")
    limits = [net.constant(np.array([v])) for v in (10, np.float32(0.5), np.float32(0.0))]
    net.nodes.append(helper.make_node("Identity", [boxes], ["boxes"]))
    net.nodes.append(helper.make_node("NonMaxSuppression", ["boxes", score, *limits], ["picked"], name="nms"))
    model = net.model({"data": [1, 3, 32, 32]}, {"boxes": None})
    model.graph.output.append(helper.make_tensor_value_info("picked", onnx.TensorProto.INT64, None))
    return model


def dtypes(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def calibration(count: int = 12) -> list[dict[str, np.ndarray]]:
    return [{"data": normal((1, 3, 32, 32), seed)} for seed in range(count)]


def openvino_model(model: onnx.ModelProto) -> Any:
    return import_openvino().Core().read_model(model.SerializeToString())


def test_unknown_precision() -> None:
    with pytest.raises(OptionError, match="expected one of f32, bf16, f16, int8"):
        check_precision("fp4")


def test_float16_storage_leaves_box_decoding_alone() -> None:
    model = clean(detector()).network
    before = len(model.SerializeToString())
    expected = run_onnx(model, calibration(1)[0])
    assert store_f16(model) == 1  # the head's 80 weights are too few to matter
    onnx.checker.check_model(model)
    assert len(model.SerializeToString()) < before
    found = dtypes(model)
    assert found["anchors"] == onnx.TensorProto.FLOAT
    assert Counter(found.values())[onnx.TensorProto.FLOAT16] == 1
    boxes = run_onnx(model, calibration(1)[0])[0]
    assert np.abs(boxes - expected[0]).max() < 0.1
    assert reference_runner(model)(calibration(1)[0])["boxes"].dtype == np.float32


def test_float16_storage_of_an_openvino_model() -> None:
    model = openvino_model(clean(detector()).network)
    names = ["boxes", "picked"]
    expected = openvino_runner(model, outputs=names)(calibration(1)[0])["boxes"]
    assert store_f16(model) == 1
    halves = [
        op
        for op in model.get_ops()
        if op.get_type_name() == "Constant" and op.get_element_type() == import_openvino().Type.f16
    ]
    assert [list(op.get_output_shape(0)) for op in halves] == [[16, 3, 3, 3]]
    assert np.abs(openvino_runner(model, outputs=names)(calibration(1)[0])["boxes"] - expected).max() < 0.1


def test_weights_beyond_float16_stay() -> None:
    model = classifier(norm=False)
    tensor = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e6
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    name = tensor.name
    store_f16(model)
    assert dtypes(model)[name] == onnx.TensorProto.FLOAT


def test_a_table_that_is_a_weight_and_something_else_stays() -> None:
    net = Net()
    table = net.constant(np.ones((32, 32), np.float32), "table")
    net.nodes.append(helper.make_node("Identity", [net.op("Add", net.op("MatMul", "data", table), table)], ["out"]))
    model = net.model({"data": [32, 32]}, {"out": None})
    assert store_f16(model) == 0


# --- which operations stay ------------------------------------------------------------------------------------------


def test_decoding_and_choosing_stay_in_float() -> None:
    model = clean(detector()).network
    kept = kept_in_float(steps_of(quantisation._prepared(model)))
    kinds = Counter(step.kind for step in steps_of(quantisation._prepared(model)) if step.name in kept)
    assert kinds["NonMaxSuppression"] == kinds["Exp"] == kinds["Sigmoid"] == 1
    assert not kinds["Conv"]
    assert not kinds["Relu"]
    other = kept_in_float(steps_of(openvino_model(model)))
    assert any(name for name in other)


def test_proposals_stay_in_float_though_layers_follow() -> None:
    chain = [
        ("c1", "Conv", ()), ("rpn", "Conv", ("c1",)), ("exp", "Exp", ("rpn",)), ("nms", "NonMaxSuppression", ("exp",)),
        ("roi", "RoiAlign", ("c1", "nms")), ("fc", "Gemm", ("roi",)), ("soft", "Softmax", ("fc",)),
    ]  # fmt: skip
    steps = [Step(*entry) for entry in chain]
    assert kept_in_float(steps) == ("exp", "nms", "roi", "soft")
    assert not has_soft_activations(steps)
    assert has_soft_activations([Step("a", "HardSwish", ())])


# --- int8 -----------------------------------------------------------------------------------------------------------


def test_without_calibration_pictures_int8_is_refused() -> None:
    with pytest.raises(CompileError, match="needs calibration pictures"):
        quantize(classifier(), [])


def drift(network: Any, quantised: Any) -> float:
    samples = [{"data": normal((1, 3, 32, 32), 100 + seed)} for seed in range(4)]
    first, second = (reference_runner(one) for one in (network, quantised))
    pairs = [(first(feeds)["logits"], second(feeds)["logits"]) for feeds in samples]
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(a)) for a, b in pairs)


@needs_nncf
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_nncf(kind: str) -> None:
    model = clean(classifier()).network
    network = model if kind == "onnx" else openvino_model(model)
    done = quantize(network, calibration())
    assert done.method == "nncf"
    assert done.samples == 12
    assert 0 < drift(network, done.network) < 0.2
    if kind == "onnx":
        assert Counter(dtypes(done.network).values())[onnx.TensorProto.INT8] >= 4


@needs_nncf
@pytest.mark.slow
def test_accuracy_control_turns_layers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model = clean(classifier()).network
    samples = calibration()
    exact = onnxruntime_runner(model)
    truth = [exact(feeds)["logits"] for feeds in samples]

    def score(numbers: Sequence[int], outputs: Sequence[Any]) -> float:
        apart = [np.abs(found["logits"] - truth[n]).max() for n, found in zip(numbers, outputs, strict=True)]
        return 1.0 - float(np.mean(apart))

    plain = reference_runner(quantize(model, samples).network)
    loss = 1.0 - score(range(12), [plain(feeds) for feeds in samples])
    done = quantize(model, samples, Validation(samples, score, max_drop=loss / 2))
    assert done.method == "nncf with accuracy control"
    runner = reference_runner(done.network)
    assert 1.0 - score(range(12), [runner(feeds) for feeds in samples]) <= loss / 2 + 1e-6

    def broken(numbers: Sequence[int], outputs: Sequence[Any]) -> float:
        raise LookupError("the user's own fault")

    with pytest.raises(LookupError, match="own fault"):
        quantize(model, samples, Validation(samples, broken))


def test_onnxruntime_quantises_where_nncf_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "nncf" else real(name, *rest))
    model = clean(detector()).network
    done = quantize(model, calibration())
    assert done.method == "onnxruntime"
    kinds = Counter(node.op_type for node in done.network.graph.node)
    assert kinds["QuantizeLinear"] >= 2
    exps = [node for node in done.network.graph.node if node.op_type == "Exp"]
    assert not any("Dequantize" in name or "quantized" in name for node in exps for name in node.output)
    with pytest.raises(MissingExtraError, match=r"\[quantize\]"):
        quantize(model, calibration(), Validation(calibration(), lambda *_: 1.0))
    with pytest.raises(MissingExtraError, match=r"not ONNX needs the \[quantize\]"):
        quantize(openvino_model(model), calibration())


def test_old_operator_sets_are_converted() -> None:
    net = Net()
    x = net.op("Relu", net.conv("data", 3, 8))
    net.nodes.append(helper.make_node("Identity", [x], ["out"]))
    model = net.model({"data": [1, 3, 8, 8]}, {"out": None}, opset=11)
    prepared = quantisation._prepared(model)
    assert prepared.opset_import[0].version == 17
    assert model.opset_import[0].version == 11
    feeds = {"data": normal((1, 3, 8, 8))}
    assert np.array_equal(run_onnx(model, feeds)[0], run_onnx(prepared, feeds)[0])
