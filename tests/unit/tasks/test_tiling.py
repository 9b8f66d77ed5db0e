"""Results of windows as one: what was found twice, what a border cuts, maps that are stitched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.tasks.detection import DetectionResult
from belvedere.tasks.detection.tiling import merge_detections
from belvedere.tasks.segmentation.result import SegmentationResult
from belvedere.tasks.segmentation.tiling import stitch_classes
from belvedere.vision.placement import Placement
from belvedere.vision.rle import encode
from belvedere.vision.windows import Tiling, Window

IMAGE = np.zeros((100, 180, 3), np.uint8)
LEFT, RIGHT, WHOLE = Window(0, 0, 100, 100), Window(80, 0, 180, 100), Window(0, 0, 180, 100)


def found(window, *rows, masks=False):
    """Results of a window; rows are (class, score, box in pixels of the picture)."""
    shift = [window.left, window.top, window.left, window.top]
    boxes = np.array([np.subtract(box, shift) for _, _, box in rows], np.float32).reshape(-1, 4)
    runs = None
    if masks:
        runs = []
        for x0, y0, x1, y1 in boxes.astype(int).tolist():
            mask = np.zeros((window.height, window.width), bool)
            mask[y0:y1, x0:x1] = True
            runs.append(encode(mask))
    return window, DetectionResult(
        boxes,
        np.array([score for _, score, _ in rows], np.float32),
        np.array([number for number, _, _ in rows], np.int64),
        ("a", "b"),
        IMAGE[window.top : window.bottom, window.left : window.right],
        mask_runs=None if runs is None else tuple(runs),
    )


def rows_of(result):
    return [
        (number, round(score, 3), tuple(box))
        for number, score, box in zip(
            result.class_ids.tolist(), result.scores.tolist(), result.boxes_xyxy.tolist(), strict=True
        )
    ]


def test_boxes_come_to_their_places_best_first():
    result = merge_detections(
        [found(LEFT, (0, 0.5, (10, 20, 30, 40))), found(RIGHT, (1, 0.9, (120, 20, 140, 40)))], IMAGE, path="a.jpg"
    )
    assert rows_of(result) == [(1, 0.9, (120, 20, 140, 40)), (0, 0.5, (10, 20, 30, 40))]
    assert (result.labels, result.path, result.width, result.task) == (("a", "b"), "a.jpg", 180, "detection")


def test_what_two_windows_see_whole_counts_once():
    parts = [found(LEFT, (0, 0.8, (84, 20, 96, 40))), found(RIGHT, (0, 0.9, (84, 21, 96, 41)))]
    assert rows_of(merge_detections(parts, IMAGE)) == [(0, 0.9, (84, 21, 96, 41))]
    other = [parts[0], found(RIGHT, (1, 0.9, (84, 21, 96, 41)))]
    assert len(merge_detections(other, IMAGE)) == 2


def test_a_piece_belongs_to_the_whole_thing_however_sure_it_is():
    whole = found(RIGHT, (0, 0.6, (85, 20, 130, 40)))
    result = merge_detections([found(LEFT, (0, 0.95, (85, 20, 100, 40))), whole], IMAGE)
    assert rows_of(result) == [(0, 0.95, (85, 20, 130, 40))]


def test_the_whole_picture_brings_things_larger_than_a_window():
    parts = [
        found(LEFT, (0, 0.9, (20, 20, 100, 80))),
        found(RIGHT, (0, 0.8, (80, 20, 160, 80))),
        found(WHOLE, (0, 0.7, (21, 20, 160, 80))),
    ]
    assert rows_of(merge_detections(parts, IMAGE)) == [(0, 0.9, (21, 20, 160, 80))]


def test_a_small_whole_thing_in_front_of_a_large_one_stays():
    parts = [found(LEFT, (0, 0.9, (10, 10, 70, 90)), (0, 0.8, (20, 20, 40, 50)))]
    assert len(merge_detections(parts, IMAGE)) == 2


def test_two_pieces_become_one_with_both_masks():
    parts = [
        found(LEFT, (0, 0.9, (70, 20, 100, 40)), masks=True),
        found(RIGHT, (0, 0.8, (80, 20, 104, 44)), masks=True),
    ]
    result = merge_detections(parts, IMAGE)
    assert rows_of(result) == [(0, 0.9, (70, 20, 104, 44))]
    expected = np.zeros((100, 180), bool)
    expected[20:40, 70:100] = expected[20:44, 80:104] = True
    assert np.array_equal(result.mask(0), expected)
    assert result.task == "instance-segmentation"


def test_pieces_that_share_too_little_stay_apart():
    parts = [found(LEFT, (0, 0.9, (20, 20, 100, 40))), found(RIGHT, (0, 0.8, (80, 20, 170, 40)))]
    assert len(merge_detections(parts, IMAGE)) == 2


def test_edges_of_the_picture_cut_nothing():
    parts = [found(LEFT, (0, 0.5, (0, 0, 60, 100)), (0, 0.9, (0, 0, 20, 40)))]
    assert len(merge_detections(parts, IMAGE)) == 2


def test_nothing_at_all():
    result = merge_detections([found(LEFT), found(RIGHT)], IMAGE)
    assert (len(result), result.boxes_xyxy.shape) == (0, (0, 4))
    assert merge_detections([found(LEFT, masks=True), found(RIGHT, masks=True)], IMAGE).has_masks


@given(st.integers(32, 60), st.floats(0, 0.6), st.integers(0, 99), st.booleans())
def test_stitched_maps_are_the_map(size, overlap, seed, cropped):
    whole = np.random.default_rng(seed).integers(0, 3, (100, 180)).astype(np.int16)
    parts = []
    for window in Tiling(size, overlap).windows(180, 100):
        own = whole[window.top : window.bottom, window.left : window.right]
        image = IMAGE[window.top : window.bottom, window.left : window.right]
        place = Placement(window.width, window.height, window.width, window.height, 1.0, 1.0)
        if cropped:  # the network sees all but two pixels at each side
            place = Placement(window.width, window.height, window.width - 4, window.height - 4, 1, 1, -2, -2)
            own = own[2:-2, 2:-2]
        parts.append((window, SegmentationResult(own, place, ("a", "b", "c"), None, image)))
    result = stitch_classes(parts, IMAGE, "a.jpg")
    seen = result.class_map != -1
    assert np.array_equal(result.class_map[seen], whole[seen])
    assert seen.all() or cropped
    if overlap >= 0.2:
        assert seen[2:-2, 2:-2].all()
    assert (result.path, result.labels) == ("a.jpg", ("a", "b", "c"))


def test_seams_run_through_the_middle_of_the_overlap():
    parts = []
    for number, window in enumerate((LEFT, RIGHT)):
        place = Placement(100, 100, 100, 100, 1.0, 1.0)
        grid = np.full((100, 100), number, np.int16)
        parts.append((window, SegmentationResult(grid, place, (), None, IMAGE[:, window.left : window.right])))
    row = stitch_classes(parts, IMAGE).class_map[50]
    assert np.flatnonzero(row)[0] == pytest.approx(90, abs=1)
