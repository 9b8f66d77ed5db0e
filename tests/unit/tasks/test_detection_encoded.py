from __future__ import annotations

import math

import numpy as np
import pytest

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.detection.formats import read_rows
from belvedere.tasks.detection.priors import (
    PriorMap,
    prior_boxes,
    retinanet_priors,
    tensorflow_priors,
    torchvision_priors,
)
from belvedere.tasks.detection.rows import Reading
from belvedere.vision.placement import Placement

SIZE = (200, 100)
SAME = Placement(*SIZE, *SIZE, 1, 1)
IMAGE = np.zeros((100, 200, 3), np.uint8)
MAPS = (PriorMap(3, 2, ((0.3, 0.4), (0.1, 0.2))), PriorMap(1, 1, ((0.8, 0.9),)))


def encoded(box, prior, variances):
    """SSD's codes of a box (Liu et al. 2016, equation 2, over the variances), both corners 0..1 and centre, size."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    w, h = box[2] - box[0], box[3] - box[1]
    return [
        (x - prior[0]) / prior[2] / variances[0],
        (y - prior[1]) / prior[3] / variances[1],
        math.log(w / prior[2]) / variances[2],
        math.log(h / prior[3]) / variances[3],
    ]


def example(variances=(0.1, 0.1, 0.2, 0.2), seed=0):
    rng = np.random.default_rng(seed)
    priors = prior_boxes(MAPS)
    low = rng.uniform(0, 0.5, (len(priors), 2))
    boxes = np.concatenate([low, low + rng.uniform(0.05, 0.5, low.shape)], axis=1)
    codes = np.array([encoded(box, prior, variances) for box, prior in zip(boxes, priors, strict=True)])
    return boxes, codes, rng.normal(0, 2, (len(priors), 4)), priors


def test_priors_lie_cell_by_cell():
    assert prior_boxes(MAPS)[:4] == pytest.approx(
        np.array([[1 / 6, 0.25, 0.3, 0.4], [1 / 6, 0.25, 0.1, 0.2], [0.5, 0.25, 0.3, 0.4], [0.5, 0.25, 0.1, 0.2]])
    )
    assert len(prior_boxes(MAPS)) == sum(map(len, MAPS)) == 13


@pytest.mark.parametrize("written", ["made", "corners", "centers", "caffe"])
def test_ssd_finds_the_boxes_that_were_encoded(written):
    boxes, codes, numbers, priors = example()
    arrays, more = [codes, numbers], {"priors": MAPS}
    edges = np.concatenate([priors[:, :2] - priors[:, 2:] / 2, priors[:, :2] + priors[:, 2:] / 2], axis=1)
    if written == "corners":
        arrays, more = [codes, numbers, edges], {}
    elif written == "centers":
        arrays, more = [codes, numbers, priors], {"priors_as": "centers"}
    elif written == "caffe":  # flat, with the variances in a second row
        rows = np.stack([edges.ravel(), np.tile([0.1, 0.1, 0.2, 0.2], len(priors))])
        arrays, more = [codes.ravel(), numbers.ravel(), rows], {"variances": (1.0, 1.0, 1.0, 1.0)}
    reading = Reading(SIZE, activation="softmax", background="first", **more)
    found = read_rows("ssd-raw", [np.asarray(array, np.float32) for array in arrays], reading)
    chances = np.exp(numbers) / np.exp(numbers).sum(axis=1, keepdims=True)
    assert found.scores == pytest.approx(chances[:, 1:].ravel(), rel=1e-4)
    assert found.class_ids.tolist() == [0, 1, 2] * 13
    assert found.places.tolist() == np.repeat(np.arange(13), 3).tolist()
    assert found.boxes_xyxy[::3] == pytest.approx(boxes * [200, 100, 200, 100], abs=1e-2)


def test_priors_in_an_output_may_lack_the_axis_of_pictures():
    _, codes, numbers, priors = example()
    decoder = DetectionDecoder(
        "ssd-raw", ("c", "n", "p"), threshold=0.0, iou=1.0, most=999, priors_as="centers", background="first"
    )
    chances = np.exp(numbers) / np.exp(numbers).sum(axis=1, keepdims=True)
    alone, batched = (
        decode_detection({"c": codes[None], "n": chances[None], "p": given}, decoder, SAME, IMAGE)
        for given in (priors, priors[None])
    )
    assert len(alone) == 39
    assert np.array_equal(alone.boxes_xyxy, batched.boxes_xyxy)


def test_tensorflow_writes_y_first_and_sigmoids():
    boxes, codes, numbers, priors = example()
    turned = codes[:, [1, 0, 3, 2]].astype(np.float32)
    reading = Reading(SIZE, priors=MAPS, box_order="yxhw", activation="sigmoid", background="first")
    found = read_rows("ssd-raw", [turned, numbers.astype(np.float32)], reading)
    assert found.scores == pytest.approx((1 / (1 + np.exp(-numbers[:, 1:]))).ravel(), rel=1e-4)
    assert found.boxes_xyxy[::3] == pytest.approx(boxes * [200, 100, 200, 100], abs=1e-2)
    anchors = priors[:, [1, 0, 3, 2]]
    again = Reading(SIZE, box_order="yxhw", priors_as="centers", activation="sigmoid", background="first")
    found = read_rows("ssd-raw", [turned, numbers.astype(np.float32), anchors], again)
    assert found.boxes_xyxy[::3] == pytest.approx(boxes * [200, 100, 200, 100], abs=1e-2)


def test_each_class_of_a_prior_is_suppressed_by_itself():
    codes, numbers = np.zeros((1, 13, 4)), np.full((1, 13, 4), -9.0)
    numbers[0, 4, 1:3] = [2.0, 1.0]
    numbers[0, 5, 1] = 1.5  # the smaller prior of the same cell
    outputs = {"c": codes, "n": numbers, "extra": codes}
    decoder = DetectionDecoder(
        "ssd-raw", ("c", "n"), iou=0.1, priors=MAPS, activation="sigmoid", background="first", labels=("a", "b", "c")
    )
    found = decode_detection(outputs, decoder, SAME, IMAGE)
    assert [thing.label for thing in found] == ["a", "b"]
    assert found.boxes_xyxy[0] == pytest.approx(found.boxes_xyxy[1])


def test_published_numbers_of_priors():
    assert sum(map(len, tensorflow_priors())) == 1917  # SSD MobileNet at 300
    sides = [(side, side) for side in (38, 19, 10, 5, 3, 1)]
    ssd300 = torchvision_priors((300, 300), sides, ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)))
    assert sum(map(len, ssd300)) == 8732
    first = prior_boxes(ssd300)[:4]
    # The SSD paper's first map: 8 pixels apart, 21 wide (0.07 of 300), between 21 and 45, and 2:1.
    assert first[:, :2] * 300 == pytest.approx(np.full((4, 2), 4.0), abs=1e-4)
    wanted = [[21, 21], [math.sqrt(21 * 45)] * 2, [21 * math.sqrt(2), 21 / math.sqrt(2)]]
    assert first[:3, 2:] * 300 == pytest.approx(np.array(wanted), abs=1e-3)
    assert sum(map(len, retinanet_priors((640, 480)))) == 9 * (80 * 60 + 40 * 30 + 20 * 15 + 10 * 8 + 5 * 4)


def test_tensorflows_scales():
    """The scales of ssd_anchor_generator: 0.2 to 0.95 in six steps; 0.1 and two of 2:1 and 1:2 in the first map."""
    maps = tensorflow_priors()
    assert maps[0].sizes[0] == pytest.approx((0.1, 0.1))
    assert maps[0].sizes[1] == pytest.approx((0.2 * math.sqrt(2), 0.2 / math.sqrt(2)))
    assert maps[1].sizes[0] == pytest.approx((0.35, 0.35))
    assert maps[1].sizes[-1] == pytest.approx((math.sqrt(0.35 * 0.5),) * 2)
    assert maps[-1].sizes[-1] == pytest.approx((math.sqrt(0.95),) * 2)


def test_retinanets_anchors_are_whole_pixels():
    boxes = prior_boxes(retinanet_priors((256, 256))) * 256
    # Base size 32, ratio 1:2 (height to width), at the first cell's corner: 45 x 23 rounds to +-23, +-11.
    assert boxes[0] == pytest.approx([0, 0, 46, 22], abs=1e-3)
    assert boxes[3] == pytest.approx([0, 0, 32, 32], abs=1e-3)
    assert boxes[9, :2] == pytest.approx([8, 0], abs=1e-3)


def read_detr(logits, boxes, **more):
    return read_rows("detr", [logits.astype(np.float32), boxes.astype(np.float32)], Reading(SIZE, **more))


def test_detr_by_hand():
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    boxes = np.array([[0.5, 0.5, 0.2, 0.4], [0.25, 0.5, 0.5, 1.0]])
    soft = read_detr(logits, boxes, activation="softmax", background="last")
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert soft.scores == pytest.approx([chances[0, 0], chances[1, 1]])
    assert soft.boxes_xyxy == pytest.approx(np.array([[80, 30, 120, 70], [0, 0, 100, 100]]))
    sharp = read_detr(logits, boxes, activation="sigmoid")
    assert sharp.class_ids.tolist() == [1, 0]  # the two highest of six pairs
    assert sharp.places.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("form", "arrays", "more", "message"),
    [
        ("detr", [np.zeros((1, 3, 5)), np.zeros((1, 2, 4))], {}, "3 queries with classes and 2 with boxes"),
        ("detr", [np.zeros((1, 3, 1)), np.zeros((1, 3, 4))], {"background": "last"}, "class numbers of queries"),
        ("detr", [np.zeros((1, 3)), np.zeros((1, 3, 4))], {}, "class numbers of queries"),
        ("detr", [np.full((1, 3, 5), np.nan), np.zeros((1, 3, 4))], {}, "not finite"),
        ("detr", [np.zeros((1, 3, 5)), np.full((1, 3, 4), np.inf)], {}, "not finite"),
        ("detr", [np.zeros((1, 3, 5)), np.zeros((1, 3, 5))], {}, "'b' .* expected 4 numbers"),
        ("ssd-raw", [np.zeros((1, 13, 5)), np.zeros((1, 13, 5))], {"priors": MAPS}, "box codes have shape"),
        ("ssd-raw", [np.zeros((1, 12, 4)), np.zeros((1, 12, 5))], {"priors": MAPS}, "12 box codes, 13 prior boxes"),
        ("ssd-raw", [np.zeros((1, 13, 4)), np.zeros((1, 14, 5))], {"priors": MAPS}, "class numbers of shape"),
        ("ssd-raw", [np.zeros((1, 2, 4)), np.zeros((1, 2, 5)), np.arange(16.0).reshape(1, 2, 8)], {}, "differ"),
    ],
)
def test_outputs_that_do_not_fit(form, arrays, more, message):
    names = ("a", "b", "c")[: len(arrays)]
    decoder = DetectionDecoder(form, names, iou=None if form == "detr" else 0.5, **more)
    with pytest.raises(EngineError, match=message):
        decode_detection(dict(zip(names, arrays, strict=True)), decoder, SAME, IMAGE)


@pytest.mark.parametrize(
    "more",
    [
        {"variances": (0.1, 0.1, 0.2)},
        {"variances": (0.1, 0.1, 0.2, 0.0)},
        {"box_order": "xyxy"},
        {"activation": "relu"},
        {"background": "middle"},
        {"priors_as": "sides"},
        {"priors": ()},
    ],
)
def test_settings_without_sense(more):
    with pytest.raises(OptionError):
        DetectionDecoder("ssd-raw", ("a", "b"), iou=0.5, **{"priors": MAPS, **more})


@pytest.mark.parametrize(
    "given",
    [{"columns": 0}, {"sizes": ()}, {"sizes": ((0.1, -0.1),)}, {"pitch": (0.0, 0.1)}],
)
def test_prior_maps_without_sense(given):
    with pytest.raises(OptionError):
        PriorMap(**{"columns": 1, "rows": 1, "sizes": ((0.1, 0.1),), **given})
