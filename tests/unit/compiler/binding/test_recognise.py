from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.compiler.binding import Facts, facts_of, recognise
from belvedere.compiler.binding.evidence import OF_PICTURES, OF_PIXELS
from belvedere.compiler.binding.recognise import likely, picture_of
from belvedere.compiler.importing import Port
from helpers.binding import network

NCHW, NHWC = ("data", (1, 3, 64, 96)), ("image", (1, 64, 96, 3), "uint8")
TRIPLE = [("ids", (1, 100, 1)), ("scores", (1, 100, 1)), ("boxes", (1, 100, 4))]
SSD = [("b", (1, 10, 4)), ("c", (1, 10)), ("s", (1, 10)), ("n", (1,))]
TF = [
    ("detection_boxes:0", (1, 10, 4)),
    ("num_detections:0", (1,)),
    ("detection_scores:0", (1, 10)),
    ("detection_classes:0", (1, 10)),
]
GRID = 8 * 12 + 4 * 6 + 2 * 3


def seen(inputs, outputs, **more):
    imported = network([inputs] if isinstance(inputs[0], str) else inputs, outputs, **more)
    found = recognise(imported.inputs, imported.outputs, facts_of(imported))
    return None if found is None else (found.family.name, found.classes)


@pytest.mark.parametrize(
    ("taken", "given_", "more", "expected"),
    [
        (NCHW, TRIPLE, {}, ("gluoncv", None)),
        (NCHW, [("i", (1, 30)), ("s", (1, 30)), ("b", (1, 30, 4))], {}, ("gluoncv", None)),
        (NCHW, [*TRIPLE, ("masks", (1, 100, 14, 14))], {}, ("gluoncv-mask-rcnn", None)),
        (NHWC, SSD, {}, ("ssd", None)),
        (NHWC, TF, {}, ("tf-detection", None)),
        (NHWC, [*TF, ("detection_masks:0", (1, 10, 33, 33))], {}, ("tf-mask-rcnn", None)),
        (NCHW, [("det", (1, 828, 6))], {"framework": "mxnet"}, ("sagemaker-detection", None)),
        (NCHW, [("out", (1, GRID, 85))], {}, ("yolox", 80)),
        (NCHW, [("out", (1, GRID, 6))], {}, ("yolox", 1)),
        (NCHW, [("out", (1, GRID, 85))], {"makers": ["Exp"]}, ("yolox-decoded", 80)),
        (NCHW, [("a", (507, 85)), ("b", (2028, 85))], {"framework": "darknet"}, ("darknet", 80)),
        (NCHW, [("a", (4, 507, 25))], {"framework": "darknet"}, ("darknet", 20)),
        (NCHW, [("a", (1, 1000))], {"framework": "darknet"}, ("darknet-classifier", 1000)),
        (NHWC, [("out", (1, 1, 17, 3))], {}, ("movenet", None)),
        (NCHW, [("out", (1, 17, 16, 24))], {}, ("heatmaps", None)),
        (NCHW, [("out", (1, 17, 32, 48))], {}, ("heatmaps", None)),
        (NCHW, [("main", (1, 21, 64, 96)), ("aux", (1, 21, 64, 96))], {}, ("segmentation", 21)),
        (NHWC, [("probs", (1, 64, 96, 4))], {}, ("segmentation", 4)),
        (NHWC, [("probs", (1, 64, 96, 2))], {"makers": ["Softmax"]}, ("segmentation", 2)),
        (NCHW, [("out", (1, 6, 64, 96))], {"makers": ["Resize"]}, ("segmentation", 6)),
        (NHWC, [("map", (1, 64, 96), "int64")], {}, ("deeplab", None)),
        (NCHW, [("map", (1, 1, 64, 96), "int32")], {}, ("deeplab", None)),
        (NCHW, [("map", (1, 64, 96))], {"makers": ["ArgMax"]}, ("deeplab", None)),
        (NCHW, [("logits", (1, 10))], {}, ("classifier", 10)),
        (NCHW, [("logits", (-1, 1000, 1, 1))], {}, ("classifier", 1000)),
        (("gray", (1, 1, 28, 28)), [("logits", (1, 10))], {}, ("classifier", 10)),
        (NCHW, [("logits", (1, 300, 80)), ("pred_boxes", (1, 300, 4))], {}, ("rt-detr", 80)),
        (NCHW, [("logits", (1, 100, 92)), ("pred_boxes", (1, 100, 4))], {}, ("detr", 91)),
        (NCHW, [("pred_boxes", (1, 100, 4)), ("hidden", (1, 9, 9)), ("logits", (1, 100, 92))], {}, ("detr", 91)),
        (NCHW, [("dets", (1, 300, 4)), ("labels", (1, 300, 7))], {}, ("rf-detr", 7)),
        (
            NCHW,
            [("logits", (1, 50, 91)), ("pred_boxes", (1, 50, 4)), ("pred_masks", (1, 50, 16, 24))],
            {},
            ("rf-detr-seg", 91),
        ),
        (
            NCHW,
            [("labels", (1, 300), "int64"), ("boxes", (1, 300, 4)), ("scores", (1, 300))],
            {},
            ("detr-decoded", None),
        ),
        (NCHW, [("out", (1, GRID + 2, 112))], {}, ("nanodet-plus", 80)),
        (
            NCHW,
            [
                (f"{kind}_pred_stride_{stride}", (1, cells, length))
                for kind, length in (("dis", 32), ("cls", 20))
                for stride, cells in ((8, 96), (16, 24), (32, 6))
            ],
            {},
            ("nanodet", 20),
        ),
        (NCHW, [("out", (1, 84, GRID))], {}, ("yolov8", 80)),
        (NCHW, [("out", (1, 116, GRID)), ("protos", (1, 32, 16, 24))], {}, ("yolov8-seg", 80)),
        (
            ("x", (1, 3, 300, 300)),
            [("raw_outputs/box_encodings", (1, 1917, 4)), ("raw_outputs/class_predictions", (1, 1917, 91))],
            {},
            ("ssd-tf-raw", 90),
        ),
        (
            ("x", (1, 3, 300, 300)),
            [("bbox_regression", (1, 8732, 4)), ("cls_logits", (1, 8732, 91))],
            {},
            ("ssd300-torchvision", 90),
        ),
        (
            ("x", (1, 3, 320, 320)),
            [("bbox_regression", (1, 3234, 4)), ("cls_logits", (1, 3234, 91))],
            {},
            ("ssdlite-torchvision", 90),
        ),
        (NHWC, [("out", (1, 6, 56))], {}, ("movenet-multipose", None)),
        (
            NHWC,
            [("h", (1, 5, 7, 17)), ("o", (1, 5, 7, 34)), ("f", (1, 5, 7, 32)), ("b", (1, 5, 7, 32))],
            {},
            ("posenet", None),
        ),
        (NCHW, [("h", (1, 17, 5, 7)), ("o", (1, 34, 5, 7))], {}, ("posenet-single", None)),
        (NCHW, [("logits", (1, 150, 16, 24))], {}, ("segformer", 150)),
    ],
)
def test_families(taken, given_, more, expected):
    assert seen(taken, given_, **more) == expected


