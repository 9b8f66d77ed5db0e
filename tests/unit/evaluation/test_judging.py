from __future__ import annotations

import pytest

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data.dataset import Problem
from belvedere.evaluation import evaluate
from belvedere.tasks.anomaly.intervals import Interval

MIXED = [
    ("a", "normal", 0.1),
    ("b", "normal", 0.2),
    ("c", "normal", 0.7),
    ("d", "anomaly", 0.9, "dent"),
    ("e", "anomaly", 0.6, "dent"),
    ("f", "anomaly", 0.3, "scratch"),
    ("g", "anomaly", 0.4),
]


def test_counts_rates_and_ranking(build):
    dataset, model = build(MIXED)
    report = evaluate(model, dataset, bootstrap=50)
    plain = report.to_dict()
    assert plain["confusion"] == {"tp": 2, "fp": 1, "tn": 2, "fn": 2}
    assert plain["recall"] == 0.5
    assert plain["precision"] == pytest.approx(2 / 3)
    assert plain["auroc"] == pytest.approx(9 / 12)  # c scores above e, f and g
    assert plain["threshold"] == 0.5
    assert plain["counts"]["normal"] == 3
    assert plain["counts"]["anomalous"] == 4
    assert set(plain["intervals"]) == {"auroc", "average_precision", "f1", "precision", "recall"}
    assert "pixel" not in plain
    assert plain["model"] == {"name": "board", "digest": "ab" * 32, "labels": ()}
    assert plain["dataset"]["digest"] == dataset.digest()
    assert [row.name for row in report.pictures] == list("abcdefg")
    assert report.speed.p95_ms >= report.speed.p50_ms > 0


def test_kinds_come_worst_first_and_unnamed_last(build):
    dataset, model = build(MIXED)
    kinds = evaluate(model, dataset, bootstrap=0).kinds
    assert [(kind.kind, kind.found, kind.pictures) for kind in kinds] == [
        ("scratch", 0, 1),
        ("dent", 2, 2),
        (None, 0, 1),
    ]
    assert kinds[1].mean_score == pytest.approx(0.75)
    assert kinds[1].interval == Interval(pytest.approx(0.3424, abs=1e-4), 1.0)


def test_the_test_part_is_judged_where_there_is_one(build):
    dataset, model = build(
        [
            ("a", "normal", 0.1, None, "train"),
            ("b", "normal", 0.2, None, "test"),
            ("c", "anomaly", 0.9, None, "test"),
        ]
    )
    report = evaluate(model, dataset)
    assert [row.name for row in report.pictures] == ["b", "c"]
    assert report.dataset.part == "test"


def test_the_rounding_rule_decides(build):
    dataset, model = build([("a", "anomaly", 0.49996), ("b", "anomaly", 0.49994)])
    assert [row.is_anomalous for row in evaluate(model, dataset).pictures] == [True, False]


@pytest.mark.parametrize(("label", "verdict"), [("normal", "fp"), ("anomaly", "tp")])
def test_one_class_leaves_none_not_nan(build, label, verdict):
    dataset, model = build([("a", label, 0.8), ("b", label, 0.1)])
    plain = evaluate(model, dataset).to_dict(details=True)
    assert (plain["auroc"], plain["average_precision"], plain["best_f1"]) == (None, None, None)
    assert plain["confusion"][verdict] == 1
    assert plain["intervals"] == {}
    assert plain["curves"] == {"roc": None, "precision_recall": None}


def test_figures_are_attributes_and_it_prints_short(build):
    dataset, model = build(MIXED)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.recall, report.precision) == (0.5, pytest.approx(2 / 3))
    assert (report.f1, report.false_alarm_rate) == (pytest.approx(4 / 7), pytest.approx(1 / 3))
    assert repr(report) == (
        "<Report: 'board' on 7 pictures of 'boards': AUROC 0.750, F1 0.571, recall 0.500, precision 0.667, 0 problems>"
    )


def test_an_interval_without_width_is_null(build):
    dataset, model = build(
        [(f"n{n}", "normal", 0.1) for n in range(12)] + [(f"a{n}", "anomaly", 0.9) for n in range(12)]
    )
    report = evaluate(model, dataset, bootstrap=50)
    assert report.auroc == 1.0
    assert report.to_dict()["intervals"]["auroc"] is None
    assert report.to_dict()["wilson"]["recall"]["low"] < 1.0


