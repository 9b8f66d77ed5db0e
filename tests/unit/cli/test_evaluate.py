"""``belvedere evaluate``: figures, report, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from belvedere.cli.evaluate import report_lines
from belvedere.cli.root import run
from belvedere.core.files import sha256_of
from belvedere.data.seen import SEEN_REPORT, seen_report
from belvedere.runtime import Artifact
from helpers.artifacts import pictures
from helpers.squares import SQUARE, picture_with_squares, squares_artifact


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


def test_one_class_says_why_and_nothing_wrong_has_no_range(
    artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (labelled / "anomaly").iterdir():
        path.unlink()
    (labelled / "anomaly").rmdir()
    assert run(["evaluate", str(artifact), str(labelled)]) == 0
    captured = capsys.readouterr()
    assert "not whether defects are found" in captured.err
    auroc = next(line for line in captured.out.splitlines() if line.startswith("AUROC"))
    assert auroc.split() == ["AUROC", "–", "-"]


def test_an_interval_without_width_is_a_dash() -> None:
    bounds = {"recall": {"low": 0.5, "high": 1.0}}
    summary = {
        "counts": {"pictures": 2, "normal": 1, "anomalous": 1}, "confusion": {"tp": 1, "fp": 0, "tn": 1, "fn": 0},
        "intervals": {"auroc": None}, "wilson": bounds, "threshold": 0.5, "dataset": {"name": "d"}, "per_kind": [],
        "auroc": 1.0, "average_precision": 1.0, "f1": 1.0, "precision": 1.0, "recall": 1.0, "false_alarm_rate": 0.0,
    }  # fmt: skip
    lines = report_lines(summary)
    assert next(line for line in lines if line.startswith("AUROC")).split() == ["AUROC", "1.000", "-"]
    assert any(line.startswith("recall") and line.endswith("0.500 to 1.000") for line in lines)


@pytest.fixture
def squares(tmp_path: Path) -> tuple[Path, Path]:
    """A detector of squares as an archive, and a COCO file of pictures with some."""
    places = [[(5, 8), (40, 30)], [(20, 20)]]
    images, annotations = [], []
    for number, corners in enumerate(places):
        Image.fromarray(picture_with_squares(64, 64, corners)).save(tmp_path / f"{number}.png")
        images.append({"id": number + 1, "file_name": f"{number}.png", "width": 64, "height": 64})
        annotations += [
            {"image_id": number + 1, "category_id": 1, "bbox": [x, y, SQUARE, SQUARE], "area": SQUARE**2, "iscrowd": 0}
            for x, y in corners
        ]
    for number, one in enumerate(annotations):
        one["id"] = number + 1
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "Square"}]}
    (tmp_path / "val.json").write_text(json.dumps(coco))
    squares_artifact().save(tmp_path / "squares.tar.gz")
    return tmp_path / "squares.tar.gz", tmp_path / "val.json"


def test_a_detector_is_judged_by_its_own_metrics(
    squares: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *map(str, squares), "--json", "--report", str(tmp_path / "report")]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["task"] == "detection"
    assert found["ap50"] == pytest.approx(1.0)
    assert found["per_class"]["Square"]["ap50"] == pytest.approx(1.0)
    assert found["counts"]["truths"] == 3
    assert (tmp_path / "report" / "report.html").is_file()
    assert run(["evaluate", *map(str, squares)]) == 0
    out = capsys.readouterr().out
    assert "AP50" in out
    assert "Square" in out


def test_a_detector_without_boxes_to_judge_it_on(
    squares: tuple[Path, Path], labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(squares[0]), str(labelled)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no picture has marked boxes" in captured.err
    assert "labels normal or anomaly" in captured.err


def test_robustness_is_measured_on_demand(
    artifact: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(artifact), str(labelled), "--robustness", "--robustness-levels", "4,2"]
    assert run([*words, "--robustness-pictures", "4", "--json", "--report", str(tmp_path / "report")]) == 0
    found = json.loads(capsys.readouterr().out)["robustness"]
    assert found["levels"] == [2, 4]
    assert found["sample"]["pictures"] == 4
    assert [row["level"] for row in found["transformations"]["jpeg"]["levels"]] == [2, 4]
    assert len(found["transformations"]) == 15
    assert "Under field conditions" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_robustness_is_a_table_for_people(artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(artifact), str(labelled), "--robustness", "--robustness-levels", "3"]) == 0
    shown = capsys.readouterr().out
    assert "under field conditions: AUROC on 6 of 6 pictures" in shown
    assert "perspective" in shown


@pytest.mark.parametrize("levels", ["", "0", "6", "1,x", "1;2"])
def test_robustness_levels_are_checked(
    levels: str, artifact: Path, labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(artifact), str(labelled), "--robustness", "--robustness-levels", levels]) == 2
    assert "is not a list of levels of 1 to 5" in capsys.readouterr().err
