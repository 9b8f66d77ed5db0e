"""Light: known values of exposure, tone and colour temperature."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.data.transformations.light import is_grey, to_light, to_values
from belvedere.data.transformations.lighting import exposed, glaring, shadowed, temperature_gains, tinted, toned

RNG = np.random.default_rng(0)


def test_values_survive_the_way_through_light():
    values = np.arange(256, dtype=np.uint8)
    assert (to_values(to_light(values)) == values).all()
    assert to_values(np.array([-1.0, 2.0])).tolist() == [0, 255]


def test_one_stop_doubles_the_light():
    # sRGB value 128 is 0.2158605 of white, twice that is value 176 (IEC 61966-2-1).
    assert exposed(np.full((1, 1, 3), 128, np.uint8), RNG, stops=1.0).ravel().tolist() == [176] * 3
    assert exposed(np.full((1, 1, 3), 176, np.uint8), RNG, stops=-1.0).ravel().tolist() == [128] * 3
    assert exposed(np.full((1, 1, 3), 240, np.uint8), RNG, stops=1.0).max() == 255


def test_tone_curves_keep_black_and_white():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    kinds = {
        tuple(toned(ramp, np.random.default_rng(seed), gamma=2.0)[0, (0, 64, 255), 0].tolist()) for seed in range(20)
    }
    assert kinds == {(0, 16, 255), (0, 128, 255)}


@pytest.mark.parametrize(
    ("kelvin", "warm"), [(1700, True), (2000, True), (3000, True), (5000, True), (9000, False), (25000, False)]
)
def test_low_temperatures_are_warm(kelvin, warm):
    red, green, blue = temperature_gains(kelvin)
    assert (red > green > blue) if warm else (red < green < blue)
    assert 0.2126 * red + 0.7152 * green + 0.0722 * blue == pytest.approx(1)


def test_daylight_is_neutral():
    assert temperature_gains(6504.0) == pytest.approx([1, 1, 1])


def test_the_colour_of_a_black_body_is_that_of_the_tables():
    # Wyszecki and Stiles, Color Science: a black body of 2856 K (illuminant A) has x = 0.4476, y = 0.4074.
    from belvedere.data.transformations.lighting import _black_body

    xyz = _black_body(2856)
    assert (xyz / xyz.sum())[:2] == pytest.approx([0.4476, 0.4074], abs=1e-3)


def test_monochrome_cameras_see_no_temperature():
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert is_grey(grey)
    assert (tinted(grey, RNG, kelvin=2800) == grey).all()
    colored = grey.copy()
    colored[0, 0] = 200, 10, 10
    found = tinted(colored, RNG, kelvin=2800)
    assert found[2, 2, 0] > 90 > found[2, 2, 2]


def test_a_shadow_leaves_the_share_of_light_and_the_rest_as_it_is():
    image = np.full((200, 300, 3), 188, np.uint8)
    found = to_light(shadowed(image, np.random.default_rng(1), light=0.25))
    whole = float(to_light(image)[0, 0, 0])
    assert found.min() == pytest.approx(0.25 * whole, rel=0.02)
    assert found.max() == pytest.approx(whole)
    dark = float((found < 0.3 * whole).mean())
    assert 0.1 < dark < 0.7


def test_glare_only_adds_light_and_burns_out_its_middle():
    image = np.full((200, 300, 3), 60, np.uint8)
    found = glaring(image, np.random.default_rng(1), radius=0.1, light=1.5)
    assert (found >= image).all()
    assert found.max() == 255
    assert to_light(found).min() - to_light(image).min() < 0.1, "far away hardly anything is added"
