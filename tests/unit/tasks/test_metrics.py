from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly import metrics
from belvedere.tasks.anomaly.result import AnomalyResult


@st.composite
def scored(draw):
    """Scores with many ties and labels of both classes."""
    values = draw(st.lists(st.integers(0, 8), min_size=2, max_size=40))
    labels = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    labels[0], labels[1] = True, False
    return np.array(values) / 8, np.array(labels)


@given(scored())
def test_auroc_and_average_precision_are_sklearns(case):
    scores, labels = case
    assert metrics.auroc(scores, labels) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    expected = sklearn_metrics.average_precision_score(labels, scores)
    assert metrics.average_precision(scores, labels) == pytest.approx(expected)


@given(scored())
def test_auroc_is_the_share_of_pairs_in_the_right_order(case):
    scores, labels = case
    pairs = list(itertools.product(scores[labels], scores[~labels]))
    right = sum((high > low) + (high == low) / 2 for high, low in pairs)
    assert metrics.auroc(scores, labels) == pytest.approx(right / len(pairs))


@given(scored())
def test_curves_are_sklearns(case):
    scores, labels = case
    x, y, thresholds = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    roc = metrics.roc_curve(scores, labels)
    np.testing.assert_allclose(roc.x, x)
    np.testing.assert_allclose(roc.y, y)
    np.testing.assert_array_equal(roc.thresholds, thresholds)

    precision, recall, _ = sklearn_metrics.precision_recall_curve(labels, scores)
    curve = metrics.precision_recall_curve(scores, labels)
    np.testing.assert_allclose(curve.x, recall[::-1])
    np.testing.assert_allclose(curve.y, precision[::-1])


@given(scored(), st.integers(-1, 9))
def test_counts_at_a_threshold_are_sklearns(case, step):
    scores, labels = case
    found = metrics.confusion(scores, labels, step / 8)
    flagged = scores >= step / 8
    matrix = sklearn_metrics.confusion_matrix(labels, flagged, labels=[False, True])
    assert [[found.tn, found.fp], [found.fn, found.tp]] == matrix.tolist()
    assert found.recall == pytest.approx(sklearn_metrics.recall_score(labels, flagged))
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(labels, flagged))
    if flagged.any():
        assert found.precision == pytest.approx(sklearn_metrics.precision_score(labels, flagged))
    else:
        assert found.precision is None


@given(scored())
def test_f1_threshold_beats_every_other_cut(case):
    scores, labels = case
    threshold = metrics.f1_threshold(scores, labels)

    def f1(cut):
        return sklearn_metrics.f1_score(labels, scores >= cut)

    cuts = np.arange(-1, 18) / 16
    assert f1(threshold) == pytest.approx(max(f1(cut) for cut in cuts))
    lower = [cut for cut in cuts if (scores >= cut).sum() > (scores >= threshold).sum()]
    assert all(f1(cut) < f1(threshold) for cut in lower)  # of equals the lowest


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 0.5),
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.5),
        ([0.1, 0.9], [1, 0], 0.1),  # flagging everything is best: the lowest score itself
        ([-5.0, 100.0, 300.0], [0, 1, 1], 47.5),  # need not be calibrated
        ([0.0, 0.1, 0.2, 0.3], [1, 0, 0, 1], 0.0),  # F1 2/3 by the cut at 0 and at 0.25: the lower one
        ([1.0, np.nextafter(1.0, 2.0)], [0, 1], np.nextafter(1.0, 2.0)),  # no number lies between
        ([0.1, 0.2], [0, 0], None),
        ([0.1, 0.2], [1, 1], None),
    ],
)
def test_f1_threshold_by_hand(scores, labels, expected):
    found = metrics.f1_threshold(scores, labels)
    assert found == (expected if expected is None else pytest.approx(expected, abs=1e-12))


def test_a_cut_between_neighbouring_floats_separates_them():
    low, high = 1.0, float(np.nextafter(1.0, 2.0))
    assert low < metrics.f1_threshold([low, high], [False, True]) <= high


@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_one_class_leaves_ranking_undefined(labels):
    scores = [0.2, 0.7]
    assert metrics.auroc(scores, labels) is None
    assert metrics.average_precision(scores, labels) is None
    assert metrics.roc_curve(scores, labels) is None
    assert metrics.precision_recall_curve(scores, labels) is None


def test_rates_that_the_data_do_not_define_are_none():
    only_normal = metrics.confusion([0.2, 0.7], [False, False], 0.5)
    assert (only_normal.precision, only_normal.recall, only_normal.f1) == (0.0, None, None)
    only_anomalous = metrics.confusion([0.2, 0.3], [True, True], 0.5)
    assert (only_anomalous.precision, only_anomalous.recall, only_anomalous.f1) == (None, 0.0, 0.0)
    assert only_anomalous.false_alarm_rate is None


@pytest.mark.parametrize("score", [0.5, 0.49995, 0.499949, 0.50004, 0.12345, 0.12355, 0.0])
@pytest.mark.parametrize("threshold", [0.5, 0.50005, 0.1234, 0.12345, 0.0])
def test_verdicts_follow_the_rule_of_the_result(score, threshold):
    picture = np.zeros((1, 1, 3), dtype=np.uint8)
    grid = np.zeros((1, 1), dtype=np.float32)
    result = AnomalyResult(score, threshold, 1, 1, grid, 0.5, picture)
    assert metrics.verdicts([score], threshold).tolist() == [result.is_anomalous]


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [([0.1, 0.2], [True], "one length"), ([0.1, np.nan], [True, False], "score 1 is not")],
)
def test_bad_input_is_named(scores, labels, message):
    with pytest.raises(OptionError, match=message):
        metrics.auroc(scores, labels)
