from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError
from belvedere.data import convert, open_dataset
from belvedere.data.csv_reader import parse_csv, read_csv
from belvedere.data.references import Resolver
from helpers.instances import thing

Make = Callable[..., Path]


@pytest.fixture
def folder(make_picture: Make, tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        make_picture(name)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "set.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,12,8,cat,1,2,5,6\n",
        "image;class;x1;y1;x2;y2\na.png;cat;1;2;5;6\n",
        "path\tname\tx\ty\tw\th\na.png\tcat\t1\t2\t4\t4\n",
        "image,label,left,top,width,height\na.png,cat,1.0,2,4,4\n",
    ],
)
def test_ways_to_write_a_box(folder: Path, text: str) -> None:
    dataset = read_csv(write(folder, text), strict=True)
    (one,) = dataset.records[0].instances or ()
    assert (one.label, one.box_xyxy) == ("cat", (1, 2, 5, 6))
    assert (dataset.classes, dataset.form) == (("cat",), "csv")


def test_rows_of_one_picture_and_pictures_with_nothing(folder: Path) -> None:
    text = (
        "image,class,xmin,ymin,xmax,ymax,difficult,crowd,split\n"
        "a.png,cat,1,2,5,6,1,0,train\nb.png,,,,,,,,val\na.png,dog,0,0,2,2,0,1,train\n"
    )
    dataset = read_csv(write(folder, text), strict=True)
    first, second = dataset.records
    assert [(one.label, one.ignore, one.crowd) for one in first.instances or ()] == [
        ("cat", True, False),
        ("dog", False, True),
    ]
    assert (second.instances, second.part_name, first.split) == ((), "val", "train")


WRONG = {
    "outside": ("a.png,12,8,cat,1,2,50,6", "reaches outside the picture of 12 x 8; clipped", 1),
    "negative": ("a.png,12,8,cat,5,2,1,6", "negative size", 0),
    "zero": ("a.png,12,8,cat,5,2,5,6", "no area", 0),
    "NaN": ("a.png,12,8,cat,nan,2,5,6", "not finite", 0),
    "words": ("a.png,12,8,cat,x,2,5,6", "is not four numbers", 0),
    "half": ("a.png,12,8,cat,1,,5,6", "is not four numbers", 0),
    "no class": ("a.png,12,8,,1,2,5,6", "has a box but no class", 0),
    "no box": ("a.png,12,8,cat,,,,", "names the class 'cat' but no box", 0),
    "size": ("a.png,-3,8,cat,1,2,5,6", "declares a size of -3 x 8; the picture's own is taken", 1),
}


@pytest.mark.parametrize(("row", "reason", "left"), WRONG.values(), ids=WRONG.keys())
def test_wrong_rows_are_named(folder: Path, row: str, reason: str, left: int) -> None:
    path = write(folder, f"filename,width,height,class,xmin,ymin,xmax,ymax\n{row}\na.png,12,8,dog,1,1,2,2\n")
    dataset = read_csv(path)
    (problem,) = dataset.problems
    assert problem.where == "set.csv:2"
    assert reason in problem.reason
    assert len(dataset.records[0].instances or ()) == left + 1
    with pytest.raises(DatasetError, match=r"set\.csv:2"):
        read_csv(path, strict=True)


def test_a_missing_picture_is_told_once(folder: Path) -> None:
    text = "image,class,x1,y1,x2,y2\ngone.png,cat,1,2,5,6\ngone.png,cat,1,2,5,6\na.png,cat,1,2,5,6\n"
    dataset = read_csv(write(folder, text))
    assert [str(problem)[:32] for problem in dataset.problems] == ["set.csv:2: 'gone.png': no file o"]
    with pytest.raises(DatasetError, match="no usable row"):
        read_csv(write(folder, text.rpartition("a.png")[0]))


def test_classes(folder: Path) -> None:
    dataset = read_csv(write(folder, "image,class,split\na.png,cat,train\nb.png, ok ,test\nc.png,dog,\n"), strict=True)
    assert [(one.category, one.label, one.split) for one in dataset] == [
        ("cat", None, "train"),
        ("ok", None, "test"),
        ("dog", None, None),
    ]
    assert dataset.classes == ("cat", "dog", "ok")


def test_several_classes(folder: Path) -> None:
    dataset = read_csv(write(folder, "image,labels\na.png,cat|dog\nb.png,dog\nc.png,\n"), strict=True)
    assert [(one.category, one.categories) for one in dataset] == [
        (None, ("cat", "dog")),
        ("dog", ("dog",)),
        (None, None),
    ]


def test_the_task_decides_where_words_could_mean_both(folder: Path) -> None:
    path = write(folder, "image,label\na.png,ok\nb.png,ok\nc.png,scratch\n")
    assert read_csv(path).records[0].label == "normal"
    assert "neither normal nor anomaly" in read_csv(path).problems[0].reason
    assert [one.category for one in read_csv(path, task="classification")] == ["ok", "ok", "scratch"]
    digits = write(folder, "image,label\na.png,0\nb.png,7\nc.png,8\n")
    assert [one.category for one in read_csv(digits)] == ["0", "7", "8"]
    with pytest.raises(DatasetError, match="neither normal nor anomaly"):
        read_csv(write(folder, "image,label\na.png,cat\n"), task="anomaly")


def test_what_is_written_reads_the_same(folder: Path, tmp_path: Path) -> None:
    source = open_dataset([folder / "a.png", folder / "b.png"])
    instances = (thing("cat", 1, 2, 5.5, 6, ignore=True), thing('dog, "big"', 0, 0, 12, 8, crowd=True))
    marked = tuple(
        replace(record, instances=one, split="train") for record, one in zip(source, (instances, ()), strict=True)
    )
    dataset = replace(source, records=marked, classes=("cat", 'dog, "big"'))
    assert convert(dataset, "csv", tmp_path / "boxes").lost == ("outlines (2)",)
    back = open_dataset(tmp_path / "boxes")
    assert [(one.label, one.box_xyxy, one.ignore, one.crowd) for one in back.records[0].instances or ()] == [
        ("cat", (1, 2, 5.5, 6), True, False),
        ('dog, "big"', (0, 0, 12, 8), False, True),
    ]
    assert (back.records[1].instances, back.records[1].split, back.problems) == ((), "train", ())
    several = tuple(replace(record, categories=("x", "y")) for record in source)
    convert(replace(source, records=several), "csv", tmp_path / "classes")
    assert [one.categories for one in open_dataset(tmp_path / "classes")] == [("x", "y")] * 2
    with pytest.raises(DatasetError, match=r"has a '\|'"):
        convert(replace(source, records=(replace(several[0], categories=("a|b",)),)), "csv", tmp_path / "no")


@given(st.text('a.png,;12|nax-\n"', max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_rows_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, rows: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "a.png").write_bytes(b"")
    for head in ("image,class,x1,y1,x2,y2,split\n", "image,class,split\n"):
        with contextlib.suppress(DatasetError):
            dataset = parse_csv((head + rows).encode(), "t.csv", Resolver((folder,)))
            assert all(problem.where.startswith("t.csv:") for problem in dataset.problems)
