from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly import metrics
from belvedere.tasks.anomaly.intervals import Interval, bootstrap_intervals, wilson


def draw(seed, normal=40, anomalous=25, gap=1.0):
    generator = np.random.default_rng(seed)
    scores = np.concatenate([generator.normal(0, 1, normal), generator.normal(gap, 1, anomalous)])
    return np.round(scores, 1), np.arange(normal + anomalous) >= normal


def test_intervals_agree_with_a_plain_bootstrap():
    scores, labels = draw(1)
    found = bootstrap_intervals(scores, labels, 0.5, resamples=3000, seed=3)
    generator = np.random.default_rng(99)
    drawn = {name: [] for name in found}
    for _ in range(1500):
        chosen = np.concatenate(
            [generator.choice(np.flatnonzero(labels == label), np.sum(labels == label)) for label in (0, 1)]
        )
        counts = metrics.confusion(scores[chosen], labels[chosen], 0.5)
        drawn["auroc"].append(metrics.auroc(scores[chosen], labels[chosen]))
        drawn["average_precision"].append(metrics.average_precision(scores[chosen], labels[chosen]))
        for name in ("f1", "precision", "recall"):
            drawn[name].append(getattr(counts, name))
    for name, values in drawn.items():
        low, high = np.percentile(values, [2.5, 97.5])
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=0.03), name


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = 0.7602  # chance that N(1, 1) exceeds N(0, 1)
    covered = 0
    for seed in range(100):
        interval = bootstrap_intervals(*draw(seed), 0.5, resamples=200, seed=seed)["auroc"]
        covered += interval.low <= truth <= interval.high
    assert 86 <= covered <= 100


def test_the_seed_decides_and_blocks_change_little(monkeypatch):
    scores, labels = draw(2)
    once = bootstrap_intervals(scores, labels, 0.5, resamples=100, seed=5)
    assert bootstrap_intervals(scores, labels, 0.5, resamples=100, seed=5) == once
    assert bootstrap_intervals(scores, labels, 0.5, resamples=100, seed=6) != once
    monkeypatch.setattr("belvedere.tasks.anomaly.intervals._CELLS", 300)  # a few resamples at a time
    blocked = bootstrap_intervals(scores, labels, 0.5, resamples=100, seed=5)
    assert blocked["auroc"].low == pytest.approx(once["auroc"].low, abs=0.06)


def test_undefined_things_have_no_interval():
    assert bootstrap_intervals([0.1, 0.2], [False, False], 0.5) == {}
    assert bootstrap_intervals([0.1, 0.2], [False, True], 0.5, resamples=0) == {}
    nothing_flagged = bootstrap_intervals([0.1, 0.2], [False, True], 0.5, resamples=50)
    assert "precision" not in nothing_flagged
    assert nothing_flagged["recall"] == Interval(0.0, 0.0)


@pytest.mark.parametrize(("level", "resamples"), [(0.0, 10), (1.0, 10), (0.95, -1)])
def test_bad_options_are_refused(level, resamples):
    with pytest.raises(OptionError, match="level"):
        bootstrap_intervals([0.1, 0.2], [False, True], 0.5, resamples=resamples, level=level)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_matches_published_values(successes, trials, low, high):
    found = wilson(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_wilson_of_nothing_is_none():
    assert wilson(0, 0) is None
