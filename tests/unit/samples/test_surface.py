from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.samples.lettering import text_strokes, text_width
from belvedere.samples.lighting import Light, shade
from belvedere.samples.placing import Sprite, footprint, paste
from belvedere.samples.surface import Paint, Surface, box_blur
from belvedere.samples.textures import noise

SQUARE = (-4.0, -4.0, 4.0, 4.0)


@settings(max_examples=40, deadline=None)
@given(width=st.floats(0.3, 5), height=st.floats(0.3, 5), x=st.floats(-1, 1), y=st.floats(-1, 1), round_=st.booleans())
def test_shapes_have_their_area_and_place(width, height, x, y, round_):
    surface = Surface.blank(SQUARE, 20)
    if round_:
        surface.ellipse(x, y, width / 2, height / 2, Paint())
        area = math.pi * width * height / 4
    else:
        surface.rectangle(x, y, width, height, Paint())
        area = width * height
    slack = (width + height) * 0.03 + 0.01
    assert surface.alpha.sum() / 400 == pytest.approx(area, abs=slack)
    grid_x, grid_y = surface.grid()
    assert (surface.alpha * grid_x).sum() / surface.alpha.sum() == pytest.approx(x, abs=0.03)
    assert (surface.alpha * grid_y).sum() / surface.alpha.sum() == pytest.approx(y, abs=0.03)


def test_shapes_beside_the_surface_leave_it_alone():
    surface = Surface.blank(SQUARE, 10)
    surface.ellipse(40, 0, 1, 1, Paint((255, 0, 0), 1.0))
    assert not surface.alpha.any()


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-2, 2), y=st.floats(-2, 2), degrees=st.floats(-360, 360))
def test_a_turned_part_keeps_its_area_and_goes_where_it_should(x, y, degrees):
    drawing = Surface.blank((-1.5, -1.0, 1.5, 1.0), 20)
    drawing.rectangle(0.5, 0.0, 1.6, 1.2, Paint((200, 200, 200), 0.5, 1.0, 0.0))
    surface = Surface.blank((-5, -5, 5, 5), 20)
    sprite = Sprite.of(drawing)
    cover = footprint(surface, sprite, x, y, degrees)
    assert cover.sum() / 400 == pytest.approx(1.6 * 1.2, rel=0.03)
    angle = math.radians(degrees)
    grid_x, grid_y = surface.grid()
    assert (cover * grid_x).sum() / cover.sum() == pytest.approx(x + 0.5 * math.cos(angle), abs=0.03)
    assert (cover * grid_y).sum() / cover.sum() == pytest.approx(y - 0.5 * math.sin(angle), abs=0.03)
    window, alpha = paste(surface, sprite, x, y, degrees)
    assert np.array_equal(cover[window], alpha)
    assert surface.height.max() == pytest.approx(0.5, abs=0.01)


def test_a_tall_part_throws_its_shadow_away_from_the_lamp():
    surface = Surface.blank(SQUARE, 20)
    surface.rectangle(0, 0, 8, 8, Paint((120, 120, 120), 0.0, 0.0, 0.0))
    surface.rectangle(0, 0, 1, 1, Paint((120, 120, 120), 2.0))
    picture = shade(surface, Light(math.pi, 0.8, 0.4, 8)).mean(axis=2)  # the lamp is on the left
    left, right = picture[80, 80 - 22], picture[80, 80 + 22]
    assert right < 0.75 * left


def test_noise_is_centred_and_box_blur_keeps_the_mean():
    plane = noise((200, 200), 6, np.random.default_rng(0), 2)
    assert abs(float(plane.mean())) < 0.15
    assert float(plane.std()) == pytest.approx(1, abs=0.3)
    flat = np.full((20, 30), 3.0, np.float32)
    assert box_blur(flat, 3) == pytest.approx(flat)
    assert box_blur(plane, 4).shape == plane.shape


def test_text_is_as_wide_as_it_says_and_turns_about_its_middle():
    points = np.array([point for line in text_strokes("HELLO 0", 3, 2, 6) for point in line])
    assert np.ptp(points[:, 0]) == pytest.approx(text_width("HELLO 0", 6))
    assert np.ptp(points[:, 1]) == pytest.approx(6)
    turned = np.array([point for line in text_strokes("HELLO 0", 3, 2, 6, 1) for point in line])
    assert turned[:, 0] - 3 == pytest.approx(points[:, 1] - 2)
    assert turned[:, 1] - 2 == pytest.approx(-(points[:, 0] - 3))
    assert text_strokes("", 0, 0, 1) == []
    assert text_width("", 1) == 0
