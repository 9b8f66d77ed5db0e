"""Models of TensorFlow as ONNX: what tf2onnx makes of them, and what is said where it cannot."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from belvedere.compiler.declared_ports import Bound, Own
from belvedere.compiler.importers import keras, tensorflow, tflite
from belvedere.compiler.importers.onnx.importer import import_model
from belvedere.compiler.importers.tensorflow.harmless import make_harmless
from belvedere.compiler.importers.tflite import onnx_convert as tflite_onnx_convert
from belvedere.compiler.importing import Declared, Imported, Request
from belvedere.compiler.pipeline.engine import check_target
from belvedere.compiler.pipeline.options import CompileOptions
from belvedere.compiler.tf2onnx_form import loading
from belvedere.compiler.tf2onnx_form.ends import finish
from belvedere.core.errors import CompileError, LimitError, MissingExtraError
from belvedere.core.limits import Limits
from helpers.foreign_models import assert_like, node, oracle, placeholder, run, source_of
from helpers.tflite_files import File, Op, Tensor, detector, encode, options

AS_ONNX = {"format": "onnx"}
ON_TENSORFLOW = "belvedere.compiler.importers.tensorflow.onnx_convert"
needs_tensorflow = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("tensorflow", "tf2onnx")),
    reason="needs the [tensorflow] extra",
)
CASES = [
    ("keras2_depthwise_nested", "saved_model"),
    ("keras3_cnn", "frozen_graph.pb"),
    ("keras3_cnn", "model.tflite"),
    ("keras3_cnn", "model_fp16.tflite"),
    ("keras3_cnn", "model_int8.tflite"),
    ("keras3_cnn", "saved_model"),
    ("keras3_multi_io", "saved_model"),
    ("keras3_unet", "saved_model"),
    ("savedmodel_signatures", "saved_model"),
    ("tf1_detection", "frozen_inference_graph.pb"),
    ("tf1_detection", "saved_model"),
]


def on_onnxruntime(imported: Imported, feeds: dict) -> dict:
    """Outputs by name, of ONNX Runtime."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        imported.network.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    names = [port.name for port in imported.outputs]
    assert [value.name for value in session.get_outputs()] == names
    assert [value.name for value in session.get_inputs()] == [port.name for port in imported.inputs]
    return dict(zip(names, session.run(names, feeds), strict=True))


def frozen(folder: Path, *nodes: bytes) -> Path:
    path = folder / "graph.pb"
    path.write_bytes(b"".join(nodes))
    return path


def tflite_file(folder: Path, content: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("case", "file"), CASES, ids=[f"{case}-{file}" for case, file in CASES])
def test_it_computes_what_tensorflow_computed_with_the_ports_of_the_openvino_model(shared_folder, case, file):
    folder = shared_folder / "oracles" / "tensorflow" / case
    inputs, expected, tolerance = oracle(folder)
    if "int8" in file:
        inputs = {name: array.astype(np.uint8) for name, array in inputs.items()}
    importer = tflite if file.endswith(".tflite") else tensorflow
    declared = tuple(Declared(name, array.shape) for name, array in inputs.items())
    imported = importer.load(source_of(folder / file), Request(inputs=declared, options=AS_ONNX))
    plain = importer.load(source_of(folder / file), Request(inputs=declared))
    assert isinstance(imported.network, onnx.ModelProto)
    assert imported.provenance["opset"] == 17
    assert plain.provenance.items() <= imported.provenance.items()
    assert imported.inputs == plain.inputs
    assert [(port.name, port.dtype, len(port.shape)) for port in imported.outputs] == [
        (port.name, port.dtype, len(port.shape)) for port in plain.outputs
    ]
    got, other = on_onnxruntime(imported, inputs), run(plain, inputs)
    for name, array in got.items():
        if "int8" in file:
            assert np.abs(array.astype(int) - expected["probs_int8"]).max() <= 3
        else:
            single = expected.get("probs", expected.get("mask"))
            assert_like(array, expected.get(name, single), 2e-3 if "fp16" in file else tolerance)
            assert_like(array, other[name], tolerance)
    assert "tensorflow" not in sys.modules


@needs_tensorflow
@pytest.mark.shared
def test_signature_outputs_and_element_types_are_as_asked_for(shared_folder):
    source = source_of(shared_folder / "oracles" / "tensorflow" / "savedmodel_signatures" / "saved_model")
    request = Request(inputs=(Declared("x", (-1, 32, 32, 3), "uint8"),), signature="features", options=AS_ONNX)
    imported = tensorflow.load(source, request)
    assert [(port.name, port.shape, port.dtype) for port in imported.inputs] == [("x", (-1, 32, 32, 3), "uint8")]
    assert [(port.name, port.shape) for port in imported.outputs] == [("logits", (-1, 9))]
    assert imported.provenance["signature"] == "features"
    picture = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    assert on_onnxruntime(imported, {"x": picture})["logits"].shape == (3, 9)


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(signature="nope", options=AS_ONNX), "no signature 'nope'; it has features, serving_default"),
        (Request(outputs=("boxes", "a"), options=AS_ONNX), "no outputs a in the signature; it has boxes, classes"),
        (Request(inputs=(Declared("x", (1, 3, 40, 40)),), options=AS_ONNX), r"input_tensor \[\?, \?, \?, 3\] uint8"),
    ],
    ids=["signature", "outputs", "shape"],
)
def test_what_does_not_fit_is_said_with_what_there_is(shared_folder, request_, words):
    with pytest.raises(CompileError, match=words):
        tensorflow.load(
            source_of(shared_folder / "oracles" / "tensorflow" / "savedmodel_signatures" / "saved_model"), request_
        )


