"""Annotations follow the pixels, and what the frame does not show is dropped, clipped or ignored as stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance, Polygons, polygon_area
from belvedere.data.transformations import Transformation, Window, follow
from belvedere.data.transformations.following import clip_polygon
from belvedere.data.transformations.showing import show_labels
from belvedere.vision.rle import RunLengths, encode, from_polygons
from helpers.instances import square, thing

MOVING = ("barrel", "pincushion", "perspective", "crop")
WINDOW = Window((40, 30), 10, 5, (20, 20))

warps = st.builds(
    lambda name, level, width, height, seed: Transformation(name, level, seed).warp(width, height),
    st.sampled_from(MOVING),
    st.integers(1, 5),
    st.integers(40, 160),
    st.integers(40, 160),
    st.integers(0, 30),
)


def _blob(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A polygon without spikes, which masks of whole pixels would break off; parts of it maybe beyond the border."""
    turns = np.linspace(0, 2 * np.pi, int(rng.integers(7, 14)), endpoint=False) + rng.uniform(0, 1)
    reach = rng.uniform(0.25, 0.4, len(turns)) * min(width, height)
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    return middle + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)


def _star(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A polygon without crossings around a place in the picture, parts of it maybe beyond the border."""
    # One corner in each sector: with a gap of half a turn the last edge could cross the others.
    count = int(rng.integers(5, 12))
    turns = (np.arange(count) + rng.uniform(0, 0.9, count)) * (2 * np.pi / count)
    reach = rng.uniform(0.15, 0.45, len(turns)) * min(width, height)
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    return middle + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)


@given(warp=warps, seed=st.integers(0, 1000))
@settings(max_examples=120, deadline=None)
def test_outlines_masks_and_boxes_agree(warp, seed):
    """A thing with an outline, and the same one with a mask, cover the same pixels of the frame."""
    width, height = warp.source
    corners = _blob(np.random.default_rng(seed), width, height)
    mask = from_polygons([corners], height, width)
    if mask.area < 60:
        return
    outline = follow([Instance("a", (0, 0, 1, 1), Polygons((corners,)))], warp)
    masked = follow([Instance("a", (0, 0, 1, 1), mask)], warp)
    shown = show_labels(mask.to_mask(), warp)
    assert bool(masked) == bool(shown.any())
    if shown.sum() < 60:
        return
    assert isinstance(masked[0].shape, RunLengths)
    assert (masked[0].shape.to_mask() == shown).all()
    painted = outline[0].run_lengths(*shown.shape).to_mask()
    # They may differ along the outline only, by the pixels of the picture, which the frame may enlarge.
    inner, outer = (
        ndimage.binary_erosion(shown, iterations=2),
        ndimage.binary_dilation(shown, iterations=2),
    )
    assert painted[inner].all()
    assert not painted[~outer].any()
    assert outline[0].box_xyxy == pytest.approx(masked[0].box_xyxy, abs=3.0)


@given(warp=warps, seed=st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_the_box_of_a_round_thing_is_around_its_pixels(warp, seed):
    """What fills the ellipse in its box gets the box around it, from the box alone."""
    width, height = warp.source
    rng = np.random.default_rng(seed)
    half, middle = rng.uniform(6, 16, 2), rng.uniform(0.3, 0.7, 2) * (width, height)
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    outline = middle + half * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    if (outline < 0).any() or (outline > warp.source).any():
        return
    box = (*(middle - half), *(middle + half))
    alone = follow([Instance("a", box)], warp)
    known = follow([Instance("a", box, Polygons((outline,)))], warp)
    assert len(alone) == len(known)
    if known:
        assert alone[0].ignore == known[0].ignore
        # A box is cut at the frame, an ellipse may end before the corner that is left.
        inner, outer = np.array(known[0].box_xyxy), np.array(alone[0].box_xyxy)
        whole = (inner > 0).all() and (inner < [*warp.size, *warp.size]).all()
        assert (outer[:2] <= inner[:2] + 0.5).all()
        assert (outer[2:] >= inner[2:] - 0.5).all()
        assert not whole or outer == pytest.approx(inner, abs=0.5)


@given(warp=warps, shares=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_keypoints_go_where_points_go(warp, shares):
    points = np.array(shares) * warp.source
    keypoints = np.column_stack([points, np.full(len(points), 2)]).astype(np.float32)
    whole = Instance("person", (0, 0, *warp.source), keypoints=keypoints)
    found = follow([whole], warp)[0].keypoints
    moved = warp.forward(np.asarray(keypoints[:, :2], np.float64))
    shown = ((moved >= 0) & (moved <= warp.size)).all(axis=1) & (keypoints[:, :2] <= warp.source).all(axis=1)
    assert (found[:, 2] == np.where(shown, 2, 0)).all()
    assert found[shown, :2] == pytest.approx(moved[shown], abs=1e-3)
    assert not found[~shown].any()
    assert found.dtype == np.float32


@given(seed=st.integers(0, 2000), width=st.integers(5, 60), height=st.integers(5, 60))
@settings(max_examples=120, deadline=None)
def test_clipping_keeps_what_is_inside(seed, width, height):
    rng = np.random.default_rng(seed)
    corners = _star(rng, width, height) * rng.uniform(0.5, 2)
    clipped = clip_polygon(corners, width, height)
    if len(clipped) >= 3:
        assert (clipped >= 0).all()
        assert (clipped <= (width, height)).all()
        # By pixels of a canvas that holds all of the polygon, in quarters of a pixel.
        room = int(np.abs(corners).max()) + 5
        canvas = from_polygons([4 * (corners + room)], 8 * room, 8 * room).to_mask()
        part = canvas[4 * room : 4 * (room + height), 4 * room : 4 * (room + width)]
        assert polygon_area(clipped) == pytest.approx(part.sum() / 16, rel=0.04, abs=2.0)


def test_clipping_leaves_nothing_of_what_is_outside():
    assert len(clip_polygon(np.array([[50.0, 2], [60, 2], [60, 9]]), 40, 30)) < 3
    inside = np.array([[1.0, 2], [30, 2], [20, 25]])
    assert (clip_polygon(inside, 40, 30) == inside).all()
    cut = clip_polygon(np.array([[30.0, 10], [50, 10], [50, 20], [30, 20]]), 40, 30)
    assert polygon_area(cut) == 100


@pytest.mark.parametrize("shaped", [True, False])
@pytest.mark.parametrize(
    ("box", "expected", "ignored"),
    [
        ((15, 10, 25, 20), (5, 5, 15, 15), False),
        ((0, 5, 40, 25), (0, 0, 20, 20), False),
        ((5, 10, 15, 20), (0, 5, 5, 15), False),
        ((0, 10, 12, 20), (0, 5, 2, 15), True),
        ((0, 10, 9, 20), None, None),
        ((30, 10, 39, 20), None, None),
        ((-4, 8, 18, 28), (0, 3, 8, 20), False),
    ],
)
def test_things_at_the_border_are_clipped_ignored_or_dropped(shaped, box, expected, ignored):
    instance = thing("a", *box, id=7) if shaped else Instance("a", box, id=7)
    found = follow([instance], WINDOW)
    if expected is None:
        assert found == ()
        return
    assert found[0].box_xyxy == pytest.approx(expected)
    assert (found[0].ignore, found[0].id, found[0].crowd) == (ignored, 7, False)


def test_a_mask_is_judged_by_its_own_pixels():
    mask = np.zeros((30, 40), bool)
    mask[10:20, 0:14] = True  # 4 of 14 columns are in the window
    mask[10:20, 35:37] = True
    found = follow([Instance("a", (0, 10, 37, 20), encode(mask), crowd=True, area=80.0)], WINDOW)[0]
    assert found.box_xyxy == (0, 5, 4, 15)
    assert found.crowd
    assert not found.ignore  # 40 of 160 pixels are a quarter
    assert found.area == pytest.approx(80 * 40 / 160)


def test_declared_areas_grow_with_the_thing():
    plain, declared = thing("a", 60, 60, 90, 90), thing("a", 60, 60, 90, 90, area=450.0)
    warp = Transformation("barrel", 5).warp(150, 150)
    found = follow([plain, declared, Instance("a", plain.box_xyxy, area=450.0)], warp)
    assert found[0].area is None
    assert found[0].size > 1.5 * plain.size
    assert found[1].area == pytest.approx(450 * found[0].size / plain.size)
    assert found[2].area == pytest.approx(found[1].area, rel=0.05)


def test_lines_of_outlines_bend_with_the_lens():
    warp = Transformation("barrel", 5).warp(200, 160)
    found = follow([thing("a", 20, 40, 180, 120)], warp)[0].shape
    assert len(found.parts[0]) > 60
    top = found.parts[0][np.abs(found.parts[0][:, 0] - 100) < 3][:, 1].min()
    corner = warp.forward(np.array([[20.0, 40.0]]))[0, 1]
    assert top < corner - 5


def test_ignored_things_stay_ignored_and_shapes_may_have_parts():
    parts = Polygons((*square(12, 8, 16, 12).parts, *square(34, 8, 38, 12).parts))
    found = follow([Instance("a", (12, 8, 38, 12), parts, ignore=True)], WINDOW)[0]
    assert found.ignore
    assert len(found.shape.parts) == 1
    assert found.box_xyxy == (2, 3, 6, 7)


def test_boxes_without_area_are_left_out():
    assert follow([Instance("a", (15, 10, 15, 20)), Instance("b", (-9, 0, -2, 9))], WINDOW) == ()


def test_a_mask_of_another_size_is_named():
    with pytest.raises(DatasetError, match="the mask of a 'a' is 5 x 4 pixels"):
        follow([Instance("a", (0, 0, 1, 1), encode(np.ones((4, 5), bool)))], WINDOW)
