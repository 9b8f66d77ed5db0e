from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.detection.formats import read_rows
from belvedere.tasks.detection.rows import Reading, best_class, sigmoid
from belvedere.vision.placement import Placement

IMAGE = np.full((64, 96, 3), 120, dtype=np.uint8)
SAME = Placement(96, 64, 96, 64, 1, 1)


def decode(form, arrays, **more):
    names = tuple(f"out{i}" for i in range(len(arrays)))
    outputs = {name: np.asarray(array, np.float32) for name, array in zip(names, arrays, strict=True)}
    decoder = DetectionDecoder(form, names, **{"iou": 0.6, "threshold": 0.3, **more})
    return decode_detection(outputs, decoder, SAME, IMAGE)


def naive_nanodet(grid, size, strides, classes, bins, offset):
    """Generalised focal loss (Li et al. 2020) cell by cell: a distance is sum(i * softmax(logits)_i) * stride."""
    found, at = [], 0
    for stride in strides:
        for row in range(math.ceil(size[1] / stride)):
            for column in range(math.ceil(size[0] / stride)):
                cell = grid[at].astype(np.float64)
                at += 1
                sides = []
                for side in range(4):
                    numbers = cell[classes + side * bins : classes + (side + 1) * bins]
                    weights = [math.exp(value) for value in numbers]
                    sides.append(sum(i * w for i, w in enumerate(weights)) / sum(weights) * stride)
                x, y = (column + offset) * stride, (row + offset) * stride
                box = (x - sides[0], y - sides[1], x + sides[2], y + sides[3])
                best = int(np.argmax(cell[:classes]))
                found.append((box, cell[best], best))
    assert at == len(grid)
    return found


@pytest.mark.parametrize(
    ("form", "strides", "offset"), [("nanodet", (8, 16, 32), 0.5), ("nanodet-plus", (8, 16, 32, 64), 0.0)]
)
@pytest.mark.parametrize("size", [(96, 64), (100, 72)])
def test_nanodet_by_its_formula(form, strides, offset, size):
    rng = np.random.default_rng(3)
    cells = sum(math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in strides)
    grid = np.concatenate([rng.random((cells, 5)), rng.normal(0, 3, (cells, 4 * 8))], axis=1).astype(np.float32)
    found = read_rows(form, [grid], Reading(size, strides=strides))
    wanted = naive_nanodet(grid, size, strides, 5, 8, offset)
    assert found.boxes_xyxy == pytest.approx(np.array([box for box, _, _ in wanted]), abs=1e-3)
    assert found.scores == pytest.approx(np.array([score for _, score, _ in wanted]))
    assert found.class_ids.tolist() == [best for _, _, best in wanted]
    parts, start = [], 0
    for stride in strides:
        length = math.ceil(size[0] / stride) * math.ceil(size[1] / stride)
        part = grid[start : start + length]
        parts += [part[:, :5], part[:, 5:]]
        start += length
    again = read_rows(form, parts, Reading(size, strides=strides))
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


def naive_yolo3(head, anchors, size, classes):
    """YOLOv3's equations (Redmon and Farhadi 2018) for one head (A * (5 + C), h, w)."""
    logistic = lambda value: 1 / (1 + math.exp(-value))  # noqa: E731
    _, height, width = head.shape
    found = []
    for row in range(height):
        for column in range(width):
            for number, (pw, ph) in enumerate(anchors):
                cell = head[number * (5 + classes) : (number + 1) * (5 + classes), row, column].astype(np.float64)
                x = (logistic(cell[0]) + column) / width * size[0]
                y = (logistic(cell[1]) + row) / height * size[1]
                w, h = pw * math.exp(cell[2]), ph * math.exp(cell[3])
                for kind in range(classes):
                    score = logistic(cell[4]) * logistic(cell[5 + kind])
                    found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, kind))
    return found


