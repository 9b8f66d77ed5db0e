from __future__ import annotations

import re

import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.label_names import class_name, label_color
from belvedere.tasks.label_sets import LABEL_SETS, find_labels, label_set


@pytest.mark.parametrize(
    ("name", "count", "known"),
    [
        ("cifar10", 10, {0: "airplane", 9: "truck"}),
        ("coco80", 80, {0: "person", 16: "dog", 79: "toothbrush"}),
        ("coco90", 90, {0: "person", 17: "dog", 11: "???", 89: "toothbrush"}),
        ("voc20", 20, {0: "aeroplane", 14: "person", 19: "tvmonitor"}),
        ("voc21", 21, {0: "background", 15: "person"}),
        ("imagenet1000", 1000, {0: "tench", 207: "golden retriever", 999: "toilet tissue"}),
    ],
)
def test_sets(name, count, known):
    labels = label_set(name)
    assert len(labels) == count
    assert {index: labels[index] for index in known} == known
    assert all(label == label.strip() and label for label in labels)
    assert find_labels(name) == labels


def test_every_set_is_tested_and_there():
    assert sorted(LABEL_SETS) == list(LABEL_SETS)
    assert tuple(label for label in label_set("coco90") if label != "???") == label_set("coco80")
    assert label_set("voc21")[1:] == label_set("voc20")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("cat\r\ndog\r\n\r\n", ("cat", "dog")),
        ("\ufeffcat\ndog", ("cat", "dog")),
        ("0 cat\n1 hot dog\n", ("cat", "hot dog")),
        ("0: cat\n1: dog\n", ("cat", "dog")),
        ("1 cat\n2 dog\n", ("1 cat", "2 dog")),
        ("cat\n\ndog\n", ("cat", "???", "dog")),
        ("n01440764 tench\n", ("n01440764 tench",)),
    ],
)
def test_files(tmp_path, text, expected):
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode())
    assert find_labels(str(path)) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no labels"),
        (b"\n\n", "holds no labels"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b"x" * 300, "at most"),
        (b"a\n" * 70_000, "at most"),
        (b"a\n" * 3_000_000, "more than"),
    ],
)
def test_files_that_are_no_labels(tmp_path, content, message):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=message):
        find_labels(str(path))


def test_neither_set_nor_file(tmp_path):
    with pytest.raises(OptionError, match="coco80"):
        find_labels("cocos")
    with pytest.raises(OptionError, match="coco80"):
        find_labels(str(tmp_path))
    with pytest.raises(OptionError, match="coco80"):
        label_set("../labels/coco80")


def test_names_and_colours_of_classes():
    assert class_name(("cat",), 0) == "cat"
    assert class_name(("cat",), 1) == class_name((), 1) == "class 1"
    assert class_name(("cat",), -1) == "class -1"
    assert label_color("dog") == label_color("dog") != label_color("cat")
    assert all(re.fullmatch("#[0-9A-F]{6}", label_color(name)) for name in label_set("imagenet1000"))


def test_classes_that_are_often_together_have_different_colours():
    often = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "traffic light", "dog", "cat", "horse"]
    assert len({label_color(name) for name in often}) == len(often)


def test_coco_is_short_for_its_80_classes():
    assert find_labels("coco") == label_set("coco") == label_set("coco80")
