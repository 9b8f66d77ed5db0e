from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.draw import canvas_of
from belvedere.vision.overlay import paint_area, paint_classes, paint_legend
from belvedere.vision.skeleton import paint_skeleton

GRAY = np.full((60, 90, 3), 100, dtype=np.uint8)


def test_an_area_is_tinted_and_the_rest_is_not():
    picture = canvas_of(GRAY)
    mask = np.zeros((60, 90), dtype=bool)
    mask[10:20, 30:50] = True
    paint_area(picture, mask, "#FF0000", 0.5)
    pixels = np.asarray(picture)
    assert np.array_equal(pixels[~mask], GRAY[~mask])
    assert np.abs(pixels[mask].astype(int) - (178, 50, 50)).max() <= 1


def test_classes_get_their_colours():
    picture = canvas_of(GRAY)
    classes = np.zeros((60, 90), dtype=np.int16)
    classes[:, 45:] = 7
    classes[:5] = -1
    paint_classes(picture, classes, {7: "#00FF00"}, 1.0)
    pixels = np.asarray(picture)
    assert np.all(pixels[5:, 45:] == (0, 255, 0))
    assert np.all(pixels[:, :45] == 100)
    assert np.all(pixels[:5] == 100)


@pytest.mark.parametrize("shape", [(60, 91), (59, 90)])
def test_maps_of_another_size(shape):
    with pytest.raises(ImageError, match="expected"):
        paint_area(canvas_of(GRAY), np.zeros(shape, bool), "#FF0000", 0.5)
    with pytest.raises(ImageError, match="expected"):
        paint_classes(canvas_of(GRAY), np.zeros(shape, np.int16), {}, 0.5)


def test_a_legend_stays_inside_and_small_pictures_get_none():
    wide = canvas_of(np.full((300, 400, 3), 100, dtype=np.uint8))
    paint_legend(wide, [(f"class {i}", "#0000FF") for i in range(40)])
    assert (np.asarray(wide) != 100).any()
    tiny = canvas_of(GRAY[:8, :8])
    paint_legend(tiny, [("class", "#0000FF")])
    assert np.array_equal(np.asarray(tiny), GRAY[:8, :8])


def test_bones_are_drawn_where_both_ends_are_shown():
    points = np.array([[10.0, 10.0], [80.0, 10.0], [80.0, 50.0], [1e30, -1e30]])
    picture = canvas_of(GRAY)
    paint_skeleton(picture, points, np.array([True, True, False, False]), [(0, 1), (1, 2), (2, 3)], "#FF0000")
    changed = (np.asarray(picture) != 100).any(axis=2)
    assert changed[10, 45]
    assert not changed[30].any()
    paint_skeleton(picture, points, np.ones(4, bool), [(0, 3)], "#FF0000")  # far beyond the picture: still fast


def test_enlarging():
    assert canvas_of(GRAY, 3).size == (270, 180)
    with pytest.raises(OptionError, match="scale"):
        canvas_of(GRAY, 0)