@pytest.mark.parametrize(
    ("taken", "given_", "more"),
    [
        ([("a", (1, 3, 8, 8)), ("b", (1, 3, 8, 8))], [("out", (1, 10))], {}),  # two inputs
        (("text", (1, 128)), [("out", (1, 10))], {}),
        (("volume", (1, 3, 8, 8, 8)), [("out", (1, 10))], {}),
        (("features", (1, 64, 8, 8)), [("out", (1, 10))], {}),
        (NCHW, [("out", (1, 828, 6))], {}),  # rows of 6 mean many things
        (NCHW, [("out", (1, GRID + 1, 85))], {}),
        (NCHW, [("picture", (1, 3, 64, 96))], {}),  # as many maps as colours
        (NCHW, [("flow", (1, 2, 64, 96))], {}),
        (NCHW, [("features", (1, 512, 2, 3))], {}),
        (NCHW, [("value", (1, 1))], {}),
        (NCHW, [("a", (1, 10)), ("b", (1, 5))], {}),
        (NCHW, [("ids", (1, 100, 1)), ("scores", (1, 100, 1)), ("boxes", (1, 100, 5))], {}),
        (NCHW, [("ids", (1, 100, 1)), ("scores", (1, 99, 1)), ("boxes", (1, 100, 4))], {}),
        (NCHW, [("depth", (1, 64, 96))], {}),
        (NCHW, [("logits", (1, 300, 7)), ("pred_boxes", (1, 300, 4))], {}),  # with no-object or without?
        (NCHW, [("out", (1, 56, GRID))], {}),  # 52 classes, or COCO's joints?
        (NCHW, [("a", (1, 255, 2, 3)), ("b", (1, 255, 4, 6)), ("c", (1, 255, 8, 12))], {}),  # which YOLO?
        (NCHW, [("class_queries_logits", (1, 100, 81)), ("masks_queries_logits", (1, 100, 16, 24))], {}),
        (("x", (1, 3, 300, 300)), [("bbox_regression", (1, 99, 4)), ("cls_logits", (1, 99, 91))], {}),
        (NCHW, [("embedding", (1, 512))], {}),
        (NCHW, [("features", (1, 2048, 1, 1))], {}),
        (NCHW, [("landmarks", (1, 136))], {"makers": ["Sigmoid"]}),
        (NCHW, [("decoded", (1, 16, 64, 96))], {}),
        (NHWC, [("decoded", (1, 64, 96, 4))], {"makers": ["Sigmoid"]}),
        (NCHW, [("enlarged", (1, 4, 64, 96))], {"makers": ["Resize"]}),
        (NHWC, [("grey", (1, 64, 96, 1), "uint8")], {}),  # a picture
        (NCHW, [], {}),
    ],
)
def test_what_is_not_recognised(taken, given_, more):
    assert seen(taken, given_, **more) is None


