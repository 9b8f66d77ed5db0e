from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.detection import CocoMeter, ErrorMeter, Found, Truth
from belvedere.vision.rle import encode
from unit.tasks.coco_reference import random_pictures

A, B, FAR = [0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]
HALF_OFF = [0, 6, 10, 16]  # overlaps A by a quarter


def errors_of(found, truth, classes=3, **options):
    meter = ErrorMeter("box", classes, **options)
    meter.add(found, truth)
    return meter.errors()


def kinds(errors):
    return {name: count for name, count in errors.counts.items() if count}


@pytest.mark.parametrize(
    ("box", "class_id", "expected"),
    [
        (HALF_OFF, 0, {"localisation": 1}),
        (A, 1, {"class": 1}),
        (HALF_OFF, 1, {"both": 1, "missed": 1}),
        (FAR, 0, {"background": 1, "missed": 1}),
        ([9, 9, 19, 19], 0, {"background": 1, "missed": 1}),  # overlaps by less than a hundredth
    ],
)
def test_one_detection_of_one_truth(box, class_id, expected):
    found = errors_of(Found([0.9], [class_id], [box]), Truth([0], [A]))
    assert kinds(found) == expected
    assert (found.right, found.pictures) == (0, 1)


def test_what_is_right_is_no_error_and_its_repetition_is_a_duplicate():
    found = errors_of(Found([0.8, 0.9], [0, 0], [[0, 0, 10, 9], A]), Truth([0], [A]))
    assert kinds(found) == {"duplicate": 1}
    assert found.right == 1
    (example,) = found.examples["duplicate"]
    assert (example.found, example.truth, example.class_id, example.score) == (0, 0, 0, 0.8)
    assert example.overlap == pytest.approx(0.9)


def test_localisation_comes_before_class_and_class_before_duplicate():
    truth = Truth([0, 1], [A, A])
    found = errors_of(Found([0.9, 0.8], [0, 0], [A, HALF_OFF]), truth)
    assert kinds(found) == {"localisation": 1, "missed": 1}
    found = errors_of(Found([0.9, 0.8], [0, 0], [A, A]), truth)
    assert kinds(found) == {"class": 1}  # the second one would be right, were it of class 1, which is not missed then


def test_errors_point_at_detection_and_truth():
    found = errors_of(Found([0.7, 0.9], [2, 2], [FAR, [0, 0, 10, 9]]), Truth([1, 0], [B, A]))
    (wrong,) = found.examples["class"]
    assert (wrong.picture, wrong.found, wrong.truth, wrong.class_id, wrong.score) == (0, 1, 1, 2, 0.9)
    (nothing,) = found.examples["background"]
    assert (nothing.found, nothing.truth, nothing.overlap) == (0, None, 0)
    (missed,) = found.examples["missed"]
    assert (missed.found, missed.truth, missed.class_id, missed.score) == (None, 0, 1, None)
    assert found.per_class["class"].tolist() == [0, 0, 1]
    assert found.per_class["missed"].tolist() == [0, 1, 0]


def test_truths_that_do_not_count_excuse_detections():
    crowd = Truth([0, 0], [[0, 0, 100, 100], B], crowd=[True, False])
    found = errors_of(Found([0.9, 0.8, 0.7], [0, 0, 0], [A, FAR, B]), crowd)
    assert (kinds(found), found.right) == ({}, 1)
    found = errors_of(Found([0.9, 0.8], [0, 1], [A, A]), Truth([0], [A], ignore=[True]))
    assert (kinds(found), found.right) == ({"background": 1}, 0)


def test_scores_below_are_left_out():
    found = errors_of(Found([0.2, 0.3], [0, 0], [A, FAR]), Truth([0], [A]), score=0.3)
    assert kinds(found) == {"background": 1, "missed": 1}


def test_pictures_without_truth_or_detections():
    assert kinds(errors_of(Found([0.9], [0], [A]), Truth([], []))) == {"background": 1}
    assert kinds(errors_of(Found([], []), Truth([0], [A]))) == {"missed": 1}
    assert kinds(errors_of(Found([], []), Truth([], []))) == {}


@pytest.mark.parametrize("kind", ["box", "mask", "keypoints"])
def test_right_ones_and_errors_add_up(kind):
    """Right ones and false ones are those of average precision."""
    pictures = random_pictures(np.random.default_rng(3), kind, 10, 3, levels=1000)
    errors, coco = ErrorMeter(kind, 3), CocoMeter(kind, 3)
    for found, truth in pictures:
        errors.add(found, truth)
        coco.add(found, truth)
    found, metrics = errors.errors(), coco.metrics()
    (verdicts,) = coco._verdicts
    right, aside = (bits[:, 0] >= 128 for bits in (verdicts.right, verdicts.aside))  # any size, overlap of 0.50
    assert found.right == np.count_nonzero(right & ~aside) > 5
    assert sum(found.counts.values()) - found.counts["missed"] == np.count_nonzero(~right & ~aside)
    assert all(found.counts[name] for name in ("localisation", "class", "duplicate", "background", "missed"))
    assert sum(counts.sum() for counts in found.per_class.values()) == sum(found.counts.values())
    assert found.right + found.counts["missed"] <= metrics.truths


def test_the_surest_examples_are_kept():
    meter = ErrorMeter("box", 1, examples=3)
    for score in np.random.default_rng(4).permutation(400) / 400:
        meter.add(Found([score], [0], [FAR]), Truth([0], [A]))
    found = meter.errors()
    assert [example.score for example in found.examples["background"]] == [399 / 400, 398 / 400, 397 / 400]
    assert found.counts["background"] == 400
    assert [example.picture for example in found.examples["missed"]] == [0, 1, 2]


def test_masks():
    left, right = np.zeros((10, 10)), np.zeros((10, 10))
    left[:, :5], right[:, 5:] = 1, 1
    meter = ErrorMeter("mask", 2)
    meter.add(Found([0.9, 0.8], [0, 1], masks=[encode(left)] * 2), Truth([0, 1], masks=[encode(left), encode(right)]))
    assert kinds(meter.errors()) == {"class": 1, "missed": 1}


def test_arguments_are_checked():
    with pytest.raises(OptionError, match="background"):
        ErrorMeter("box", 1, overlap=0.1, background=0.1)
    with pytest.raises(OptionError, match="kind"):
        ErrorMeter("boxes", 1)
    with pytest.raises(OptionError, match="score 0"):
        errors_of(Found([np.nan], [0], [A]), Truth([0], [A]))
