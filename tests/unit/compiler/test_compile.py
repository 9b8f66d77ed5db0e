"""A model goes in, an artifact comes out that gives the same; what drifts or does not fit is said."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import belvedere
from belvedere.compiler.importers.onnx.external import attach_external_data
from belvedere.compiler.parity.feeds import random_picture
from belvedere.compiler.passes.storage import model_bytes, read_external, split
from belvedere.compiler.pipeline.artifact import check_size, load_network, network_files, plain_name
from belvedere.compiler.pipeline.options import read_inputs
from belvedere.compiler.pipeline.original import open_original
from belvedere.compiler.report.report import JSON_NAME, PAGE_NAME
from belvedere.core.errors import CompileError, EngineError, LimitError, MissingExtraError, OptionError, StorageError
from belvedere.core.limits import Limits
from belvedere.runtime import Artifact, Model
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier, normal, run_onnx

needs_nncf = pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="needs the [quantize] extra")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
QUICK: dict[str, Any] = {"seconds": 0.05}


def write(folder: Path, model: onnx.ModelProto, name: str = "net.onnx") -> Path:
    path = folder / name
    onnx.save_model(model, path)
    return path


def report_of(artifact: Artifact) -> dict[str, Any]:
    found = json.loads(bytes(artifact.reports[JSON_NAME]))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path, classifier())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number in range(12):
        target = folder / f"class {number % 2}" / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_picture(40, 50, 3, number)).save(target)
    return folder


def test_the_artifact_gives_what_the_source_gives(source: Path, tmp_path: Path) -> None:
    artifact = belvedere.compile(source, task="tensor", **QUICK)
    artifact.save(tmp_path / "net.tar.gz")
    feeds = {"data": normal((1, 3, 32, 32))}
    with belvedere.load(tmp_path / "net.tar.gz") as model:
        (found,) = model.run(feeds)
        assert model.selftest().ok
    np.testing.assert_allclose(found, run_onnx(onnx.load(source), feeds)[0], rtol=1e-4, atol=1e-5)
    report = report_of(artifact)
    assert report["ok"]
    assert report["passes"]["batch_norms_folded"] == 3
    assert report["gate"] < 1e-3
    assert report["inputs"] == {"seeded": 2, "samples": 0}
    assert report["after"]["p50_ms"] > 0
    assert report["machine"]["versions"]["onnx"] == onnx.__version__
    assert "BatchNormalization" not in report["operators"]


def test_equal_runs_give_equal_artifacts_without_a_trace_of_the_machine(source: Path, tmp_path: Path) -> None:
    first, second = (belvedere.compile(source, engine="openvino", **QUICK) for _ in range(2))
    assert first.digest == second.digest
    text = first.manifest.to_json().decode()
    assert str(tmp_path) not in text
    assert "p50" not in text


def test_a_recognised_classifier_predicts_at_once(source: Path, pictures: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(10)))
    artifact = belvedere.compile(source, labels=labels, mean=(0.5,), std=(0.25,), **QUICK)
    assert artifact.manifest.task == "classification"
    with Model(artifact) as model:
        result: Any = model.predict(next(pictures.rglob("*.png")))
    assert result.label.startswith("class ")
    again = belvedere.compile(source, labels=labels, mean=(0.5,), std=(0.25,), calibrate=pictures, **QUICK)
    task = report_of(again)["task"]
    assert task["metric"] == "same class"
    assert (task["samples"], task["after"], task["labelled"]) == (12, 1.0, False)


def test_uint8_channels_last_input(source: Path) -> None:
    plain = belvedere.compile(source, mean=(0.5,), std=(0.25,), **QUICK)
    bytes_in = belvedere.compile(source, mean=(0.5,), std=(0.25,), uint8_input=True, layout="NHWC", **QUICK)
    taken: Any = bytes_in.manifest.inputs[0]
    assert (taken.dtype, taken.layout, taken.shape) == ("uint8", "NHWC", (1, 32, 32, 3))
    picture = random_picture(64, 48, 3, 5)
    with Model(plain) as first, Model(bytes_in) as second:
        one: Any = first.predict(picture)
        other: Any = second.predict(picture)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4, atol=1e-6)


def test_uint8_input_of_a_tensor_model(source: Path) -> None:
    artifact = belvedere.compile(
        source, task="tensor", uint8_input=True, mean=(100.0, 110.0, 120.0), std=(50.0,), **QUICK
    )
    picture = random_picture(32, 32, 3, 0).transpose(2, 0, 1)[None]
    scaled = (picture.astype(np.float32) - np.array([100, 110, 120], np.float32).reshape(1, 3, 1, 1)) / 50
    with Model(artifact) as model:
        (found,) = model.run({"data": np.ascontiguousarray(picture)})
    np.testing.assert_allclose(found, run_onnx(onnx.load(source), {"data": scaled})[0], rtol=1e-3, atol=1e-4)
    net = Net()
    net.nodes.append(helper.make_node("Relu", ["data"], ["out"]))
    flat = write(source.parent, net.model({"data": [1, 7]}, {"out": None}), "flat.onnx")
    with pytest.raises(CompileError, match="needs one float32 input of four axes"):
        belvedere.compile(flat, uint8_input=True, **QUICK)


def test_dynamic_batch(source: Path) -> None:
    artifact = belvedere.compile(source, task="tensor", dynamic_batch=True, **QUICK)
    assert artifact.manifest.inputs[0].shape == (-1, 3, 32, 32)
    feeds = normal((5, 3, 32, 32))
    with Model(artifact) as model:
        (found,) = model.run({"data": feeds})
    assert found.shape == (5, 10)
    np.testing.assert_allclose(
        found[3:4], run_onnx(onnx.load(source), {"data": feeds[3:4]})[0], rtol=1e-3, atol=1e-4
    )  # fmt: skip


def test_outputs_are_kept_in_the_wanted_order(tmp_path: Path) -> None:
    net = Net()
    x = net.conv("data", 3, 4)
    for name, kind in (("a", "Relu"), ("b", "Sigmoid")):
        net.nodes.append(helper.make_node(kind, [x], [name]))
    path = write(tmp_path, net.model({"data": [1, 3, 8, 8]}, {"a": None, "b": None}))
    artifact = belvedere.compile(path, outputs=["b"], **QUICK)
    assert [output.name for output in artifact.manifest.outputs] == ["b"]


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_reduced_precision(source: Path, precision: str) -> None:
    exact = belvedere.compile(source, task="tensor", **QUICK)
    artifact = belvedere.compile(source, task="tensor", precision=precision, **QUICK)
    report = report_of(artifact)
    assert artifact.manifest.precision == precision
    assert report["outputs"][0]["error"] < report["outputs"][0]["tolerance"]
    if precision == "f16":
        assert report["passes"]["weights_as_f16"] == 4
        assert len(artifact.network) < 0.6 * len(exact.network)


def test_other_results_on_the_samples_are_found_out_though_the_numbers_are_near(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits far from zero: a head that computes something else hardly changes them, but every class."""
    model = classifier()
    dense = next(node for node in model.graph.node if node.op_type == "Gemm")
    bias = next(one for one in model.graph.initializer if one.name == dense.input[2])
    bias.CopyFrom(numpy_helper.from_array(np.full(10, 50, np.float32), bias.name))
    path = write(tmp_path, model)

    def ruined(network: onnx.ModelProto) -> int:
        tensor = next(one for one in network.graph.initializer if one.name == dense.input[1])
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(-values), tensor.name))
        return 1

    monkeypatch.setattr("belvedere.compiler.pipeline.network.store_f16", ruined)
    options: dict[str, Any] = {"precision": "f16", "task": "classification", "calibrate": pictures, "mean": (0.5,)}
    with pytest.raises(CompileError, match=r"12 pictures agree by 0\.\d\d \(same class\), 0.70 is asked") as caught:
        belvedere.compile(path, **options, **QUICK)
    assert "relative error" not in str(caught.value)
    report = report_of(belvedere.compile(path, tolerance=0.5, **options, **QUICK))
    assert report["task"]["allowed"] is None
    assert report["task"]["after"] < 0.7