@pytest.mark.parametrize(
    ("outputs", "family", "classes"),
    [
        ([("out", (1, 512))], "classifier", 512),
        ([("out", (1, 2048, 1, 1))], "classifier", 2048),
        ([("out", (1, 16, 64, 96))], "segmentation", 16),
        ([("out", (1, 2, 64, 96))], "segmentation", 2),
    ],
)
def test_rows_and_maps_of_any_length_are_classes_where_graph_or_user_say_so(outputs, family, classes):
    imported = network([NCHW], outputs)
    borders = imported.inputs, imported.outputs, facts_of(imported)
    assert recognise(*borders) is None
    task = {"classifier": "classification", "segmentation": "semantic-segmentation"}[family]
    for found in (likely(*borders), recognise(*borders, labelled=True), recognise(*borders, task)):
        assert (found.family.name, found.classes) == (family, classes)
    assert not likely(*borders).sure
    for maker in ("Softmax", "LogSoftmax"):
        assert seen(NCHW, outputs, makers=[maker]) == (family, classes)
    named = [("serving/probs:0", outputs[0][1])]
    assert seen(NCHW, named) == (family, classes)


def test_usual_numbers_of_classes_are_no_usual_lengths_of_features():
    lengths = {2**power for power in range(1, 14)} | {96, 136, 192, 196, 212, 384, 768, 1280, 1536}
    assert not lengths & (OF_PICTURES | OF_PIXELS)


@pytest.mark.parametrize(
    ("taken", "outputs", "makers", "family"),
    [
        (("image_tensor", (-1, -1, -1, 3), "uint8"), TF, (), "tf-detection"),
        (("x", (-1, -1, -1, 3)), [("out", (-1, -1, -1, 4))], ("Softmax",), "segmentation"),
        (("x", (-1, 3, -1, -1)), [("out", (-1, 21, -1, -1))], (), "segmentation"),
        (("x", (-1, 3, -1, -1)), [("out", (-1, 1000))], (), "classifier"),
        (("x", (-1, 3, -1, 96)), [("out", (-1, 21, -1, 96))], (), None),
    ],
)
def test_free_sizes_are_recognised_by_names_and_ranks(taken, outputs, makers, family):
    found = seen(taken, outputs, makers=makers)
    assert (found and found[0]) == family


