from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.decode import decode
from belvedere.vision.encode import jpeg_bytes, png_bytes
from unit.vision.pictures import scene

GREY = scene()[..., 1]


@pytest.mark.parametrize("array", [scene(), scene()[:, ::-1], GREY, GREY > 99])
def test_png_is_lossless_and_repeatable(array):
    expected = array * 255 if array.dtype == bool else array
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    assert np.array_equal(decode(png_bytes(array)), expected)
    assert png_bytes(array) == png_bytes(array)


def test_jpeg_gets_closer_and_larger_with_quality():
    sizes, errors = [], []
    for quality in (20, 60, 95):
        data = jpeg_bytes(scene(200, 160), quality)
        sizes.append(len(data))
        errors.append(np.abs(decode(data).astype(int) - scene(200, 160)).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert decode(jpeg_bytes(GREY)).shape == (24, 40, 3)


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_out_of_range(quality):
    with pytest.raises(OptionError, match="1 to 100"):
        jpeg_bytes(scene(), quality)


@pytest.mark.parametrize("array", [scene() / 2, scene()[None], scene()[..., :2], scene()[:0], np.zeros(3, np.uint8)])
def test_other_arrays_are_refused(array):
    for encode in (png_bytes, jpeg_bytes):
        with pytest.raises(ImageError, match="cannot encode"):
            encode(array)


def test_jpeg_too_wide():
    with pytest.raises(ImageError, match="65535"):
        jpeg_bytes(np.zeros((1, 65536), np.uint8))
