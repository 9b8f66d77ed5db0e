"""A detector's boxes of people, and a pose network that looks at each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.compile import compile as compile_model
from belvedere.core.errors import ImageError, OptionError
from belvedere.runtime import Model
from belvedere.runtime.found_people import person_class, predict_found_people
from helpers.poses import pose_artifact, random_pose_network
from helpers.squares import picture_with_squares, squares_artifact

CORNERS = [(4, 6), (40, 30), (20, 44)]
PICTURE = picture_with_squares(64, 64, CORNERS)


@pytest.fixture(scope="module")
def pose() -> Iterator[Model]:
    with Model(pose_artifact(), threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def detector() -> Iterator[Model]:
    with Model(squares_artifact(labels=("Person",)), threads=1) as model:
        yield model


def inside(points: np.ndarray, boxes: np.ndarray, margin: float = 0.0) -> bool:
    low, high = boxes[:, None, :2] - margin, boxes[:, None, 2:] + margin
    return bool(((points >= low) & (points <= high)).all())


def test_each_found_person_has_joints_in_its_box(pose: Model, detector: Model) -> None:
    (found,) = predict_found_people(pose, detector, [PICTURE])
    expected = detector.predict(PICTURE)
    assert found.keypoints_xy.shape == (3, 17, 2)
    assert np.array_equal(found.person_boxes_xyxy, expected.boxes_xyxy)
    assert sorted(tuple(map(round, box[:2])) for box in found.person_boxes_xyxy.tolist()) == sorted(CORNERS)
    assert inside(found.keypoints_xy, found.person_boxes_xyxy)
    alone = pose.predict(PICTURE, boxes=expected.boxes_xyxy)
    assert np.array_equal(found.keypoints_xy, alone.keypoints_xy)
    assert [row["label"] for row in found.to_dict()["detections"]] == ["person"] * 3


def test_pictures_keep_their_order_their_path_and_their_errors(pose: Model, detector: Model, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    items = [tmp_path / "a.png", tmp_path / "b.png", np.zeros((64, 64, 3), np.uint8)]
    first, second, third = predict_found_people(pose, detector, items)
    assert (first.path, len(first)) == (str(tmp_path / "a.png"), 3)
    assert isinstance(second, ImageError)
    assert (third.path, len(third), third.to_dict()["detections"]) == (None, 0, [])


def test_boxes_below_the_threshold_are_left_out(pose: Model) -> None:
    with Model(squares_artifact(labels=("person",))) as detector:
        scores = detector.predict(PICTURE).scores
        (found,) = predict_found_people(pose, detector, [PICTURE], threshold=float(scores.max()) + 1e-3)
        assert len(found) == 0


def test_other_classes_are_no_people(pose: Model) -> None:
    with Model(squares_artifact(labels=("square", "person"))) as detector:
        assert person_class(detector) == 1
        (found,) = predict_found_people(pose, detector, [PICTURE])
    assert len(found) == 0


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        ("detection", ("square",), "'squares' has no class 'person': its classes are square"),
        ("detection", (), "its classes have no names"),
        ("semantic-segmentation", ("black", "person"), r"'squares' \(task semantic-segmentation\) finds no people"),
    ],
)
def test_models_that_find_no_people(pose: Model, task: str, labels: tuple[str, ...], message: str) -> None:
    with Model(squares_artifact(task, labels=labels)) as other, pytest.raises(OptionError, match=message):
        predict_found_people(pose, other, [PICTURE])


def test_models_that_take_no_boxes(detector: Model) -> None:
    with pytest.raises(OptionError, match="does not look at one person"):
        predict_found_people(detector, detector, [PICTURE])


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("decoder", ["vitpose", "hrnet-pose"])
def test_yolox_and_a_pose_network_of_random_weights(shared_folder: Path, tmp_path: Path, decoder: str) -> None:
    detector_file = shared_folder / "models/yolox_nano_coco/yolox_nano.onnx"
    people = compile_model(detector_file, labels="coco80", decoder="yolox", seconds=0.05)
    (tmp_path / "pose.onnx").write_bytes(random_pose_network())
    joints = compile_model(tmp_path / "pose.onnx", decoder=decoder, seconds=0.05)
    assert joints.manifest.task == "pose"
    photo = shared_folder / "data/photos/squat.jpg"
    with Model(people, threads=1) as detector, Model(joints, threads=1) as pose:
        (found,) = predict_found_people(pose, detector, [photo], threshold=0.4)
    assert len(found) >= 1
    assert found.keypoints_xy.shape == (len(found), 17, 2)
    assert (found.scores >= 0).all()
    # A cut is the box grown to the input's shape and by a quarter: joints lie in that.
    sizes = found.person_boxes_xyxy[:, 2:] - found.person_boxes_xyxy[:, :2]
    assert inside(found.keypoints_xy, found.person_boxes_xyxy, margin=float(sizes.max()) * 0.75)
    assert found.draw().size == (found.width, found.height)
