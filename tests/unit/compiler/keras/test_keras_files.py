"""Keras files of Keras 2 and 3, read without TensorFlow."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.declared_ports import declared_as_json
from belvedere.compiler.importers import keras
from belvedere.compiler.importing import Declared, Request
from belvedere.compiler.openvino_form.ports import imported as as_imported
from belvedere.compiler.openvino_form.process import convert_isolated
from belvedere.core.errors import CompileError, MissingExtraError
from helpers.foreign_models import assert_like, oracle, run, source_of
from helpers.keras_files import hdf5, needs_keras, sequential, taking, zipped

pytestmark = needs_keras


FILES = [
    "keras2_depthwise_nested/model.h5",
    "keras2_depthwise_nested/model.keras",
    "keras2_sequential/model.h5",
    "keras3_cnn/model.h5",
    "keras3_cnn/model.keras",
    "keras3_multi_io/model.keras",
    "keras3_unet/model.h5",
    "keras3_unet/model.keras",
]


def channels_first(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if array.ndim == 4 else array


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("turned", [True, False], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("file", FILES)
def test_a_keras_file_computes_what_tensorflow_computed(shared_folder, file, turned):
    path = shared_folder / "oracles" / "tensorflow" / file
    inputs, outputs, tolerance = oracle(path.parent)
    fed = {name: channels_first(array) if turned else array for name, array in inputs.items()}
    source = source_of(path)
    request = Request(inputs=tuple(Declared(name, array.shape) for name, array in fed.items()))
    imported = keras.load(source, request)
    assert keras.probe(source) > 0.9
    assert [(port.name, port.shape) for port in imported.inputs] == [(name, array.shape) for name, array in fed.items()]
    assert imported.inputs[0].layout == ("NCHW" if turned else "NHWC")
    assert imported.provenance["checked_against"].endswith(" on its openvino backend")
    assert any("channels last" in note for note in imported.notes) is not turned
    got = run(imported, fed)
    assert list(got) == [name for name in outputs if name != "probs_int8"]
    for name, array in got.items():
        assert_like(array, outputs[name], tolerance)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("file", ["keras2_depthwise_nested/model.h5", "keras3_multi_io/model.keras"])
def test_the_torch_backend_reads_them_as_well(shared_folder, file):
    pytest.importorskip("torch", reason="needs the [torch] extra")
    path = shared_folder / "oracles" / "tensorflow" / file
    inputs, outputs, tolerance = oracle(path.parent)
    fed = {name: channels_first(array) for name, array in inputs.items()}
    declared = declared_as_json(Declared(name, array.shape) for name, array in fed.items())
    job = {"path": str(path), "inputs": declared, "outputs": [], "backend": "torch"}
    imported = as_imported("keras", convert_isolated("belvedere.compiler.importers.keras.convert", job, path))
    assert imported.provenance["keras_backend"] == "torch"
    assert imported.provenance["checked_against"].endswith(" on its torch backend")
    for name, array in run(imported, fed).items():
        assert_like(array, outputs[name], tolerance)


@pytest.mark.shared
def test_the_small_classifier_of_keras_2_gives_its_recorded_probabilities(shared_folder):
    expected = json.loads((shared_folder / "models" / "expected.json").read_text())["pretrainedResnet.tflite"]
    with zipfile.ZipFile(shared_folder / "data" / "classification" / "cifar10-sample.zip") as pictures:
        name = next(entry for entry in sorted(pictures.namelist()) if entry.endswith("test/airplane/0000.jpg"))
        picture = np.asarray(Image.open(io.BytesIO(pictures.read(name))).convert("RGB"), np.float32)[None]
    path = shared_folder / "models" / "formats" / "keras_resnet8_cifar10" / "pretrainedResnet.h5"
    imported = keras.load(source_of(path), Request(inputs=(Declared("input_1", (1, 3, 32, 32)),)))
    (got,) = run(imported, {"input_1": channels_first(picture)}).values()
    np.testing.assert_allclose(got[0], np.float32(expected["first_image_probabilities"].split()), atol=2e-3)
    assert imported.provenance["keras_version"].startswith("2.4")


@pytest.mark.shared
def test_a_batch_that_the_conversion_freezes_is_said_to_be_one(shared_folder):
    path = shared_folder / "models" / "formats" / "keras_resnet8_cifar10" / "pretrainedResnet.h5"
    imported = keras.load(source_of(path), Request())
    assert imported.inputs[0].shape == (1, 32, 32, 3)
    assert "batch is fixed to 1" in " ".join(imported.notes)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "request_", "words"),
    [
        ("keras3_unet/model.h5", Request(), "size of these inputs is not fixed: 'input_layer'"),
        ("keras3_cnn/model.h5", Request(inputs=(Declared("image", (1, 4, 32, 32)),)), "expected NCHW format"),
        ("keras3_cnn/model.keras", Request(outputs=("nope",)), "no outputs nope; the model has probs"),
        ("keras3_cnn/model.keras", Request(inputs=(Declared("a", (1,)), Declared("b", (1,)))), "no input 'a'; there"),
    ],
)
def test_what_does_not_fit_is_said_with_what_there_is(shared_folder, file, request_, words):
    with pytest.raises(CompileError, match=words):
        keras.load(source_of(shared_folder / "oracles" / "tensorflow" / file), request_)


def test_a_dense_layer_written_by_hand(tmp_path):
    kernel, bias = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([0.5, 0, -1])
    config = sequential(taking(2), ("Dense", {"units": 3, "activation": "linear"}))
    path = hdf5(tmp_path / "model.h5", config, {"layer_1": {"kernel": kernel, "bias": bias}})
    imported = keras.load(source_of(path), Request(inputs=(Declared("data", (3, 2)),)))
    values = np.float32([[1, 0], [0, 1], [-1, 2]])
    np.testing.assert_allclose(run(imported, {"data": values})["layer_1"], values @ kernel + bias, rtol=1e-6)


def test_the_hard_sigmoid_of_keras_2_keeps_its_slope(tmp_path):
    config = sequential(taking(5), ("Activation", {"activation": "hard_sigmoid"}))
    imported = keras.load(source_of(hdf5(tmp_path / "model.h5", config)), Request(inputs=(Declared("x", (1, 5)),)))
    values = np.float32([[-4, -1, 0, 1, 4]])
    (got,) = run(imported, {"x": values}).values()
    np.testing.assert_allclose(got, np.clip(0.2 * values + 0.5, 0, 1), atol=1e-6)


def test_a_sequential_without_input_layer_takes_the_shape_of_its_first_layer(tmp_path):
    layers = sequential(("Activation", {"activation": "relu", "batch_input_shape": [None, 3]}))["config"]["layers"]
    path = hdf5(tmp_path / "old.h5", {"class_name": "Sequential", "config": layers}, version="2.1.6")
    imported = keras.load(source_of(path), Request())
    assert [(port.name, port.shape) for port in imported.inputs] == [("layer_0_input", (-1, 3))]
    np.testing.assert_array_equal(
        run(imported, {"layer_0_input": np.float32([[-1, 0, 2]])})["layer_0"], np.float32([[0, 0, 2]])
    )


def test_a_channels_first_model_takes_its_own_shape(tmp_path):
    config = sequential(taking(3, 4, 6), ("MaxPooling2D", {"pool_size": [2, 2], "data_format": "channels_first"}))
    path = hdf5(tmp_path / "model.h5", config)
    imported = keras.load(source_of(path), Request(inputs=(Declared("x", (1, 3, 4, 6)),)))
    values = np.arange(72, dtype=np.float32).reshape(1, 3, 4, 6)
    got = run(imported, {"x": values})["layer_1"]
    np.testing.assert_array_equal(got, values.reshape(1, 3, 2, 2, 3, 2).max(axis=(3, 5)))


def test_two_files_are_refused_and_none_too(tmp_path):
    config = sequential(taking(2), ("Activation", {"activation": "relu"}))
    hdf5(tmp_path / "a.h5", config)
    zipped(tmp_path / "b.keras", config)
    with pytest.raises(CompileError, match=r"multiple Keras files provided: a\.h5, b\.keras"):
        keras.load(source_of(tmp_path), Request())
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(CompileError, match="no Keras file"):
        keras.load(source_of(tmp_path / "x.txt"), Request())


def test_without_keras_the_extra_is_named(tmp_path, monkeypatch):
    path = hdf5(tmp_path / "a.h5", sequential(taking(2)))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"Reading Keras files needs the \[keras\] extra"):
        keras.load(source_of(path), Request())


def test_probing_goes_by_content(tmp_path):
    config = sequential(taking(2))
    assert keras.probe(source_of(hdf5(tmp_path / "a.h5", config))) > 0.9
    assert keras.probe(source_of(zipped(tmp_path / "b.bin", config))) > 0.9
    (tmp_path / "c.h5").write_bytes(b"damaged")
    assert 0 < keras.probe(source_of(tmp_path / "c.h5")) < 0.5
    with zipfile.ZipFile(tmp_path / "d.pt", "w") as archive:
        archive.writestr("data.pkl", b"")
    assert keras.probe(source_of(tmp_path / "d.pt")) == 0
    assert keras.probe(source_of(Path(__file__))) == 0
