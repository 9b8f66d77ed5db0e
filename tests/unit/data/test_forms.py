"""Which form a folder is opened in, and folders of classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data import convert, open_dataset

Make = Callable[..., Path]


def names(folder: Path, task: str | None = None) -> tuple[str | None, dict[str, str | None]]:
    dataset = open_dataset(folder, task)
    return dataset.form, {record.name: record.category or record.label for record in dataset}


def test_class_folders(make_picture: Make, tmp_path: Path) -> None:
    for name in ("cats/a.png", "cats/deep/b.png", "dogs/a.png"):
        make_picture(name)
    assert names(tmp_path) == ("classes", {"cats/a.png": "cats", "cats/deep/b.png": "cats", "dogs/a.png": "dogs"})
    assert open_dataset(tmp_path).classes == ("cats", "dogs")


def test_class_folders_in_parts_below_one_that_wraps_all(make_picture: Make, tmp_path: Path) -> None:
    for name in ("set/train/cats/a.png", "set/val/cats/b.png", "set/test/dogs/c.png"):
        make_picture(name)
    dataset = open_dataset(tmp_path)
    assert [(record.category, record.split, record.part) for record in dataset] == [
        ("dogs", "test", None),
        ("cats", "train", None),
        ("cats", "train", "val"),
    ]


def test_a_picture_beside_the_classes_is_told(make_picture: Make, tmp_path: Path) -> None:
    for name in ("cats/a.png", "dogs/a.png", "loose.png"):
        make_picture(name)
    (problem,) = open_dataset(tmp_path).problems
    assert problem.where == "loose.png"


def test_normal_and_anomaly_stay_what_they_are_unless_the_task_says_else(make_picture: Make, tmp_path: Path) -> None:
    for name in ("ok/a.png", "scratch/a.png"):
        make_picture(name)
    assert names(tmp_path) == ("folders", {"ok/a.png": "normal", "scratch/a.png": "anomaly"})
    assert names(tmp_path, "anomaly") == names(tmp_path)
    assert names(tmp_path, "classification") == ("classes", {"ok/a.png": "ok", "scratch/a.png": "scratch"})


def test_normal_and_anomaly_before_files_of_annotations(make_picture: Make, tmp_path: Path) -> None:
    make_picture("normal/a.png")
    (tmp_path / "x.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert names(tmp_path)[0] == "folders"


def test_unknown_folders_for_anomaly_are_explained(make_picture: Make, tmp_path: Path) -> None:
    for name in ("cats/a.png", "dogs/a.png"):
        make_picture(name)
    with pytest.raises(DatasetError, match="do not say which pictures are normal"):
        open_dataset(tmp_path, "anomaly")


def test_one_folder_of_pictures_is_unlabelled(make_picture: Make, tmp_path: Path) -> None:
    make_picture("shots/a.png")
    assert names(tmp_path) == (None, {"shots/a.png": None})


def test_a_folder_with_masks_is_not_one_of_classes(make_picture: Make, make_mask: Make, tmp_path: Path) -> None:
    make_picture("shots/a.png")
    make_mask("masks/a.png")
    with pytest.raises(DatasetError, match="do not say which pictures are normal"):
        open_dataset(tmp_path)


def test_unknown_tasks(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown task 'fly': expected one of anomaly, classification"):
        open_dataset(tmp_path, "fly")


def test_coco_is_refused_for_anomaly(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DatasetError, match="COCO annotations, which are not read for anomaly"):
        open_dataset(tmp_path / "x.json", "anomaly")


def test_class_folders_are_written_and_read_again(make_picture: Make, tmp_path: Path) -> None:
    for name in ("src/train/cats/a.png", "src/val/cats/a.png", "src/train/dogs/a.png"):
        make_picture(name)
    source = open_dataset(tmp_path / "src")
    convert(source, "folders", tmp_path / "out")
    back = open_dataset(tmp_path / "out")
    assert [(record.name, record.category, record.part_name) for record in back] == [
        ("train/cats/a.png", "cats", "train"),
        ("train/dogs/a.png", "dogs", "train"),
        ("val/cats/a.png", "cats", "val"),
    ]
    assert [record.content_hash() for record in back] == [record.content_hash() for record in source]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "train"])
def test_classes_that_cannot_be_folders(make_picture: Make, tmp_path: Path, name: str) -> None:
    make_picture("a.png")
    (tmp_path / "c.csv").write_text(f"image,class\na.png,{name}\n")
    with pytest.raises(DatasetError, match="cannot be the name of a folder"):
        convert(open_dataset(tmp_path / "c.csv"), "folders", tmp_path / "out")


@pytest.mark.shared
def test_real_class_folders(shared_folder: Path) -> None:
    dataset = open_dataset(shared_folder / "data/classification/steel-defects")
    counted = dataset.statistics()
    assert (dataset.form, counted.total, len(counted.classes), dataset.problems) == ("classes", 1087, 7, ())
    assert counted.classes["red_iron"].pictures == 318
