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
    assert (found["same"], found["verdict"]) == (True, "same: every output is within 0.001, which f32 allows")
    with Image.open(tmp_path / "drawn" / "worst.png") as drawn:
        assert drawn.width == 2 * 50
    assert run([*map(str, words), "--most", "2"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[:2] == [found["verdict"], "2 samples"]
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


def test_nothing_is_drawn_unasked_and_one_sample_is_one(
    source: Path, pictures: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, here = tmp_path / "net.tar.gz", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    belvedere.compile(source, mean=(0.5,), **QUICK).save(out)
    assert run(["compare", str(out), str(source), "--samples", str(pictures), "--most", "1"]) == 0
    shown = capsys.readouterr()
    assert "\n1 sample\n" in shown.out
    assert "--samples: 1 of 4 samples read from 1 folder" in shown.err
    assert list(here.iterdir()) == []


def test_masks_are_passed_by_and_folders_counted(
    source: Path, pictures: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, mean=(0.5,), **QUICK).save(out)
    for name in ("more", "ground_truth"):
        (pictures / name).mkdir()
        Image.fromarray(random_picture(40, 50, 3, 9)).save(pictures / name / "x.png")
    Image.fromarray(random_picture(40, 50, 3, 9)).save(pictures / "0.annotated.png")
    assert run(["compare", str(out), str(source), "--samples", str(pictures), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["samples"] == 5
    assert "5 samples read from 2 folders; folders of masks passed by: ground_truth" in shown.err
    assert run(["compare", str(out), str(source), "--samples", str(pictures / "ground_truth")]) == 0


def test_a_model_that_says_something_else_is_called_different(
    source: Path, pictures: Path, tmp_path: Path, capsys: Captured
) -> None:
    out, other = tmp_path / "net.tar.gz", tmp_path / "other.tar.gz"
    belvedere.compile(source, task="tensor", **QUICK).save(out)
    model = classifier()
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values[::-1].copy(), tensor.name))
    onnx.save_model(model, tmp_path / "other.onnx")
    belvedere.compile(tmp_path / "other.onnx", task="tensor", **QUICK).save(other)
    np.savez(tmp_path / "x.npz", data=np.ones((1, 3, 32, 32), np.float32))
    assert run(["compare", str(other), str(out), "--samples", str(tmp_path / "x.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["same"]
    assert found["verdict"].startswith("different: output 'logits' is off by ")


@pytest.mark.shared
def test_a_model_of_another_framework_is_named(
    source: Path, tmp_path: Path, capsys: Captured, shared_folder: Path
) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, task="tensor", **QUICK).save(out)
    np.savez(tmp_path / "x.npz", data=np.ones((1, 3, 32, 32), np.float32))
    other = shared_folder / "oracles/tensorflow/keras3_cnn/model.tflite"
    assert run(["compare", str(out), str(other), "--samples", str(tmp_path / "x.npz")]) == 1
    assert "the artifact was made from a model of onnx, this is one of tflite" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "benchmark"])
def test_a_model_for_a_device_that_is_not_here_is_tried_on_the_processor(
    source: Path, tmp_path: Path, capsys: Captured, command: str
) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, task="tensor", target="npu", **QUICK).save(out)
    np.savez(tmp_path / "x.npz", data=np.ones((1, 3, 32, 32), np.float32))
    more = [str(source), "--samples", str(tmp_path / "x.npz")] if command == "compare" else ["--seconds", "0.1"]
    if run([command, str(out), *more]) == 1:  # as it does where there is no such device
        assert "To try the model on the processor: --target cpu" in capsys.readouterr().err
    assert run([command, str(out), *more, "--target", "cpu"]) == 0
