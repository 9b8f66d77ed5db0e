from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.detection import ConfusionMeter, Found, Truth
from unit.tasks.coco_reference import random_pictures

A, B, FAR = [0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]


def counts(found, truth, classes=2, **options):
    meter = ConfusionMeter("box", classes, **options)
    meter.add(found, truth)
    return meter.confusion().counts.tolist()


def test_things_and_background():
    found = Found([0.9, 0.8, 0.7], [0, 0, 1], [A, B, FAR])
    # A right, B taken for class 0, FAR on nothing, the last truth not found.
    assert counts(found, Truth([0, 1, 1], [A, B, [80, 80, 90, 90]])) == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_scores_and_overlaps_below_are_left_out():
    truth = Truth([0], [A])
    assert counts(Found([0.29], [0], [A]), truth) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert counts(Found([0.3], [0], [A]), truth) == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert counts(Found([0.9], [0], [[0, 0, 10, 5]]), truth)[0][0] == 1
    assert counts(Found([0.9], [0], [[0, 0, 10, 5]]), truth, overlap=0.51) == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_the_pair_that_overlaps_most_comes_first():
    # Both detections overlap A; the surer one less.
    found = Found([0.9, 0.5], [1, 0], [[0, 0, 10, 8], A])
    assert counts(found, Truth([0], [A])) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    # Alike: the one of the same class, in whatever order.
    for ids in ([1, 0], [0, 1]):
        assert counts(Found([0.9, 0.9], ids, [A, A]), Truth([0], [A])) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_truths_that_do_not_count():
    truth = Truth([0, 1], [[0, 0, 100, 100], B], crowd=[True, False], ignore=[False, True])
    assert counts(Found([0.9, 0.9], [0, 0], [A, FAR]), truth) == [[0] * 3] * 3
    assert counts(Found([0.9], [1], [B]), truth) == [[0] * 3] * 3
    assert counts(Found([0.9], [1], [A]), truth)[2] == [0, 1, 0]  # a crowd of others is no excuse


@pytest.mark.parametrize("kind", ["box", "mask", "keypoints"])
def test_every_counted_truth_and_sure_detection_is_counted_once(kind):
    meter = ConfusionMeter(kind, 3, score=0.5)
    pictures = random_pictures(np.random.default_rng(5), kind, 8, 3)
    truths = np.zeros(3)
    for found, truth in pictures:
        meter.add(found, truth)
        counted = ~truth.crowd if truth.ignore is None else ~(truth.crowd | truth.ignore)
        if kind == "keypoints":
            counted &= (truth.keypoints[..., 2] > 0).any(axis=1)
        truths += np.bincount(truth.class_ids[counted], minlength=3)
    found = meter.confusion()
    assert found.counts[:3].sum(axis=1).tolist() == truths.tolist()
    assert found.counts[:3, :3].sum() > 5
    assert found.counts[3, 3] == 0
    sure = sum(int((one.scores >= 0.5).sum()) for one, _ in pictures)
    assert found.counts[:, :3].sum() <= sure
    assert (found.pictures, found.score, found.overlap) == (8, 0.5, 0.5)


def test_nothing():
    assert counts(Found([], []), Truth([], [])) == [[0] * 3] * 3


def test_arguments_are_checked():
    for classes, overlap in ((0, 0.5), (1, 0), (1, 1.5)):
        with pytest.raises(OptionError):
            ConfusionMeter("box", classes, overlap=overlap)
