from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection import DetectionDecoder
from belvedere.tasks.detection.masks import paste_mask
from belvedere.tasks.segmentation import InstanceDecoder, MaskQueryDecoder, decode_instances, decode_mask_queries
from belvedere.tasks.segmentation.windows import INSIDE, cut_windows, from_logits
from belvedere.vision.placement import Placement
from belvedere.vision.preprocess import Preprocess

SIZE = (96, 64)
SAME = Placement(*SIZE, *SIZE, 1, 1)
IMAGE = np.zeros((64, 96, 3), np.uint8)


def interpolated(grid, placement):
    """A grid over the input read bilinearly at each pixel of the picture, its outermost cells going on: one by one."""
    height, width = grid.shape
    found = np.zeros((placement.source_height, placement.source_width))
    for y in range(placement.source_height):
        for x in range(placement.source_width):
            across = ((x + 0.5) * placement.scale_x + placement.offset_x) * width / placement.width - 0.5
            down = ((y + 0.5) * placement.scale_y + placement.offset_y) * height / placement.height - 0.5
            across, down = min(max(across, 0), width - 1), min(max(down, 0), height - 1)
            left, top = int(across), int(down)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            u, v = across - left, down - top
            found[y, x] = (1 - v) * ((1 - u) * grid[top, left] + u * grid[top, right]) + v * (
                (1 - u) * grid[bottom, left] + u * grid[bottom, right]
            )
    return found


PLACES = st.builds(
    lambda width, height, mode: Preprocess(64, 48, mode=mode).placement(width, height),
    st.integers(4, 60),
    st.integers(4, 60),
    st.sampled_from(["stretch", "letterbox"]),
)


