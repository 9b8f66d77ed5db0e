"""External data: read, kept, streamed; never from outside of the model's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from belvedere.compiler.importers import onnx as importer
from belvedere.compiler.importers.onnx.external import attach_external_data, is_external
from belvedere.compiler.importers.onnx.importer import read_model
from belvedere.compiler.importing import Request
from belvedere.compiler.source import open_source
from belvedere.core.archives import tar_gz
from belvedere.core.errors import CompileError
from helpers.onnx_models import conv_net, run

X = np.random.default_rng(1).random((1, 3, 8, 8)).astype(np.float32)


def external(folder: Path, location: str = "weights.bin", **entries: str) -> Path:
    """A model whose convolution's weights lie in a file beside it, after 64 other bytes."""
    net = conv_net()
    weights = net.graph.initializer[0]
    (folder / "weights.bin").write_bytes(bytes(64) + weights.raw_data)
    found = {"location": location, "offset": "64", "length": str(len(weights.raw_data)), **entries}
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in found.items():
        weights.external_data.add(key=key, value=value)
    (folder / "net.onnx").write_bytes(net.SerializeToString())
    return folder / "net.onnx"


def test_external_data_are_read_into_a_small_model(tmp_path: Path) -> None:
    with open_source(external(tmp_path)) as source:
        found = importer.load(source, Request())
    assert not any(map(is_external, found.network.graph.initializer))
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_external_data_of_an_archive(tmp_path: Path) -> None:
    path = external(tmp_path)
    files = {"a/net.onnx": path.read_bytes(), "a/weights.bin": (tmp_path / "weights.bin").read_bytes()}
    (tmp_path / "model.tar.gz").write_bytes(tar_gz(files))
    with open_source(tmp_path / "model.tar.gz") as source:
        found = importer.load(source, Request())
    np.testing.assert_array_equal(run(found.network, X)[0], run(conv_net(), X)[0])


def test_the_data_of_a_large_model_stay_outside(tmp_path: Path) -> None:
    path = external(tmp_path)
    net = read_model(path)
    big = net.graph.initializer.add(name="big", data_type=onnx.TensorProto.FLOAT, dims=[50_000])
    with (tmp_path / "weights.bin").open("ab") as stream:
        at = stream.tell()
        stream.write(np.arange(50_000, dtype=np.float32).tobytes())
    big.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", str(at)), ("length", "200000")):
        big.external_data.add(key=key, value=value)
    notes = attach_external_data(net, tmp_path, "net", largest=100_000)
    assert "kept in a file of their own" in notes[0]
    assert [is_external(found) for found in net.graph.initializer] == [False, True]


def test_a_missing_file_is_named_once(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = external(folder)
    net = onnx.load(path, load_external_data=False)
    other = net.graph.initializer.add(name="other", data_type=onnx.TensorProto.FLOAT, dims=[4])
    other.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        other.external_data.add(key=key, value=value)
    net.graph.node.add(op_type="Identity", input=["other"], output=["unused"])
    path.write_bytes(net.SerializeToString())
    (folder / "weights.bin").unlink()
    with open_source(path) as source, pytest.raises(CompileError) as caught:
        importer.load(source, Request())
    said = str(caught.value)
    assert said.count("weights.bin") == 1
    assert "2 tensors, '" in said
    assert said.endswith("first, lie in weights.bin, which is missing; keep it beside the model")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "../secret"}, "expected a file in the model's folder"),
        ({"location": "/etc/passwd"}, "expected a file in the model's folder"),
        ({"location": ""}, "expected a file in the model's folder"),
        ({"location": "link"}, "a link out of the model's folder"),
        ({"location": "nothing.bin"}, "which is missing"),
        ({"offset": "100"}, r"ends at byte 532 of weights\.bin, which has 496: truncated"),
        ({"offset": "-4"}, "offset or length '-4'"),
        ({"length": "999999999999999999999"}, "offset or length"),
        ({"length": "8"}, "has 8 bytes in weights.bin; its dimensions ask for 432"),
    ],
)
def test_places_that_are_refused(tmp_path: Path, entries: dict[str, str], message: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(1000))
    (folder / "link").symlink_to(tmp_path / "secret")
    path = external(folder, **entries)
    with open_source(path) as source, pytest.raises(CompileError, match=message):
        importer.load(source, Request())
