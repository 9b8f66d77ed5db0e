"""GluonCV's names: packaged structures, the user's weights, GluonCV's preprocessing."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import belvedere
from belvedere.compiler.compile import compile as compile_model
from belvedere.compiler.importers.mxnet.params import read_params
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.dispatch import preprocess_of
from belvedere.vision.decode import load_image
from belvedere.zoo import entries, find, zoo_artifact
from belvedere.zoo.gluoncv.presets import PRESETS
from belvedere.zoo.gluoncv.structures import Structure, find_structure, stored_names, symbol_for

ROOT = Path(__file__).resolve().parents[3]
QUICK = {"seconds": 0.02}


def write_params(path: Path, arrays: dict[str, NDArray[np.float32]]) -> Path:
    """A file as ``save_parameters`` writes it: bare names (importers.md, section 3)."""
    with path.open("wb") as stream:
        stream.write(struct.pack("<QQQ", 0x112, 0, len(arrays)))
        for values in arrays.values():
            stream.write(
                struct.pack("<Ii", 0xF993FAC9, 0) + struct.pack(f"<i{values.ndim}q", values.ndim, *values.shape)
            )
            stream.write(struct.pack("<iii", 1, 0, 0) + np.ascontiguousarray(values, "<f4").tobytes())
        stream.write(struct.pack("<Q", len(arrays)))
        for name in arrays:
            stream.write(struct.pack("<Q", len(name)) + name.encode())
    return path


def variables(symbol: dict[str, object]) -> list[str]:
    """Names of a symbol's parameters in order, each once."""
    nodes = symbol["nodes"]
    assert isinstance(nodes, list)
    return list(dict.fromkeys(node["name"] for node in nodes if node["op"] == "null" and node["name"] != "data"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported pair, built without GluonCV by the developer's tool: an independent spelling of the structure."""
    folder = tmp_path_factory.mktemp("pair")
    sys.path.insert(0, str(ROOT))
    try:
        importlib.import_module("tools.mxnet_networks").write_network("mobilenet0.75", folder, 64, seed=3)
    finally:
        sys.path.remove(str(ROOT))
    return folder


@pytest.fixture(scope="module")
def weights(pair: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights under the names that a published file has."""
    arrays = read_params(pair / "mobilenet0.75-0000.params").arrays
    theirs = variables(json.loads((pair / "mobilenet0.75-symbol.json").read_text()))
    structure = find_structure("mobilenet0.75")
    place_of = {own: place for place, own in structure.parameters.items()}
    ours = variables(dict(structure.symbol))
    assert len(ours) == len(theirs)
    renamed = {place_of[own]: np.asarray(arrays[name]) for own, name in zip(ours, theirs, strict=True)}
    return write_params(tmp_path_factory.mktemp("weights") / "mobilenet0.75-a5ac9f1f.params", renamed)


def test_every_name_has_a_structure() -> None:
    for entry in entries().values():
        if entry.source == "gluoncv":
            structure = find_structure(entry.name)
            assert set(variables(dict(structure.symbol))) == set(structure.parameters.values()), entry.name


def test_published_weights(weights: Path, pair: Path) -> None:
    artifact = zoo_artifact("mobilenet0.75", weights=weights, size=(64, 64), options=QUICK)
    same = compile_model(pair, inputs={"data": (1, 3, 64, 64)}, task="tensor", **QUICK)
    tensor = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    with belvedere.Model(artifact) as ours, belvedere.Model(same) as theirs:
        found, expected = ours.run(tensor)[0], theirs.run(tensor)[0]
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 0
    manifest = artifact.manifest
    assert (manifest.task, len(manifest.labels)) == ("classification", 1000)
    assert manifest.provenance["zoo"] == {
        "name": "mobilenet0.75", "source": "gluoncv", "preset": "imagenet", "licence": "Apache-2.0",
    }  # fmt: skip


def test_loading_by_name(weights: Path, pair: Path) -> None:
    with belvedere.load("mobilenet0.75", weights=weights) as model:
        result = model.predict(np.zeros((48, 64, 3), np.uint8))
    assert result.task == "classification"
    # An exported pair is taken as it is, by any of its names.
    for path in (pair, pair / "mobilenet0.75-0000.params"):
        found = zoo_artifact("mobilenet0.75", weights=path, size=(64, 64), options=QUICK)
        assert found.manifest.task == "classification"


def test_other_names_of_the_same_arrays() -> None:
    structure = Structure(
        "net", {"nodes": []},
        {"features.0.weight": "net3_conv0_weight", "output.bias": "net3_dense0_bias"}, (),
    )  # fmt: skip
    for stored in (
        {"features.0.weight", "output.bias", "more.weight"},
        {"net3_conv0_weight", "net3_dense0_bias"},
        {"conv0_weight", "dense0_bias"},
        {"net17_conv0_weight", "net17_dense0_bias"},
    ):
        found = stored_names(structure, stored, "w.params")
        assert sorted(found) == ["net3_conv0_weight", "net3_dense0_bias"]
        assert set(found.values()) <= stored


def test_segmentation_gets_its_size() -> None:
    structure = find_structure("psp_resnet50_ade")
    names = {own: own for own in structure.parameters.values()}
    for size, expected in (((480, 480), {"480x480", "60x60"}), ((320, 240), {"240x320", "30x40"})):
        nodes = json.loads(symbol_for(structure, names, size))["nodes"]
        found = {
            f"{n['attrs']['height']}x{n['attrs']['width']}" for n in nodes if n["op"] == "_contrib_BilinearResize2D"
        }
        assert found == expected
    with pytest.raises(CompileError, match="multiples of 8"):
        symbol_for(structure, names, (321, 240))


def test_what_is_wrong(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--weights FILE.params"):
        belvedere.load("yolo3_darknet53_coco")
    with pytest.raises(CompileError, match="there is no such file"):
        belvedere.load("yolo3_darknet53_coco", weights=tmp_path / "none.params")
    with pytest.raises(CompileError, match="parameters of resnet18_v1 are not in it") as caught:
        belvedere.load("resnet18_v1", weights=weights)
    assert "another network" in str(caught.value)
    assert "symbol.json" in str(caught.value)
    broken = tmp_path / "broken.params"
    broken.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(CompileError, match=r"broken.params"):
        belvedere.load("mobilenet0.75", weights=broken)
    with pytest.raises(OptionError, match="weights belong to a GluonCV name"):
        belvedere.load(tmp_path / "board.tar.gz", weights=weights)
    with pytest.raises(OptionError, match="weights come from hub"):
        zoo_artifact("rt-detr-v2-r18", weights=weights)


def test_sizes_of_the_presets() -> None:
    """As ``resize_short_within`` of GluonCV 0.10 computes them for pictures of these sizes."""
    yolo, rcnn = PRESETS["yolo"], PRESETS["rcnn"]
    assert yolo.size_for(768, 576) == (555, 416)
    assert yolo.size_for(768, 576, short=512) == (683, 512)
    assert yolo.size_for(576, 768, short=512) == (512, 683)
    assert PRESETS["ssd"].size_for(2000, 500) == (1024, 256)
    assert rcnn.size_for(768, 576) == (800, 600)
    with pytest.raises(OptionError, match="fixed size"):
        PRESETS["pose"].size_for(10, 10)


@given(st.integers(8, 4000), st.integers(8, 4000))
def test_a_preset_keeps_its_bounds(width: int, height: int) -> None:
    preset = PRESETS["yolo"]
    found = preset.size_for(width, height)
    assert max(found) <= preset.longest
    assert min(found) <= preset.short


@pytest.mark.shared
def test_the_recorded_preprocessing(shared_folder: Path) -> None:
    """What the notebook recorded, and pixels that GluonCV 0.11 on MXNet 1.9.1 gives for the same call."""
    folder = shared_folder / "data" / "photos"
    recorded = json.loads((folder / "dog_gluoncv_yolo3.json").read_text())["preprocessing"]
    entry = find("yolo3_darknet53_coco")
    picture = load_image(folder / recorded_image(folder))
    preset = PRESETS[entry.preset]
    width, height = preset.size_for(picture.shape[1], picture.shape[0], short=512)
    tensor = preprocess_for(entry.preset, width, height, picture)
    assert list(tensor.shape) == recorded["tensor_shape_nchw"]
    assert tensor.dtype == np.float32
    assert float(tensor.min()) == pytest.approx(recorded["tensor_min"], abs=1e-6)
    assert float(tensor.max()) == pytest.approx(recorded["tensor_max"], abs=1e-6)
    resized = np.rint((tensor[0].transpose(1, 2, 0) * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406]) * 255)
    for (row, column), pixel in PIXELS.items():
        # JPEG decoders differ by up to 2.
        assert np.abs(resized[row, column] - pixel).max() <= 3, (row, column)


PIXELS: dict[tuple[int, int], tuple[int, int, int]] = {
    (0, 0): (57, 58, 50),
    (100, 50): (104, 95, 84),
    (137, 600): (212, 204, 218),
    (250, 200): (34, 34, 32),
    (300, 341): (17, 17, 20),
    (410, 120): (21, 27, 39),
    (480, 500): (169, 174, 180),
    (511, 682): (51, 40, 36),
}


def recorded_image(folder: Path) -> str:
    return str(json.loads((folder / "dog_gluoncv_yolo3.json").read_text())["image"])


def preprocess_for(preset: str, width: int, height: int, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The tensor that an artifact with this preset makes."""
    from belvedere.runtime import Artifact

    fields = {
        "name": "data", "shape": [1, 3, height, width], "resize": PRESETS[preset].resize(width, height),
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    artifact = Artifact.build(
        files={"n.onnx": b""}, task="detection", name="n", network={"file": "n.onnx"}, inputs=[fields],
        outputs=[{"name": n, "shape": [1, 100, c]} for n, c in (("i", 1), ("s", 1), ("b", 4))],
        decoder={"kind": "detection", "form": "gluoncv", "outputs": ["i", "s", "b"]},
    )  # fmt: skip
    return np.asarray(preprocess_of(artifact.manifest).apply(picture))
