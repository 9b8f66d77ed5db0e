"""Networks of every form through both engines: any types, ranks and number of inputs and outputs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from belvedere.core.errors import ArtifactError, EngineError, LimitError
from belvedere.core.limits import Limits
from belvedere.runtime import Artifact, Model, load
from belvedere.runtime import folder as folder_module
from belvedere.runtime.engine import open_engine
from belvedere.runtime.network import NetworkFiles
from helpers.tensors import (
    as_ir,
    dense_artifact,
    dense_network,
    mixed_artifact,
    mixed_network,
    node,
    onnx_network,
    tensor_artifact,
    with_external_data,
)

ENGINES = ("openvino", "onnxruntime")
MIXED = {
    "pixels": np.array([[0, 1, 2, 3], [9, 8, 7, 6]], np.uint8),
    "gain": np.array(0.5, np.float32),
    "offset": np.array([1, -(2**20), 3], np.int64),
}
ROW = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)


def expected(row: np.ndarray = ROW) -> np.ndarray:
    weights = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    return np.maximum(row @ weights, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_and_outputs_of_many_types_and_ranks(engine: str) -> None:
    with Model(mixed_artifact(), engine=engine, cache=False) as model:
        total, index, bright, twice = model.run(MIXED)
    assert (total.dtype, total.shape, float(total)) == (np.float32, (), 18.0)
    assert (index.dtype, index.tolist()) == (np.int64, [3, 0])
    assert bright.dtype == np.bool_
    assert bright.tolist() == (MIXED["pixels"] * 0.5 > 0.5).tolist()
    assert (twice.dtype, twice.tolist()) == (np.int64, [2, -(2**21), 6])


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_come_in_the_manifests_order_and_only_those(engine: str) -> None:
    outputs = [("twice", "int64", [3]), ("total", "float32", [])]
    inputs = [("offset", "int64", [3]), ("pixels", "uint8", [2, 4]), ("gain", "float32", [])]
    with Model(tensor_artifact(mixed_network(), inputs, outputs), engine=engine, cache=False) as model:
        twice, total = model.run(MIXED)
    assert (twice.shape, total.shape) == ((3,), ())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("names", [("a", "b"), ("t", "a"), ("a", "x")])
def test_one_tensor_under_several_names(engine: str, names: tuple[str, str]) -> None:
    nodes = [node("Relu", ["x"], ["t"]), node("Identity", ["t"], ["a"]), node("Identity", ["t"], ["b"])]
    ports = [("x", "float32", [1, 3])], [(name, "float32", [1, 3]) for name in names]
    with Model(tensor_artifact(onnx_network(nodes, *ports), *ports), engine=engine, cache=False) as model:
        first, second = model.run(np.array([[-1, 0, 2]], np.float32))
    assert first.tolist() == [[0, 0, 2]]
    assert second.tolist() == ([[-1, 0, 2]] if names[1] == "x" else [[0, 0, 2]])
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_output_listed_twice_in_the_file(engine: str) -> None:
    ports = [("x", "float32", [1, 3])], [("t", "float32", [1, 3])] * 2
    network = onnx_network([node("Relu", ["x"], ["t"])], *ports)
    with closing(open_engine(network, engine=engine)) as opened:
        assert opened.run({"x": np.ones((1, 3), np.float32)})["t"].tolist() == [[1, 1, 1]]
    with Model(tensor_artifact(network, *ports), engine=engine, cache=False) as model:
        assert [values.tolist() for values in model.run(np.ones((1, 3), np.float32))] == [[[1, 1, 1]]] * 2


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_that_changes_nothing(engine: str) -> None:
    inputs = [("x", "float32", [1, 3]), ("unused", "int32", [2])]
    outputs = [("y", "float32", [1, 3])]
    network = onnx_network([node("Relu", ["x"], ["y"])], inputs, outputs)
    with Model(tensor_artifact(network, inputs, outputs), engine=engine, cache=False) as model:
        tensors = {"x": np.ones((1, 3), np.float32), "unused": np.zeros(2, np.int32)}
        assert model.run(tensors)[0].tolist() == [[1, 1, 1]]
        with pytest.raises(EngineError, match="not given: unused"):
            model.run({"x": tensors["x"]})
        with pytest.raises(EngineError, match=r"'unused' is int32 \[3\]"):
            model.run({**tensors, "unused": np.zeros(3, np.int32)})


@pytest.mark.parametrize("engine", ENGINES)
def test_free_axes_take_any_size_in_one_call(engine: str) -> None:
    with Model(dense_artifact(free=True), engine=engine, cache=False) as model:
        for rows in (1, 5, 2):
            tensor = np.random.default_rng(rows).standard_normal((rows, 8)).astype(np.float32)
            (found,) = model.run({"x": tensor})
            np.testing.assert_allclose(found, expected(tensor), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_manifest_fixes_axes_that_the_file_leaves_free(engine: str) -> None:
    ports = [("x", "float32", [3, 8])], [("y", "float32", [3, 8])]
    with Model(tensor_artifact(dense_network(free=True), *ports), engine=engine, cache=False) as model:
        assert model.run(np.zeros((3, 8), np.float32))[0].shape == (3, 8)
        with pytest.raises(EngineError, match=r"the network takes float32 \[3, 8\]"):
            model.run(np.zeros((2, 8), np.float32))


@pytest.mark.parametrize("engine", ENGINES)
def test_outputs_of_a_size_that_depends_on_values(engine: str) -> None:
    ports = [("x", "float32", [6])], [("places", "int64", [1, "found"])]
    network = onnx_network([node("NonZero", ["x"], ["places"])], *ports)
    with Model(tensor_artifact(network, *ports), engine=engine, cache=False) as model:
        assert model.run(np.array([0, 1, 0, 2, 0, 3], np.float32))[0].tolist() == [[1, 3, 5]]
        assert model.run(np.zeros(6, np.float32))[0].shape == (1, 0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([("data", "float32", [1, 8])], r"takes the inputs 'x' float32 \[1, 8\].*lists 'data' float32 \[1, 8\]"),
        ([("x", "uint8", [1, 8])], r"'x'.*float32 \[1, 8\].*uint8 \[1, 8\]"),
        ([("x", "float32", [1, 7])], "network"),
    ],
)
def test_a_manifest_that_does_not_fit_its_network(engine: str, inputs: list, reason: str) -> None:
    artifact = tensor_artifact(dense_network(), inputs, [("y", "float32", [1, 8])])
    with pytest.raises(EngineError, match=reason):
        Model(artifact, engine=engine, cache=False).run(ROW)


def test_an_ir_runs_on_openvino() -> None:
    xml, weights = as_ir(mixed_network())
    files = {"net/model.xml": xml, "net/model.bin": weights}
    network = {"file": "net/model.xml", "format": "openvino-ir", "weights": "net/model.bin"}
    with Model(mixed_artifact(files=files, network=network), cache=False) as model:
        found = model.run(MIXED)
    with Model(mixed_artifact(), cache=False) as model:
        assert all(np.array_equal(one, other) for one, other in zip(found, model.run(MIXED), strict=True))


def test_outputs_without_names_are_taken_by_their_places() -> None:
    xml, weights = as_ir(mixed_network(), names=False)
    network = NetworkFiles(xml, "openvino-ir", weights)
    with closing(open_engine(network)) as opened:
        assert [values.dtype for values in opened.infer(MIXED)] == [np.float32, np.int64, np.bool_, np.int64]
    files = {"model.xml": xml, "model.bin": weights}
    parts = {"file": "model.xml", "format": "openvino-ir", "weights": "model.bin"}
    with Model(mixed_artifact(files=files, network=parts), cache=False) as model:
        assert float(model.run(MIXED)[0]) == 18.0


def test_an_ir_has_no_other_engine() -> None:
    xml, weights = as_ir(dense_network())
    network = NetworkFiles(xml, "openvino-ir", weights)
    with pytest.raises(EngineError, match=r"belvedere\[tensorflow\]"):
        open_engine(network, engine="onnxruntime")


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_a_damaged_ir(keep: int) -> None:
    xml, weights = as_ir(dense_network())
    with pytest.raises(EngineError, match="refuses the network"):
        open_engine(NetworkFiles(xml[:keep], "openvino-ir", weights))
    with pytest.raises(EngineError, match="refuses the network"):
        open_engine(NetworkFiles(xml, "openvino-ir", weights[: len(weights) // 2]))


def external_artifact(location: str = "net.bin", listed: str | None = None) -> Artifact:
    network, data = with_external_data(dense_network(), location)
    name = f"model/{listed or location}"
    ports = [("x", "float32", [1, 8])], [("y", "float32", [1, 8])]
    return tensor_artifact(
        network,
        *ports,
        network={"file": "model/network.onnx", "external_data": [name]},
        files={"model/network.onnx": network, name: data},
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["memory", "model", "model.tar.gz"])
@pytest.mark.parametrize("location", ["net.bin", "parts/net.bin"])
def test_external_data(engine: str, form: str, location: str, tmp_path: Path) -> None:
    artifact = external_artifact(location)
    if form != "memory":
        artifact.save(tmp_path / form)
        artifact = Artifact.load(tmp_path / form)
    with Model(artifact, engine=engine, cache=False) as model:
        np.testing.assert_allclose(model.run(ROW)[0], expected(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_files_of_a_folder_are_used_where_they_lie(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    external_artifact().save(tmp_path / "model")
    artifact = Artifact.load(tmp_path / "model")
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: pytest.fail("the network was copied"))
    with Model(artifact, engine=engine, cache=False) as model:
        np.testing.assert_allclose(model.run(ROW)[0], expected(), rtol=1e-5, atol=1e-6)


def test_files_that_were_exchanged_meanwhile_are_not_used(tmp_path: Path) -> None:
    external_artifact().save(tmp_path / "model")
    artifact = Artifact.load(tmp_path / "model")
    external_artifact().save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="changed since the artifact was loaded: load it again"):
        Model(artifact, cache=False).run(ROW)


@pytest.mark.parametrize("location", ["../net.bin", "/etc/hostname", "other.bin", ""])
@pytest.mark.parametrize("engine", ENGINES)
def test_weights_from_files_that_are_no_part_of_the_model(
    engine: str, location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = external_artifact(location, listed="net.bin")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.bin").write_bytes(bytes(10_000))
    with pytest.raises(EngineError, match="weights from files that are no part of it"):
        Model(artifact, engine=engine, cache=False).run(ROW)
    with pytest.raises(EngineError, match="weights from files that are no part of it"):
        open_engine(artifact.network, engine=engine)


def test_references_in_inner_graphs_are_found_too() -> None:
    from onnx import TensorProto, helper

    from belvedere.runtime.network import external_locations

    def outside(name: str) -> TensorProto:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=name)
        return tensor

    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=outside("deep"))], "in", [], [])
    outer = helper.make_graph(
        [helper.make_node("If", ["k"], ["y"], then_branch=inner)], "out", [], [], [outside("top")]
    )
    model = helper.make_model(outer)
    model.functions.add(name="f").node.add(op_type="Constant").attribute.add(name="value").t.CopyFrom(outside("func"))
    assert external_locations(model) == {"deep", "top", "func"}


@pytest.mark.parametrize("engine", ENGINES)
def test_large_files_are_mapped_and_not_read(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dense_artifact().with_report("r", b"1").save(tmp_path / "model")
    read = Artifact.load(tmp_path / "model")
    monkeypatch.setattr(folder_module, "MAPPED_FROM", 1)
    mapped = Artifact.load(tmp_path / "model")
    assert isinstance(mapped.files["network.onnx"], memoryview)
    assert mapped.files == read.files
    assert mapped.network == read.network
    assert mapped.digest == read.digest
    for name in ("again", "again.tar.gz"):
        mapped.save(tmp_path / name)
        assert Artifact.load(tmp_path / name).digest == read.digest
    with Model(mapped, engine=engine, cache=False) as model:
        np.testing.assert_allclose(model.run(ROW)[0], expected(), rtol=1e-5, atol=1e-6)


def test_a_mapped_ir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xml, weights = as_ir(dense_network())
    parts = {"file": "model.xml", "format": "openvino-ir", "weights": "weights.bin"}
    dense_artifact(files={"model.xml": xml, "weights.bin": weights}, network=parts).save(tmp_path / "model")
    monkeypatch.setattr(folder_module, "MAPPED_FROM", 1)
    with Model(Artifact.load(tmp_path / "model"), cache=False) as model:
        np.testing.assert_allclose(model.run(ROW)[0], expected(), rtol=1e-5, atol=1e-6)


def test_a_network_that_only_onnxruntime_runs() -> None:
    """Deformable convolution, with offsets of zero: the same as a convolution."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((2, 3, 3, 3)).astype(np.float32)
    ports = [("x", "float32", [1, 3, 6, 6])], [("y", "float32", [1, 2, 4, 4])]
    zeros = {"w": weights, "offset": np.zeros((1, 18, 4, 4), np.float32)}
    network = onnx_network([node("DeformConv", ["x", "w", "offset"], ["y"])], *ports, zeros, opset=19)
    picture = rng.standard_normal((1, 3, 6, 6)).astype(np.float32)
    with pytest.raises(EngineError, match="OpenVINO refuses the network"):
        Model(tensor_artifact(network, *ports), cache=False).run(picture)
    with Model(tensor_artifact(network, *ports, engine="onnxruntime"), cache=False) as model:
        assert model.engine.name == "onnxruntime"
        (found,) = model.run(picture)
    windows = np.lib.stride_tricks.sliding_window_view(picture[0], (3, 3), axis=(1, 2))
    np.testing.assert_allclose(found[0], np.einsum("cyxij,ocij->oyx", windows, weights), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["model", "model.tar.gz"])
def test_bounds_on_an_artifact_can_be_given(form: str, tmp_path: Path) -> None:
    dense_artifact().save(tmp_path / form)
    with pytest.raises(LimitError):
        load(tmp_path / form, limits=Limits(archive_bytes=100))
    assert load(tmp_path / form, cache=False).run(ROW)[0].shape == (1, 8)


def test_identity_is_of_the_content() -> None:
    one, other = NetworkFiles(dense_network()), NetworkFiles(dense_network(seed=1))
    assert one.identity == NetworkFiles(bytes(dense_network())).identity
    assert len({one.identity, other.identity, NetworkFiles(dense_network(), "openvino-ir").identity}) == 3
    assert dense_artifact().network_files.identity == NetworkFiles(dense_artifact().network).identity
