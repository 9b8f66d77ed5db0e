"""Real models on real pictures, against the recorded figures."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import belvedere as bv

pytestmark = [pytest.mark.shared, pytest.mark.slow]


def quiet(*step):
    """No bars."""


def test_detectors_on_voc_reach_what_is_recorded(shared_folder, tmp_path):
    models, data = shared_folder / "models", shared_folder / "data" / "detection" / "voc-mini" / "val.json"
    expected = json.loads((models / "expected.json").read_text())
    yolox = bv.compile(
        models / "yolox_nano_coco" / "yolox_nano.onnx", task="detection", decoder="yolox", labels="coco", progress=quiet
    )
    with bv.Model(yolox) as model:
        report = model.evaluate(data, bootstrap=200, progress=quiet)
    assert report.ap50 >= expected["yolox_nano.onnx"]["voc-mini val mAP50 (score>=0.01, NMS 0.65)"]
    assert report.intervals["ap50"].low < report.ap50 < report.intervals["ap50"].high
    assert (report.counts.pictures, report.problems, report.classes.dataset_only) == (50, (), ())
    assert report.counts.truths + report.counts.left_out == 146
    assert set(report.per_class) == set(report.classes.names)
    assert (report.save(tmp_path / "report")).stat().st_size < 8_000_000
    name = "coco_ssd_mobilenet_v1_1.0_quant.tflite"
    ssd = bv.compile(models / "ssd_mobilenet_v1_coco" / name, task="detection", labels="coco90", progress=quiet)
    with bv.Model(ssd) as model:
        report = model.evaluate(data, bootstrap=0, gallery=0, progress=quiet)
    assert report.ap50 == pytest.approx(expected[name]["voc-mini val mAP50 (10 boxes max)"], abs=0.002)


def test_a_classifier_on_a_table_of_pictures(shared_folder, tmp_path):
    pictures = shared_folder / "data" / "unlabeled" / "imagenet-samples"
    rows = json.loads((pictures / "index.json").read_text())[::10]
    with (tmp_path / "classes.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["image", "class"])
        for row in rows:
            shutil.copy(pictures / row["file"], tmp_path)
            table.writerow([row["file"], row["wnid"]])
    folder = shared_folder / "models" / "mobilenet_v2_imagenet"
    network = bv.compile(
        folder / "tf2_mobilenet_v2_1.0_224_ptq.tflite", task="classification", labels="imagenet1000", progress=quiet
    )
    with bv.Model(network) as model:
        report = model.evaluate(tmp_path / "classes.csv", bootstrap=100, gallery=0, progress=quiet)
    assert report.classes.by == "ImageNet id"
    assert report.counts.pictures == 100
    assert report.top1 > 0.7
    assert report.top5 > 0.9


def test_a_segmentation_network_on_the_recorded_mask(shared_folder, tmp_path):
    photos = shared_folder / "data" / "photos"
    for name in ("JPEGImages", "SegmentationClass", "Annotations"):
        (tmp_path / name).mkdir()
    shutil.copy(photos / "bird_on_bench.jpg", tmp_path / "JPEGImages")
    index = np.asarray(Image.open(photos / "masks" / "bird_on_bench.png"))
    colors = np.zeros((*index.shape, 3), np.uint8)
    colors[index == 3] = (128, 128, 0)
    Image.fromarray(colors).save(tmp_path / "SegmentationClass" / "bird_on_bench.png")
    size = "<size><width>513</width><height>513</height><depth>3</depth></size><segmented>1</segmented>"
    (tmp_path / "Annotations" / "bird_on_bench.xml").write_text(
        f"<annotation><filename>bird_on_bench.jpg</filename>{size}</annotation>"
    )
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\nbird:128,128,0::\n")
    folder = shared_folder / "models" / "deeplabv3_mobilenet_v2_voc"
    network = bv.compile(
        folder / "deeplabv3_mnv2_pascal_quant.tflite", task="semantic-segmentation", labels="voc21", progress=quiet
    )
    with bv.Model(network) as model:
        report = model.evaluate(tmp_path, bootstrap=0, progress=quiet)
    expected = json.loads((shared_folder / "models" / "expected.json").read_text())
    recorded = expected["deeplabv3_mnv2_pascal_quant.tflite"]["bird_on_bench.jpg"]["IoU_bird"]
    assert report.per_class["bird"]["iou"] == pytest.approx(recorded, abs=0.005)
