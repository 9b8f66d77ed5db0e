from __future__ import annotations

import numpy as np
import pytest

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.colors import palette, parse_hex
from belvedere.vision.draw import canvas_of, caption, draw_boxes, outline_mask, overlay_heatmap
from belvedere.vision.heat import heat_colors, heat_opacity
from belvedere.vision.paint import paint_labels
from belvedere.vision.plates import text_color
from unit.vision.pictures import scene

GREY = np.full((240, 320, 3), 128, dtype=np.uint8)


def luminance(rgb):
    return rgb @ np.array([0.2126, 0.7152, 0.0722])


def changed(before, after):
    return np.any(before != after, axis=2)


class TestHeatmap:
    def test_low_values_leave_the_picture_as_it_is(self):
        heat = np.full((6, 8), 0.25, dtype=np.float32)
        assert np.array_equal(overlay_heatmap(scene(), heat), scene())
        heat[3, 4] = 0.9
        drawn = overlay_heatmap(np.full((60, 80, 3), 90, np.uint8), heat)
        assert tuple(drawn[35, 45]) != (90, 90, 90)
        assert tuple(drawn[0, 0]) == (90, 90, 90)

    def test_colours_get_lighter_all_the_way(self):
        assert np.all(np.diff(luminance(heat_colors().astype(float))) > 0)
        assert heat_colors().shape == (256, 3)

    def test_opacity_rises_from_the_floor_to_the_strength(self):
        opacity = heat_opacity(0.6, 0.4)
        assert not opacity[: int(0.4 * 255)].any()
        assert np.all(np.diff(opacity.astype(int)) >= 0)
        assert opacity[255] == round(0.6 * 255)

    def test_picture_is_not_changed(self):
        picture = GREY.copy()
        overlay_heatmap(picture, np.ones((2, 2), np.float32))
        assert np.array_equal(picture, GREY)

    @pytest.mark.parametrize("options", [{"strength": 1.5}, {"strength": -0.1}, {"floor": 2}])
    def test_options(self, options):
        with pytest.raises(OptionError, match="0 to 1"):
            overlay_heatmap(GREY, np.ones((2, 2), np.float32), **options)

    @pytest.mark.parametrize("heat", [np.ones(3), np.ones((0, 3)), np.array([[np.nan]])])
    def test_bad_maps(self, heat):
        with pytest.raises(ImageError, match="heatmap"):
            overlay_heatmap(GREY, heat.astype(np.float32))


class TestOutline:
    def test_runs_along_the_edge_and_nowhere_else(self):
        mask = np.zeros((240, 320), dtype=bool)
        mask[80:160, 100:220] = True
        drawn = outline_mask(GREY, mask, "#00D5F0")
        where = changed(GREY, drawn)
        assert np.abs(drawn[120, 100].astype(int) - (0, 0xD5, 0xF0)).max() <= 3
        assert where[80, 150]
        assert not where[90:150, 110:210].any()
        assert not where[:70].any()

    def test_even_one_pixel_is_seen(self):
        mask = np.zeros((240, 320), dtype=bool)
        mask[7, 9] = True
        assert tuple(outline_mask(GREY, mask, "#FF0000")[7, 9]) == (255, 0, 0)

    def test_empty_mask(self):
        assert np.array_equal(outline_mask(GREY, np.zeros((240, 320), bool), "#FF0000"), GREY)

    @pytest.mark.parametrize("mask", [np.zeros((240, 319), bool), np.zeros((240, 320), np.uint8)])
    def test_bad_masks(self, mask):
        with pytest.raises(ImageError, match="mask"):
            outline_mask(GREY, mask, "#FF0000")


