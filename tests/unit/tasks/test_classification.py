from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.classification import ClassificationDecoder, decode_classification, top_accuracy

IMAGE = np.full((60, 90, 3), 120, dtype=np.uint8)


def decode(values, **settings):
    return decode_classification({"out": np.asarray(values)}, ClassificationDecoder("out", **settings), IMAGE, "a.jpg")


def test_softmax_names_the_highest():
    result = decode(np.log([[1.0, 2.0, 5.0]]), labels=("cat", "dog", "owl"))
    assert result.scores == pytest.approx([0.125, 0.25, 0.625])
    assert result.scores.dtype == np.float32
    assert (result.index, result.label) == (2, "owl")
    assert result.score == pytest.approx(0.625)
    assert [found.label for found in result.top(2)] == ["owl", "dog"]
    assert (result.width, result.height) == (90, 60)


@given(arrays(np.float32, st.integers(1, 30), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_softmax_of_any_numbers(values):
    scores = decode(values[None]).scores
    assert np.isfinite(scores).all()
    assert scores.sum() == pytest.approx(1, abs=1e-3)
    assert scores[values.argmax()] == scores.max()


def test_sigmoid_does_not_overflow():
    assert decode([[-1000.0, 0.0, 1000.0]], activation="sigmoid").scores.tolist() == [0.0, 0.5, 1.0]


def test_quantised_scores_with_background():
    values = np.array([[[[255, 64, 128, 0]]]], dtype=np.uint8)
    result = decode(values, activation="none", scale=1 / 256, background=1, labels=("cat", "dog", "owl"))
    assert result.scores.tolist() == [0.25, 0.5, 0.0]
    assert result.label == "dog"
    signed = decode(np.array([[-128, 127]], dtype=np.int8), activation="none", scale=1 / 256, zero_point=-128)
    assert signed.scores.tolist() == [0.0, 255 / 256]


def test_ties_go_to_the_lower_index():
    result = decode([[1.0, 3.0, 3.0, 0.0]], activation="none")
    assert [found.index for found in result.top(10)] == [1, 2, 0, 3]
    assert result.label == "class 1"


def test_to_dict_is_json():
    plain = json.loads(json.dumps(decode([[1.0, 2.0]], labels=("a", "b")).to_dict()))
    assert {key: plain[key] for key in ("path", "task", "width", "height")} == {
        "path": "a.jpg",
        "task": "classification",
        "width": 90,
        "height": 60,
    }
    assert set(plain) == {"path", "task", "width", "height", "labels"}
    assert [(found["label"], found["class_id"]) for found in plain["labels"]] == [("b", 1), ("a", 0)]
    assert plain["labels"][0]["score"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert len(decode(np.arange(9.0)[None]).to_dict()["labels"]) == 5


def test_draw():
    picture = decode([[1.0, 2.0]], labels=("a", "b")).draw(scale=2)
    assert picture.size == (180, 120)
    assert (np.asarray(picture) != 120).any()


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([[1.0, np.nan]], {}, "not finite"),
        (np.zeros((1, 0)), {}, "empty"),
        ([[1.0, 2.0]], {"labels": ("a",)}, "2 classes.*expected 1"),
        ([[1.0]], {"background": 1}, "expected at least 1"),
    ],
)
def test_outputs_that_do_not_fit(values, settings, message):
    with pytest.raises(EngineError, match=message):
        decode(values, **settings)


def test_a_missing_output_names_those_that_are_there():
    with pytest.raises(EngineError, match=r"no output 'out' \(it has: other\)"):
        decode_classification({"other": np.zeros((1, 2))}, ClassificationDecoder("out"), IMAGE)


@pytest.mark.parametrize("settings", [{"activation": "relu"}, {"scale": 0}, {"scale": np.inf}, {"background": -1}])
def test_settings_are_checked(settings):
    with pytest.raises(OptionError):
        ClassificationDecoder("out", **settings)


def test_count_is_checked():
    with pytest.raises(OptionError):
        decode([[1.0]]).top(0)


def test_top_accuracy_by_hand():
    scores = [[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.0, 0.0, 0.0]]
    #   truth 1: rank 1     truth 2: rank 3     truth 1: tie, rank 2     truth 0: tie, rank 1
    found = top_accuracy(scores, [1, 2, 1, 0], tops=(1, 2, 3))
    assert found.pictures == 4
    assert found.accuracy == {1: 0.5, 2: 0.75, 3: 1.0}


def test_top_accuracy_of_nothing():
    assert top_accuracy(np.zeros((0, 3)), []).accuracy == {1: None, 5: None}


@given(st.integers(1, 20), st.integers(2, 8), st.integers(0, 99))
def test_top_accuracy_is_what_results_say(count, classes, seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 4, (count, classes)).astype(np.float32), rng.integers(0, classes, count)
    tops = [[found.index for found in decode(row[None], activation="none").top(2)] for row in scores]
    found = top_accuracy(scores, truth, tops=(1, 2)).accuracy
    assert found[1] == pytest.approx(np.mean([top[0] == true for top, true in zip(tops, truth, strict=True)]))
    assert found[2] == pytest.approx(np.mean([true in top for top, true in zip(tops, truth, strict=True)]))


@pytest.mark.parametrize(
    ("scores", "truth"), [([[1, 2]], [2]), ([[1, 2]], [0, 1]), ([1, 2], [0, 1]), ([[np.nan, 2]], [0]), ([[1, 2]], [-1])]
)
def test_top_accuracy_checks(scores, truth):
    with pytest.raises(OptionError):
        top_accuracy(scores, truth)
