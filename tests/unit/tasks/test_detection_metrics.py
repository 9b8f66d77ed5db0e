from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.tasks.detection import DetectionMeter

A, B, FAR = [0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]


def measured(boxes, scores, ids, truth, truth_ids, **flags):
    meter = DetectionMeter()
    meter.add(boxes, scores, ids, truth, truth_ids, **flags)
    return meter.metrics()


def test_all_found():
    found = measured([A, B], [0.9, 0.8], [0, 1], [A, B], [0, 1])
    assert (found.map, found.map50, found.map75, found.recall) == pytest.approx((1, 1, 1, 1))
    assert (found.pictures, found.boxes) == (1, 2)
    assert found.classes == pytest.approx({0: 1.0, 1: 1.0})


def test_a_false_one_between_two_right_ones():
    found = measured([A, FAR, B], [0.9, 0.8, 0.7], [0, 0, 0], [A, B], [0, 0])
    # Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: of the 101 recalls 51 read 1 and 50 read 2/3.
    assert found.map == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found.recall == 1


def test_a_false_one_in_front():
    found = measured([FAR, A], [0.9, 0.8], [0, 0], [A], [0])
    assert found.map == pytest.approx(0.5)


def test_overlap_decides_by_threshold():
    # Half of A: overlap 0.5 counts at the threshold 0.50 alone. 0.8 counts at seven of the ten.
    assert measured([[0, 0, 10, 5]], [0.9], [0], [A], [0]).map == pytest.approx(0.1)
    found = measured([[0, 0, 10, 8]], [0.9], [0], [A], [0])
    assert found.map == pytest.approx(0.7)
    assert (found.map50, found.map75) == pytest.approx((1, 1))


def test_a_second_hit_on_the_same_box_is_false():
    found = measured([A, A], [0.9, 0.8], [0, 0], [A, B], [0, 0])
    assert found.map == pytest.approx(51 / 101)  # recall one half, precision 1 up to there
    assert found.recall == pytest.approx(0.5)


def test_the_better_detection_takes_the_box():
    loose = [0, 0, 10, 6]
    found = measured([loose, A], [0.5, 0.9], [0, 0], [A], [0])
    assert found.map == pytest.approx(1)


def test_ignored_boxes_count_neither_way():
    found = measured([A, B, FAR], [0.7, 0.9, 0.8], [0, 0, 0], [A, B], [0, 0], ignore=[False, True])
    # B is taken by an ignored box; FAR is false and comes before A.
    assert found.map == pytest.approx(0.5)
    assert found.boxes == 1
    alone = measured([B], [0.9], [0], [B], [0], ignore=[True])
    assert alone.map is None


def test_a_crowd_may_be_taken_many_times_by_share_of_the_detection():
    crowd = [0, 0, 100, 100]
    inside = [[50, 50, 60, 60], [70, 70, 80, 80]]  # overlap with the crowd's union is small
    found = measured([*inside, A], [0.9, 0.8, 0.7], [0, 0, 0], [crowd, A], [0, 0], crowd=[True, False])
    assert found.map == pytest.approx(1)


def test_classes_without_true_boxes_do_not_count():
    found = measured([A, FAR], [0.9, 0.99], [0, 5], [A], [0])
    assert found.map == pytest.approx(1)
    assert set(found.classes) == {0}


def test_classes_that_are_never_found_count():
    found = measured([A], [0.9], [0], [A, B], [0, 1])
    assert found.map == pytest.approx(0.5)
    assert found.classes[1] == 0


def test_only_the_hundred_best_of_a_picture_and_class():
    boxes = [FAR] * 100 + [A]
    scores = [0.9] * 100 + [0.1]
    assert measured(boxes, scores, [0] * 101, [A], [0]).recall == 0
    assert measured(boxes[1:], scores[1:], [0] * 100, [A], [0]).recall == 1


def test_pictures_are_ranked_together():
    meter = DetectionMeter()
    meter.add([FAR], [0.9], [0], [A], [0])
    meter.add([A], [0.8], [0], [A], [0])
    # One false one first: precision 0, 1/2 at recall 0, 1/2.
    assert meter.metrics().map == pytest.approx(51 * 0.5 / 101)


def test_nothing():
    assert DetectionMeter().metrics().map is None
    found = measured(np.zeros((0, 4)), [], [], [A], [0])
    assert (found.map, found.recall) == (0, 0)
    empty = measured([A], [0.9], [0], np.zeros((0, 4)), [])
    assert (empty.map, empty.pictures) == (None, 1)


@pytest.mark.parametrize(
    ("boxes", "scores", "ids", "truth", "truth_ids"),
    [([A], [0.9, 0.8], [0], [A], [0]), ([A], [0.9], [0], [A], [0, 1]), ([A], [np.nan], [0], [A], [0])],
)
def test_arguments_are_checked(boxes, scores, ids, truth, truth_ids):
    with pytest.raises(OptionError):
        measured(boxes, scores, ids, truth, truth_ids)
