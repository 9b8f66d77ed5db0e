"""Real networks bound to their tasks, judged by the numbers that come with them and by labelled pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from belvedere.compiler.binding import Wanted, bind
from belvedere.compiler.importing import Declared
from belvedere.tasks.classification import top_accuracy
from belvedere.tasks.detection import CocoMeter, Found, Truth
from belvedere.tasks.detection.suppression import box_iou
from belvedere.tasks.segmentation import SegmentationMeter
from belvedere.vision.decode import load_image
from helpers.binding import imported, predictor

pytestmark = [pytest.mark.shared]

VOC = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def predict(shared_folder, path, *, threshold=None, **wanted):
    network = imported(shared_folder / "models" / path)
    return predictor(network, bind(network, Wanted(**wanted)), threshold=threshold)


def expected(shared_folder, model):
    return json.loads((shared_folder / "models/expected.json").read_text())[model]


def mean_average_precision(shared_folder, predictor_):
    """mAP at 0.5 on the small VOC set, COCO's names taken for VOC's, difficult boxes not counted."""
    folder = shared_folder / "data/detection/voc-mini"
    truth = json.loads((folder / "val.json").read_text())
    names = {row["id"]: VOC.get(row["name"], row["name"]) for row in truth["categories"]}
    numbers = {name: number for number, name in enumerate(names.values())}
    meter = CocoMeter("box", len(numbers))
    for picture in truth["images"]:
        result = predictor_(folder / picture["file_name"])
        found = [one for one in result if one.label in numbers]
        own = [row for row in truth["annotations"] if row["image_id"] == picture["id"]]
        boxes = [[x, y, x + w, y + h] for x, y, w, h in (row["bbox"] for row in own)]
        scores, ids = [one.score for one in found], [numbers[one.label] for one in found]
        true_ids = [numbers[names[row["category_id"]]] for row in own]
        difficult = [bool(row["difficult"]) for row in own]
        meter.add(
            Found(scores, ids, boxes_xyxy=[one.box_xyxy for one in found]),
            Truth(true_ids, boxes_xyxy=boxes, ignore=difficult),
        )
    return meter.metrics().ap50


def assert_boxes(result, lines, tolerance):
    """Every line ``label score x1 y1 x2 y2`` is found, and nothing else."""
    wanted = [line.rsplit(" ", 5) for line in lines]
    assert sorted(one.label for one in result) == sorted(row[0] for row in wanted)
    for label, score, *corners in wanted:
        best = max((one for one in result if one.label == label), key=lambda one: one.score)
        assert best.score == pytest.approx(float(score), abs=tolerance)
        assert box_iou(np.array([best.box_xyxy]), np.array([corners], float))[0, 0] > 0.95


def test_mobilenet_says_what_is_on_the_photos(shared_folder):
    classify = predict(
        shared_folder,
        "mobilenet_v2_imagenet/tf2_mobilenet_v2_1.0_224_ptq.tflite",
        labels="imagenet1000",
        resize="crop",
    )
    lines = expected(shared_folder, "tf2_mobilenet_v2_1.0_224_ptq.tflite")["photos_top3"]
    for name, line in lines.items():
        label, score = line.split("; ")[0].rsplit(" ", 1)
        result = classify(shared_folder / f"data/photos/{name}.jpg")
        assert result.label in label
        assert result.score == pytest.approx(float(score), abs=0.04)  # a few quantisation steps


@pytest.mark.slow
def test_mobilenet_knows_imagenet(shared_folder):
    classify = predict(
        shared_folder,
        "mobilenet_v2_imagenet/tf2_mobilenet_v2_1.0_224_ptq.tflite",
        labels="imagenet1000",
        resize="crop",
    )
    folder = shared_folder / "data/unlabeled/imagenet-samples"
    rows = json.loads((folder / "index.json").read_text())[::4]
    scores = np.stack([classify(folder / row["file"]).scores for row in rows])
    found = top_accuracy(scores, [row["class_index"] for row in rows]).accuracy
    assert found[1] >= 0.77
    assert found[5] >= 0.92


def test_yolox_finds_what_it_should(shared_folder):
    detect = predict(shared_folder, "yolox_nano_coco/yolox_nano.onnx", labels="coco80")
    result = detect(shared_folder / "data/photos/dog.jpg")
    lines = expected(shared_folder, "yolox_nano.onnx")["dog.jpg: label score x1 y1 x2 y2 (score>=0.3, NMS 0.45)"]
    assert_boxes(result, lines, 0.005)
    dog = result.detections[0]
    assert dog.box_xyxy == pytest.approx((132.8, 206.6, 325.7, 543.1), abs=0.5)


@pytest.mark.slow
def test_yolox_on_labelled_pictures(shared_folder):
    detect = predict(
        shared_folder,
        "yolox_nano_coco/yolox_nano.onnx",
        labels="coco80",
        decoder={"threshold": 0.01, "iou": 0.65},
    )
    assert mean_average_precision(shared_folder, detect) == pytest.approx(0.773, abs=0.01)


def test_ssd_finds_what_it_should(shared_folder):
    model = "coco_ssd_mobilenet_v1_1.0_quant.tflite"
    detect = predict(shared_folder, f"ssd_mobilenet_v1_coco/{model}", labels="coco90", threshold=0.5)
    lines = next(iter(expected(shared_folder, model).values()))
    result = detect(shared_folder / "data/photos/dog.jpg")
    found = {one.label: one for one in result}
    for line in lines:
        label, score, *corners = line.rsplit(" ", 5)
        assert found[label].score == pytest.approx(float(score), abs=0.02)
        assert box_iou(np.array([found[label].box_xyxy]), np.array([corners], float))[0, 0] > 0.9


@pytest.mark.slow
def test_ssd_on_labelled_pictures(shared_folder):
    model = "ssd_mobilenet_v1_coco/coco_ssd_mobilenet_v1_1.0_quant.tflite"
    detect = predict(shared_folder, model, labels="coco90", threshold=0.0)
    assert mean_average_precision(shared_folder, detect) == pytest.approx(0.659, abs=0.03)


def test_deeplab_finds_the_bird(shared_folder):
    model = "deeplabv3_mobilenet_v2_voc/deeplabv3_mnv2_pascal_quant.tflite"
    segment = predict(shared_folder, model, labels="voc21")
    result = segment(shared_folder / "data/photos/bird_on_bench.jpg")
    truth = np.asarray(Image.open(shared_folder / "data/photos/masks/bird_on_bench.png"))
    meter = SegmentationMeter(21)
    meter.add(result.class_map, truth)
    figures = meter.metrics()
    assert [area.label for area in result.areas] == ["background", "bird"]
    assert figures.classes[3] == pytest.approx(0.9027, abs=0.002)
    assert figures.pixel_accuracy > 0.97


def test_movenet_finds_the_joints(shared_folder):
    model = "movenet_single_pose_lightning_ptq.tflite"
    estimate = predict(shared_folder, f"movenet_lightning/{model}", kernel="bicubic")
    result = estimate(shared_folder / "data/photos/squat.jpg")
    wanted = next(iter(expected(shared_folder, model).values()))
    distances = [
        np.hypot(*(np.array(point.xy) - np.array(wanted[point.name].split()[:2], float))) for point in result.people[0]
    ]
    # A joint is placed in steps of 3 pixels here; engines round the quantised network differently.
    assert np.median(distances) < 8
    assert max(distances) < 20


@pytest.mark.parametrize(
    ("path", "wanted", "accuracy"),
    [
        (
            "samplenet/samplenet.onnx",
            {"mean": (125.307, 122.961, 113.8575), "std": (51.5865, 50.847, 51.255), "color": "BGR"},
            0.674,
        ),
        ("keras_resnet8_cifar10/pretrainedResnet.tflite", {}, 0.752),
        (
            "cifar_resnet20_v1/cifar_resnet20_v1-symbol.json",
            {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)},
            0.82,
        ),
    ],
)
def test_cifar_networks(shared_folder, tmp_path, path, wanted, accuracy):
    import zipfile

    with zipfile.ZipFile(shared_folder / "data/classification/cifar10-sample.zip") as archive:
        archive.extractall(tmp_path)
    pictures = sorted(next(tmp_path.rglob("test")).rglob("*.jpg"))
    model = shared_folder / "models/formats" / path
    shape = [Declared("data", (1, 3, 32, 32))] if model.suffix == ".json" else []
    network = imported(model.parent if shape else model, shape)
    bound = bind(network, Wanted(labels="cifar10", **wanted))
    classify = predictor(network, bound)
    scores = np.stack([classify(picture).scores for picture in pictures])
    truth = [bound.labels.index(picture.parent.name) for picture in pictures]
    assert top_accuracy(scores, truth).accuracy[1] == pytest.approx(accuracy, abs=0.006)


@pytest.mark.parametrize(
    ("path", "name", "side", "task", "seen"),
    [
        ("tf1_detection/frozen_inference_graph.pb", "image_tensor", 300, "detection", "a detector of TensorFlow's"),
        ("tf1_detection/saved_model", "inputs", 300, "detection", "a detector of TensorFlow's"),
        ("keras3_unet/saved_model", "input_layer", 512, "semantic-segmentation", "a segmentation network"),
    ],
)
def test_tensorflow_networks_with_free_sizes_say_what_to_declare(shared_folder, path, name, side, task, seen):
    model = shared_folder / "oracles/tensorflow" / path
    (note,) = bind(imported(model)).notes
    assert f"it looks like {seen}" in note
    assert note.endswith(f"declare its size: --input {name}=1x{side}x{side}x3")
    shape = (1, 64, 64, 3)
    network = imported(model, [Declared(name, shape)])
    bound = bind(network)
    assert (bound.task, bound.inputs[0].shape) == (task, shape)
    result = predictor(network, bound)(shared_folder / "data/photos/cat.jpg")
    assert result.task == task


@pytest.mark.parametrize(
    ("case", "kind", "form"),
    [
        ("net_ssd_mobilenet", "detection", "gluoncv"),
        ("net_yolo3", "detection", "gluoncv"),
        ("net_faster_rcnn", "detection", "gluoncv"),
        ("net_center_net", "detection", "gluoncv"),
        ("net_mask_rcnn", "instances", "gluoncv"),
        ("net_sm_object_detection", "detection", "multibox"),
        ("net_simple_pose", "pose", "heatmaps"),
        ("net_deeplab", "segmentation", "scores"),
        ("net_fcn", "segmentation", "scores"),
        ("net_resnet_v1", "classification", ""),
    ],
)
def test_mxnet_networks_are_recognised_and_predict(shared_folder, case, kind, form):
    folder = shared_folder / "oracles/mxnet" / case
    told = json.loads((folder / "case.json").read_text())["inputs"]
    network = imported(folder, [Declared(name, tuple(value["shape"])) for name, value in told.items()])
    bound = bind(network)
    decoder = bound.decoder
    assert decoder.kind == kind
    assert getattr(getattr(decoder, "boxes", decoder), "form", "") == form
    assert not bound.normalisation_known
    picture = load_image(shared_folder / "data/photos/cat.jpg")
    result = predictor(network, bound, threshold=0.1)(picture)
    assert result.draw().size == (picture.shape[1], picture.shape[0])
    json.dumps(result.to_dict())
