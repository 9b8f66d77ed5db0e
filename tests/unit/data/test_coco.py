from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError, LimitError
from belvedere.core.limits import Limits
from belvedere.data import convert, open_dataset
from belvedere.data.annotations import Polygons
from belvedere.data.coco.read import parse_coco, part_of, read_coco
from belvedere.data.references import Resolver
from belvedere.vision.rle import RunLengths, encode, to_coco

Make = Callable[..., Path]

CAT = {"id": 3, "name": "cat"}
DOG = {"id": 1, "name": "dog"}
PERSON = {"id": 9, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]]}
SQUARE = [[1, 1, 5, 1, 5, 4, 1, 4]]


def annotation(**fields: Any) -> dict[str, Any]:
    row = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 1, 4, 3], "area": 12, "iscrowd": 0}
    return {key: value for key, value in {**row, **fields}.items() if value is not None}


def document(*annotations: Any, images: list[Any] | None = None, categories: list[Any] | None = None) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 12, "height": 8}] if images is None else images,
        "annotations": list(annotations),
        "categories": [CAT, DOG, PERSON] if categories is None else categories,
    }


@pytest.fixture
def write(make_picture: Make, tmp_path: Path) -> Callable[..., Path]:
    make_picture("a.png")
    make_picture("b.png")

    def write(value: Any, name: str = "set.json") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return path

    return write


def test_an_annotation_with_everything(write: Callable[..., Path]) -> None:
    row = annotation(category_id=9, segmentation=SQUARE, keypoints=[2, 2, 2, 3, 2, 1, 0, 0, 0], id=55)
    dataset = read_coco(write(document(row)), strict=True)
    (record,) = dataset.records
    assert (record.name, record.declared_size, record.label, record.category) == ("a.png", (12, 8), None, None)
    (one,) = record.instances or ()
    assert (one.label, one.box_xyxy, one.area, one.id) == ("person", (1, 1, 5, 4), 12.0, 55)
    assert isinstance(one.shape, Polygons)
    assert one.keypoints is not None
    assert one.keypoints.tolist() == [[2, 2, 2], [3, 2, 1], [0, 0, 0]]
    assert dataset.classes == ("dog", "cat", "person")  # in the order of the ids
    assert dataset.keypoints is not None
    assert (dataset.keypoints.skeleton, dataset.keypoints.flip) == (((0, 1), (0, 2)), ((1, 2),))
    assert dataset.form == "coco"


def test_crowds_and_difficult_ones(write: Callable[..., Path]) -> None:
    mask = np.zeros((8, 12), dtype=bool)
    mask[2:5, 3:9] = True
    rle = to_coco(encode(mask))
    counts = [int(count) for count in encode(mask).counts]
    rows = [
        annotation(iscrowd=1, segmentation=rle),
        annotation(id=2, iscrowd=1, bbox=None, segmentation={"size": [8, 12], "counts": counts}),
        annotation(id=3, difficult=1),
    ]
    first, second, third = read_coco(write(document(*rows)), strict=True).records[0].instances or ()
    assert (first.crowd, second.crowd, third.crowd) == (True, True, False)
    assert third.ignore
    for one in (first, second):
        assert isinstance(one.shape, RunLengths)
        assert np.array_equal(one.shape.to_mask(), mask)
    assert second.box_xyxy == (3, 2, 9, 5)  # from the mask


def test_a_picture_without_annotations_is_one_with_nothing_on_it(write: Callable[..., Path]) -> None:
    assert read_coco(write(document()), strict=True).records[0].instances == ()


WRONG: dict[str, tuple[dict[str, Any], str, int]] = {
    # what is written, part of the problem, how many instances are left
    "outside": (annotation(bbox=[8, 2, 9, 4]), "annotation 1 of 'a.png': the box [8, 2, 17, 6] reaches outside", 1),
    "far outside": (annotation(bbox=[80, 2, 9, 4]), "lies outside the picture of 12 x 8; left out", 0),
    "zero": (annotation(bbox=[1, 1, 0, 4]), "no area (0 x 4); left out", 0),
    "negative": (annotation(bbox=[5, 5, -2, 2]), "negative size (-2 x 2); left out", 0),
    "NaN": (annotation(bbox=[float("nan"), 1, 2, 2]), "not finite; left out", 0),
    "huge": (annotation(bbox=[10**400, 1, 2, 2]), "'bbox' is not four numbers", 0),
    "text": (annotation(bbox=["1", 1, 2, 2]), "'bbox' is not four numbers", 0),
    "empty": (annotation(bbox=None), "neither a box nor an outline; left out", 0),
    "empty lists": (annotation(bbox=[], segmentation=[]), "neither a box nor an outline; left out", 0),
    "two points": (annotation(segmentation=[[1, 1, 5, 1]]), "has 2 points, and a polygon needs three", 1),
    "odd": (annotation(segmentation=[[1, 1, 5, 1, 5, 4, 1]]), "polygon 1 is no list of x, y", 1),
    "polygon outside": (annotation(segmentation=[[1, 1, 30, 1, 30, 4, 1, 4]]), "the polygon reaches outside", 1),
    "counts": (annotation(segmentation={"size": [8, 12], "counts": [5]}), "the mask is left out", 1),
    "size": (annotation(segmentation={"size": [4, 4], "counts": [16]}), "the mask is left out", 1),
    "compressed": (annotation(segmentation={"size": [8, 12], "counts": "~~\0"}), "the mask is left out", 1),
    "empty mask": (annotation(segmentation={"size": [8, 12], "counts": [96]}), "the mask is empty; left out", 1),
    "class": (annotation(category_id=4), "there is no category '4' in the file; left out", 0),
    "no class": (annotation(category_id=None), "there is no category 'None'", 0),
    "picture": (annotation(image_id=99), "annotation 1: there is no image '99' in the file; left out", 0),
    "keypoints": (annotation(category_id=9, keypoints=[1, 2, 2]), "three numbers for each of 3 keypoints", 1),
    "keypoint outside": (
        annotation(category_id=9, keypoints=[90, 2, 2, *[0] * 6]),
        "keypoint 1 has a place outside",
        1,
    ),
}


