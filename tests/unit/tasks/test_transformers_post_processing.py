"""Our decoders against the post-processing of transformers, on random tensors."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.pose import PoseDecoder, decode_pose
from belvedere.tasks.pose.person import cut_person, place_person
from belvedere.tasks.segmentation import (
    MaskQueryDecoder,
    SegmentationDecoder,
    decode_mask_queries,
    decode_segmentation,
)
from belvedere.vision.fit import place_letterboxed, place_stretched
from helpers.hub import needs_train_extra

pytestmark = [pytest.mark.train_extra, pytest.mark.slow, needs_train_extra]


def processor(family, name, **settings):
    """An image processor by its module: the package itself chooses those that need torchvision."""
    import importlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(f"transformers.models.{family}.image_processing_pil_{family}")
        return getattr(module, name)(**settings)


def tensors(**arrays):
    import torch

    return SimpleNamespace(**{name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()})


def boxes_of(rng, count):
    centers = rng.uniform(0.3, 0.7, (count, 2))
    return np.concatenate([centers, rng.uniform(0.05, 0.5, (count, 2))], axis=1).astype(np.float32)


FOCAL = [("rt_detr", "RTDetrImageProcessorPil"), ("deformable_detr", "DeformableDetrImageProcessorPil")]
SOFT = [("detr", "DetrImageProcessorPil"), ("yolos", "YolosImageProcessorPil")]


@pytest.mark.parametrize(("family", "name"), [*FOCAL, *SOFT])
@pytest.mark.parametrize("seed", range(3))
def test_detr(family, name, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (1, 40, 7)).astype(np.float32)
    boxes = boxes_of(rng, 40)[None]
    soft = (family, name) in SOFT
    more = {} if family != "deformable_detr" else {"top_k": 40}
    wanted = processor(family, name).post_process_object_detection(
        tensors(logits=logits, pred_boxes=boxes), threshold=0.4, target_sizes=[(480, 640)], **more
    )[0]
    decoder = DetectionDecoder(
        "detr", ("q", "b"), threshold=0.4, most=40, activation="softmax" if soft else "sigmoid",
        background="last" if soft else "none",
    )  # fmt: skip
    place = place_stretched((640, 480), (320, 320))
    image = np.zeros((480, 640, 3), np.uint8)
    found = decode_detection({"q": logits, "b": boxes}, decoder, place, image)
    order = np.argsort(-wanted["scores"].numpy(), kind="stable")
    assert len(found) == len(order) > 5
    assert found.scores == pytest.approx(wanted["scores"].numpy()[order], rel=1e-5)
    assert found.class_ids.tolist() == wanted["labels"].numpy()[order].tolist()
    clipped = np.clip(wanted["boxes"].numpy()[order], 0, [640, 480, 640, 480])
    assert found.boxes_xyxy == pytest.approx(clipped, abs=1e-2)


@pytest.mark.parametrize("size", [(90, 60), (33, 47), (200, 120)])
def test_segformer(size):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (1, 9, 16, 24)).astype(np.float32)
    wanted = processor("segformer", "SegformerImageProcessorPil").post_process_semantic_segmentation(
        tensors(logits=logits), target_sizes=[size[::-1]]
    )[0]
    place = place_stretched(size, (96, 64))
    decoder = SegmentationDecoder("logits", resolution="picture")
    found = decode_segmentation({"logits": logits}, decoder, place, np.zeros((*size[::-1], 3), np.uint8))
    assert np.mean(found.class_map == wanted.numpy()) > 0.9995  # float32 in another order: equals may turn


def blobs(rng, count, height, width):
    """Logits of round things: masks that look like masks."""
    y, x = np.mgrid[0:height, 0:width]
    rows = rng.uniform(0, height, (count, 1, 1)), rng.uniform(0, width, (count, 1, 1)), rng.uniform(2, 6, (count, 1, 1))
    far = np.hypot(y - rows[0], x - rows[1])
    return (3 * (rows[2] - far) + rng.normal(0, 0.3, far.shape)).astype(np.float32)


def test_mask2former_semantic():
    rng = np.random.default_rng(2)
    queries, masks = rng.normal(0, 2, (1, 20, 6)).astype(np.float32), blobs(rng, 20, 24, 24)[None]
    wanted = processor("mask2former", "Mask2FormerImageProcessorPil").post_process_semantic_segmentation(
        tensors(class_queries_logits=queries, masks_queries_logits=masks), target_sizes=[(150, 210)]
    )[0]
    decoder = SegmentationDecoder("m", form="queries", queries="q", resolution="picture")
    place = place_stretched((210, 150), (384, 384))  # the size that transformers enlarges to
    found = decode_segmentation({"q": queries, "m": masks}, decoder, place, np.zeros((150, 210, 3), np.uint8))
    assert np.mean(found.class_map == wanted.numpy()) > 0.9995


def test_mask2former_instances():
    rng = np.random.default_rng(3)
    queries, masks = rng.normal(0, 3, (1, 20, 6)).astype(np.float32), blobs(rng, 20, 24, 24)[None]
    wanted = processor("mask2former", "Mask2FormerImageProcessorPil").post_process_instance_segmentation(
        tensors(class_queries_logits=queries, masks_queries_logits=masks), threshold=0.5, return_binary_maps=True,
        target_sizes=[(384, 384)],
    )[0]  # fmt: skip
    place = place_stretched((384, 384), (384, 384))
    decoder = MaskQueryDecoder("q", "m", threshold=0.5)
    found = decode_mask_queries({"q": queries, "m": masks}, decoder, place, np.zeros((384, 384, 3), np.uint8))
    scores = np.array([part["score"] for part in wanted["segments_info"]])
    order = np.argsort(-scores, kind="stable")
    assert len(found) == len(scores) > 3
    assert found.scores == pytest.approx(scores[order], abs=2e-6)
    assert found.class_ids.tolist() == [wanted["segments_info"][i]["label_id"] for i in order]
    for number, i in enumerate(order):
        assert np.mean(found.mask(number) != wanted["segmentation"][i].numpy().astype(bool)) < 1e-4


@pytest.mark.parametrize("source", [(120, 80), (80, 120)])
def test_eomt_instances(source):
    rng = np.random.default_rng(4)
    queries, masks = rng.normal(0, 3, (1, 20, 6)).astype(np.float32), blobs(rng, 20, 24, 24)[None]
    size = {"shortest_edge": 96, "longest_edge": 96}
    wanted = processor("eomt", "EomtImageProcessorPil").post_process_instance_segmentation(
        tensors(class_queries_logits=queries, masks_queries_logits=masks), target_sizes=[source[::-1]], threshold=0.5,
        size=size,
    )[0]  # fmt: skip
    place = place_letterboxed(source, (96, 96), "top-left")
    decoder = MaskQueryDecoder("q", "m", form="eomt", threshold=0.45)
    found = decode_mask_queries({"q": queries, "m": masks}, decoder, place, np.zeros((*source[::-1], 3), np.uint8))
    # transformers judges masks after it has enlarged them to the picture: scores differ a little.
    parts = wanted["segments_info"]
    assert len(parts) > 3
    for part in parts:
        same = found.class_ids == part["label_id"]
        near = np.flatnonzero(same & (np.abs(found.scores - part["score"]) < 0.02))
        painted = wanted["segmentation"].numpy() == part["id"]
        # Later things are painted over earlier ones: what is left lies inside the mask.
        assert min(float(np.mean(painted & ~found.mask(int(number)))) for number in near) < 1e-3


@pytest.mark.parametrize("box", [(20, 30, 60, 110), (-10, 40, 90, 70), (0, 0, 150, 170)])
def test_vitpose(box):
    rng = np.random.default_rng(5)
    height, width = 16, 12
    y, x = np.mgrid[0:height, 0:width]
    peaks = rng.uniform(1.2, [[width - 2.2, height - 2.2]] * 17)
    maps = np.exp(-((x - peaks[:, 0, None, None]) ** 2 + (y - peaks[:, 1, None, None]) ** 2) / 4).astype(np.float32)
    maps[3] = -0.1  # a joint that is nowhere
    image = rng.integers(0, 256, (170, 150, 3), dtype=np.uint8)
    own = processor("vitpose", "VitPoseImageProcessorPil", size={"height": 64, "width": 48})
    coco = [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
    wanted = own.post_process_pose_estimation(tensors(heatmaps=maps[None]), boxes=[[coco]])[0][0]
    place = place_person(np.array(box), (150, 170), (48, 64))
    found = decode_pose({"heatmaps": maps[None]}, PoseDecoder("heatmaps", "vitpose"), place, image)
    assert found.keypoint_scores[0] == pytest.approx(wanted["scores"].numpy())
    # transformers counts from the middle of the first pixel, we from its edge.
    seen = np.arange(17) != 3
    assert found.keypoints_xy[0, seen] == pytest.approx(wanted["keypoints"].numpy()[seen] + 0.5, abs=2e-2)


@pytest.mark.parametrize("box", [(20, 30, 60, 110), (-10, 40, 90, 70), (50, 60, 58, 66)])
def test_the_cut_of_a_person_is_that_of_transformers(box):
    rng = np.random.default_rng(6)
    image = rng.integers(0, 256, (170, 150, 3), dtype=np.uint8)
    own = processor(
        "vitpose", "VitPoseImageProcessorPil", size={"height": 64, "width": 48}, do_rescale=False, do_normalize=False
    )
    coco = [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
    wanted = np.asarray(own.preprocess([image], boxes=[[coco]])["pixel_values"][0])
    found = cut_person(image, place_person(np.array(box), (150, 170), (48, 64)))
    off = np.abs(found.transpose(2, 0, 1).astype(int) - wanted.astype(int))
    assert np.mean(off > 1) < 0.002  # pixels at the very edge of the picture
