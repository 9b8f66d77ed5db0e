"""The public surface is a list, and importing it is cheap."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import belvedere
from belvedere import _facade
from belvedere.core.errors import BelvedereError, OptionError
from helpers.artifacts import pictures, tiny_artifact

HEAVY = ("numpy", "PIL", "openvino", "onnx", "onnxruntime", "sklearn", "scipy", "pydantic", "torch", "click")
SURFACE = [
    "AnomalyResult", "Artifact", "ArtifactError", "BelvedereError", "CompileError", "Dataset", "DatasetError",
    "EngineError", "ImageError", "LimitError", "MissingExtraError", "Model", "NotAnArtifactError", "OptionError",
    "Report", "StorageError", "TaskReport", "TrainingError", "__version__", "compile", "evaluate", "load",
    "open_dataset", "train",
]  # fmt: skip


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sorted(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_import_is_light() -> None:
    modules = loaded_after("import belvedere\nassert belvedere.__version__\ndir(belvedere)")
    assert "belvedere" in modules
    assert modules.isdisjoint(HEAVY)


def test_errors_stay_light() -> None:
    assert loaded_after("from belvedere import ArtifactError, BelvedereError").isdisjoint(HEAVY)


def test_running_needs_no_training_library() -> None:
    modules = loaded_after("import belvedere\nbelvedere.load; belvedere.AnomalyResult")
    assert modules.isdisjoint({"sklearn", "scipy", "torch", "onnx", "openvino", "onnxruntime", "click"})


def test_public_surface() -> None:
    assert sorted(belvedere.__all__) == SURFACE
    assert {name for name in dir(belvedere) if name == "__version__" or not name.startswith("__")} == set(SURFACE)


@pytest.mark.parametrize("name", SURFACE)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(belvedere, name)
    assert value is getattr(belvedere, name)
    assert name == "__version__" or value.__doc__


def test_every_error_of_the_tree_is_public() -> None:
    def below(kind: type) -> set[str]:
        return {kind.__name__}.union(*(below(child) for child in kind.__subclasses__()))

    home = importlib.import_module("belvedere.core.errors")
    assert {name for name in below(BelvedereError) if hasattr(home, name)} <= set(belvedere.__all__)


def test_unknown_names_fail_as_usual() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        belvedere.trian  # noqa: B018


def test_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown task 'pose'"):
        _facade.train(tmp_path, task="pose")


def test_evaluate_passes_its_options_on(tmp_path: Path) -> None:
    for index, pixels in enumerate(pictures(4)):
        path = tmp_path / ("normal" if index < 2 else "anomaly") / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    with belvedere.Model(tiny_artifact()) as model:
        report = belvedere.evaluate(model, tmp_path, bootstrap=7, gallery=1)
        assert (report.resamples, len(report.gallery)) == (7, 1)
        assert model.evaluate(tmp_path, bootstrap=0, gallery=0).intervals == {}
