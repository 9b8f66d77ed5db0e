"""Run lengths against pycocotools, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pycocotools.mask as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import DatasetError, OptionError
from belvedere.vision.rle import (
    MaskStack,
    RunLengths,
    encode,
    from_coco,
    from_polygons,
    rle_iou,
    shared_pixels,
    to_coco,
)

sides = st.integers(1, 24)
masks = st.tuples(sides, sides).flatmap(lambda size: arrays(bool, size))
corner = st.floats(-30, 60, width=32) | st.integers(-10, 40).map(float) | st.integers(-50, 200).map(lambda n: n / 5)
polygon = st.lists(st.tuples(corner, corner), min_size=3, max_size=9)


def theirs(mask):
    return reference.encode(np.asfortranarray(mask, dtype=np.uint8))


def as_theirs(rle):
    return {**to_coco(rle), "counts": to_coco(rle)["counts"].encode()}


def painted_by_them(polygons, height, width):
    flat = [[float(value) for pair in points for value in pair] for points in polygons]
    return reference.merge(reference.frPyObjects(flat, height, width))


def blobs(rng, count, height, width):
    """Ellipses with ragged edges: many runs, as masks of things have."""
    y, x = np.mgrid[:height, :width]
    found = []
    for _ in range(count):
        cx, cy, a, b = rng.uniform(0, width), rng.uniform(0, height), *rng.uniform(1, width / 2, 2)
        found.append(((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1 + rng.normal(0, 0.2, (height, width)))
    return found


@given(masks)
def test_encoding(mask):
    rle = encode(mask)
    expected = theirs(mask)
    assert to_coco(rle) == {"size": expected["size"], "counts": expected["counts"].decode()}
    assert (rle.to_mask() == mask).all()
    assert rle.to_mask().dtype == bool
    assert rle.counts.dtype == np.uint32
    assert rle.area == mask.sum() == reference.area(expected)
    x, y, width, height = reference.toBbox(expected)
    assert rle.box_xyxy == (x, y, x + width, y + height)


@given(masks)
def test_coco_objects_come_back(mask):
    rle, (height, width) = encode(mask), mask.shape
    letters = from_coco(json.loads(json.dumps(to_coco(rle))), height, width)
    numbers = from_coco({"size": [height, width], "counts": rle.counts.tolist()}, height, width)
    raw = from_coco({"size": [height, width], "counts": theirs(mask)["counts"]}, height, width)
    for found in (letters, numbers, raw):
        assert found.counts.tolist() == rle.counts.tolist()


def test_large_counts_as_letters():
    # Differences of every number of letters, both signs.
    rng = np.random.default_rng(0)
    for scale in (1, 15, 16, 17, 500, 16_000, 500_000, 17_000_000):
        counts = rng.integers(1, scale + 1, 40)
        counts = np.concatenate([counts, [90_000_000 - counts.sum()]]) if counts.sum() < 90_000_000 else counts[:4]
        width = int(counts.sum())
        rle = RunLengths(1, width, counts.astype(np.uint32))
        expected = reference.frPyObjects({"size": [1, width], "counts": counts.tolist()}, 1, width)
        assert to_coco(rle)["counts"] == expected["counts"].decode()
        if width <= 100_000_000:
            assert from_coco(to_coco(rle), 1, width).counts.tolist() == counts.tolist()


@given(st.lists(polygon, min_size=1, max_size=3), sides, sides)
def test_polygons_are_painted_as_by_coco(polygons, height, width):
    found = from_polygons([np.array(points) for points in polygons], height, width)
    assert to_coco(found)["counts"] == painted_by_them(polygons, height, width)["counts"].decode()


def test_large_polygons_are_painted_as_by_coco():
    rng = np.random.default_rng(1)
    for _ in range(200):
        height, width = rng.integers(100, 700, 2).tolist()
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 80)))
        radius = rng.uniform(10, 300) * rng.uniform(0.7, 1.3, len(angle))
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None] + rng.uniform(0, 600, 2)
        points = points.round(2) if rng.random() < 0.5 else points
        found = from_polygons([points], height, width)
        assert to_coco(found)["counts"] == painted_by_them([points], height, width)["counts"].decode()


def test_a_square_of_pixels():
    mask = from_polygons([[[2, 1], [5, 1], [5, 3], [2, 3]]], 4, 7).to_mask()
    assert np.argwhere(mask).tolist() == [[row, column] for row in (1, 2) for column in (2, 3, 4)]


def test_no_polygon_is_an_empty_mask():
    empty = from_polygons([], 3, 5)
    assert (empty.area, empty.box_xyxy, empty.counts.tolist()) == (0, (0, 0, 0, 0), [15])
    outside = from_polygons([[[-9, -9], [-2, -9], [-2, -2]]], 3, 5)
    assert outside.area == 0


@given(st.data())
def test_overlaps(data):
    size = data.draw(st.tuples(sides, sides))
    found = data.draw(st.lists(arrays(bool, size), max_size=4))
    truth = data.draw(st.lists(arrays(bool, size), max_size=4))
    crowd = data.draw(arrays(bool, len(truth)))
    iou = rle_iou([encode(mask) for mask in found], [encode(mask) for mask in truth], crowd)
    assert iou.shape == (len(found), len(truth))
    if found and truth:
        expected = reference.iou([theirs(m) for m in found], [theirs(m) for m in truth], crowd.astype(int).tolist())
        assert iou.tolist() == expected.tolist()


def test_overlaps_of_large_masks(monkeypatch):
    rng = np.random.default_rng(2)
    found, truth = blobs(rng, 30, 120, 90), blobs(rng, 20, 120, 90)
    crowd = rng.random(20) < 0.3
    expected = reference.iou([theirs(m) for m in found], [theirs(m) for m in truth], crowd.astype(int).tolist())
    assert (expected > 0).sum() > 100
    for block in (1 << 20, 500, 1):  # the last one: every pair for itself
        monkeypatch.setattr("belvedere.vision.rle.overlaps._BLOCK", block)
        iou = rle_iou([encode(m) for m in found], [encode(m) for m in truth], crowd)
        assert iou.tolist() == expected.tolist()


def test_a_stack_knows_areas_and_boxes_of_masks_of_any_size():
    rng = np.random.default_rng(3)
    painted = [rng.random(rng.integers(1, 30, 2)) < chance for chance in rng.random(60) ** 3]
    painted.append(np.zeros((4, 4), bool))
    stack = MaskStack.of([encode(mask) for mask in painted])
    assert stack.areas.tolist() == [mask.sum() for mask in painted]
    assert [tuple(box) for box in stack.boxes_xyxy] == [encode(mask).box_xyxy for mask in painted]
    assert MaskStack.of([]).areas.shape == (0,)


def test_masks_of_different_sizes_are_not_compared():
    stack = MaskStack.of([encode(np.ones((2, 3))), encode(np.ones((3, 2)))])
    with pytest.raises(OptionError, match="3 x 2 and 2 x 3"):
        shared_pixels(stack, np.array([0]), np.array([1]))
    with pytest.raises(OptionError, match="crowd"):
        rle_iou([], [encode(np.ones((2, 3)))], [])


def test_runs_of_no_pixels_say_nothing():
    for counts, same in (
        ([0, 3, 0, 0, 0, 1, 2], [0, 4, 2]), ([2, 0, 4], [6]), ([0, 0, 0, 6], [0, 6]), ([3, 3, 0], [3, 3]),
        ([0, 6, 0, 0], [0, 6]),
    ):  # fmt: skip
        assert from_coco({"size": [2, 3], "counts": counts}, 2, 3).counts.tolist() == same


def test_polygons_as_coco_lists_them():
    found = from_coco([[2, 1, 5, 1, 5, 3, 2, 3]], 4, 7)
    assert found.box_xyxy == (2, 1, 5, 3)
    assert from_coco([], 4, 7).area == 0


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4]], "polygon 0 has 4 numbers"),
        ([[1, 1, 5, 1, 5, 5], [1, 2, 3, 4, 5, 6, 7]], "polygon 1 has 7 numbers"),
        ([[1, 2, 3, 4, 5, "six"]], "polygon 0"),
        ([[1, 2, 3, 4, 5, None]], "polygon 0"),
        ([1, 2, 3, 4, 5, 6], "polygon 0"),
        ([[1, 2, 3, 4, 5, float("nan")]], "not a number"),
        ([[1, 2, 3, 4, 1e300, 6]], "pixels away"),
        ([[1, 1, 5, 1, 5, 5], [0, 0, 3e5, 0] * 2], "polygon 1 has a boundary of more"),
        ("polygons", "type str"),
        (None, "NoneType"),
        ({"size": [7, 4], "counts": [28]}, "expected \\[4, 7\\]"),
        ({"counts": [28]}, "size None"),
        ({"size": [4, 7]}, "without counts"),
        ({"size": [4, 7], "counts": [28.0]}, "without counts"),
        ({"size": [4, 7], "counts": []}, "between 0 and 28"),
        ({"size": [4, 7], "counts": [30, -2]}, "between 0 and 28"),
        ({"size": [4, 7], "counts": [2**70]}, "64 bits"),
        ({"size": [4, 7], "counts": [10, 10]}, "20 pixels"),
        ({"size": [4, 7], "counts": [28, 28]}, "56 pixels"),
        ({"size": [4, 7], "counts": ""}, "empty"),
        ({"size": [4, 7], "counts": "l0x"}, "beyond"),
        ({"size": [4, 7], "counts": "ä"}, "ASCII"),
        ({"size": [4, 7], "counts": b"\xff"}, "ASCII"),
        ({"size": [4, 7], "counts": "l"}, "cut off"),
        ({"size": [4, 7], "counts": "oooooooo0"}, "9 letters"),
        ({"size": [4, 7], "counts": "1" * 10_000}, "letters"),
    ],
)
def test_damaged_segmentations(segmentation, message):
    with pytest.raises(DatasetError, match=message):
        from_coco(segmentation, 4, 7)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
def test_any_letters_are_read_or_refused(text):
    try:
        found = from_coco({"size": [6, 5], "counts": text}, 6, 5)
    except DatasetError:
        return
    assert found.to_mask().shape == (6, 5)


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, -1), (100_000, 100_000)])
def test_sizes_are_bounded(height, width):
    with pytest.raises(DatasetError):
        from_coco([], height, width)


@pytest.mark.parametrize(
    "counts", [np.array([3], np.uint32), np.array([6]), np.array([[6]], np.uint32), np.array([3, 0, 3], np.uint32)]
)
def test_runs_are_checked(counts):
    with pytest.raises(OptionError):
        RunLengths(2, 3, counts)


def test_other_arguments_are_checked():
    with pytest.raises(OptionError):
        RunLengths(0, 3, np.array([0], np.uint32))
    with pytest.raises(OptionError):
        encode(np.zeros((2, 3, 1)))
    with pytest.raises(OptionError):
        encode(np.zeros((0, 3)))
    with pytest.raises(OptionError):
        from_polygons([[[1, 1], [2, 2]]], 4, 4)
