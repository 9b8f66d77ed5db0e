"""TFLite files: the oracles, the shared models, and what is wrong with a file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.importers import tflite
from belvedere.compiler.importing import Declared, Request
from belvedere.core.errors import CompileError
from helpers.foreign_models import assert_like, bilinear, oracle, run, source_of
from helpers.tflite_files import File, Op, Tensor, encode

MODELS = {
    "mobilenet_v2_imagenet/tf2_mobilenet_v2_1.0_224_ptq.tflite": (
        ("input", (1, 224, 224, 3), "uint8"),
        [("Identity", (1, 1001), "uint8")],
    ),
    "deeplabv3_mobilenet_v2_voc/deeplabv3_mnv2_pascal_quant.tflite": (
        ("MobilenetV2/MobilenetV2/input", (1, 513, 513, 3), "uint8"),
        [("ArgMax", (1, 513, 513), "int64")],
    ),
    "movenet_lightning/movenet_single_pose_lightning_ptq.tflite": (
        ("input", (1, 192, 192, 3), "uint8"),
        [("StatefulPartitionedCall", (1, 1, 17, 3), "float32")],
    ),
}


def written(folder: Path, content: bytes, name: str = "model.tflite") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def activation(kind: int = 19, options: bytes = b"", custom: str = "") -> File:
    """A file with one operator from x to y; 19 is RELU."""
    tensors = [Tensor("x", (1, 4)), Tensor("y", (1, 4))]
    return File(tensors, [Op(kind, [0], [1], custom, options)], [0], [1])


@pytest.mark.shared
@pytest.mark.parametrize(("file", "tolerance"), [("model", 1e-4), ("model_fp16", 2e-3)])
def test_a_float_file_computes_what_tensorflow_computed(shared_folder, file, tolerance):
    case = shared_folder / "oracles" / "tensorflow" / "keras3_cnn"
    inputs, outputs, _ = oracle(case)
    source = source_of(case / f"{file}.tflite")
    imported = tflite.load(source, Request(inputs=(Declared("image", (2, 32, 32, 3)),)))
    assert tflite.probe(source) > 0.9
    assert_like(run(imported, inputs)["StatefulPartitionedCall_1"], outputs["probs"], tolerance)


@pytest.mark.shared
def test_an_integer_file_keeps_its_types_and_is_within_three_steps(shared_folder):
    case = shared_folder / "oracles" / "tensorflow" / "keras3_cnn"
    inputs, outputs, _ = oracle(case)
    imported = tflite.load(
        source_of(case / "model_int8.tflite"), Request(inputs=(Declared("serving_default_image:0", (2, 32, 32, 3)),))
    )
    assert (imported.inputs[0].name, imported.inputs[0].dtype) == ("serving_default_image:0", "uint8")
    assert imported.outputs[0].dtype == "uint8"
    (got,) = run(imported, {"serving_default_image:0": inputs["image"].round().astype(np.uint8)}).values()
    assert np.abs(got.astype(int) - outputs["probs_int8"]).max() <= 3


@pytest.mark.shared
@pytest.mark.parametrize("model", MODELS)
def test_the_shared_models_keep_names_shapes_and_types(shared_folder, model):
    imported = tflite.load(source_of(shared_folder / "models" / model), Request())
    entry, outputs = MODELS[model]
    assert [(port.name, port.shape, port.dtype) for port in imported.inputs] == [entry]
    assert [(port.name, port.shape, port.dtype) for port in imported.outputs] == outputs


@pytest.mark.shared
@pytest.mark.slow
def test_segmentation_finds_the_bird(shared_folder):
    expected = json.loads((shared_folder / "models" / "expected.json").read_text())
    expected = expected["deeplabv3_mnv2_pascal_quant.tflite"]["bird_on_bench.jpg"]
    model = shared_folder / "models" / "deeplabv3_mobilenet_v2_voc" / "deeplabv3_mnv2_pascal_quant.tflite"
    picture = bilinear(Image.open(shared_folder / "data" / "photos" / "bird_on_bench.jpg"), 513)
    (classes,) = run(
        tflite.load(source_of(model), Request(inputs=(Declared("x", picture.shape),))), {"x": picture}
    ).values()
    assert list(np.unique(classes)) == expected["classes_found"]
    assert np.count_nonzero(classes == 3) == pytest.approx(expected["bird_pixels"], rel=0.01)


@pytest.mark.shared
def test_the_small_classifier_gives_its_recorded_probabilities(shared_folder):
    expected = json.loads((shared_folder / "models" / "expected.json").read_text())["pretrainedResnet.tflite"]
    with zipfile.ZipFile(shared_folder / "data" / "classification" / "cifar10-sample.zip") as pictures:
        name = next(entry for entry in sorted(pictures.namelist()) if entry.endswith("test/airplane/0000.jpg"))
        picture = np.asarray(Image.open(io.BytesIO(pictures.read(name))).convert("RGB"), np.float32)[None]
    model = shared_folder / "models" / "formats" / "keras_resnet8_cifar10" / "pretrainedResnet.tflite"
    imported = tflite.load(source_of(model), Request(inputs=(Declared("input_1", picture.shape),)))
    (got,) = run(imported, {"input_1": picture}).values()
    np.testing.assert_allclose(got[0], np.float32(expected["first_image_probabilities"].split()), atol=2e-3)


def test_outputs_are_selected_by_name(tmp_path):
    tensors = [Tensor("x", (1, 4)), Tensor("serving_default_y:0", (1, 4)), Tensor("z", (1, 4))]
    file = File(tensors, [Op(19, [0], [1]), Op(14, [0], [2])], [0], [2, 1])
    path = written(tmp_path, encode(file))
    values = np.float32([[-1, 0, 1, 2]])
    both = run(tflite.load(source_of(path), Request()), {"x": values})
    assert list(both) == ["z", "y"]
    np.testing.assert_allclose(both["z"], 1 / (1 + np.exp(-values)), rtol=1e-5)
    np.testing.assert_array_equal(both["y"], np.maximum(values, 0))
    one = tflite.load(source_of(path), Request(outputs=("y:0",)))
    assert [port.name for port in one.outputs] == ["y:0"]
    with pytest.raises(CompileError, match="no outputs q; the model has z, y"):
        tflite.load(source_of(path), Request(outputs=("q",)))


def test_custom_operators_are_listed_all_at_once(tmp_path):
    file = activation(32, custom="B")
    file.tensors.append(Tensor("z", (1, 4)))
    file.ops.append(Op(32, [1], [2], "A"))
    with pytest.raises(CompileError, match="custom operators that cannot be translated: A, B"):
        tflite.load(source_of(written(tmp_path, encode(file))), Request())


def test_built_in_operators_without_translation_are_listed_by_name(tmp_path):
    file = activation(11)  # L2_NORMALIZATION
    file.tensors += [Tensor("z", (1, 4)), Tensor("w", (1, 4))]
    file.ops += [Op(136, [1], [2]), Op(137, [2], [3])]
    file.outputs = [3]
    with pytest.raises(CompileError, match=r"translated: HASHTABLE \(node 1\), HASHTABLE_FIND \(node 2\)"):
        tflite.load(source_of(written(tmp_path, encode(file))), Request())


@pytest.mark.parametrize("keep", [0, 4, 8, 60, 200])
def test_a_truncated_file_is_refused(tmp_path, keep):
    content = encode(activation())
    assert len(content) > 200
    with pytest.raises(CompileError, match=r"model\.tflite: damaged, or no TFLite file"):
        tflite.load(source_of(written(tmp_path, content[:keep])), Request())


def test_tensor_numbers_outside_the_list_are_refused(tmp_path):
    file = activation()
    file.ops[0].outputs = [7]
    with pytest.raises(CompileError, match="names one that is not there"):
        tflite.load(source_of(written(tmp_path, encode(file))), Request())


def test_two_files_are_refused_and_none_too(tmp_path):
    for name in ("a.tflite", "b.bin"):
        written(tmp_path, encode(activation()), name)
    with pytest.raises(CompileError, match=r"exactly one TFLite file is allowed, here are several: a\.tflite, b\.bin"):
        tflite.load(source_of(tmp_path), Request())
    with pytest.raises(CompileError, match="no TFLite file here"):
        tflite.load(source_of(written(tmp_path, b"x", "x.txt")), Request())


def test_probing_goes_by_the_mark(tmp_path):
    assert tflite.probe(source_of(written(tmp_path, encode(activation()), "any.name"))) > 0.9
    assert 0 < tflite.probe(source_of(written(tmp_path, b"damaged", "x.tflite"))) < 0.5
    assert tflite.probe(source_of(written(tmp_path, b"", "x.txt"))) == 0
