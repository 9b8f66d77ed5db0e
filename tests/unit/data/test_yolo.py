from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError
from belvedere.data import convert, open_dataset
from belvedere.data.annotations import Instance, Polygons, layout_of
from belvedere.data.findings import Findings
from belvedere.data.yolo.config import Config, label_path, parse_config
from belvedere.data.yolo.labels import parse_labels
from belvedere.data.yolo.read import read_yolo
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS
from belvedere.vision.rle import encode
from helpers.instances import thing

Make = Callable[..., Path]
CONFIG = Config("", {}, ("cat", "dog"), None, 3)
POSE = Config("", {}, ("cat",), layout_of(("nose", "tail")), 3)


def labels(text: str, config: Config = CONFIG) -> tuple[tuple[Instance, ...], list[str]]:
    found = Findings()
    return parse_labels(text, "labels/a.txt", config, (20, 10), found), list(map(str, found.problems))


def test_boxes_and_outlines() -> None:
    instances, problems = labels("1 0.5 0.5 0.2 0.4\n\n0 0 0 0.5 0 0.5 0.5\n")
    assert problems == []
    box, outline = instances
    assert (box.label, box.shape) == ("dog", None)
    assert box.box_xyxy == pytest.approx((8, 3, 12, 7))
    assert isinstance(outline.shape, Polygons)
    assert outline.shape.parts[0].tolist() == [[0, 0], [10, 0], [10, 5]]
    assert outline.box_xyxy == (0, 0, 10, 5)


def test_keypoints_of_two_and_three_numbers() -> None:
    ((one,), problems) = labels("0 0.5 0.5 0.2 0.4 0.5 0.5 2 0 0 0", POSE)
    assert problems == []
    assert one.keypoints is not None
    assert one.keypoints.tolist() == [[10, 5, 2], [0, 0, 0]]
    ((two,), _) = labels("0 0.5 0.5 0.2 0.4 0.5 0.5 0 0", replace(POSE, dimensions=2))
    assert two.keypoints is not None
    assert two.keypoints.tolist() == [[10, 5, 2], [0, 0, 0]]


WRONG = {
    "outside": ("0 0.9 0.5 0.6 0.4", "reaches outside the picture of 20 x 10; clipped", 1),
    "far outside": ("0 3 0.5 0.1 0.1", "lies outside", 0),
    "zero": ("0 0.5 0.5 0 0.4", "no area", 0),
    "negative": ("0 0.5 0.5 -0.2 0.4", "negative size", 0),
    "NaN": ("0 nan 0.5 0.2 0.4", "not finite", 0),
    "class": ("2 0.5 0.5 0.2 0.4", "there is no class 2 (names has 2); left out", 0),
    "no class": ("-1 0.5 0.5 0.2 0.4", "there is no class -1", 0),
    "half class": ("0.5 0.5 0.5 0.2 0.4", "there is no class 0.5", 0),
    "infinite class": ("inf 0.5 0.5 0.2 0.4", "there is no class inf", 0),
    "words": ("cat 0.5 0.5 0.2 0.4", "is not a row of numbers", 0),
    "score": ("0 0.5 0.5 0.2 0.4 0.9", "six numbers, like a model's detection", 0),
    "four numbers are a box": ("0 0.4 0.4 0.5 0.5", None, 1),
    "odd": ("0 0.1 0.1 0.5 0.5 0.2 0.1 0.3", "has 7 numbers behind the class", 0),
    "line": ("0 0.1 0.1 0.2 0.2 0.3 0.3", "has no area", 0),
    "alone": ("0", "has 0 numbers", 0),
}


@pytest.mark.parametrize(("line", "reason", "left"), WRONG.values(), ids=WRONG.keys())
def test_wrong_lines_are_named(line: str, reason: str | None, left: int) -> None:
    instances, problems = labels(f"\n{line}\n0 0.5 0.5 0.2 0.4")
    assert len(instances) == left + 1
    assert len(problems) == (reason is not None)
    for problem in problems:
        assert problem.startswith("labels/a.txt:2: ")
        assert (reason or "") in problem


def test_pose_lines_have_the_declared_length() -> None:
    instances, (problem,) = labels("0 0.5 0.5 0.2 0.4 0.5 0.5 2", POSE)
    assert (instances, "has 7 numbers behind the class; 'kpt_shape' says 10" in problem) == ((), True)


