from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import OptionError
from belvedere.vision.resize import KERNELS, kernel, nearest_indices, resize_labels, resize_map, resize_rgb
from unit.vision.pictures import scene


def test_unknown_kernel():
    with pytest.raises(OptionError, match=r"area.*nearest"):
        kernel("area")
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