@needs_tensorflow
@pytest.mark.slow
def test_inputs_of_a_frozen_graph_keep_the_order_of_the_openvino_model(tmp_path):
    path = frozen(
        tmp_path,
        placeholder("second", 2, 3),
        placeholder("first", 2, 3),
        placeholder("unused", 2, 3),
        node("difference", "Sub", "first", "second"),
        node("sum", "AddV2", "first", "second"),
    )
    imported = tensorflow.load(source_of(path), Request(options=AS_ONNX))
    plain = tensorflow.load(source_of(path), Request())
    assert (imported.inputs, imported.outputs, imported.notes) == (plain.inputs, plain.outputs, plain.notes)
    feeds = {
        name: np.random.default_rng(at).random((2, 3), np.float32)
        for at, name in enumerate(("first", "second", "unused"))
    }
    got = on_onnxruntime(imported, feeds)
    np.testing.assert_allclose(got["difference"], feeds["first"] - feeds["second"])


@needs_tensorflow
@pytest.mark.slow
def test_a_shape_that_the_file_leaves_open_is_declared(tmp_path):
    path = frozen(tmp_path, placeholder("x", known=False), node("y", "Relu", "x"))
    declared = Request(inputs=(Declared("x", (2, 5)),), options=AS_ONNX)
    imported = tensorflow.load(source_of(path), declared)
    assert [(port.name, port.shape) for port in imported.outputs] == [("y", (2, 5))]
    with pytest.raises(CompileError, match="input 'x' has no shape in the file: declare it"):
        tensorflow.load(source_of(path), Request(options=AS_ONNX))


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((node("n", "WriteFile", "x", "x", attributes=b""),), "may read files or run code: WriteFile"),
        ((node("y", "NoSuchOperator", "x"),), "NoSuchOperator"),
    ],
    ids=["harmful", "unknown"],
)
def test_a_graph_that_may_not_or_cannot_be_converted_is_refused(tmp_path, nodes, words):
    path = frozen(tmp_path, placeholder("x", 1), *nodes, node("z", "Relu", "x"))
    with pytest.raises(CompileError, match=words):
        tensorflow.load(source_of(path), Request(options=AS_ONNX))


