"""Learners together: which there are, folds, and that held-out scores are held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.training.anomaly.learners import Example, fit_learners, held_out, make_folds, scores, settled
from helpers.features import cells_of, example_of

CELLS = 16


def examples_of(normal: int, anomalous: int, masks: bool = False, seed: int = 0) -> list[Example]:
    rng = np.random.default_rng(seed)
    made = [example_of(cells_of(rng, CELLS)) for _ in range(normal)]
    for _ in range(anomalous):
        cells, cover = cells_of(rng, CELLS), np.zeros((1, CELLS), np.float32)
        cells[2:5, 0] += 6
        cover[0, 2:5] = 1
        made.append(example_of(cells, cover if masks else None, anomalous=True))
    return made


@pytest.mark.parametrize(
    ("normal", "anomalous", "masks", "names"),
    [
        (3, 0, False, ("memory",)),
        (6, 4, False, ("memory", "picture")),
        (6, 4, True, ("memory", "picture", "pixel")),
        (6, 1, False, ("memory",)),
        (1, 4, False, ("memory",)),
    ],
)
def test_which_learners_there_are(normal: int, anomalous: int, masks: bool, names: tuple[str, ...]) -> None:
    learners = fit_learners(examples_of(normal, anomalous, masks), int(masks), 0)
    assert learners.names == names
    assert tuple(scores(learners, examples_of(1, 0)[0].cells, 2)) == names


def test_anomalous_pictures_stay_out_of_the_memory() -> None:
    plain, labelled = fit_learners(examples_of(5, 0), 0, 0), fit_learners(examples_of(5, 6), 0, 0)
    assert np.array_equal(plain.memory.vectors, labelled.memory.vectors)


def test_held_out_scores_come_from_learners_that_did_not_see_the_picture() -> None:
    """An odd normal picture is far from all others; a memory that had seen it would call it near."""
    examples = examples_of(8, 0)
    odd = example_of(examples[3].cells + np.float16(8))
    examples[3] = odd
    held = held_out(examples, make_folds(examples, 4, 0), 0, 2, 0)
    assert held.scores["memory"].argmax() == 3
    seen = scores(fit_learners(examples, 0, 0), odd.cells, 2)["memory"]
    assert held.scores["memory"][3] > 10 * seen


def test_each_fold_is_scored_by_the_others() -> None:
    examples = examples_of(7, 5, masks=True)
    folds = make_folds(examples, 3, 0)
    steps: list[int] = []
    held = held_out(examples, folds, 1, 2, 0, lambda: steps.append(1))
    assert held.folds == len(steps) == 3
    for fold in folds:
        learners = fit_learners([e for i, e in enumerate(examples) if i not in fold], 1, 0)
        for index in fold:
            for name, value in scores(learners, examples[index].cells, 2).items():
                assert held.scores[name][index] == value
    assert all(len(distances) == CELLS for distances in held.distances)
    assert all(logits is not None and logits.shape == (CELLS, 1) for logits in held.logits)


def test_a_learner_that_a_fold_cannot_fit_is_left_out() -> None:
    examples = examples_of(6, 2, masks=True)
    folds = [np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([6, 7])]
    held = held_out(examples, folds, 1, 2, 0)
    assert set(held.scores) == {"memory"}
    assert held.logits[6] is None
    assert held.logits[0] is not None


@given(normal=st.integers(1, 30), anomalous=st.integers(0, 20), most=st.integers(1, 12), seed=st.integers(0, 99))
def test_folds(normal: int, anomalous: int, most: int, seed: int) -> None:
    """Every picture once; folds differ by one picture at most, also in each sort of picture."""
    blank = np.zeros((1, 1), np.float16)
    examples = [example_of(blank) for _ in range(normal)]
    examples += [example_of(blank, anomalous=True) for _ in range(anomalous)]
    folds = make_folds(examples, most, seed)
    assert sorted(np.concatenate(folds).tolist()) == list(range(normal + anomalous))
    assert len(folds) == min(most, normal + anomalous)
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    anomalies = [int((fold >= normal).sum()) for fold in folds]
    assert max(anomalies) - min(anomalies) <= 1


def test_folds_follow_the_seed() -> None:
    examples = examples_of(20, 0)
    shown = [[fold.tolist() for fold in make_folds(examples, 5, seed)] for seed in (1, 1, 2)]
    assert shown[0] == shown[1] != shown[2]


def test_pictures_that_are_nearly_the_same_are_held_out_together() -> None:
    examples = [replace(example, group=f"g{index // 3}") for index, example in enumerate(examples_of(9, 0))]
    folds = make_folds(examples, 10, 0)
    assert sorted(fold.tolist() for fold in folds) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_pictures_that_are_all_nearly_the_same_are_held_out_one_by_one() -> None:
    examples = [replace(example, group="g") for example in examples_of(4, 0)]
    assert sorted(fold.tolist() for fold in make_folds(examples, 10, 0)) == [[0], [1], [2], [3]]


def test_settled_scores_are_those_of_the_final_memory() -> None:
    """Exactly for anomalous pictures, which it does not hold; by their median ratio for normal ones."""
    examples = examples_of(8, 6)
    learners = fit_learners(examples, 0, 0)
    held = held_out(examples, make_folds(examples, 5, 0), 0, 2, 0)
    found = settled(held, learners, examples, 2)
    for index in range(8, 14):
        assert found.scores["memory"][index] == scores(learners, examples[index].cells, 2)["memory"]
    ratios = found.scores["memory"] / held.scores["memory"]
    assert ratios[:8] == pytest.approx(np.median(ratios[8:]))
    assert found.distances[0] == pytest.approx(held.distances[0] * np.median(ratios[8:]), rel=1e-5)
    assert np.array_equal(found.scores["picture"], held.scores["picture"])
    # Normal pictures must not get the scores of a memory that has seen them.
    assert found.scores["memory"][:8].min() > scores(learners, examples[0].cells, 2)["memory"]


def test_without_anomalous_pictures_nothing_is_settled() -> None:
    examples = examples_of(5, 0)
    held = held_out(examples, make_folds(examples, 5, 0), 0, 2, 0)
    assert settled(held, fit_learners(examples, 0, 0), examples, 2) is held
