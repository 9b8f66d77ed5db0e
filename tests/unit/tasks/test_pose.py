from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.pose import (
    COCO_KEYPOINTS,
    COCO_SIGMAS,
    PoseDecoder,
    decode_pose,
    keypoint_similarity,
    percentage_of_correct_keypoints,
)
from belvedere.tasks.pose.decode import read_heatmaps
from belvedere.vision.preprocess import Preprocess

IMAGE = np.full((120, 90, 3), 120, dtype=np.uint8)


def decode(values, form, preprocess, **settings):
    place = preprocess.placement(IMAGE.shape[1], IMAGE.shape[0])
    outputs = {"out": np.asarray(values, np.float32)}
    return decode_pose(outputs, PoseDecoder("out", form, **settings), place, IMAGE, "a.jpg")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=17, max_size=17), st.integers(1, 3))
def test_movenet_points_come_back_from_the_padded_square(shares, people):
    preprocess = Preprocess(192, 192, mode="letterbox")
    points = np.array(shares) * (90, 120)
    inside = preprocess.placement(90, 120).points_to_input(points) / 192
    rows = np.concatenate([inside[:, ::-1], np.full((17, 1), 0.8)], axis=1)
    result = decode(np.tile(rows, (1, people, 1, 1)), "movenet", preprocess)
    assert len(result) == people
    assert result.keypoints_xy == pytest.approx(np.tile(points, (people, 1, 1)), abs=1e-2)
    assert result.keypoint_scores == pytest.approx(np.full((people, 17), 0.8))


def naive_simple_pose(heatmap):
    """SimplePose's decoding of one map as its paper's code and GluonCV's heatmap_to_coord write it."""
    height, width = heatmap.shape
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    coords = np.array([x, y], float)
    px, py = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    if 1 < px < width - 1 and 1 < py < height - 1:
        diff = [heatmap[py][px + 1] - heatmap[py][px - 1], heatmap[py + 1][px] - heatmap[py - 1][px]]
        coords += np.sign(diff) * 0.25
    return coords, heatmap.max()


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 999))
def test_heatmaps_are_read_as_simple_pose_does(height, width, seed):
    maps = np.random.default_rng(seed).integers(0, 5, (6, height, width)).astype(np.float32)
    points, scores = read_heatmaps(maps)
    for number, heatmap in enumerate(maps):
        place, score = naive_simple_pose(heatmap)
        assert points[number].tolist() == place.tolist()
        assert scores[number] == score


def test_heatmaps_are_scaled_to_the_picture():
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[0, :, 32, 24] = 0.9
    maps[0, 3, 32, 25] = 0.5  # to the right of the peak
    result = decode(maps, "heatmaps", Preprocess(192, 256))
    assert result.keypoints_xy[0, 0].tolist() == pytest.approx([24 * 90 / 48, 32 * 120 / 64])
    assert result.keypoints_xy[0, 3].tolist() == pytest.approx([24.25 * 90 / 48, 32 * 120 / 64])
    assert result.scores == pytest.approx([0.9])


def test_results_name_draw_and_print():
    rows = np.zeros((1, 1, 17, 3))
    rows[0, 0] = [0.5, 0.5, 0.1]
    rows[0, 0, :3] = [[0.25, 0.25, 0.9], [0.5, 0.75, 0.7], [0.75, 0.5, 0.8]]
    result = decode(rows, "movenet", Preprocess(192, 192))
    assert result.scores == pytest.approx([0.8])
    person = result.people[0]
    assert (person[0].name, person[0].score) == ("nose", pytest.approx(0.9))
    assert person[1].xy == pytest.approx((67.5, 60))
    plain = json.loads(json.dumps(result.to_dict()))
    assert (plain["path"], plain["task"], plain["width"], plain["height"]) == ("a.jpg", "pose", 90, 120)
    (row,) = plain["detections"]
    assert set(row) == {"label", "class_id", "score", "box", "keypoints"}
    assert (row["label"], row["class_id"], row["score"]) == ("person", 0, pytest.approx(0.8))
    assert row["box"] == pytest.approx([22.5, 30, 67.5, 90])  # around the three joints that count
    assert [point["name"] for point in row["keypoints"]] == list(COCO_KEYPOINTS)
    assert [point["visible"] for point in row["keypoints"]] == [True] * 3 + [False] * 14
    assert (row["keypoints"][1]["x"], row["keypoints"][1]["y"]) == (pytest.approx(67.5), pytest.approx(60))
    pixels = np.asarray(result.draw())
    assert (pixels[30, 22] != 120).any()
    assert np.all(pixels[60, 45] == 120)  # joints below the threshold are not drawn, nor are their bones
    assert result.draw(scale=2).size == (180, 240)


