from __future__ import annotations

import pytest

from belvedere.data.seen import seen_report
from belvedere.evaluation import evaluate
from belvedere.evaluation.page import render_page
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


def test_pictures_of_the_training_are_told(build):
    dataset, model = build(scored([0.1, 0.2], [0.9, 0.8]))
    hashes = [record.content_hash() for record in dataset]
    judge = lambda: evaluate(model, dataset, bootstrap=0, gallery=0)  # noqa: E731
    assert judge().counts.trained_on is None
    model.reports["pictures.json"] = seen_report(["0" * 64])
    assert judge().counts.trained_on == 0
    assert not any("train" in note for note in cautions(judge()))
    model.reports["pictures.json"] = seen_report([*hashes[:3], "0" * 64])
    assert judge().to_dict()["counts"]["trained_on"] == 3
    assert "3 of the 4 pictures were used to train the model" in cautions(judge())[0]
    model.reports["pictures.json"] = seen_report(hashes)
    assert "All of these pictures were used to train the model" in render_page(judge())
    for damaged in (b"", b"[]", b'{"sha256_starts": 3}', b"[" * 100_000):
        model.reports["pictures.json"] = damaged
        assert judge().counts.trained_on is None
