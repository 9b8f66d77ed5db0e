from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import ImageError, OptionError
from belvedere.runtime.model import Model
from helpers.artifacts import tiny_artifact
from helpers.poses import pose_artifact


@pytest.fixture
def model():
    with Model(pose_artifact(), engine="onnxruntime", threads=1) as found:
        yield found


def bell(x, y, width=300, height=200):
    """A picture with one soft red spot whose middle lies at x, y."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.round(250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 12**2)))
    return picture


def test_each_person_is_looked_at_in_its_box(model):
    picture = np.maximum(bell(80, 90), bell(220, 60))
    boxes = [[40, 20, 120, 160], [190, 10, 260, 130]]
    found = model.predict(picture, boxes=boxes)
    assert found.keypoints_xy.shape == (2, 17, 2)
    # The spots are found to a fraction of a cell, which is four pixels of the input.
    assert found.keypoints_xy[0] == pytest.approx(np.tile([80, 90], (17, 1)), abs=2.5)
    assert found.keypoints_xy[1] == pytest.approx(np.tile([220, 60], (17, 1)), abs=2.5)
    assert found.person_boxes_xyxy.tolist() == boxes
    alone = model.predict(picture, boxes=boxes[1:])
    assert np.array_equal(alone.keypoints_xy[0], found.keypoints_xy[1])


def test_a_box_may_leave_the_picture_and_there_may_be_none(model):
    found = model.predict(bell(10, 15), boxes=[[-30, -40, 40, 60]])
    assert found.keypoints_xy[0] == pytest.approx(np.tile([10, 15], (17, 1)), abs=2.5)
    assert len(model.predict(bell(10, 15), boxes=[])) == 0


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[1, 2, 3]], "four numbers|cannot|boxes"),
        ([[5, 5, 5, 9]], "person's box"),
        ([[0, 0, np.inf, 1]], "person's box"),
    ],
)
def test_boxes_without_sense(model, boxes, message):
    with pytest.raises(OptionError, match=message):
        model.predict(bell(10, 15), boxes=boxes)


@pytest.mark.parametrize("mode", ["stretch", "letterbox", "crop"])
def test_batches_and_other_ways_to_fit_a_whole_picture_change_nothing_about_boxes(mode):
    resize = {"width": 48, "height": 64, "mode": mode, **({"short": 70} if mode == "crop" else {})}
    picture = np.maximum(bell(80, 90), bell(220, 60))
    boxes = np.array([[40, 20, 120, 160], [190, 10, 260, 130], [60, 60, 110, 120]])
    with Model(pose_artifact(), engine="onnxruntime", threads=1) as one:
        expected = one.predict(picture, boxes=boxes)
    with Model(pose_artifact(2, resize), engine="onnxruntime", threads=1) as two:
        found = two.predict(picture, boxes=boxes)
    assert len(found) == 3
    assert found.keypoints_xy == pytest.approx(expected.keypoints_xy, abs=1e-3)


def test_without_boxes_the_picture_is_one_persons(model):
    found = model.predict(bell(80, 90))
    assert len(found) == 1
    assert found.person_boxes_xyxy is None
    assert found.keypoints_xy[0] == pytest.approx(np.tile([80, 90], (17, 1)), abs=6)


def test_boxes_belong_to_one_picture(model, tmp_path):
    with pytest.raises(OptionError, match="boxes belong to one picture"):
        model.predict([bell(10, 15)], boxes=[[0, 0, 9, 9]])
    with pytest.raises(OptionError, match="a person that a tile cuts has no pose"):
        model.predict(bell(10, 15), boxes=[[0, 0, 9, 9]], tile=64)
    Image.fromarray(bell(80, 90)).save(tmp_path / "a.png")
    assert model.predict(tmp_path / "a.png", boxes=[[40, 20, 120, 160]]).path == str(tmp_path / "a.png")
    with pytest.raises(ImageError, match="no such file"):
        model.predict(tmp_path / "b.png", boxes=[[40, 20, 120, 160]])


def test_other_models_have_no_people():
    with Model(tiny_artifact()) as other, pytest.raises(OptionError, match="does not look at one person"):
        other.predict(bell(10, 15), boxes=[[0, 0, 9, 9]])
