from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data import FORMS, Dataset, convert, open_dataset
from belvedere.data.from_masks import instances_of, with_instances
from belvedere.data.masks import Mask
from helpers.instances import thing

Make = Callable[..., Path]


def test_patches_of_a_mask_are_instances() -> None:
    index = np.zeros((6, 8), dtype=np.uint8)
    index[0, 0] = index[1, 1] = 1  # touch at a corner
    index[4:6, 5:8] = 1
    index[0, 7] = 2
    found = instances_of(Mask(("crack", "dent"), index))
    assert [(one.label, one.box_xyxy) for one in found] == [
        ("crack", (0, 0, 2, 2)),
        ("crack", (5, 4, 8, 6)),
        ("dent", (7, 0, 8, 1)),
    ]
    shape = found[0].run_lengths(6, 8)
    assert shape is not None
    assert np.argwhere(shape.to_mask()).tolist() == [[0, 0], [1, 1]]


@pytest.fixture
def boards(make_picture: Make, make_mask: Make, tmp_path: Path) -> Dataset:
    for name in ("normal/a.png", "anomaly/crack/b.png", "anomaly/crack/c.png"):
        make_picture(f"boards/{name}")
    make_mask("boards/ground_truth/anomaly/crack/b.png", (2, 2, 5, 4))
    return open_dataset(tmp_path / "boards")


def test_anomaly_pictures_as_instances(boards: Dataset, tmp_path: Path) -> None:
    marked = with_instances(boards)
    assert {record.name: None if record.instances is None else len(record.instances) for record in marked} == {
        "anomaly/crack/b.png": 1,
        "anomaly/crack/c.png": None,
        "normal/a.png": 0,
    }
    result = convert(boards, "coco", tmp_path / "out")
    assert result.pictures == 2
    assert result.lost == (
        "pictures that nobody has annotated; they would look as if nothing were on them (1)",
        "labels normal and anomaly; a picture is anomalous where something is marked on it (3)",
    )
    back = open_dataset(tmp_path / "out")
    assert {record.name: [one.box_xyxy for one in record.instances or ()] for record in back} == {
        "images/anomaly/crack/b.png": [(2, 2, 5, 4)],
        "images/normal/a.png": [],
    }


@pytest.mark.parametrize("form", ["manifest", "csv", "folders"])
def test_anomaly_datasets_keep_labels_and_masks(boards: Dataset, tmp_path: Path, form: str) -> None:
    result = convert(boards, form, tmp_path / "out")
    assert result.pictures == 3
    back = open_dataset(tmp_path / "out")
    by_content = {record.content_hash(): record for record in back}
    for record in boards:
        other = by_content[record.content_hash()]
        assert other.label == record.label
        mine, theirs = record.load_mask(12, 8), other.load_mask(12, 8)
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs is None or np.array_equal(mine.binary, theirs.binary)


def test_lost_kinds_are_said(boards: Dataset, tmp_path: Path) -> None:
    assert convert(boards, "manifest", tmp_path / "out").lost == ("kinds of anomaly without a mask (1)",)


@pytest.mark.parametrize("form", FORMS)
def test_pictures_alone_have_no_form(make_picture: Make, tmp_path: Path, form: str) -> None:
    with pytest.raises(DatasetError, match=r"no picture has|has no keypoints"):
        convert(open_dataset(make_picture("a.png")), form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_stay_unique_whatever_their_folders_and_case(make_picture: Make, tmp_path: Path) -> None:
    names = ("x/a.png", "y/a.png", "y/A.png", "y/a.jpg")
    source = open_dataset([make_picture(f"src/{name}", seed) for seed, name in enumerate(names)])
    records = tuple(replace(record, instances=(thing(record.name, 0, 0, 5, 5),)) for record in source)
    dataset = replace(source, records=records)
    for form in ("voc", "yolo", "coco", "csv", "manifest"):
        convert(dataset, form, tmp_path / form)
        back = open_dataset(tmp_path / form)
        owners = {(record.instances or ())[0].label: record.content_hash() for record in back}
        assert owners == {record.name: record.content_hash() for record in source}, form


def test_a_wrong_declared_size_is_told(make_picture: Make, tmp_path: Path) -> None:
    source = open_dataset(make_picture("src/a.png"))
    record = replace(source.records[0], instances=(thing("cat", 0, 0, 5, 5),), declared_size=(8, 12))
    (problem,) = convert(replace(source, records=(record,)), "coco", tmp_path / "out").problems
    assert problem.where == "a.png"
    assert "says 8 x 12 pixels, but the picture is 12 x 8 as its EXIF orientation turns it" in problem.reason


def test_options(boards: Dataset, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown form 'kitti': expected one of coco, voc"):
        convert(boards, "kitti", tmp_path / "out")
    with pytest.raises(OptionError, match="it is for manifests"):
        convert(boards, "coco", tmp_path / "out", prefix="s3://x")
    with pytest.raises(DatasetError, match="is not empty"):
        convert(boards, "coco", tmp_path / "boards")


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["car-parts/val.json", "detection/voc-mini"])
@pytest.mark.parametrize("form", ["coco", "voc", "yolo", "yolo-segment", "manifest", "csv"])
def test_real_sets_there_and_back(shared_folder: Path, tmp_path: Path, name: str, form: str) -> None:
    source = open_dataset(shared_folder / "data" / name)
    convert(source, form, tmp_path / "out")
    back = open_dataset(tmp_path / "out")
    assert (back.problems, len(back)) == ((), len(source))
    by_stem = {Path(record.name).stem: record for record in back}
    for record in source:
        other = by_stem[Path(record.name).stem]
        assert other.part_name == record.part_name
        for mine, theirs in zip(record.instances or (), other.instances or (), strict=True):
            assert mine.label == theirs.label
            assert mine.box_xyxy == pytest.approx(theirs.box_xyxy, abs=1e-4)
