from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.segmentation import SegmentationDecoder, SegmentationMeter, decode_segmentation
from belvedere.vision.preprocess import Preprocess
from belvedere.vision.rle import from_coco

LABELS = ("background", "cat", "dog")
IMAGE = np.full((40, 60, 3), 120, dtype=np.uint8)


def decode(values, preprocess=None, image=IMAGE, **settings):
    preprocess = preprocess or Preprocess(30, 20)
    decoder = SegmentationDecoder("out", **{"labels": LABELS, **settings})
    place = preprocess.placement(image.shape[1], image.shape[0])
    return decode_segmentation({"out": np.asarray(values)}, decoder, place, image, "a.jpg")


def scores_of(classes, count=3):
    """Score maps (1, C, h, w) whose highest is ``classes``."""
    return (np.arange(count)[:, None, None] == classes).astype(np.float32)[None] * 5


CLASSES = np.zeros((20, 30), dtype=np.int64)
CLASSES[:10, :15], CLASSES[10:, 20:] = 1, 2


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_scores_in_either_layout(layout):
    values = scores_of(CLASSES)
    result = decode(values if layout == "NCHW" else values.transpose(0, 2, 3, 1), layout=layout)
    assert np.array_equal(result.grid, CLASSES)
    assert np.array_equal(result.class_map, CLASSES.repeat(2, axis=0).repeat(2, axis=1))
    assert result.class_map.dtype == np.int16


@pytest.mark.parametrize("shape", [(1, 20, 30), (1, 1, 20, 30), (1, 20, 30, 1)])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_class_maps(shape, dtype):
    result = decode(CLASSES.reshape(shape).astype(dtype), form="classes")
    assert np.array_equal(result.grid, CLASSES)


@given(arrays(np.float32, (3, 4, 5), elements=st.sampled_from([-1.0, 0.0, 2.0])))
def test_the_first_class_wins_among_equals(maps):
    result = decode(maps[None], Preprocess(5, 4), IMAGE[:4, :5])
    assert np.array_equal(result.class_map, maps.argmax(axis=0))


