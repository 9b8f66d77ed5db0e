"""``belvedere benchmark``: figures of an artifact, alone and against what it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

import belvedere
from belvedere.cli.benchmark import calls_a_second
from belvedere.cli.figures import ratio_text
from belvedere.cli.root import run
from helpers.artifacts import tiny_artifact
from helpers.onnx_networks import classifier

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save_model(classifier(), path)
    return path


def test_against_the_source(source: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, uint8_input=True, mean=(0.5,), seconds=0.05).save(out)
    words = ["benchmark", out, "--against", source, "--threads", 1, "--seconds", 0.2]
    assert run([*map(str, words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["latency"]["artifact"]["calls"] >= 5
    latency = {name: speed["p50_ms"] for name, speed in found["latency"].items()}
    assert found["ratio"] == pytest.approx(latency["against"] / latency["artifact"])
    assert (found["selftest"], found["threads"]) == (True, 1)
    assert "calls_per_second" not in found
    assert run(list(map(str, words))) == 0
    shown = capsys.readouterr()
    for text in ("net.onnx on plain ONNX Runtime in float32", "net (f32)", "95 % within"):
        assert text in shown.out
    assert ratio_text(found["ratio"], 1.0, 1.0).endswith("times as fast")
    assert any(text in shown.out for text in ("times as fast", "the overhead of a call"))  # as fast as the machine is
    assert "cores" in shown.err


def test_throughput_of_a_trained_model(tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "tiny.tar.gz"
    tiny_artifact().save(out)
    assert run(["benchmark", str(out), "--streams", "2", "--seconds", "0.2"]) == 0
    text = capsys.readouterr().out
    assert "calls a second" in text
    assert "tiny (f32)" in text


def test_a_failed_self_test_is_said(source: Path, tmp_path: Path, capsys: Captured, monkeypatch: Any) -> None:
    out = tmp_path / "net.tar.gz"
    belvedere.compile(source, task="tensor", seconds=0.05).save(out)
    monkeypatch.setattr(belvedere.Model, "selftest", lambda _self: type("Report", (), {"ok": False})())
    assert run(["benchmark", str(out), "--seconds", "0.1"]) == 1
    assert "the self-test FAILED" in capsys.readouterr().err


def test_calls_of_all_workers_count() -> None:
    done: list[int] = []
    rate = calls_a_second(lambda: done.append(1), 3, 0.1)
    assert rate == pytest.approx((len(done) - 1) / 0.1, rel=0.5)


def test_what_cannot_be_measured_is_said(tmp_path: Path, capsys: Captured) -> None:
    assert run(["benchmark", str(tmp_path / "none.tar.gz")]) == 1
    assert "there is no such artifact" in capsys.readouterr().err
    assert run(["benchmark", "x", "--seconds", "0"]) == 2
