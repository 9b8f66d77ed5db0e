"""``belvedere compile``: from the command line to an artifact, a report and a message."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from belvedere.cli.compile import report_lines
from belvedere.cli.root import run
from belvedere.compiler.parity.feeds import random_picture
from belvedere.runtime import Artifact
from helpers.onnx_networks import classifier

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "net.onnx"
    onnx.save_model(classifier(), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        Image.fromarray(random_picture(40, 50, 3, number)).save(folder / f"{number}.png")
    return folder


def test_an_artifact_and_a_report(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out, report = tmp_path / "net.tar.gz", tmp_path / "report"
    words = ["compile", source, "--out", out, "--report", report, "--input", "data=1x3x32x32", "--mean", "0.5"]
    assert run([*map(str, words), "--std", "0.2,0.2,0.2", "--name", "tiny"]) == 0
    shown = capsys.readouterr()
    for text in ("tiny: from onnx, f32 for cpu, within tolerance", " ms a call, ", "logits", str(out)):
        assert text in shown.out
    assert "held against the ONNX model as it came, run by ONNX Runtime in float32" in shown.err
    assert "recognised as a classifier" in shown.err
    assert Artifact.load(out).manifest.task == "classification"
    assert json.loads((report / "compile.json").read_text())["name"] == "tiny"
    assert "<html" in (report / "compile.html").read_text()


def test_json(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "net"
    assert run(["compile", str(source), "--out", str(out), "--task", "tensor", "--json", "--precision", "f16"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["precision"], found["ok"], found["artifact"]) == ("f16", True, str(out))
    assert (out / "manifest.json").is_file()


def test_a_missed_tolerance_writes_the_report_and_no_artifact(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out, report = tmp_path / "net.tar.gz", tmp_path / "report"
    out.write_bytes(b"what was there")
    words = ["compile", source, "--out", out, "--report", report, "--precision", "f16", "--tolerance", "1e-9"]
    assert run(list(map(str, words))) == 1
    assert "output 'logits' has a relative error of" in capsys.readouterr().err
    assert out.read_bytes() == b"what was there"
    assert not json.loads((report / "compile.json").read_text())["ok"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--precision", "int8"], 1, "--calibrate PICTURES"),
        (["--mean", "a,b"], 2, "is not one number or three"),
        (["--mean", "1,2"], 2, "is not one number or three"),
        (["--decoder", "{"], 2, "not valid JSON"),
        (["--option", "x"], 2, "NAME=VALUE"),
        (["--framework", "caffe"], 2, "caffe"),
        (["--input", "data=1x3x-5x2"], 1, "data"),
        (["--input", "picture=1x3x32x32", "--input", "other=1x3x32x32"], 1, "data"),
        (["--samples", "."], 1, "labelled samples"),
        (["--decoder", "nonsense"], 2, "unknown decoder"),
        (["--output", "nothing"], 1, "nothing"),
    ],
)
def test_wrong_options_are_said(
    source: Path, tmp_path: Path, capsys: Captured, words: list[str], code: int, message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["compile", str(source), "--out", "net.tar.gz", *words]) == code
    assert message in capsys.readouterr().err
    assert not Path("net.tar.gz").exists()


def test_decoder_settings_and_a_panorama_descriptor(source: Path, tmp_path: Path, capsys: Captured) -> None:
    descriptor = tmp_path / "descriptor.json"
    inputs = [{"name": "data", "shape": [1, 3, 32, 32]}]
    content = {"framework": "ONNX", "frameworkVersion": "1.8", "inputs": inputs, "precisionMode": "FP16"}
    descriptor.write_text(json.dumps({"mlModelDescriptor": {"envelopeVersion": "2021-01-01", **content}}))
    words = ["compile", source, "--out", tmp_path / "n.tar", "--input", descriptor]
    assert run([*map(str, words), "--decoder", '{"activation": "sigmoid"}']) == 0
    manifest = Artifact.load(tmp_path / "n.tar").manifest
    assert manifest.precision == "f16"
    assert manifest.decoder.activation == "sigmoid"  # type: ignore[union-attr]


def test_predict_reads_what_compile_wrote(source: Path, pictures: Path, tmp_path: Path, capsys: Captured) -> None:
    out, labels = tmp_path / "net.tar.gz", tmp_path / "labels.txt"
    labels.write_text("\n".join(f"kind {number}" for number in range(10)))
    words = ["compile", source, "--out", out, "--labels", labels, "--mean", "0.5", "--std", "0.2"]
    assert run(list(map(str, words))) == 0
    capsys.readouterr()
    assert run(["predict", str(out), str(pictures), "--draw", str(tmp_path / "drawn")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("kind ") and line.endswith(".png") for line in lines)
    assert len(list((tmp_path / "drawn").glob("*.png"))) == 6


def test_the_report_for_people_names_what_was_not_tried() -> None:
    speed = {"p50_ms": 2.0, "p95_ms": 3.0, "calls": 5}
    found = {
        "name": "n", "framework": "onnx", "precision": "int8", "target": "nvidia", "verdict": "within tolerance",
        "engine": "onnxruntime", "engine_reason": "needed", "tried": False, "why_not": "no card", "after": speed,
        "before": speed, "speed_ratio": 1.0, "size_after": 2**20, "size_before": 2**21,
        "task": {"metric": "top-1 accuracy", "before": 0.9, "after": 0.89, "samples": 7, "labelled": True,
                 "on": "7 of 9 pictures"},
        "outputs": [{"name": "o", "error": None, "tolerance": 0.1}],
    }  # fmt: skip
    text = "\n".join(report_lines(found))
    for part in (
        "nvidia: no card",
        "top-1 accuracy 0.8900, 0.9000 before, on 7 of 9 pictures",
        "1.00 MiB, 2.00 MiB before",
        "–",
    ):
        assert part in text


def test_inspect_shows_parity_speed_and_a_graph(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out, graph = tmp_path / "net.tar.gz", tmp_path / "net.svg"
    assert run(["compile", str(source), "--out", str(out), "--task", "tensor"]) == 0
    capsys.readouterr()
    assert run(["inspect", str(out), "--graph", str(graph)]) == 0
    text = capsys.readouterr().out
    for part in ("net: tensor", "data [1, 3, 32, 32] float32", "3 Conv", "parity", "speed", "ms a call"):
        assert part in text
    assert graph.read_text().startswith("<svg")
    assert run(["inspect", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["operators"]["Conv"] == 3
    assert found["report"]["ok"]


def test_int8_by_tensors(source: Path, tmp_path: Path, capsys: Captured) -> None:
    pytest.importorskip("nncf", reason="needs the [quantize] extra")
    folder = tmp_path / "tensors"
    folder.mkdir()
    for number in range(4):
        values = np.random.default_rng(number).standard_normal((1, 3, 32, 32)).astype(np.float32)
        np.savez(folder / f"{number}.npz", data=values)
    words = ["compile", source, "--out", tmp_path / "n.tar", "--task", "tensor", "--precision", "int8"]
    assert run([*map(str, words), "--calibrate", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quantisation"]["samples"] == 4


@pytest.mark.shared
def test_a_signature_reaches_the_importer(shared_folder: Path, tmp_path: Path, capsys: Captured) -> None:
    path = shared_folder / "oracles/tensorflow/savedmodel_signatures/saved_model"
    words = ["compile", path, "--out", tmp_path / "n.tar", "--signature", "nope", "--input", "x=1x32x32x3"]
    assert run(list(map(str, words))) == 1
    assert "it has features, serving_default" in capsys.readouterr().err
