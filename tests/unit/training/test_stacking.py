"""Weighing scores: no negative weights, little for the useless, finite where classes separate, calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.training.anomaly.stacking import Stack, fit_stack, sigmoid, stacked


def labels_of(count: int, share: float = 0.5) -> np.ndarray:
    return np.arange(count) < count * share


def test_a_useless_score_gets_little() -> None:
    rng = np.random.default_rng(0)
    labels = labels_of(400)
    useful = labels * 2.0 + rng.standard_normal(400)
    useless = rng.standard_normal(400)
    stack = fit_stack(np.stack([useful, useless], axis=1), labels)
    assert 0 <= stack.weights[1] < 0.15 * stack.weights[0]


def test_two_good_scores_are_both_used() -> None:
    rng = np.random.default_rng(0)
    labels = labels_of(200)
    matrix = labels[:, None] * 1.5 + rng.standard_normal((200, 2))
    stack = fit_stack(matrix, labels)
    assert 0.5 < stack.weights[0] / stack.weights[1] < 2
    logits = stacked(stack, matrix)
    assert logits == pytest.approx(matrix @ np.array(stack.weights) + stack.bias)


def test_a_score_that_misleads_never_counts_against_itself() -> None:
    rng = np.random.default_rng(0)
    labels = labels_of(300)
    good, misleading = labels * 2.0 + rng.standard_normal(300), labels * -2.0 + rng.standard_normal(300)
    stack = fit_stack(np.stack([good, misleading], axis=1), labels)
    assert stack.weights[0] > 0
    assert stack.weights[1] == 0


def test_only_misleading_scores_still_give_an_order() -> None:
    labels = labels_of(40)
    stack = fit_stack(np.where(labels, -1.0, 1.0)[:, None] + np.linspace(0, 0.1, 40)[:, None], labels)
    assert stack.weights[0] > 0
    assert np.isfinite(stack.bias)


@pytest.mark.parametrize("gap", [1.0, 1e3, 1e6])
def test_separable_classes_stay_finite(gap: float) -> None:
    labels = labels_of(12)
    matrix = np.stack([labels * gap, labels * gap * 2], axis=1) + np.linspace(0, 0.1, 12)[:, None]
    stack = fit_stack(matrix, labels)
    logits = stacked(stack, matrix)
    assert np.isfinite(logits).all()
    assert logits[labels].min() > 0 > logits[~labels].max()
    assert abs(logits).max() < 20


def test_a_constant_score_counts_for_nothing() -> None:
    """It tells nothing; with a weight, the last digits of a new picture's score would decide."""
    rng = np.random.default_rng(0)
    labels = labels_of(60)
    matrix = np.stack([labels * 2.0 + rng.standard_normal(60), np.full(60, 3.25)], axis=1)
    stack = fit_stack(matrix, labels)
    nudged = matrix + np.array([0.0, 1e-3])
    assert stacked(stack, nudged) == pytest.approx(stacked(stack, matrix), abs=0.05)
    assert stacked(stack, matrix)[labels].mean() > 0 > stacked(stack, matrix)[~labels].mean()


def test_probabilities_are_calibrated() -> None:
    """Of pictures with a probability near p, p are anomalous; classes as common as each other."""
    rng = np.random.default_rng(0)
    labels = labels_of(6000)
    score = 5 + 3 * (np.where(labels, 1.0, -1.0) + 1.3 * rng.standard_normal(6000))
    chance = sigmoid(stacked(fit_stack(score[:, None], labels), score[:, None]))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance < low + 0.2)
        assert chosen.sum() > 200
        assert labels[chosen].mean() == pytest.approx(chance[chosen].mean(), abs=0.06)


def test_classes_count_alike() -> None:
    rng = np.random.default_rng(0)
    labels = labels_of(1000, 0.1)
    score = labels * 2.0 + rng.standard_normal(1000)
    stack = fit_stack(score[:, None], labels)
    assert -stack.bias / stack.weights[0] == pytest.approx(1.0, abs=0.25)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(4, 60),
    learners=st.integers(1, 3),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_weights_are_finite_and_not_negative(seed: int, count: int, learners: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    labels = labels_of(count)
    stack = fit_stack(scale * (rng.standard_normal((count, learners)) + labels[:, None] * rng.uniform(-2, 2)), labels)
    assert len(stack.weights) == learners
    assert all(np.isfinite(weight) and weight >= 0 for weight in stack.weights)
    assert any(weight > 0 for weight in stack.weights)
    assert np.isfinite(stack.bias)


def test_sigmoid_does_not_overflow() -> None:
    found = sigmoid(np.array([-1e4, -1.0, 0.0, 1.0, 1e4]))
    assert found == pytest.approx([0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1])


def test_stack_is_a_value() -> None:
    assert Stack((1.0,), 0.5) == Stack((1.0,), 0.5)
