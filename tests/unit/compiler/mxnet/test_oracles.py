"""Models that Apache MXNet 1.9.1 wrote, and the outputs that it computed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from belvedere.core.errors import CompileError
from helpers.oracles import compare
from unit.compiler.mxnet.engines import ENGINES, imported, run

pytestmark = pytest.mark.shared


def _shared() -> Path:
    return Path(os.environ.get("BELVEDERE_SHARED", Path(__file__).resolve().parents[5] / "shared"))


_FOLDER = _shared() / "oracles" / "mxnet"
_CASES = sorted(path.parent.name for path in _FOLDER.glob("*/case.json"))
_RUNNING = [name for name in _CASES if not name.startswith("reject_")]
_REFUSED = [name for name in _CASES if name.startswith("reject_")]


def _case(shared_folder: Path, name: str) -> dict:
    return json.loads((shared_folder / "oracles" / "mxnet" / name / "case.json").read_text())


def test_there_are_cases(shared_folder: Path) -> None:
    assert len(_RUNNING) > 50
    assert len(_REFUSED) == 5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", _RUNNING)
def test_as_recorded(shared_folder: Path, name: str, engine: str) -> None:
    if name == "op_deformable_conv" and engine == "openvino":
        pytest.skip("OpenVINO imports no deformable convolution")
    case, folder = _case(shared_folder, name), shared_folder / "oracles" / "mxnet" / name
    recorded = np.load(folder / "io.npz")
    model = imported(folder, {key: tuple(value["shape"]) for key, value in case["inputs"].items()})
    onnx.checker.check_model(model.network)
    feeds = {port.name: recorded[f"in_{port.name}"] for port in model.inputs}
    expected = [recorded[f"out{index}"] for index in range(len(case["outputs"]))]
    assert [port.name for port in model.outputs] == [output["name"] for output in case["outputs"]]
    assert [list(port.shape) for port in model.outputs] == [output["shape"] for output in case["outputs"]]
    got = run(engine, model, feeds)
    assert compare(case["compare"], case["rtol"], got, expected) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reject_gluon_parameters_only", ["symbol", "export", "features"]),
        ("reject_missing_parameter", ["rej_stage1_conv0_weight"]),
        ("reject_truncated_params", ["truncated", "model-0000.params"]),
        ("reject_unknown_operator", ["Custom", "my_swish", "rej_stage1_relu0_fwd"]),
        ("reject_wrong_shape", ["rej_conv0_fwd", "3 channels", "has 1"]),
    ],
)
def test_refused(shared_folder: Path, name: str, words: list[str]) -> None:
    inputs = {key: tuple(value["shape"]) for key, value in _case(shared_folder, name)["inputs"].items()}
    with pytest.raises(CompileError) as caught:
        imported(shared_folder / "oracles" / "mxnet" / name, inputs)
    assert [word for word in words if word not in str(caught.value)] == []
