"""Choosing importers: by probe, by name, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from belvedere.compiler.detect import FRAMEWORKS, choose_importer
from belvedere.compiler.importing import Imported, Importer, Request, Source
from belvedere.compiler.source import open_source
from belvedere.core.errors import CompileError, OptionError


class BySuffix:
    """An importer that is sure of files with the suffixes of its framework."""

    def __init__(self, name: str, certain: float = 1.0) -> None:
        self.name, self.certain = name, certain

    def probe(self, source: Source) -> float:
        known = any(file.name.endswith(FRAMEWORKS[self.name].suffixes) for file in source.files)
        return self.certain if known else 0.0

    def load(self, source: Source, request: Request) -> Imported:
        raise NotImplementedError


def by_suffix(changed: Mapping[str, float] | None = None) -> Callable[[str], Importer]:
    return lambda name: BySuffix(name, (changed or {}).get(name, 1.0))


def chosen(folder: Path, files: Mapping[str, bytes], framework: str = "auto", load=None) -> str:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    with open_source(folder) as source:
        name, importer = choose_importer(source, framework, load=load or by_suffix())
    assert importer.name == name
    return name


@pytest.mark.parametrize(
    ("file", "framework"),
    [
        ("a/net.onnx", "onnx"),
        ("net.pth", "pytorch"),
        ("export/1/saved_model.pb", "tensorflow"),
        ("net.tflite", "tflite"),
        ("NET.H5", "auto"),
        ("net.keras", "keras"),
        ("net-symbol.json", "mxnet"),
        ("net.weights", "darknet"),
    ],
)
def test_the_framework_that_knows_the_files(tmp_path: Path, file: str, framework: str) -> None:
    if framework == "auto":
        with pytest.raises(CompileError, match=r"no model that is known here\. Found: NET\.H5\."):
            chosen(tmp_path, {file: b""})
        assert chosen(tmp_path, {file: b""}, "keras") == "keras"
    else:
        assert chosen(tmp_path, {file: b"", "model-shapes.json": b"[]"}) == framework
        assert chosen(tmp_path, {file: b""}, framework.upper()) == framework


def test_nothing_known_lists_what_was_found_and_what_is_expected(tmp_path: Path) -> None:
    files = {f"{number:02}.txt": b"" for number in range(20)}
    with pytest.raises(CompileError) as error:
        chosen(tmp_path, {**files, "model.pkl": b"", "x.safetensors": b""})
    message = str(error.value)
    assert "00.txt, 01.txt" in message
    assert "and 14 more" in message
    assert all(framework.expected in message for framework in FRAMEWORKS.values())
    assert "pickles can run code" in message
    assert "safetensors hold weights" in message


def test_a_guess_that_is_not_sure_is_offered_but_not_taken(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="--framework onnx"):
        chosen(tmp_path, {"net.onnx": b""}, load=by_suffix({"onnx": 0.3}))
    assert chosen(tmp_path, {"net.onnx": b""}, "onnx", load=by_suffix({"onnx": 0.3})) == "onnx"


def test_models_of_two_frameworks(tmp_path: Path) -> None:
    files = {"net.h5": b"", "sub/net.tflite": b""}
    with pytest.raises(CompileError, match=r"2 frameworks .*tflite: sub/net\.tflite; keras: net\.h5.*--framework"):
        chosen(tmp_path, files)
    assert chosen(tmp_path, files, "tflite") == "tflite"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.h5", "b.h5"], "Multiple h5 files provided; found a.h5, b.h5"),
        (["a.onnx", "b.onnx"], "Multiple onnx files"),
        (["a-symbol.json", "b-symbol.json"], "Only one symbol and one parameter file is allowed for MXNet model"),
        (["a.weights", "b.weights"], "Exactly one .cfg and one .weights"),
    ],
)
def test_two_models_of_one_framework(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        chosen(tmp_path, dict.fromkeys(files, b""))


def test_tensorflow_sorts_its_own_files_out(tmp_path: Path) -> None:
    assert chosen(tmp_path, {"frozen_inference_graph.pb": b"", "saved_model/saved_model.pb": b""}) == "tensorflow"


@pytest.mark.parametrize(
    ("framework", "message"),
    [
        ("keras", "No h5 file provided"),
        ("KERAS", "No h5 file provided"),
        ("pytorch", "No pth file provided"),
        ("tensorflow", "exactly one .pb file is allowed"),
        ("mxnet", "No symbol file provided"),
    ],
)
def test_a_framework_by_name_without_its_files(tmp_path: Path, framework: str, message: str) -> None:
    with pytest.raises(CompileError, match=rf"{message}.*Found: net\.onnx"):
        chosen(tmp_path, {"net.onnx": b""}, framework)


@pytest.mark.parametrize(("framework", "message"), [("caffe", "expected auto, onnx"), ("XGBOOST", "not neural")])
def test_unknown_frameworks(tmp_path: Path, framework: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        chosen(tmp_path, {"net.onnx": b""}, framework)


TVM = (0xF7E58D4F05049CB7).to_bytes(8, "little") + bytes(8)
NEO = [
    {"compiled.so": b"\x7fELF", "compiled.params": TVM, "compiled_model.json": b"{}", "dlr.h": b"", "libdlr.so": b""},
    {"compiled.ro": b"", "compiled.so": b"", "compiled.meta": b"{}"},
    {"mochi/compiled.so": b"", "mochi/compiled.json": b"{}", "mochi/compiled.params": TVM, "manifest.json": b"{}"},
    {"compiled.params": TVM, "compiled.json": b"{}"},
    {"model_hexagon_model.so": b""},
]


@pytest.mark.parametrize("files", NEO)
@pytest.mark.parametrize("framework", ["auto", "mxnet"])
def test_machine_code_of_neo_is_explained(tmp_path: Path, files: dict[str, bytes], framework: str) -> None:

    def load(name: str) -> Importer:
        importer = BySuffix(name)
        if name == "mxnet":
            importer.probe = lambda source: float(any(f.suffix in (".params", ".json") for f in source.files))
        return importer

    remaining = {name: data for name, data in files.items() if name != "manifest.json"}
    with pytest.raises(CompileError) as error:
        chosen(tmp_path, remaining, framework, load)
    assert "InputConfig.S3Uri" in str(error.value)
    assert "machine code" in str(error.value)
    assert ("Lookout" in str(error.value)) == any("mochi" in name for name in files)


def test_a_source_model_beside_machine_code_is_taken(tmp_path: Path) -> None:
    assert chosen(tmp_path, {"libdlr.so": b"", "compiled.so": b"", "net.onnx": b""}) == "onnx"
    assert chosen(tmp_path, {"net.onnx": b""}, "onnx") == "onnx"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "framework"),
    [
        ("yolox_nano_coco/yolox_nano.onnx", "onnx"),
        ("yolox_nano_coco/yolox_nano_coco.pt", "pytorch"),
        ("formats/samplenet/samplenet.pth", "pytorch"),
        ("formats/samplenet/samplenet.pb", "tensorflow"),
        ("formats/samplenet/samplenet_tf2", "tensorflow"),
        ("formats/cifar_resnet20_v1", "mxnet"),
        ("movenet_lightning/movenet_single_pose_lightning_ptq.tflite", "tflite"),
        ("formats/keras_resnet8_cifar10/pretrainedResnet.h5", "keras"),
    ],
)
def test_real_models_by_the_real_probes(shared_folder: Path, model: str, framework: str) -> None:
    with open_source(shared_folder / "models" / model) as source:
        assert choose_importer(source)[0] == framework


@pytest.mark.shared
def test_a_folder_of_one_network_in_four_frameworks(shared_folder: Path) -> None:
    with (
        open_source(shared_folder / "models/formats/samplenet") as source,
        pytest.raises(CompileError, match=r"models of 4 frameworks .*--framework onnx\|pytorch\|tensorflow\|mxnet"),
    ):
        choose_importer(source)