def test_coarse_scores_are_enlarged_before_the_highest_is_taken():
    maps = np.zeros((1, 2, 1, 2), dtype=np.float32)
    maps[0, 1] = [[-1.0, 3.0]]  # passes 0 a quarter of the way between the two centres
    result = decode(maps, Preprocess(8, 4), IMAGE[:4, :8], labels=())
    # Centres of the cells lie at 2 and 6: the crossing is at 3.
    assert result.class_map[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_a_letterbox_is_undone():
    preprocess = Preprocess(30, 30, mode="letterbox")  # the picture fills rows 5 to 25
    grid = np.zeros((1, 30, 30), dtype=np.int64)
    grid[0, :5], grid[0, 25:], grid[0, 5:25, :15] = 2, 2, 1
    result = decode(grid, preprocess, form="classes")
    assert np.all(result.class_map[:, :30] == 1)
    assert np.all(result.class_map[:, 30:] == 0)
    assert [area.label for area in result.areas] == ["background", "cat"]


def test_what_a_crop_does_not_show_has_no_class():
    preprocess = Preprocess(20, 20, mode="crop", short=20)  # of 60 x 40 the middle 40 x 40
    result = decode(np.ones((1, 20, 20), np.int64), preprocess, form="classes")
    assert np.all(result.class_map[:, 10:50] == 1)
    assert np.all(result.class_map[:, :10] == -1)
    assert np.all(result.class_map[:, 50:] == -1)
    assert [(area.class_id, area.area) for area in result.areas] == [(1, 40 / 60)]


def test_areas_masks_dict():
    result = decode(CLASSES[None], form="classes", background=0)
    assert [(area.label, area.area) for area in result.areas] == [
        ("background", pytest.approx(350 / 600)),
        ("cat", pytest.approx(150 / 600)),
        ("dog", pytest.approx(100 / 600)),
    ]
    assert result.mask(2).sum() == 400
    plain = json.loads(json.dumps(result.to_dict()))
    assert (plain["path"], plain["task"], plain["width"], plain["height"]) == (
        "a.jpg",
        "semantic-segmentation",
        60,
        40,
    )
    assert [found["label"] for found in plain["classes"]] == ["background", "cat", "dog"]
    assert set(plain["classes"][0]) == {"label", "class_id", "area", "mask"}
    assert np.array_equal(from_coco(plain["classes"][2]["mask"], 40, 60).to_mask(), result.mask(2))


def test_drawing_leaves_background_alone():
    result = decode(CLASSES[None], form="classes", background=0)
    pixels = np.asarray(result.draw())
    assert np.all(pixels[30:, :38] == 120)
    assert (pixels[30, 50] != 120).any()
    assert result.draw(scale=3).size == (180, 120)
    with pytest.raises(OptionError):
        result.draw(scale=0)


def test_to_supervision_with_the_package():
    supervision = pytest.importorskip("supervision", reason="the package supervision is not installed")
    found = decode(CLASSES[None], form="classes", background=0).to_supervision()
    assert isinstance(found, supervision.Detections)
    assert list(found.data["class_name"]) == ["cat", "dog"]
    assert found.xyxy.tolist() == [[0, 0, 30, 20], [40, 20, 60, 40]]
    assert np.array_equal(found.mask[1], decode(CLASSES[None], form="classes").mask(2))


def test_pickling_leaves_out_what_was_derived():
    result = decode(CLASSES[None], form="classes")
    before = len(pickle.dumps(result))
    _ = result.class_map
    assert len(pickle.dumps(result)) == before
    assert np.array_equal(pickle.loads(pickle.dumps(result)).class_map, result.class_map)


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (np.zeros((1, 4, 20, 30)), {}, "4 classes.*expected 3"),
        (np.zeros((1, 1, 20, 30)), {"labels": ()}, "1 classes"),
        (np.zeros((1, 20, 30)), {}, "expected NCHW"),
        (np.full((1, 3, 20, 30), np.nan), {}, "not finite"),
        (np.full((1, 20, 30), 3), {"form": "classes"}, "classes 3 to 3"),
        (np.full((1, 20, 30), -1), {"form": "classes"}, "no classes"),
        (np.full((1, 20, 30), 1 << 40), {"form": "classes"}, "no classes"),
        (np.zeros((1, 2, 20, 30), int), {"form": "classes"}, r"class numbers \(1, h, w\)"),
    ],
)
def test_outputs_that_do_not_fit(values, settings, message):
    with pytest.raises(EngineError, match=message):
        decode(values, **settings)


def test_settings_are_checked():
    with pytest.raises(OptionError):
        SegmentationDecoder("out", form="logits")
    with pytest.raises(OptionError):
        SegmentationDecoder("out", layout="CHW")


def test_mean_iou_by_hand():
    truth = np.array([[0, 0, 1, 1], [0, 0, 1, 255]])
    predicted = np.array([[0, 1, 1, 1], [0, 0, 0, 1]])
    meter = SegmentationMeter(4)
    meter.add(predicted, truth)
    found = meter.metrics()
    # Class 0: 3 right of 4 true and 4 said, union 5. Class 1: 2 right of 3 true and 3 said, union 4.
    assert found.classes == pytest.approx({0: 3 / 5, 1: 2 / 4})
    assert found.mean_iou == pytest.approx((3 / 5 + 2 / 4) / 2)
    assert found.pixel_accuracy == pytest.approx(5 / 7)


def test_pictures_are_summed_and_unseen_pixels_are_wrong():
    meter = SegmentationMeter(3)
    meter.add(np.array([[0, 0]]), np.array([[0, 0]]))
    meter.add(np.array([[-1, 2]]), np.array([[0, 0]]))
    found = meter.metrics()
    assert found.pictures == 2
    assert found.classes == pytest.approx({0: 2 / 4, 2: 0})
    assert found.pixel_accuracy == pytest.approx(0.5)


def test_no_pixels():
    assert SegmentationMeter(2).metrics().mean_iou is None
    meter = SegmentationMeter(2)
    meter.add(np.array([[0]]), np.array([[255]]))
    assert meter.metrics().pixel_accuracy is None


@pytest.mark.parametrize(("predicted", "truth"), [([[2]], [[0]]), ([[0]], [[2]]), ([[0]], [[0, 0]]), ([[-2]], [[0]])])
def test_maps_are_checked(predicted, truth):
    with pytest.raises(OptionError):
        SegmentationMeter(2).add(np.array(predicted), np.array(truth))
    with pytest.raises(OptionError):
        SegmentationMeter(0)
