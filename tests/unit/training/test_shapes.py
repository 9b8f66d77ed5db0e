"""Notes about pictures and regions that do not fit the others."""

from __future__ import annotations

import pytest

from belvedere.training.anomaly.shapes import odd_shapes, stretched_region, usual_size

USUAL = {f"normal/{index:02}.png": (480, 360) for index in range(20)}


def test_pictures_that_are_alike_need_no_word() -> None:
    assert odd_shapes(USUAL) == []
    assert odd_shapes({}) == []
    assert odd_shapes({"only": (1, 5000)}) == []


@pytest.mark.parametrize("size", [(360, 480), (1600, 1200), (160, 120), (300, 600)])
def test_what_real_sets_hold_is_not_named(size: tuple[int, int]) -> None:
    assert odd_shapes({**USUAL, "normal/x.png": size}) == []


@pytest.mark.parametrize("size", [(1, 1), (100, 15000), (15000, 100), (48, 36), (4800, 3600)])
def test_far_ones_are_named_with_their_size(size: tuple[int, int]) -> None:
    (note,) = odd_shapes({**USUAL, "normal/x.png": size})
    assert note.startswith("1 picture is ")
    assert "480 x 360" in note
    assert f"'normal/x.png' ({size[0]} x {size[1]})" in note


def test_many_are_counted() -> None:
    (note,) = odd_shapes({**USUAL, **{f"tiny/{index}.png": (8, 6) for index in range(5)}})
    assert note.startswith("5 pictures are ")
    assert note.count("(8 x 6)") == 3
    assert note.endswith("and 2 more")


def test_the_usual_size_is_one_of_the_sizes() -> None:
    assert usual_size([(480, 360)] * 3 + [(1, 1), (9000, 10)]) == (480, 360)


def test_a_region_of_other_proportions() -> None:
    assert stretched_region((240, 180), [(480, 360)] * 3) == []
    assert stretched_region((481, 360), [(480, 360)] * 3) == []
    (note,) = stretched_region((100, 100), [(480, 360)] * 3)
    assert "100 x 100" in note
    assert "480 x 360" in note
