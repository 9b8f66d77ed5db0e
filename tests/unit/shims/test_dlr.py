"""The stand-in for DLR: its calls, its messages, and what it says about models that nothing can run any more."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from belvedere.core.archives import plain_tar
from belvedere.runtime import Artifact, Model
from belvedere.runtime.engine_imports import import_onnxruntime
from helpers.artifacts import tiny_artifact
from helpers.tensors import as_ir, dense_artifact, dense_network, mixed_artifact

ROW = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
MIXED = {"pixels": np.ones((2, 4), np.uint8), "gain": np.array(2, np.float32), "offset": np.arange(3)}


def saved(artifact: Artifact, path: Path) -> str:
    artifact.save(path)
    return str(path)


@pytest.fixture
def dense(dlr: ModuleType, tmp_path: Path) -> Any:
    return dlr.DLRModel(saved(dense_artifact(), tmp_path / "compiled"), "cpu", 0)


@pytest.fixture
def mixed(dlr: ModuleType, tmp_path: Path) -> Any:
    return dlr.DLRModel(saved(mixed_artifact(), tmp_path / "compiled"))


def test_run_gives_a_list_also_for_one_output(dense: Any) -> None:
    outputs = dense.run({"x": ROW})
    assert isinstance(outputs, list)
    assert np.array_equal(outputs[0], Model(dense_artifact()).run(ROW)[0])
    assert np.array_equal(dense.run(ROW)[0], outputs[0])
    outputs[0][...] = -1
    assert not np.array_equal(dense.run(ROW)[0], outputs[0])


def test_names_and_types(mixed: Any) -> None:
    assert mixed.get_input_names() == ["pixels", "gain", "offset"]
    assert mixed.get_output_names() == ["total", "index", "bright", "twice"]
    assert mixed.get_input_dtypes() == ["uint8", "float32", "int64"]
    assert mixed.get_output_dtypes() == ["float32", "int64", "bool", "int64"]
    assert (mixed.get_input_name(1), mixed.get_input_dtype(1)) == ("gain", "float32")
    assert (mixed.get_output_name(3), mixed.get_output_dtype(3)) == ("twice", "int64")
    assert mixed.has_metadata() is True
    assert mixed.get_version() == "1.10.0"
    outputs = mixed.run(MIXED)
    assert [output.dtype.name for output in outputs] == mixed.get_output_dtypes()


@pytest.mark.parametrize("call", ["get_input_name", "get_input_dtype", "get_output_name", "get_output_dtype"])
@pytest.mark.parametrize("index", [-1, 4])
def test_indices_that_there_are_not(mixed: Any, call: str, index: int) -> None:
    with pytest.raises(Exception, match=r"Index cannot be greater than [23]"):
        getattr(mixed, call)(index)


def test_the_signature_is_that_of_the_original(dlr: ModuleType) -> None:
    parameters = inspect.signature(dlr.DLRModel).parameters
    assert {name: value.default for name, value in parameters.items() if name != "model_path"} == {
        "dev_type": None, "dev_id": 0, "error_log_file": None, "use_default_dlr": False,
    }  # fmt: skip
    assert dlr.__version__.count(".") == 2
    assert issubclass(dlr.DLRError, Exception)
    from dlr.api import DLRModel
    from dlr.dlr_model import DLRError

    assert (DLRModel, DLRError) == (dlr.DLRModel, dlr.DLRError)


def test_a_float32_input_takes_any_numbers(dense: Any) -> None:
    expected = dense.run(ROW)[0]
    assert np.array_equal(dense.run(ROW.astype(np.float64))[0], expected)
    assert np.array_equal(dense.run({"x": np.ones((1, 8), int)})[0], dense.run(np.ones((1, 8), np.float32))[0])


def test_the_number_of_elements_counts_and_not_the_shape(dlr: ModuleType, dense: Any) -> None:
    expected = dense.run(ROW)[0]
    assert np.array_equal(dense.run(ROW[0])[0], expected)
    assert np.array_equal(dense.run(ROW.reshape(2, 2, 2))[0], expected)
    with pytest.raises(dlr.DLRError, match=r"Expected \[1, 8\] for input x, got \[1, 7\]"):
        dense.run(ROW[:, :7])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"data": ROW}, "data is not a valid input name."),
        ([ROW], "input_values must be of type dict"),
        (None, "input_values must be of type dict"),
    ],
)
def test_messages_of_the_original(dense: Any, values: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        dense.run(values)


def test_other_types_must_match_exactly(mixed: Any) -> None:
    with pytest.raises(ValueError, match="input data with name pixels should have dtype uint8 but float32 is provided"):
        mixed.run({**MIXED, "pixels": np.ones((2, 4), np.float32)})


def test_inputs_keep_their_last_value(mixed: Any) -> None:
    with pytest.raises(ValueError, match="gain, offset was never given: this model takes pixels uint8"):
        mixed.run({"pixels": MIXED["pixels"]})
    first = mixed.run(MIXED)
    again = mixed.run({"gain": np.array(4, np.float32)})
    assert float(again[0]) == 2 * float(first[0])
    assert np.array_equal(again[3], first[3])


def test_get_input(dense: Any) -> None:
    with pytest.raises(ValueError, match="never called with input x, we cannot infer its shape"):
        dense.get_input("x")
    assert dense.get_input("x", (1, 8)).tolist() == [[0.0] * 8]
    dense.run(ROW)
    assert np.array_equal(dense.get_input("x"), ROW)
    assert dense.get_input("x", (2, 4)).shape == (2, 4)
    with pytest.raises(ValueError, match="y is not a valid input name"):
        dense.get_input("y")


def test_an_array_that_changes_afterwards(dense: Any) -> None:
    row = ROW.copy()
    expected = dense.run(row)[0].copy()
    row[...] = 0
    assert np.array_equal(dense.get_input("x"), ROW)
    assert np.array_equal(dense.run({})[0], expected)


@pytest.mark.parametrize("form", ["compiled", "compiled.tar.gz", "compiled.tar", "folder/net.tar.gz", "folder/net"])
def test_where_artifacts_lie(dlr: ModuleType, tmp_path: Path, form: str) -> None:
    (tmp_path / "folder").mkdir()
    dense_artifact().save(tmp_path / form)
    named = tmp_path / (form if not form.startswith("folder") else "folder")
    for path in (str(named), named):
        assert dlr.DLRModel(path).run(ROW)[0].shape == (1, 8)


def test_a_list_of_files(dlr: ModuleType, tmp_path: Path) -> None:
    dense_artifact().save(tmp_path / "compiled")
    files = [str(path) for path in (tmp_path / "compiled").iterdir()]
    assert dlr.DLRModel(files).run(ROW)[0].shape == (1, 8)
    dense_artifact().save(tmp_path / "net.tar.gz")
    assert dlr.DLRModel([str(tmp_path / "net.tar.gz")]).run(ROW)[0].shape == (1, 8)


def test_nothing_there(dlr: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model_path .*missing doesn't exist"):
        dlr.DLRModel(str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="empty list"):
        dlr.DLRModel([])


def test_two_models_in_one_folder(dlr: ModuleType, tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        dense_artifact().save(tmp_path / name)
    with pytest.raises(ValueError, match=r"Multiple models found under .*a\.tar\.gz, b\.tar\.gz"):
        dlr.DLRModel(str(tmp_path))


def test_other_archives_beside_an_artifact_are_none(dlr: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pictures.tar").write_bytes(plain_tar({"a.png": b"x", "manifest.json": b"{}"}))
    (tmp_path / "broken.tar.gz").write_bytes(b"no archive")
    with pytest.raises(dlr.DLRError, match=r"holds no model, only broken\.tar\.gz, pictures\.tar"):
        dlr.DLRModel(str(tmp_path))
    dense_artifact().save(tmp_path / "net.tar.gz")
    assert dlr.DLRModel(str(tmp_path)).run(ROW)[0].shape == (1, 8)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["compiled.so", "compiled.params", "compiled.json", "libdlr.so", "dlr.h"], r"machine code \(compiled\.so\)"),
        (["code.ro", "compiled.so", "compiled.meta"], r"machine code \(code\.ro, compiled\.so\)"),
        (["model.tensorrt", "version.json"], r"machine code \(model\.tensorrt\)"),
        (["net-symbol.json", "net-0000.params"], r"source model \(net-0000\.params, net-symbol\.json\)"),
        (["model.onnx"], r"source model \(model\.onnx\)"),
        (["libdlr.so", "notes.txt"], "holds no model, only libdlr.so, notes.txt"),
        ([], "holds no model, only nothing"),
    ],
)
def test_folders_of_the_old_compiler(dlr: ModuleType, tmp_path: Path, names: list[str], reason: str) -> None:
    folder = tmp_path / "mochi"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"\x7fELF machine code")
    with pytest.raises(dlr.DLRError, match=reason) as caught:
        dlr.DLRModel(str(folder), "cpu", 0)
    assert "belvedere compile MODEL --out mochi.tar.gz" in str(caught.value)
    assert "InputConfig.S3Uri" in str(caught.value)


def test_an_artifact_beside_machine_code_is_used(dlr: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "compiled.so").write_bytes(b"\x7fELF")
    dense_artifact().save(tmp_path / "net.tar.gz")
    assert dlr.DLRModel(str(tmp_path)).run(ROW)[0].shape == (1, 8)


def test_a_damaged_artifact(dlr: ModuleType, tmp_path: Path) -> None:
    dense_artifact().save(tmp_path / "compiled")
    (tmp_path / "compiled" / "network.onnx").write_bytes(b"tampered")
    with pytest.raises(dlr.DLRError, match=r"changed since the artifact was made: network\.onnx"):
        dlr.DLRModel(str(tmp_path / "compiled"))


@pytest.mark.parametrize("device", ["gpu", "opencl"])
@pytest.mark.parametrize("form", ["onnx", "openvino-ir"])
def test_a_device_that_is_not_there_gives_one_warning(dlr: ModuleType, tmp_path: Path, device: str, form: str) -> None:
    if device == "gpu" and "CUDAExecutionProvider" in import_onnxruntime().get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    artifact = dense_artifact()
    if form == "openvino-ir":
        xml, weights = as_ir(dense_network())
        parts = {"file": "net.xml", "format": form, "weights": "net.bin"}
        artifact = dense_artifact(files={"net.xml": xml, "net.bin": weights}, network=parts)
    path = saved(artifact, tmp_path / "compiled")
    sys.modules["dlr.devices"]._WARNED.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = dlr.DLRModel(path, device, 0)
        found = [model.run(ROW)[0] for _ in range(3)]
        again = dlr.DLRModel(path, device, 0)  # another line of the program
        found.append(again.run(ROW)[0])
    assert [str(one.message).split(":")[0] for one in caught] == [
        f"dev_type '{device}' cannot be had, so the CPU is used"
    ]
    assert caught[0].filename == __file__
    assert np.array_equal(found[0], dlr.DLRModel(path, "cpu").run(ROW)[0])


def test_the_processor_is_no_reason_to_warn(dlr: ModuleType, tmp_path: Path) -> None:
    path = saved(dense_artifact(target="nvidia"), tmp_path / "compiled")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for device in (None, "cpu"):
            assert dlr.DLRModel(path, device).run(ROW)[0].shape == (1, 8)


@pytest.mark.parametrize(("device", "number"), [("tpu", 0), ("cpu", -1)])
def test_devices_that_dlr_does_not_know(dlr: ModuleType, tmp_path: Path, device: str, number: int) -> None:
    with pytest.raises(ValueError, match="dev_"):
        dlr.DLRModel(saved(dense_artifact(), tmp_path / "compiled"), device, number)


def test_errors_go_to_the_log_file(dlr: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "errors.log"
    model = dlr.DLRModel(saved(dense_artifact(), tmp_path / "compiled"), error_log_file=str(log))
    assert not log.exists()
    with pytest.raises(ValueError, match="not a valid input name"):
        model.run({"data": ROW})
    assert "error in running inference" in log.read_text()
    assert "data is not a valid input name." in log.read_text()
    assert capfd.readouterr() == ("", "")


def test_nothing_is_reported_home(dlr: ModuleType) -> None:
    home = dlr.counter.phone_home.PhoneHome
    home.enable_feature()
    assert home.is_enabled() is False
    home.disable_feature()
    assert home.get_instance() is None


def test_an_anomaly_model_gives_class_scores_as_lookouts_packages_did(dlr: ModuleType, tmp_path: Path) -> None:
    path = saved(tiny_artifact(types=2), tmp_path / "mochi")
    picture = np.random.default_rng(0).standard_normal((1, 3, 32, 48)).astype(np.float32)
    model = dlr.DLRModel(path, "cpu", 0)
    scores, heatmap, types = model.run(picture)
    expected = Model(tiny_artifact(types=2)).run(picture)
    assert scores.shape == (1, 2)
    assert scores[0][0] == expected[0][0]
    assert scores[0][1] == np.float32(1) - expected[0][0]
    assert np.array_equal(heatmap, expected[1])
    assert np.array_equal(types, expected[2])
    assert model.run(picture[0])[0].tolist() == scores.tolist()
    assert model._impl._get_output_size_dim(0) == (2, 2)


def test_nothing_imports_the_stand_ins_and_no_such_name_is_installed() -> None:
    code = (
        "import sys, importlib.util, belvedere, belvedere.runtime, belvedere.cli\n"
        "assert importlib.util.find_spec('dlr') is None\n"
        "assert not [name for name in sys.modules if 'dlr' in name or 'shims' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