@given(st.text("0123456789.- \nnaife", max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    for config in (CONFIG, POSE):
        instances, problems = labels(text, config)
        assert all(problem.startswith("labels/a.txt:") for problem in problems)
        for one in instances:
            assert 0 <= one.box_xyxy[0] < one.box_xyxy[2] <= 20
            assert 0 <= one.box_xyxy[1] < one.box_xyxy[3] <= 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train: images", "no 'names'"),
        ("names: [a, a]", "or one twice"),
        ("names: [a, '']", "an empty name"),
        ("names: {0: a, 2: b}", "are not 0, 1, 2"),
        ("names: [a]\nnc: 2", "'nc' is 2, but there are 1"),
        ("names: [a]\ntrain: 5", "'train' is '5'"),
        ("names: [a]\nkpt_shape: 17", "'kpt_shape' is 17"),
        ("names: [a]\nkpt_shape: [2, 3]\nflip_idx: [0, 0]", "every number from 0 to 1"),
        ("- a", "expected 'key: value' lines"),
    ],
)
def test_wrong_configs(text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=f"d.yaml: .*{reason}"):
        parse_config(text, "d.yaml")


def test_configs() -> None:
    config = parse_config("names: [a, no]\nval: v\ntrain: [t, u]\npath: p\nkpt_shape: [17, 2]\n", "d.yaml")
    assert (config.names, config.parts, config.root) == (("a", "no"), {"train": ("t", "u"), "val": ("v",)}, "p")
    assert config.keypoints is not None
    assert (config.keypoints.names, config.dimensions) == (COCO_KEYPOINTS, 2)
    assert parse_config("nc: 2\nval: v", "d.yaml").names == ("class 0", "class 1")


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("images/x/images/a.b.png", "images/x/labels/a.b.txt"),
        ("train/a.jpg", "train/a.txt"),
        ("images", "images.txt"),
    ],
)
def test_label_paths(picture: str, expected: str) -> None:
    assert str(label_path(PurePosixPath(picture))) == expected


