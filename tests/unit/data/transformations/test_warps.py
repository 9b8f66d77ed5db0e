"""Geometry: what is drawn at a point of the picture is found where the warp says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import OptionError
from belvedere.data.transformations import Lens, Perspective, Transformation, Window
from belvedere.data.transformations.showing import show, show_labels

MOVING = ("barrel", "pincushion", "perspective", "crop")

warps = st.builds(
    lambda name, level, width, height, seed: Transformation(name, level, seed).warp(width, height),
    st.sampled_from(MOVING),
    st.integers(1, 5),
    st.integers(30, 160),
    st.integers(30, 160),
    st.integers(0, 30),
)
any_size = st.builds(
    lambda name, level, width, height, seed: Transformation(name, level, seed).warp(width, height),
    st.sampled_from(MOVING),
    st.integers(1, 5),
    st.integers(1, 2000),
    st.integers(1, 2000),
    st.integers(0, 30),
)


def _border(size: tuple[int, int], count: int = 40) -> np.ndarray:
    width, height = size
    share = np.linspace(0, 1, count)
    zeros = np.zeros(count)
    sides = [(share, zeros), (share, zeros + 1), (zeros, share), (zeros + 1, share)]
    return np.concatenate([np.stack(side, axis=1) for side in sides]) * (width, height)


@given(warp=any_size, shares=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_back_and_forth_is_where_it_began(warp, shares):
    points = np.array(shares) * warp.size
    assert warp.forward(warp.backward(points)) == pytest.approx(points, abs=1e-6 * max(warp.size))


@given(warp=any_size)
@settings(max_examples=150, deadline=None)
def test_the_frame_shows_nothing_but_the_picture(warp):
    border = warp.backward(_border(warp.size))
    room = 1e-6 * max(warp.source)
    assert (border >= -room).all()
    assert (border <= np.array(warp.source) + room).all()


@given(warp=any_size)
@settings(max_examples=60, deadline=None)
def test_the_picture_is_no_smaller_than_it_must_be(warp):
    """Somewhere the border of the frame is the border of the picture; a window moves along it."""
    if isinstance(warp, Window):
        return
    border, source = warp.backward(_border(warp.size, 401)), np.array(warp.source)
    assert np.minimum(np.abs(border), np.abs(border - source)).min() < 0.01 * max(source)


@given(warp=warps, share=st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8)))
@settings(max_examples=80, deadline=None)
def test_a_dot_is_found_where_its_middle_goes(warp, share):
    width, height = warp.source
    middle = warp.backward(np.array([share]) * warp.size)[0]
    y, x = np.mgrid[:height, :width] + 0.5
    dot = 255 * np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * 1.5**2))
    found = show(np.repeat(dot[..., None], 3, axis=2).astype(np.uint8), warp)[..., 0].astype(float)
    expected = warp.forward(middle[None])[0]
    y, x = np.mgrid[: found.shape[0], : found.shape[1]] + 0.5
    near = np.hypot(x - expected[0], y - expected[1]) < 5
    weights = found * near
    assert weights.sum() > 0
    assert [(weights * x).sum() / weights.sum(), (weights * y).sum() / weights.sum()] == pytest.approx(
        expected, abs=0.35
    )


@given(warp=warps, seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_each_pixel_of_a_mask_is_that_of_the_picture(warp, seed):
    """The numbers of pixels, shown as a mask, are those in which the middles of the frame's pixels lie."""
    width, height = warp.source
    numbers = np.arange(width * height).reshape(height, width)
    found = show_labels(numbers, warp)
    assert found.shape == warp.size[::-1]
    rng = np.random.default_rng(seed)
    columns, rows = rng.integers(0, warp.size[0], 20), rng.integers(0, warp.size[1], 20)
    back = warp.backward(np.stack([columns, rows], axis=1) + 0.5)
    known = np.clip(np.floor(back), 0, (width - 1, height - 1)).astype(int)
    on_edge = (np.abs(back - np.rint(back)) < 1e-3).any(axis=1)
    assert ((found[rows, columns] == numbers[known[:, 1], known[:, 0]]) | on_edge).all()