@needs_tensorflow
@pytest.mark.slow
def test_the_home_folder_is_left_alone_and_the_time_is_limited(tmp_path, monkeypatch):
    path = frozen(tmp_path, placeholder("x", 1), node("y", "Relu", "x"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    tensorflow.load(source_of(path), Request(options=AS_ONNX))
    assert list(home.iterdir()) == []
    with pytest.raises(LimitError, match=r"took longer than 0\.1 s"):
        loading.load_as_onnx("tensorflow", ON_TENSORFLOW, path, Request(), limits=Limits(conversion_seconds=0.1))


@pytest.mark.parametrize("framework", ["tensorflow", "tflite"])
def test_without_the_packages_the_extra_is_named(tmp_path, monkeypatch, framework):
    monkeypatch.setattr(loading, "_PACKAGES", ("a_package_that_nobody_has",))
    graph = frozen(tmp_path, placeholder("x", 1), node("y", "Relu", "x"))
    relu = tflite_file(tmp_path, encode(File([Tensor("x", (1, 4)), Tensor("y", (1, 4))], [Op(19, [0], [1])], [0], [1])))
    importer, path = (tensorflow, graph) if framework == "tensorflow" else (tflite, relu)
    with pytest.raises(
        MissingExtraError, match=rf"model of {framework} as ONNX, for .* needs the \[tensorflow\] extra"
    ):
        importer.load(source_of(path), Request(options=AS_ONNX))
    assert importer.load(source_of(path), Request()).outputs[0].name == "y"


def test_a_keras_file_is_sent_by_way_of_a_saved_model(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(CompileError, match=r"model\.export\('folder'\), and compile that folder"):
        keras.load(source_of(tmp_path / "model.h5"), Request(options=AS_ONNX))


def test_custom_operators_of_tflite_are_refused(tmp_path):
    job = {"inputs": [], "outputs": []}
    path = tflite_file(tmp_path, detector(np.full((4, 4), 0.5), options()))
    with pytest.raises(CompileError, match="TFLite_Detection_PostProcess is not translated to ONNX: compile for Open"):
        tflite_onnx_convert.convert({**job, "path": str(path)}, tmp_path)
    tensors = [Tensor("x", (1, 4)), Tensor("y", (1, 4))]
    path = tflite_file(tmp_path, encode(File(tensors, [Op(32, [0], [1], "Odd", b"")], [0], [1])))
    with pytest.raises(CompileError, match="custom operators that cannot be translated: Odd"):
        tflite_onnx_convert.convert({**job, "path": str(path)}, tmp_path)


@pytest.mark.parametrize(
    ("framework", "packages", "words"),
    [
        ("tensorflow", ("a_package_that_nobody_has",), r"as ONNX it could: pip install 'belvedere\[tensorflow\]'"),
        ("tflite", ("numpy",), "which the target nvidia cannot run: export it as ONNX"),
        ("keras", ("a_package_that_nobody_has",), "which the target nvidia cannot run: export it as ONNX"),
    ],
)
def test_a_target_that_needs_onnx_names_the_extra_only_where_it_is_missing(monkeypatch, framework, packages, words):
    monkeypatch.setattr(loading, "_PACKAGES", packages)
    with pytest.raises(CompileError, match=words):
        check_target(object(), CompileOptions(model=Path("model"), target="nvidia"), framework)


def network() -> onnx.ModelProto:
    """Takes ``a:0`` and ``b:0``; gives their difference and, as it came, the first."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Sub", ["a:0", "b:0"], ["c:0"]),
            onnx.helper.make_node("Identity", ["a:0"], ["d:0"]),
        ],
        "network",
        [value(name, onnx.TensorProto.FLOAT, [2]) for name in ("a:0", "b:0")],
        [value(name, onnx.TensorProto.FLOAT, [2]) for name in ("c:0", "d:0")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def bound(name: str) -> Bound:
    return Bound(Own(name, (2,), "float32"), name, (2,), "float32")


def test_names_may_be_swapped_and_tensors_go_out_twice():
    model = network()
    inputs = [(bound("b:0"), "a:0"), (bound("a:0"), "b:0"), (bound("x"), "e:0")]
    used, notes = finish(model, inputs, [("d:0", "c:0"), ("c:0", "d:0"), ("again", "c:0"), ("a:0", "c:0")], "file")
    assert [entry.name for entry in used] == ["b:0", "a:0"]
    assert notes == (
        "inputs that the network does not use were left out: x",
        "output 'a:0' is called 'a:0_output': an input has its name",
    )
    imported = import_model(model, Request(), "file", framework="tensorflow")
    one, other = np.float32([1, 2]), np.float32([5, 9])
    got = on_onnxruntime(imported, {"b:0": one, "a:0": other})
    assert {name: array.tolist() for name, array in got.items()} == {
        "d:0": [-4, -7],
        "c:0": [1, 2],
        "again": [-4, -7],
        "a:0_output": [-4, -7],
    }


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([("x", "a:0"), ("x", "b:0")], [("y", "c:0")], "inputs of the same name: x"),
        ([("x", "a:0")], [("y", "c:0"), ("y", "d:0")], "outputs of the same name: y"),
        ([("x", "a:0")], [("y", "lost:0")], "lost the outputs y"),
    ],
    ids=["inputs", "outputs", "lost"],
)
def test_ends_that_cannot_be_told_apart_or_found_are_refused(inputs, outputs, words):
    with pytest.raises(CompileError, match=words):
        finish(network(), [(bound(name), tensor) for name, tensor in inputs], outputs, "file")


def graph_of(*operators: str, called: str = "f") -> SimpleNamespace:
    """A GraphDef: the first operator in the graph, the others in a function."""
    nodes = [SimpleNamespace(op=operator, input=["a"], attr={"k": 1}) for operator in operators]
    function = SimpleNamespace(node_def=nodes[1:], signature=SimpleNamespace(name=called))
    return SimpleNamespace(node=nodes[:1], library=SimpleNamespace(function=[function]))


def test_what_saves_is_taken_out_and_what_is_known_stays():
    saving = graph_of("Conv2D", "SaveV2", "MergeV2Checkpoints", "VarHandleOp", "RestoreV2", "f")
    make_harmless(saving, Path("file"), {"Conv2D"})
    left = [(node.op, node.input, node.attr) for node in saving.library.function[0].node_def]
    assert left[:2] == [("NoOp", [], {})] * 2
    assert [operator for operator, *_ in left[2:]] == ["VarHandleOp", "RestoreV2", "f"]
    assert (saving.node[0].op, saving.node[0].input) == ("Conv2D", ["a"])


# The second row touches files or runs code under names that a list of what is forbidden would have to foresee.
@pytest.mark.parametrize(
    "operator",
    ["PrintV2", "TFRecordDatasetV2", "EagerPyFunc", "MatchingFiles", "InitializeTableFromTextFileV2",
     "RemoteCall", "RecordInput", "PyFuncStateless", "WholeFileReader", "Restore", "FutureOperatorThatReadsFiles"],
)  # fmt: skip
def test_what_is_not_known_is_refused_wherever_it_is(operator):
    for graph in (graph_of(operator, "Relu"), graph_of("Relu", operator)):
        with pytest.raises(CompileError, match=f"^file: .* may read files or run code: {operator}$"):
            make_harmless(graph, Path("file"), {"Relu"})
