from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError
from belvedere.core.limits import Limits
from belvedere.data import convert, open_dataset
from belvedere.data.annotations import Instance
from belvedere.data.manifest_objects_writer import export_manifest
from belvedere.data.manifest_reader import parse_manifest, read_manifest
from belvedere.data.references import Resolver
from helpers.instances import thing

Make = Callable[..., Path]
COMMON = {"human-annotated": "yes", "creation-date": "2026-01-01T00:00:00", "job-name": "j"}


def classes(*names: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for place, name in enumerate(names):
        fields[f"a{place}"] = 1
        meta = {"confidence": 1, "class-name": name, "type": "groundtruth/image-classification", **COMMON}
        fields[f"a{place}-metadata"] = meta
    return fields


def boxes(*rows: Any, size: Any = None, names: Any = None) -> dict[str, Any]:
    return {
        "bounding-box": {
            "image_size": [{"width": 12, "height": 8, "depth": 3}] if size is None else size,
            "annotations": list(rows),
        },
        "bounding-box-metadata": {
            "objects": [{"confidence": 1}] * len(rows),
            "class-map": {"0": "cat", "10": "dog", "2": "cow"} if names is None else names,
            "type": "groundtruth/object-detection",
            **COMMON,
        },
    }


def box(class_id: Any = 0, left: Any = 1, top: Any = 2, width: Any = 3, height: Any = 4) -> dict[str, Any]:
    return {"class_id": class_id, "left": left, "top": top, "width": width, "height": height}


@pytest.fixture
def folder(make_picture: Make, tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        make_picture(name)
    return tmp_path


def write(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "set.manifest"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_boxes(folder: Path) -> None:
    path = write(
        folder,
        {"source-ref": "a.png", **boxes(box(), box("10", 5, 5, 2, 2))},
        {"source-ref": "b.png", **boxes()},
        {"source-ref": "c.png"},
    )
    dataset = read_manifest(path, strict=True)
    first, second, third = dataset.records
    assert [(one.label, one.box_xyxy) for one in first.instances or ()] == [
        ("cat", (1, 2, 4, 6)),
        ("dog", (5, 5, 7, 7)),
    ]
    assert (second.instances, third.instances) == ((), None)
    assert (first.declared_size, first.label, first.category) == ((12, 8), None, None)
    assert dataset.classes == ("cat", "cow", "dog")  # in the order of their numbers
    assert first.line is not None
    assert first.line["bounding-box"]["annotations"][0]["left"] == 1


WRONG = {
    "outside": (boxes(box(left=11)), "box 1: the box [11, 2, 14, 6] reaches outside", 1),
    "zero": (boxes(box(width=0)), "box 1: the box has no area", 0),
    "negative": (boxes(box(height=-1)), "negative size", 0),
    "class": (boxes(box(7)), "class 7 is not in 'class-map'; left out", 0),
    "no class": (boxes({"left": 1, "top": 1, "width": 1, "height": 1}), "class None is not", 0),
    "text": (boxes(box(left="1")), "are not four numbers; left out", 0),
    "no object": (boxes(5), "are not four numbers; left out", 0),
    "size": (boxes(box(), size=[{"width": 0, "height": 4}]), "'image_size' has no width and height", 1),
    "map": (boxes(box(), names=["cat"]), "class 0 is not in 'class-map'", 0),
}


@pytest.mark.parametrize(("fields", "reason", "left"), WRONG.values(), ids=WRONG.keys())
def test_wrong_boxes_are_named(folder: Path, fields: dict[str, Any], reason: str, left: int) -> None:
    path = write(folder, {"source-ref": "b.png"}, {"source-ref": "a.png", **fields})
    dataset = read_manifest(path)
    (problem,) = dataset.problems
    assert str(problem).startswith("set.manifest:2, 'bounding-box'")
    assert reason in str(problem)
    assert len(dataset.records[1].instances or ()) == left
    with pytest.raises(DatasetError, match=r"set\.manifest:2"):
        read_manifest(path, strict=True)


def test_a_box_attribute_without_annotations_is_told(folder: Path) -> None:
    fields = boxes()
    fields["bounding-box"] = 5
    dataset = read_manifest(write(folder, {"source-ref": "a.png", **fields}))
    assert dataset.records[0].instances is None
    assert "no object with a list 'annotations'" in dataset.problems[0].reason


def test_lines_with_boxes_may_be_longer(folder: Path) -> None:
    long = {"source-ref": "a.png", **boxes(*[box()] * 200)}
    path = write(folder, long, {"source-ref": "b.png", "x": "y" * 9000})
    dataset = read_manifest(path)
    assert len(dataset.records[0].instances or ()) == 200
    assert [problem.where for problem in dataset.problems] == ["set.manifest:2"]
    with pytest.raises(DatasetError, match="more than 9500"):
        read_manifest(write(folder, long), limits=Limits(manifest_line=9500))


def test_one_class_a_picture(folder: Path) -> None:
    path = write(
        folder,
        {"source-ref": "a.png", **classes("cat")},
        {"source-ref": "b.png", **classes("normal")},
        {"source-ref": "c.png"},
    )
    dataset = read_manifest(path, strict=True)
    assert [(record.category, record.categories) for record in dataset] == [
        ("cat", None),
        ("normal", None),
        (None, None),
    ]
    assert dataset.classes == ("cat", "normal")
    assert dataset.records[1].label == "normal"  # as before


def test_normal_and_anomaly_alone_are_no_classes(folder: Path) -> None:
    lines = [
        {"source-ref": f"{stem}.png", **classes(name)}
        for stem, name in zip("abc", ("normal", "anomaly", "Normal"), strict=True)
    ]
    dataset = read_manifest(write(folder, *lines), strict=True)
    assert (dataset.classes, dataset.categorized) == ((), ())
    assert [record.label for record in dataset] == ["normal", "anomaly", None]


def test_several_attributes_are_several_classes(folder: Path) -> None:
    path = write(folder, {"source-ref": "a.png", **classes("cat", "dog")}, {"source-ref": "b.png", **classes("dog")})
    dataset = read_manifest(path, strict=True)
    assert [(record.category, record.categories) for record in dataset] == [
        (None, ("cat", "dog")),
        ("dog", ("dog",)),
    ]


def test_ground_truth_s_multi_label_form(folder: Path) -> None:
    meta = {
        "class-map": {"0": "cat", "4": "dog"},
        "confidence-map": {},
        "type": "groundtruth/image-classification-multilabel",
    }
    path = write(
        folder,
        {"source-ref": "a.png", "x": [0, 4], "x-metadata": {**meta, **COMMON}},
        {"source-ref": "b.png", "x": [], "x-metadata": {**meta, **COMMON}},
        {"source-ref": "c.png", "x": [4, 9], "x-metadata": {**meta, **COMMON}},
    )
    dataset = read_manifest(path)
    assert [record.categories for record in dataset] == [("cat", "dog"), (), ("dog",)]
    assert [str(problem) for problem in dataset.problems] == [
        "set.manifest:3, 'x': class 9 is not in its 'class-map'; left out"
    ]


def test_boxes_are_written_as_custom_labels_reads_them(make_picture: Make, tmp_path: Path) -> None:
    make_picture("src/a.png")
    source = open_dataset([tmp_path / "src/a.png"])
    instances = (
        thing("dog", 1, 2, 4.5, 6),
        Instance("cat", (0, 0, 12, 8), ignore=True),
        thing("cat", 0, 0, 1, 1, crowd=True),
    )
    records = (replace(source.records[0], instances=instances),)
    dataset = replace(source, records=records, classes=("dog", "cat"))
    export = export_manifest(dataset, prefix="s3://bucket/x/", created=datetime(2026, 1, 2, tzinfo=UTC))
    (line,) = export.files["output.manifest"]().decode().splitlines()
    assert json.loads(line) == {
        "source-ref": "s3://bucket/x/images/a.png",
        "bounding-box": {
            "image_size": [{"width": 12, "height": 8, "depth": 3}],
            "annotations": [
                {"class_id": 0, "left": 1, "top": 2, "width": 3.5, "height": 4},
                {"class_id": 1, "left": 0, "top": 0, "width": 12, "height": 8},
            ],
        },
        "bounding-box-metadata": {
            "objects": [{"confidence": 1.0}, {"confidence": 1.0}],
            "class-map": {"0": "dog", "1": "cat"},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2026-01-02T00:00:00.000000",
            "job-name": "labeling-job/bounding-box",
        },
    }
    assert set(map(str, +export.lost)) == {
        "crowds, which would look like single things",
        "outlines",
        "difficult marks; the things themselves are written",
    }


def test_classes_are_written_and_read_again(folder: Path, tmp_path: Path) -> None:
    lines = ({"source-ref": "a.png", **classes("cat", "dog")}, {"source-ref": "b.png", **classes("dog")})
    source = read_manifest(write(folder, *lines))
    source = replace(source, records=tuple(replace(one, split="test", part="val") for one in source.records))
    convert(source, "manifest", tmp_path / "out")
    assert (tmp_path / "out/val.manifest").is_file()
    back = open_dataset(tmp_path / "out")
    assert [(one.categories, one.part_name) for one in back] == [(("cat", "dog"), "val"), (("dog",), "val")]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["annotations", "image_size", "class_id", "left", "0"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, values, values)
@settings(max_examples=150, deadline=None)
def test_nothing_in_a_line_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, value: Any, class_map: Any, annotation: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "a.png").write_bytes(b"")
    for kind in ("object-detection", "image-classification-multilabel", "image-classification"):
        fields = {
            "source-ref": "a.png",
            "x": value,
            "x-metadata": {"type": f"groundtruth/{kind}", "class-map": class_map},
        }
        more = {"source-ref": "a.png", **boxes(annotation, names=class_map, size=value)}
        for line in (fields, more):
            with contextlib.suppress(DatasetError):
                parse_manifest(json.dumps(line).encode(), "t.manifest", Resolver((folder,)))
