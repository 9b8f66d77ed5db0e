"""TFLite_Detection_PostProcess: our graph against the operator's algorithm, written out in plain loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.importers import tflite
from belvedere.compiler.importers.tflite.detection_decoder import kept_from, suppressed_above
from belvedere.compiler.importers.tflite.detection_options import read_detection_options
from belvedere.compiler.importing import Request
from belvedere.core.errors import CompileError
from helpers.foreign_models import bilinear, run, source_of
from helpers.tflite_files import File, Op, Tensor, detector, encode, encode_options, options

Array = np.ndarray[Any, Any]
NAME = "TFLite_Detection_PostProcess"


def decoded(encodings: Array, anchors: Array, values: dict[str, Any]) -> Array:
    boxes = []
    for (y, x, h, w, *_), (cy, cx, height, width) in zip(encodings.astype(float), anchors.astype(float), strict=True):
        centre_y, centre_x = y / values["y_scale"] * height + cy, x / values["x_scale"] * width + cx
        half_h, half_w = 0.5 * np.exp(h / values["h_scale"]) * height, 0.5 * np.exp(w / values["w_scale"]) * width
        boxes.append([centre_y - half_h, centre_x - half_w, centre_y + half_h, centre_x + half_w])
    return np.float32(boxes)


def overlap(a: Array, b: Array) -> float:
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    if min(area) <= 0:
        return 0.0
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(height, np.float32(0)) * max(width, np.float32(0))
    return shared / (area[0] + area[1] - shared)


def suppressed(boxes: Array, scores: Array, most: int, values: dict[str, Any]) -> list[int]:
    order = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= np.float32(values["nms_score_threshold"])]
    kept: list[int] = []
    for i in order:
        if len(kept) < most and all(
            overlap(boxes[i], boxes[j]) <= np.float32(values["nms_iou_threshold"]) for j in kept
        ):
            kept.append(int(i))
    return kept


def expected(encodings: Array, scores: Array, anchors: Array, values: dict[str, Any]) -> tuple[Array, ...]:
    """Boxes, classes, scores and count for one picture, after detection_postprocess.cc."""
    boxes = decoded(encodings, anchors, values)
    scores = scores[:, scores.shape[1] - values["num_classes"] :]
    most, copies = values["max_detections"], values["max_classes_per_detection"]
    out = (
        np.zeros((most * copies, 4), np.float32),
        np.zeros(most * copies, np.float32),
        np.zeros(most * copies, np.float32),
    )
    if values["use_regular_nms"]:
        found = [
            (scores[i, column], column, i)
            for column in range(values["num_classes"])
            for i in suppressed(boxes, scores[:, column], values["detections_per_class"], values)
        ]
        rows = [(0, entry) for entry in sorted(found, key=lambda entry: -entry[0])[:most]]
        count = len(rows)
        placed = [(index, entry) for index, (_, entry) in enumerate(rows)]
    else:
        kept = suppressed(boxes, scores.max(axis=1), most, values)
        count = len(kept)
        placed = [
            (index * copies + rank, (scores[i, column], column, i))
            for index, i in enumerate(kept)
            for rank, column in enumerate(np.argsort(-scores[i], kind="stable")[:copies])
        ]
    for row, (score, column, i) in placed:
        out[0][row], out[1][row], out[2][row] = boxes[i], column, score
    return out[0][None], out[1][None], out[2][None], np.float32([count])


def case(seed: int, values: dict[str, Any], *, background: bool = True, width: int = 4) -> tuple[Array, Array, Array]:
    """Encodings, scores and anchors; scores in steps, so that equal ones occur between anchors."""
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 60))
    anchors = np.float32(np.concatenate([draw.random((count, 2)), 0.05 + 0.4 * draw.random((count, 2))], axis=1))
    encodings = np.float32(draw.normal(0, 3, (1, count, width)))
    scores = np.float32(draw.random((1, count, values["num_classes"] + background)))
    if values["max_classes_per_detection"] == 1:
        scores = np.round(scores * 32) / 32
    return encodings, scores, anchors


CASES = {
    "fast": options(),
    "fast-many": options(max_detections=40, nms_iou_threshold=0.3),
    "fast-two-classes-a-box": options(max_classes_per_detection=2),
    "fast-more-classes-a-box-than-classes": options(max_classes_per_detection=4, num_classes=2),
    "fast-one-class": options(num_classes=1),
    "fast-everything": options(nms_score_threshold=0.0, nms_iou_threshold=1.0, max_detections=100),
    "fast-nothing": options(nms_score_threshold=2.0),
    "regular": options(use_regular_nms=True),
    "regular-few-a-class": options(use_regular_nms=True, detections_per_class=2, max_detections=20),
    "regular-everything": options(use_regular_nms=True, nms_score_threshold=0.0, nms_iou_threshold=1.0),
    "regular-nothing": options(use_regular_nms=True, nms_score_threshold=2.0),
    "regular-more-rows": options(use_regular_nms=True, max_classes_per_detection=3),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("background", [True, False])
def test_the_graph_gives_what_the_operator_gives(tmp_path, name, background):
    values = CASES[name]
    encodings, scores, anchors = case(len(name), values, background=background, width=4 + 2 * background)
    path = tmp_path / "detector.tflite"
    path.write_bytes(detector(anchors, values, background=background, width=encodings.shape[2]))
    imported = tflite.load(source_of(path), Request())
    got = run(imported, {"encodings": encodings, "scores": scores})
    wanted = expected(encodings[0], scores[0], anchors, values)
    rows = values["max_detections"] * values["max_classes_per_detection"]
    assert [(port.name, port.shape) for port in imported.outputs] == [
        ("boxes", (1, rows, 4)),
        ("classes", (1, rows)),
        ("top", (1, rows)),
        ("count", (1,)),
    ]
    for array, reference in zip(got.values(), wanted, strict=True):
        np.testing.assert_allclose(array, reference, rtol=1e-5, atol=2e-6)
    assert ("nothing" in name) == (got["count"][0] == 0)


@pytest.mark.parametrize("regular", [False, True])
def test_quantised_inputs_are_dequantised(tmp_path, regular):
    values = options(use_regular_nms=regular, max_detections=8)
    draw = np.random.default_rng(5)
    anchors = np.float32(np.concatenate([draw.random((30, 2)), 0.1 + 0.3 * draw.random((30, 2))], axis=1))
    path = tmp_path / "detector.tflite"
    path.write_bytes(detector(anchors, values, quantised=True))
    encodings = draw.integers(60, 200, (1, 30, 4)).astype(np.uint8)
    scores = draw.integers(0, 256, (1, 30, 4)).astype(np.uint8)
    got = run(tflite.load(source_of(path), Request()), {"encodings": encodings, "scores": scores})
    stored = np.float32(np.round(anchors * 255) * np.float32(1 / 255))
    wanted = expected((encodings[0].astype(np.float32) - 128) * np.float32(0.05), scores[0] / 256, stored, values)
    for array, reference in zip(got.values(), wanted, strict=True):
        np.testing.assert_allclose(array, reference, rtol=1e-5, atol=2e-6)


def test_boxes_on_the_thresholds_stay(tmp_path):
    """Overlap at the threshold does not suppress, and a score at the threshold is kept."""
    values = options(max_detections=3, num_classes=1, nms_score_threshold=0.5, nms_iou_threshold=0.5)
    anchors = np.float32([[0.5, 1, 1, 2], [0.5, 0.5, 1, 1], [0.5, 5, 1, 1]])  # the first two overlap by exactly a half
    path = tmp_path / "detector.tflite"
    path.write_bytes(detector(anchors, values))
    scores = np.float32([[[0, 0.9], [0, 0.5], [0, 0.49]]])
    got = run(tflite.load(source_of(path), Request()), {"encodings": np.zeros((1, 3, 4), np.float32), "scores": scores})
    assert got["count"][0] == 2
    np.testing.assert_allclose(got["boxes"][0], [[0, 0, 1, 2], [0, 0, 1, 1], [0, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 1e-8, 0.0, -1.0, 1.0])
def test_thresholds_for_the_engine_lie_next_to_the_operators(threshold):
    same = np.float32(threshold)
    assert suppressed_above(threshold) > same
    assert kept_from(threshold) < same
    assert np.nextafter(suppressed_above(threshold), np.float32(-9)) == same
    assert abs(kept_from(threshold) - same) <= max(np.spacing(abs(same)), np.finfo(np.float32).tiny)


@pytest.mark.shared
@pytest.mark.slow
def test_the_shared_detector_finds_what_was_recorded(shared_folder):
    folder = shared_folder / "models"
    recorded = json.loads((folder / "expected.json").read_text())["coco_ssd_mobilenet_v1_1.0_quant.tflite"]
    imported = tflite.load(
        source_of(folder / "ssd_mobilenet_v1_coco" / "coco_ssd_mobilenet_v1_1.0_quant.tflite"), Request()
    )
    assert [(port.name, port.shape, port.dtype) for port in imported.outputs] == [
        (NAME, (1, 10, 4), "float32"),
        (f"{NAME}:1", (1, 10), "float32"),
        (f"{NAME}:2", (1, 10), "float32"),
        (f"{NAME}:3", (1,), "float32"),
    ]
    picture = Image.open(shared_folder / "data" / "photos" / "dog.jpg")
    boxes, classes, scores, count = run(imported, {imported.inputs[0].name: bilinear(picture, 300)}).values()
    labels = (folder / "ssd_mobilenet_v1_coco" / "coco90_labels.txt").read_text().splitlines()
    assert count[0] == 10
    lines = recorded["dog.jpg: label score x1 y1 x2 y2 (score>=0.5)"]
    assert np.count_nonzero(scores[0] >= 0.5) == len(lines)
    by_label = {labels[int(c)]: (s, b) for c, s, b in zip(classes[0][:4], scores[0], boxes[0], strict=False)}
    for line in lines:
        label, score, *corners = line.split()
        found, (top, left, bottom, right) = by_label[label]
        assert found == pytest.approx(float(score), abs=0.03)
        pixels = np.array([left, top, right, bottom]) * np.array([*picture.size, *picture.size])
        np.testing.assert_allclose(pixels, np.float32(corners), atol=10)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_detections": 0}, "max_detections 0"),
        ({"max_detections": 2**30}, "max_detections"),
        ({"num_classes": -1}, "num_classes -1"),
        ({"nms_iou_threshold": 0.0}, "nms_iou_threshold"),
        ({"y_scale": 0.0}, "a scale"),
        ({"nms_score_threshold": float("nan")}, "nms_score_threshold"),
        ({"max_detections": "many"}, "lacks the options max_detections"),
    ],
)
def test_options_without_sense_are_refused(changes, words):
    values = options(**changes)
    if values["max_detections"] == "many":
        del values["max_detections"]
    with pytest.raises(CompileError, match=words):
        read_detection_options(memoryview(encode_options(values)))


def test_damaged_options_are_refused_whatever_the_damage():
    whole = encode_options(options())
    assert read_detection_options(memoryview(whole)).rows == 5
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(int(draw.integers(1, 6))):
            damaged[int(draw.integers(len(damaged)))] = int(draw.integers(256))
        try:
            read_detection_options(memoryview(bytes(damaged[: int(draw.integers(len(damaged) + 1))])))
        except CompileError:
            refused += 1
    assert refused > 100


def test_an_operator_in_the_midst_of_the_graph_is_refused(tmp_path):
    names = [
        ("e", (1, 2, 4)),
        ("s", (1, 2, 4)),
        ("a", (2, 4)),
        ("b", (1, 5, 4)),
        ("c", (1, 5)),
        ("t", (1, 5)),
        ("n", (1,)),
    ]
    tensors = [Tensor(name, shape, value=np.ones(shape, np.float32) if name == "a" else None) for name, shape in names]
    tensors.append(Tensor("more", (1, 5, 4)))
    ops = [Op(32, [0, 1, 2], [3, 4, 5, 6], NAME, encode_options(options())), Op(19, [3], [7])]
    path = Path(tmp_path) / "model.tflite"
    path.write_bytes(encode(File(tensors, ops, [0, 1], [7, 4, 5, 6])))
    with pytest.raises(CompileError, match="only translated as the last operator"):
        tflite.load(source_of(path), Request())


@pytest.mark.parametrize(
    ("shape", "anchors", "words"),
    [((1, 2, 4), None, "anchors that are no constant"), ((2, 2, 4), (2, 4), r"box encodings \[2,2,4\]")],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path, shape, anchors, words):
    value = None if anchors is None else np.ones(anchors, np.float32)
    tensors = [Tensor("e", shape), Tensor("s", (1, 2, 4)), Tensor("a", (2, 4), value=value)]
    tensors += [Tensor("b", (1, 5, 4)), Tensor("c", (1, 5)), Tensor("t", (1, 5)), Tensor("n", (1,))]
    inputs = [0, 1] if anchors else [0, 1, 2]
    operator = Op(32, [0, 1, 2], [3, 4, 5, 6], NAME, encode_options(options()))
    path = tmp_path / "model.tflite"
    path.write_bytes(encode(File(tensors, [operator], inputs, [3, 4, 5, 6])))
    with pytest.raises(CompileError, match=words):
        tflite.load(source_of(path), Request())