@given(warp=warps)
@settings(max_examples=40, deadline=None)
def test_masks_lie_on_the_things_that_they_mark(warp):
    width, height = warp.source
    mask = np.zeros((height, width), bool)
    mask[height // 3 : 2 * height // 3, width // 4 : 3 * width // 4] = True
    image = np.repeat((mask * np.uint8(255))[..., None], 3, axis=2)
    painted, shown = show(image, warp)[..., 0], show_labels(mask, warp)
    clear = (painted == 0) | (painted == 255)
    assert ((painted == 255) == shown)[clear].all()
    assert clear.mean() > 0.5


@pytest.mark.parametrize("k1", [-0.3, -0.1, 0.1, 0.5])
def test_a_lens_moves_points_by_its_polynomial(k1):
    lens = Lens((300, 400), k1, k2=0.05)
    half, middle = 250.0, np.array([150.0, 200.0])
    point = middle + half * np.array([[0.3, 0.4]])  # r = 0.5
    expected = middle + half * np.array([[0.3, 0.4]]) * (1 + k1 * 0.25 + 0.05 * 0.0625) * lens.zoom
    assert lens.forward(point) == pytest.approx(expected)
    assert lens.forward(middle[None]) == pytest.approx(middle[None])


def test_a_barrel_keeps_corners_and_a_pincushion_the_nearest_sides():
    corner, side = np.array([[0.0, 0.0]]), np.array([[200.0, 0.0]])
    assert Lens((400, 300), -0.2).forward(corner) == pytest.approx(corner)
    assert Lens((400, 300), 0.2).forward(side) == pytest.approx(side)
    assert Lens((400, 300), -0.2).forward(side)[0, 1] < -1, "the middle of a side leaves the frame of a barrel"
    assert (Lens((400, 300), 0.2).forward(corner) < -1).all()


def test_straight_lines_bow_outwards_in_a_barrel():
    line = np.array([[100.0, 60.0], [200.0, 60.0], [300.0, 60.0]])
    barrel, pincushion = (Lens((400, 300), k1).forward(line)[:, 1] for k1 in (-0.2, 0.2))
    assert barrel[1] < barrel[0]
    assert barrel[1] < barrel[2]
    assert pincushion[1] > pincushion[0]


@pytest.mark.parametrize(("k1", "k2"), [(-0.4, 0.0), (0.0, -0.3)])
def test_a_lens_that_folds_is_refused(k1, k2):
    with pytest.raises(OptionError, match="folds the picture over"):
        Lens((10, 10), k1, k2)


def test_perspective_shows_as_pillow_does():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:60, :80]
    image = np.stack([2 * x + 40, 3 * y + 20, (x + y) % 17 * 8 + 50], axis=-1).astype(np.uint8)
    for _ in range(5):
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (80.0, 60.0)
        corners += rng.uniform(0, 12, (4, 2)) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        warp = Perspective((80, 60), corners)
        own = show(image, warp)
        coefficients = warp.matrix.ravel()[:8]
        theirs = Image.fromarray(image).transform(
            (80, 60), Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BILINEAR
        )
        assert np.abs(own.astype(int) - np.asarray(theirs)).max() <= 1
        assert warp.backward(np.array([[0, 0], [80, 0], [80, 60], [0, 60]], float)) == pytest.approx(corners)


def test_a_window_is_cut_out_exactly():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    warp = Window((30, 20), 4, 3, (11, 12))
    assert (show(image, warp) == image[3:15, 4:15]).all()
    assert (show_labels(image[..., 0], warp) == image[3:15, 4:15, 0]).all()


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(OptionError, match="an array of 5 x 4 pixels: the warp is for 4 x 5"):
        show(np.zeros((4, 5, 3), np.uint8), Lens((4, 5), 0.1))
