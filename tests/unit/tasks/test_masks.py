from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection import DetectionDecoder, DetectionResult
from belvedere.tasks.detection.masks import Window, grid_window, paste_mask, window_runs
from belvedere.tasks.segmentation import InstanceDecoder, decode_instances
from belvedere.vision.placement import Placement
from belvedere.vision.rle import encode, from_coco

IMAGE = np.full((100, 200, 3), 120, dtype=np.uint8)
HALF = Placement(200, 100, 100, 50, 0.5, 0.5)


def naive_paste(grid, box, width, height, threshold):
    mask = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = box
    padded = np.pad(grid, 1)
    for y in range(int(np.floor(max(0, top))), min(height, int(np.ceil(bottom)))):
        for x in range(int(np.floor(max(0, left))), min(width, int(np.ceil(right)))):
            gx = (x + 0.5 - left) / (right - left) * grid.shape[1] + 0.5
            gy = (y + 0.5 - top) / (bottom - top) * grid.shape[0] + 0.5
            if not (0 <= gx < padded.shape[1] - 1 and 0 <= gy < padded.shape[0] - 1):
                continue
            i, j, u, v = int(gy), int(gx), gx % 1, gy % 1
            value = (padded[i, j] * (1 - u) + padded[i, j + 1] * u) * (1 - v)
            value += (padded[i + 1, j] * (1 - u) + padded[i + 1, j + 1] * u) * v
            mask[y, x] = value >= threshold
    return mask


@given(
    arrays(np.float32, (4, 5), elements=st.sampled_from([0.0, 0.2, 0.7, 1.0])),
    st.tuples(*[st.floats(-20, 40)] * 2),
    st.tuples(*[st.floats(0.5, 50)] * 2),
)
def test_pasting_is_bilinear_over_the_box(grid, corner, size):
    box = np.array([*corner, corner[0] + size[0], corner[1] + size[1]])
    found = paste_mask(grid, box, 30, 20, 0.4971)
    assert found.shape == (20, 30)
    assert np.array_equal(found, naive_paste(grid.astype(float), box, 30, 20, 0.4971))


def test_a_full_grid_fills_its_box():
    mask = paste_mask(np.ones((28, 28), np.float32), np.array([5.0, 3.0, 15.0, 9.0]), 30, 20, 0.5)
    assert mask[3:9, 5:15].all()
    assert mask.sum() == 60


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [5, 5, 2, 9], [np.nan] * 4, [40, 40, 50, 50], [-9, -9, -1, -1]])
def test_boxes_that_hold_no_pixel(box):
    assert not paste_mask(np.ones((4, 4), np.float32), np.array(box, float), 30, 20, 0.5).any()


@given(arrays(np.bool_, st.tuples(st.integers(0, 7), st.integers(0, 7))), st.tuples(*[st.integers(0, 3)] * 4))
def test_runs_of_a_window_are_those_of_the_whole_mask(mask, margins):
    left, top, right, bottom = margins
    whole = np.pad(mask, ((top, bottom + 1), (left, right + 1)))
    found = window_runs(Window(mask, left, top), whole.shape[1], whole.shape[0])
    assert found.counts.tolist() == encode(whole).counts.tolist()
    assert np.array_equal(found.to_mask(), whole)


