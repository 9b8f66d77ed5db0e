"""Results for other packages and back: rows of COCO results files, supervision."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError, MissingExtraError, OptionError
from belvedere.tasks.classification import ClassificationResult
from belvedere.tasks.detection import DetectionResult
from belvedere.tasks.interchange import coco_category_ids
from belvedere.tasks.label_sets import label_set
from belvedere.tasks.pose import COCO_KEYPOINTS, COCO_SKELETON, PoseResult
from belvedere.vision.rle import encode

IMAGE = np.full((40, 60, 3), 120, dtype=np.uint8)
LABELS = ("person", "dog", "cat")


def things(count=2, masks=False, seed=0):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 30, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 10, (count, 2))], axis=1).astype(np.float32)
    runs = tuple(encode(rng.random((40, 60)) > 0.7) for _ in range(count)) if masks else None
    scores = np.sort(rng.random(count)).astype(np.float32)[::-1]
    return DetectionResult(boxes, scores, rng.integers(0, 3, count), LABELS, IMAGE, "a.jpg", mask_runs=runs)


def people(count=2, seed=0, **more):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 40, (count, 17, 2)).astype(np.float32)
    scores = np.sort(rng.random((count, 17)).astype(np.float32), axis=0)[::-1]
    return PoseResult(points, scores, COCO_KEYPOINTS, COCO_SKELETON, 0.3, IMAGE, "a.jpg", **more)


@given(st.integers(0, 6), st.booleans(), st.integers(0, 99), st.sampled_from([None, (1, 18, 17), {0: 7, 1: 8, 2: 9}]))
def test_detections_come_back_from_coco(count, masks, seed, ids):
    result = things(count, masks, seed)
    rows = json.loads(json.dumps([*result.to_coco(5, ids), *things(1, masks).to_coco(6, ids)]))
    again = DetectionResult.from_coco(rows, IMAGE, LABELS, category_ids=ids, image_id=5, path="a.jpg")
    assert again.boxes_xyxy == pytest.approx(result.boxes_xyxy, abs=1e-4)
    assert again.scores.tolist() == result.scores.tolist()
    assert again.class_ids.tolist() == result.class_ids.tolist()
    assert (again.labels, again.path) == (result.labels, result.path)
    if masks and count:
        assert [one.counts.tolist() for one in again.masks] == [one.counts.tolist() for one in result.masks]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_rows_are_what_pycocotools_takes():
    pycocotools = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    result = things(masks=True)
    rows = result.to_coco("x.jpg", coco_category_ids(LABELS))
    assert [row["category_id"] for row in rows] == [(1, 18, 17)[number] for number in result.class_ids]
    for row, box, runs in zip(rows, result.boxes_xyxy, result.masks, strict=True):
        assert row["image_id"] == "x.jpg"
        assert row["bbox"] == pytest.approx([box[0], box[1], box[2] - box[0], box[3] - box[1]])
        assert np.array_equal(pycocotools.decode(row["segmentation"]).astype(bool), runs.to_mask())


def test_kinds_of_rows():
    result = things(masks=True)
    assert set(result.to_coco(1, kind="box")[0]) == {"image_id", "category_id", "bbox", "score"}
    assert set(result.to_coco(1, kind="mask")[0]) == {"image_id", "category_id", "segmentation", "score"}
    again = DetectionResult.from_coco(result.to_coco(1, kind="mask"), IMAGE, LABELS)
    assert again.boxes_xyxy.tolist() == [list(runs.box_xyxy) for runs in result.masks]
    with pytest.raises(OptionError, match="no masks"):
        things().to_coco(1, kind="mask")
    with pytest.raises(OptionError, match="box, mask"):
        things().to_coco(1, kind="polygons")


def test_ids_of_coco():
    ids = coco_category_ids(label_set("coco80"))
    assert (len(ids), ids[0], ids[16], ids[-1]) == (80, 1, 18, 90)
    with pytest.raises(OptionError, match="'wheel' is no class of COCO"):
        coco_category_ids(["person", "wheel"])
    with pytest.raises(OptionError, match="no id for class"):
        things(3).to_coco(1, (1,))
    with pytest.raises(OptionError, match="one id to two classes"):
        DetectionResult.from_coco([], IMAGE, category_ids=(1, 1))


GOOD = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"category_id": 9}, "row 1: unknown category_id 9"),
        ({"category_id": "1"}, "row 1: category_id"),
        ({"category_id": -1}, "row 1: category_id"),
        ({"category_id": True}, "row 1: category_id"),
        ({"bbox": [1, 2, 3]}, "row 1: bbox .* expected 4"),
        ({"bbox": [1, 2, -3, 4]}, "row 1: .*negative"),
        ({"bbox": [1, 2, float("nan"), 4]}, "row 1: bbox"),
        ({"bbox": None}, "row 1: bbox"),
        ({"score": None}, "row 1: score"),
        ({"score": float("inf")}, "row 1: score"),
        ({"segmentation": {"size": [40, 60], "counts": "abc"}}, "row 1: some rows have a segmentation"),
    ],
)
def test_rows_that_do_not_fit(changed, message):
    with pytest.raises(DatasetError, match=message):
        DetectionResult.from_coco([GOOD, {**GOOD, **changed}], IMAGE, category_ids=(1, 2))


def test_masks_that_do_not_fit():
    row = {**GOOD, "segmentation": {"size": [4, 6], "counts": "abc"}}
    with pytest.raises(DatasetError, match="COCO row 0: segmentation"):
        DetectionResult.from_coco([row], IMAGE)
    with pytest.raises(DatasetError, match="row 0: expected an object"):
        DetectionResult.from_coco([[1]], IMAGE)
    with pytest.raises(DatasetError, match="at most"):
        DetectionResult.from_coco([GOOD] * 100_001, IMAGE)


def test_boxes_that_reach_out_are_clipped():
    found = DetectionResult.from_coco([{**GOOD, "bbox": [-5, -5, 100, 10]}], IMAGE)
    assert found.boxes_xyxy.tolist() == [[0, 0, 60, 5]]


@given(st.integers(0, 4), st.integers(0, 99))
def test_people_come_back_from_coco(count, seed):
    result = people(count, seed)
    rows = json.loads(json.dumps(result.to_coco(3)))
    again = PoseResult.from_coco(rows, IMAGE, path="a.jpg")
    order = np.argsort(-result.scores, kind="stable")
    assert again.keypoints_xy.tolist() == result.keypoints_xy[order].tolist()
    assert again.keypoint_scores.tolist() == result.keypoint_scores[order].tolist()
    assert again.scores.tolist() == result.scores[order].tolist()
    assert again.boxes_xyxy.tolist() == result.boxes_xyxy[order].tolist()


def test_rows_of_people():
    (row, _) = people().to_coco(3)
    assert set(row) == {"image_id", "category_id", "keypoints", "score"}
    assert (row["category_id"], len(row["keypoints"])) == (1, 51)
    rows = [{**one, "bbox": [1, 2, 100, 5]} for one in people().to_coco(3)]
    assert PoseResult.from_coco(rows, IMAGE).boxes_xyxy.tolist() == [[1, 2, 60, 7]] * 2
    with pytest.raises(DatasetError, match=r"row 0: keypoints .* expected 51"):
        PoseResult.from_coco([{**row, "keypoints": [1, 2, 3]}], IMAGE)
    with pytest.raises(DatasetError, match="row 0: unknown category_id 2"):
        PoseResult.from_coco([{**row, "category_id": 2}], IMAGE)


def test_boxes_and_scores_of_people():
    given = people(person_scores=np.array([0.9, 0.8], np.float32), person_boxes_xyxy=np.full((2, 4), 9, np.float32))
    assert given.scores.tolist() == pytest.approx([0.9, 0.8])
    assert given.boxes_xyxy.tolist() == [[9] * 4] * 2
    unseen = PoseResult(
        np.array([[[5, 6], [90, 7]]], np.float32), np.zeros((1, 2), np.float32), ("a", "b"), (), 0.3, IMAGE
    )
    assert unseen.boxes_xyxy.tolist() == [[5, 6, 60, 7]]  # of all joints where none is visible, clipped
    assert np.array_equal(np.asarray(unseen.draw()), IMAGE)
    for wrong in ({"person_scores": np.zeros(3)}, {"person_boxes_xyxy": np.zeros((2, 3))}):
        with pytest.raises(OptionError):
            people(**wrong)


def test_supervision_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    for result in (things(), people(), ClassificationResult(np.ones(2, np.float32), (), IMAGE)):
        with pytest.raises(MissingExtraError, match=r"\[supervision\]"):
            result.to_supervision()


def test_what_supervision_gets(monkeypatch):
    module = types.ModuleType("supervision")
    module.Detections = lambda **fields: fields
    module.KeyPoints = lambda **fields: fields
    monkeypatch.setitem(sys.modules, "supervision", module)
    result = things(masks=True)
    fields = result.to_supervision()
    assert np.array_equal(fields["xyxy"], result.boxes_xyxy)
    assert fields["mask"].shape == (2, 40, 60)
    assert np.array_equal(fields["mask"][1], result.mask(1))
    assert fields["confidence"].tolist() == result.scores.tolist()
    assert fields["class_id"].tolist() == result.class_ids.tolist()
    assert fields["data"]["class_name"].tolist() == [found.label for found in result]
    assert things().to_supervision()["mask"] is None
    assert np.array_equal(people().to_supervision()["xy"], people().keypoints_xy)


def test_supervision_itself():
    supervision = pytest.importorskip("supervision", reason="the package supervision is not installed")
    result = things(masks=True)
    found = result.to_supervision()
    assert isinstance(found, supervision.Detections)
    assert list(found.data["class_name"]) == [one.label for one in result]
    assert supervision.MaskAnnotator().annotate(IMAGE.copy(), found).shape == IMAGE.shape
    assert len(found.with_nms(threshold=0.5)) <= len(result)
    joints = people().to_supervision()
    assert isinstance(joints, supervision.KeyPoints)
    assert joints.xy.shape == (2, 17, 2)
    drawn = supervision.EdgeAnnotator(edges=[(a + 1, b + 1) for a, b in COCO_SKELETON]).annotate(IMAGE.copy(), joints)
    assert (drawn != IMAGE).any()
    classes = ClassificationResult(np.array([0.2, 0.8], np.float32), ("a", "b"), IMAGE).to_supervision()
    assert classes.get_top_k(1)[0].tolist() == [1]
