from __future__ import annotations

import numpy as np

from belvedere.evaluation.resampling import bootstrap, mean_of


def test_the_interval_of_a_mean_is_that_of_statistics():
    values = np.arange(100) % 2 == 0
    mean = mean_of(values.astype(float))
    found = bootstrap(100, lambda weights: {"rate": mean(weights)}, resamples=4000, seed=1)["rate"]
    # The binomial's standard error is 0.05.
    assert abs(found.low - 0.40) < 0.015
    assert abs(found.high - 0.60) < 0.015


def test_weights_are_whole_drawings_in_blocks():
    seen = []

    def statistic(weights):
        seen.append(weights)
        return {"one": weights[:, 0].astype(float)}

    bootstrap(5, statistic, resamples=7, seed=0, width=2_000_000)
    assert [len(weights) for weights in seen] == [2, 2, 2, 1]
    assert (np.concatenate(seen).sum(axis=1) == 5).all()


def test_the_same_seed_gives_the_same():
    statistic = mean_of(np.linspace(0, 1, 30))
    runs = [bootstrap(30, lambda w: {"m": statistic(w)}, resamples=200, seed=seed)["m"] for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_what_resampling_cannot_change_has_no_interval():
    always = mean_of(np.ones(20))
    assert bootstrap(20, lambda weights: {"m": always(weights)}, resamples=50, seed=0) == {}
    assert bootstrap(1, lambda weights: {"m": always(weights)}, resamples=50, seed=0) == {}
    assert bootstrap(20, lambda weights: {"m": always(weights)}, resamples=0, seed=0) == {}


def test_drawings_without_a_figure_do_not_count():
    values = np.array([0.0, 1.0, np.nan, np.nan])
    mean = mean_of(values)
    weights = np.array([[0, 0, 2, 2], [1, 3, 0, 0]])
    assert np.array_equal(mean(weights), [np.nan, 0.75], equal_nan=True)
