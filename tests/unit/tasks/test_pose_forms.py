from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import EngineError, OptionError
from belvedere.tasks.pose import PoseDecoder, decode_pose
from belvedere.tasks.pose.heatmaps import read_heatmaps_dark
from belvedere.tasks.pose.person import cut_person, place_person
from belvedere.tasks.pose.personlab import TREE, Fields, group_people
from belvedere.vision.placement import Placement
from belvedere.vision.preprocess import Preprocess

SIZE = (257, 193)
SAME = Placement(*SIZE, *SIZE, 1, 1)
IMAGE = np.zeros((193, 257, 3), np.uint8)
STRIDE, ROWS, COLUMNS = 16, 13, 17


def reference(scores, offsets, forward, backward, stride, seed, radius, least, most):
    """The published decoder of PoseNet (tfjs-models), after PersonLab: plain loops over (row, column, channel)."""
    height, width, joints = scores.shape

    def cell(point):
        found = [int(np.floor(value / stride + 0.5)) for value in point]
        return min(max(found[0], 0), height - 1), min(max(found[1], 0), width - 1)

    def vector(field, channel, row, column):
        half = field.shape[2] // 2
        return field[row, column, channel], field[row, column, half + channel]

    def near(first, second):
        return (first[0] - second[0]) ** 2 + (first[1] - second[1]) ** 2 <= radius**2

    seeds = []
    for row in range(height):
        for column in range(width):
            for joint in range(joints):
                score = scores[row, column, joint]
                window = scores[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2, joint]
                if score >= seed and score >= window.max():
                    seeds.append((score, joint, row, column))
    people = []
    for score, joint, row, column in sorted(seeds, reverse=True):
        if len(people) >= most:
            break
        dy, dx = vector(offsets, joint, row, column)
        root = (row * stride + dy, column * stride + dx)
        if any(near(person[joint][0], root) for person, _ in people):
            continue
        person = {joint: (root, score)}
        walks = [(edge, child, parent, backward) for edge, (parent, child) in reversed(list(enumerate(TREE)))]
        walks += [(edge, parent, child, forward) for edge, (parent, child) in enumerate(TREE)]
        for edge, source, target, field in walks:
            if source in person and target not in person:
                start = person[source][0]
                dy, dx = vector(field, edge, *cell(start))
                point = (start[0] + dy, start[1] + dx)
                for _ in range(2):
                    at = cell(point)
                    dy, dx = vector(offsets, target, *at)
                    point = (at[0] * stride + dy, at[1] * stride + dx)
                person[target] = (point, scores[(*cell(point), target)])
        total = sum(
            value
            for key, (point, value) in person.items()
            if not any(near(other[key][0], point) for other, _ in people)
        )
        people.append((person, total / joints))
    return [(person, score) for person, score in people if score >= least]


