from __future__ import annotations

import pytest

from belvedere.core.errors import DatasetError
from belvedere.evaluation import evaluate
from helpers.answers import classifier

LABELS = ("cat", "dog", "fox", "cow", "pig", "hen", "cat, tomcat")


def row(name, category, *scores, labels=LABELS):
    padded = [*scores, *[0.0] * (len(labels) - len(scores))]
    return name, {"category": category}, classifier(labels, padded)


ROWS = [
    row("1.png", "cat", 0.7, 0.2, 0.1),
    row("2.png", "dog", 0.6, 0.3, 0.1),
    row("3.png", "dog", 0.1, 0.8, 0.1),
    row("4.png", "cow", 0.4, 0.25, 0.2, 0.15),
    row("5.png", "hen", 0.3, 0.25, 0.2, 0.15, 0.1, 0.0),  # the sixth place
]


@pytest.fixture
def judged(table):
    dataset, model = table("classification", ROWS, labels=LABELS)
    return evaluate(model, dataset, bootstrap=40)


def test_top1_and_top5_count_all_classes_of_the_model(judged):
    assert (judged.top1, judged.top5) == (pytest.approx(2 / 5), pytest.approx(4 / 5))
    assert [line["rank"] for line in judged.pictures] == [1, 2, 1, 4, 6]
    assert judged.threshold is None
    assert "precision" not in judged.figures


def test_classes_have_their_own_figures(judged):
    assert judged.per_class["dog"] == {
        "truths": 2, "found": 1, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3),
    }  # fmt: skip
    assert judged.per_class["cat"]["precision"] == pytest.approx(1 / 4)
    assert judged.mean_recall == pytest.approx((1 + 0.5 + 0 + 0) / 4)


def test_confusion_leaves_out_what_never_occurs(judged):
    rows = {(line["true"], line["found"]): line["count"] for line in judged.to_dict()["confusion"]}
    assert rows == {("cat", "cat"): 1, ("dog", "cat"): 1, ("dog", "dog"): 1, ("cow", "cat"): 1, ("hen", "cat"): 1}
    assert "pig" not in judged.confusion.names


def test_the_gallery_begins_with_the_surest_mistake(judged):
    assert [(item.group, item.name) for item in judged.gallery] == [
        ("confused", "2.png"), ("confused", "5.png"), ("confused", "4.png"), ("close call", "1.png"),
        ("close call", "3.png"),
    ]  # fmt: skip
    assert judged.gallery[0].caption.startswith("dog (0.30), taken for cat 0.60")


def test_labels_that_are_one_class_of_the_dataset_count_as_one(table):
    labels = ("crane", "dog", "crane")
    rows = [row("1.png", "crane", 0.1, 0.3, 0.6, labels=labels), row("2.png", "dog", 0.4, 0.5, 0.1, labels=labels)]
    dataset, model = table("classification", rows, labels=labels)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.top1 == 1.0
    assert report.confusion.names == ("crane", "dog")


def test_pictures_of_unknown_or_several_classes_are_left_out_and_told(table):
    rows = [
        *ROWS[:1],
        row("u.png", "ufo", 1.0),
        ("s.png", {"categories": ("cat", "dog")}, classifier(LABELS, [1.0, *[0.0] * 6])),
        ("one.png", {"categories": ("dog",)}, classifier(LABELS, [0.1, 0.9, *[0.0] * 5])),
    ]
    dataset, model = table("classification", rows, labels=LABELS)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.counts.pictures, report.counts.left_out, report.top1) == (2, 2, 1.0)
    assert "does not know 1 class of the dataset: ufo" in report.notes[0]
    assert "1 picture has no or several classes" in report.notes[1]
    dataset, model = table("classification", rows[2:3], labels=LABELS, classes=("cat", "dog"))
    with pytest.raises(DatasetError, match="none of its 1 pictures has one class"):
        evaluate(model, dataset)


def test_calibration_only_of_probabilities(table):
    dataset, model = table("classification", ROWS, labels=LABELS)
    assert evaluate(model, dataset, bootstrap=0).ece > 0
    dataset, model = table("classification", [row("1.png", "cat", 7.0, -3.0)], labels=LABELS)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.calibration is None
    assert "ece" not in report.figures


def test_a_model_without_names_must_have_as_many_classes_as_the_dataset(table):
    rows = [("1.png", {"category": "b"}, classifier((), [0.1, 0.9]))]
    dataset, model = table("classification", rows, classes=("a", "b"))
    assert evaluate(model, dataset, bootstrap=0).top1 == 1.0
    dataset, model = table("classification", rows, classes=("a", "b", "c"))
    with pytest.raises(DatasetError, match="gives 2 scores, but the dataset has 3 classes"):
        evaluate(model, dataset)
