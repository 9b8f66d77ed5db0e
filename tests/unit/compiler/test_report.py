"""The report: whole, escaped, and the same as values, JSON and page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from belvedere.compiler.parity.speed import Speed
from belvedere.compiler.passes.storage import model_bytes, read_external, split
from belvedere.compiler.pipeline.samples import read_labelled, read_samples
from belvedere.compiler.report.machine import machine
from belvedere.compiler.report.page import headline
from belvedere.compiler.report.report import CompileReport, TaskParity
from belvedere.core.errors import CompileError
from belvedere.runtime import Artifact
from helpers.onnx_networks import classifier, normal, run_onnx

OUTPUT = {
    "name": "<b>out</b>", "max_abs": 0.5, "max_rel": None, "rms_rel": 0.01, "agreement": 0.9, "error": 0.01,
    "tolerance": 0.02, "ok": True, "judged_by": ["scores"], "first_drift": None,
}  # fmt: skip


def report(**changes: Any) -> CompileReport:
    found = CompileReport(
        name="net <&>", digest="0" * 64, framework="onnx", precision="int8", meaning="8-bit", target="npu",
        tried=False, why_not="no such device", engine="openvino 1", engine_reason="it is faster", gate=1e-5,
        measure="The error is large.", outputs=(OUTPUT,), inputs={"seeded": 2, "samples": 8},
        task=TaskParity("top-1 accuracy", True, 100, 0.9, 0.895, 0.01), before=Speed(4.0, 5.0, 9),
        after=Speed(2.0, 3.0, 9), size_before=2**21, size_after=2**20, passes={"nodes_before": 9, "nodes_after": 3},
        quantisation={"method": "nncf"}, operators={"Conv": 3}, machine=machine(), notes=("look here",), ok=True,
        verdict="within tolerance in int8",
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


def test_json_holds_everything(tmp_path: Path) -> None:
    page = report().save(tmp_path / "deep" / "folder")
    found = json.loads(page.with_name("compile.json").read_text())
    assert found["speed_ratio"] == 2.0
    assert found["task"]["ok"] is True
    assert found["schema_version"] == 1
    assert found == json.loads(report().to_json())


def test_the_page_needs_nothing_and_escapes_names() -> None:
    text = report().page().decode()
    for part in ("net &lt;&amp;&gt;", "&lt;b&gt;out&lt;/b&gt;", "no such device", "look here", "2.00 times as fast"):
        assert part in text
    for part in ("<b>out</b>", "<script", "src=", "http:"):
        assert part not in text


def test_a_page_without_figures() -> None:
    text = report(before=None, after=None, task=None, quantisation=None, tried=True, gate=None).page().decode()
    assert "ms a call" not in text
    drifted = {
        **OUTPUT,
        "ok": False,
        "first_drift": {"tensor": "t", "operator": "Conv", "error": None, "error_before": 0},
    }
    bad = report(ok=False, verdict="output 'x' drifted", outputs=(drifted,))
    assert headline(bad) == "output 'x' drifted"
    assert "first drift: Conv" in bad.page().decode()


@pytest.mark.parametrize(("after", "allowed", "ok"), [(0.89, 0.01, True), (0.88, 0.01, False), (0.1, None, True)])
def test_losses(after: float, allowed: float | None, ok: bool) -> None:
    assert TaskParity("m", True, 10, 0.9, after, allowed).ok is ok


def test_the_machine_is_told_without_names_of_it() -> None:
    found = machine()
    assert found["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__
    assert not {"host", "node", "user", "path"} & set(found)


# --- what reports are made of -----------------------------------------------------------------------------------------


def manifest(**parts: Any) -> Any:
    taken = {"kind": "tensor", "name": "data", "shape": [1, 3, 8, 8]}
    fields: dict[str, Any] = {
        "task": "tensor", "inputs": [taken], "outputs": [{"name": "o", "shape": [1]}], "decoder": {"kind": "tensor"},
    }  # fmt: skip
    return Artifact.build(files={"m": b""}, name="n", network={"file": "m"}, **{**fields, **parts}).manifest


def test_samples_of_all_kinds(tmp_path: Path) -> None:
    values = normal((1, 3, 8, 8))
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", data=values)
    (tmp_path / ".hidden.npy").write_bytes(b"x")
    found = read_samples(tmp_path, manifest(), 10)
    assert [sample.name for sample in found] == ["a.npy", "b.npz"]
    assert all(np.array_equal(sample.tensors["data"], values) for sample in found)
    assert len(read_samples([{"data": values}] * 50, manifest(), 7)) == 7
    with pytest.raises(CompileError, match="no pictures"):
        read_samples([], manifest(), 10)
    (tmp_path / "c.npz").write_bytes(b"PK nonsense")
    with pytest.raises(CompileError, match="not a readable NumPy file"):
        read_samples(tmp_path / "c.npz", manifest(), 10)
    np.save(tmp_path / "d.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(CompileError, match="not a readable NumPy file"):
        read_samples(tmp_path / "d.npy", manifest(), 10)
    with pytest.raises(CompileError, match="is not known: say --task"):
        read_samples([np.zeros((5, 5, 3), np.uint8)], manifest(), 10)
    with pytest.raises(CompileError, match="no such folder"):
        read_labelled(tmp_path / "a.npy", manifest(), 10)
    labelled = read_labelled([({"data": values}, 3)], manifest(), 10)
    assert labelled[0].truth == 3


def test_weights_in_a_second_file_come_back(tmp_path: Path) -> None:
    model = classifier()
    skeleton, weights = split(model, "w.data")
    (tmp_path / "w.data").write_bytes(weights)
    again = onnx.ModelProto()
    again.ParseFromString(skeleton)
    assert len(skeleton) < len(weights) < len(model.SerializeToString())
    read_external(again, tmp_path)
    feeds = {"data": normal((1, 3, 32, 32))}
    assert np.array_equal(run_onnx(again, feeds)[0], run_onnx(model, feeds)[0])
    assert model_bytes(again) == model_bytes(model)


def test_sizes_of_tensors_in_every_field() -> None:
    from belvedere.compiler.passes.storage import stored_bytes

    floats = helper.make_tensor("f", onnx.TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    texts = helper.make_tensor("s", onnx.TensorProto.STRING, [1], [b"abc"])
    assert stored_bytes(floats) == 12
    assert stored_bytes(texts) == 7
    assert stored_bytes(onnx.numpy_helper.from_array(np.zeros((2, 2), np.float16), "h")) == 8
