from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import OptionError
from belvedere.vision.resize import (
    KERNEL_NAMES,
    KERNELS,
    check_kernel,
    nearest_indices,
    resize_labels,
    resize_map,
    resize_part,
    resize_rgb,
)
from unit.vision.pictures import scene


def test_unknown_kernel():
    with pytest.raises(OptionError, match=r"area.*nearest"):
        check_kernel("area")
    with pytest.raises(OptionError):
        resize_rgb(scene(), 40, 24, "area")  # even where there is nothing to do


@pytest.mark.parametrize("name", KERNELS)
def test_resize_rgb_is_pillows(name):
    expected = np.asarray(Image.fromarray(scene()).resize((13, 50), KERNELS[name]))
    assert np.array_equal(resize_rgb(scene(), 13, 50, name), expected)
    assert np.array_equal(resize_rgb(scene(), 40, 24, name), scene())


def test_resize_map_keeps_the_range_and_interpolates_between_centres():
    values = np.array([[0.0, 1.0]], dtype=np.float32)
    resized = resize_map(values, 4, 2)
    assert resized.dtype == np.float32
    assert resized.tolist() == [[0.0, 0.25, 0.75, 1.0]] * 2
    assert resize_map(values * 300 - 100, 4, 1).tolist() == [[-100.0, -25.0, 125.0, 200.0]]
    assert resize_map(values, 2, 1) is values


@given(st.integers(1, 300), st.integers(1, 300))
def test_nearest_indices(size, source):
    indices = nearest_indices(size, source)
    centres = (np.arange(size) + 0.5) * source / size
    assert len(indices) == size
    assert indices.min() >= 0
    assert indices.max() < source
    assert np.all((indices <= centres + 1e-9) & (centres <= indices + 1 + 1e-9))


def test_resize_labels_repeats_cells():
    labels = np.array([[0, 3], [7, 0]], dtype=np.uint8)
    assert np.array_equal(resize_labels(labels, 6, 4), labels.repeat(2, axis=0).repeat(3, axis=1))
    assert resize_labels(labels, 1, 1).shape == (1, 1)


def naive_linear(image, width, height):
    """OpenCV's INTER_LINEAR as its documentation states it: half-pixel centres, four neighbours, the edge repeated."""
    result = np.empty((height, width, 3), dtype=np.uint8)
    for y in range(height):
        for x in range(width):
            at = [
                min(max((cell + 0.5) * whole / size - 0.5, 0), whole - 1)
                for cell, whole, size in ((x, image.shape[1], width), (y, image.shape[0], height))
            ]
            (left, top), (u, v) = np.floor(at).astype(int), np.subtract(at, np.floor(at))
            right, bottom = min(left + 1, image.shape[1] - 1), min(top + 1, image.shape[0] - 1)
            upper = image[top, left] * (1 - u) + image[top, right] * u
            lower = image[bottom, left] * (1 - u) + image[bottom, right] * u
            result[y, x] = np.rint(upper * (1 - v) + lower * v)
    return result


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_linear_reads_the_four_nearest_pixels(w, h, width, height, seed):
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    found = resize_rgb(image, width, height, "linear").astype(int)
    assert np.abs(found - naive_linear(image, width, height)).max() <= 1  # float32 rounds halves either way


@pytest.mark.parametrize(
    ("source", "size"),
    [((500, 375), (416, 312)), ((768, 576), (416, 312)), ((40, 900), (33, 70)), ((31, 17), (640, 90))],
)
def test_linear_is_the_formula_in_float32_bit_for_bit(source, size):
    image = np.random.default_rng(0).integers(0, 256, (source[1], source[0], 3), dtype=np.uint8)
    (left, right, u), (top, bottom, v) = (
        nearest_pair(whole, wanted) for whole, wanted in zip(source, size, strict=True)
    )
    values = image.astype(np.float32)
    rows = values[:, left] + (values[:, right] - values[:, left]) * u[:, None]
    mixed = rows[top] + (rows[bottom] - rows[top]) * v[:, None, None]
    assert np.array_equal(resize_rgb(image, *size, "linear"), np.rint(mixed).astype(np.uint8))


def nearest_pair(whole, size):
    """For each cell the two nearest pixels and the share of the second, float32."""
    at = np.clip((np.arange(size) + 0.5) * (whole / size) - 0.5, 0, whole - 1)
    first = np.floor(at).astype(int)
    return first, np.minimum(first + 1, whole - 1), (at - first).astype(np.float32)


def test_linear_does_not_blur_when_it_shrinks():
    stripes = np.zeros((8, 8, 3), dtype=np.uint8)
    stripes[:, ::4] = 255
    shrunk = resize_rgb(stripes, 2, 2, "linear")
    assert not shrunk.any()  # between columns 1 and 2 of every four
    assert resize_rgb(stripes, 2, 2, "bilinear").any()


@pytest.mark.parametrize("name", KERNEL_NAMES)
def test_a_whole_part_is_the_whole(name):
    rgb = scene()
    assert np.array_equal(resize_part(rgb, (0, 0, 40, 24), 13, 9, name), resize_rgb(rgb, 13, 9, name))
    part = resize_part(rgb, (10, 5, 30, 15), 20, 10, name)
    assert np.array_equal(part, rgb[5:15, 10:30])


@pytest.mark.parametrize(("width", "height"), [(13, 9), (57, 41), (40, 24)])
def test_cubic_is_keys_interpolation_without_antialiasing(width, height):
    """Pixel by pixel, as OpenCV documents ``INTER_CUBIC``: 4x4 neighbours, a = -0.75, borders repeated."""
    picture = scene()
    rows, columns = picture.shape[:2]

    def weight(t):
        t, a = abs(t), -0.75
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0

    found = resize_rgb(picture, width, height, "cubic")
    assert found.shape == (height, width, 3)
    for y in range(0, height, 4):
        for x in range(0, width, 4):
            v, u = (y + 0.5) * rows / height - 0.5, (x + 0.5) * columns / width - 0.5
            total = np.zeros(3)
            for j in range(int(np.floor(v)) - 1, int(np.floor(v)) + 3):
                for i in range(int(np.floor(u)) - 1, int(np.floor(u)) + 3):
                    pixel = picture[min(max(j, 0), rows - 1), min(max(i, 0), columns - 1)]
                    total += weight(v - j) * weight(u - i) * pixel
            assert np.abs(found[y, x] - np.clip(total, 0, 255)).max() <= 0.51, (x, y)