@given(st.integers(0, 9999), st.sampled_from([0.3, 0.6]), st.sampled_from([5.0, 20.0]), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_personlab_groups_as_the_published_decoder(seed, least_seed, radius, most):
    rng = np.random.default_rng(seed)
    scores = rng.random((17, 5, 6)).astype(np.float32) ** 3
    vectors = [rng.normal(0, 12, (length, 5, 6)).astype(np.float32) for length in (34, 32, 32)]
    found = group_people(
        Fields(scores, *vectors), (STRIDE, STRIDE), seed=least_seed, radius=radius, least=0.05, most=most
    )
    moved = [field.transpose(1, 2, 0) for field in (scores, *vectors)]
    wanted = reference(*moved, STRIDE, least_seed, radius, 0.05, most)
    wanted = sorted(wanted, key=lambda pair: -pair[1])
    points, each, people = found
    assert people == pytest.approx(np.array([score for _, score in wanted]), abs=1e-5)
    for number, (person, _) in enumerate(wanted):
        assert points[number] == pytest.approx(np.array([person[k][0][::-1] for k in range(17)]), abs=1e-2)
        assert each[number] == pytest.approx(np.array([person[k][1] for k in range(17)]), abs=1e-5)


def drawn(people):
    """Heatmaps (as logits), offsets and displacements (NHWC) of people whose joints (K, 2) lie where they lie."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] * STRIDE
    heat = np.full((ROWS, COLUMNS, 17), -5.0, np.float32)
    offsets, forward, backward = (np.zeros((ROWS, COLUMNS, n), np.float32) for n in (34, 32, 32))
    distance = np.stack([np.hypot(x[..., None] - joints[:, 0], y[..., None] - joints[:, 1]) for joints in people])
    nearest = distance.argmin(axis=0)  # whose joint each cell belongs to
    heat = np.maximum(heat, 4 - distance.min(axis=0) / 6).astype(np.float32)
    everyone = np.stack(people)
    for k in range(17):
        own = everyone[nearest[..., k], k]
        offsets[..., k], offsets[..., 17 + k] = own[..., 1] - y, own[..., 0] - x
    for edge, (parent, child) in enumerate(TREE):
        for field, source, target in ((forward, parent, child), (backward, child, parent)):
            way = (everyone[:, target] - everyone[:, source])[nearest[..., source]]
            field[..., edge], field[..., 16 + edge] = way[..., 1], way[..., 0]
    return heat, offsets, forward, backward


def people_at(*shifts):
    rng = np.random.default_rng(8)
    body = rng.uniform([20, 20], [90, 170], (17, 2))
    return [(body + np.array([shift, 0])).astype(np.float32) for shift in shifts]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_posenet_finds_the_people_that_were_drawn(layout):
    people = people_at(0, 130)
    fields = [field[None] for field in drawn(people)]
    if layout == "NCHW":
        fields = [field.transpose(0, 3, 1, 2) for field in fields]
    names = ("h", "o", "f", "b")
    decoder = PoseDecoder("h", "posenet", further=names[1:], layout=layout, activation="sigmoid")
    found = decode_pose(dict(zip(names, fields, strict=True)), decoder, SAME, IMAGE)
    assert len(found) == 2
    for joints in found.keypoints_xy:
        assert min(np.abs(joints - person).max() for person in people) < 1e-2
    assert (found.scores > 0.5).all()
    assert (np.diff(found.scores) <= 0).all()


def test_posenet_of_one_person_reads_peaks_and_offsets():
    (person,) = people_at(30)
    heat, offsets, *_ = (field[None] for field in drawn([person]))
    decoder = PoseDecoder("h", "posenet-single", further=("o",), layout="NHWC", activation="sigmoid")
    place = Preprocess(*SIZE, mode="letterbox").placement(100, 150)
    found = decode_pose({"h": heat, "o": offsets}, decoder, place, np.zeros((150, 100, 3), np.uint8))
    assert found.keypoints_xy[0] == pytest.approx(place.points_to_source(person), abs=1e-2)


def test_nobody_is_a_result():
    fields = [np.full((1, 5, 6, 17), -9.0), np.zeros((1, 5, 6, 34)), np.zeros((1, 5, 6, 32)), np.zeros((1, 5, 6, 32))]
    decoder = PoseDecoder("h", "posenet", further=("o", "f", "b"), layout="NHWC", activation="sigmoid")
    found = decode_pose(dict(zip("hofb", fields, strict=True)), decoder, SAME, IMAGE)
    assert (len(found), found.keypoints_xy.shape) == (0, (0, 17, 2))
    assert len(decode_pose({"r": np.zeros((1, 6, 56))}, PoseDecoder("r", "movenet-multipose"), SAME, IMAGE)) == 0
    for columns in (np.zeros((1, 56, 9)), np.zeros((1, 56, 0))):
        assert len(decode_pose({"c": columns}, PoseDecoder("c", "yolo-pose"), SAME, IMAGE)) == 0


def test_movenet_multipose_rows():
    rng = np.random.default_rng(1)
    joints = rng.uniform(0, 1, (3, 17, 3)).astype(np.float32)
    boxes = np.array([[0.1, 0.2, 0.6, 0.7], [0, 0, 1, 1], [0.5, 0.1, 0.9, 0.4]], np.float32)  # top, left, bottom, right
    scores = np.array([[0.4], [0.1], [0.8]], np.float32)
    rows = np.concatenate([joints.reshape(3, 51), boxes, scores], axis=1)[None]
    place = Preprocess(256, 256, mode="letterbox").placement(100, 200)
    image = np.zeros((200, 100, 3), np.uint8)
    found = decode_pose({"r": rows}, PoseDecoder("r", "movenet-multipose"), place, image)
    assert found.scores == pytest.approx([0.8, 0.4])
    wanted = place.points_to_source(joints[[2, 0]][..., [1, 0]] * 256)
    assert found.keypoints_xy == pytest.approx(wanted, abs=1e-2)
    sides = np.clip(place.points_to_source(boxes[[2, 0]][:, [1, 0, 3, 2]].reshape(-1, 2, 2) * 256), 0, [100, 200])
    assert found.person_boxes_xyxy == pytest.approx(sides.reshape(-1, 4), abs=1e-2)


def test_yolo_pose_columns():
    rows = np.zeros((3, 56), np.float32)
    rows[:, :5] = [[50, 60, 40, 80, 0.9], [52, 60, 40, 80, 0.7], [150, 60, 40, 80, 0.6]]  # the second is the first's
    rows[:, 5:] = np.arange(51)
    found = decode_pose({"c": rows.T[None]}, PoseDecoder("c", "yolo-pose"), SAME, IMAGE)
    assert found.scores == pytest.approx([0.9, 0.6])
    assert found.person_boxes_xyxy == pytest.approx(np.array([[30, 20, 70, 100], [130, 20, 170, 100]]))
    assert found.keypoints_xy[0, 1].tolist() == [3, 4]
    assert found.keypoint_scores[0, 1] == 5


@given(st.floats(3, 8), st.floats(3, 12))
@settings(deadline=None)  # the first one imports SciPy's filters
def test_dark_finds_the_middle_of_a_bell(x, y):
    rows, columns = np.mgrid[0:16, 0:12]
    bell = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2)).astype(np.float32)
    points, heights = read_heatmaps_dark(bell[None])
    # Smoothing a bell gives a bell, whose logarithm is the parabola that one Newton step solves.
    assert points[0] == pytest.approx([x, y], abs=0.05)
    assert heights[0] == bell.max()


def test_dark_on_maps_without_a_peak():
    for value in (-1.0, 0.0, 7.0):
        points, heights = read_heatmaps_dark(np.full((2, 6, 5), value, np.float32))
        assert np.isfinite(points).all()
        assert heights.tolist() == [value] * 2
    assert read_heatmaps_dark(np.full((1, 6, 5), -1, np.float32))[0].tolist() == [[-1, -1]]


@given(st.integers(-30, 60), st.integers(-30, 60), st.integers(1, 90), st.integers(1, 90))
def test_a_persons_box_lies_in_the_middle_of_the_input(left, top, width, height):
    box = np.array([left, top, left + width, top + height], float)
    place = place_person(box, (120, 110), (48, 64))
    # UDP: middles of the first and last pixel, so an index is half a pixel less than a place.
    middle = place.points_to_input((box[:2] + box[2:]) / 2 + 0.5)
    assert middle == pytest.approx([24, 32], abs=1e-2)
    ends = place.points_to_input(box.reshape(2, 2) + 0.5)
    lengths = (ends[1] - ends[0]) / [47, 63]
    assert lengths.max() == pytest.approx(1 / 1.25, rel=1e-3)
    assert place.scale_x / 47 * 48 == pytest.approx(place.scale_y / 63 * 64, rel=1e-6)
    assert cut_person(np.zeros((110, 120, 3), np.uint8), place).shape == (64, 48, 3)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (np.nan, 0, 1, 1)])
def test_boxes_that_hold_nobody(box):
    with pytest.raises(OptionError, match="person's box"):
        place_person(np.array(box), (50, 50), (48, 64))


@pytest.mark.parametrize(
    ("form", "outputs", "message"),
    [
        ("movenet-multipose", {"h": np.zeros((1, 6, 55))}, r"\(1, 6, 55\): expected \(1, n, 56\)"),
        ("movenet-multipose", {"h": np.full((1, 6, 56), np.nan)}, "'h' holds"),
        ("yolo-pose", {"h": np.zeros((1, 57, 9))}, r"expected \(1, 56, n\)"),
        ("yolo-pose", {"h": np.full((1, 56, 9), np.inf)}, "'h' holds"),
        ("vitpose", {"h": np.zeros((1, 16, 9, 9))}, r"expected \(1, 17, h, w\)"),
        ("posenet-single", {"h": np.zeros((1, 17, 9, 9)), "o": np.zeros((1, 34, 9, 8))}, r"'o' .*\(1, 34, 9, 9\)"),
        ("posenet-single", {"h": np.zeros((1, 17, 9, 9))}, "no output 'o'"),
        (
            "posenet",
            {"h": np.zeros((1, 17, 9, 9)), "o": np.zeros((1, 34, 9, 9)), "f": np.zeros((1, 30, 9, 9))},
            r"'f' .*\(1, 32, 9, 9\)",
        ),
    ],
)
def test_outputs_that_do_not_fit(form, outputs, message):
    further = {"posenet-single": ("o",), "posenet": ("o", "f", "b")}.get(form, ())
    with pytest.raises(EngineError, match=message):
        decode_pose(outputs, PoseDecoder("h", form, further=further), SAME, IMAGE)


@pytest.mark.parametrize(
    "more",
    [
        {"form": "posenet"},
        {"form": "heatmaps", "further": ("o",)},
        {"form": "posenet", "further": ("o", "f", "b"), "names": ("a",), "skeleton": ()},
        {"form": "openpose"},
        {"form": "heatmaps", "layout": "CHW"},
        {"form": "heatmaps", "activation": "softmax"},
        {"form": "yolo-pose", "iou": 1.5},
        {"form": "yolo-pose", "most": 0},
        {"form": "yolo-pose", "radius": -1.0},
    ],
)
def test_settings_without_sense(more):
    with pytest.raises(OptionError):
        PoseDecoder("h", **more)