def test_int8_without_pictures_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="int8 needs calibration pictures"):
        belvedere.compile(tmp_path / "none.onnx", precision="int8")


@needs_nncf
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_int8(source: Path, pictures: Path) -> None:
    artifact = belvedere.compile(source, precision="int8", calibrate=pictures, mean=(0.5,), std=(0.25,), **QUICK)
    report = report_of(artifact)
    assert 0 < report["outputs"][0]["error"] < 0.1
    assert report["task"]["after"] >= 0.83  # of 12 pictures, two may lie between two classes
    assert report["task"]["allowed"] == pytest.approx(0.3)
    assert report["quantisation"]["method"] == "nncf"
    assert report["inputs"] == {"seeded": 0, "samples": 8}
    assert (report["task"]["samples"], report["task"]["on"]) == (12, "12 pictures")  # not the 8 of the tensors
    assert "computing in int8, and in f32 what is not quantised" in report["engine"]
    assert report["task"]["metric"] == "same class"
    assert artifact.manifest.provenance["compile"]["quantisation"]["samples"] == 12  # type: ignore[index,call-overload]
    with pytest.raises(CompileError, match="not known: say --task"):
        belvedere.compile(source, precision="int8", calibrate=pictures, task="tensor", **QUICK)


@needs_nncf
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_labelled_samples_decide(source: Path, pictures: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {number}" for number in range(10)))
    options: dict[str, Any] = {"labels": labels, "mean": (0.5,), "std": (0.25,), "samples": pictures, **QUICK}
    artifact = belvedere.compile(source, precision="int8", max_drop=1.0, **options)
    task = report_of(artifact)["task"]
    assert (task["metric"], task["samples"], task["labelled"]) == ("top-1 accuracy", 12, True)
    assert report_of(artifact)["quantisation"]["method"] == "nncf with accuracy control"

    calls: list[int] = []

    def falling(results: Any, truths: Any) -> float:
        """The first call judges the source; all later ones are worse."""
        calls.append(len(results))
        return 1.0 if len(calls) == 1 else 0.5

    with pytest.raises(CompileError, match=r"in f16 the the given metric falls|falls from 1.0000 to 0.5000"):
        belvedere.compile(source, precision="f16", metric=falling, **options)
    assert calls == [12, 12]


def test_what_drifts_is_named_and_the_report_is_written(tmp_path: Path) -> None:
    net, x = Net(), "data"
    for place in range(4):
        x = net.op("Relu", net.conv(x, 3 if place == 0 else 8, 8), name=f"stage{place}")
    net.nodes.append(helper.make_node("Identity", [x], ["out"]))
    model = net.model({"data": [1, 3, 16, 16]}, {"out": None})
    layer = [node for node in model.graph.node if node.op_type == "Conv"][2]
    tensor = next(one for one in model.graph.initializer if one.name == layer.input[1])
    # Weights that float16 cannot hold apart: differences of large numbers.
    values = numpy_helper.to_array(tensor).copy()
    values[:, 0::2] = 3000.0 + values[:, 0::2] * 0.5
    values[:, 1::2] = -3000.0 + values[:, 1::2] * 0.5
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    previous = [node for node in model.graph.node if node.op_type == "Conv"][1]
    other = next(one for one in model.graph.initializer if one.name == previous.input[1])
    even = numpy_helper.to_array(other).copy()
    even[1::2] = even[0::2]
    other.CopyFrom(numpy_helper.from_array(even, other.name))
    path = write(tmp_path, model)
    with pytest.raises(CompileError) as caught:
        belvedere.compile(path, task="tensor", precision="f16", tolerance=1e-3, report=tmp_path / "report", **QUICK)
    text = str(caught.value)
    assert "output 'out' has a relative error of" in text
    assert f"it first drifts at Conv '{layer.output[0]}'" in text
    found = json.loads((tmp_path / "report" / JSON_NAME).read_text())
    assert not found["ok"]
    assert found["outputs"][0]["first_drift"]["tensor"] == layer.output[0]
    page = (tmp_path / "report" / PAGE_NAME).read_text()
    assert layer.output[0] in page
    assert "http" not in page.replace("http-equiv", "")
    assert belvedere.compile(path, task="tensor", precision="f16", tolerance=10.0, **QUICK).manifest.precision == "f16"


def test_a_network_that_openvino_lacks_gets_onnxruntime(tmp_path: Path) -> None:
    net = Net()
    offsets = net.conv("data", 3, 18)
    weight = net.constant((net.rng.standard_normal((4, 3, 3, 3)) * 0.2).astype(np.float32))
    net.nodes.append(
        helper.make_node("DeformConv", ["data", weight, offsets], ["out"], kernel_shape=[3, 3], pads=[1] * 4)
    )
    path = write(tmp_path, net.model({"data": [1, 3, 12, 12]}, {"out": None}, opset=19))
    artifact = belvedere.compile(path, **QUICK)
    assert artifact.manifest.engine == "onnxruntime"
    assert "openvino cannot run it" in report_of(artifact)["engine_reason"]
    with Model(artifact) as model:
        assert model.engine.name == "onnxruntime"
        assert model.selftest().ok


def test_a_target_that_is_not_here_gives_an_artifact_and_the_reason(source: Path) -> None:
    artifact = belvedere.compile(source, target="nvidia", **QUICK)
    report = report_of(artifact)
    assert (artifact.manifest.target, artifact.manifest.engine) == ("nvidia", "onnxruntime")
    if not report["tried"]:
        assert "has no provider for the target nvidia" in report["why_not"]
        assert report["engine"].startswith("onnxruntime")
    assert report["ok"]
    with pytest.raises(CompileError, match="the target npu needs the engine openvino"):
        belvedere.compile(source, target="npu", engine="onnxruntime", **QUICK)


@pytest.mark.shared
@pytest.mark.slow
def test_a_tensorflow_network_has_no_nvidia_target(shared_folder: Path) -> None:
    if importlib.util.find_spec("tf2onnx") is not None:
        pytest.skip("with the [tensorflow] extra it has one")
    path = shared_folder / "models" / "formats" / "samplenet" / "samplenet_tf2"
    with pytest.raises(MissingExtraError, match=r"nvidia.*belvedere\[tensorflow\]"):
        belvedere.compile(path, target="nvidia", **QUICK)


def test_an_interrupted_compile_leaves_the_old_artifact(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "net.tar.gz"
    belvedere.compile(source, **QUICK).save(target)
    before = target.read_bytes()
    artifact = belvedere.compile(source, precision="f16", **QUICK)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("belvedere.runtime.artifact.write_tar", full)
    with pytest.raises(StorageError, match="what was there before is unchanged"):
        artifact.save(target)
    assert target.read_bytes() == before
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "fp8"}, OptionError, "unknown precision 'fp8'"),
        ({"target": "tpu"}, OptionError, "unknown target 'tpu'"),
        ({"tolerance": 0.0}, OptionError, "tolerance is 0.0"),
        ({"max_drop": 2.0}, OptionError, "max_drop is 2.0"),
        ({"metric": len}, OptionError, "a metric needs labelled samples"),
        ({"layout": "HWC"}, OptionError, "unknown layout"),
        ({"outputs": ["nothing"]}, CompileError, "nothing"),
        ({"inputs": {"data": (1, 3, 0, 32)}}, CompileError, "data"),
        ({"inputs": {"data": (1, 5, 32, 32)}}, CompileError, "data"),
        ({"task": "pose"}, CompileError, "not pose"),
        ({"calibrate": "nowhere"}, CompileError, "no such file or folder"),
        ({"samples": []}, CompileError, "pairs of picture and truth"),
        (
            {"calibrate": [{"data": np.zeros((1, 3, 8, 8), np.float32)}]},
            CompileError,
            r"the network takes data float32",
        ),
        ({"calibrate": [{"x": np.zeros(3)}]}, CompileError, r"tensors x; the network takes data"),
    ],
)
def test_what_does_not_fit_is_said(source: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        belvedere.compile(source, **QUICK, **options)


def test_hostile_files_end_in_one_error(tmp_path: Path) -> None:
    for content in (b"", b"\x08\x07", b"PK\x03\x04" + b"\0" * 40, classifier().SerializeToString()[:900]):
        path = tmp_path / "net.onnx"
        path.write_bytes(content)
        with pytest.raises((CompileError, LimitError)):
            belvedere.compile(path, **QUICK)
    with pytest.raises(CompileError, match="there is no such file"):
        belvedere.compile(tmp_path / "gone.onnx")


def test_inputs_as_users_have_them(tmp_path: Path) -> None:
    config = '{"data": [1, 3, 32, 32]}'
    assert read_inputs(config, "auto")[0][0].shape == (1, 3, 32, 32)
    descriptor = {
        "mlModelDescriptor": {
            "envelopeVersion": "2021-01-01", "framework": "ONNX", "frameworkVersion": "1.8", "precisionMode": "FP16",
            "inputs": [{"name": "data", "shape": [1, 3, 32, 32]}], "outputs": [{"name": "logits"}],
        }
    }  # fmt: skip
    for value in (descriptor, json.dumps(descriptor)):
        inputs, framework, outputs, precision = read_inputs(value, "auto")
        assert (inputs[0].name, framework, outputs, precision) == ("data", "onnx", ("logits",), "f16")
    path = tmp_path / "descriptor.json"
    path.write_text(json.dumps(descriptor))
    assert read_inputs(path, "mxnet")[1] == "mxnet"
    with pytest.raises(CompileError, match=r"gone\.json: the declared inputs cannot be read"):
        read_inputs("gone.json", "auto")
    artifact = belvedere.compile(write(tmp_path, classifier()), inputs=str(path), **QUICK)
    assert artifact.manifest.precision == "f16"


def test_large_networks_keep_their_weights_apart(tmp_path: Path) -> None:
    model = classifier()
    listed, files = network_files(model, large=1000)
    assert listed.external_data == ("model.data",)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    again = onnx.load(tmp_path / "model.onnx")
    feeds = {"data": normal((1, 3, 32, 32))}
    assert np.array_equal(run_onnx(again, feeds)[0], run_onnx(model, feeds)[0])
    artifact = Artifact.build(
        files=files, name="x", network=listed, task="tensor", decoder={"kind": "tensor"},
        inputs=[{"kind": "tensor", "name": "data", "shape": [1, 3, 32, 32]}],
        outputs=[{"name": "logits", "shape": [1, 10]}],
    )  # fmt: skip
    with Model(artifact) as found:
        np.testing.assert_allclose(found.run(feeds)[0], run_onnx(model, feeds)[0], rtol=1e-4, atol=1e-5)
    assert len(load_network(artifact).graph.node) == len(model.graph.node)


def constants_everywhere() -> onnx.ModelProto:
    """Large constants as an initializer, in an attribute, and in a branch of an ``If``."""
    rng = np.random.default_rng(5)
    wide = [numpy_helper.from_array(rng.standard_normal((24, 24)).astype(np.float32), name) for name in "abcd"]
    branches = [
        helper.make_graph(
            [
                helper.make_node("Constant", [], [f"{name}_k"], value=wide[2]),
                helper.make_node("MatMul", ["y", f"{name}_k"], [f"{name}_y"]),
                helper.make_node("Add", [f"{name}_y", f"{name}_d"], [name]),
            ],
            name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 24])],
            [numpy_helper.from_array(numpy_helper.to_array(wide[3]), f"{name}_d")],
        )
        for name in ("yes", "no")
    ]  # fmt: skip
    for branch in branches:
        branch.output[0].type.tensor_type.shape.dim[0].dim_value = 24
    nodes = [
        helper.make_node("Constant", [], ["b"], value=wide[1]),
        helper.make_node("MatMul", ["data", "a"], ["x"]),
        helper.make_node("MatMul", ["x", "b"], ["y"]),
        helper.make_node("ReduceSum", ["data"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["flag"]),
        helper.make_node("If", ["flag"], ["out"], then_branch=branches[0], else_branch=branches[1]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("data", 1, [24, 24])],
        [helper.make_tensor_value_info("out", 1, [24, 24])],
        [wide[0], numpy_helper.from_array(np.float32(0), "zero")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_large_constants_anywhere_are_counted_and_stored_apart(tmp_path: Path) -> None:
    model = constants_everywhere()
    onnx.checker.check_model(model, full_check=True)
    each = 24 * 24 * 4
    assert 6 * each < model_bytes(model) < 8 * each
    feeds = {"data": normal((24, 24))}
    expected = run_onnx(model, feeds)[0]
    listed, files = network_files(model, large=6 * each)
    assert len(files["model.onnx"]) < each
    assert len(files["model.data"]) == 6 * each
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    artifact = Artifact.build(
        files=files, name="x", network=listed, task="tensor", decoder={"kind": "tensor"},
        inputs=[{"kind": "tensor", "name": "data", "shape": [24, 24]}], outputs=[{"name": "out", "shape": [24, 24]}],
    )  # fmt: skip
    for engine in ("onnxruntime", "openvino"):
        with Model(artifact, engine=engine) as found:
            np.testing.assert_allclose(found.run(feeds)[0], expected, rtol=1e-4, atol=1e-4)
    again = onnx.load_model(tmp_path / "model.onnx", load_external_data=False)
    read_external(again, tmp_path)
    assert np.array_equal(run_onnx(again, feeds)[0], expected)


def test_external_constants_of_a_very_large_model_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 2 GB the importer leaves tensors in their files, wherever in the model they are: here over 10 kB."""
    rng = np.random.default_rng(6)
    wide = [numpy_helper.from_array(rng.standard_normal((96, 192)).astype(np.float32), name) for name in "ab"]
    nodes = [
        helper.make_node("Constant", [], ["b"], value=wide[1]),
        helper.make_node("MatMul", ["data", "a"], ["x"]),
        helper.make_node("Mul", ["x", "b"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("data", 1, [96, 96])],
        [helper.make_tensor_value_info("out", 1, [96, 192])], [wide[0]],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    feeds = {"data": normal((96, 96))}
    expected = run_onnx(model, feeds)[0]
    skeleton, weights = split(model, "net.data")
    (tmp_path / "net.onnx").write_bytes(skeleton)
    (tmp_path / "net.data").write_bytes(weights)
    monkeypatch.setattr(attach_external_data, "__kwdefaults__", {"largest": 10_000})
    artifact = belvedere.compile(tmp_path / "net.onnx", **QUICK)
    assert any("kept in a file of their own" in note for note in report_of(artifact)["notes"])
    with Model(artifact) as found:
        np.testing.assert_allclose(found.run(feeds)[0], expected, rtol=1e-4, atol=1e-4)


def test_an_artifact_that_nobody_could_load_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Limits(archive_bytes=64 * 1024**2)
    with pytest.raises(LimitError, match=r"loading one stops at 67108864 \(archive_bytes\): a lower precision"):
        check_size(classifier(), small)
    check_size(classifier(), Limits(archive_bytes=65 * 1024**2))
    with pytest.raises(LimitError, match="archive_bytes"):
        check_size(import_openvino().Core().read_model(classifier().SerializeToString()), small)
    monkeypatch.setattr(check_size, "__defaults__", (small,))
    monkeypatch.setattr("belvedere.compiler.pipeline.run.engine_for", None)  # nothing is measured or written
    with pytest.raises(LimitError, match="archive_bytes"):
        belvedere.compile(source, **QUICK)


def test_openvino_networks_are_stored_whole_and_without_paths(tmp_path: Path) -> None:
    core = import_openvino().Core()
    model = core.read_model(classifier().SerializeToString())
    listed, files = network_files(model)
    assert (listed.format, listed.weights) == ("openvino-ir", "openvino/model.bin")
    assert network_files(model)[1] == files
    assert str(tmp_path.parent).encode() not in files[listed.file]
    size = sum(onnx.numpy_helper.to_array(one).nbytes for one in classifier().graph.initializer)
    assert len(files["openvino/model.bin"]) > 0.8 * size  # float32, not float16


def test_engines_that_refuse_are_named(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Mystery", ["data"], ["out"], domain="com.example")], "g",
        [helper.make_tensor_value_info("data", 1, [1])], [helper.make_tensor_value_info("out", 1, [1])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)])
    with pytest.raises((CompileError, EngineError), match="Mystery"):
        belvedere.compile(write(tmp_path, model), **QUICK)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("yolo.tar.gz", "yolo"), ("net-symbol.json", "net"), ("net-0000.params", "net"), ("a.b.onnx", "a.b"),
        ("...", "..."), (".onnx", "model"), ("x\x07.pt", "x"),
    ],
)  # fmt: skip
def test_names(stem: str, name: str) -> None:
    assert plain_name(stem) == name


def test_agreement_is_measured_on_pictures_from_the_whole_set(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(130):
        Image.fromarray(random_picture(12, 12, 3, number)).save(folder / f"{number:03}.png")
    artifact = belvedere.compile(source, precision="f16", calibrate=folder, mean=(0.5,), **QUICK)
    report = report_of(artifact)
    assert (report["task"]["samples"], report["task"]["given"]) == (100, 130)
    assert report["task"]["on"] == "100 of 130 pictures"
    assert "--calibrate: 130 samples read from 1 folder" in report["notes"]
    assert "on 100 of 130 pictures" in bytes(artifact.reports[PAGE_NAME]).decode()


def test_a_network_of_8_bit_integers_is_not_quantised_again(tmp_path: Path) -> None:
    net = Net()
    scale, zero = net.constant(np.float32(0.1)), net.constant(np.int8(0))
    net.nodes.append(helper.make_node("QuantizeLinear", ["data", scale, zero], ["q"]))
    net.nodes.append(helper.make_node("DequantizeLinear", ["q", scale, zero], ["d"]))
    net.nodes.append(helper.make_node("Identity", [net.conv("d", 3, 4)], ["out"]))
    path = write(tmp_path, net.model({"data": [1, 3, 8, 8]}, {"out": None}))
    values = [{"data": np.ones((1, 3, 8, 8), np.float32)}]
    with pytest.raises(CompileError, match=r"8-bit integers already \(.*\): compile it with --precision f32"):
        belvedere.compile(path, precision="int8", calibrate=values, task="tensor", **QUICK)
    assert belvedere.compile(path, task="tensor", **QUICK).manifest.precision == "f32"


@pytest.mark.shared
def test_a_signature_is_asked_for_recorded_and_asked_for_again(shared_folder: Path, tmp_path: Path) -> None:
    path = shared_folder / "oracles" / "tensorflow" / "savedmodel_signatures" / "saved_model"
    options: dict[str, Any] = {"inputs": "x=1x32x32x3", "task": "tensor", **QUICK}
    artifact = belvedere.compile(path, signature="features", **options)
    assert artifact.manifest.provenance["compile"]["request"] == {"signature": "features"}  # type: ignore[index,call-overload]
    other = belvedere.compile(path, options={"signature_def_key": "features"}, **options)
    assert other.manifest.outputs == artifact.manifest.outputs
    assert "tensorflow itself was not run" in report_of(artifact)["reference"]
    with Model(artifact) as model, open_original(path, artifact) as original:
        x = {"x": np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)}
        for one, two in zip(original.run(x), model.run(x), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    with pytest.raises(CompileError, match="has no signature 'nope'; it has features, serving_default"):
        belvedere.compile(path, signature="nope", **options)
    with pytest.raises(OptionError, match="signature is 'a', and an option of the framework says 'b'"):
        belvedere.compile(path, signature="a", options={"signature_def_key": "b"}, **options)


@pytest.mark.parametrize("names", ['["logits"]', "logits", "('logits',)"])
def test_output_names_of_compiler_options(source: Path, names: str) -> None:
    artifact = belvedere.compile(source, options={"output_names": names}, task="tensor", **QUICK)
    assert artifact.manifest.provenance["compile"]["request"] == {"outputs": ["logits"]}  # type: ignore[index,call-overload]
    with pytest.raises(OptionError, match="output_names is"):
        belvedere.compile(source, options={"output_names": "[1]"}, **QUICK)


def test_the_report_says_what_was_held_against_what(source: Path) -> None:
    assert report_of(belvedere.compile(source, **QUICK))["reference"] == (
        "the ONNX model as it came, run by ONNX Runtime in float32"
    )


def test_an_architecture_may_be_wanted_as_onnx(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    from belvedere import nets

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    artifact = belvedere.compile(tmp_path / "net.pth", arch="samplenet", engine="onnxruntime", **QUICK)
    assert artifact.manifest.engine == "onnxruntime"
    assert "after that had given what torch gives" in report_of(artifact)["reference"]
