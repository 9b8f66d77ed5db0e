"""``belvedere data``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from belvedere.cli.data import FORMS, TASKS
from belvedere.cli.root import run
from belvedere.data import FORMS as KNOWN_FORMS
from belvedere.data import TASKS as KNOWN_TASKS
from belvedere.data import open_dataset


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Ten pictures, each with a cat, every other one with a dog too; and one annotation of an unknown class."""
    images, annotations = [], []
    for number in range(10):
        Image.new("RGB", (40, 30), (20 * number, 90, 90)).save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 40, "height": 30})
        for category in (1, 2)[: 1 + number % 2]:
            row = {
                "id": len(annotations),
                "image_id": number,
                "category_id": category,
                "bbox": [5, 5, 20, 10 * category],
            }
            annotations.append(row)
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "set.json").write_text(json.dumps(document))
    annotations.append({"id": 99, "image_id": 0, "category_id": 7, "bbox": [1, 1, 2, 2]})
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    return tmp_path / "set.json"


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def test_choices_are_those_of_the_library() -> None:
    assert FORMS == KNOWN_FORMS
    assert set(TASKS) == set(KNOWN_TASKS) - {"tensor"}


def test_convert(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "convert", str(coco), "--to", "yolo", "--out", str(tmp_path / "out"), "--json"]) == 0
    assert printed(capsys) == {
        "folder": str(tmp_path / "out"),
        "form": "yolo",
        "pictures": 10,
        "lost": [],
        "added": [],
        "problems": 0,
    }
    back = open_dataset(tmp_path / "out")
    assert (len(back), back.classes) == (10, ("cat", "dog"))


def test_what_is_lost_and_what_is_wrong_is_said(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = coco.with_name("wrong.json")
    assert run(["data", "convert", str(wrong), "--to", "yolo-segment", "--out", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "wrong.json: annotation 99 of '0.png': there is no category '7'" in err
    assert "added, yolo-segment wants it: outlines along the boxes of things without any (15)" in err


def test_many_problems_are_cut_short(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(coco.read_text())
    document["annotations"] += [{"id": 100 + n, "image_id": 0, "category_id": 7} for n in range(50)]
    coco.write_text(json.dumps(document))
    assert run(["data", "stats", str(coco)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 30 more like these")


def test_stats(coco: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "stats", str(coco), "--json"]) == 0
    value = printed(capsys)
    assert (value["form"], value["total"], value["instances"]) == ("coco", 10, 15)
    assert value["classes"]["dog"] == {
        "pictures": 5,
        "instances": 5,
        "crowds": 0,
        "ignored": 0,
        "width": {"smallest": 20, "median": 20, "largest": 20},
        "height": {"smallest": 20, "median": 20, "largest": 20},
        "small": 5,
        "medium": 0,
        "large": 0,
    }
    assert run(["data", "stats", str(coco)]) == 0
    out = capsys.readouterr().out
    assert "instances       15, 1 to 2 a picture, median 1.5" in out
    assert "cat    10        10" in out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--fractions", "0.8", "0.2"], {"train": 8, "test": 2}),
        (["--fractions", "0.6", "0.2", "0.2"], {"train": 6, "val": 2, "test": 2}),
        (["--fractions", "0.5,0.5"], {"train": 5, "test": 5}),
        ([], {"train": 8, "test": 2}),
    ],
)
def test_split(
    coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], parts: dict[str, int]
) -> None:
    assert run(["data", "split", *words, str(coco), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert printed(capsys)["parts"] == parts
    back = open_dataset(tmp_path / "out")
    assert back.form == "coco"
    names = [record.part_name for record in back]
    assert {name: names.count(name) for name in parts} == parts


@pytest.mark.parametrize("words", [["--fractions", "0.8"], ["--fractions", "0.8", "0.3"], ["--fractions", "much"]])
def test_wrong_fractions(coco: Path, tmp_path: Path, words: list[str]) -> None:
    assert run(["data", "split", str(coco), "--out", str(tmp_path / "out"), *words]) == 2
    assert not (tmp_path / "out").exists()


def test_pictures_that_cannot_be_read_are_left_out(
    coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "3.png").write_bytes(b"x")
    for command in ("split", "convert"):
        assert run(["data", command, str(coco), "--out", str(tmp_path / command), "--to", "csv", "--json"]) == 1
        said = capsys.readouterr()
        assert "belvedere: 3.png: this is text, but a JPEG" in said.err
        assert json.loads(said.out)["problems"] == 1
        assert len(open_dataset(tmp_path / command)) == 9


def test_view(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, kind in (("sheet.png", "PNG"), ("sheet.jpg", "JPEG")):
        assert run(["data", "view", str(coco), "--out", str(tmp_path / "new" / name), "--count", "3"]) == 0
        with Image.open(tmp_path / "new" / name) as sheet:
            assert (sheet.format, sheet.width) == (kind, 1600)
            assert capsys.readouterr().out == f"{tmp_path / 'new' / name}: 1600 x {sheet.height} pixels\n"


def test_unknown_forms_and_missing_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "convert", "x", "--to", "kitti", "--out", str(tmp_path / "o")]) == 2
    assert run(["data", "stats", str(tmp_path / "gone")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    assert run(["data", "convert", "x", "--to", "coco"]) == 2
