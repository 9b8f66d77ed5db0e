"""COCO's figures against pycocotools, on random and on real truths."""

from __future__ import annotations

import json

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.detection import coco
from belvedere.tasks.detection.average_precision import accumulate
from belvedere.tasks.detection.coco import CocoMeter
from belvedere.tasks.detection.compared import Found, Truth
from belvedere.vision.rle import encode, from_coco
from unit.tasks.coco_reference import random_pictures, reference

DETECTION = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100")
DETECTION += ("ar_small", "ar_medium", "ar_large")
KEYPOINTS = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar20", "ar50", "ar75", "ar_medium", "ar_large")
A, B, FAR = [0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]


def meter_of(pictures, kind, classes, **options):
    meter = CocoMeter(kind, classes, **options)
    for found, truth in pictures:
        meter.add(found, truth)
    return meter


def assert_equal(pictures, kind, classes, **options):
    """Every number that pycocotools computes, not only the twelve that it prints."""
    expected = reference(pictures, kind, classes, **options)
    meter = meter_of(pictures, kind, classes)
    found = meter.metrics()
    names = KEYPOINTS if kind == "keypoints" else DETECTION
    ours = [-1 if getattr(found, name) is None else getattr(found, name) for name in names]
    np.testing.assert_allclose(ours, expected.stats, rtol=0, atol=1e-9)
    curves = accumulate(meter._verdicts, meter._rules)
    np.testing.assert_allclose(curves.precision, expected.eval["precision"][..., -1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(curves.scores, expected.eval["scores"][..., -1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(curves.recall, expected.eval["recall"], rtol=0, atol=1e-9)
    return found, expected


@pytest.mark.parametrize("kind", ["box", "mask", "keypoints"])
@pytest.mark.parametrize("seed", range(6))
def test_random_pictures(kind, seed):
    rng = np.random.default_rng([seed, len(kind)])
    classes = 1 + seed % 4
    pictures = random_pictures(rng, kind, 12, classes, levels=(4, 1000)[seed % 2])
    found, expected = assert_equal(pictures, kind, classes)
    assert found.ap > 0.01
    assert found.pictures == 12
    for class_, figures in found.per_class.items():
        precision = expected.eval["precision"][:, :, class_, 0, -1]
        assert figures.ap == pytest.approx(precision.mean())
        assert (figures.ap50, figures.ap75) == pytest.approx((precision[0].mean(), precision[5].mean()))
        assert figures.precision == pytest.approx(precision[0])
        recall = figures.ar20 if kind == "keypoints" else figures.ar100
        assert recall == pytest.approx(expected.eval["recall"][:, class_, 0, -1].mean())
    without = [c for c in range(classes) if expected.eval["precision"][0, 0, c, 0, -1] == -1]
    assert sorted(found.per_class) == [c for c in range(classes) if c not in without]


def test_many_detections_and_few_scores():
    # More than a hundred of a picture and class, nearly all of equal score: places among equals decide.
    rng = np.random.default_rng(11)
    pictures = random_pictures(rng, "box", 5, 2, most=180, size=(150, 150), levels=3)
    assert max(np.bincount(found.class_ids).max() for found, _ in pictures) > 100
    assert_equal(pictures, "box", 2)


def test_many_people():
    rng = np.random.default_rng(12)
    pictures = random_pictures(rng, "keypoints", 6, 1, most=40)
    assert max(len(found.scores) for found, _ in pictures) > 20
    assert_equal(pictures, "keypoints", 1)


def test_figures_do_not_depend_on_how_many_pictures_are_judged_together(monkeypatch):
    pictures = random_pictures(np.random.default_rng(13), "box", 20, 3)
    together = meter_of(pictures, "box", 3).metrics()
    monkeypatch.setattr(coco, "_AT_ONCE", 1)
    monkeypatch.setattr("belvedere.tasks.detection.overlaps._BLOCK", 3)
    one_by_one = meter_of(pictures, "box", 3).metrics()
    assert [getattr(one_by_one, name) for name in DETECTION] == [getattr(together, name) for name in DETECTION]


def test_metrics_may_be_asked_in_between():
    pictures = random_pictures(np.random.default_rng(14), "box", 8, 2)
    meter = meter_of(pictures[:4], "box", 2)
    assert meter.metrics().pictures == 4
    for found, truth in pictures[4:]:
        meter.add(found, truth)
    assert meter.metrics().ap == meter_of(pictures, "box", 2).metrics().ap


def disturbed(rng, boxes, ids, classes):
    """Detections near true boxes, and some that are not."""
    boxes, ids = np.concatenate([boxes, boxes, boxes[:1]]), np.concatenate([ids, ids, ids[:1]])
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    found = boxes + rng.normal(0, 1, boxes.shape) * size * rng.choice([0.01, 0.05, 0.3], (len(boxes), 1))
    ids = np.where(rng.random(len(ids)) < 0.85, ids, rng.integers(0, classes, len(ids)))
    return np.sort(found.reshape(-1, 2, 2), axis=1).reshape(-1, 4), ids, rng.random(len(ids)).round(2)


def test_boxes_of_blood_cells(shared_folder):
    rng, pictures = np.random.default_rng(15), []
    content = json.loads((shared_folder / "data/detection/bccd/val.json").read_text())
    numbers = {row["id"]: number for number, row in enumerate(content["categories"])}
    for image in content["images"]:
        own = [row for row in content["annotations"] if row["image_id"] == image["id"]]
        boxes = np.array([row["bbox"] for row in own], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        ids = np.array([numbers[row["category_id"]] for row in own], int)
        found, found_ids, scores = disturbed(rng, boxes, ids, len(numbers))
        areas = [row.get("area", row["bbox"][2] * row["bbox"][3]) for row in own]
        pictures.append((Found(scores, found_ids, found), Truth(ids, boxes, areas=areas)))
    metrics, _ = assert_equal(pictures, "box", len(numbers))
    assert metrics.truths == len(content["annotations"])


def test_masks_of_car_parts(shared_folder):
    """True polygons; detections are true masks of other parts, moved and grown."""
    rng, pictures = np.random.default_rng(16), []
    content = json.loads((shared_folder / "data/car-parts/val.json").read_text())
    numbers = {row["id"]: number for number, row in enumerate(content["categories"])}
    for image in content["images"][:12]:
        own = [row for row in content["annotations"] if row["image_id"] == image["id"]]
        truth = [from_coco(row["segmentation"], image["height"], image["width"]) for row in own]
        ids = np.array([numbers[row["category_id"]] for row in own], int)
        masks = [np.roll(mask.to_mask(), rng.integers(-8, 9, 2), axis=(0, 1)) for mask in truth * 2]
        found_ids = np.where(rng.random(len(masks)) < 0.8, np.tile(ids, 2), rng.integers(0, len(numbers), len(masks)))
        found = Found(rng.random(len(masks)).round(2), found_ids, masks=[encode(mask) for mask in masks])
        pictures.append((found, Truth(ids, masks=truth, areas=[row["area"] for row in own])))
    sizes = {(image["width"], image["height"]) for image in content["images"][:12]}
    assert len(sizes) > 1
    metrics, _ = assert_equal(pictures, "mask", len(numbers))
    assert metrics.ap > 0.1


def judged(boxes, scores, ids, truth, truth_ids, classes=6, **flags):
    return meter_of([(Found(scores, ids, boxes), Truth(truth_ids, truth, **flags))], "box", classes).metrics()


def test_all_found():
    found = judged([A, B], [0.9, 0.8], [0, 1], [A, B], [0, 1])
    assert (found.ap, found.ap50, found.ap75, found.ar1, found.ar100) == pytest.approx((1, 1, 1, 1, 1))
    assert (found.pictures, found.truths, found.ar20, found.ap_large) == (1, 2, None, None)
    assert {class_: figures.ap for class_, figures in found.per_class.items()} == pytest.approx({0: 1.0, 1: 1.0})
    assert found.per_class[0].truths == 1


def test_a_false_one_between_two_right_ones():
    found = judged([A, FAR, B], [0.9, 0.8, 0.7], [0, 0, 0], [A, B], [0, 0])
    # Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: of the 101 recalls 51 read 1 and 50 read 2/3.
    assert found.ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found.ar100 == 1
    assert found.per_class[0].scores.tolist() == [0.9] * 51 + [0.7] * 50


def test_overlap_decides_by_threshold():
    # Half of A: overlap 0.5 counts at the threshold 0.50 alone. 0.8 counts at seven of the ten.
    assert judged([[0, 0, 10, 5]], [0.9], [0], [A], [0]).ap == pytest.approx(0.1)
    found = judged([[0, 0, 10, 8]], [0.9], [0], [A], [0])
    assert (found.ap, found.ap50, found.ap75) == pytest.approx((0.7, 1, 1))


def test_a_second_hit_on_the_same_box_is_false():
    found = judged([A, A], [0.9, 0.8], [0, 0], [A, B], [0, 0])
    assert found.ap == pytest.approx(51 / 101)  # recall one half, precision 1 up to there
    assert found.ar100 == pytest.approx(0.5)


def test_ignored_boxes_count_neither_way():
    found = judged([A, B, FAR], [0.7, 0.9, 0.8], [0, 0, 0], [A, B], [0, 0], ignore=[False, True])
    # B is taken by an ignored box; FAR is false and comes before A.
    assert found.ap == pytest.approx(0.5)
    assert found.truths == 1
    alone = judged([B], [0.9], [0], [B], [0], ignore=[True])
    assert (alone.ap, alone.ar100, alone.per_class) == (None, None, {})


def test_a_crowd_may_be_taken_many_times_by_share_of_the_detection():
    crowd = [0, 0, 100, 100]
    inside = [[50, 50, 60, 60], [70, 70, 80, 80]]  # overlap with the crowd's union is small
    found = judged([*inside, A], [0.9, 0.8, 0.7], [0, 0, 0], [crowd, A], [0, 0], crowd=[True, False])
    assert found.ap == pytest.approx(1)


def test_classes():
    assert set(judged([A, FAR], [0.9, 0.99], [0, 5], [A], [0]).per_class) == {0}
    never = judged([A], [0.9], [0], [A, B], [0, 1])
    assert never.ap == pytest.approx(0.5)
    assert never.per_class[1].ap == 0


def test_only_the_hundred_best_of_a_picture_and_class():
    boxes, scores = [FAR] * 100 + [A], [0.9] * 100 + [0.1]
    assert judged(boxes, scores, [0] * 101, [A], [0]).ar100 == 0
    found = judged(boxes[1:], scores[1:], [0] * 100, [A], [0])
    assert (found.ar100, found.ar10, found.ar1) == (1, 0, 0)


def test_sizes():
    found = judged([A], [0.9], [0], [A], [0], areas=[2000])
    # The annotated area says medium; the detection's own says small, but it is taken by a medium truth.
    assert (found.ap, found.ap_medium) == pytest.approx((1, 1))
    assert (found.ap_small, found.ap_large) == (None, None)
    wrong = judged([A, FAR], [0.5, 0.9], [0, 0], [A], [0], areas=[2000])
    assert wrong.ap == pytest.approx(0.5)
    assert wrong.ap_medium == pytest.approx(1)  # the false one is small and does not count there


def test_nothing():
    assert CocoMeter("box", 3).metrics().ap is None
    found = judged(np.zeros((0, 4)), [], [], [A], [0])
    assert (found.ap, found.ar100) == (0, 0)
    empty = judged([A], [0.9], [0], np.zeros((0, 4)), [])
    assert (empty.ap, empty.pictures) == (None, 1)
    both = judged([], [], [], [], [])
    assert (both.ap, both.pictures) == (None, 1)
    for kind in ("mask", "keypoints"):
        meter = CocoMeter(kind, 1)
        meter.add(Found([], [], masks=[], keypoints_xy=[]), Truth([], masks=[], keypoints=[], areas=[]))
        assert (meter.metrics().ap, meter.metrics().truths) == (None, 0)


def test_keypoints_of_another_layout():
    truth = Truth([0], keypoints=[[[10, 10, 2], [20, 20, 0]]], areas=[400.0])
    meter = meter_of(
        [(Found([0.9], [0], keypoints_xy=[[[10, 10], [90, 90]]]), truth)], "keypoints", 1, sigmas=[0.1, 0.1]
    )
    assert meter.metrics().ap == pytest.approx(1)  # the joint that is not labelled does not count
    assert meter.metrics().ar100 is None
    assert meter.metrics().ap_small is None


def test_people_without_labelled_joints_count_neither_way():
    bare = Truth([0], boxes_xyxy=[[0, 0, 40, 40]], keypoints=np.zeros((1, 17, 3)))
    inside = Found([0.9], [0], keypoints_xy=np.full((1, 17, 2), 20.0))
    assert meter_of([(inside, bare)], "keypoints", 1).metrics().truths == 0
    seen = np.dstack([np.full((1, 17, 2), 300.0), np.ones((1, 17))])
    both = Truth([0, 0], [[0, 0, 40, 40], [280, 280, 320, 320]], keypoints=np.concatenate([np.zeros((1, 17, 3)), seen]))
    points = np.concatenate([inside.keypoints_xy, seen[..., :2]])
    found = meter_of([(Found([0.9, 0.8], [0, 0], keypoints_xy=points), both)], "keypoints", 1).metrics()
    assert (found.ap, found.truths) == (pytest.approx(1), 1)


def test_masks_without_annotated_areas():
    mask = encode(np.ones((40, 40)))
    found = meter_of([(Found([0.9], [0], masks=[mask]), Truth([0], masks=[mask]))], "mask", 1).metrics()
    assert (found.ap, found.ap_medium) == pytest.approx((1, 1))
    assert found.ap_small is None


@pytest.mark.parametrize(
    ("found", "truth", "message"),
    [
        (Found([0.9, 0.8], [0], [A]), Truth([0], [A]), "class ids of detections, 1"),
        (Found([0.9], [0], [A, B]), Truth([0], [A]), "boxes of detections have shape"),
        (Found([0.9], [0]), Truth([0], [A]), "no boxes of detections"),
        (Found([0.9], [0], [A]), Truth([0, 1], [A]), "boxes of truths"),
        (Found([0.9], [0], [A]), Truth([0]), "no boxes of truths"),
        (Found([np.nan], [0], [A]), Truth([0], [A]), "score 0 is not a finite number"),
        (Found([0.9, np.inf], [0, 0], [A, B]), Truth([0], [A]), "score 1 is not a finite number"),
        (Found([0.9], [0], [[0, 0, np.nan, 1]]), Truth([0], [A]), "row 0"),
        (Found([0.9], [6], [A]), Truth([0], [A]), "expected 0 to 5"),
        (Found([0.9], [0], [A]), Truth([-1], [A]), "expected 0 to 5"),
        (Found([0.9], [0.0], [A]), Truth([0], [A]), "whole numbers"),
        (Found([0.9], [0], [A]), Truth([0], [A], areas=[1, 2]), "2 areas for 1"),
        (Found([0.9], [0], [A], areas=[np.nan]), Truth([0], [A]), "area 0"),
        (Found([0.9], [0], [A]), Truth([0], [A], crowd=[True, False]), "2 flags"),
    ],
)
def test_arguments_are_checked(found, truth, message):
    with pytest.raises(OptionError, match=message):
        CocoMeter("box", 6).add(found, truth)


def test_other_arguments_are_checked():
    small, large = encode(np.ones((2, 2))), encode(np.ones((3, 2)))
    with pytest.raises(OptionError, match="differ in size"):
        CocoMeter("mask", 1).add(Found([1], [0], masks=[small]), Truth([0], masks=[large]))
    with pytest.raises(OptionError, match="2 masks for 1"):
        CocoMeter("mask", 1).add(Found([1], [0], masks=[small, small]), Truth([], masks=[]))
    with pytest.raises(OptionError, match="neither areas nor boxes"):
        CocoMeter("keypoints", 1).add(Found([], []), Truth([0], keypoints=np.ones((1, 17, 3))))
    with pytest.raises(OptionError, match="keypoints of detections"):
        CocoMeter("keypoints", 1).add(Found([1], [0], keypoints_xy=np.ones((1, 16, 2))), Truth([], keypoints=[]))
    with pytest.raises(OptionError, match="kind"):
        CocoMeter("bbox", 1)
    with pytest.raises(OptionError, match="0 classes"):
        CocoMeter("box", 0)
    with pytest.raises(OptionError, match="sigmas"):
        CocoMeter("keypoints", 1, sigmas=[0.1, 0])