ANCHORS = ((116.0, 90.0, 156.0, 198.0), (10.0, 13.0, 33.0, 23.0))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("split", [False, True])
def test_yolo3_by_its_equations(layout, split):
    rng = np.random.default_rng(4)
    heads = [rng.normal(0, 1.5, (2 * 8, 2, 3)).astype(np.float32), rng.normal(0, 1.5, (2 * 8, 4, 6)).astype(np.float32)]
    wanted = [
        row
        for head, own in zip(heads, ANCHORS, strict=True)
        for row in naive_yolo3(head, [own[:2], own[2:]], (96, 64), 3)
    ]
    written = heads
    if layout == "NHWC":
        written = [head.transpose(1, 2, 0) for head in heads]
        if split:
            written = [head.reshape(*head.shape[:2], 2, 8) for head in written]
    elif split:
        written = [head.reshape(2, 8, *head.shape[1:]).transpose(0, 2, 3, 1) for head in heads]
    found = read_rows("yolo3", written, Reading((96, 64), anchors=ANCHORS, layout=layout))
    got = np.column_stack([found.boxes_xyxy, found.scores, found.class_ids])
    assert got == pytest.approx(np.array(wanted), rel=1e-4, abs=1e-3)
    best = read_rows("yolo3", written, Reading((96, 64), 0.4, anchors=ANCHORS, layout=layout))
    assert len(best.scores) == sum(row[4] >= 0.4 for row in wanted)
    places = [index // 3 for index, row in enumerate(wanted) if row[4] >= 0.4]
    assert best.places.tolist() == places  # the row of each is where its coefficients would be


def test_darknet_rows_and_raw_heads_say_the_same():
    """A head decoded as Darknet's own last layer does gives the rows that form ``darknet`` reads."""
    rng = np.random.default_rng(5)
    head = rng.normal(0, 2, (2 * 8, 2, 3)).astype(np.float32)
    rows = naive_yolo3(head, [ANCHORS[0][:2], ANCHORS[0][2:]], (96, 64), 3)
    written = np.zeros((12, 8))
    for number, row in enumerate(rows):
        box = np.array(row[:4]) / [96, 64, 96, 64]
        written[number // 3, :4] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2])]
        written[number // 3, 5 + row[5]] = row[4]
    raw = decode("yolo3", [head[None]], anchors=ANCHORS[:1], threshold=0.25, iou=1.0)
    # Darknet's rows are read with one class each: leave only those that are the best of their row.
    done = decode("darknet", [written], threshold=0.25, iou=1.0)
    assert len(done) > 2
    for box, score, kind in zip(done.boxes_xyxy, done.scores, done.class_ids, strict=True):
        same = np.isclose(raw.scores, score, atol=1e-5) & (raw.class_ids == kind)
        assert np.abs(raw.boxes_xyxy[same] - box).max(axis=1).min() < 1e-2


@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 999))
@settings(max_examples=30)
def test_yolov8_columns_are_yolo_rows_without_objectness(classes, extra, seed):
    rng = np.random.default_rng(seed)
    columns = rng.random((4 + classes + extra, 20)).astype(np.float32)
    rows = np.concatenate([columns[:4], np.ones((1, 20)), columns[4:]]).T.astype(np.float32)
    reading = Reading((96, 64), 0.3, extra=extra)
    first, second = read_rows("yolov8", [columns], reading), read_rows("yolo", [rows], reading)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@given(st.floats(-200, 200, width=32))
def test_sigmoid_does_not_overflow(value):
    exact = 1 / (1 + math.exp(-value)) if value > -700 else 0.0
    assert float(sigmoid(np.array([value], np.float32))[0]) == pytest.approx(exact, rel=1e-5, abs=1e-30)


@pytest.mark.parametrize(
    ("form", "arrays", "more", "message"),
    [
        ("nanodet", [np.zeros((1, 126, 37))], {"bins": 10}, r"\(126, 37\).*4x10 distances"),
        ("nanodet", [np.zeros((1, 7, 37))], {}, "126 cells"),
        ("nanodet-plus", [np.zeros((1, 126, 37))], {"strides": (8, 16, 32, 64)}, "128 cells"),
        ("nanodet", [np.zeros((1, 96, 5))] * 6, {}, "expected scores and distances in turn|cells"),
        ("yolo3", [np.zeros((1, 17, 2, 3))], {"anchors": ANCHORS[:1]}, r"\(17, 2, 3\).*2 anchors"),
        ("yolo3", [np.zeros((1, 2, 3))], {"anchors": ANCHORS[:1]}, "grid 0"),
        ("yolo3", [np.full((1, 16, 2, 3), np.inf)], {"anchors": ANCHORS[:1]}, "not finite"),
        ("yolov8", [np.zeros((1, 4, 9))], {}, r"\(4, 9\)"),
        ("yolov8", [np.zeros((1, 9, 9))], {"extra": 6}, "and 6"),
        ("yolov8", [np.zeros(9)], {}, "axis of pictures"),
        ("yolox", [np.full((1, 126, 9), np.nan)], {}, "not finite"),
    ],
)
def test_outputs_that_do_not_fit(form, arrays, more, message):
    with pytest.raises(EngineError, match=message):
        decode(form, arrays, **more)


@pytest.mark.parametrize(
    ("form", "outputs", "more", "message"),
    [
        ("yolo3", 2, {"anchors": ANCHORS[:1]}, "for 2 outputs"),
        ("yolo3", 1, {"anchors": ((1.0, 2.0, 3.0),)}, "widths and heights"),
        ("yolo3", 1, {"anchors": ((1.0, -2.0),)}, "above 0"),
        ("nanodet", 2, {}, "expected one, or scores and distances of each of the 3"),
        ("nanodet", 1, {"bins": 1}, "bins 1"),
        ("yolo", 1, {"extra": -1}, "extra -1"),
        ("yolo", 1, {"candidates": 0}, "candidates 0"),
        ("yolo3", 1, {"anchors": ANCHORS[:1], "layout": "HWC"}, "layout"),
    ],
)
def test_settings_without_sense(form, outputs, more, message):
    with pytest.raises(OptionError, match=message):
        DetectionDecoder(form, tuple(map(str, range(outputs))), **{"iou": 0.5, **more})


def test_nothing_found_is_a_result():
    assert len(decode("yolov8", [np.zeros((1, 9, 126))])) == 0
    assert len(decode("yolo3", [np.full((1, 16, 2, 3), -9)], anchors=ANCHORS[:1])) == 0
    assert len(decode("gluoncv", [np.zeros((1, 0, 1)), np.zeros((1, 0, 1)), np.zeros((1, 0, 4))], iou=None)) == 0
    assert len(decode("multibox", [np.zeros((1, 0, 6))], iou=None)) == 0
    assert len(decode("yolo", [np.zeros((1, 0, 8))])) == 0


def test_candidates_are_the_best_ones():
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.uniform(10, 60, (60, 4)), np.ones((60, 1)), rng.random((60, 3))], axis=1)
    everything, some = (decode("yolo", [rows[None]], iou=1.0, candidates=count) for count in (None, 7))
    assert np.array_equal(some.scores, everything.scores[:7])
    assert np.array_equal(some.boxes_xyxy, everything.boxes_xyxy[:7])


@given(st.integers(0, 9), st.integers(1, 4), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 999))
def test_rows_that_are_not_looked_at_change_nothing(count, classes, threshold, seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(0.3, 0.6, (count, classes)), 1).astype(np.float32)
    weights = np.round(rng.normal(0.4, 0.6, count), 1).astype(np.float32)
    if count and seed % 3 == 0:
        scores[rng.integers(count), rng.integers(classes)] = np.nan
    if count and seed % 5 == 0:
        weights[rng.integers(count)] = np.nan
    ids = scores.argmax(axis=1)
    best = scores[np.arange(count), ids] * weights
    used = np.flatnonzero(~(best < threshold))
    found = best_class(scores, threshold, weights)
    assert np.array_equal(found[0], best[used], equal_nan=True)
    assert np.array_equal(found[1], ids[used])
    assert np.array_equal(found[2], used)
