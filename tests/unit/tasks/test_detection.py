from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection import DetectionDecoder, DetectionResult, decode_detection
from belvedere.tasks.detection.formats import ROLES, grid_cells
from belvedere.tasks.detection.suppression import box_iou, suppress
from belvedere.vision.placement import Placement
from belvedere.vision.preprocess import Preprocess

IMAGE = np.full((100, 200, 3), 120, dtype=np.uint8)
HALF = Placement(200, 100, 100, 50, 0.5, 0.5)  # the picture at half its size
LABELS = ("cat", "dog", "owl")


def decode(form, arrays, placement=HALF, **settings):
    names = tuple(f"out{i}" for i in range(len(arrays)))
    outputs = {name: np.asarray(array, dtype=np.float32) for name, array in zip(names, arrays, strict=True)}
    decoder = DetectionDecoder(form, names, **{"labels": LABELS, "threshold": 0.3, **settings})
    return decode_detection(outputs, decoder, placement, IMAGE, "a.jpg")


def rows_of(result):
    return [(found.label, round(found.score, 3), tuple(round(v, 2) for v in found.box_xyxy)) for found in result]


def test_gluoncv_boxes_are_pixels_of_the_input():
    ids = [[[1], [2], [-1], [0]]]
    scores = [[[0.9], [0.2], [-1], [0.95]]]
    boxes = [[[10, 5, 50, 25], [0, 0, 9, 9], [-1, -1, -1, -1], [-20, 40, 30, 60]]]
    found = decode("gluoncv", [ids, scores, boxes])
    assert rows_of(found) == [("cat", 0.95, (0, 80, 60, 100)), ("dog", 0.9, (20, 10, 100, 50))]


def test_gluoncv_without_last_axes_as_center_net_writes_them():
    found = decode("gluoncv", [[[1.0]], [[0.9]], [[[10, 5, 50, 25]]]])
    assert rows_of(found) == [("dog", 0.9, (20, 10, 100, 50))]


def test_multibox_rows_are_relative():
    rows = [[[1, 0.9, 0.1, 0.1, 0.5, 0.5], [-1, 0.8, 0, 0, 1, 1], [-1] * 6, [2, 0.1, 0, 0, 1, 1]]]
    assert rows_of(decode("multibox", [rows])) == [("dog", 0.9, (20, 10, 100, 50))]


@pytest.mark.parametrize(("form", "first"), [("ssd", 0), ("tf-detection", 1)])
@pytest.mark.parametrize("counted", [True, False])
def test_post_processed_boxes_begin_with_the_top(form, first, counted):
    boxes = [[[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1], [0, 0, 1, 1]]]
    classes, scores = [[2 + first, 0 + first, first]], [[0.9, 0.5, 0.8]]
    arrays = [boxes, classes, scores, *([[2.0]] if counted else [])]
    expected = [("owl", 0.9, (40, 10, 120, 50)), ("cat", 0.8, (0, 0, 200, 100)), ("cat", 0.5, (0, 0, 200, 100))]
    assert rows_of(decode(form, arrays)) == ([expected[0], expected[2]] if counted else expected)


def test_tf_classes_begin_at_one():
    found = decode("tf-detection", [[[[0, 0, 1, 1]] * 2], [[0, 1]], [[0.9, 0.8]], [2]])
    assert rows_of(found) == [("cat", 0.8, (0, 0, 200, 100))]  # class 0 is background


def test_yolox_grid_by_hand():
    place = Placement(64, 64, 64, 64, 1, 1)
    grid = np.zeros((1, 64 + 16 + 4, 5 + 3))
    # Stride 16 begins after 64 cells; row 2, column 1 of its 4 x 4 cells.
    grid[0, 64 + 2 * 4 + 1] = [0.5, 0.25, np.log(2), np.log(0.5), 0.8, 0.1, 0.9, 0.2]
    # Centre ((1 + 0.5) * 16, (2 + 0.25) * 16), size (2 * 16, 0.5 * 16).
    found = decode("yolox", [grid], place, iou=0.45)
    assert rows_of(found) == [("dog", 0.72, (24 - 16, 36 - 4, 24 + 16, 36 + 4))]


def test_yolo_rows_are_pixels_and_darknet_rows_relative():
    rows = np.array([[[30, 15, 40, 20, 0.8, 0.5, 0.9, 0.1]]])
    assert rows_of(decode("yolo", [rows], iou=0.5)) == [("dog", 0.72, (20, 10, 100, 50))]
    relative = rows[0] / [100, 50, 100, 50, 1, 1, 1, 1]
    halves = [np.repeat(relative, 2, axis=0), relative * [1, 1, 1, 1, 1, 0, 0, 0]]
    assert rows_of(decode("darknet", halves, iou=0.5)) == [("dog", 0.9, (20, 10, 100, 50))]  # objectness is in it


