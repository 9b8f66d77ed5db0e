from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly.decode import AnomalyDecoder, decode_outputs
from belvedere.tasks.anomaly.drawing import ANOMALY_COLOR
from belvedere.tasks.anomaly.result import AnomalyResult, Region
from belvedere.vision.colors import parse_hex


def make(score=0.93, grid=None, size=(80, 60), **fields):
    if grid is None:
        grid = np.full((30, 40), 0.1, np.float32)
        grid[10:15, 20:28] = 0.8
        grid[12, 22] = 0.9
    fields = {"threshold": 0.5, "pixel_threshold": 0.5, **fields}
    image = np.full((size[1], size[0], 3), 100, np.uint8)
    return AnomalyResult(score=score, width=size[0], height=size[1], grid=grid, image=image, **fields)


def typed(**fields):
    types = np.zeros((30, 40), np.uint8)
    types[10:15, 20:28] = 2
    types[10, 20:24] = 1
    return make(types=("scratch", "stain"), colors=("#FF0000", "#00FF00"), type_grid=types, **fields)


@pytest.mark.parametrize(
    ("score", "threshold", "anomalous"),
    [(0.5, 0.5, True), (0.49996, 0.5, True), (0.49994, 0.5, False), (0.51, 0.5, True), (0.9, 1.01, False)],
)
def test_verdict_and_confidence(score, threshold, anomalous):
    result = make(score, threshold=threshold)
    assert result.is_anomalous is anomalous
    assert result.confidence == (score if anomalous else 1 - score)


class TestRegions:
    def test_box_area_and_score(self):
        (region,) = make().regions
        assert region.box_xyxy == (40.0, 20.0, 56.0, 30.0)
        assert region.area == pytest.approx(40 / 1200)
        assert region.score == pytest.approx(0.9)
        assert region.label is None

    def test_cells_that_touch_at_corners_are_one_region(self):
        grid = np.zeros((8, 8), np.float32)
        grid[[1, 2, 3], [1, 2, 3]] = 0.7
        assert len(make(grid=grid).regions) == 1

    def test_order_is_by_score_then_area(self):
        grid = np.zeros((20, 20), np.float32)
        grid[1:3, 1:3] = 0.7
        grid[5:9, 5:9] = 0.7
        grid[12, 12] = 0.8
        assert [round(region.area * 400) for region in make(grid=grid).regions] == [1, 16, 4]

    def test_specks_are_dropped_but_never_the_highest_value(self):
        grid = np.zeros((200, 200), np.float32)
        grid[5, 5:8] = 0.9  # below 0.01 %
        grid[50:60, 50:60] = 0.95
        assert len(make(grid=grid).regions) == 1
        grid[50:60, 50:60] = 0.8
        assert [round(region.score, 2) for region in make(grid=grid).regions] == [0.9, 0.8]

    def test_none(self):
        assert make(grid=np.zeros((5, 5), np.float32)).regions == ()

    def test_label_is_the_majority_without_background(self):
        (region,) = typed().regions
        assert region.label == "stain"
        result = typed()
        result.type_grid[:] = 0
        assert make(types=("a",), type_grid=result.type_grid).regions[0].label is None

    @settings(max_examples=60, deadline=None)
    @given(
        arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 1, width=32)),
        st.integers(1, 90),
        st.integers(1, 90),
    )
    def test_regions_tile_the_flagged_cells(self, grid, width, height):
        result = make(grid=grid, size=(width, height))
        flagged = grid >= 0.5
        assert sum(region.area for region in result.regions) == pytest.approx(flagged.mean())
        for region in result.regions:
            left, top, right, bottom = region.box_xyxy
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            assert region.area <= (right - left) * (bottom - top) / (width * height) + 1e-9
        assert max((region.score for region in result.regions), default=0) == (grid.max() if flagged.any() else 0)


class TestTypes:
    @pytest.mark.parametrize("size", [(40, 30), (80, 60), (97, 41), (13, 7)])
    def test_areas_are_those_of_the_mask(self, size):
        result = typed(size=size)
        assert result.type_mask.shape == size[::-1]
        shares = {area.label: area.area for area in result.areas}
        for number, label in enumerate(result.types, start=1):
            assert shares.get(label, 0) == pytest.approx((result.type_mask == number).mean())
        assert [area.color for area in typed().areas] == ["#FF0000", "#00FF00"]

    def test_types_that_were_not_found_are_left_out(self):
        result = typed()
        result.type_grid[result.type_grid == 1] = 0
        assert [area.label for area in result.areas] == ["stain"]

    def test_model_without_types(self):
        assert make().areas == ()
        assert make().type_mask is None


