"""Damaged and hostile Keras files: one clear error each, nothing executed, nothing large allocated."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from belvedere.compiler.importers import keras
from belvedere.compiler.importers.keras.known_classes import check_known
from belvedere.compiler.importing import Request
from belvedere.core.errors import CompileError, LimitError
from helpers.foreign_models import source_of
from helpers.keras_files import hdf5, needs_keras, sequential, taking, zipped

pytestmark = needs_keras


RELU = ("Activation", {"activation": "relu"})


def load(path):
    return keras.load(source_of(path), Request())


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (("Lambda", {"function": ["YWJj", None, None], "function_type": "lambda"}), "Lambda 'layer_1'"),
        (("TFOpLambda", {"function": "math.multiply"}), "TFOpLambda 'layer_1'"),
        (("OwnLayer", {"size": 3}), "OwnLayer 'layer_1'"),
        (("my>Own", {}), "my>Own 'layer_1'"),
        (("TFSMLayer", {"filepath": "/elsewhere"}), "TFSMLayer 'layer_1'"),
        (
            ("Activation", {"activation": {"class_name": "function", "config": "run", "module": "subprocess"}}),
            "function 'run'",
        ),
        (
            ("Activation", {"activation": {"class_name": "function", "config": "get_file", "module": "keras.utils"}}),
            "function 'get_file'",
        ),
        (
            (
                "Dense",
                {"units": 2, "kernel_initializer": {"class_name": "Popen", "config": {}, "module": "subprocess"}},
            ),
            "Popen ''",
        ),
    ],
    ids=["lambda", "operator", "custom", "registered", "saved-model", "function", "keras-function", "class"],
)
@pytest.mark.usefixtures("keras_itself")
def test_what_is_not_kerass_own_is_refused(layer, named):
    with pytest.raises(CompileError) as caught:
        check_known(sequential(taking(2), layer, ("AnotherOwn", {})), Path("model.h5"))
    message = str(caught.value)
    for words in ("Lambda and custom layers are not read", named, "AnotherOwn", "SavedModel"):
        assert words in message


@pytest.mark.usefixtures("keras_itself")
@pytest.mark.parametrize(
    "entry",
    [
        {"class_name": "Mean", "module": "keras.src.ops.numpy", "config": {"name": "mean"}},
        {"class_name": "GlorotUniform", "module": "keras.initializers", "config": {"seed": None}},
        {"class_name": "function", "module": "builtins", "config": "relu"},
        {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}},
        {"class_name": "__keras_tensor__", "config": {"shape": [1]}},
    ],
    ids=lambda entry: entry["class_name"],
)
def test_what_is_kerass_own_passes(entry):
    check_known(sequential(taking(2), ("Dense", {"units": 2, "with": [entry]})), Path("model.h5"))


@pytest.mark.parametrize("write", [hdf5, zipped], ids=["h5", "zip"])
def test_custom_layers_are_refused_in_both_forms(tmp_path, write):
    with pytest.raises(CompileError, match=r"model\.keras: Lambda and custom layers are not read.*: Own 'layer_1'"):
        load(write(tmp_path / "model.keras", sequential(taking(2), ("Own", {}))))


def test_code_in_a_lambda_is_never_run(tmp_path):
    import base64
    import marshal

    witness = tmp_path / "witness"
    code = compile(f"open({str(witness)!r}, 'w')", "x", "eval")
    encoded = base64.b64encode(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": encoded, "defaults": None, "closure": None}}
    config = sequential(taking(2), ("Lambda", {"function": function}))
    with pytest.raises(CompileError, match="Lambda"):
        load(hdf5(tmp_path / "model.h5", config))
    assert not witness.exists()


def test_files_without_architecture_are_refused_with_advice(tmp_path):
    with pytest.raises(CompileError, match=r"holds weights only and no architecture: save the whole model"):
        load(hdf5(tmp_path / "model.weights.h5", None))
    with pytest.raises(CompileError, match="no Keras model, or it holds weights only"):
        load(zipped(tmp_path / "model.keras", None))
    with pytest.raises(CompileError, match=r"no model\.weights\.h5 in the zip"):
        load(zipped(tmp_path / "other.keras", sequential(taking(2)), weights=False))


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        '{"class_name": "Model"}',
        '{"class_name": "Sequential", "config": {"layers": [1]}}',
        "[" * 100_000,
    ],
    ids=["empty", "cut", "list", "no-config", "numbers", "deep"],
)
def test_configurations_that_make_no_sense_are_refused(tmp_path, config):
    for path in (hdf5(tmp_path / "model.h5", config), zipped(tmp_path / "model.keras", config)):
        with pytest.raises(CompileError, match="configuration"):
            load(path)


def test_deep_nesting_is_refused(tmp_path):
    config = sequential(taking(2), RELU)
    inner = config["config"]["layers"][1]["config"]
    for _ in range(400):
        inner["more"] = {}
        inner = inner["more"]
    with pytest.raises(CompileError, match=r"nested more than 200 levels|damaged"):
        load(hdf5(tmp_path / "model.h5", config))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\b"])
def test_unsafe_names_in_the_zip_are_refused(tmp_path, name):
    path = zipped(tmp_path / "model.keras", sequential(taking(2), RELU), {name: b"x"})
    with pytest.raises(CompileError, match="unsafe path"):
        load(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = zipped(tmp_path / "model.keras", sequential(taking(2), RELU), {"config.json": b"{}"})
    with pytest.raises(CompileError, match="twice"):
        load(path)


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(sequential(taking(2), RELU)))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        with archive.open("model.weights.h5", "w") as stream:
            for _ in range(80):
                stream.write(bytes(1 << 20))
    assert path.stat().st_size < 200_000
    with pytest.raises(LimitError, match=r"model\.weights\.h5 unpacks to more than"):
        load(path)


def test_a_config_bomb_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w") as stream:
            for _ in range(65):
                stream.write(b" " * (1 << 20))
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(LimitError, match=r"config\.json has more than"):
        load(path)


@pytest.mark.parametrize("kind", ["external-link", "soft-link", "external-data", "virtual", "huge"])
def test_weights_that_reach_outside_the_file_are_refused(tmp_path, kind):
    import h5py

    path = hdf5(tmp_path / "model.h5", sequential(taking(2), RELU))
    with h5py.File(path, "a") as file:
        group = file["model_weights"]
        if kind == "external-link":
            group["more"] = h5py.ExternalLink("/etc/passwd", "/")
        elif kind == "soft-link":
            group["more"] = h5py.SoftLink("/nowhere")
        elif kind == "external-data":
            group.create_dataset("more", (4,), "u1", external=[("/etc/hostname", 0, 4)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((4,), "u1")
            layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
            group.create_virtual_dataset("more", layout)
        else:
            group.create_dataset("more", (2**40,), "f4", chunks=(2**20,), compression="gzip")
    with pytest.raises((CompileError, LimitError), match=r"is a link|outside the file|far more than"):
        load(path)


def test_a_loop_of_groups_ends(tmp_path):
    import h5py

    path = hdf5(tmp_path / "model.h5", sequential(taking(2), RELU))
    with h5py.File(path, "a") as file:
        file["model_weights"]["loop"] = file["model_weights"]
    try:
        imported = load(path)
    except CompileError:
        return
    assert imported.inputs[0].name == "x"


def test_a_layer_larger_than_memory_is_refused(tmp_path):
    config = sequential(taking(100_000), ("Dense", {"units": 1_000_000}))
    with pytest.raises((CompileError, LimitError), match=r"model\.h5"):
        load(hdf5(tmp_path / "model.h5", config))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.9])
def test_truncated_files_are_refused(tmp_path, part):
    config = sequential(taking(2), ("Dense", {"units": 3, "activation": "linear"}))
    weights = {"layer_1": {"kernel": np.ones((2, 3), np.float32), "bias": np.ones(3, np.float32)}}
    for path in (hdf5(tmp_path / "model.h5", config, weights), zipped(tmp_path / "model.keras", config)):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        with pytest.raises(CompileError, match=path.name):
            load(path)


def test_missing_weights_are_refused(tmp_path):
    config = sequential(taking(2), ("Dense", {"units": 3, "activation": "linear"}))
    with pytest.raises(CompileError, match=r"model\.h5"):
        load(hdf5(tmp_path / "model.h5", config))


def test_files_of_keras_1_are_refused(tmp_path):
    with pytest.raises(CompileError, match=r"written by Keras 1\.2"):
        load(hdf5(tmp_path / "model.h5", sequential(taking(2), RELU), version="1.2.2"))