def test_suppression_is_by_class_and_strict():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 6]])
    scores, ids = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([0, 0, 1, 0, 0])
    # IoU 0.5 with the first is not over 0.5; 0.6 is.
    assert suppress(boxes, scores, ids, 0.5, 100).tolist() == [0, 1, 2, 3]
    assert suppress(boxes, scores, ids, 0.49, 100).tolist() == [0, 2, 3]
    assert suppress(boxes, scores, ids, 1.0, 2).tolist() == [0, 1]
    assert suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), 0.5, 10).size == 0


@given(st.integers(0, 40), st.floats(0, 1), st.integers(0, 999))
def test_suppression_is_the_greedy_one(count, iou, seed):
    rng = np.random.default_rng(seed)
    boxes = rng.integers(0, 12, (count, 4)).astype(float)
    boxes[:, 2:] += boxes[:, :2]
    scores, ids = rng.integers(0, 8, count) / 8, rng.integers(0, 3, count)
    kept = []
    for i in sorted(range(count), key=lambda i: -scores[i]):
        if all(ids[i] != ids[j] or box_iou(boxes[[i]], boxes[[j]])[0, 0] <= iou for j in kept):
            kept.append(i)
    assert suppress(boxes, scores, ids, iou, 1000).tolist() == kept
    assert suppress(boxes, scores, ids, iou, 5).tolist() == kept[:5]


def test_iou_by_hand():
    first = np.array([[0, 0, 4, 4], [5, 5, 5, 9]])
    second = np.array([[2, 2, 6, 6], [0, 0, 4, 4], [9, 9, 3, 3]])
    assert box_iou(first, second) == pytest.approx(np.array([[4 / 28, 1, 0], [0, 0, 0]]))


@given(st.integers(8, 200), st.integers(8, 200), st.integers(20, 400), st.integers(20, 400), st.data())
def test_what_the_network_says_comes_back_to_where_it_is(width, height, source_w, source_h, data):
    """A box of the picture, brought into the input as pixels are, decodes to itself in every format."""
    mode = data.draw(st.sampled_from(["stretch", "letterbox"]))
    place = Preprocess(width, height, mode=mode).placement(source_w, source_h)
    box = np.array([[source_w * 0.2, source_h * 0.25, source_w * 0.7, source_h * 0.9]])
    inside = place.boxes_to_input(box)[0]
    x0, y0, x1, y1 = inside / [width, height, width, height]
    center = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
    written = {
        "gluoncv": [[[[1]]], [[[0.9]]], [[inside]]],
        "multibox": [[[[1, 0.9, x0, y0, x1, y1]]]],
        "ssd": [[[[y0, x0, y1, x1]]], [[1]], [[0.9]], [1]],
        "darknet": [[[*center, 0.5, 0, 0.9, 0]]],
        "yolo": [[[[*(center * np.array([width, height] * 2)), 1, 0, 0.9, 0]]]],
    }
    for form, arrays in written.items():
        iou = 0.5 if form in ("darknet", "yolo") else None
        found = decode(form, arrays, place, iou=iou)
        assert len(found) == 1
        assert found.boxes_xyxy == pytest.approx(box, abs=1e-2)
        assert found.detections[0].label == "dog"


def test_most_keeps_the_best():
    scores = np.linspace(0.4, 0.9, 8)
    found = decode("gluoncv", [np.zeros((1, 8, 1)), scores.reshape(1, 8, 1), np.tile([0, 0, 9, 9], (1, 8, 1))], most=3)
    assert found.scores == pytest.approx(scores[::-1][:3])


def test_boxes_beside_the_picture_are_left_out():
    place = Preprocess(100, 100, mode="letterbox", anchor="top-left").placement(200, 100)
    found = decode("gluoncv", [[[[0], [0]]], [[[0.9], [0.8]]], [[[10, 60, 90, 90], [10, 40, 90, 90]]]], place)
    assert rows_of(found) == [("cat", 0.8, (20, 80, 180, 100))]