class TestBoxes:
    def test_line_runs_around_the_box_and_leaves_the_inside(self):
        drawn = draw_boxes(GREY, [(100, 60, 160, 120)], [None], ["#FF0000"])
        where = changed(GREY, drawn)
        assert not where[60:120, 100:160].any()
        assert where[59, 130]
        assert where[120, 130]
        assert where[90, 99]
        assert where[90, 160]

    def test_label_is_drawn_and_labels_keep_apart(self):
        boxes = [(100, 60, 130, 90), (104, 64, 134, 94), (108, 68, 138, 98), (2, 2, 20, 20)]
        bare = draw_boxes(GREY, boxes, [None] * 4, palette(4))
        drawn = draw_boxes(GREY, boxes, ["scratch 0.9", "stain 0.8", "dent 0.7", "edge"], palette(4))
        assert drawn.shape == GREY.shape
        for color in palette(4):
            plate = np.all(drawn == parse_hex(color), axis=2) & changed(bare, drawn)
            assert plate.sum() > 150, color  # no plate lies under another

    @pytest.mark.parametrize("label", ["", "  ", None])
    def test_no_label(self, label):
        bare = draw_boxes(GREY, [(10, 10, 30, 30)], [None], ["#FF0000"])
        assert np.array_equal(draw_boxes(GREY, [(10, 10, 30, 30)], [label], ["#FF0000"]), bare)

    def test_lists_must_match(self):
        with pytest.raises(OptionError, match="1 boxes, 0 labels and 1 colours"):
            draw_boxes(GREY, [(0, 0, 1, 1)], [], ["#FF0000"])

    def test_the_first_box_lies_on_top(self):
        drawn = draw_boxes(GREY, [(50, 50, 100, 100), (48, 48, 102, 102)], [None, None], ["#FF0000", "#0000FF"])
        assert tuple(drawn[75, 48]) == (255, 0, 0)

    def test_a_shorter_text_where_the_long_one_has_no_room(self):
        small = np.full((40, 60, 3), 128, np.uint8)
        short = draw_boxes(small, [(10, 25, 30, 39)], ["a name"], ["#FF0000"])
        long = draw_boxes(small, [(10, 25, 30, 39)], [("a name that is far too long for it", "a name")], ["#FF0000"])
        assert np.array_equal(short, long)

    def test_a_label_apart_from_its_box_is_joined_to_it(self):
        box = (100, 100, 130, 130)
        near, apart = canvas_of(GREY), canvas_of(GREY)
        paint_labels(near, [box], ["dog 0.9"], ["#FF0000"])
        paint_labels(apart, [box], ["dog 0.9"], ["#FF0000"], [(40, 86, 200, 146)])
        lines = (np.asarray(apart) == (255, 0, 0)).all(axis=2)
        assert lines[82:100].any(axis=1).all() or lines[130:150].any(axis=1).all()  # from the plate to the box
        assert (np.asarray(near) == (255, 0, 0)).all(axis=2).any(axis=1).sum() < lines.any(axis=1).sum()


class TestCaption:
    def test_goes_to_a_free_corner(self):
        upper_left = changed(GREY, caption(GREY, "ANOMALY 0.93", "#C43C00"))
        assert upper_left[:40, :160].any()
        assert not upper_left[60:].any()
        moved = changed(GREY, caption(GREY, "ANOMALY 0.93", "#C43C00", avoid_xyxy=[(0, 0, 320, 60)]))
        assert not moved[:60].any()
        assert moved[180:].any()

    def test_text_stands_out_from_its_plate_on_any_ground(self):
        for ground in (0, 128, 255):
            picture = np.full((240, 320, 3), ground, np.uint8)
            for filled in (True, False):
                drawn = caption(picture, "normal 0.08", "#0B5FA5", filled=filled)
                pixels = drawn[changed(picture, drawn)]
                light = luminance(pixels.astype(float))
                assert light.max() - light.min() > 120 or ground == 255
                assert len(pixels) > 300

    def test_shorter_text_where_the_long_one_does_not_fit(self):
        small = np.full((60, 110, 3), 128, np.uint8)
        short = caption(small, "0.93", "#C43C00")
        assert np.array_equal(caption(small, ["a caption that is much too long for it", "0.93"], "#C43C00"), short)
        assert changed(small, short).any()

    def test_left_out_where_nothing_fits(self):
        tiny = np.full((6, 6, 3), 128, np.uint8)
        assert np.array_equal(caption(tiny, "0.93", "#C43C00"), tiny)


@pytest.mark.parametrize("color", [*palette(60), "#000000", "#FFFFFF"])
def test_text_contrast(color):
    def linear(value):
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    plate, text = (
        sum(weight * linear(value) for weight, value in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))
        for rgb in (parse_hex(color), text_color(parse_hex(color)))
    )
    assert (max(plate, text) + 0.05) / (min(plate, text) + 0.05) >= 4.3


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3), (17, 9), (3000, 40)])
def test_any_size(size):
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    mask = np.zeros(picture.shape[:2], bool)
    mask[0, 0] = True
    drawn = overlay_heatmap(picture, np.eye(3, dtype=np.float32))
    drawn = outline_mask(drawn, mask, "#FF0000")
    drawn = draw_boxes(drawn, [(0, 0, *size)], ["label"], ["#FF0000"])
    drawn = caption(drawn, ["ANOMALY 0.93", "0.93"], "#FF0000")
    assert drawn.shape == picture.shape
    assert changed(picture, drawn).any()


@pytest.mark.slow
def test_a_large_picture():
    picture = np.full((6000, 8000, 3), 200, np.uint8)
    drawn = draw_boxes(picture, [(3000, 2000, 4000, 3000)], ["scratch"], ["#23A436"])
    assert changed(picture[1990:2000, 3000:4000], drawn[1990:2000, 3000:4000]).all()  # lines grow with the picture


@pytest.mark.parametrize("picture", [GREY / 255, GREY[..., 0], GREY[:0], GREY.transpose(2, 0, 1)])
def test_only_rgb_pictures(picture):
    with pytest.raises(ImageError, match="RGB uint8"):
        caption(picture, "text", "#FF0000")