def test_one_class_says_why_figures_are_missing(build):
    dataset, model = build([("a", "normal", 0.8), ("b", "normal", 0.1)])
    report = evaluate(model, dataset)
    assert "not whether defects are found" in report.notes[0]
    assert report.to_dict()["notes"] == list(report.notes)
    dataset, model = build(MIXED)
    assert evaluate(model, dataset, bootstrap=0).notes == ()


def test_unlabelled_pictures_are_counted_and_never_scored(build):
    dataset, model = build([("a", "normal", 0.1), ("b", None, 0.9)])
    report = evaluate(model, dataset, gallery=0)
    assert report.counts.unlabelled == 1
    assert len(model.calls) == 1


def test_unreadable_pictures_are_named_and_left_out(build):
    dataset, model = build(MIXED, problems=(Problem("m.json:3", "no such file"),))
    dataset.records[0].path.write_bytes(b"not a picture")
    dataset.records[3].path.unlink()
    report = evaluate(model, dataset, bootstrap=10)
    assert [row.name for row in report.pictures] == ["b", "c", "e", "f", "g"]
    assert report.counts.unreadable == 2
    assert [problem.where for problem in report.problems] == ["m.json:3", "a", "d"]
    assert report.dataset.digest is None


def test_nothing_readable_is_an_error(build):
    dataset, model = build([("a", "normal", 0.1)])
    dataset.records[0].path.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match="none of the 1 labelled pictures could be read; the first: a"):
        evaluate(model, dataset)


@pytest.mark.parametrize("rows", [[], [("a", None, 0.5)], [("a", "normal", 0.1, None, "train")]])
def test_nothing_labelled_is_an_error_that_says_what_to_do(build, rows):
    dataset, model = build(rows)
    with pytest.raises(DatasetError, match=r"boards: no labelled picture .* normal/ and anomaly/"):
        evaluate(model, dataset)


def test_masks_bring_pixel_metrics(build):
    dataset, model = build(
        [
            ("a", "normal", 0.2),
            ("b", "anomaly", 0.9, "dent", None, True),
            ("c", "anomaly", 0.4, "dent", None, True),
            ("d", "anomaly", 0.8, "dent"),  # nobody said where: no pixel metrics from this one
        ],
        types=("dent",),
    )
    report = evaluate(model, dataset, bootstrap=10)
    pixel = report.pixel
    assert (pixel.pictures, pixel.regions, report.counts.masks) == (3, 2, 2)
    assert pixel.auroc == pytest.approx(1.0)  # the normal picture's 0.2 is below both boxes
    assert pixel.types["dent"].iou == pytest.approx(0.5)  # found whole in b, not at all in c
    assert pixel.types["dent"].pictures == 2
    assert report.to_dict()["pixel"]["types"]["dent"]["recall"] == pytest.approx(0.5)


def test_a_damaged_mask_costs_the_pixels_not_the_picture(build):
    dataset, model = build(
        [("a", "normal", 0.2), ("b", "anomaly", 0.9, "dent", None, True), ("c", "anomaly", 0.9, "dent", None, True)]
    )
    dataset.records[1].mask.path.write_bytes(b"not a mask")
    report = evaluate(model, dataset, bootstrap=10)
    assert report.counts.pictures == 3
    assert (report.counts.masks, report.pixel.pictures) == (1, 2)
    assert [problem.where for problem in report.problems] == ["b"]
    assert "mask left out" in report.problems[0].reason
    assert [item.marked for item in report.gallery if item.row.name == "b"] == [False]


def test_the_same_seed_gives_the_same_summary(build):
    dataset, model = build(MIXED)
    once = evaluate(model, dataset, seed=4, bootstrap=100).to_dict()
    assert evaluate(model, dataset, seed=4, bootstrap=100).to_dict() == once
    assert evaluate(model, dataset, seed=5, bootstrap=100).to_dict()["intervals"] != once["intervals"]


def test_progress_counts_every_picture(build):
    dataset, model = build(MIXED)
    seen = []
    evaluate(model, dataset, bootstrap=0, progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == list(range(1, 8))
    assert {total for _, _, total in seen} == {7}


@pytest.mark.parametrize("option", ["bootstrap", "gallery"])
def test_negative_options_are_refused(build, option):
    dataset, model = build(MIXED)
    with pytest.raises(OptionError, match=option):
        evaluate(model, dataset, **{option: -1})