def test_half_precision_is_recognised_like_single():
    half, single = (seen((*NCHW, dtype), [("out", (1, GRID, 85), dtype)]) for dtype in ("float16", "float32"))
    assert half == single == ("yolox", 80)


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((1, 3, 20, 30), "", ("NCHW", 3, 30, 20)),
        ((1, 20, 30, 3), "", ("NHWC", 3, 30, 20)),
        ((-1, -1, -1, 3), "", ("NHWC", 3, -1, -1)),
        ((1, 1, 28, 28), "", ("NCHW", 1, 28, 28)),
        ((1, 3, 20, 3), "", None),
        ((1, 3, 20, 3), "NCHW", ("NCHW", 3, 3, 20)),
        ((1, 4, 20, 30), "", None),
    ],
)
def test_pictures(shape, layout, expected):
    found = picture_of([Port("data", shape, "float32", layout)])
    assert (found and (found.layout, found.channels, found.width, found.height)) == expected


@pytest.mark.parametrize(
    ("task", "family"),
    [("instance-segmentation", "mask2former"), ("semantic-segmentation", "mask2former-semantic")],
)
def test_the_task_decides_what_queries_with_masks_are(task, family):
    outputs = [Port("class_queries_logits", (1, 100, 81), "float32"),
               Port("masks_queries_logits", (1, 100, 16, 24), "float32")]  # fmt: skip
    found = recognise([Port(*NCHW, "float32")], outputs, Facts("onnx"), task)
    assert (found.family.name, found.classes) == (family, 80)


def test_the_displacements_of_posenet_are_told_apart_by_name():
    ports = [Port(name, (1, 5, 7, length), "float32")
             for name, length in (("heatmap", 17), ("offset", 34), ("bwd", 32), ("fwd", 32))]  # fmt: skip
    found = recognise([Port(NHWC[0], NHWC[1], "float32")], ports, Facts("tflite"))
    assert found.settings["further"] == ("offset", "fwd", "bwd")


SHAPES = st.lists(st.integers(-1, 6), max_size=6).map(tuple)
DTYPES = st.sampled_from(["float32", "uint8", "int64", "int8", "bool", "float16"])
PORTS = st.lists(st.builds(Port, st.sampled_from("abc"), SHAPES, DTYPES), max_size=5)


@given(PORTS, PORTS, st.sampled_from(["mxnet", "darknet", "onnx", "tflite"]))
def test_any_borders_are_looked_at_without_a_crash(inputs, outputs, framework):
    recognise(inputs, outputs, Facts(framework))


@given(PORTS, st.sampled_from(["mxnet", "darknet", "onnx"]))
def test_any_outputs_after_a_picture(outputs, framework):
    recognise([Port("data", (1, 3, 32, 32), "float32")], outputs, Facts(framework))


@pytest.mark.parametrize(("first", "expected"), [("Sub", True), ("Mul", True), ("Conv", False), ("Reshape", False)])
def test_networks_that_normalise_their_input(first, expected):
    assert facts_of(network([NCHW], [("out", (1, 10))], first=first)).normalises is expected


def test_what_makes_an_output_is_seen_through_reshapes():
    facts = facts_of(network([NCHW], [("out", (1, 10))], makers=["Softmax"]))
    assert facts.makers == {"out": "Softmax"}


def test_facts_of_an_openvino_model():
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    from belvedere.compiler.importing import Imported

    data = ops.parameter([1, 3, 8, 8], name="data")
    centred = ops.subtract(ops.convert(data, "f32"), ops.constant(0.5, dtype="float32"))
    flat = ops.reshape(ops.softmax(centred, 1), ops.constant([1, 192]), special_zero=False)
    model = openvino.Model([flat], [data], "net")
    ports = (Port("data", (1, 3, 8, 8), "float32"),), (Port("out", (1, 192), "float32"),)
    facts = facts_of(Imported("tensorflow", model, *ports))
    assert facts.normalises
    assert facts.makers == {"out": "Softmax"}
    assert "Subtract" in facts.operators
