"""A model goes in, an artifact comes out that gives the same; what drifts or does not fit is said."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

import belvedere
from belvedere.compiler.parity.feeds import random_picture
from belvedere.compiler.pipeline.artifact import load_network, network_files, plain_name
from belvedere.compiler.pipeline.options import read_inputs
from belvedere.compiler.report.report import JSON_NAME, PAGE_NAME
from belvedere.core.errors import CompileError, EngineError, LimitError, MissingExtraError, OptionError, StorageError
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
    assert (task["samples"], task["after"], task["labelled"]) == (8, 1.0, False)


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


def test_int8_without_pictures_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="int8 needs calibration pictures"):
        belvedere.compile(tmp_path / "none.onnx", precision="int8")


@needs_nncf
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_int8(source: Path, pictures: Path) -> None:
    artifact = belvedere.compile(source, precision="int8", calibrate=pictures, mean=(0.5,), std=(0.25,), **QUICK)
    report = report_of(artifact)
    assert report["quantisation"]["method"] == "nncf"
    assert report["inputs"] == {"seeded": 0, "samples": 8}
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
