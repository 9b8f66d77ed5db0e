"""``belvedere compare``: an artifact against its source, numbers and results, and the worst sample drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import belvedere
from belvedere.cli.root import run
from belvedere.compiler.parity.feeds import random_picture
from helpers.onnx_networks import classifier

Captured = pytest.CaptureFixture[str]
QUICK: dict[str, Any] = {"seconds": 0.05}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save_model(classifier(), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(random_picture(40, 50, 3, number)).save(folder / f"{number}.png")
    return folder


def test_a_bound_model(source: Path, pictures: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, mean=(0.5,), std=(0.2,), uint8_input=True, layout="NHWC", **QUICK).save(out)
    words = ["compare", out, source, "--samples", pictures, "--draw", tmp_path / "drawn"]
    assert run([*map(str, words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["metric"], found["agreement"]) == (4, "same class", 1.0)
    assert found["outputs"][0]["max_rel"] < 1e-4
    with Image.open(tmp_path / "drawn" / "worst.png") as drawn:
        assert drawn.width == 2 * 50
    assert run([*map(str, words), "--most", "2"]) == 0
    text = capsys.readouterr().out
    assert "2 samples" in text
    assert "same class: 1.0000" in text


def test_a_tensor_model_and_the_worst_sample(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out, folder = tmp_path / "net.tar.gz", tmp_path / "tensors"
    folder.mkdir()
    belvedere.compile(source, task="tensor", precision="f16", **QUICK).save(out)
    for number in range(3):
        # Scaled towards nothing, where the bias hides what float16 rounds.
        values = np.random.default_rng(number).standard_normal((1, 3, 32, 32)).astype(np.float32) * 100.0**-number
        np.savez(folder / f"{number}.npz", data=values)
    assert run(["compare", str(out), str(source), "--samples", str(folder), "--draw", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agreement"] is None
    assert [entry["name"] for entry in found["worst"]]
    errors = [entry["rms_rel"] for entry in found["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0
    assert (tmp_path / "worst.png").is_file()


def test_another_artifact(source: Path, pictures: Path, tmp_path: Path, capsys: Captured) -> None:
    first, second = tmp_path / "a.tar.gz", tmp_path / "b"
    belvedere.compile(source, mean=(0.5,), **QUICK).save(first)
    belvedere.compile(source, mean=(0.5,), precision="f16", **QUICK).save(second)
    words = ["compare", second, first, "--samples", pictures, "--draw", tmp_path]
    assert run(list(map(str, words))) == 0
    assert "logits" in capsys.readouterr().out


def test_what_cannot_be_compared_is_said(source: Path, pictures: Path, tmp_path: Path, capsys: Captured) -> None:
    out, other = tmp_path / "net.tar.gz", tmp_path / "other.onnx"
    belvedere.compile(source, task="tensor", **QUICK).save(out)
    assert run(["compare", str(out), str(source), "--samples", str(pictures), "--draw", str(tmp_path)]) == 1
    assert "is not known: say --task" in capsys.readouterr().err
    model = classifier()
    model.graph.output.append(onnx.helper.make_tensor_value_info(model.graph.node[0].output[0], 1, None))
    onnx.save_model(model, other)
    np.savez(tmp_path / "x.npz", data=np.zeros((1, 3, 32, 32), np.float32))
    assert run(["compare", str(out), str(other), "--samples", str(tmp_path / "x.npz"), "--draw", str(tmp_path)]) == 1
    assert "gives logits, " in capsys.readouterr().err
    words = ["compare", str(out), str(tmp_path / "none"), "--samples", str(tmp_path / "x.npz"), "--draw", str(tmp_path)]
    assert run(words) == 1
    assert "no such file" in capsys.readouterr().err
