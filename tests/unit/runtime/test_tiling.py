"""Large pictures in tiles, through real networks: ``predict(tile=...)``."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import ArtifactError, EngineError, ImageError, LimitError, OptionError
from belvedere.runtime import Model
from helpers.artifacts import tiny_artifact
from helpers.squares import SQUARE, picture_with_squares, squares_artifact, squares_network

# Corners in the middle of tiles, across their borders, at corners of four and at the picture's own edges.
CORNERS = [(5, 5), (46, 100), (100, 46), (44, 44), (97, 150), (284, 5), (150, 244), (284, 244), (200, 120)]
PICTURE = picture_with_squares(300, 260, CORNERS)


def corners_of(result):
    assert np.allclose(result.boxes_xyxy[:, 2:] - result.boxes_xyxy[:, :2], SQUARE, atol=0.1)
    return sorted(tuple(corner) for corner in result.boxes_xyxy[:, :2].round().astype(int).tolist())


@pytest.mark.parametrize("task", ["detection", "instance-segmentation"])
def test_small_things_are_found_where_they_are(task):
    with Model(squares_artifact(task)) as model:
        assert len(model.predict(PICTURE)) == 0  # scaled as a whole they are too small
        result = model.predict(PICTURE, tile=64, tile_overlap=0.3)
        assert corners_of(result) == sorted(CORNERS)
        assert (result.task, result.width, result.height) == (task, 300, 260)
        if result.has_masks:
            every = np.zeros((260, 300), bool)
            for number in range(len(result)):
                every |= result.mask(number)
            wrong = every != (PICTURE[..., 0] > 0)
            assert wrong.mean() < 0.002  # masks of 8 x 8 cells round the corners off


def test_large_things_are_found_in_the_picture_as_a_whole():
    picture = picture_with_squares(256, 256, [(64, 128)], side=64)
    with Model(squares_artifact()) as model:
        (found,) = model.predict(picture, tile=64)
        assert found.box_xyxy == pytest.approx((64, 128, 128, 192), abs=4)


def test_a_picture_no_larger_than_a_tile_is_looked_at_once():
    picture = picture_with_squares(64, 64, [(10, 20)])
    with Model(squares_artifact()) as model:
        once, tiled = model.predict(picture), model.predict(picture, tile=64)
        assert once.to_dict() == tiled.to_dict()


def test_class_maps_are_stitched():
    with Model(squares_artifact("semantic-segmentation")) as model:
        result = model.predict(PICTURE, tile=64)
        assert np.array_equal(result.class_map, (PICTURE[..., 0] > 0).astype(int))
        assert result.task == "semantic-segmentation"


def test_in_a_list_and_from_files_it_is_the_same(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    with Model(squares_artifact()) as model:
        alone = model.predict(path, tile=64, tile_overlap=0.3)
        listed = list(model.predict([path, PICTURE], tile=64, tile_overlap=0.3))
        assert alone.path == str(path)
        assert [one.boxes_xyxy.tolist() for one in listed] == [alone.boxes_xyxy.tolist()] * 2
        (tmp_path / "b.png").write_bytes(b"no picture")
        wide = np.zeros((32, 3000 * 16, 3), np.uint8)
        outcomes = list(
            model.predict_many([tmp_path / "b.png", wide, path], on_error="return", tile=32, tile_overlap=0.3)
        )
        assert [type(outcome) for outcome in outcomes[:2]] == [ImageError, LimitError]
        assert outcomes[2].path == str(path)
        with pytest.raises(ImageError, match=r"b\.png"):
            list(model.predict_many([tmp_path / "b.png"], tile=64))


@pytest.mark.parametrize("options", [{"tile": 8}, {"tile": 64, "tile_overlap": 1.0}, {"tile": 64.5}])
def test_options_are_checked_before_any_work(options):
    with Model(squares_artifact()) as model:
        with pytest.raises(OptionError, match="tile"):
            model.predict("there is no such file", **options)
        with pytest.raises(OptionError, match="tile"):
            model.predict_many([], **options)


def test_tasks_that_tiles_make_no_sense_for():
    with (
        Model(tiny_artifact()) as model,
        pytest.raises(OptionError, match=r"no sense for anomaly models: .*; it works for detection, instance-seg"),
    ):
        model.predict(PICTURE, tile=64)


@pytest.mark.parametrize("options", [{}, {"tile": 64}])
@pytest.mark.parametrize("task", ["detection", "semantic-segmentation"])
def test_outputs_that_are_no_numbers_name_model_and_picture(tmp_path, task, options):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    artifact = squares_artifact(task, files={"network.onnx": squares_network(task, factor=np.nan)})
    with Model(artifact) as model:
        with pytest.raises(EngineError, match=r"a\.png: the model 'squares' gave outputs that cannot be read: .*n[ou]"):
            model.predict(path, **options)
        with pytest.raises(EngineError, match=r"a\.png: "):
            list(model.predict_many([path], on_error="return", **options))
        with pytest.raises(EngineError, match="a picture: the model 'squares'"):
            model.predict(PICTURE, **options)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ({"kind": "detection", "form": "yolox", "outputs": ["rows"], "iou": 0.5}, "cells"),
        ({"kind": "detection", "form": "multibox", "outputs": ["rows"]}, ""),
        ({"kind": "detection", "form": "yolo", "outputs": ["boxes"], "iou": 0.5}, "no output 'boxes'"),
    ],
)
def test_a_model_bound_to_the_wrong_decoder(decoder, message):
    with Model(squares_artifact(decoder=decoder)) as model:
        if not message:  # rows of six numbers too: wrong, but nobody can tell
            assert len(model.predict(PICTURE)) <= 100
            return
        with pytest.raises(EngineError, match=f"'squares' gave outputs that cannot be read: .*{message}"):
            model.predict(PICTURE)


def test_a_model_bound_to_the_wrong_task():
    with pytest.raises(ArtifactError, match=r"task.*detection"):
        Model(squares_artifact(decoder={"kind": "classification", "output": "rows"}))
    wrong = squares_artifact("classification", decoder={"kind": "classification", "output": "rows"}, labels=("a", "b"))
    with Model(wrong) as model, pytest.raises(EngineError, match=r"a picture: the model 'squares' .* classes"):
        model.predict(PICTURE)
