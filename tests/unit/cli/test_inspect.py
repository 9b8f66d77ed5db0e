"""``belvedere inspect``: what an artifact holds, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belvedere.cli.figures import ratio_text
from belvedere.cli.root import run
from belvedere.cli.summary import rule_text
from belvedere.runtime import Artifact
from helpers.artifacts import tiny_artifact
from helpers.tensors import as_ir, dense_artifact, dense_network

FACTS = {
    "backbone": {"name": "belvedere-s", "licence": "Apache-2.0"},
    "learners": {"memory": 0.4, "picture": 0.6},
    "cross_validation": {"folds": 5, "combined": {"auroc": 0.98765, "average_precision": None}},
    "threshold_rule": {"rule": "f1", "description": "best F1"},
    "pictures": {"normal": 20, "notes": ["a.png: truncated", "b.png: truncated"]},
    "anything": [{"name": "x", "value": 1}, {"where": "y"}, [1, 2]],
    "nothing": None,
}


def test_readable(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(artifact)]) == 0
    out = capsys.readouterr().out
    for text in ("tiny: anomaly", Artifact.load(artifact).digest, "48x32", "0.5000", "scratch, stain", "network.onnx"):
        assert text in out


def test_facts_of_the_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tiny_artifact(provenance={"training": FACTS}).with_report("training.json", b"{}")
    made.save(tmp_path / "m.tar.gz")
    assert run(["inspect", str(tmp_path / "m.tar.gz")]) == 0
    out = capsys.readouterr().out
    for text in ("belvedere-s", "memory 0.4000", "0.9877", "best F1", "a.png: truncated", "training.json"):
        assert text in out
    assert "nothing" not in out


def test_json_is_the_manifest(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(artifact), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    loaded = Artifact.load(artifact)
    found = json.loads(out)
    assert found.pop("operators")["Conv"] == 4
    assert found == {**loaded.manifest.model_dump(mode="json"), "digest": loaded.digest}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"rule": "f1", "description": "best F1"}, "best F1"),
        (
            {"rule": "false_alarms", "description": "at most", "rate": 0.047619, "asked": 0.01, "pictures_needed": 99},
            "at most; rate 0.0476, asked for 0.01, which takes 99 normal pictures",
        ),
        (
            {"description": "at most", "rate": 0.05, "asked": None, "pictures_needed": 19},
            "at most; rate 0.05, which takes 19 normal pictures",
        ),
        ("anything", "anything"),
    ],
)
def test_rules(rule: object, expected: str) -> None:
    assert rule_text(rule) == expected


@pytest.mark.parametrize("form", ["openvino-ir", "external"])
def test_the_size_is_that_of_all_files_of_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    if form == "openvino-ir":
        xml, weights = as_ir(dense_network())
        files = {"net.xml": xml, "net.bin": weights + bytes(3 * 2**20)}
        network = {"file": "net.xml", "format": form, "weights": "net.bin"}
    else:
        files = {"net.onnx": dense_network(), "net.data": bytes(3 * 2**20)}
        network = {"file": "net.onnx", "external_data": ["net.data"]}
    dense_artifact(files=files, network=network).save(tmp_path / "net")
    assert run(["inspect", str(tmp_path / "net")]) == 0
    assert ", 3.0 MiB, f32" in capsys.readouterr().out


def test_a_source_model_is_to_be_compiled_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    for command in ("inspect", "benchmark"):
        assert run([command, str(tmp_path / "net.onnx")]) == 1
        assert "this is an ONNX model; compile it first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(0.02, 0.04, "both under 0.05 ms, which is the overhead of a call"), (2.0, 3.0, "1.50 times as fast"),
     (0.02, 0.1, "5.00 times as fast")],
)  # fmt: skip
def test_next_to_nothing_is_called_overhead(now: float, before: float, said: str) -> None:
    assert ratio_text(before / now, now, before) == said
