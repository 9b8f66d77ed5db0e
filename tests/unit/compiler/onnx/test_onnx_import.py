"""ONNX models: what comes in comes out with the same numbers, under declared names and shapes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from belvedere.compiler.importers import onnx as importer
from belvedere.compiler.importers.onnx.operators import onnxruntime_accepts
from belvedere.compiler.importing import Port, Request
from belvedere.compiler.source import open_source
from belvedere.core.errors import CompileError
from helpers.onnx_models import constant, conv_net, imported, model, run, tensor

X = np.random.default_rng(1).random((1, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 15, 17, 18, 19, 20, 21, 22, 23, 24])
def test_operator_sets(tmp_path: Path, opset: int) -> None:
    found = imported(tmp_path, conv_net(opset=opset))
    assert found.inputs == (Port("image", (1, 3, 8, 8), "float32", "NCHW"),)
    assert found.outputs == (Port("scores", (1, 4), "float32"),)
    assert found.provenance["opset"] == opset
    assert found.framework == "onnx"
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_opset_before_7_is_converted(tmp_path: Path) -> None:
    add = helper.make_node("Add", ["x", "b"], ["y"], broadcast=1)
    old = model([add], [tensor("x", [2, 3, 4])], [tensor("y", [2, 3, 4])], [constant("b", [1, 2, 3, 4])], 6)
    old.graph.input.append(tensor("b", [4]))
    old.ir_version = 3
    found = imported(tmp_path, old)
    assert any("converted from ONNX opset 6 to 7" in note for note in found.notes)
    value = np.zeros((2, 3, 4), np.float32)
    np.testing.assert_array_equal(run(found.network, value)[0][0, 0], [1, 2, 3, 4])


def test_an_opset_newer_than_onnx_runtime_is_converted_down(tmp_path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    if onnxruntime_accepts(newest):
        pytest.skip("this ONNX Runtime reads all that this onnx knows")
    found = imported(tmp_path, conv_net(opset=newest, ir_version=14))
    assert "converted from" in found.notes[0]
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_roi_align_of_opset_22_is_brought_to_one_that_runs(tmp_path: Path) -> None:
    node = helper.make_node("RoiAlign", ["x", "rois", "at"], ["y"], output_height=2, output_width=2, sampling_ratio=2)
    ports = [tensor("x", [1, 3, 8, 8]), tensor("rois", [1, 4]), tensor("at", [1], TensorProto.INT64)]
    values = X, np.array([[1, 1, 6, 6]], np.float32), np.zeros(1, np.int64)
    found = imported(tmp_path, model([node], ports, [tensor("y", [1, 3, 2, 2])], opset=22))
    expected = run(model([node], ports, [tensor("y", [1, 3, 2, 2])], opset=16), *values)[0]
    np.testing.assert_allclose(run(found.network, *values)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("op", ["ReduceL1", "ReduceLogSum", "ReduceLogSumExp"])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("opset", [11, 13, 17])
def test_reductions_give_the_same_on_both_engines(tmp_path: Path, op: str, keepdims: int, opset: int) -> None:
    import openvino

    node = helper.make_node(op, ["x"], ["y"], axes=[1], keepdims=keepdims)
    original = model([node], [tensor("x", [1, 3, 8, 8])], [tensor("y", None)], opset=opset)
    found = imported(tmp_path, original)
    expected = run(original, X)[0]
    np.testing.assert_allclose(run(found.network, X)[0], expected, rtol=1e-5)
    read = openvino.Core().read_model(found.network.SerializeToString())
    compiled = openvino.Core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled(X)[0], expected, rtol=1e-5)


def test_log_sum_exp_of_infinities(tmp_path: Path) -> None:
    node = helper.make_node("ReduceLogSumExp", ["x"], ["y"], axes=[1], keepdims=0)
    found = imported(tmp_path, model([node], [tensor("x", [3, 2])], [tensor("y", [3])], opset=13))
    value = np.array([[-np.inf, -np.inf], [np.inf, 0], [1000, 1000]], np.float32)
    np.testing.assert_allclose(run(found.network, value)[0], [-np.inf, np.inf, 1000 + np.log(2)], rtol=1e-6)


def test_deformable_convolution_is_noted(tmp_path: Path) -> None:
    node = helper.make_node("DeformConv", ["x", "w", "o"], ["y"], kernel_shape=[1, 1])
    ports = [tensor("x", [1, 3, 8, 8]), tensor("o", [1, 2, 8, 8])]
    found = imported(
        tmp_path, model([node], ports, [tensor("y", [1, 1, 8, 8])], [constant("w", np.ones((1, 3, 1, 1)))], 19)
    )
    assert "DeformConv" in found.notes[0]


def test_a_single_input_takes_the_declared_name(tmp_path: Path) -> None:
    found = imported(tmp_path, conv_net("N", "S"), "data=1x3x8x8")
    assert found.inputs == (Port("data", (1, 3, 8, 8), "float32", "NCHW"),)
    assert found.outputs == (Port("scores", (1, 4), "float32"),)
    assert "'image' is called 'data'" in found.notes[0]
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


@pytest.mark.parametrize("name", ["maps", "scores", "w", "scores_inner"])
def test_a_declared_name_that_a_tensor_has_already(tmp_path: Path, name: str) -> None:
    found = imported(tmp_path, conv_net(), {name: (1, 3, 8, 8)})
    assert found.inputs[0].name == name
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_free_axes_stay_free_unless_declared(tmp_path: Path) -> None:
    assert imported(tmp_path, conv_net("N", "S")).inputs[0].shape == (-1, 3, -1, -1)
    found = imported(tmp_path, conv_net("N", "S"), "image=?x3x16x16")
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((-1, 3, 16, 16), (-1, 4))
    assert run(found.network, np.zeros((5, 3, 16, 16), np.float32))[0].shape == (5, 4)


def test_a_fixed_shape_is_changed_where_the_network_allows_it(tmp_path: Path) -> None:
    found = imported(tmp_path, conv_net(), [(2, 3, 12, 10)])
    assert found.outputs == (Port("scores", (2, 4), "float32"),)
    assert "from 1x3x8x8 to 2x3x12x10" in found.notes[-1]


def test_a_fixed_shape_is_not_changed_where_the_network_depends_on_it(tmp_path: Path) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"], "dense")]
    net = model(nodes, [tensor("x", [1, 2, 3])], [tensor("y", [1, 4])], [constant("w", np.ones((6, 4)))])
    assert imported(tmp_path, net, [(7, 2, 3)]).outputs[0].shape == (7, 4)
    with pytest.raises(CompileError, match=r"made for fixed shapes .*'x' from 1x2x3 to 1x2x4.*dense"):
        imported(tmp_path, net, [(1, 2, 4)])


def test_free_axes_of_one_name_go_together(tmp_path: Path) -> None:
    net = model(
        [helper.make_node("Add", ["a", "b"], ["c"])],
        [tensor("a", ["N", 2]), tensor("b", ["N", 2])],
        [tensor("c", None)],
    )
    found = imported(tmp_path, net, "a=4x2")
    assert [port.shape for port in (*found.inputs, *found.outputs)] == [(4, 2)] * 3


def test_an_input_is_cast_from_the_declared_type(tmp_path: Path) -> None:
    found = imported(tmp_path, conv_net(), "data=1x3x8x8:uint8")
    assert found.inputs == (Port("data", (1, 3, 8, 8), "uint8", "NCHW"),)
    value = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 8), np.uint8)
    np.testing.assert_array_equal(run(found.network, value)[0], run(conv_net(), value.astype(np.float32))[0])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": (1, 3, 8, 8), "b": (1,)}, r"declared inputs are a \(1x3x8x8\), b \(1\), but the model takes: image \("),
        ("data=3x8x8", "declared as 3x8x8, but the model takes image"),
        ([(1, 3, 8, 8), (1,)], "one without a name"),
    ],
)
def test_declared_inputs_that_do_not_fit(tmp_path: Path, inputs: object, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        imported(tmp_path, conv_net(), inputs)


def test_an_input_without_shape_has_to_be_declared(tmp_path: Path) -> None:
    net = model([helper.make_node("Relu", ["x"], ["y"])], [tensor("x", None)], [tensor("y", None)])
    with pytest.raises(CompileError, match="gives no shape for x; declare it"):
        imported(tmp_path, net)
    assert imported(tmp_path, net, "x=2x3").outputs[0].shape == (2, 3)


def test_constants_that_are_listed_as_inputs_are_none(tmp_path: Path) -> None:
    net = conv_net(ir_version=3, opset=8)
    net.graph.input.append(tensor("w", [4, 3, 3, 3]))
    found = imported(tmp_path, net, [(1, 3, 8, 8)])
    assert [port.name for port in found.inputs] == ["image"]
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_outputs_are_chosen_in_order_from_inside_too(tmp_path: Path) -> None:
    found = imported(tmp_path, conv_net(), outputs=["scores", "maps"])
    assert found.outputs == (Port("scores", (1, 4), "float32"), Port("maps", (1, 4, 8, 8), "float32"))
    scores, maps = run(found.network, X)
    np.testing.assert_allclose(maps.mean((2, 3)), scores, rtol=1e-5)
    with pytest.raises(CompileError, match="no output or tensor nowhere; its outputs: scores"):
        imported(tmp_path, conv_net(), outputs=["nowhere"])


def test_functions_of_the_model_are_written_out(tmp_path: Path) -> None:
    body = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node("Add", ["s", "x"], ["y"])]
    function = helper.make_function("mine", "SquarePlus", ["x"], ["y"], body, [helper.make_opsetid("", 17)])
    call = helper.make_node("SquarePlus", ["a"], ["b"], domain="mine")
    net = model([call], [tensor("a", [3])], [tensor("b", [4])], domains=["mine"], functions=[function])
    found = imported(tmp_path, net)
    np.testing.assert_array_equal(run(found.network, np.array([1, 2, 3], np.float32))[0], [2, 6, 12])
    assert not found.network.functions


def test_nodes_out_of_order_are_sorted(tmp_path: Path) -> None:
    net = conv_net()
    nodes = [net.graph.node[at] for at in (2, 0, 1)]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del net.graph.node[:]
    net.graph.node.extend(copies)
    found = imported(tmp_path, net)
    assert "not in the order" in found.notes[0]
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_the_probe_looks_at_the_content(tmp_path: Path) -> None:
    whole = conv_net().SerializeToString()
    for name, data, sureness in (
        ("a.onnx", whole, 1.0), ("a.pb", whole, 1.0), ("a.bin", whole, 1.0),
        ("b.onnx", whole[:-9], 0.6), ("b.pb", whole[:-9], 0.0), ("c.onnx", b"", 0.6), ("d.txt", b"hello", 0.0),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with open_source(tmp_path / name) as source:
            assert importer.probe(source) == sureness, name


def test_a_model_in_a_folder_with_other_protocol_buffers(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.onnx").write_bytes(conv_net().SerializeToString())
    (tmp_path / "input_0.pb").write_bytes(constant("x", [1.0]).SerializeToString())
    with open_source(tmp_path) as source:
        assert importer.probe(source) == 1.0
        assert importer.load(source, Request()).inputs[0].name == "image"
        assert importer.external_folder(source) == tmp_path / "sub"


@pytest.mark.shared
def test_real_models(shared_folder: Path) -> None:
    for name, inputs, outputs in (
        ("yolox_nano_coco/yolox_nano.onnx", (1, 3, 416, 416), (1, 3549, 85)),
        ("formats/samplenet/samplenet.onnx", (1, 3, 32, 32), (1, 10)),
    ):
        with open_source(shared_folder / "models" / name) as source:
            found = importer.load(source, Request())
        assert (found.inputs[0].shape, found.outputs[0].shape) == (inputs, outputs)
        original = onnx.load(shared_folder / "models" / name)
        value = np.random.default_rng(0).random(inputs).astype(np.float32)
        np.testing.assert_allclose(run(found.network, value)[0], run(original, value)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.shared
def test_real_samplenet_gives_its_recorded_logits(shared_folder: Path) -> None:
    recorded = json.loads((shared_folder / "models/expected.json").read_text())["samplenet.onnx"]
    with zipfile.ZipFile(shared_folder / "data/classification/cifar10-sample.zip") as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(recorded["first_image"]))
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"), np.float32)
    mean, deviation = np.array((125.307, 122.961, 113.8575)), np.array((51.5865, 50.847, 51.255))
    value = ((pixels[..., ::-1] - mean) / deviation).transpose(2, 0, 1)[None].astype(np.float32)
    with open_source(shared_folder / "models/formats/samplenet/samplenet.onnx") as source:
        found = importer.load(source, Request())
    expected = np.array(recorded["logits"].split(), np.float32)
    np.testing.assert_allclose(run(found.network, value)[0][0], expected, atol=2e-3)