@pytest.mark.parametrize(
    ("form", "arrays", "message"),
    [
        ("gluoncv", [[[[0]]], [[[0.9], [0.8]]], [[[0, 0, 1, 1]]]], "1 class ids, 2 scores"),
        ("gluoncv", [[[[0]]], [[[np.nan]]], [[[0, 0, 1, 1]]]], "not numbers"),
        ("gluoncv", [[[[0]]], [[[0.9]]], [[[0, 0, np.nan, 1]]]], "not numbers"),
        ("gluoncv", [[[[0]]], [[[0.9]]], [[[0, 0, 1]]]], "expected 4 numbers"),
        ("multibox", [[[[0, 1, 2, 3, 4]]]], "5 numbers"),
        ("ssd", [[[[0, 0, 1, 1]]], [[0]], [[0.9]], [2]], "counts 2.0 detections in 1"),
        ("ssd", [[[[0, 0, 1, 1]]], [[0, 1]], [[0.9]], [1]], "2 classes"),
        ("yolox", [np.zeros((1, 7, 8))], "7 cells.*100x50"),
        ("yolo", [np.zeros((1, 7, 5))], "5 numbers"),
        ("yolo", [np.full((1, 7, 8), np.nan)], "not numbers"),
        ("darknet", [np.zeros((7, 8)), np.zeros((7, 9))], "one length"),
        ("multibox", [np.zeros((0, 6))], "empty"),
    ],
)
def test_outputs_that_do_not_fit(form, arrays, message):
    with pytest.raises(EngineError, match=message):
        decode(form, arrays, iou=None if form in ("gluoncv", "multibox", "ssd") else 0.5)


def test_huge_boxes_are_clipped():
    grid = np.zeros((1, grid_cells((64, 64), (8, 16, 32)), 6))
    grid[0, 0] = [0, 0, 1000, 1000, 1, 1]
    found = decode("yolox", [grid], Placement(64, 64, 64, 64, 1, 1), iou=0.5, labels=())
    assert found.boxes_xyxy.tolist() == [[0, 0, 64, 64]]
    assert found.detections[0].label == "class 0"


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "yolov9"},
        {"outputs": ("a", "b")},
        {"outputs": ("a", "b", "c", "d")},
        {"threshold": 1.5},
        {"iou": -0.1},
        {"most": 0},
        {"form": "yolox", "outputs": ("a",)},
        {"form": "yolox", "outputs": ("a",), "iou": 0.5, "strides": ()},
    ],
)
def test_settings_are_checked(settings):
    with pytest.raises(OptionError):
        DetectionDecoder(**{"form": "gluoncv", "outputs": ("a", "b", "c"), **settings})


def test_every_format_is_known_by_its_roles():
    for form, roles in ROLES.items():
        assert DetectionDecoder(form, tuple(roles), iou=0.5, anchors=((10.0, 20.0),)).roles == roles


def sample(**changed):
    given = {
        "boxes_xyxy": np.array([[20, 10, 100, 50], [0, 0, 40, 90]], np.float32),
        "scores": np.array([0.9, 0.4], np.float32),
        "class_ids": np.array([1, 0]),
        "labels": LABELS,
        "image": IMAGE,
        "path": "a.jpg",
    }
    return DetectionResult(**{**given, **changed})


def test_to_dict_is_json():
    plain = json.loads(json.dumps(sample().to_dict()))
    assert (plain["path"], plain["task"], plain["width"], plain["height"]) == ("a.jpg", "detection", 200, 100)
    first = plain["detections"][0]
    assert set(first) == {"label", "class_id", "score", "box"}
    assert (first["label"], first["class_id"], first["box"]) == ("dog", 1, [20, 10, 100, 50])
    assert first["score"] == pytest.approx(0.9)


def test_above():
    assert [found.label for found in sample().above(0.5)] == ["dog"]
    assert len(sample().above(0.95)) == 0


def test_draw_marks_the_boxes():
    picture = np.asarray(sample().draw())
    assert picture.shape == IMAGE.shape
    assert (picture[:, 18:22] != 120).any()
    assert sample().draw(scale=2).size == (400, 200)
    with pytest.raises(OptionError):
        sample().draw(scale=0)


@pytest.mark.parametrize(
    "changed",
    [
        {"scores": np.zeros(3, np.float32)},
        {"boxes_xyxy": np.zeros((2, 3), np.float32)},
        {"mask_grids": np.zeros((2, 4, 4), np.float32)},
        {"mask_grids": np.zeros((1, 4, 4), np.float32), "mask_boxes_xyxy": np.zeros((2, 4), np.float32)},
    ],
)
def test_arrays_must_fit_together(changed):
    with pytest.raises(OptionError):
        sample(**changed)
