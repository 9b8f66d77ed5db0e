"""Networks that compute something else are found out, wherever they do; ties in a choice are no fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.judge import OutputParity, as_json, judge, sentence
from belvedere.compiler.parity.parts import Stage
from belvedere.compiler.parity.runners import onnxruntime_runner, openvino_runner, reference_runner
from belvedere.compiler.passes import clean
from belvedere.compiler.quantize import post_training as quantisation
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, normal
from unit.compiler.test_choosing import gated, resized

SIZE = 16
DATA = {"data": [1, 3, SIZE, SIZE]}
PRECISIONS = ("f32", "bf16", "int8")


def activated(between: Callable[[Net, str], str]) -> onnx.ModelProto:
    """Two convolutions with something between them."""
    net = Net()
    net.op("Relu", net.conv(between(net, net.conv("data", 3, 8)), 8, 4), name="out")
    return net.model(DATA, {"out": None})


def regions(*, threshold: float = 0.5, spread: float = 1.0) -> onnx.ModelProto:
    """Boxes of a first convolution, suppressed; their regions of its features through two dense layers."""
    net = Net(3)
    features = net.op("Relu", net.conv("data", 3, 8), name="features")
    head = net.op("Transpose", net.op("Reshape", net.conv(features, 8, 5, 1, pad=0),
                                      net.constant(np.array([1, 5, -1]))), perm=[0, 2, 1])  # fmt: skip
    offsets, scores = (
        net.op("Slice", head, *(net.constant(np.array([v])) for v in (start, stop, 2)))
        for start, stop in ((0, 4), (4, 5))
    )
    y, x = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    anchors = np.stack([x - 3, y - 3, x + 3, y + 3], -1).reshape(1, -1, 4).astype(np.float32)
    boxes = net.op("Add", offsets, net.constant(anchors), name="boxes")
    scores = net.op("Mul", scores, net.constant(np.float32(spread)))
    scores = net.op("Transpose", net.op("Sigmoid", scores), perm=[0, 2, 1], name="scores")
    limits = [net.constant(np.array([v])) for v in (12, np.float32(threshold), np.float32(0.0))]
    picked = net.op("NonMaxSuppression", boxes, scores, *limits, name="picked")
    rows = net.op("Gather", picked, net.constant(np.array(2)), axis=1)
    chosen = net.op("Gather", net.op("Squeeze", boxes, net.constant(np.array([0]))), rows, axis=0)
    first = net.op("Gather", picked, net.constant(np.array(0)), axis=1)
    cropped = net.op("RoiAlign", features, chosen, first, output_height=2, output_width=2, sampling_ratio=2)
    hidden = net.op("Relu", net.dense(net.op("Flatten", cropped), 32, 16), name="hidden")
    logits = net.op("Mul", net.dense(hidden, 16, 4), net.constant(np.float32(4)))
    net.op("Softmax", logits, axis=1, name="classes")
    net.op("Identity", chosen, name="rows")
    return net.model(DATA, {"classes": None, "rows": None})


def changed(model: onnx.ModelProto, weight: int, change: Callable[[np.ndarray], np.ndarray]) -> onnx.ModelProto:
    """A copy in which the weights of a layer, counted from 0, or from -1 backwards, are others."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    layer = [node for node in copy.graph.node if node.op_type in ("Conv", "Gemm")][weight]
    tensor = next(one for one in copy.graph.initializer if one.name == layer.input[1])
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    return copy


def noise(values: np.ndarray) -> np.ndarray:
    return normal(values.shape, 99) * float(np.abs(values).max())


def slightly(values: np.ndarray) -> np.ndarray:
    return (values * (1 + 0.02 * normal(values.shape, 98))).astype(np.float32)


def barely(values: np.ndarray) -> np.ndarray:
    return (values * (1 + 0.005 * normal(values.shape, 97))).astype(np.float32)


def verdicts(
    model: Any, other: Any, precision: str, *, count: int = 2, run: Any = None, **options: Any
) -> tuple[OutputParity, ...]:
    """What is found of ``other``, held against ``model``."""
    openvino = not hasattr(model, "graph")
    names = ["classes", "rows"] if openvino else [value.name for value in model.graph.output]
    opened = openvino_runner if openvino else onnxruntime_runner
    feeds = [{"data": normal((1, 3, SIZE, SIZE), seed)} for seed in range(count)]
    samples = [Sample(f"{number}", one, one) for number, one in enumerate(feeds)]
    first, second = (opened(one, outputs=names) if openvino else opened(one) for one in (model, other))
    expected = [[first(one)[name] for name in names] for one in feeds]
    return judge(
        names, expected, run or (lambda given: [second(given)[name] for name in names]), samples,
        source=Stage(model, reference_runner), finished=Stage(other, opened), precision=precision, **options,
    )  # fmt: skip


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("between", [gated, resized])
def test_a_layer_behind_a_comparison_or_a_rounding_is_judged(between: Any, precision: str) -> None:
    model = activated(between)
    (found,) = verdicts(model, changed(model, -1, noise), precision)
    assert not found.ok
    assert found.error > 0.5
    assert found.drift is not None
    assert found.drift.operator == "Conv"
    (same,) = verdicts(model, model, precision)
    assert same.ok
    assert same.drift is None