@pytest.mark.parametrize(("row", "reason", "left"), WRONG.values(), ids=WRONG.keys())
def test_wrong_annotations_are_named(write: Callable[..., Path], row: dict[str, Any], reason: str, left: int) -> None:
    path = write(document(row, annotation(id=2)))
    dataset = read_coco(path)
    (problem,) = dataset.problems
    assert str(problem).startswith("set.json: annotation 1")
    assert reason in str(problem)
    assert len(dataset.records[0].instances or ()) == left + 1
    with pytest.raises(DatasetError, match=r"set\.json: annotation 1"):
        read_coco(path, strict=True)


def test_a_clipped_annotation_forgets_its_area(write: Callable[..., Path]) -> None:
    (one,) = read_coco(write(document(annotation(bbox=[8, 2, 9, 4], area=36)))).records[0].instances or ()
    assert (one.box_xyxy, one.area, one.size) == ((8, 2, 12, 6), None, 16)


def test_repeated_ids(write: Callable[..., Path]) -> None:
    images = [
        {"id": 7, "file_name": "a.png", "width": 12, "height": 8},
        {"id": 7, "file_name": "b.png", "width": 12, "height": 8},
        {"id": 8, "file_name": "./a.png", "width": 12, "height": 8},
    ]
    categories = [CAT, {"id": 3, "name": "lion"}, {"id": 4, "name": "cat"}]
    rows = [annotation(), annotation(), annotation(id=2, category_id=4)]
    dataset = read_coco(write(document(*rows, images=images, categories=categories)))
    assert [problem.reason for problem in dataset.problems] == [
        "the id 3 is there twice: 'cat' is kept, 'lion' is left out",
        "the name 'cat' is there twice; the ids count as one class",
        "its id is that of 'a.png' too; left out",
        "is listed already, as image 7; left out",
        "its id is there twice; it is kept without its id",
    ]
    assert [(one.label, one.id) for one in dataset.records[0].instances or ()] == [
        ("cat", 1),
        ("cat", None),
        ("cat", 2),
    ]
    assert dataset.classes == ("cat",)


def test_pictures_that_are_not_there(write: Callable[..., Path]) -> None:
    images = [{"id": 7, "file_name": "gone.png"}, {"id": 8, "file_name": "b.png"}, {"id": 9, "file_name": "../a.png"}]
    dataset = read_coco(write(document(annotation(), images=images)))
    assert [record.name for record in dataset] == ["b.png"]
    where = [problem.where for problem in dataset.problems]
    assert where == ["set.json: image 7 'gone.png'", "set.json: image 9 '../a.png'"]
    with pytest.raises(DatasetError, match=r"none of the 1 pictures .*gone\.png"):
        read_coco(write(document(images=images[:1])))


def test_a_wrong_size_is_told_and_the_own_size_taken(write: Callable[..., Path]) -> None:
    images = [{"id": 7, "file_name": "a.png", "width": -5, "height": "x"}]
    dataset = read_coco(write(document(annotation(bbox=[8, 2, 9, 4]), images=images)))
    assert "declares a size of -5 x x" in dataset.problems[0].reason
    assert "12 x 8; clipped" in dataset.problems[1].reason
    assert dataset.records[0].declared_size is None


def test_a_declared_size_that_is_not_the_picture_s(write: Callable[..., Path]) -> None:
    images = [{"id": 7, "file_name": "a.png", "width": 8, "height": 12}]
    dataset = read_coco(write(document(images=images)))
    assert dataset.statistics().wrong_sizes == ("a.png",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a readable JSON file"),
        ("[" * 100_000, "not a readable JSON file"),
        ('[{"image_id": 1, "score": 0.5}]', "looks like COCO results"),
        ('{"images": 5}', "no COCO file"),
        ('{"images": [], "annotations": {}}', "'annotations' is not a list"),
        ('{"images": []}', "a COCO file without a picture"),
        ('{"images": [5, {"id": 1}]}', "image 1, image 2: is no object"),
        ("\xff", "not a readable JSON file"),
    ],
)
def test_other_files(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "x.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match=rf"x\.json.*{reason}"):
        read_coco(tmp_path / "x.json")


def test_over_the_limit(write: Callable[..., Path]) -> None:
    with pytest.raises(LimitError, match="over the limit of 20"):
        read_coco(write(document()), limits=Limits(manifest_bytes=20))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "id"]), inner),
    max_leaves=8,
)
rows = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "keypoints"), json_values
    ),
)


