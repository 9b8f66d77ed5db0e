from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.preprocess import Preprocess
from unit.vision.pictures import scene

SIDES = st.integers(1, 400)


@st.composite
def placed(draw):
    """A preprocessing and the size of a picture."""
    width, height = draw(SIDES), draw(SIDES)
    mode = draw(st.sampled_from(["stretch", "letterbox", "crop"]))
    short = draw(st.integers(max(width, height), 500)) if mode == "crop" else None
    anchor = draw(st.sampled_from(["center", "top-left"]))
    return Preprocess(width, height, mode=mode, short=short, anchor=anchor), (draw(SIDES), draw(SIDES))


@given(placed(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_points_go_to_the_input_and_back(case, shares):
    preprocess, size = case
    place = preprocess.placement(*size)
    points = np.array(shares) * size
    back = place.points_to_source(place.points_to_input(points))
    assert np.allclose(back, points, atol=1e-3 * max(size))


@given(placed())
def test_the_picture_lies_where_the_placement_says(case):
    preprocess, size = case
    place = preprocess.placement(*size)
    left, top, right, bottom = place.boxes_to_input(np.array([[0, 0, *size]]))[0]
    if preprocess.mode == "stretch":
        assert (left, top, right, bottom) == pytest.approx((0, 0, preprocess.width, preprocess.height), abs=1e-3)
    elif preprocess.mode == "letterbox":
        assert min(left, top) >= 0
        assert right <= preprocess.width + 1e-3
        assert bottom <= preprocess.height + 1e-3
        assert right - left == pytest.approx(preprocess.width, abs=1e-3) or bottom - top == pytest.approx(
            preprocess.height, abs=1e-3
        )
    else:  # the crop shows nothing but picture
        assert max(left, top) <= 0
        assert right >= preprocess.width - 1e-3
        assert bottom >= preprocess.height - 1e-3


@given(placed(), st.integers(1, 50), st.integers(1, 50))
def test_every_pixel_lies_in_a_cell_or_is_not_seen(case, columns, rows):
    preprocess, size = case
    place = preprocess.placement(*size)
    across, down = place.cells(columns, rows)
    assert (len(across), len(down)) == size
    for cells, count, length, scale, offset, whole in (
        (across, columns, size[0], place.scale_x, place.offset_x, place.width),
        (down, rows, size[1], place.scale_y, place.offset_y, place.height),
    ):
        at = (np.arange(length) + 0.5) * scale + offset
        seen = cells >= 0
        assert np.array_equal(seen, (at >= 0) & (at <= whole))
        width = whole / count
        assert np.all(np.abs(at[seen] / width - (cells[seen] + 0.5)) <= 0.5 + 1e-6)
        if preprocess.mode != "crop":
            assert seen.all()


def test_boxes_are_clipped_to_the_picture():
    place = Preprocess(100, 100, mode="letterbox").placement(200, 100)
    boxes = np.array([[0, 25, 100, 75], [-10, 0, 50, 60], [0, 80, 100, 100], [np.inf, -np.inf, np.inf, 50]])
    assert place.boxes_to_source(boxes).tolist() == [
        [0, 0, 200, 100],
        [0, 0, 100, 70],
        [0, 100, 200, 100],  # in the padding: empty
        [200, 0, 200, 50],
    ]


@pytest.mark.parametrize("anchor", ["center", "top-left"])
@pytest.mark.parametrize("kernel", ["bilinear", "linear"])
def test_a_letterbox_keeps_the_shape_and_fills_the_rest(anchor, kernel):
    rgb = scene(40, 24)
    preprocess = Preprocess(20, 20, mode="letterbox", anchor=anchor, kernel=kernel, fill=(1, 2, 3), scale=1.0)
    tensor = preprocess.apply(rgb)[0].transpose(1, 2, 0)
    top = 4 if anchor == "center" else 0
    small = Preprocess(20, 12, kernel=kernel, scale=1.0).apply(rgb)[0].transpose(1, 2, 0)
    assert np.array_equal(tensor[top : top + 12], small)
    rest = np.delete(tensor, np.s_[top : top + 12], axis=0)
    assert np.all(rest == (1, 2, 3))


def test_a_crop_is_the_middle_of_the_resized_picture():
    rgb = scene(60, 40)
    tensor = Preprocess(24, 24, mode="crop", short=32, scale=1.0).apply(rgb)[0].transpose(1, 2, 0)
    resized = np.asarray(Image.fromarray(rgb).resize((48, 32), Image.Resampling.BILINEAR))
    assert np.abs(tensor - resized[4:28, 12:36]).max() <= 1


def test_a_crop_of_a_long_picture_takes_no_room():
    rgb = np.zeros((60_000, 1, 3), dtype=np.uint8)  # resized whole it would be 224 x 13 million pixels
    assert Preprocess(224, 224, mode="crop", short=256).apply(rgb).shape == (1, 3, 224, 224)


def test_gray_is_luma():
    rgb = scene()
    tensor = Preprocess(40, 24, color="GRAY", scale=1.0, mean=(0.5,)).apply(rgb)
    expected = np.asarray(Image.fromarray(rgb).convert("L")).astype(np.float32) - np.float32(0.5)
    assert tensor.shape == (1, 1, 24, 40)
    assert np.array_equal(tensor[0, 0], expected)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAY"])
def test_bytes_are_the_pixels(layout, color):
    rgb = scene()
    tensor = Preprocess(40, 24, color=color, layout=layout, dtype="uint8", scale=1).apply(rgb)
    floats = Preprocess(40, 24, color=color, layout=layout, scale=1).apply(rgb)
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    assert np.array_equal(tensor, floats)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "tile"}, "stretch, letterbox or crop"),
        ({"anchor": "left"}, "center or top-left"),
        ({"dtype": "int8"}, "float32 or uint8"),
        ({"dtype": "uint8"}, "as they are"),
        ({"dtype": "uint8", "scale": 1, "mean": (1.0,)}, "as they are"),
        ({"mode": "crop"}, "short"),
        ({"mode": "crop", "short": 7}, "at least 8"),
        ({"fill": (0, 0, 256)}, "fill"),
        ({"fill": (0, 0)}, "fill"),
        ({"fill": (0.5, 0, 0)}, "fill"),
        ({"color": "GRAY", "mean": (0, 0, 0)}, "mean.*one number"),
        ({"std": (1, 2)}, "std.*three numbers"),
    ],
)
def test_fields_are_checked(fields, message):
    with pytest.raises(OptionError, match=message):
        Preprocess(**{"width": 8, "height": 8, **fields})


def test_a_gray_array_is_refused():
    with pytest.raises(ImageError):
        Preprocess(8, 8, color="GRAY").apply(scene()[..., 0])
