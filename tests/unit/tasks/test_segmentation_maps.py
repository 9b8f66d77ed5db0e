from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.segmentation import SegmentationDecoder, decode_segmentation
from belvedere.tasks.segmentation.maps import highest_in_picture
from belvedere.tasks.segmentation.mask_queries import class_maps
from belvedere.vision.placement import Placement
from belvedere.vision.preprocess import Preprocess

IMAGE = np.zeros((64, 96, 3), np.uint8)
SAME = Placement(96, 64, 96, 64, 1, 1)


def naive(maps, place):
    """Each map read bilinearly at each pixel's centre, then the first of the highest."""
    _, height, width = maps.shape
    found = np.zeros((place.source_height, place.source_width), int)
    close = np.zeros(found.shape, bool)
    for y in range(place.source_height):
        for x in range(place.source_width):
            across = ((x + 0.5) * place.scale_x + place.offset_x) * width / place.width - 0.5
            down = ((y + 0.5) * place.scale_y + place.offset_y) * height / place.height - 0.5
            across, down = min(max(across, 0), width - 1), min(max(down, 0), height - 1)
            left, top = int(across), int(down)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            u, v = across - left, down - top
            values = (1 - v) * ((1 - u) * maps[:, top, left] + u * maps[:, top, right])
            values = values + v * ((1 - u) * maps[:, bottom, left] + u * maps[:, bottom, right])
            found[y, x] = values.argmax()
            close[y, x] = np.sort(values)[-1] - np.sort(values)[-2] < 1e-4
    return found, close


@given(
    st.integers(2, 30), st.integers(2, 30), st.integers(1, 6), st.integers(1, 6), st.integers(2, 9),
    st.sampled_from(["stretch", "letterbox"]), st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_picture_takes_the_highest_of_what_lies_between_cells(width, height, columns, rows, count, mode, seed):
    maps = np.random.default_rng(seed).normal(0, 1, (count, rows, columns)).astype(np.float32)
    place = Preprocess(24, 16, mode=mode).placement(width, height)
    wanted, close = naive(maps.astype(np.float64), place)
    found = highest_in_picture(maps, place)
    assert found.shape == (height, width)
    assert np.array_equal(found[~close], wanted[~close])


def test_a_class_may_win_between_cells_alone():
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0, 0], maps[1, 1] = [4, 4], [4, 4]
    maps[2] = 3.0  # never the highest at a cell, but in the middle, where the others have 2
    found = highest_in_picture(maps, Placement(12, 12, 12, 12, 1, 1))
    assert sorted(np.unique(found)) == [0, 1, 2]
    assert found[6, 6] == 2


def test_what_a_crop_does_not_show_has_no_class():
    place = Preprocess(8, 8, mode="crop", short=8).placement(24, 8)
    found = highest_in_picture(np.random.default_rng(0).random((3, 2, 2)).astype(np.float32), place)
    assert (found[:, :8] == -1).all()
    assert (found[:, 8:16] >= 0).all()


def test_both_resolutions_name_the_same_classes_on_smooth_maps():
    y, x = np.mgrid[0:16, 0:24]
    maps = np.stack([x - 12.0, 12.0 - x, y - 20.0]).astype(np.float32)[None]
    place = Preprocess(96, 64).placement(150, 90)
    image = np.zeros((90, 150, 3), np.uint8)
    first, second = (
        decode_segmentation({"m": maps}, SegmentationDecoder("m", resolution=where), place, image).class_map
        for where in ("input", "picture")
    )
    assert np.mean(first != second) < 0.02


def test_queries_make_maps_by_maskformers_formula():
    """Cheng et al. 2021: the map of a class is sum over queries of its probability times the mask's sigmoid."""
    rng = np.random.default_rng(0)
    logits, masks = rng.normal(0, 2, (5, 4)).astype(np.float32), rng.normal(0, 3, (5, 64, 96)).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = np.einsum("qc,qhw->chw", chances[:, :-1], 1 / (1 + np.exp(-masks)))
    assert class_maps(logits, masks, SAME) == pytest.approx(wanted, rel=1e-4)
    decoder = SegmentationDecoder("m", form="queries", queries="q", resolution="picture", labels=("a", "b", "c"))
    found = decode_segmentation({"q": logits[None], "m": masks[None]}, decoder, SAME, IMAGE)
    assert np.array_equal(found.class_map, wanted.argmax(axis=0))
    other = SegmentationDecoder("m", form="queries", queries="q", labels=("a", "b"))
    with pytest.raises(EngineError, match=r"'q' has 3 classes .*expected 2"):
        decode_segmentation({"q": logits[None], "m": masks[None]}, other, SAME, IMAGE)


@pytest.mark.parametrize("more", [{"form": "queries"}, {"queries": "q"}, {"resolution": "grid"}, {"form": "maps"}])
def test_settings_without_sense(more):
    with pytest.raises(OptionError):
        SegmentationDecoder("m", **more)