@pytest.fixture
def yolo(make_picture: Make, tmp_path: Path) -> Path:
    for part, name in (("train", "a"), ("train", "empty"), ("val", "b")):
        make_picture(f"images/{part}/{name}.png")
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/val").mkdir()
    (tmp_path / "labels/train/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "labels/val/b.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n")
    return tmp_path


def test_a_dataset(yolo: Path) -> None:
    dataset = open_dataset(yolo)
    assert [(record.name, record.part_name) for record in dataset] == [
        ("images/train/a.png", "train"),
        ("images/train/empty.png", "train"),
        ("images/val/b.png", "val"),
    ]
    assert [len(record.instances or ()) for record in dataset] == [1, 0, 1]
    assert (dataset.records[0].instances or ())[0].box_xyxy == (3, 2, 9, 6)
    assert (dataset.classes, dataset.form, dataset.problems) == (("cat", "dog"), "yolo", ())
    assert [record.name for record in open_dataset(yolo / "data.yaml")] == [record.name for record in dataset]


@pytest.mark.parametrize(
    "train", ["../images/train", "./images/train/", "images/train", "list.txt", "/elsewhere/set/images/train"]
)
def test_ways_to_say_where_the_pictures_are(yolo: Path, train: str) -> None:
    (yolo / "list.txt").write_text("./images/train/a.png\nimages/train/empty.png\n/elsewhere/images/train/gone.png\n")
    (yolo / "data.yaml").write_text(f"path: ../datasets/x\ntrain: {train}\nnames: [cat, dog]\n")
    dataset = read_yolo(yolo)
    assert [record.name for record in dataset] == ["images/train/a.png", "images/train/empty.png"]
    problems = [str(problem) for problem in dataset.problems]
    assert problems[0].startswith("list.txt:3") if train == "list.txt" else problems[0].startswith("labels/val/b.txt")


def test_nothing_outside_is_read(yolo: Path, make_picture: Make) -> None:
    make_picture("inner/labels/x.png")
    (yolo / "inner/data.yaml").write_text("train: ../images/val\nval: labels/../../images\nnames: [cat, dog]\n")
    with pytest.raises(DatasetError, match=r"'train': '\.\./images/val' is not a folder or list below inner"):
        read_yolo(yolo / "inner")


def test_a_mapped_path(yolo: Path, tmp_path: Path) -> None:
    config = tmp_path / "elsewhere/data.yaml"
    config.parent.mkdir()
    config.write_text("path: /datasets/pets\ntrain: images/train\nnames: [cat, dog]\n")
    dataset = read_yolo(config, maps=[("/datasets/pets", yolo)])
    assert len(dataset) == 2


def test_without_data_yaml(yolo: Path) -> None:
    (yolo / "data.yaml").unlink()
    dataset = open_dataset(yolo)
    assert dataset.classes == ("class 0", "class 1")
    assert "there is no data.yaml" in dataset.problems[0].reason
    (yolo / "classes.txt").write_text("cat\ndog\n")
    dataset = open_dataset(yolo)
    assert (dataset.classes, dataset.problems) == (("cat", "dog"), ())
    assert [record.part_name for record in dataset] == ["train", "train", "val"]


def test_labels_and_pictures_that_cannot_be_used(yolo: Path) -> None:
    (yolo / "labels/train/gone.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (yolo / "labels/val/b.txt").write_bytes(b"\xff")
    (yolo / "images/train/empty.png").write_bytes(b"no picture")
    dataset = read_yolo(yolo)
    assert [record.name for record in dataset] == ["images/train/a.png"]
    assert [problem.where for problem in dataset.problems] == [
        "images/train/empty.png",
        "labels/val/b.txt",
        "labels/train/gone.txt",
    ]


def source(make_picture: Make, tmp_path: Path, *instances: Instance, **more: object) -> object:
    make_picture("src/p.png")
    dataset = open_dataset([tmp_path / "src/p.png"])
    records = (replace(dataset.records[0], instances=instances),)
    return replace(dataset, records=records, classes=("cat", "dog: 1"), **more)  # type: ignore[arg-type]


def test_boxes_are_written_and_read_again(make_picture: Make, tmp_path: Path) -> None:
    instances = (
        thing("dog: 1", 1, 2, 5.125, 7),
        Instance("cat", (0, 0, 12, 8), ignore=True),
        thing("cat", 0, 0, 3, 3, crowd=True),
    )
    result = convert(source(make_picture, tmp_path, *instances), "yolo", tmp_path / "out")  # type: ignore[arg-type]
    assert set(result.lost) == {
        "outlines (1)",
        "difficult marks; the things themselves are written (1)",
        "crowds, which would look like single things (1)",
    }
    back = open_dataset(tmp_path / "out")
    assert (back.problems, back.classes, back.records[0].part_name) == ((), ("cat", "dog: 1"), None)
    found = back.records[0].instances or ()
    assert [one.label for one in found] == ["dog: 1", "cat"]
    assert found[0].box_xyxy == pytest.approx((1, 2, 5.125, 7), abs=1e-5)


def test_outlines_are_written_and_read_again(make_picture: Make, tmp_path: Path) -> None:
    mask = np.zeros((8, 12), dtype=bool)
    mask[1:7, 1:11] = True
    mask[3:5, 3:6] = False  # a hole
    instances = (Instance("cat", (1, 1, 11, 7), encode(mask)), Instance("dog: 1", (0, 0, 4, 4)))
    result = convert(source(make_picture, tmp_path, *instances), "yolo-segment", tmp_path / "out")  # type: ignore[arg-type]
    assert (result.lost, result.added) == ((), ("outlines along the boxes of things without any (1)",))
    back = open_dataset(tmp_path / "out")
    assert (back.form, back.problems) == ("yolo-segment", ())
    first, second = back.records[0].instances or ()
    shape = first.run_lengths(8, 12)
    assert shape is not None
    assert np.array_equal(shape.to_mask(), mask)
    assert second.size == pytest.approx(16)


def test_keypoints_are_written_and_read_again(make_picture: Make, tmp_path: Path) -> None:
    layout = layout_of(("nose", "left_ear", "right_ear"))
    points = np.array([[3, 4, 2], [5, 2, 1], [0, 0, 0]], dtype=np.float32)
    instances = (Instance("cat", (1, 1, 9, 7), keypoints=points), Instance("cat", (0, 0, 4, 4)))
    dataset = source(make_picture, tmp_path, *instances, keypoints=layout)
    result = convert(dataset, "yolo-pose", tmp_path / "out")  # type: ignore[arg-type]
    assert (result.lost, result.added) == ((), ("unmarked keypoints on things without any (1)",))
    back = open_dataset(tmp_path / "out")
    assert (back.form, back.problems, back.keypoints) == ("yolo-pose", (), layout)
    first, second = back.records[0].instances or ()
    assert first.keypoints is not None
    assert second.keypoints is not None
    assert np.allclose(first.keypoints, points, atol=1e-5)
    assert not second.keypoints.any()


def test_what_yolo_needs(make_picture: Make, tmp_path: Path) -> None:
    dataset = source(make_picture, tmp_path, thing("cat", 0, 0, 2, 2))
    with pytest.raises(DatasetError, match="has no keypoints"):
        convert(dataset, "yolo-pose", tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="no picture has marked instances"):
        convert(open_dataset(tmp_path / "src/p.png"), "yolo", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_written_config_is_json_quoted_yaml(make_picture: Make, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    convert(source(make_picture, tmp_path, thing("cat", 0, 0, 2, 2)), "yolo", tmp_path / "out")  # type: ignore[arg-type]
    document = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert document == {
        "path": ".",
        "train": "images/all",
        "val": "images/all",
        "names": {0: "cat", 1: "dog: 1"},
    }
