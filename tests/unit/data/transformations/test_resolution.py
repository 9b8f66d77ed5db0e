"""Resolution: what is lost, by measure."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from belvedere.data.transformations.light import to_light
from belvedere.data.transformations.resolution import _BLOCK, blurred, coarsened, compressed, noisy

RNG = np.random.default_rng(0)


def test_coarse_pictures_have_no_more_detail_than_their_pixels():
    fine = np.zeros((64, 64, 3), np.uint8)
    fine[:, ::2] = 255  # stripes of one pixel vanish in pixels of four
    assert np.ptp(coarsened(fine, RNG, factor=4).astype(int)) <= 2
    wide = np.zeros((64, 64, 3), np.uint8)
    wide[:, (np.arange(64) // 16) % 2 == 1] = 255
    assert np.ptp(coarsened(wide, RNG, factor=4).astype(int)) > 200


def test_blur_spreads_a_point_by_its_standard_deviation():
    image = np.zeros((301, 401, 3), np.uint8)
    image[150 - 20 : 150 + 21, 200 - 20 : 200 + 21] = 255
    found = blurred(image, RNG, sigma=10)[150, :, 0].astype(float) / 255
    # The edge of a wide bar becomes the integral of the distribution; 16 % is one standard deviation before the edge.
    pixels = 10 / 1000 * np.hypot(301, 401)
    middle = found[200]
    crossing = np.interp(0.1587 * middle, found[100:200], np.arange(100, 200))
    assert 179.5 - crossing == pytest.approx(pixels, rel=0.08)


def test_blur_goes_by_the_size_of_the_picture():
    small = np.zeros((60, 80, 3), np.uint8)
    small[:, 40:] = 255
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    found = [blurred(image, RNG, sigma=20)[image.shape[0] // 2, :, 0].astype(float) for image in (small, large)]
    assert found[1].reshape(-1, 4).mean(axis=1) == pytest.approx(found[0], abs=8)


def test_compression_is_that_of_libjpeg(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=10, subsampling=2)
    with Image.open(tmp_path / "a.jpg") as saved:
        assert (compressed(image, RNG, quality=10) == np.asarray(saved)).all()


def test_compression_takes_pictures_that_are_too_long_for_jpeg():
    image = np.full((1, _BLOCK + 5, 3), 77, np.uint8)
    found = compressed(image, RNG, quality=50)
    assert found.shape == image.shape
    assert abs(int(found[0, -1, 0]) - 77) < 8


@pytest.mark.parametrize("value", [60, 128, 200])
def test_noise_has_the_variance_of_the_model(value):
    image = np.full((200, 200, 3), value, np.uint8)
    image[0, 0, 0] = 0 if value > 100 else 1  # else it counts as a monochrome picture
    image[0, 0, 1] = 255
    light = float(to_light(image)[5, 5, 0])
    found = to_light(noisy(image, np.random.default_rng(0), electrons=400, read=3))[1:].astype(float)
    assert found.mean() == pytest.approx(light, rel=0.02)
    assert found.std() == pytest.approx(np.sqrt(light * 400 + 9) / 400, rel=0.03)
    assert abs(np.corrcoef(found[..., 0].ravel(), found[..., 1].ravel())[0, 1]) < 0.05


def test_noise_of_a_monochrome_camera_has_no_colour():
    found = noisy(np.full((20, 20, 3), 128, np.uint8), RNG, electrons=100, read=3)
    assert (found[..., 0] == found[..., 1]).all()
    assert np.ptp(found.astype(int)) > 20
