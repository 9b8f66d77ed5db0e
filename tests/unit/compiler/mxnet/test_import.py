"""The importer as a whole: files, inputs, labels, outputs, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.compiler.importers.mxnet import load, probe
from belvedere.compiler.importing import Declared, Importer, Request
from belvedere.core.errors import CompileError, LimitError
from unit.compiler.mxnet.engines import ENGINES, imported, run, source_of
from unit.compiler.mxnet.models import Symbol, params_bytes, save

_RANDOM = np.random.default_rng(5)
WEIGHTS = {
    "fc_weight": _RANDOM.normal(size=(4, 6)).astype(np.float32),
    "fc_bias": _RANDOM.normal(size=4).astype(np.float32),
}
DATA = _RANDOM.normal(size=(2, 6)).astype(np.float32)


def _classifier() -> dict[str, Any]:
    symbol = Symbol()
    data, weight, bias = (symbol.variable(name) for name in ("data", "fc_weight", "fc_bias"))
    scores = symbol.op("FullyConnected", "fc", data, weight, bias, num_hidden=4)
    head = symbol.op("SoftmaxOutput", "softmax", scores, symbol.variable("softmax_label"))
    return symbol.json(head)


def _expected(data: Any) -> Any:
    scores = np.exp(data @ WEIGHTS["fc_weight"].T + WEIGHTS["fc_bias"])
    return scores / scores.sum(1, keepdims=True)


def _folder(tmp_path: Path) -> Path:
    return save(tmp_path / "net", _classifier(), WEIGHTS)


def test_it_is_an_importer() -> None:
    from belvedere.compiler.importers import mxnet

    importer: Importer = mxnet
    assert callable(importer.probe)
    assert callable(importer.load)


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_are_dropped_declared_or_not(tmp_path: Path, engine: str) -> None:
    folder = _folder(tmp_path)
    for inputs in ({"data": (2, 6)}, {"data": (2, 6), "softmax_label": (2,)}):
        model = imported(folder, inputs)
        assert [(p.name, p.shape, p.dtype) for p in model.inputs] == [("data", (2, 6), "float32")]
        assert [(p.name, p.shape) for p in model.outputs] == [("softmax_output", (2, 4))]
        assert len(model.notes) == len(inputs) - 1
        np.testing.assert_allclose(run(engine, model, {"data": DATA})[0], _expected(DATA), rtol=1e-5)
    assert model.provenance["mxnet_version"] == "1.9.1"
    assert model.provenance["operators"] == ["FullyConnected", "SoftmaxOutput"]


def test_a_single_wrong_name_is_an_error_that_shows_name_and_shape(tmp_path: Path) -> None:
    content = _classifier()
    content["nodes"][0]["attrs"] = {"__shape__": "(0, 6)"}
    with pytest.raises(CompileError, match=r"no input 'image'; its inputs are 'data' \[\?, 6\]$"):
        imported(save(tmp_path / "net", content, WEIGHTS), {"image": (2, 6)})


def test_a_cycle_names_the_file(tmp_path: Path) -> None:
    content = _classifier()
    content["nodes"][3]["inputs"][0] = [3, 0, 0]
    with pytest.raises(CompileError, match=r"-symbol\.json: the graph has a cycle"):
        imported(save(tmp_path / "net", content, WEIGHTS), {"data": (2, 6)})


def test_an_input_without_a_name_takes_the_graphs(tmp_path: Path) -> None:
    model = load(source_of(_folder(tmp_path)), Request(inputs=(Declared(None, (1, 6)),)))
    assert [port.name for port in model.inputs] == ["data"]


def test_a_weight_is_no_input(tmp_path: Path) -> None:
    symbol = Symbol()
    data, weight = symbol.variable("data"), symbol.variable("fc_weight")
    node = symbol.op("FullyConnected", "fc", data, weight, num_hidden=2, no_bias=True)
    save(tmp_path, symbol.json(node), {"fc_weight": np.ones((2, 4), np.float32)})
    with pytest.raises(CompileError, match=r"declared as input\(s\) are 'fc_weight', which .* as weights.* are 'data'"):
        imported(tmp_path, {"data": (1, 4), "fc_weight": (2, 4)})


def test_wrong_names_show_the_expected_ones(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no input 'a', 'b'; its inputs are 'data'"):
        imported(_folder(tmp_path), {"a": (2, 6), "b": (2, 6)})
    with pytest.raises(CompileError, match="'extra'; its inputs are 'data'"):
        imported(_folder(tmp_path), {"data": (2, 6), "extra": (2, 6)})
    with pytest.raises(CompileError, match="2 inputs are declared, the model has 1: 'data'"):
        load(source_of(_folder(tmp_path)), Request(inputs=(Declared(None, (1, 6)), Declared(None, (1,)))))


def test_shapes_must_be_declared_unless_the_graph_has_them(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no shape is known for the input\\(s\\) 'data'"):
        imported(_folder(tmp_path))
    content = _classifier()
    content["nodes"][0]["attrs"] = {"__shape__": "(3, 6)"}
    assert imported(save(tmp_path / "shaped", content, WEIGHTS)).inputs[0].shape == (3, 6)
    content["nodes"][0]["attrs"] = {"__shape__": "(0, 6)"}
    with pytest.raises(CompileError, match="no shape is known"):
        imported(save(tmp_path / "zero", content, WEIGHTS))


def test_all_missing_weights_are_listed(tmp_path: Path) -> None:
    folder = save(tmp_path / "net", _classifier(), {"other_weight": WEIGHTS["fc_weight"]})
    with pytest.raises(CompileError, match=r"lacks 2 weight.*'fc_weight', 'fc_bias'.*another model"):
        imported(folder, {"data": (2, 6)})


def test_an_output_that_depends_on_a_label_is_refused(tmp_path: Path) -> None:
    symbol = Symbol()
    entry = symbol.op("elemwise_sub", "diff", symbol.variable("data"), symbol.variable("my_label"))
    folder = save(tmp_path / "net", symbol.json(symbol.op("MakeLoss", "loss", entry)))
    with pytest.raises(CompileError, match=r"label\(s\) 'my_label'"):
        imported(folder, {"data": (2, 6)})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_free_batch_where_the_graph_allows_it(tmp_path: Path, engine: str) -> None:
    model = imported(_folder(tmp_path), {"data": (-1, 6)})
    assert model.inputs[0].shape == (-1, 6)
    assert model.outputs[0].shape == (-1, 4)
    for count in (1, 2):
        np.testing.assert_allclose(run(engine, model, {"data": DATA[:count]})[0], _expected(DATA[:count]), rtol=1e-5)


def test_a_free_batch_is_refused_where_a_shape_is_written_down(tmp_path: Path) -> None:
    symbol = Symbol()
    entry = symbol.op("Reshape", "flat", symbol.variable("data"), shape="(-1,)")
    folder = save(tmp_path / "net", symbol.json(entry))
    with pytest.raises(CompileError, match=r"batch cannot be free.*flat"):
        imported(folder, {"data": (-1, 6)})
    with pytest.raises(CompileError, match="only the first axis"):
        imported(folder, {"data": (1, -1)})


@pytest.mark.parametrize(("declared", "fed"), [("uint8", np.uint8), ("float64", np.float64), ("int32", np.int32)])
def test_other_element_types_are_cast_inside(tmp_path: Path, declared: str, fed: Any) -> None:
    request = Request(inputs=(Declared("data", (2, 6), declared),))
    model = load(source_of(_folder(tmp_path)), request)
    data = np.arange(12).reshape(2, 6).astype(fed) // 4
    assert model.inputs[0].dtype == declared
    np.testing.assert_allclose(
        run("onnxruntime", model, {"data": data})[0], _expected(data.astype(np.float32)), rtol=1e-4
    )


def test_outputs_by_name_and_any_node_by_index(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    scores = DATA @ WEIGHTS["fc_weight"].T + WEIGHTS["fc_bias"]
    for request in ({"outputs": ("fc_output",)}, {"outputs": ("fc",)}, {"options": {"node": "3"}}):
        model = imported(folder, {"data": (2, 6)}, **request)
        np.testing.assert_allclose(run("onnxruntime", model, {"data": DATA})[0], scores, rtol=1e-5, atol=1e-6)
    assert model.outputs[0].name == "fc_output"
    model = imported(folder, {"data": (2, 6)}, outputs=("fc_output", "softmax_output"))
    assert [port.name for port in model.outputs] == ["fc_output", "softmax_output"]
    with pytest.raises(CompileError, match="no output 'none'; its outputs are softmax_output"):
        imported(folder, {"data": (2, 6)}, outputs=("none",))
    for wrong in ("99", "x", "-1", "1:x"):
        with pytest.raises(CompileError, match="no index of its 6 nodes"):
            imported(folder, {"data": (2, 6)}, options={"node": wrong})
    with pytest.raises(CompileError, match="output 4 of node 3"):
        imported(folder, {"data": (2, 6)}, options={"node": "3:4"})


@pytest.mark.parametrize("engine", ENGINES)
def test_heads_that_are_an_input_a_weight_and_twice_the_same(tmp_path: Path, engine: str) -> None:
    symbol = Symbol()
    data, weight = symbol.variable("data"), symbol.variable("fc_weight")
    act = symbol.op("relu", "act", data)
    model = imported(save(tmp_path / "net", symbol.json(data, weight, act, act), WEIGHTS), {"data": (2, 6)})
    got = run(engine, model, {"data": DATA})
    for one, two in zip(got, [DATA, WEIGHTS["fc_weight"], np.maximum(DATA, 0), np.maximum(DATA, 0)], strict=True):
        np.testing.assert_array_equal(one, two)
    assert len({port.name for port in (*model.inputs, *model.outputs)}) == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_nodes_and_variables_of_one_name(tmp_path: Path, engine: str) -> None:
    symbol = Symbol()
    entry = symbol.variable("data")
    for _ in range(3):
        entry = symbol.op("broadcast_mul", "scaled", entry, symbol.variable("gain_weight"))
    folder = save(tmp_path / "net", symbol.json(entry), {"gain_weight": np.full((1, 6), 2, np.float32)})
    np.testing.assert_allclose(run(engine, imported(folder, {"data": (2, 6)}), {"data": DATA})[0], DATA * 8)


def test_every_unknown_operator_is_listed_with_its_node(tmp_path: Path) -> None:
    symbol = Symbol()
    entry = symbol.variable("data")
    for op, attributes in (("Custom", {"op_type": "mine"}), ("RNN", {}), ("_random_normal", {}), ("Nonsense", {})):
        entry = symbol.op(op, f"my_{op}", entry, **attributes)
    content = symbol.json(entry)
    content["nodes"].append({"op": "relu", "name": "loop", "inputs": [[4, 0, 0]], "subgraphs": [{"nodes": []}]})
    content["heads"] = [[5, 0, 0]]
    with pytest.raises(CompileError) as caught:
        imported(save(tmp_path / "net", content), {"data": (2, 6)})
    for word in (
        "Custom (op_type mine)",
        "'my_RNN' (node 2)",
        "random numbers",
        "'my_Nonsense'",
        "control flow",
        "'loop'",
    ):
        assert word in str(caught.value)


def test_all_faulty_nodes_are_listed_but_not_what_depends_on_them(tmp_path: Path) -> None:
    symbol = Symbol()
    data = symbol.variable("data")
    first = symbol.op("transpose", "one", data, axes="(5, 0)")
    second = symbol.op("expand_dims", "two", data)
    both = symbol.op("elemwise_add", "three", first, second)
    with pytest.raises(CompileError) as caught:
        imported(save(tmp_path / "net", symbol.json(both)), {"data": (2, 6)})
    assert "'one' (node 1), transpose: it names axis 5" in str(caught.value)
    assert "'two' (node 2), expand_dims: it has no attribute axis" in str(caught.value)
    assert "three" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "nodes", "layout"),
    [
        ((1, 3, 8, 8), [("_copy", {}), ("Pooling", {"kernel": "(2, 2)"})], "NCHW"),
        ((1, 8, 8, 3), [("_div_scalar", {"scalar": 2}), ("transpose", {"axes": "(0, 3, 1, 2)"})], "NHWC"),
        ((1, 8, 8, 3), [("Pooling", {"kernel": "(2, 2)", "layout": "NHWC"})], "NHWC"),
        ((1, 8, 8, 3), [("Flatten", {})], ""),
        ((1, 8), [("relu", {})], ""),
    ],
)
def test_layouts_of_inputs(tmp_path: Path, shape: tuple[int, ...], nodes: list[Any], layout: str) -> None:
    symbol = Symbol()
    entry = symbol.variable("data")
    for index, (op, attributes) in enumerate(nodes):
        entry = symbol.op(op, f"n{index}", entry, **attributes)
    assert imported(save(tmp_path / "net", symbol.json(entry)), {"data": shape}).inputs[0].layout == layout


def test_probing(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    assert probe(source_of(folder)) == 1.0
    for name in ("model-symbol.json", "model-0000.params"):
        assert probe(source_of(folder / name)) == 1.0
    (folder / "model-0000.params").write_bytes(b"nothing")
    assert 0.5 < probe(source_of(folder)) < 1
    (folder / "model-symbol.json").unlink()
    assert probe(source_of(folder)) < 0.5
    (folder / "model-0000.params").rename(folder / "readme.txt")
    (folder / "config.json").write_text('{"nodes": 3}')
    assert probe(source_of(folder)) == 0.0


def test_either_file_or_a_nested_folder_may_be_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    shutil.copy(folder / "model-0000.params", folder / "other-0000.params")
    for path in (folder / "model-symbol.json", folder / "model-0000.params"):
        assert load(source_of(path), Request(inputs=(Declared("data", (1, 6)),))).outputs[0].shape == (1, 4)
    (folder / "other-0000.params").unlink()
    (folder / "._model-symbol.json").write_bytes(b"\x00\x05\x16\x07")
    outer = tmp_path / "outer" / "export"
    shutil.move(folder, outer)
    assert imported(outer.parent, {"data": (1, 6)}).outputs[0].shape == (1, 4)


def test_the_highest_epoch_is_taken_and_said(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    doubled = {name: 2 * array for name, array in WEIGHTS.items()}
    (folder / "model-0010.params").write_bytes(params_bytes(doubled))
    model = imported(folder, {"data": (2, 6)}, outputs=("fc",))
    assert "model-0010.params was taken" in model.notes[0]
    expected = DATA @ doubled["fc_weight"].T + doubled["fc_bias"]
    np.testing.assert_allclose(run("onnxruntime", model, {"data": DATA})[0], expected, rtol=1e-5, atol=1e-6)


def test_one_half_of_a_pair_or_two_models(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    shutil.copy(folder / "model-symbol.json", folder / "second-symbol.json")
    with pytest.raises(CompileError, match=r"more than one MXNet model: model-symbol\.json, second-symbol\.json"):
        imported(folder, {"data": (1, 6)})
    (folder / "second-symbol.json").unlink()
    (folder / "model-0000.params").rename(folder / "a-0000.params")
    shutil.copy(folder / "a-0000.params", folder / "b-0000.params")
    with pytest.raises(CompileError, match="only one parameter file is allowed"):
        imported(folder, {"data": (1, 6)})
    for name in ("a", "b"):
        (folder / f"{name}-0000.params").unlink()
    with pytest.raises(CompileError, match="no parameter file"):
        imported(folder, {"data": (1, 6)})
    (folder / "model-symbol.json").rename(folder / "notes.txt")
    with pytest.raises(CompileError, match="no MXNet model in it"):
        imported(folder, {"data": (1, 6)})


def test_parameters_of_a_compiled_model_are_explained(tmp_path: Path) -> None:
    folder = tmp_path / "neo"
    folder.mkdir()
    (folder / "compiled.params").write_bytes(struct.pack("<Q", 0xF7E58D4F05049CB7) + b"\x00" * 64)
    (folder / "compiled_model.json").write_text(json.dumps({"nodes": [{"op": "tvm_op", "name": "a", "inputs": []}]}))
    assert probe(source_of(folder)) < 0.5
    with pytest.raises(CompileError, match="compiled by Neo"):
        imported(folder, {"data": (1, 6)})


def test_a_constant_is_stored_once_and_large_fills_not_at_all(tmp_path: Path) -> None:
    symbol = Symbol()
    data = symbol.variable("data")
    ids = symbol.op(
        "broadcast_mul",
        "ids",
        symbol.op("ones_like", "ones", data),
        symbol.op("_full", "five", shape="(1, 1)", value=5),
    )
    chosen = symbol.op(
        "where",
        "chosen",
        symbol.op("_greater_scalar", "high", data, scalar=0),
        ids,
        symbol.op("_mul_scalar", "zero", data, scalar=0),
    )
    model = imported(save(tmp_path / "net", symbol.json(chosen)), {"data": (400, 500)})
    assert sum(len(tensor.raw_data) for tensor in model.network.graph.initializer) < 1000
    data_in = _RANDOM.normal(size=(400, 500)).astype(np.float32)
    np.testing.assert_array_equal(run("onnxruntime", model, {"data": data_in})[0], np.where(data_in > 0, 5, 0))


def test_rows_that_are_cut_away_are_not_padded(tmp_path: Path) -> None:
    symbol = Symbol()
    boxes = symbol.op("_contrib_box_nms", "nms", symbol.variable("data"), topk=20)
    short = symbol.op("slice_axis", "short", boxes, axis=1, begin=0, end=10)
    model = imported(save(tmp_path / "net", symbol.json(short)), {"data": (1, 5000, 6)})
    assert [node.op_type for node in model.network.graph.node].count("Pad") == 0
    longer = symbol.op("slice_axis", "long", boxes, axis=1, begin=0, end=30)
    model = imported(save(tmp_path / "long", symbol.json(longer)), {"data": (1, 5000, 6)})
    (got,) = run("onnxruntime", model, {"data": np.zeros((1, 5000, 6), np.float32)})
    np.testing.assert_array_equal(got, np.full((1, 30, 6), -1))


GOOD = json.dumps(_classifier()).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.sampled_from(b'0123456789-()[]{}",:aeT ')), min_size=1, max_size=4
    )
)
def test_flipped_characters_are_imported_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    folder = _folder(tmp_path)
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    (folder / "model-symbol.json").write_bytes(data)
    with contextlib.suppress(CompileError, LimitError):
        imported(folder, {"data": (2, 6)})


_REAL = {
    "cifar_resnet20_v1": (
        "cifar_resnet20_v1-symbol.json",
        (0.4914, 0.4822, 0.4465),
        (0.2023, 0.1994, 0.2010),
        255,
        "RGB",
    ),
    "samplenet": ("samplenet-symbol.json", (125.307, 122.961, 113.8575), (51.5865, 50.847, 51.255), 1, "BGR"),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", _REAL)
@pytest.mark.parametrize("engine", ENGINES)
def test_real_models(shared_folder: Path, name: str, engine: str) -> None:
    symbol, mean, deviation, scale, order = _REAL[name]
    expected = json.loads((shared_folder / "models" / "expected.json").read_text())[f"{name} (MXNet)"]
    pictures, labels = _pictures(shared_folder / "data" / "classification" / "cifar10-sample.zip")
    # The BGR network was trained with the means in the order of its own channels.
    channels = pictures if order == "RGB" else pictures[..., ::-1]
    data = ((channels / scale - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    path = shared_folder / "models" / "formats" / name / symbol
    model = load(source_of(path), Request(inputs=(Declared("data", data.shape),)))
    (got,) = run(engine, model, {"data": np.ascontiguousarray(data)})
    logits = [float(value) for value in expected["first_image_logits"].split()]
    np.testing.assert_allclose(got[0], logits, atol=1e-3)
    assert abs(float((got.argmax(1) == labels).mean()) - expected["cifar10_sample_test_top1"]) < 0.005
    assert model.inputs[0].layout == "NCHW"


def _pictures(path: Path) -> tuple[Any, Any]:
    """The test pictures (count, 32, 32, 3) in 0..255, and the numbers of their classes in alphabetical order."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("test/") and name.endswith(".jpg"))
        pictures = [np.asarray(Image.open(archive.open(name)).convert("RGB"), np.float32) for name in names]
    classes = sorted({name.split("/")[1] for name in names})
    return np.stack(pictures), np.array([classes.index(name.split("/")[1]) for name in names])
