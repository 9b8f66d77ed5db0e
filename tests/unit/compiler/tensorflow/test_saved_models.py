"""SavedModel folders of TensorFlow 1 and 2, read without TensorFlow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from belvedere.compiler.importers import tensorflow
from belvedere.compiler.importing import Declared, Request
from belvedere.core.errors import CompileError
from helpers.foreign_models import assert_like, oracle, run, source_of

pytestmark = pytest.mark.shared

# Output keys of the signature where they differ from the oracle's names.
CASES = {
    "keras2_depthwise_nested": {},
    "keras3_cnn": {"output_0": "probs"},
    "keras3_multi_io": {},
    "keras3_unet": {"output_0": "mask"},
    "savedmodel_signatures": {},
    "tf1_detection": {},
}


@pytest.fixture(scope="session")
def cases(shared_folder: Path) -> Path:
    return shared_folder / "oracles" / "tensorflow"


@pytest.mark.parametrize("case", CASES)
def test_a_saved_model_computes_what_tensorflow_computed(cases, case):
    inputs, outputs, tolerance = oracle(cases / case)
    source = source_of(cases / case / "saved_model")
    declared = tuple(Declared(name, array.shape) for name, array in inputs.items())
    imported = tensorflow.load(source, Request(inputs=declared))
    assert tensorflow.probe(source) > 0.9
    assert [port.name for port in imported.inputs] == list(inputs)
    assert [(port.shape, port.dtype) for port in imported.inputs] == [(a.shape, str(a.dtype)) for a in inputs.values()]
    got = run(imported, inputs)
    assert list(got) == sorted(got)
    assert len(got) == len([name for name in outputs if name != "probs_int8"])
    for name, array in got.items():
        assert_like(array, outputs[CASES[case].get(name, name)], tolerance)
    assert "tensorflow" not in sys.modules


def test_pictures_are_described_as_channels_last(cases):
    imported = tensorflow.load(source_of(cases / "keras3_multi_io" / "saved_model"), Request())
    assert {port.name: (port.shape, port.layout) for port in imported.inputs} == {
        "meta": ((-1, 5), ""),
        "rgb": ((-1, 24, 24, 3), "NHWC"),
    }


def test_the_saved_model_pb_may_be_named_itself_and_lie_deep_in_a_folder(cases, tmp_path):
    case = cases / "keras3_cnn"
    inputs, outputs, tolerance = oracle(case)
    deep = tmp_path / "export" / "Servo" / "1"
    shutil.copytree(case / "saved_model", deep)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("")
    request = Request(inputs=(Declared("image", (2, 32, 32, 3)),))
    for source in (source_of(tmp_path), source_of(deep / "saved_model.pb")):
        assert_like(run(tensorflow.load(source, request), inputs)["output_0"], outputs["probs"], tolerance)


def test_another_signature_is_taken_when_it_is_named(cases):
    case = cases / "savedmodel_signatures"
    source = source_of(case / "saved_model")
    imported = tensorflow.load(source, Request(signature="features"))
    assert [(port.name, port.shape) for port in imported.inputs] == [("x", (-1, 32, 32, 3))]
    assert [(port.name, port.shape) for port in imported.outputs] == [("logits", (-1, 9))]
    pictures = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert run(imported, {"x": pictures})["logits"].std() > 0
    assert imported.provenance["signature"] == "features"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(signature="nope"), "no signature 'nope'; it has features, serving_default"),
        (Request(outputs=("boxes", "a", "b")), "no outputs a, b in the signature; it has boxes, classes, scores"),
        (Request(inputs=(Declared("x", (1, 3, 40, 40)),)), r"input_tensor \[\?, \?, \?, 3\] uint8"),
        (Request(inputs=(Declared("x", (1,)), Declared("y", (1,)))), "no input 'x'; there is no input 'y'"),
        (Request(inputs=(Declared("input_tensor", (1, 40, 52, 3), "float32"),)), "which float32 does not fit"),
    ],
    ids=["signature", "outputs", "shape", "inputs", "dtype"],
)
def test_what_does_not_fit_is_said_with_what_there_is(cases, request_, words):
    with pytest.raises(CompileError, match=words):
        tensorflow.load(source_of(cases / "savedmodel_signatures" / "saved_model"), request_)


def test_outputs_are_selected_in_the_wanted_order(cases):
    case = cases / "savedmodel_signatures"
    inputs, outputs, tolerance = oracle(case)
    request = Request(inputs=(Declared(None, (2, 40, 52, 3)),), outputs=("scores", "boxes"))
    imported = tensorflow.load(source_of(case / "saved_model"), request)
    got = run(imported, inputs)
    assert list(got) == ["scores", "boxes"]
    for name, array in got.items():
        assert_like(array, outputs[name], tolerance)


def test_a_narrower_element_type_is_converted_inside(cases):
    case = cases / "keras3_cnn"
    request = Request(inputs=(Declared("image", (1, 32, 32, 3), "uint8"),))
    imported = tensorflow.load(source_of(case / "saved_model"), request)
    plain = tensorflow.load(source_of(case / "saved_model"), Request(inputs=(Declared("image", (1, 32, 32, 3)),)))
    picture = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    assert imported.inputs[0].dtype == "uint8"
    got = run(imported, {"image": picture})["output_0"]
    assert_like(got, run(plain, {"image": picture.astype(np.float32)})["output_0"], 1e-6)


def test_a_declared_name_wins_over_the_only_inputs_own(cases):
    source = source_of(cases / "tf1_detection" / "saved_model")
    imported = tensorflow.load(source, Request(inputs=(Declared("image_tensor", (1, 40, 50, 3)),)))
    assert [port.name for port in imported.inputs] == ["image_tensor"]
    assert "'inputs' is now called 'image_tensor'" in imported.notes[0]


def test_two_models_in_one_folder_are_refused(cases, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(cases / "keras3_cnn" / "saved_model", tmp_path / name)
    with pytest.raises(CompileError, match=r"exactly one .* a/saved_model.pb, b/saved_model.pb"):
        tensorflow.load(source_of(tmp_path), Request())


@pytest.mark.parametrize("keep", [0, 1, 7, 500, 20_000])
def test_a_truncated_saved_model_is_refused(cases, tmp_path, keep):
    folder = tmp_path / "saved_model"
    shutil.copytree(cases / "keras3_cnn" / "saved_model", folder)
    pb = folder / "saved_model.pb"
    pb.chmod(0o644)
    pb.write_bytes(pb.read_bytes()[:keep])
    with pytest.raises(CompileError, match="saved_model"):
        tensorflow.load(source_of(folder), Request())


def test_missing_variables_are_refused(cases, tmp_path):
    folder = tmp_path / "saved_model"
    shutil.copytree(cases / "keras3_cnn" / "saved_model", folder)
    shutil.rmtree(folder / "variables")
    with pytest.raises(CompileError, match="saved_model"):
        tensorflow.load(source_of(folder), Request())