@pytest.mark.parametrize("openvino", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("layer", [-1, -2])
def test_a_head_behind_a_choice_is_judged(layer: int, precision: str, openvino: bool) -> None:
    model = regions()
    pair = model, changed(model, layer, noise)
    if openvino:
        pair = tuple(import_openvino().Core().read_model(one.SerializeToString()) for one in pair)  # type: ignore[assignment]
    classes, rows = verdicts(*pair, precision)
    assert not classes.ok
    assert classes.drift is not None
    assert classes.drift.operator in ("Gemm", "MatMul")
    assert rows.ok
    assert classes.error > classes.tolerance
    assert (
        f"'{classes.judged_by[0]}'" in sentence([classes])
        if classes.judged_by
        else "first drifts" in sentence([classes])
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("layer", [0, 1])
def test_layers_before_a_choice_are_judged(layer: int, precision: str) -> None:
    model = regions()
    found = verdicts(model, changed(model, layer, np.negative), precision)
    assert not any(output.ok for output in found)
    assert all(output.drift is not None and output.drift.operator == "Conv" for output in found)


@pytest.mark.parametrize("openvino", [False, True])
def test_other_rows_are_no_fault_in_a_reduced_precision(openvino: bool) -> None:
    """Slightly other weights before the choice: other boxes win, and so all regions are others."""
    model = regions()
    pair = model, changed(changed(model, 1, slightly), -1, barely)
    if openvino:
        pair = tuple(import_openvino().Core().read_model(one.SerializeToString()) for one in pair)  # type: ignore[assignment]
    classes, rows = verdicts(*pair, "int8", tolerance=0.05)
    assert rows.difference.rms_rel > 0.05
    assert classes.ok
    assert rows.ok
    assert rows.error < 0.05
    assert len(rows.judged_by) >= 3
    assert as_json([rows])[0]["judged_by"] == list(rows.judged_by)
    # In float32 the head has to be the same, however large the tolerance.
    classes, rows = verdicts(*pair, "f32", tolerance=0.2)
    assert classes.difference.agreement < 0.9
    assert not classes.ok


def test_another_rule_of_choosing_is_a_fault() -> None:
    for precision in ("f32", "int8"):
        classes, rows = verdicts(regions(), regions(threshold=0.05), precision)
        assert not classes.ok
        assert not rows.ok
        assert rows.judged_by[:1] in ((), ("picked",))


def test_ties_are_no_fault_in_float32() -> None:
    """All scores are the same within the tolerance, which one is largest means nothing: other boxes win."""

    def others(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:4], normal(values[4:].shape, 96) * values[4:].std()])

    model = regions(spread=1e-4)
    found = verdicts(model, changed(model, 1, others), "f32")
    assert all(output.difference.agreement < 0.9 for output in found)
    assert all(output.ok for output in found), sentence(found)
    # As it is no excuse for a head that computes something else.
    classes, rows = verdicts(model, changed(model, -1, slightly), "f32")
    assert not classes.ok
    assert rows.ok


def test_rows_in_another_order_are_no_fault_in_float32() -> None:
    model = regions()
    run = onnxruntime_runner(model)
    found = verdicts(model, model, "f32", run=lambda feeds: [run(feeds)[name][::-1] for name in ("classes", "rows")])
    assert all(output.ok and output.difference.max_rel > 1e-3 for output in found)


def test_values_that_the_source_does_not_have_are_not_passed_over() -> None:
    """Where the names at the cuts are gone, only the output itself is left to judge by."""
    model = regions()
    other = changed(model, 1, slightly)
    for node in other.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = "renamed" if name == "scores" else name
    found = verdicts(model, other, "int8", tolerance=0.05)
    assert not found[1].ok
    assert not found[1].judged_by


@pytest.mark.filterwarnings("ignore")
def test_int8_with_a_ruined_head_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quantiser does its work, and ruins the last layer behind a choice."""
    monkeypatch.setattr(quantisation.importlib.util, "find_spec", lambda *_: None)
    model = clean(regions()).network
    samples = [{"data": normal((1, 3, SIZE, SIZE), seed)} for seed in range(8)]
    done = quantisation.quantize(model, samples).network
    good = verdicts(model, done, "int8")
    assert all(output.ok for output in good), sentence(good)
    ruined = onnx.ModelProto()
    ruined.CopyFrom(done)
    gemm = [node for node in ruined.graph.node if node.op_type in ("Gemm", "QGemm", "MatMul")][-1]
    weight = next(node.input[0] for node in ruined.graph.node if node.output[0] == gemm.input[1])
    tensor = next(one for one in ruined.graph.initializer if one.name == weight)
    assert tensor.data_type == TensorProto.INT8
    tensor.CopyFrom(numpy_helper.from_array(np.flip(numpy_helper.to_array(tensor)).copy(), tensor.name))
    classes, rows = verdicts(model, ruined, "int8")
    assert not classes.ok
    assert rows.ok