@given(PLACES, st.integers(1, 7), st.integers(1, 9), st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_windows_paste_as_the_whole_grid_would(place, height, width, seed):
    grids = np.random.default_rng(seed).random((4, height, width)).astype(np.float32)
    grids[0] = 0.1  # nothing
    grids[1, 0, 0] = 0.9
    windows, spans = cut_windows(grids, place)
    for number, grid in enumerate(grids):
        whole = interpolated(grid, place)
        mask = paste_mask(windows[number], spans[number], place.source_width, place.source_height, INSIDE)
        clear = np.abs(whole - INSIDE) > 1e-4
        assert np.array_equal(mask[clear], (whole >= INSIDE)[clear])


def test_windows_are_no_larger_than_what_they_hold():
    grids = np.zeros((2, 40, 50), np.float32)
    grids[0, 10:14, 20:23] = 1
    grids[1, 38:40, 0:5] = 1
    windows, spans = cut_windows(grids, SAME)
    assert windows.shape == (2, 6, 7)
    assert spans[0, :2] == pytest.approx([19 * 96 / 50, 9 * 64 / 40])
    assert cut_windows(np.zeros((0, 4, 4), np.float32), SAME)[0].shape[0] == 0


@given(st.floats(0.05, 0.95), st.integers(0, 99))
def test_logits_are_inside_where_their_sigmoid_is(threshold, seed):
    logits = np.random.default_rng(seed).normal(0, 4, (3, 5, 4))
    grids = from_logits(logits, threshold)
    assert grids.min() >= 0
    assert grids.max() <= 1
    chances = 1 / (1 + np.exp(-logits))
    clear = np.abs(chances - threshold) > 1e-5
    assert np.array_equal((grids >= INSIDE)[clear], (chances >= threshold)[clear])


def yolo_seg(rng, form, layout="NCHW", place=SAME):
    """Two boxes with coefficients, and prototypes, as YOLO's and YOLACT's networks write them."""
    prototypes = rng.normal(0, 1, (5, 16, 24)).astype(np.float32)
    coefficients = rng.normal(0, 2, (2, 5)).astype(np.float32)
    boxes = np.array([[30, 20, 40, 24], [80, 50, 30, 20]], np.float32)  # centre and size
    scores = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    parts = [boxes, scores, coefficients] if form == "yolov8" else [boxes, np.ones((2, 1)), scores, coefficients]
    rows = np.concatenate(parts, axis=1).astype(np.float32)
    outputs = {
        "rows": rows.T[None] if form == "yolov8" else rows[None],
        "protos": (prototypes if layout == "NCHW" else prototypes.transpose(1, 2, 0))[None],
    }
    decoder = InstanceDecoder(
        DetectionDecoder(form, ("rows",), iou=0.5, extra=5, labels=("cat", "dog")), "protos", 0.5, "prototypes",
        layout=layout,
    )  # fmt: skip
    return outputs, decoder, prototypes, coefficients, boxes


@pytest.mark.parametrize(("form", "layout"), [("yolov8", "NCHW"), ("yolo", "NCHW"), ("yolov8", "NHWC")])
def test_prototypes_by_yolacts_formula(form, layout):
    """Bolya et al. 2019: sigmoid of prototypes times coefficients, cut at the box, enlarged, 0.5 and above."""
    outputs, decoder, prototypes, coefficients, boxes = yolo_seg(np.random.default_rng(0), form, layout)
    found = decode_instances(outputs, decoder, SAME, IMAGE)
    assert [thing.label for thing in found] == ["cat", "dog"]
    for number in range(2):
        mixed = sum(coefficients[number, i] * prototypes[i].astype(np.float64) for i in range(5))
        grid = 1 / (1 + np.exp(-mixed))
        center, size = boxes[number, :2], boxes[number, 2:]
        low, high = np.floor((center - size / 2) / 4) - 1, np.ceil((center + size / 2) / 4) + 1
        outside = np.ones_like(grid, dtype=bool)
        x0, y0, x1, y1 = (int(max(value, 0)) for value in (*low, *high))
        outside[y0:y1, x0:x1] = False
        whole = interpolated(np.where(outside, 0, grid), SAME)
        clear = np.abs(whole - 0.5) > 1e-4
        assert np.array_equal(found.mask(number)[clear], (whole >= 0.5)[clear])
        assert found.mask(number).any()


def test_another_threshold_makes_other_masks():
    outputs, decoder, *_ = yolo_seg(np.random.default_rng(0), "yolov8")
    areas = []
    for threshold in (0.2, 0.5, 0.8):
        other = InstanceDecoder(decoder.boxes, "protos", threshold, "prototypes")
        areas.append(decode_instances(outputs, other, SAME, IMAGE).mask(0).sum())
    assert areas[0] > areas[1] > areas[2] > 0


def test_coefficients_may_lie_in_an_output_of_their_own():
    outputs, decoder, _, coefficients, _ = yolo_seg(np.random.default_rng(0), "yolo")
    split = {**outputs, "rows": outputs["rows"][:, :, :7], "coefficients": coefficients[None]}
    boxes = DetectionDecoder("yolo", ("rows",), iou=0.5)
    other = InstanceDecoder(boxes, "protos", 0.5, "prototypes", "coefficients")
    first, second = (decode_instances(*pair, SAME, IMAGE) for pair in ((outputs, decoder), (split, other)))
    assert np.array_equal(first.boxes_xyxy, second.boxes_xyxy)
    assert all(np.array_equal(first.mask(i), second.mask(i)) for i in range(2))


def rf_detr(rng):
    logits = np.full((1, 4, 3), -6.0, np.float32)
    logits[0, 0, 1], logits[0, 2, 0], logits[0, 3, 2] = 3.0, 1.0, 2.0
    boxes = np.array([[[0.3, 0.4, 0.4, 0.6], [0.5, 0.5, 1, 1], [0.7, 0.5, 0.3, 0.3], [0.5, 0.5, 0.2, 0.2]]], np.float32)
    masks = rng.normal(0, 3, (1, 4, 16, 24)).astype(np.float32)
    masks[0, 3] = -1.0  # nothing of it is seen
    return {"q": logits, "b": boxes, "m": masks}


QUERIES = InstanceDecoder(
    DetectionDecoder("detr", ("q", "b"), activation="sigmoid", labels=("a", "b", "c")), "m", 0.5, "queries"
)


@pytest.mark.parametrize("source", [(96, 64), (40, 70)])
def test_masks_of_queries_by_rf_detrs_rule(source):
    """transformers' RfDetrImageProcessor: mask logits interpolated to the picture, above 0; empty ones are left out."""
    outputs = rf_detr(np.random.default_rng(1))
    place = Placement(*source, *SIZE, SIZE[0] / source[0], SIZE[1] / source[1])
    found = decode_instances(outputs, QUERIES, place, np.zeros((*source[::-1], 3), np.uint8))
    assert [thing.label for thing in found] == ["b", "a"]
    assert found.scores == pytest.approx(1 / (1 + np.exp([-3.0, -1.0])))
    for number, query in enumerate((0, 2)):
        whole = interpolated(outputs["m"][0, query], place)
        clear = np.abs(whole) > 1e-3
        assert np.array_equal(found.mask(number)[clear], (whole > 0)[clear])


def test_nothing_found_is_a_result():
    outputs, decoder, *_ = yolo_seg(np.random.default_rng(0), "yolov8")
    outputs["rows"] = np.zeros_like(outputs["rows"])
    assert len(decode_instances(outputs, decoder, SAME, IMAGE)) == 0
    queries = {**rf_detr(np.random.default_rng(1)), "q": np.full((1, 4, 3), -9.0, np.float32)}
    assert len(decode_instances(queries, QUERIES, SAME, IMAGE)) == 0
    nobody = {"q": np.zeros((1, 0, 3)), "b": np.zeros((1, 0, 4)), "m": np.zeros((1, 0, 16, 24))}
    assert len(decode_instances(nobody, QUERIES, SAME, IMAGE)) == 0
    decoder = MaskQueryDecoder("q", "m")
    assert len(decode_mask_queries({"q": np.zeros((1, 4, 9)), "m": queries["m"]}, decoder, SAME, IMAGE)) == 0


def test_boxes_of_mask_queries_are_those_of_their_masks():
    masks = np.full((1, 3, 16, 24), -4.0, np.float32)
    masks[0, 0, 4:8, 6:12] = 4.0
    masks[0, 1, 0:16, 0:2] = 4.0
    queries = np.zeros((1, 3, 4), np.float32)
    queries[0, 0, 2], queries[0, 1, 0], queries[0, 2, 1] = 9.0, 3.0, 8.0  # the last one has no mask
    found = decode_mask_queries({"q": queries, "m": masks}, MaskQueryDecoder("q", "m"), SAME, IMAGE)
    assert found.class_ids.tolist() == [2, 0]
    assert found.boxes_xyxy == pytest.approx(np.array([[24, 16, 48, 32], [0, 0, 8, 64]]))
    for number in range(2):
        rows, columns = np.nonzero(found.mask(number))
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert found.boxes_xyxy[number].tolist() == edges


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"protos": np.zeros((1, 4, 16, 24))}, r"'protos' has shape \(1, 4, 16, 24\): expected prototypes \(1, 5, h"),
        ({"protos": np.full((1, 5, 16, 24), np.nan)}, "'protos' holds values"),
        ({"protos": np.zeros((5, 16))}, "'protos'"),
        ({"rows": np.full((1, 11, 2), np.inf)}, "not finite"),
    ],
)
def test_prototypes_that_do_not_fit(changed, message):
    outputs, decoder, *_ = yolo_seg(np.random.default_rng(0), "yolov8")
    with pytest.raises(EngineError, match=message):
        decode_instances({**outputs, **changed}, decoder, SAME, IMAGE)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"m": np.zeros((1, 2, 16, 24))}, r"'m' has shape \(1, 2, 16, 24\): expected \(1, queries"),
        ({"m": np.full((1, 4, 16, 24), np.inf)}, "'m' holds values"),
        ({"q": np.zeros((1, 5, 3))}, "5 queries"),
    ],
)
def test_masks_of_queries_that_do_not_fit(changed, message):
    with pytest.raises(EngineError, match=message):
        decode_instances({**rf_detr(np.random.default_rng(1)), **changed}, QUERIES, SAME, IMAGE)


