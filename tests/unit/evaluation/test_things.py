"""Detectors, with masks and without, judged on tables of answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from belvedere.core.errors import ArtifactError, DatasetError, EngineError, OptionError
from belvedere.data.annotations import Instance, Polygons
from belvedere.data.dataset import Problem
from belvedere.data.seen import SEEN_REPORT, seen_report
from belvedere.evaluation import evaluate
from belvedere.tasks.detection.coco import CocoMeter
from belvedere.tasks.detection.compared import Found, Truth
from helpers.answers import detector
from helpers.instances import thing

LABELS = ("airplane", "dog", "kite")
PLANE, DOG = (10, 10, 40, 40), (50, 20, 90, 70)


def marked(*instances):
    return {"instances": instances}


ROWS = [
    (
        "right.png",
        marked(thing("aeroplane", *PLANE), thing("dog", *DOG)),
        detector(LABELS, (0, 0.9, PLANE), (1, 0.8, DOG)),
    ),
    ("missed.png", marked(thing("dog", *DOG)), detector(LABELS, (1, 0.1, DOG))),
    ("class.png", marked(thing("dog", *DOG)), detector(LABELS, (0, 0.7, DOG))),
    ("place.png", marked(thing("dog", *DOG)), detector(LABELS, (1, 0.6, (50, 20, 70, 60)))),
    ("nothing.png", marked(), detector(LABELS, (1, 0.95, PLANE), (2, 0.99, DOG))),
    ("twice.png", marked(thing("aeroplane", *PLANE)), detector(LABELS, (0, 0.9, PLANE), (0, 0.5, (11, 11, 41, 41)))),
]


@pytest.fixture
def judged(table):
    dataset, model = table("detection", ROWS, labels=LABELS, threshold=0.3)
    return evaluate(model, dataset, bootstrap=40)


def test_figures_at_the_models_threshold(judged):
    # Right: plane and dog, and the plane of "twice". Reported: 7 of judged classes. Marked: 6.
    assert (judged.precision, judged.recall) == (pytest.approx(3 / 7), pytest.approx(3 / 6))
    assert judged.f1 == pytest.approx(2 * 3 / 13)
    assert judged.errors.right == 3
    assert judged.errors.counts == {
        "missed": 1, "class": 1, "localisation": 1, "background": 1, "duplicate": 1, "both": 0,
    }  # fmt: skip
    assert judged.threshold == 0.3
    assert judged.counts.truths == 6


def test_average_precision_looks_below_the_threshold(judged):
    meter = CocoMeter("box", 2)
    ids = {"aeroplane": 0, "dog": 1}
    for _, known, answer in ROWS:
        result = answer(np.zeros((80, 100, 3), np.uint8))
        keep = result.class_ids < 2  # the dataset has no kites
        instances = known["instances"]
        meter.add(
            Found(result.scores[keep], result.class_ids[keep], result.boxes_xyxy[keep]),
            Truth(
                np.array([ids[one.label] for one in instances], int),
                np.array([one.box_xyxy for one in instances]).reshape(-1, 4),
            ),
        )
    expected = meter.metrics()
    assert (judged.ap, judged.ap50, judged.ap75) == (expected.ap, expected.ap50, expected.ap75)
    assert judged.per_class["dog"]["ap50"] == expected.per_class[1].ap50
    assert judged.per_class["dog"]["ap50"] > 0.2  # the dog of 0.1 counts for it


def test_classes_are_matched_by_name_and_the_others_told(judged):
    assert judged.classes.names == ("aeroplane", "dog")
    assert judged.classes.model_only == ("kite",)
    assert list(judged.per_class) == ["aeroplane", "dog"]


def test_confusion_has_a_row_and_a_column_for_nothing(judged):
    rows = {(row["true"], row["found"]): row["count"] for row in judged.to_dict()["confusion"]}
    assert rows == {
        ("aeroplane", "aeroplane"): 2, ("dog", "dog"): 1, ("dog", "aeroplane"): 1, ("dog", None): 2,
        (None, "dog"): 2, (None, "aeroplane"): 1,
    }  # fmt: skip


def test_the_sweep_meets_the_figures_at_the_threshold(judged):
    at = int(np.searchsorted(judged.sweep.scores, 0.3))
    assert judged.sweep.precision[at] == pytest.approx(judged.precision)
    assert judged.sweep.recall[at] == pytest.approx(judged.recall)
    assert judged.sweep.f1.max() == pytest.approx(judged.best_f1)
    assert judged.best_threshold in judged.sweep.scores


def test_pictures_and_gallery_show_the_mistakes(judged):
    rows = {row["name"]: (row["right"], row["wrong"], row["missed"]) for row in judged.pictures}
    assert rows == {
        "right.png": (2, 0, 0), "missed.png": (0, 0, 1), "class.png": (0, 1, 1), "place.png": (0, 1, 1),
        "nothing.png": (0, 1, 0), "twice.png": (1, 1, 0),
    }  # fmt: skip
    shown = [(item.group, item.name, item.caption) for item in judged.gallery]
    assert shown == [
        ("missed", "missed.png", "dog missed"),
        ("class", "class.png", "dog taken for aeroplane (0.70)"),
        ("background", "nothing.png", "dog (0.95) where none is marked"),
        ("localisation", "place.png", "dog (0.60): IoU 0.40 with the marked one"),
        ("duplicate", "twice.png", "aeroplane (0.50) found again"),
    ]


def test_what_does_not_count_is_left_out(table):
    crowd = thing("dog", 0, 0, 100, 80, crowd=True)
    hard = thing("dog", *PLANE, ignore=True)
    rows = [
        ("a", marked(thing("dog", *DOG), hard), detector(LABELS, (1, 0.9, DOG), (1, 0.8, PLANE))),
        ("b", marked(crowd), detector(LABELS, (1, 0.9, DOG))),
        ("c", marked(thing("ufo", *PLANE), thing("dog", *DOG)), detector(LABELS, (1, 0.9, DOG))),
    ]
    dataset, model = table("detection", rows, labels=LABELS, threshold=0.3)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.ap, report.precision, report.recall) == (1.0, 1.0, 1.0)
    assert (report.counts.truths, report.counts.left_out) == (2, 3)
    assert report.classes.dataset_only == ("ufo",)
    assert "ufo" in report.notes[0]
    assert "(1 marked things)" in report.notes[0]


def test_no_class_in_common_names_both_sides(table):
    dataset, model = table("detection", [("a", marked(thing("ufo", *PLANE)), detector(LABELS))], labels=LABELS)
    with pytest.raises(
        DatasetError, match=r"things: .* The dataset has ufo; the model has airplane, dog, kite\. .*--labels"
    ):
        evaluate(model, dataset)


def test_a_model_without_names_is_refused_when_it_finds_more_classes(table):
    rows = [("a", marked(thing("dog", *DOG)), detector((), (7, 0.9, DOG)))]
    dataset, model = table("detection", rows)
    with pytest.raises(DatasetError, match="finds class 7, but the dataset has 1"):
        evaluate(model, dataset)
    rows = [("a", marked(thing("dog", *DOG)), detector((), (0, 0.9, DOG)))]
    dataset, model = table("detection", rows)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.ap == pytest.approx(1.0)
    assert "order of the dataset's" in report.notes[0]


@pytest.mark.parametrize(
    ("task", "known", "message"),
    [
        ("detection", {"category": "dog"}, "no picture has marked boxes, .* have classes of whole pictures"),
        ("instance-segmentation", {}, "no picture has marked instances, .* no labels at all"),
        ("classification", marked(thing("dog", *DOG)), "no picture has a class of the whole picture, .* have boxes"),
        ("pose", marked(thing("dog", *DOG)), "no picture has marked keypoints, .* have boxes"),
        (
            "semantic-segmentation",
            marked(Instance("dog", DOG)),
            "no picture has a mask, or instances with outlines, .* have boxes",
        ),
    ],
)
def test_wrong_combinations_say_what_is_missing(table, task, known, message):
    dataset, model = table(task, [("a", known, None)], labels=LABELS)
    with pytest.raises(DatasetError, match=message):
        evaluate(model, dataset)


def test_a_dataset_without_a_test_part(table):
    dataset, model = table("detection", [("a", {**marked(), "split": "train"}, None)], labels=LABELS)
    with pytest.raises(DatasetError, match="its 1 pictures are all for training"):
        evaluate(model, dataset)


def test_a_model_bound_to_no_task(table):
    dataset, model = table("tensor", [("a", marked(), None)])
    with pytest.raises(ArtifactError, match="bound to no task"):
        evaluate(model, dataset)


def test_what_cannot_be_judged_is_named_and_the_rest_is_judged(table):
    rows = [
        *ROWS[:1],
        ("torn.png", marked(), None),
        ("nan.png", marked(), EngineError("the outputs hold values that are not numbers")),
        ("size.png", {**marked(), "declared_size": (80, 100)}, detector(LABELS)),
        ("bare.png", {}, None),
    ]
    dataset, model = table("detection", rows, labels=LABELS, threshold=0.3, problems=(Problem("x.json", "odd"),))
    dataset.records[1].path.write_bytes(b"no picture")
    report = evaluate(model, dataset, bootstrap=0)
    assert [problem.where for problem in report.problems] == ["x.json", "torn.png", "nan.png", "size.png"]
    assert "not numbers" in report.problems[2].reason
    assert "80 x 100" in report.problems[3].reason
    assert (report.counts.pictures, report.counts.unreadable, report.counts.unlabelled) == (1, 3, 1)
    assert report.ap == pytest.approx(1.0)


def test_when_nothing_can_be_judged_the_first_reason_is_told(table):
    rows = [("nan.png", marked(), EngineError("the outputs are of shape (1, 2)"))]
    dataset, model = table("detection", rows, labels=LABELS)
    with pytest.raises(DatasetError, match="none of its classes"):
        evaluate(model, dataset)
    rows = [("nan.png", marked(thing("dog", *DOG)), EngineError("the outputs are of shape (1, 2)"))]
    dataset, model = table("detection", rows, labels=LABELS)
    with pytest.raises(EngineError, match=r"nan\.png: the outputs are of shape"):
        evaluate(model, dataset)


def test_masks_are_judged_beside_boxes(table):
    narrow = Polygons((np.array([[50, 20], [70, 20], [70, 70], [50, 70]], float),))
    # The box of the mark is wide, its mask half as wide: the filled box overlaps it by half only.
    slim = Instance("dog", DOG, narrow)
    rows = [
        ("a", marked(thing("dog", *DOG)), detector(LABELS, (1, 0.9, DOG), masks=True)),
        ("b", marked(slim), detector(LABELS, (1, 0.8, DOG), masks=True)),
    ]
    dataset, model = table("instance-segmentation", rows, labels=LABELS, threshold=0.3)
    report = evaluate(model, dataset, bootstrap=20)
    assert (report.ap50, report.ap) == (1.0, 1.0)
    assert report.mask_ap50 == pytest.approx(1.0)
    assert report.mask_ap75 == pytest.approx(51 / 101)
    assert report.main[0] == "mask_ap50"
    assert set(report.per_class["dog"]) >= {"ap50", "mask_ap", "mask_ap50", "f1"}


def test_boxes_without_outlines_leave_masks_out(table):
    rows = [("a", marked(Instance("dog", DOG)), detector(LABELS, (1, 0.9, DOG), masks=True))]
    dataset, model = table("instance-segmentation", rows, labels=LABELS, threshold=0.3)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.ap == pytest.approx(1.0)
    assert "mask_ap" not in report.figures
    assert "masks are not judged" in report.notes[0]
    rows.append(("b", marked(thing("dog", *PLANE)), detector(LABELS, (1, 0.9, PLANE), masks=True)))
    dataset, model = table("instance-segmentation", rows, labels=LABELS, threshold=0.3)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.mask_ap, report.ap) == pytest.approx((1.0, 1.0))
    assert "1 marked thing has no outline" in report.notes[0]


def test_intervals_hold_the_figure_and_lose_their_width_where_nothing_is_wrong(table, judged):
    for name in ("ap50", "precision", "recall", "f1"):
        interval = judged.intervals[name]
        assert interval.low <= judged.figures[name] <= interval.high
    rows = [(f"{n}", marked(thing("dog", *DOG)), detector(LABELS, (1, 0.9, DOG))) for n in range(4)]
    dataset, model = table("detection", rows, labels=LABELS, threshold=0.3)
    perfect = evaluate(model, dataset, bootstrap=40)
    assert perfect.ap50 == 1.0
    assert perfect.to_dict()["intervals"]["ap50"] is None
    assert "-" in next(line for line in str(perfect).splitlines() if line.startswith("AP50"))


def test_pictures_of_the_training_are_counted(table):
    dataset, model = table("detection", ROWS[:2], labels=LABELS, threshold=0.3)
    model.reports[SEEN_REPORT] = seen_report([dataset.records[0].content_hash()])
    assert evaluate(model, dataset, bootstrap=0).counts.trained_on == 1


def test_the_json_has_what_was_promised(judged):
    plain = json.loads(json.dumps(judged.to_dict(), allow_nan=False))
    assert {"ap", "ap50", "ap75", "ap_small", "ar100", "precision", "recall", "f1", "per_class", "errors"} <= set(plain)
    assert plain["per_class"]["aeroplane"]["ap50"] == judged.per_class["aeroplane"]["ap50"]
    assert plain["classes"]["renamed"] == {"aeroplane": "airplane"}
    assert not {"curves", "pictures", "thresholds", "measurements"} & set(plain)


@pytest.mark.parametrize("option", ["bootstrap", "gallery"])
def test_negative_options_are_refused(table, option):
    dataset, model = table("detection", ROWS, labels=LABELS)
    with pytest.raises(OptionError, match=option):
        evaluate(model, dataset, **{option: -1})


def test_progress_counts_every_picture(table):
    dataset, model = table("detection", ROWS, labels=LABELS, threshold=0.3)
    steps = []
    evaluate(model, dataset, bootstrap=0, gallery=0, progress=lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == [1, 2, 3, 4, 5, 6]
    assert model.calls == 6