def test_maps_have_the_pictures_size():
    result = make(size=(123, 45))
    assert result.heatmap.shape == result.mask.shape == (45, 123)
    assert result.mask.dtype == bool
    assert result.mask.any()


def test_to_dict_is_json():
    plain, with_types = make(path="a.jpg").to_dict(), typed().to_dict()
    assert json.loads(json.dumps(plain)) == plain
    header = {"path", "task", "width", "height"}
    assert set(plain) == {*header, "score", "is_anomalous", "confidence", "threshold", "regions"}
    assert plain["task"] == "anomaly"
    assert set(with_types) == {*plain, "types"}
    assert [area["label"] for area in json.loads(json.dumps(with_types))["types"]] == ["scratch", "stain"]
    assert plain["regions"][0]["box_xyxy"] == [40.0, 20.0, 56.0, 30.0]
    assert set(plain["regions"][0]) == {"box_xyxy", "area", "score", "label"}
    outputs = {"score": np.array([0.25], np.float32), "heatmap": np.ones((1, 3, 3), np.float32)}
    json.dumps(decode_outputs(outputs, AnomalyDecoder(np.float32(0.5)), plain_image(), None).to_dict())


def plain_image():
    return np.zeros((4, 4, 3), np.uint8)


def test_pickle_leaves_out_what_was_derived():
    result = typed(path="a.jpg")
    small = len(pickle.dumps(result))
    result.heatmap, result.mask, result.regions, result.type_mask  # noqa: B018
    data = pickle.dumps(result)
    assert len(data) == small
    again = pickle.loads(data)
    assert again.to_dict() == result.to_dict()
    assert np.array_equal(again.heatmap, result.heatmap)


class TestDraw:
    def test_size_and_mode(self):
        assert make().draw().size == (80, 60)
        assert make().draw().mode == "RGB"
        assert make().draw(scale=4).size == (320, 240)
        with pytest.raises(OptionError, match="scale"):
            make().draw(scale=0)

    def test_the_picture_itself_is_kept(self):
        result = make(size=(320, 240))
        result.draw()
        assert (result.image == 100).all()

    def test_anomaly_and_normal_differ_in_more_than_colour(self):
        anomaly, normal = (np.asarray(make(score, size=(320, 240)).draw()) for score in (0.93, 0.08))
        frame = parse_hex(ANOMALY_COLOR)
        assert tuple(anomaly[-1, 160]) == frame
        assert tuple(normal[-1, 160]) == (100, 100, 100)
        assert not np.all(normal == frame, axis=2).any()

    def test_without_heatmap_a_normal_picture_has_only_the_caption(self):
        normal = np.asarray(make(0.08, size=(320, 240)).draw(heatmap=False))
        assert (normal[60:] == 100).all()
        assert (normal[:30] != 100).any()
        assert (np.asarray(make(0.08, size=(320, 240)).draw()) != normal).any()

    def test_type_colours_are_used(self):
        drawn = np.asarray(typed(size=(320, 240)).draw())
        assert np.all(drawn == (0, 255, 0), axis=2).sum() > 100

    @pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (20, 30)])
    @pytest.mark.parametrize("score", [0.1, 0.9])
    def test_any_size(self, size, score):
        assert typed(size=size, score=score).draw().size == size

    def test_many_regions(self):
        grid = np.zeros((64, 64), np.float32)
        grid[::3, ::3] = 0.9
        assert make(grid=grid, size=(640, 480)).draw().size == (640, 480)


def test_verdict_near_the_threshold_is_not_rounded_into_a_contradiction():
    from belvedere.tasks.anomaly.drawing import _verdict

    assert _verdict(make(0.93))[0] == "ANOMALY 0.93 (threshold 0.50)"
    assert _verdict(make(0.08))[0] == "normal 0.08"
    assert _verdict(make(0.4987))[0] == "normal 0.4987"
    assert _verdict(make(0.5013))[0] == "ANOMALY 0.5013 (threshold 0.5000)"


def test_region_is_a_value():
    assert Region((0, 0, 1, 1), 0.5, 0.5) == Region((0, 0, 1, 1), 0.5, 0.5)
