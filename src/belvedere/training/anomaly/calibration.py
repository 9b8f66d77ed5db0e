"""From held-out scores to a calibrated score, a threshold, and a heatmap scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.anomaly.metrics import f1_threshold
from belvedere.training.anomaly.conformal import NormalLimit, normal_limit
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.learners import Example, HeldOut
from belvedere.training.anomaly.pixel import defective_cells
from belvedere.training.anomaly.stacking import Stack, fit_stack, sigmoid, stacked
from belvedere.training.anomaly.thinning import thinned

DEFAULT_RATE = 0.1
PIXEL_THRESHOLD = 0.5
_MEDIAN_SCORE, _MEDIAN_HEAT = 0.1, 0.03
_RESAMPLES = 201
_THINNER = 0.02
"""Share by which a thinned map must fit the masks better to be preferred."""

Groups = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Verdict:
    """How scores become a verdict.

    Attributes:
        names: Learners that count, as many as ``stack.weights``.
        stack: Weighs them into log-odds of the calibrated score.
        threshold: Calibrated score from which a picture is anomalous.
        rule: ``f1`` or ``false_alarms``.
        floors: The least score of each learner that counts: the lowest of a held-out normal picture. A head that was
            trained on a few defects may call a picture unlike any of them more normal than all normal ones, and would
            outvote the memory.
        limit: What normal pictures promise, where the rule is ``false_alarms``.
    """

    names: tuple[str, ...]
    stack: Stack
    threshold: float
    rule: str
    floors: tuple[float, ...]
    limit: NormalLimit | None = None


def verdict_from_labels(
    held: HeldOut, anomalous: NDArray[np.bool_], groups: Groups, rate: float | None
) -> tuple[Verdict, NDArray[np.float64]]:
    """Combine the learners on labelled pictures; threshold by F1, or by a false-alarm rate where one is asked for.

    ``groups`` are the indices of the normal pictures, those that are nearly the same together.

    Returns:
        The verdict, and the held-out log-odds per picture.
    """
    names = tuple(held.scores)
    matrix = np.stack([held.scores[name] for name in names], axis=1)
    lowest = matrix[~anomalous].min(axis=0)
    matrix = np.maximum(matrix, lowest)
    stack = fit_stack(matrix, anomalous)
    logits = stacked(stack, matrix)
    kept = [index for index, weight in enumerate(stack.weights) if weight > 0]
    stack = Stack(tuple(stack.weights[index] for index in kept), stack.bias)
    names = tuple(names[index] for index in kept)
    floors = tuple(float(lowest[index]) for index in kept)
    if rate is not None:
        limit = normal_limit(_highest(logits, groups), rate)
        return Verdict(names, stack, _probability(limit.limit), "false_alarms", floors, limit), logits
    return Verdict(names, stack, _probability(_steady_cut(logits, anomalous)), "f1", floors), logits


def verdict_from_normals(held: HeldOut, groups: Groups, rate: float | None) -> Verdict:
    """The memory alone; its score is scaled so that the limit lies at 0.5 and the median normal picture at 0.1."""
    values = _highest(held.scores["memory"], groups)
    limit = normal_limit(values, rate or DEFAULT_RATE)
    stack = _scaled(limit.limit, float(np.median(values)), _MEDIAN_SCORE)
    return Verdict(("memory",), stack, 0.5, "false_alarms", (0.0,), limit)


def heat_from_normals(held: HeldOut, groups: Groups, rate: float | None) -> Stack:
    """Heat 0.5 at the distance that the farthest cell of a normal picture exceeds at the false-alarm rate."""
    chosen = [np.concatenate([held.distances[index] for index in group]) for group in groups]
    limit = normal_limit(np.array([float(d.max()) for d in chosen]), rate or DEFAULT_RATE)
    median = float(np.median(np.concatenate(chosen)))
    return _scaled(limit.limit, median, _MEDIAN_HEAT)


def heat_from_masks(held: HeldOut, examples: Sequence[Example], geometry: Geometry) -> tuple[Stack, bool] | None:
    """Weigh patch distance and pixel head so that heat 0.5 gives the best F1 over cells; None without masks.

    Cells that a mask covers in part are left out. The map is thinned where that fits the masks better, by the F1 that
    counts every cell by the share of it that its mask covers.

    Returns:
        The weights, and whether the map is thinned.
    """
    rows, covers = [], []
    for index, example in enumerate(examples):
        logits = held.logits[index]
        if logits is None or (example.anomalous and example.cover is None):
            continue
        none = np.zeros(len(example.cells), np.float32)
        covers.append(none if example.cover is None else example.cover.max(axis=0))
        rows.append(np.stack([held.distances[index], logits.max(axis=1)], axis=1).astype(np.float64))
    if not covers or not any(cover.any() for cover in covers):
        return None
    cover = np.concatenate(covers)
    marked = np.concatenate([defective_cells(each) for each in covers])
    certain = marked | (cover == 0)
    stack = fit_stack(np.concatenate(rows)[certain], marked[certain])
    plain = [stacked(stack, each) for each in rows]
    thin = [thinned(each, geometry) for each in plain]
    better = _fit(np.concatenate(thin), cover) > (1 + _THINNER) * _fit(np.concatenate(plain), cover)
    heat = np.concatenate(thin if better else plain)
    cut = f1_threshold(heat[certain], marked[certain])
    return replace(stack, bias=stack.bias - (cut or 0.0)), better


def _fit(heat: NDArray[np.float64], cover: NDArray[np.float32]) -> float:
    """How well cells (n,) fit the shares of them that masks cover (n,): the best F1 over all cuts, by area."""
    order = np.argsort(-heat, kind="stable")
    found = np.cumsum(cover[order], dtype=np.float64)
    return float((2 * found / (np.arange(1, len(order) + 1) + found[-1])).max())


def _highest(values: NDArray[np.float64], groups: Groups) -> NDArray[np.float64]:
    """The highest value of each group: a promise about new pictures counts independent ones."""
    return np.array([values[list(group)].max() for group in groups])


def _steady_cut(logits: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
    """The threshold of the best F1, bagged: the median over resamples, since one picture moves a single one far."""
    rng = np.random.default_rng(0)
    positive, negative = logits[anomalous], logits[~anomalous]
    labels = np.repeat([True, False], [len(positive), len(negative)])
    cuts = []
    for _ in range(_RESAMPLES):
        drawn = [rng.choice(part, len(part)) for part in (positive, negative)]
        cut = f1_threshold(np.concatenate(drawn), labels)
        assert cut is not None
        cuts.append(cut)
    return float(np.median(cuts))


def _scaled(limit: float, median: float, median_value: float) -> Stack:
    """A scale that puts ``limit`` at 0.5 and ``median`` at ``median_value``."""
    spread = max(limit - median, 0.3 * abs(limit), 1e-6)
    weight = float(-np.log(median_value / (1 - median_value)) / spread)
    return Stack((weight,), -weight * limit)


def _probability(logit: float) -> float:
    return float(sigmoid(np.array([logit]))[0])
