"""``belvedere evaluate``: figures, report, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from belvedere.cli.root import run
from belvedere.core.files import sha256_of
from belvedere.data.seen import SEEN_REPORT, seen_report
from belvedere.runtime import Artifact
from helpers.artifacts import pictures


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    for index, pixels in enumerate(pictures(6)):
        path = folder / ("normal" if index < 3 else "anomaly") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def test_json_has_what_was_promised(artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(artifact), str(labelled), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    found = json.loads(captured.out)
    wanted = {"auroc", "average_precision", "f1", "precision", "recall", "threshold", "confusion"}
    assert wanted <= set(found)
    assert sum(found["confusion"].values()) == 6


def test_report_and_table(artifact: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(artifact), str(labelled), "--report", str(tmp_path / "deep" / "report")]) == 0
    captured = capsys.readouterr()
    assert "AUROC" in captured.out
    assert "false alarms" in captured.out
    assert "report.html" in captured.err
    assert (tmp_path / "deep" / "report" / "report.html").is_file()
    assert json.loads((tmp_path / "deep" / "report" / "report.json").read_bytes())["counts"]["pictures"] == 6


def test_unreadable_pictures_are_named(artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (labelled / "normal" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run(["evaluate", str(artifact), str(labelled), "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["counts"]["pictures"] == 6
    assert "torn.png" in captured.err


def test_nothing_labelled(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "x.png")
    assert run(["evaluate", str(artifact), str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "label" in captured.err


def test_masks_give_pixel_figures(artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("3", "4"):
        (labelled / "anomaly" / "stain").mkdir(exist_ok=True)
        (labelled / "anomaly" / f"{name}.png").rename(labelled / "anomaly" / "stain" / f"{name}.png")
        mask = Image.new("L", (80, 60))
        mask.paste(255, (10, 10, 30, 30))
        (labelled / "ground_truth" / "stain").mkdir(parents=True, exist_ok=True)
        mask.save(labelled / "ground_truth" / "stain" / f"{name}_mask.png")
    assert run(["evaluate", str(artifact), str(labelled)]) == 0
    out = capsys.readouterr().out
    assert "AUPRO" in out
    assert "IoU" in out
    assert "stain" in out
    assert run(["evaluate", str(artifact), str(labelled), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pixel"]["auroc"] is not None


def test_pictures_of_the_training_are_told(
    artifact: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures are there and nothing failed, but whoever reads them is warned."""
    hashes = [sha256_of(path.read_bytes()) for path in sorted(labelled.glob("normal/*.png"))]
    known = tmp_path / "known.tar.gz"
    Artifact.load(artifact).with_report(SEEN_REPORT, seen_report(hashes)).save(known)
    assert run(["evaluate", str(known), str(labelled), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["counts"]["trained_on"] == 3
    assert "3 of the 6 pictures were used to train this model" in captured.err


def test_the_report_is_written_even_if_nobody_reads_the_table(
    artifact: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in ``belvedere evaluate ... | head -1``."""

    def gone(line: str = "") -> None:
        raise BrokenPipeError

    monkeypatch.setattr("belvedere.cli.evaluate.say", gone)
    monkeypatch.setattr("belvedere.cli.root._close_stdout", lambda: None)
    assert run(["evaluate", str(artifact), str(labelled), "--report", str(tmp_path / "report")]) == 1
    assert (tmp_path / "report" / "report.html").is_file()