@given(st.lists(json_values | rows.map(lambda row: {"image_id": 7, "category_id": 9, **row}), max_size=4), json_values)
@settings(max_examples=200, deadline=None)
def test_nothing_in_an_annotation_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, annotations: list[Any], image: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "a.png").write_bytes(b"")
    images = [{"id": 7, "file_name": "a.png", "width": 12, "height": 8}, image]
    data = json.dumps(document(*annotations, images=images, categories=[PERSON, image])).encode()
    with contextlib.suppress(DatasetError):  # anything else fails the test
        dataset = parse_coco(data, "t.json", Resolver((folder,)))
        for one in dataset.records[0].instances or ():
            left, top, right, bottom = one.box_xyxy
            assert 0 <= left < right <= 12
            assert 0 <= top < bottom <= 8


@pytest.mark.parametrize(
    ("name", "part"),
    [("instances_val2017.json", "val"), ("train.json", "train"), ("my-Test-set.json", "test"), ("cars.json", None)],
)
def test_parts_by_file_name(name: str, part: str | None) -> None:
    assert part_of(name) == part


def test_folders_of_parts(make_picture: Make, write: Callable[..., Path], tmp_path: Path) -> None:
    for part, picture in (("train", "x.png"), ("val", "y.png")):
        make_picture(f"{part}2017/{picture}")
        images = [{"id": 7, "file_name": picture, "width": 12, "height": 8}]
        write(document(annotation(), images=images), f"annotations/instances_{part}2017.json")
        write(document(images=images), f"annotations/captions_{part}2017.json")
        write(document(annotation(category_id=9), images=images), f"annotations/person_keypoints_{part}2017.json")
    dataset = open_dataset(tmp_path)
    assert [(record.name, record.split, record.part) for record in dataset] == [
        ("train2017/x.png", "train", None),
        ("val2017/y.png", "test", "val"),
    ]
    assert not dataset.problems
    poses = open_dataset(tmp_path, "pose")
    assert [one.label for record in poses for one in record.instances or ()] == ["person", "person"]


def test_pictures_in_two_files_count_once(write: Callable[..., Path], tmp_path: Path) -> None:
    write(document(annotation()), "train.json")
    write(document(annotation()), "val.json")
    dataset = open_dataset(tmp_path)
    assert [(record.name, record.part_name) for record in dataset] == [("a.png", "train")]
    assert str(dataset.problems[0]) == "val.json: 'a.png' is in train.json too; that counts"


def test_what_is_written_reads_the_same(write: Callable[..., Path], tmp_path: Path) -> None:
    mask = np.zeros((8, 12), dtype=bool)
    mask[2:5, 3:9] = True
    rows = [
        annotation(segmentation=SQUARE, id=40),
        annotation(id=41, iscrowd=1, bbox=[3, 2, 6, 3], area=18, segmentation=to_coco(encode(mask))),
        annotation(id=42, category_id=9, ignore=1, keypoints=[2, 2, 2, 3, 2, 1, 0, 0, 0]),
    ]
    source = read_coco(write(document(*rows)), strict=True)
    result = convert(source, "coco", tmp_path / "out")
    assert (result.lost, result.pictures) == ((), 1)
    written = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [row["id"] for row in written["annotations"]] == [40, 41, 42]
    assert written["images"][0]["id"] == 7
    back = open_dataset(tmp_path / "out")
    assert (back.classes, back.keypoints) == (source.classes, source.keypoints)
    for mine, theirs in zip(source.records[0].instances or (), back.records[0].instances or (), strict=True):
        assert (mine.label, mine.box_xyxy, mine.crowd, mine.ignore, mine.area, mine.id) == (
            theirs.label,
            theirs.box_xyxy,
            theirs.crowd,
            theirs.ignore,
            theirs.area,
            theirs.id,
        )
        first, second = mine.run_lengths(8, 12), theirs.run_lengths(8, 12)
        assert (first is None) == (second is None)
        assert first is None or second is None or np.array_equal(first.counts, second.counts)
        assert (mine.keypoints is None) == (theirs.keypoints is None)
        assert mine.keypoints is None or np.array_equal(mine.keypoints, theirs.keypoints)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "pictures", "instances", "classes"),
    [("car-parts", 447, 3692, 19), ("detection/bccd", 364, 4886, 3), ("detection/voc-mini", 50, 146, 20)],
)
def test_real_sets(shared_folder: Path, name: str, pictures: int, instances: int, classes: int) -> None:
    dataset = open_dataset(shared_folder / "data" / name)
    counted = dataset.statistics()
    assert (counted.total, counted.instances, len(counted.classes)) == (pictures, instances, classes)
    assert (dataset.problems, counted.wrong_sizes) == ((), ())
