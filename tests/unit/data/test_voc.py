from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import DatasetError
from belvedere.data import convert, open_dataset
from belvedere.data.voc.colors import labelmap_text, parse_labelmap, voc_color
from belvedere.data.voc.read import read_voc
from belvedere.data.voc.xml import DEEPEST, parse_xml
from helpers.instances import thing

Make = Callable[..., Path]


def obj(name: str = "cat", box: tuple[object, ...] = (2, 2, 5, 4), difficult: int = 0) -> str:
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{sides}</bndbox></object>"


def xml(*objects: str, size: str = "<width>12</width><height>8</height>", name: str = "a.png") -> str:
    return f"<annotation><filename>{name}</filename><size>{size}</size>{''.join(objects)}</annotation>"


@pytest.fixture
def voc(make_picture: Make, tmp_path: Path) -> Callable[..., Path]:
    root = tmp_path / "VOC2012"

    def make(**annotations: str) -> Path:
        for stem, text in annotations.items():
            make_picture(f"VOC2012/JPEGImages/{stem}.png")
            path = root / "Annotations" / f"{stem}.xml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return root

    return make


def test_pixels_are_counted_from_one(voc: Callable[..., Path]) -> None:
    dataset = read_voc(voc(a=xml(obj(box=(2, 3, 5, 4)), obj("dog", (1, 1, 12, 8), 1))), strict=True)
    cat, dog = dataset.records[0].instances or ()
    assert (cat.label, cat.box_xyxy, cat.ignore) == ("cat", (1, 2, 5, 4), False)
    assert (dog.box_xyxy, dog.ignore) == ((0, 0, 12, 8), True)
    assert dataset.records[0].declared_size == (12, 8)
    assert dataset.classes[:2] == ("aeroplane", "bicycle")  # cat and dog are VOC's, so its order counts
    assert dataset.form == "voc"


def test_a_zero_says_that_they_are_not(voc: Callable[..., Path]) -> None:
    dataset = read_voc(voc(a=xml(obj("nut", (2, 3, 5, 4))), b=xml(obj("bolt", (0, 0, 3.5, 4)))), strict=True)
    assert [one.box_xyxy for record in dataset for one in record.instances or ()] == [(2, 3, 5, 4), (0, 0, 3.5, 4)]
    assert dataset.classes == ("bolt", "nut")


WRONG = {
    "negative": (obj(box=(5, 2, 2, 4)), "object 1 'cat': the box has a negative size", 0),
    "zero": (obj(box=(3, 2, 2, 4)), "no area", 0),
    "outside": (obj(box=(5, 2, 40, 4)), "reaches outside the picture of 12 x 8; clipped", 1),
    "far outside": (obj(box=(50, 2, 60, 4)), "lies outside", 0),
    "NaN": (obj(box=("nan", 2, 3, 4)), "not finite", 0),
    "words": (obj(box=("left", 2, 3, 4)), "a side of its <bndbox> is missing or no number", 0),
    "no name": (obj(name=""), "object 1: has no <name>", 0),
    "no box": ("<object><name>cat</name></object>", "object 1 'cat': has no <bndbox>", 0),
}


@pytest.mark.parametrize(("text", "reason", "left"), WRONG.values(), ids=WRONG.keys())
def test_wrong_objects_are_named(voc: Callable[..., Path], text: str, reason: str, left: int) -> None:
    root = voc(a=xml(text, obj(box=(3, 3, 4, 4))))
    dataset = read_voc(root)
    (problem,) = dataset.problems
    assert str(problem).startswith("Annotations/a.xml, object 1")
    assert reason in str(problem)
    assert len(dataset.records[0].instances or ()) == left + 1
    with pytest.raises(DatasetError, match=r"Annotations/a\.xml, object 1"):
        read_voc(root, strict=True)


def test_pictures_and_annotations_without_each_other(voc: Callable[..., Path], make_picture: Make) -> None:
    root = voc(a=xml(obj()))
    make_picture("VOC2012/JPEGImages/alone.png")
    (root / "Annotations/gone.xml").write_text(xml(obj(), name="gone.jpg"))
    (root / "Annotations/bad.xml").write_text("<annotation>")
    dataset = read_voc(root)
    assert {problem.where: problem.reason.partition(";")[0] for problem in dataset.problems} == {
        "Annotations/bad.xml:1": "not well-formed XML (no element found)",
        "Annotations/gone.xml": "there is no picture 'gone.jpg'",
        "JPEGImages/alone.png": "a picture without an annotation",
    }
    assert {record.name: record.instances is None for record in dataset} == {
        "JPEGImages/a.png": False,
        "JPEGImages/alone.png": True,
    }


