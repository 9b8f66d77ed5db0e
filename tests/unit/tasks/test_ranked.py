"""Average precision on pictures drawn anew, against the meter that is fed the drawn pictures."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.tasks.detection.coco import CocoMeter
from belvedere.tasks.detection.ranked import resampled_precision
from unit.tasks.coco_reference import random_pictures


def meter_of(pictures, kind, classes):
    meter = CocoMeter(kind, classes)
    for found, truth in pictures:
        meter.add(found, truth)
    return meter


@pytest.mark.parametrize("kind", ["box", "mask", "keypoints"])
@pytest.mark.parametrize("seed", range(4))
def test_each_drawing_is_what_the_meter_says_of_it(kind, seed):
    rng = np.random.default_rng([7, seed])
    classes, count = 1 + seed % 3, 9
    pictures = random_pictures(rng, kind, count, classes, levels=10**9)
    ranked = meter_of(pictures, kind, classes).ranked()
    weights = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(5)])
    levels = resampled_precision(ranked, np.concatenate([np.ones((1, count), int), weights]))
    drawings = [list(range(count)), *(np.repeat(np.arange(count), row).tolist() for row in weights)]
    for drawn, own in zip(drawings, levels, strict=True):
        metrics = meter_of([pictures[number] for number in drawn], kind, classes).metrics()
        assert own.mean() == pytest.approx(metrics.ap, abs=1e-6)
        assert (own[0], own[5]) == pytest.approx((metrics.ap50, metrics.ap75), abs=1e-6)


def test_ranked_counts_are_those_of_the_pictures():
    rng = np.random.default_rng(3)
    pictures = random_pictures(rng, "box", 6, 3, levels=10**9)
    meter = meter_of(pictures, "box", 3)
    ranked = meter.ranked()
    metrics = meter.metrics()
    assert ranked.truths.sum() == metrics.truths
    assert ranked.truths.shape == (6, 3)
    assert len(ranked.scores) == sum(len(found.scores) for found, _ in pictures)
    assert (np.bincount(ranked.pictures, minlength=6) == [len(found.scores) for found, _ in pictures]).all()
    assert (ranked.right <= ranked.counted).all()


def test_a_drawing_without_truths_has_no_precision():
    rng = np.random.default_rng(5)
    ranked = meter_of(random_pictures(rng, "box", 4, 2, levels=10**9), "box", 2).ranked()
    assert np.isnan(resampled_precision(ranked, np.zeros((1, 4), int))).all()


def test_nothing_at_all():
    ranked = CocoMeter("box", 2).ranked()
    assert ranked.right.shape == (0, 10)
    assert ranked.truths.shape == (0, 2)
