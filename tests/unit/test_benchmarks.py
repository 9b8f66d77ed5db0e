"""The benchmarks run: help, smoke runs on drawn boards, and the arithmetic of their tables."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from belvedere.data.dataset import Dataset
from belvedere.data.record import BinaryMask, Record

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = (
    "machine", "anomaly_quality", "anomaly_speed", "patchcore_baseline", "anomalib_patchcore", "anomalib_child",
    "run_overhead", "coco_metrics",
)  # fmt: skip


def run(name: str, *words: object) -> str:
    line = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the folder; none stays imported, for their names are common ones."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    ours = {path.stem for path in FOLDER.glob("*.py")}
    for name in set(sys.modules) - before:
        if name in ours:
            del sys.modules[name]


def dataset(train_anomalies: int = 0) -> Dataset:
    """Ten normal pictures to train on, and five normal and five anomalous ones to judge by."""

    def record(index: int, label: Any, split: Any) -> Record:
        name = f"{split}-{label}-{index}.png"
        mask = BinaryMask(Path("m.png"), "scratch") if label == "anomaly" else None
        return Record(name, Path(name), label, "scratch" if mask else None, split, mask)

    parts = [
        ("normal", "train", 10),
        ("anomaly", "train", train_anomalies),
        ("normal", "test", 5),
        ("anomaly", "test", 5),
    ]
    return Dataset(tuple(record(i, label, split) for label, split, count in parts for i in range(count)))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name: str) -> None:
    assert "usage:" in run(name, "--help")


def test_machine(tmp_path: Path) -> None:
    out = tmp_path / "machine.json"
    text = run("machine", "--json", out)
    found = json.loads(out.read_text())["machine"]
    assert found["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__
    assert found["cpu"] in text
    assert found["code"] in text


def test_run_overhead(tmp_path: Path) -> None:
    out = tmp_path / "overhead.json"
    assert "Model.run above the bare engine" in run("run_overhead", "--quick", "--threads", 1, "--json", out)
    found = json.loads(out.read_text())
    assert [one["engine"] for one in found["runs"]] == ["openvino", "onnxruntime"]
    assert len(found["checks"]) == 2


def test_load_of_others(modules: Any) -> None:
    machine = modules("machine")
    before, after = machine.Load(0.0, 100.0, 5.0), machine.Load(10.0, 112.0, 9.0)
    cores = machine.os.cpu_count()
    assert machine.others_share(before, after) == pytest.approx(min(1.0, 8.0 / (10.0 * cores)))
    assert machine.others_share(machine.Load(0, 0, 0), machine.Load(1, 0, 1)) is None
    assert "NOT IDLE" in machine.wording(0.5)
    assert "NOT IDLE" not in machine.wording(0.01)


def test_draws_are_nested_and_not_judged_on(modules: Any) -> None:
    sets = modules("sets")
    few, many = (sets.draw(dataset(), normal, 0, 3) for normal in (2, 6))
    both = sets.draw(dataset(), 6, 2, 3)
    assert {r.name for r in few.train.records} < {r.name for r in many.train.records}
    assert {r.name for r in both.train.normal} == {r.name for r in many.train.normal}
    assert len(many.test) == 10
    trained = {record.name for record in both.train.anomalous}
    assert len(trained) == 2
    assert len(both.test) == 8
    assert not trained & {record.name for record in both.test}
    assert not both.train.has_splits


def test_training_anomalies_are_preferred(modules: Any) -> None:
    drawn = modules("sets").draw(dataset(train_anomalies=4), 5, 3, 0)
    assert all(record.name.startswith("train") for record in drawn.train.records)
    assert len(drawn.test) == 10


def test_masks_are_withheld(modules: Any) -> None:
    drawn = modules("sets").draw(dataset(), 5, 3, 0, masks=False)
    assert all(record.mask is None for record in drawn.train.records)
    assert drawn.train.types == ()


def test_interval_is_students(modules: Any) -> None:
    low, high = modules("quality_cells").interval([0.8, 0.9, 1.0])
    # t(0.975, 2) = 4.3027, deviation 0.1, three values.
    assert (low, high) == pytest.approx((0.9 - 0.24841, 0.9 + 0.24841), abs=1e-4)
    assert modules("quality_cells").interval([0.8]) is None


def test_gap_closed_is_paired(modules: Any) -> None:
    cells = modules("quality_cells")
    data = dataset()
    names = [r.name for r in data.records if r.split == "test"]
    # Normal-only: one anomalous picture ranks last of all, one of the others is not judged on by the other model.
    plain = {name: (0.9 if "anomaly" in name else 0.1) for name in names}
    plain["test-anomaly-0.png"] = plain["test-anomaly-1.png"] = 0.0
    labelled = {name: value for name, value in plain.items() if name != "test-anomaly-1.png"}
    labelled["test-anomaly-0.png"] = 0.95

    def cell(scores: dict[str, float], quality: float) -> Any:
        key = cells.Key("x", "20", 0, 256, "code")
        return cells.Cell(key, 10, 0, quality, 0, 0, 0, 0, (1, 1), 0.5, (), {}, scores)

    assert cells.auroc_on(cell(plain, 0.6), labelled, data) == pytest.approx(0.75)
    assert cells.gap_closed([cell(labelled, 1.0)], [cell(plain, 0.6)], data) == pytest.approx(1.0)
    assert cells.gap_closed([cell(labelled, 0.875)], [cell(plain, 0.6)], data) == pytest.approx(0.5)
    kept = cell(plain, 0.6)
    assert cells.cell_from_json(json.loads(json.dumps(cells.cell_as_json(kept)))) == kept


def test_baseline_searches_agree(modules: Any) -> None:
    patchcore = modules("patchcore")
    rng = np.random.default_rng(0)
    pictures = [rng.standard_normal((60, 16)).astype(np.float32) for _ in range(5)]
    bank = patchcore.fit_bank(pictures)
    assert bank.vectors.shape == (30, 16)
    cells = rng.standard_normal((50, 16)).astype(np.float32)
    apart = np.linalg.norm(cells[:, None] - bank.vectors[None], axis=2)
    patch = int(apart.min(axis=1).argmax())
    nearest = bank.vectors[apart[patch].argmin()]
    around = np.linalg.norm(bank.vectors - nearest, axis=1).argsort()[:9]
    share = np.exp(apart[patch].min()) / np.exp(apart[patch][around]).sum()
    for search in patchcore.searches(bank).values():
        score, distances = search(cells)
        np.testing.assert_allclose(distances, apart.min(axis=1), atol=1e-3)
        assert score == pytest.approx((1 - share) * apart[patch].min(), abs=1e-3)


def test_anomalib_that_is_not_there_is_said(tmp_path: Path) -> None:
    out = run("anomalib_patchcore", "--folder", tmp_path / "none")
    assert "Nothing was compared: there is no environment" in out


def test_a_missing_set_is_said(tmp_path: Path, modules: Any) -> None:
    with pytest.raises(FileNotFoundError, match="BELVEDERE_SHARED"):
        modules("sets").read_set("cookies", tmp_path)


@pytest.mark.shared
def test_real_sets_are_read(shared_folder: Path, modules: Any) -> None:
    sets = modules("sets")
    found = {name: sets.read_set(name, shared_folder) for name in sets.SHARED_SETS}
    assert len(found["magnetic-tile"].split("train").normal) == 200
    assert found["magnetic-tile"].types == ("blowhole", "break", "crack", "fray", "uneven")
    assert len(found["cookies"].split("train").anomalous) == 32
    assert all(record.path.is_file() for each in found.values() for record in each.records)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_quality_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "quality.json"
    first = run("anomaly_quality", "--quick", "--json", out)
    assert "AUROC" in first
    cells = json.loads(out.read_text())["cells"]
    assert {(cell["key"]["row"], cell["key"]["seed"]) for cell in cells} == {
        (row, seed) for row in ("20", "20+10") for seed in (0, 1)
    }
    # What is there is not computed again: a changed figure survives.
    cells[0]["training_seconds"] = 1234.0
    out.write_text(json.dumps({"cells": cells}))
    run("anomaly_quality", "--quick", "--json", out)
    assert json.loads(out.read_text())["cells"][0]["training_seconds"] == 1234.0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["anomaly_speed", "patchcore_baseline"])
def test_smoke_run(tmp_path: Path, name: str) -> None:
    out = tmp_path / "figures.json"
    text = run(name, "--quick", "--json", out)
    figures = json.loads(out.read_text())
    assert figures["machine"]["cpu"] in text
    assert len(figures["checks"]) >= 2


def times(modules: Any, **values: float) -> dict[str, Any]:
    return {name: modules("timing").Times(value, value, 5) for name, value in values.items()}


def test_requirements_of_compiling(modules: Any) -> None:
    compiling = modules("compile")
    measured = compiling.Measured(
        times(modules, torch=54.0, onnxruntime=38.0, f32=39.0, bf16=20.0, int8=19.0, bare=38.9),
        {"f32": "openvino"}, "top-1 accuracy", {"f32": 0.8, "bf16": 0.795, "int8": 0.78}, {},
    )  # fmt: skip
    assert measured.ratio("f32") == pytest.approx(54 / 39)
    assert measured.ratio("f16") is None
    importing = {"network": compiling.IMPORTED, "seconds": 2.0, "ratio": 3.5}
    checks = {c.name: c for c in compiling.checks_of({"net": measured}, importing, ["avx512_bf16", "avx512_vnni"])}
    missed = {name for name, check in checks.items() if not check.reached}
    assert missed == {
        "net: int8 at least 3.0 times as fast as torch eager", "net: int8 loses at most 0.01 top-1 accuracy",
        "its memory at most 3 times the size of the files",
    }  # fmt: skip
    without = [check.name for check in compiling.checks_of({"net": measured}, None, ["avx2"])]
    assert not any("bf16 at least" in name or "int8 at least" in name for name in without)
    assert "net: f32 at least 1.3 times as fast as torch eager" in without


@pytest.mark.slow
@pytest.mark.train_extra
@pytest.mark.timeout(600)
def test_smoke_run_of_compiling(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the [torch] extra")
    out = tmp_path / "figures.json"
    text = run("compile", "--quick", "--json", out)
    figures = json.loads(out.read_text())
    found = figures["networks"]["samplenet"]
    assert {"torch", "onnxruntime", "f32", "bf16", "bare"} <= found["times"].keys()
    assert "int8" in found["times"] or "quantize" in found["failures"]["int8"]
    assert figures["import"]["network"] == "squeezenet1.1"
    assert figures["import"]["peak_bytes"] > 0
    assert figures["machine"]["cpu"] in text


def test_coco_metrics(tmp_path: Path) -> None:
    out = tmp_path / "coco.json"
    text = run("coco_metrics", "--quick", "--json", out)
    found = json.loads(out.read_text())
    assert {row["case"].split(",")[0] for row in found["rows"]} == {"boxes", "keypoints", "masks"}
    assert all(row["difference"] <= 1e-6 < row["ap"] for row in found["rows"])
    assert "figures equal" in text
