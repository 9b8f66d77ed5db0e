"""Frozen graphs: which outputs are taken, and what is wrong with a graph."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.importers import tensorflow
from belvedere.compiler.importers.tensorflow.frozen_graph import read_nodes, select_outputs
from belvedere.compiler.importing import Declared, Request
from belvedere.core.errors import CompileError
from helpers.foreign_models import assert_like, node, oracle, placeholder, run, source_of


def saved(folder: Path, *nodes: bytes, name: str = "graph.pb") -> Path:
    path = folder / name
    path.write_bytes(b"".join(nodes))
    return path


def selected(*nodes: bytes, wanted: tuple[str, ...] = ()) -> list[str]:
    content = memoryview(b"".join(nodes))
    return [name for name, _ in select_outputs(read_nodes(content, Path("g.pb")), wanted, Path("g.pb"))]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "file"), [("keras3_cnn", "frozen_graph"), ("tf1_detection", "frozen_inference_graph")]
)
def test_a_frozen_graph_computes_what_tensorflow_computed(shared_folder, case, file):
    folder = shared_folder / "oracles" / "tensorflow" / case
    inputs, outputs, tolerance = oracle(folder)
    source = source_of(folder / f"{file}.pb")
    (name, array), *_ = inputs.items()
    imported = tensorflow.load(source, Request(inputs=(Declared(f"{name}:0", array.shape),)))
    assert tensorflow.probe(source) == 0.9
    assert [port.name for port in imported.inputs] == [f"{name}:0"]
    for key, got in run(imported, {f"{name}:0": array}).items():
        assert_like(got, outputs["probs" if key == "Identity" else key], tolerance)


@pytest.mark.shared
def test_detection_outputs_are_taken_also_where_they_are_no_leaves(shared_folder):
    path = shared_folder / "oracles" / "tensorflow" / "tf1_detection" / "frozen_inference_graph.pb"
    imported = tensorflow.load(source_of(path), Request(inputs=(Declared("image_tensor", (1, 40, 50, 3)),)))
    assert [(port.name, port.shape) for port in imported.outputs] == [
        ("detection_boxes", (1, 10, 4)),
        ("detection_scores", (1, 10)),
        ("detection_classes", (1, 10)),
        ("num_detections", (1,)),
    ]
    wanted = ("num_detections:0", "detection_scores")
    chosen = tensorflow.load(source_of(path), Request(outputs=wanted))
    assert tuple(port.name for port in chosen.outputs) == wanted


@pytest.mark.shared
def test_a_channels_first_graph_stays_channels_first(shared_folder):
    source = source_of(shared_folder / "models" / "formats" / "samplenet" / "samplenet.pb")
    imported = tensorflow.load(source, Request())
    assert [(port.name, port.shape, port.layout) for port in imported.inputs] == [("data", (1, 3, 32, 32), "NCHW")]
    archive = shared_folder / "data" / "classification" / "cifar10-sample.zip"
    with zipfile.ZipFile(archive) as pictures:
        name = next(entry for entry in sorted(pictures.namelist()) if entry.endswith("test/airplane/0000.jpg"))
        picture = np.asarray(Image.open(io.BytesIO(pictures.read(name))).convert("RGB"), np.float32)
    mean, deviation = np.float32((125.307, 122.961, 113.8575)), np.float32((51.5865, 50.847, 51.255))
    data = ((picture[..., ::-1] - mean) / deviation)[None].transpose(0, 3, 1, 2)
    expected = "4.7023 0.8016 0.9786 -0.6699 -0.8694 -2.5625 -2.5470 -2.0394 1.8861 0.3201"
    logits = run(imported, {"data": np.ascontiguousarray(data)})["add_4"]
    np.testing.assert_allclose(logits[0], np.float32(expected.split()), atol=2e-3)


def test_leaves_are_the_outputs_of_other_graphs():
    graph = (
        placeholder("x", 1, 4),
        node("used", "Relu", "x"),
        node("a", "Neg", "used:0"),
        node("b", "Abs", "used"),
        node("loop/while/Exit", "Exit", "used"),
        node("loop/while/rest", "Neg", "used"),
        node("unused", "Const"),
        node("init", "NoOp", "^used"),
    )
    assert selected(*graph) == ["a", "b"]
    assert selected(*graph, wanted=("used:0", "b")) == ["used:0", "b"]


def test_outputs_of_one_tensor_and_an_input_as_an_output_stay_apart(tmp_path):
    path = saved(tmp_path, placeholder("x", 2), node("y", "Neg", "x"), node("z", "Neg", "x"))
    imported = tensorflow.load(
        source_of(path), Request(outputs=("y", "y:0", "x"), inputs=(Declared("x", (2,), "int8"),))
    )
    got = run(imported, {"x": np.int8([1, -2])})
    assert {name: list(array) for name, array in got.items()} == {"y": [-1, 2], "y:0": [-1, 2], "x_output": [1, -2]}
    assert "'x_output'" in " ".join(imported.notes)


def test_a_graph_without_shapes_needs_declared_ones(tmp_path):
    path = saved(tmp_path, placeholder("x", known=False), node("y", "Neg", "x"))
    with pytest.raises(CompileError, match="has no shape in the file: declare it"):
        tensorflow.load(source_of(path), Request())
    imported = tensorflow.load(source_of(path), Request(inputs=(Declared("x", (1, 3)),)))
    assert imported.outputs[0].shape == (1, 3)


def test_unknown_operators_are_listed_all_at_once(tmp_path):
    graph = (placeholder("x", 1, 4), node("a", "MyOp", "x"), node("b", "OtherOp", "a"), node("c", "Relu", "b"))
    with pytest.raises(CompileError, match="cannot be translated: MyOp, OtherOp"):
        tensorflow.load(source_of(saved(tmp_path, *graph)), Request())


def test_a_cycle_is_refused_and_a_loop_is_not():
    cycle = (placeholder("x", 1), node("a", "Add", "x", "b"), node("b", "Neg", "a"))
    with pytest.raises(CompileError, match="a cycle in the graph, among or before a, b"):
        selected(*cycle)
    loop = (node("m", "Merge", "x", "n"), node("s", "Neg", "m"), node("n", "NextIteration", "s"), node("e", "Neg", "s"))
    assert selected(placeholder("x", 1), *loop) == ["e"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a TensorFlow graph: it has no nodes"),
        (b"\x07", "not a readable TensorFlow graph"),
        (placeholder("x", 1)[:-3], "ends too early"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "lacks bytes"),
        (placeholder("x", 1), "no leaves"),
    ],
    ids=["empty", "no-message", "truncated", "huge-length", "nothing-computed"],
)
def test_what_is_no_graph_is_refused(tmp_path, content, words):
    with pytest.raises(CompileError, match=words):
        tensorflow.load(source_of(saved(tmp_path, content)), Request())


def test_text_graphs_are_refused_with_advice(tmp_path):
    path = saved(tmp_path, b"node {}", name="graph.pbtxt")
    with pytest.raises(CompileError, match="freeze the graph"):
        tensorflow.load(source_of(path), Request())


def test_two_graphs_are_refused(tmp_path):
    for name in ("a.pb", "b.pb"):
        saved(tmp_path, placeholder("x", 1), node("y", "Neg", "x"), name=name)
    with pytest.raises(CompileError, match=r"exactly one TensorFlow model .* a.pb, b.pb"):
        tensorflow.load(source_of(tmp_path), Request())


@pytest.mark.parametrize(
    ("content", "least", "most"),
    [
        (placeholder("x", 1) + node("y", "Neg", "x"), 0.9, 0.9),
        (b"\x08\x08\x12\x05hello", 0.2, 0.2),
        (b"", 0.2, 0.2),
    ],
    ids=["graph", "onnx-like", "empty"],
)
def test_probing_looks_into_the_file(tmp_path, content, least, most):
    assert least <= tensorflow.probe(source_of(saved(tmp_path, content))) <= most
    assert tensorflow.probe(source_of(saved(tmp_path, content, name="x.bin"))) == 0
