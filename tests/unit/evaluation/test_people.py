from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance, KeypointLayout
from belvedere.evaluation import evaluate
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SIGMAS
from helpers.answers import poser

NAMES = ("nose", "left_knee", "right_knee")
SIGMAS = (0.05, 0.05, 0.05)
LAYOUT = KeypointLayout(NAMES, ((0, 1), (0, 2)), SIGMAS)
ANNA = np.array([(20, 10), (12, 60), (28, 60)], float)
BEN = ANNA + np.array((50, 0))


def person(points, visible=(2, 2, 2), **more):
    keypoints = np.column_stack([points, visible]).astype(np.float32)
    x, y = points[:, 0], points[:, 1]
    return Instance("person", (x.min() - 5, y.min() - 5, x.max() + 5, y.max() + 5), keypoints=keypoints, **more)


def one(answer, *instances, table, **facts):
    rows = [("1.png", {"instances": instances}, answer)]
    return table("pose", rows, threshold=0.25, **{"keypoints": LAYOUT, **facts})


def test_exact_joints_are_perfect(table):
    dataset, model = one(poser(NAMES, [ANNA, BEN], [0.9, 0.8]), person(ANNA), person(BEN), table=table)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.keypoint_ap, report.oks, report.pck) == (pytest.approx(1.0), 1.0, 1.0)
    assert (report.precision, report.recall) == (1.0, 1.0)
    assert report.per_joint["nose"] == {"truths": 2, "oks": 1.0, "pck": 1.0}
    assert list(report.per_class) == ["person"]
    assert report.classes is None


def test_one_joint_off_is_told_at_that_joint(table):
    moved = ANNA.copy()
    moved[1] += (0, 9)
    dataset, model = one(poser(NAMES, [moved], [0.9]), person(ANNA), table=table)
    report = evaluate(model, dataset, bootstrap=0)
    area = (28 - 12 + 10) * (60 - 10 + 10)
    alike = np.exp(-(9**2) / (2 * area * (2 * 0.05) ** 2))
    assert report.per_joint["left_knee"]["oks"] == pytest.approx(alike)
    assert report.per_joint["left_knee"]["pck"] == 0.0  # 9 is more than a tenth of 60
    assert report.per_joint["nose"]["oks"] == 1.0
    assert report.oks == pytest.approx((2 + alike) / 3)


def test_missed_people_count_for_joints_too(table):
    dataset, model = one(poser(NAMES, [ANNA], [0.9]), person(ANNA), person(BEN), table=table)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.recall, report.oks, report.pck) == (0.5, 0.5, 0.5)
    assert report.errors.counts["missed"] == 1
    assert [(item.group, item.caption) for item in report.gallery] == [("missed", "person missed")]


def test_joints_without_a_mark_and_crowds_do_not_count(table):
    off = ANNA.copy()
    off[2] += 40
    crowd = Instance("person", (50, 0, 100, 80), crowd=True)
    bare = person(BEN, visible=(0, 0, 0))
    dataset, model = one(poser(NAMES, [off, BEN], [0.9, 0.8]), person(ANNA, (2, 1, 0)), crowd, bare, table=table)
    report = evaluate(model, dataset, bootstrap=0)
    assert (report.keypoint_ap, report.precision) == (pytest.approx(1.0), 1.0)
    assert report.per_joint["right_knee"] == {"truths": 0, "oks": None, "pck": None}
    assert (report.counts.truths, report.counts.left_out) == (1, 2)


def test_joints_are_matched_by_name_in_any_order(table):
    names = ("Right-Knee", "tail", "nose")
    found = np.array([ANNA[2], (0, 0), ANNA[0]])
    dataset, model = one(poser(names, [found], [0.9]), person(ANNA), table=table)
    report = evaluate(model, dataset, bootstrap=0)
    assert list(report.per_joint) == ["nose", "right_knee"]
    assert report.oks == 1.0
    assert "left_knee" in report.notes[0]


def test_no_joint_in_common(table):
    dataset, model = one(poser(("tail",), [[(1, 1)]], [0.9]), person(ANNA), table=table)
    with pytest.raises(
        DatasetError, match=r"none of its joints\. The dataset has nose, left_knee, right_knee; .* tail"
    ):
        evaluate(model, dataset)


def test_sigmas_are_cocos_where_the_dataset_tells_none(table):
    shift = ANNA + np.array((2, 0))
    dataset, model = one(poser(NAMES, [shift], [0.9]), person(ANNA), table=table, keypoints=KeypointLayout(NAMES))
    report = evaluate(model, dataset, bootstrap=0)
    area = 26 * 60
    usual = dict(zip(COCO_KEYPOINTS, COCO_SIGMAS, strict=True))
    expected = [np.exp(-4 / (2 * area * (2 * usual[name]) ** 2)) for name in NAMES]
    assert report.oks == pytest.approx(np.mean(expected))
    assert report.notes == ()
    odd = ("nose", "left_paw", "right_paw")
    dataset, model = one(poser(odd, [shift], [0.9]), person(ANNA), table=table, keypoints=KeypointLayout(odd))
    assert "mean of COCO's sigmas" in evaluate(model, dataset, bootstrap=0).notes[0]


def test_the_surer_of_two_people_in_one_place_is_right(table):
    dataset, model = one(poser(NAMES, [ANNA, ANNA + 1], [0.9, 0.5]), person(ANNA), table=table)
    report = evaluate(model, dataset, bootstrap=0)
    assert report.errors.counts["duplicate"] == 1
    assert report.per_joint["nose"]["oks"] == 1.0