@given(arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_runs_of_a_window_as_large_as_the_picture(mask):
    found = window_runs(Window(mask, 0, 0), mask.shape[1], mask.shape[0])
    assert found.counts.tolist() == encode(mask).counts.tolist()


def test_a_window_lies_where_its_box_does():
    found = grid_window(np.ones((4, 4), np.float32), np.array([5.0, 3.0, 15.0, 9.0]), 30, 20, 0.5)
    assert (found.left, found.top, found.mask.shape) == (5, 3, (6, 10))
    assert (found.rows, found.columns) == (slice(3, 9), slice(5, 15))


def outputs(masks, ids=(1, 0, -1), scores=(0.9, 0.95, -1)):
    boxes = [[10, 5, 50, 25], [-20, 40, 30, 60], [-1, -1, -1, -1]][: len(ids)]
    return {
        "ids": np.array([ids], np.float32)[..., None],
        "scores": np.array([scores], np.float32)[..., None],
        "boxes": np.array([boxes], np.float32),
        "masks": np.asarray(masks, np.float32)[None],
    }


DECODER = InstanceDecoder(DetectionDecoder("gluoncv", ("ids", "scores", "boxes"), labels=("cat", "dog")), "masks")


def test_masks_go_with_their_rows():
    grids = np.stack([np.full((2, 2), 0.8), np.full((2, 2), 0.6), np.zeros((2, 2))])
    result = decode_instances(outputs(grids), DECODER, HALF, IMAGE)
    assert [found.label for found in result] == ["cat", "dog"]
    assert result.mask_grids[:, 0, 0] == pytest.approx([0.6, 0.8])
    # The second row's box reaches out of the picture: its mask is cut, not squeezed.
    assert result.boxes_xyxy.tolist() == [[0, 80, 60, 100], [20, 10, 100, 50]]
    assert result.mask_boxes_xyxy.tolist() == [[-40, 80, 60, 120], [20, 10, 100, 50]]
    mask = result.mask(1)
    assert mask.any()
    assert not mask[:, :20].any()
    assert not mask[50:].any()


def test_masks_of_every_class():
    grids = np.zeros((3, 2, 2, 2))
    grids[0, 1], grids[1, 0] = 0.8, 0.6
    result = decode_instances(outputs(grids), DECODER, HALF, IMAGE)
    assert result.mask_grids[:, 0, 0] == pytest.approx([0.6, 0.8])
    single = decode_instances(outputs(grids[:, 1:]), DECODER, HALF, IMAGE)
    assert single.mask_grids[:, 0, 0] == pytest.approx([0.0, 0.8])


def test_dict_and_drawing_have_the_masks():
    result = decode_instances(outputs(np.ones((3, 4, 4))), DECODER, HALF, IMAGE)
    row = json.loads(json.dumps(result.to_dict()))["detections"][1]
    assert result.task == "instance-segmentation"
    assert set(row) == {"label", "class_id", "score", "box", "mask"}
    assert row["mask"]["size"] == [100, 200]
    assert np.array_equal(from_coco(row["mask"], 100, 200).to_mask(), result.mask(1))
    assert 0.95 < result.masks[1].area / (80 * 40) <= 1  # bilinear edges round the corners off
    assert (np.asarray(result.draw())[30, 60] != 120).any()
    assert result.above(0.93).has_masks
    assert len(result.above(0.93).mask_grids) == 1


def test_masks_as_run_lengths_are_the_same_masks():
    result = decode_instances(outputs(np.ones((3, 4, 4))), DECODER, HALF, IMAGE)
    runs = replace(result, mask_grids=None, mask_boxes_xyxy=None, mask_runs=result.masks)
    assert runs.has_masks
    assert [runs.mask(number).tolist() for number in (0, 1)] == [result.mask(number).tolist() for number in (0, 1)]
    assert runs.to_dict() == result.to_dict()
    assert [found.counts.tolist() for found in runs.above(0.93).masks] == [result.masks[0].counts.tolist()]
    assert runs.draw(scale=2).size == (400, 200)
    with pytest.raises(OptionError, match="one of them"):
        replace(result, mask_runs=result.masks)
    with pytest.raises(OptionError, match="expected 2 of 200 x 100"):
        replace(runs, mask_runs=result.masks[:1])
    with pytest.raises(OptionError, match="expected 2 of 200 x 100"):
        replace(runs, mask_runs=(encode(np.ones((2, 2), bool)),) * 2)


def test_pickling_leaves_out_what_was_derived():
    result = decode_instances(outputs(np.ones((3, 4, 4))), DECODER, HALF, IMAGE)
    before = len(pickle.dumps(result))
    assert result.masks[0].area
    assert len(pickle.dumps(result)) == before


def test_without_masks():
    bare = DetectionResult(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), (), IMAGE)
    with pytest.raises(OptionError, match="no masks"):
        bare.mask(0)
    with pytest.raises(OptionError, match="no masks"):
        assert bare.masks
    assert bare.task == "detection"


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.full((3, 2, 2), 3.0), "expected 0 to 1"),
        (np.full((3, 2, 2), np.nan), "not finite"),
        (np.zeros((3, 4)), "expected"),
        (np.zeros((3, 0, 2, 2)), "empty"),
    ],
)
def test_masks_that_do_not_fit(masks, message):
    with pytest.raises(EngineError, match=message):
        decode_instances(outputs(masks), DECODER, HALF, IMAGE)


def test_a_class_without_a_mask():
    with pytest.raises(EngineError, match="masks of 2 classes, but class 2"):
        decode_instances(outputs(np.zeros((3, 2, 2, 2)), ids=(2, 0, -1)), DECODER, HALF, IMAGE)


@pytest.mark.parametrize(
    "settings", [{"mask_threshold": 0}, {"mask_threshold": 1}, {"boxes": DetectionDecoder("multibox", ("a",))}]
)
def test_settings_are_checked(settings):
    with pytest.raises(OptionError):
        InstanceDecoder(**{"boxes": DECODER.boxes, "masks": "masks", **settings})
