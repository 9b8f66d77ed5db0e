from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.vision.label_places import place_labels
from belvedere.vision.plates import fit_plate

BOXES = st.lists(st.tuples(*[st.floats(-20, 600)] * 4), max_size=30)


def plate(text, width=400, height=300, scale=0.8):
    return fit_plate([text], width, height, share=1.0, scale=scale)


def overlap(first, second):
    sides = [min(first[i + 2], second[i + 2]) - max(first[i], second[i]) for i in (0, 1)]
    return max(0, sides[0]) * max(0, sides[1])


@settings(max_examples=80, deadline=None)
@given(st.integers(30, 500), st.integers(30, 400), BOXES, st.booleans())
def test_labels_stay_inside_and_never_cover_each_other(width, height, boxes, captioned):
    one = plate("stain 0.93", width, height)
    taken = [(0.0, 0.0, width / 2, height / 4)] if captioned else []
    variants = [[] if one is None else [one]] * len(boxes)
    found = place_labels(variants, boxes, taken, width, height)
    assert len(found) == len(boxes)
    places = [placed.plate.xyxy(placed.x, placed.y) for placed in found if placed is not None]
    for number, place in enumerate(places):
        assert 0 <= place[0] < place[2] <= width
        assert 0 <= place[1] < place[3] <= height
        assert not any(overlap(place, other) for other in (*taken, *places[:number]))
    assert sum(overlap(place, place) for place in places[1:]) <= 0.25 * width * height


def test_the_usual_place_is_above_the_upper_left_corner():
    one = plate("dog 0.93")
    (found,) = place_labels([[one]], [(100, 100, 200, 200)], [], 400, 300)
    assert (found.x, found.y) == (100, 100 - one.height)


def test_where_nothing_is_above_it_goes_below_and_leaves_other_boxes_free():
    one = plate("dog 0.93")
    (below,) = place_labels([[one]], [(100, 0, 150, 30)], [], 400, 300)
    assert below.y == 30
    crowded = [(100, 100, 200, 200), (0, 40, 400, 99)]
    first, _ = place_labels([[one], []], crowded, [], 400, 300)
    assert first.y == 200


def test_the_first_label_is_served_first_and_the_last_goes_without():
    one, short = plate("dog 0.93", 90, 40), plate("dog", 90, 40)
    boxes = [(30, 20, 50, 35)] * 12
    found = place_labels([[one, short]] * 12, boxes, [], 90, 40)
    assert found[0] is not None
    assert found[0].plate is one
    assert found[-1] is None


def test_a_taken_picture_has_no_room():
    one = plate("dog 0.93")
    assert place_labels([[one], [one]], [(10, 10, 60, 60)] * 2, [(0, 0, 400, 300)], 400, 300) == [None, None]


def test_no_labels_at_all():
    assert place_labels([[], []], [(0, 0, 9, 9)] * 2, [], 40, 30) == [None, None]
    assert place_labels([], np.zeros((0, 4)), [], 40, 30) == []