def test_a_person_without_a_clear_joint_scores_nothing():
    assert decode(np.full((1, 1, 17, 3), 0.1), "movenet", Preprocess(8, 8)).scores.tolist() == [0]


def test_joints_of_ones_own():
    maps = np.zeros((1, 2, 4, 4), np.float32)
    result = decode(maps, "heatmaps", Preprocess(16, 16), names=("tip", "tail"), skeleton=((0, 1),))
    assert [point.name for point in result.people[0]] == ["tip", "tail"]


@pytest.mark.parametrize(
    ("values", "form", "message"),
    [
        (np.zeros((1, 1, 16, 3)), "movenet", r"expected \(1, n, 17, 3\)"),
        (np.zeros((1, 17, 3)), "movenet", "expected"),
        (np.zeros((1, 16, 8, 8)), "heatmaps", r"expected \(1, 17, h, w\)"),
        (np.full((1, 17, 8, 8), np.nan), "heatmaps", "not finite"),
    ],
)
def test_outputs_that_do_not_fit(values, form, message):
    with pytest.raises(EngineError, match=message):
        decode(values, form, Preprocess(32, 32))


@pytest.mark.parametrize("settings", [{"form": "openpose"}, {"names": ()}, {"skeleton": ((0, 17),)}])
def test_settings_are_checked(settings):
    with pytest.raises(OptionError):
        PoseDecoder(**{"output": "out", "form": "heatmaps", **settings})


def test_similarity_by_hand():
    true, found = np.zeros((2, 2)), np.array([[3.0, 4.0], [0.0, 0.0]])
    # d = 5, area 100, k = 0.5: exp(-25 / (2 * 100 * 0.25)) = exp(-0.5)
    assert keypoint_similarity(found, true, [2, 1], 100, sigmas=(0.25, 0.25)) == pytest.approx((np.exp(-0.5) + 1) / 2)
    assert keypoint_similarity(found, true, [0, 1], 100, sigmas=(0.25, 0.25)) == pytest.approx(1)
    assert keypoint_similarity(found, true, [0, 0], 100, sigmas=(0.25, 0.25)) is None
    assert len(COCO_SIGMAS) == len(COCO_KEYPOINTS) == 17


def test_correct_keypoints_by_hand():
    true, found = np.zeros((4, 2)), np.array([[3.0, 4.0], [6.0, 8.0], [0, 0], [100, 0]])
    assert percentage_of_correct_keypoints(found, true, [1, 1, 1, 0], 10, share=0.5) == pytest.approx(2 / 3)
    assert percentage_of_correct_keypoints(found, true, [0, 0, 0, 0], 10) is None


def test_metrics_check_their_arguments():
    with pytest.raises(OptionError):
        keypoint_similarity(np.zeros((17, 2)), np.zeros((17, 2)), np.ones(17), 0)
    with pytest.raises(OptionError):
        keypoint_similarity(np.zeros((5, 2)), np.zeros((5, 2)), np.ones(5), 10)
    with pytest.raises(OptionError):
        percentage_of_correct_keypoints(np.zeros((5, 2)), np.zeros((4, 2)), np.ones(5), 10)
    with pytest.raises(OptionError):
        percentage_of_correct_keypoints(np.zeros((5, 2)), np.zeros((5, 2)), np.ones(5), 0)
