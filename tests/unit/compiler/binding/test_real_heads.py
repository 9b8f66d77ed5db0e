"""Trained networks whose heads are rewritten into other published forms: they must see what they saw before."""

from __future__ import annotations

import json

import numpy as np
import pytest

from belvedere.compiler.binding import Wanted, bind
from belvedere.compiler.importers.tflite.schema import read_graph
from belvedere.compiler.importing import Imported, Port
from belvedere.runtime.dispatch import preprocess_of
from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.detection.priors import prior_boxes, tensorflow_priors
from belvedere.tasks.detection.suppression import box_iou
from belvedere.tasks.label_sets import label_set
from belvedere.vision.decode import load_image
from helpers.binding import imported, manifest_of, predictor, runner_of

pytestmark = [pytest.mark.shared]

SSD = "models/ssd_mobilenet_v1_coco/coco_ssd_mobilenet_v1_1.0_quant.tflite"
SIZE, STRIDES = 416, (8, 16, 32)
PREFIX = "detection_postprocess/"


def recorded(shared_folder, model, entry):
    lines = json.loads((shared_folder / "models/expected.json").read_text())[model][entry]
    return [line.rsplit(" ", 5) for line in lines]


def yolox_as_columns(path):
    """YOLOX-Nano with its grid decoded into columns without objectness."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph, raw, taken = model.graph, model.graph.output[0].name, model.graph.input[0].name
    sides = [SIZE // stride for stride in STRIDES]
    places = [np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2).reshape(-1, 2) for side in sides]
    steps = [np.full((side * side, 1), stride) for side, stride in zip(sides, STRIDES, strict=True)]
    numbers = {
        "cells": np.concatenate(places)[None].astype(np.float32),
        "steps": np.concatenate(steps)[None].astype(np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in numbers.items())
    back = [
        helper.make_node("Split", [raw], ["xy", "wh", "object", "kinds"], axis=2, split=[2, 2, 1, 80]),
        helper.make_node("Add", ["xy", "cells"], ["moved"]),
        helper.make_node("Mul", ["moved", "steps"], ["centers"]),
        helper.make_node("Exp", ["wh"], ["grown"]),
        helper.make_node("Mul", ["grown", "steps"], ["sizes"]),
        helper.make_node("Mul", ["kinds", "object"], ["scores"]),
        helper.make_node("Concat", ["centers", "sizes", "scores"], ["rows"], axis=2),
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]),
    ]
    del graph.output[:]
    graph.node.extend(back)
    graph.output.append(helper.make_tensor_value_info("columns", TensorProto.FLOAT, [1, 84, 3549]))
    onnx.checker.check_model(model)
    return Imported(
        "onnx", model, (Port(taken, (1, 3, SIZE, SIZE), "float32"),), (Port("columns", (1, 84, 3549), "float32"),)
    )


def test_yolox_sees_the_dog_through_columns(shared_folder):
    network = yolox_as_columns(shared_folder / "models/yolox_nano_coco/yolox_nano.onnx")
    bound = bind(network, Wanted(labels="coco80"))
    assert (bound.family, bound.decoder.iou) == ("yolov8", 0.45)
    whole = imported(shared_folder / "models/yolox_nano_coco/yolox_nano.onnx")
    prepare = preprocess_of(manifest_of(bind(whole), whole.outputs))  # where YOLOX wants its pictures
    image = load_image(shared_folder / "data/photos/dog.jpg")
    (columns,) = runner_of(network)(prepare.apply(image))

    def seen(**more):
        decoder = DetectionDecoder("yolov8", ("columns",), iou=0.45, labels=label_set("coco80"), **more)
        return decode_detection({"columns": columns}, decoder, prepare.placement(768, 576), image)

    rows = recorded(shared_folder, "yolox_nano.onnx", "dog.jpg: label score x1 y1 x2 y2 (score>=0.3, NMS 0.45)")
    result = seen()
    assert sorted(one.label for one in result) == sorted(row[0] for row in rows)
    for one in result:
        (row,) = [row for row in rows if row[0] == one.label]
        assert one.score == pytest.approx(float(row[1]), abs=0.02)
        assert box_iou(np.array([one.box_xyxy]), np.array([row[2:]], float))[0, 0] > 0.95
    soft = seen(suppression="soft-gaussian")
    assert {one.label for one in soft} >= {"dog", "bicycle", "car"}
    assert soft.scores[0] == pytest.approx(result.scores[0])
    assert len(soft) >= len(result)


def ssd_without_suppression(shared_folder):
    """The quantised SSD MobileNet up to its post-processing: box codes and class scores."""
    import openvino

    whole = imported(shared_folder / SSD)
    nodes = [node for node in whole.network.get_ops() if node.get_friendly_name().startswith(PREFIX)]
    border = {}
    for node in nodes:
        for value in node.input_values():
            source = value.get_node()
            if source.get_type_name() != "Constant" and not source.get_friendly_name().startswith(PREFIX):
                border[source.get_friendly_name()] = value
    ports = sorted(border.values(), key=lambda value: list(value.get_shape())[-1])
    shapes = [tuple(value.get_shape()) for value in ports]
    assert [shape[-1] for shape in shapes] == [4, 91]
    model = openvino.Model(ports, whole.network.get_parameters(), "raw")
    names = ("box_encodings", "class_predictions")
    outputs = tuple(Port(name, shape, "float32") for name, shape in zip(names, shapes, strict=True))
    return Imported("tflite", model, whole.inputs, outputs)


def anchors_of(shared_folder):
    """Anchors in the file, as centre y, centre x, height, width; they are bytes with a scale."""
    graph = read_graph(shared_folder / SSD)
    (detection,) = [one for one in graph.operators if len(one.inputs) == 3 and len(one.outputs) == 4]
    return graph.tensors[detection.inputs[2]].value()


def test_the_priors_of_tensorflows_generator_are_those_in_the_file(shared_folder):
    made = prior_boxes(tensorflow_priors())[:, [1, 0, 3, 2]]
    anchors = anchors_of(shared_folder)
    assert anchors.shape == made.shape
    step = np.unique(np.round(np.diff(np.unique(anchors)), 6)).min()
    assert np.abs(anchors - made).max() <= step


def test_ssd_sees_the_dog_through_its_codes(shared_folder):
    network = ssd_without_suppression(shared_folder)
    # The exported graph has applied the sigmoid itself.
    bound = bind(network, Wanted(labels="coco90", decoder={"activation": "none", "threshold": 0.5, "iou": 0.6}))
    assert bound.family == "ssd-tf-raw"
    rows = recorded(shared_folder, SSD.rsplit("/", 1)[1], "dog.jpg: label score x1 y1 x2 y2 (score>=0.5)")
    result = predictor(network, bound)(shared_folder / "data/photos/dog.jpg")
    for label, score, *corners in rows:
        best = max((one for one in result if one.label == label), key=lambda one: one.score)
        assert best.score == pytest.approx(float(score), abs=0.03)
        assert box_iou(np.array([best.box_xyxy]), np.array([corners], float))[0, 0] > 0.8
    # The file suppresses across classes, the decoder in each class by itself: what it has more lies on the same things.
    for one in result:
        places = np.array([row[2:] for row in rows], float)
        assert box_iou(np.array([one.box_xyxy]), places)[0].max() > 0.8


def test_codes_and_the_files_own_anchors_give_the_files_own_boxes(shared_folder):
    """What differs above is the rounding of the file's anchors alone."""
    dog = shared_folder / "data/photos/dog.jpg"
    whole = imported(shared_folder / SSD)
    wanted = predictor(whole, bind(whole, Wanted(labels="coco90")), threshold=0.5)(dog)
    raw = ssd_without_suppression(shared_folder)
    prepare = preprocess_of(manifest_of(bind(raw, Wanted(decoder={"activation": "none"})), raw.outputs))
    image = load_image(dog)
    numbers = runner_of(raw)(prepare.apply(image))
    outputs = dict(zip(("box_encodings", "class_predictions"), numbers, strict=True))
    decoder = DetectionDecoder(
        "ssd-raw", ("box_encodings", "class_predictions", "anchors"), 0.5, 0.6, box_order="yxhw", priors_as="centers",
        background="first", labels=label_set("coco90"),
    )  # fmt: skip
    found = decode_detection(
        {**outputs, "anchors": anchors_of(shared_folder)[None]}, decoder, prepare.placement(768, 576), image
    )
    for one in wanted:
        best = max((other for other in found if other.label == one.label), key=lambda other: other.score)
        assert best.score == pytest.approx(one.score, abs=1e-6)
        assert best.box_xyxy == pytest.approx(one.box_xyxy, abs=0.05)
