"""Networks may say anything: every decoder gives a result or our error."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import EngineError
from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.detection.formats import ROLES, SUPPRESSED
from belvedere.tasks.detection.priors import PriorMap
from belvedere.tasks.pose import PoseDecoder, decode_pose
from belvedere.tasks.segmentation import (
    InstanceDecoder,
    MaskQueryDecoder,
    SegmentationDecoder,
    decode_instances,
    decode_mask_queries,
    decode_segmentation,
)
from belvedere.vision.placement import Placement

PLACE = Placement(40, 30, 20, 15, 0.5, 0.5)
IMAGE = np.zeros((30, 40, 3), np.uint8)
MAPS = (PriorMap(2, 1, ((0.5, 0.5), (0.2, 0.3))),)
JOINTS = {"names": ("a", "b"), "skeleton": ((0, 1),)}
NAMES = ("a", "b", "c", "d")

VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0, 2.0, 7.0, 1e30, -1e30, float("nan"), float("inf")])
CALM = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0, -1.0, 2.0, 7.0, 100.0])


def boxes(form, **more):
    more = {"anchors": ((10.0, 20.0),), "priors": MAPS, **more}
    outputs = NAMES[: len(ROLES[form])]
    return DetectionDecoder(form, outputs, iou=None if form in SUPPRESSED else 0.5, **more)


SSD = {"activation": "softmax", "background": "first"}
DECODERS = [
    *((decode_detection, boxes(form)) for form in ROLES if form != "ssd-raw"),
    (decode_detection, DetectionDecoder("ssd-raw", ("a", "b"), iou=0.5, priors=MAPS, **SSD)),
    (decode_detection, DetectionDecoder("ssd-raw", ("a", "b", "c"), iou=0.5, suppression="soft-gaussian", **SSD)),
    (decode_detection, boxes("detr", activation="softmax", background="last")),
    (decode_detection, boxes("yolo3", layout="NHWC", extra=1)),
    (decode_segmentation, SegmentationDecoder("a")),
    (decode_segmentation, SegmentationDecoder("a", resolution="picture", layout="NHWC")),
    (decode_segmentation, SegmentationDecoder("a", form="classes")),
    (decode_segmentation, SegmentationDecoder("a", form="queries", queries="b", resolution="picture")),
    (decode_instances, InstanceDecoder(boxes("gluoncv"), "d")),
    (decode_instances, InstanceDecoder(boxes("yolov8", extra=1), "d", form="prototypes")),
    (decode_instances, InstanceDecoder(boxes("yolo"), "d", form="prototypes", coefficients="c")),
    (decode_instances, InstanceDecoder(boxes("detr"), "d", form="queries")),
    (decode_mask_queries, MaskQueryDecoder("b", "a", threshold=0.1)),
    (decode_mask_queries, MaskQueryDecoder("b", "a", form="eomt", threshold=0.1)),
    (decode_pose, PoseDecoder("a", "heatmaps", **JOINTS)),
    (decode_pose, PoseDecoder("a", "vitpose", **JOINTS)),
    (decode_pose, PoseDecoder("a", "movenet", **JOINTS)),
    (decode_pose, PoseDecoder("a", "movenet-multipose", **JOINTS)),
    (decode_pose, PoseDecoder("a", "posenet-single", further=("b",), **JOINTS)),
    (decode_pose, PoseDecoder("a", "posenet", further=("b", "c", "d"))),
    (decode_pose, PoseDecoder("a", "yolo-pose", **JOINTS)),
]
# Lengths that the decoders above want somewhere, so that some outputs fit.
SIDES = st.sampled_from([0, 1, 2, 3, 4, 6, 11, 17, 32, 34])


@pytest.mark.slow
@pytest.mark.parametrize(("decode", "decoder"), DECODERS)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_outputs_give_a_result_or_our_error(decode, decoder, data):
    outputs = {}
    for name in NAMES:
        shape = (1, *data.draw(st.lists(SIDES, max_size=4)))
        if np.prod(shape) > 50_000:
            shape = (1, 4, 4)
        rng = np.random.default_rng(data.draw(st.integers(0, 9)))
        choices = np.array(data.draw(st.lists(data.draw(st.sampled_from([VALUES, CALM])), min_size=1, max_size=5)))
        outputs[name] = rng.choice(choices, shape).astype(np.float32)
    with contextlib.suppress(EngineError):
        result = decode(outputs, decoder, PLACE, IMAGE)
        result.to_dict()
        assert np.isfinite(getattr(result, "boxes_xyxy", 0)).all()
        assert np.isfinite(getattr(result, "keypoints_xy", 0)).all()
