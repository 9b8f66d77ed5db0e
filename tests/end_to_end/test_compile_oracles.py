"""Every recorded output of MXNet and TensorFlow, reproduced by the artifact that ``belvedere.compile`` makes."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import belvedere as bv
from helpers.oracles import compare

pytestmark = [pytest.mark.shared, pytest.mark.slow]

_SHARED = Path(os.environ.get("BELVEDERE_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def cases(framework: str) -> list[str]:
    """Names of the cases there are; one that fails or skips in the fixture where there are none."""
    folder = _SHARED / "oracles" / framework
    found = [case.name for case in folder.iterdir() if case.is_dir()] if folder.is_dir() else []
    return sorted(name for name in found if not name.startswith("reject")) or ["missing"]


def compiled_outputs(model: Path, inputs: Mapping[str, np.ndarray], **options: Any) -> tuple[np.ndarray, ...]:
    shapes = {name: tensor.shape for name, tensor in inputs.items()}
    artifact = bv.compile(model, inputs=shapes, seconds=0.05, **options)
    wanted = {port.name for port in artifact.manifest.inputs}
    with bv.load(artifact) as net:
        return net.run({name: tensor for name, tensor in inputs.items() if name in wanted})


@pytest.mark.parametrize("case", cases("mxnet"))
def test_mxnet(shared_folder: Path, case: str) -> None:
    folder = shared_folder / "oracles" / "mxnet" / case
    told = json.loads((folder / "case.json").read_text())
    recorded = np.load(folder / "io.npz")
    inputs = {name[3:]: recorded[name] for name in recorded.files if name.startswith("in_")}
    expected = [recorded[f"out{index}"] for index in range(len(told["outputs"]))]
    found = compiled_outputs(folder, inputs)
    assert not compare(told["compare"], told["rtol"], found, expected)


def _models() -> list[tuple[str, str]]:
    names = ("model.keras", "model.h5", "saved_model", "frozen_graph.pb", "frozen_inference_graph.pb", "model.tflite")
    folder = _SHARED / "oracles" / "tensorflow"
    return [
        (case, name) for case in cases("tensorflow") for name in names if (folder / case / name).exists()
    ] or [("missing", "model")]  # fmt: skip


@pytest.mark.parametrize(("case", "name"), _models())
def test_tensorflow(shared_folder: Path, case: str, name: str) -> None:
    if name.endswith((".keras", ".h5")) and importlib.util.find_spec("keras") is None:
        pytest.skip("Keras files need the [keras] extra")
    folder = shared_folder / "oracles" / "tensorflow" / case
    told = json.loads((folder / "case.json").read_text())
    recorded = np.load(folder / "io.npz")
    inputs = {key[3:]: recorded[key] for key in recorded.files if key.startswith("in_")}
    expected = {key[4:]: recorded[key] for key in recorded.files if key.startswith("out_") and "int8" not in key}
    artifact = bv.compile(folder / name, inputs=_row_shapes(inputs, name), seconds=0.05)
    with bv.load(artifact) as net:
        ports = [port.name for port in artifact.manifest.inputs]
        given = dict(zip(ports, _as_ports(ports, inputs), strict=True))
        rows = [
            net.run({key: tensor[row : row + 1] for key, tensor in given.items()})
            for row in range(len(next(iter(inputs.values()))))
        ]
    found = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    # Containers order and name outputs as they please; every expected one must be among them.
    for key, wanted in expected.items():
        most = told["rtol"] * max(1e-3, float(np.abs(wanted).max()))
        fits = [one for one in found if one.shape == wanted.shape and np.abs(one - wanted).max() <= most]
        assert fits, f"{key}: no output of {name} is within {most:.3g} of it"


def _row_shapes(inputs: Mapping[str, np.ndarray], name: str) -> Any:
    """One row a call. Positions stand for names, which differ from container to container."""
    shapes = [[1, *tensor.shape[1:]] for tensor in inputs.values()]
    if name.endswith((".keras", ".h5")) or len(shapes) > 1 or name == "frozen_inference_graph.pb":
        return {key: tuple(shape) for key, shape in zip(inputs, shapes, strict=True)}
    return shapes


def _as_ports(ports: list[str], inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    if set(ports) == set(inputs):
        return [inputs[port] for port in ports]
    return list(inputs.values())
