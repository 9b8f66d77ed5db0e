from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance
from belvedere.evaluation import evaluate
from helpers.answers import class_map
from helpers.instances import thing

LABELS = ("background", "dog", "cat")
SIZE = (80, 100)


def grid(**boxes):
    """A class map (80, 100): background, and boxes of classes by name."""
    found = np.zeros(SIZE, int)
    for label, (x0, y0, x1, y1) in boxes.items():
        found[y0:y1, x0:x1] = LABELS.index(label)
    return found


def test_overlaps_are_counted_on_pixels(table):
    rows = [
        ("1.png", {"instances": (thing("dog", 0, 0, 50, 80),)}, class_map(LABELS, grid(dog=(0, 0, 40, 80)), 0)),
        ("2.png", {"instances": ()}, class_map(LABELS, grid(), 0)),
    ]
    dataset, model = table("semantic-segmentation", rows, labels=LABELS, classes=("dog",))
    report = evaluate(model, dataset, bootstrap=20)
    assert report.per_class["dog"]["iou"] == pytest.approx(40 / 50)
    assert report.per_class["background"]["iou"] == pytest.approx((50 + 100) / (60 + 100))
    assert report.miou == pytest.approx((0.8 + 150 / 160) / 2)
    assert report.pixel_accuracy == pytest.approx(190 / 200)
    assert report.per_class["dog"]["accuracy"] == pytest.approx(0.8)
    assert report.counts.truths == 2 * 80 * 100
    assert [(row["name"], row["miou"]) for row in report.pictures] == [
        ("1.png", pytest.approx((0.8 + 50 / 60) / 2)), ("2.png", 1.0),
    ]  # fmt: skip
    assert [(item.group, item.name) for item in report.gallery] == [("worst", "1.png"), ("clear", "2.png")]
    low = report.intervals["miou"]
    assert low.low < report.miou < low.high


def test_other_classes_of_the_model_are_wrong_and_unknown_ones_do_not_count(table):
    known = {"instances": (thing("dog", 0, 0, 50, 80), thing("ufo", 50, 0, 75, 80))}
    said = grid(dog=(0, 0, 25, 80), cat=(25, 0, 100, 80))
    dataset, model = table("semantic-segmentation", [("1.png", known, class_map(LABELS, said, 0))], labels=LABELS)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.classes.names == ("background", "dog")
    assert report.counts.left_out == 25 * 80
    assert report.pixel_accuracy == pytest.approx(25 / 75)
    confusion = {(row["true"], row["found"]): row["count"] for row in report.to_dict()["confusion"]}
    assert confusion == {("dog", "dog"): 2000, ("dog", None): 2000, ("background", None): 2000}
    assert "ufo" in report.notes[0]


def test_crowds_do_not_count(table):
    known = {"instances": (thing("dog", 0, 0, 50, 80, crowd=True),)}
    rows = [("1.png", known, class_map(LABELS, grid(), 0))]
    dataset, model = table("semantic-segmentation", rows, labels=LABELS)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.pixel_accuracy, report.counts.left_out) == (1.0, 4000)


def test_a_thing_without_outline_costs_the_picture_or_all(table):
    rows = [
        ("1.png", {"instances": (thing("dog", 0, 0, 50, 80),)}, class_map(LABELS, grid(dog=(0, 0, 50, 80)), 0)),
        ("2.png", {"instances": (Instance("dog", (0, 0, 9, 9)),)}, class_map(LABELS, grid(), 0)),
    ]
    dataset, model = table("semantic-segmentation", rows, labels=LABELS)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.miou, report.counts.unlabelled) == (1.0, 1)
    dataset, model = table("semantic-segmentation", rows[1:], labels=LABELS)
    with pytest.raises(DatasetError, match="a mask, or instances with outlines"):
        evaluate(model, dataset)


def test_background_alone_is_no_class_in_common(table):
    known = {"instances": (thing("ufo", 0, 0, 50, 80),)}
    dataset, model = table("semantic-segmentation", [("1.png", known, None)], labels=LABELS)
    with pytest.raises(DatasetError, match="knows none of its classes"):
        evaluate(model, dataset)
