from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.anomaly.decode import AnomalyDecoder, decode_outputs
from belvedere.vision.colors import palette

IMAGE = np.zeros((20, 30, 3), dtype=np.uint8)
PLAIN = AnomalyDecoder(threshold=0.6, pixel_threshold=0.4)
TYPED = AnomalyDecoder(types=("scratch", "stain"))


def outputs(**changes):
    values = {
        "score": np.array([0.75], np.float32),
        "heatmap": np.full((1, 4, 6), 0.2, np.float32),
        "types": np.zeros((1, 3, 4, 6), np.float32),
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


def test_result_carries_what_the_network_said():
    heat = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 4, 6)
    result = decode_outputs(outputs(heatmap=heat), PLAIN, IMAGE, "a.jpg")
    assert result.score == 0.75
    assert isinstance(result.score, float)
    assert (result.width, result.height, result.path) == (30, 20, "a.jpg")
    assert (result.threshold, result.pixel_threshold) == (0.6, 0.4)
    assert np.array_equal(result.grid, heat[0])
    assert result.type_grid is None
    assert result.is_anomalous


def test_only_the_first_picture_of_a_batch_is_read_and_copied():
    batch = outputs(
        score=np.array([0.1, 0.9], np.float32), heatmap=np.stack([np.zeros((4, 6)), np.ones((4, 6))]).astype(np.float32)
    )
    result = decode_outputs(batch, PLAIN, IMAGE)
    batch["heatmap"][:] = 0.5  # an engine that uses its memory again
    assert result.score == pytest.approx(0.1)
    assert not result.grid.any()


@given(arrays(np.float32, (3, 4, 6), elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 7.0])))
def test_types_are_the_highest_channel_the_first_among_equals(channels):
    result = decode_outputs(outputs(types=channels[None]), TYPED, IMAGE)
    assert np.array_equal(result.type_grid, channels.argmax(axis=0))
    assert result.type_grid.dtype == np.uint8
    assert result.types == ("scratch", "stain")
    assert result.colors == palette(2)


def test_rounding_beyond_the_range_is_clipped():
    heat = np.array([[[-0.0005, 1.0005]]], np.float32)
    result = decode_outputs(outputs(score=np.array([1.0004], np.float32), heatmap=heat), PLAIN, IMAGE)
    assert result.score == 1.0
    assert result.grid.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["score", "heatmap", "types"])
def test_values_that_are_not_finite(name, bad):
    values = outputs()
    values[name].flat[values[name].size - 1] = bad
    with pytest.raises(EngineError, match=f"'{name}'.*not finite"):
        decode_outputs(values, TYPED, IMAGE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": None}, "no output 'score' .*heatmap, types"),
        ({"heatmap": None}, "no output 'heatmap'"),
        ({"types": None}, "no output 'types'"),
        ({"score": np.float32(0.5)}, "'score' has shape"),
        ({"score": np.zeros((1, 1), np.float32)}, "'score' has shape"),
        ({"score": np.zeros(0, np.float32)}, "'score' has shape"),
        ({"heatmap": np.zeros((4, 6), np.float32)}, "'heatmap' has shape"),
        ({"heatmap": np.zeros((1, 0, 6), np.float32)}, "'heatmap' has shape"),
        ({"types": np.zeros((1, 2, 4, 6), np.float32)}, r"'types' has shape \(2, 4, 6\).*\(3, 4, 6\)"),
        ({"types": np.zeros((1, 3, 4, 5), np.float32)}, "'types' has shape"),
        ({"score": np.array([1.2], np.float32)}, "'score'.*1.2.*expected 0 to 1"),
        ({"heatmap": np.full((1, 4, 6), -3, np.float32)}, "'heatmap'.*-3"),
    ],
)
def test_outputs_that_do_not_fit(changes, message):
    with pytest.raises(EngineError, match=message):
        decode_outputs(outputs(**changes), TYPED, IMAGE)


def test_types_without_names_are_ignored():
    assert decode_outputs(outputs(), PLAIN, IMAGE).types == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threshold": float("nan")}, "threshold"),
        ({"pixel_threshold": float("inf")}, "pixel_threshold"),
        ({"types": ("a", "a")}, "different"),
        ({"types": ("a", "")}, "different"),
        ({"types": tuple(map(str, range(255)))}, "254"),
        ({"types": ("a",), "colors": ("#000000", "#FFFFFF")}, "2 colours for 1"),
        ({"types": ("a",), "colors": ("green",)}, "#RRGGBB"),
    ],
)
def test_decoder_fields_are_checked(fields, message):
    with pytest.raises(OptionError, match=message):
        AnomalyDecoder(**fields)
