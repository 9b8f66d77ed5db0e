from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

from belvedere.core.errors import OptionError
from belvedere.tasks.classification import ClassificationMeter


def test_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet(np.ones(8), 400), rng.integers(0, 7, 400)  # class 7 is said, but never true
    scores[np.arange(400), truth] += rng.random(400)
    scores[:, 2] = 0  # class 2 is never said
    scores /= scores.sum(axis=1, keepdims=True)
    meter = ClassificationMeter(8)
    for part in np.array_split(np.arange(400), 9):
        meter.add(scores[part], truth[part])
    found, said = meter.metrics(), scores.argmax(axis=1)
    assert found.pictures == 400
    assert found.top1 == pytest.approx(np.mean(said == truth))
    assert found.top5 == pytest.approx(top_k_accuracy_score(truth, scores, k=5, labels=range(8)))
    assert found.confusion.tolist() == confusion_matrix(truth, said, labels=range(8)).tolist()
    table = precision_recall_fscore_support(truth, said, labels=range(8), zero_division=np.nan)
    for class_, (precision, recall, f1, truths) in enumerate(zip(*table, strict=True)):
        figures = found.per_class[class_]
        ours = [np.nan if value is None else value for value in (figures.precision, figures.recall)]
        assert ours == pytest.approx([precision, recall], nan_ok=True)
        assert (figures.f1, figures.truths) == (pytest.approx(f1), truths)
    assert found.per_class[2].precision is None
    assert found.per_class[7].recall is None
    assert found.mean_recall == pytest.approx(np.mean(table[1][:7]))
    assert found.mean_f1 == pytest.approx(np.mean(table[2][:7]))


def test_calibration_by_hand():
    meter = ClassificationMeter(2, bins=5)
    # Range (0.8, 1]: 0.9 and 1.0, one of them right. Range (0.6, 0.8]: 0.7 and 0.8, both right.
    meter.add([[0.9, 0.1], [0.0, 1.0], [0.7, 0.3], [0.8, 0.2]], [0, 0, 0, 0])
    found = meter.metrics().calibration
    assert found.edges == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found.counts.tolist() == [0, 0, 0, 2, 2]
    assert found.confidence == pytest.approx([np.nan, np.nan, np.nan, 0.75, 0.95], nan_ok=True)
    assert found.accuracy == pytest.approx([np.nan, np.nan, np.nan, 1, 0.5], nan_ok=True)
    assert found.ece == pytest.approx((0.25 * 2 + 0.45 * 2) / 4)
    assert found.highest == pytest.approx(0.45)


def test_scores_that_say_how_often_they_are_right():
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.5, 1, 40_000)
    meter = ClassificationMeter(2)
    meter.add(np.stack([sure, 1 - sure], axis=1), (rng.random(len(sure)) > sure).astype(int))
    assert meter.metrics().calibration.ece < 0.01


def test_scores_that_are_no_probabilities_have_no_calibration():
    meter = ClassificationMeter(3)
    meter.add([0.2, 0.7, 0.1], 1)
    assert meter.metrics().calibration.ece == pytest.approx(0.3)
    meter.add([-2.0, 7.0, 1.0], 1)
    meter.add([0.2, 0.7, 0.1], 1)
    assert meter.metrics().calibration is None
    assert (meter.metrics().top1, meter.metrics().top5) == (1, 1)


def test_nothing():
    found = ClassificationMeter(3).metrics()
    assert (found.pictures, found.top1, found.top5, found.mean_f1, found.calibration) == (0, None, None, None, None)
    assert found.per_class == {}
    empty = ClassificationMeter(3)
    empty.add(np.zeros((0, 3)), [])
    assert empty.metrics().top1 is None


@pytest.mark.parametrize(
    ("scores", "truth"),
    [([0.1, 0.9], 2), ([0.1, 0.9], -1), ([0.1, np.nan], 0), ([0.1, 0.2, 0.7], 0), ([0.1, 0.9], [0, 1])],
)
def test_arguments_are_checked(scores, truth):
    with pytest.raises(OptionError):
        ClassificationMeter(2).add(scores, truth)
    with pytest.raises(OptionError):
        ClassificationMeter(0)
    with pytest.raises(OptionError):
        ClassificationMeter(2, bins=0)