@pytest.mark.parametrize(
    ("queries", "masks", "message"),
    [
        (np.zeros((1, 3, 1)), np.zeros((1, 3, 4, 4)), "'q' has shape"),
        (np.zeros((1, 3, 5)), np.zeros((1, 2, 4, 4)), r"'m' has shape .*expected \(1, 3, height, width\)"),
        (np.full((1, 3, 5), np.nan), np.zeros((1, 3, 4, 4)), "'q' holds"),
        (np.zeros((1, 3, 5)), np.full((1, 3, 4, 4), np.inf), "'m' holds"),
    ],
)
def test_mask_queries_that_do_not_fit(queries, masks, message):
    with pytest.raises(EngineError, match=message):
        decode_mask_queries({"q": queries, "m": masks}, MaskQueryDecoder("q", "m"), SAME, IMAGE)


@pytest.mark.parametrize(
    ("form", "boxes", "more", "message"),
    [
        ("prototypes", {"form": "yolo"}, {}, "no coefficients"),
        ("prototypes", {"form": "yolox"}, {}, "no coefficients"),
        ("queries", {"form": "yolo"}, {}, "no queries"),
        ("grids", {"form": "yolo"}, {}, "no masks"),
        ("polygons", {"form": "yolo"}, {}, "polygons"),
        ("prototypes", {"form": "yolo", "extra": 5}, {"layout": "HW"}, "HW"),
    ],
)
def test_settings_without_sense(form, boxes, more, message):
    with pytest.raises(OptionError, match=message):
        InstanceDecoder(DetectionDecoder(outputs=("a",), iou=0.5, **boxes), "m", 0.5, form, **more)


@pytest.mark.parametrize("more", [{"form": "panoptic"}, {"threshold": 2.0}, {"most": 0}])
def test_mask_query_settings_without_sense(more):
    with pytest.raises(OptionError):
        MaskQueryDecoder("q", "m", **more)