BILLION = '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;">]><annotation>&y;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BILLION, r"f\.xml:1: a document type or entities"),
        (OUTSIDE, r"f\.xml:1: a document type or entities"),
        ("<a>\n<b></a>", r"f\.xml:2: not well-formed XML \(mismatched tag\)"),
        ("", "not well-formed"),
        ("<a>&undefined;</a>", "not well-formed"),
        ("<a>" * (DEEPEST + 1), "nested deeper"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "not"),
    ],
)
def test_refused_xml(text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        parse_xml(text.encode(), "f.xml")


@given(st.binary(max_size=80) | st.text('<>/ab&;!?x"= ', max_size=40).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_xml_reader(data: bytes) -> None:
    for text in (data, b"<annotation>" + data + b"</annotation>"):
        with contextlib.suppress(DatasetError):
            parse_xml(text, "t.xml")


def test_image_sets(voc: Callable[..., Path]) -> None:
    root = voc(a=xml(obj()), b=xml(obj(), name="b.png"), c=xml(obj(), name="c.png"))
    sets = root / "ImageSets/Main"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("a\n")
    (sets / "val.txt").write_text("b 1\nnowhere\n")
    (sets / "trainval.txt").write_text("a\nb\n")
    (sets / "cat_train.txt").write_text("c 1\n")
    dataset = open_dataset(root)
    assert [(record.split, record.part) for record in dataset] == [("train", None), ("test", "val"), (None, None)]
    assert str(dataset.problems[0]) == "ImageSets/Main/val.txt:2: there is no picture 'nowhere'"


def test_xml_beside_the_pictures_in_folders_of_parts(make_picture: Make, tmp_path: Path) -> None:
    for part in ("train", "valid"):  # the same names in both, as exports have them
        make_picture(f"{part}/a.png")
        (tmp_path / part / "a.xml").write_text(xml(obj("nut" if part == "train" else "bolt")))
    dataset = open_dataset(tmp_path)
    labels = {record.name: [one.label for one in record.instances or ()] for record in dataset}
    assert labels == {"train/a.png": ["nut"], "valid/a.png": ["bolt"]}
    assert [record.part_name for record in dataset] == ["train", "val"]


def test_masks_with_void(voc: Callable[..., Path]) -> None:
    root = voc(a=xml(obj()))
    index = np.zeros((8, 12), dtype=np.uint8)
    index[1:3, 1:4], index[4] = 8, 255  # 8 is cat
    image = Image.fromarray(index)
    image.putpalette([int(voc_color(n)[at : at + 2], 16) for n in range(256) for at in (1, 3, 5)])
    (root / "SegmentationClass").mkdir()
    image.save(root / "SegmentationClass/a.png")
    dataset = read_voc(root, strict=True)
    shown = dataset.records[0].class_map(("background", "cat"), 12, 8)
    assert [int((shown == value).sum()) for value in (-1, 0, 1)] == [12, 78, 6]


def test_masks_of_unknown_colours_are_told(voc: Callable[..., Path], make_mask: Make) -> None:
    root = voc(a=xml(obj("nut")))
    make_mask("VOC2012/SegmentationClass/a.png")
    dataset = read_voc(root)
    assert dataset.records[0].mask is None
    assert dataset.problems[0].where == "SegmentationClass"


def test_palette_and_labelmap() -> None:
    assert [voc_color(index) for index in (0, 1, 8, 15, 255)] == ["#000000", "#800000", "#400000", "#C08080", "#E0E0C0"]
    pairs = parse_labelmap(labelmap_text(("nut", "a:b"[:1])), "labelmap.txt")
    assert pairs == [("background", "#000000"), ("nut", "#800000"), ("a", "#008000")]
    with pytest.raises(DatasetError, match=r"labelmap\.txt:2: expected label:red"):
        parse_labelmap("# x\nnut:1,2\n", "labelmap.txt")


def test_what_is_written_reads_the_same(make_picture: Make, tmp_path: Path) -> None:
    from dataclasses import replace

    make_picture("x/one two.png")
    source = open_dataset([tmp_path / "x/one two.png"])
    instances = (thing("b&<c", 0, 0, 3.25, 4), thing("a", 2, 1, 12, 8, ignore=True))
    record = replace(source.records[0], instances=instances, split="test", part="val")
    dataset = replace(source, records=(record,), classes=("b&<c", "a"))
    result = convert(dataset, "voc", tmp_path / "out")
    assert result.lost == ("which thing a pixel belongs to; SegmentationClass keeps its class (2)",)
    back = open_dataset(tmp_path / "out")
    assert (back.problems, back.classes, back.records[0].part_name) == ((), ("b&<c", "a"), "val")
    assert back.records[0].name == "JPEGImages/one_two.png"
    assert [(one.label, one.box_xyxy, one.ignore) for one in back.records[0].instances or ()] == [
        ("b&<c", (0, 0, 3.25, 4), False),
        ("a", (2, 1, 12, 8), True),
    ]
    classes = ("background", *back.classes)
    assert np.array_equal(back.records[0].class_map(classes, 12, 8), record.class_map(classes, 12, 8))
