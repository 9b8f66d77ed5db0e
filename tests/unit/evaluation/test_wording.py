from __future__ import annotations

import pytest

from belvedere.evaluation import evaluate
from belvedere.evaluation.wording import cautions, percent, verdict


def scored(good, defective):
    return [
        *((f"n{index}", "normal", score) for index, score in enumerate(good)),
        *((f"a{index}", "anomaly", score) for index, score in enumerate(defective)),
    ]


@pytest.mark.parametrize(
    ("good", "defective", "sentence"),
    [
        ([0.1, 0.9], [0.9, 0.2, 0.8], "The model found 2 of 3 defective parts and stopped 1 of 2 good ones."),
        ([0.1, 0.2], [0.9, 0.8], "The model found all 2 defective parts and stopped none of 2 good ones."),
        ([0.9, 0.8], [0.1, 0.2], "The model found none of 2 defective parts and stopped all 2 good ones."),
        ([0.1], [0.9], "The model found the one defective part and let the one good part pass."),
        ([0.9], [0.1], "The model missed the one defective part and stopped the one good part."),
        ([0.9, 0.1], [], "The model stopped 1 of 2 good parts; there were no defective ones to find."),
        (
            [],
            [0.9, 0.1],
            "The model found 1 of 2 defective parts; there were no good ones that it could have stopped.",
        ),
    ],
)
def test_the_verdict_in_one_sentence(build, good, defective, sentence):
    dataset, model = build(scored(good, defective))
    assert verdict(evaluate(model, dataset, bootstrap=0, gallery=0)) == sentence


def test_cautions_name_what_is_thin(build):
    dataset, model = build([*scored([0.1], []), ("u", None, 0.3)])
    notes = " ".join(cautions(evaluate(model, dataset, bootstrap=0, gallery=0)))
    assert "All pictures are of good parts" in notes
    assert "1 good picture." in notes
    assert "1 picture has no label" in notes


def test_enough_of_both_needs_no_caution(build):
    dataset, model = build(scored([0.1] * 20, [0.9] * 20))
    assert cautions(evaluate(model, dataset, bootstrap=0, gallery=0)) == []


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (2 / 3, "66.7 %"),
        (0.9999, "99.9 %"),
        (0.0001, "0.1 %"),
    ],
)
def test_percentages_never_round_a_mistake_away(share, shown):
    assert percent(share) == shown
