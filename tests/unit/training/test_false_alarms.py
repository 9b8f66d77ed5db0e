"""The promised false-alarm rate holds over the whole normal-only path, on exchangeable pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from belvedere.training.anomaly.calibration import verdict_from_normals
from belvedere.training.anomaly.learners import fit_learners, held_out, make_folds, scores
from belvedere.training.anomaly.sizes import FOLDS_NORMAL
from belvedere.training.anomaly.stacking import sigmoid, stacked
from helpers.features import alone, cells_of, example_of, strangeness

TOP = 2


@pytest.mark.slow
@pytest.mark.parametrize(("count", "asked", "sets"), [(3, 0.05, 300), (9, 0.2, 300), (14, 0.05, 250)])
def test_rate_holds_from_pictures_to_verdict(count: int, asked: float, sets: int) -> None:
    """Hundreds of trainings on pictures drawn alike; each judges new pictures drawn alike.

    The held-out scores come from memories of a few pictures fewer than the final one, so the true rate may be
    somewhat below the promised one, never above; far below would mean that the threshold is useless.
    """
    fresh = 12
    alarms = np.empty(sets)
    for seed in range(sets):
        rng = np.random.default_rng((seed, count))
        examples = [example_of(cells_of(rng)) for _ in range(count)]
        held = held_out(examples, make_folds(examples, FOLDS_NORMAL, seed), 0, TOP, seed)
        verdict = verdict_from_normals(held, alone(count), asked)
        assert verdict.limit is not None
        promised = verdict.limit.rate
        learners = fit_learners(examples, 0, seed)
        pictures = [cells_of(rng) for _ in range(fresh)]
        new = np.array([[scores(learners, cells, TOP)["memory"]] for cells in pictures])
        foreign = np.array([strangeness(learners.scene, cells) for cells in pictures])
        calibrated = sigmoid(stacked(verdict.stack, new) + foreign)
        alarms[seed] = (np.round(calibrated, 4) >= round(verdict.threshold, 4)).mean()
    error = float(alarms.std()) / math.sqrt(sets)
    assert promised <= max(asked, 1 / (count + 1)) + 1e-12
    assert alarms.mean() <= promised + 3 * error
    assert alarms.mean() > promised / 4


def test_pictures_unlike_the_normal_ones_raise_alarms() -> None:
    """The rate says nothing if nothing is ever anomalous."""
    rng = np.random.default_rng(0)
    examples = [example_of(cells_of(rng)) for _ in range(20)]
    held = held_out(examples, make_folds(examples, FOLDS_NORMAL, 0), 0, TOP, 0)
    verdict = verdict_from_normals(held, alone(20), 0.05)
    learners = fit_learners(examples, 0, 0)
    new = np.array([[scores(learners, cells_of(rng, shift=3.0), TOP)["memory"]] for _ in range(20)])
    assert (sigmoid(stacked(verdict.stack, new)) > verdict.threshold).all()
