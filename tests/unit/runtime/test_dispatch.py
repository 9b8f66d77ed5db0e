from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from belvedere.core.errors import ArtifactError
from belvedere.runtime.dispatch import decode_of, preprocess_of
from belvedere.runtime.manifest import Manifest, checked_manifest
from belvedere.tasks.classification import ClassificationResult
from belvedere.tasks.detection import DetectionResult
from belvedere.tasks.pose import PoseResult
from belvedere.tasks.segmentation import SegmentationResult
from belvedere.vision.preprocess import Preprocess

IMAGE = np.full((60, 80, 3), 120, dtype=np.uint8)
PICTURE = {"name": "data", "shape": [1, 3, 32, 48], "resize": {"width": 48, "height": 32}}


def manifest(task: str, decoder: dict[str, Any], *, taken: dict[str, Any] | None = None, **changed: Any) -> Manifest:
    plain = {
        "task": task,
        "name": "net",
        "network": {"file": "model.onnx"},
        "inputs": [{**PICTURE, **(taken or {})}],
        "outputs": [{"name": "out", "shape": [1, 2]}],
        "decoder": decoder,
        "files": {"model.onnx": {"sha256": "0" * 64, "bytes": 0}},
        **changed,
    }
    return checked_manifest(plain, "m")


def rows(*values: list[float]) -> np.ndarray:
    return np.array([values], dtype=np.float32)


def test_classification() -> None:
    decode = decode_of(manifest("classification", {"kind": "classification", "output": "out"}, labels=["cat", "dog"]))
    result = decode({"out": np.array([[0.0, 3.0]])}, IMAGE, "a.jpg")
    assert isinstance(result, ClassificationResult)
    assert (result.label, result.path) == ("dog", "a.jpg")


def test_detection_goes_back_through_the_letterbox() -> None:
    settings = {"kind": "detection", "form": "multibox", "outputs": ["out"], "threshold": 0.5}
    resize = {"mode": "letterbox", "width": 48, "height": 32, "anchor": "top-left"}
    bound = manifest("detection", settings, taken={"resize": resize}, labels=["cat", "dog"])
    outputs = {"out": rows([1, 0.9, 0, 0, 43 / 48, 1], [0, 0.4, 0, 0, 0.5, 0.5])}
    result = decode_of(bound)(outputs, IMAGE, None)
    assert isinstance(result, DetectionResult)
    assert result.boxes_xyxy == pytest.approx(np.array([[0, 0, 80, 60]]))
    assert [found.label for found in result] == ["dog"]
    lower = decode_of(bound, threshold=0.1)(outputs, IMAGE, None)
    assert isinstance(lower, DetectionResult)
    assert len(lower) == 2


def test_segmentation() -> None:
    bound = manifest("segmentation", {"kind": "segmentation", "output": "out", "form": "classes"})
    result = decode_of(bound)({"out": np.ones((1, 32, 48), np.int64)}, IMAGE, None)
    assert isinstance(result, SegmentationResult)
    assert result.class_map.shape == (60, 80)


def test_instances() -> None:
    boxes = {"kind": "detection", "form": "gluoncv", "outputs": ["ids", "scores", "boxes"]}
    bound = manifest("segmentation", {"kind": "instances", "boxes": boxes, "masks": "masks"})
    outputs = {
        "ids": rows([0.0]),
        "scores": rows([0.6]),
        "boxes": rows([0, 0, 24, 16]),
        "masks": np.ones((1, 1, 4, 4), np.float32),
    }
    result = decode_of(bound)(outputs, IMAGE, None)
    assert isinstance(result, DetectionResult)
    assert result.mask(0)[15, 20]
    stricter = decode_of(bound, threshold=0.7)(outputs, IMAGE, None)
    assert isinstance(stricter, DetectionResult)
    assert len(stricter) == 0


@pytest.mark.parametrize("own", [{}, {"names": ["tip", "tail"], "skeleton": [[0, 1]]}])
def test_pose(own: dict[str, Any]) -> None:
    joints = len(own.get("names", ())) or 17
    bound = manifest("pose", {"kind": "pose", "output": "out", "form": "heatmaps", **own})
    result = decode_of(bound, threshold=0.9)({"out": np.zeros((1, joints, 8, 12), np.float32)}, IMAGE, None)
    assert isinstance(result, PoseResult)
    assert len(result.names) == joints
    assert result.threshold == 0.9


def test_a_tensor_model_has_no_decoder() -> None:
    taken = {"kind": "tensor", "name": "data", "shape": [1, 7], "dtype": "float32"}
    bound = manifest("tensor", {"kind": "tensor"}, inputs=[taken])
    with pytest.raises(ArtifactError, match="bound to no task"):
        decode_of(bound)
    with pytest.raises(ArtifactError, match="takes data, not one picture"):
        preprocess_of(bound)


def test_a_decoder_of_another_task() -> None:
    with pytest.raises(ArtifactError, match="'pose', its decoder is 'classification'"):
        decode_of(manifest("pose", {"kind": "classification", "output": "out"}))


def test_settings_without_sense_are_the_artifacts_fault() -> None:
    with pytest.raises(ArtifactError, match=r"'net': decoder: .*suppression"):
        decode_of(manifest("detection", {"kind": "detection", "form": "yolox", "outputs": ["out"]}))


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({}, Preprocess(48, 32)),
        ({"mean": [0.5], "std": [0.25], "scale": 1}, Preprocess(48, 32, mean=(0.5,), std=(0.25,), scale=1)),
        (
            {"dtype": "uint8", "layout": "NHWC", "shape": [-1, 32, 48, 3], "scale": 1, "color": "BGR"},
            Preprocess(48, 32, dtype="uint8", layout="NHWC", scale=1, color="BGR"),
        ),
        ({"color": "GRAY", "shape": [1, 1, 32, 48]}, Preprocess(48, 32, color="GRAY")),
        (
            {"resize": {"mode": "letterbox", "width": 48, "height": 32, "fill": "#0A0b0C", "kernel": "linear"}},
            Preprocess(48, 32, mode="letterbox", fill=(10, 11, 12), kernel="linear"),
        ),
        (
            {"resize": {"mode": "crop", "width": 48, "height": 32, "short": 55}},
            Preprocess(48, 32, mode="crop", short=55),
        ),
    ],
)
def test_preprocessing_is_what_the_manifest_says(taken: dict[str, Any], expected: Preprocess) -> None:
    bound = manifest("classification", {"kind": "classification", "output": "out"}, taken=taken)
    assert preprocess_of(bound) == expected
    assert checked_manifest(bound.model_dump(mode="json"), "again") == bound


def test_a_resize_says_only_what_its_mode_needs() -> None:
    bound = manifest("classification", {"kind": "classification", "output": "out"})
    assert bound.model_dump(mode="json")["inputs"][0]["resize"] == {
        "kernel": "bilinear", "mode": "stretch", "width": 48, "height": 32
    }  # fmt: skip


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        ({"dtype": "uint8"}, "pixels as they are"),
        ({"shape": [1, 32, 48, 3]}, "does not fit the resize"),
        ({"layout": "NHWC"}, "does not fit the resize"),
        ({"color": "GRAY", "shape": [1, 1, 32, 48], "mean": [1, 2, 3]}, "one channel"),
        ({"mean": [1.0, 2.0]}, r"inputs\[0\].mean: 2 numbers"),
        ({"resize": {"mode": "crop", "width": 48, "height": 32, "short": 40}}, "at least 48"),
        ({"resize": {"mode": "letterbox", "width": 48, "height": 32, "fill": "gray"}}, "fill"),
    ],
)
def test_inputs_are_checked(taken: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        manifest("classification", {"kind": "classification", "output": "out"}, taken=taken)


@pytest.mark.parametrize(
    "decoder",
    [
        {"kind": "classification"},
        {"kind": "classification", "output": "out", "activation": "relu"},
        {"kind": "detection", "form": "yolov9", "outputs": ["out"]},
        {"kind": "detection", "form": "ssd", "outputs": []},
        {"kind": "detection", "form": "ssd", "outputs": ["out"], "threshold": 2},
        {"kind": "instances", "boxes": {"form": "ssd"}, "masks": "m"},
        {"kind": "pose", "output": "out", "form": "lines"},
        {"kind": "captions"},
    ],
)
def test_decoders_are_checked(decoder: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="decoder"):
        manifest("detection", decoder)


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ({"kind": "segmentation", "output": "out"}, "semantic-segmentation"),
        (
            {"kind": "instances", "masks": "m", "boxes": {"form": "gluoncv", "outputs": ["a", "b", "c"]}},
            "instance-segmentation",
        ),
        ({"kind": "mask-queries", "queries": "q", "masks": "m"}, "instance-segmentation"),
    ],
)
def test_the_former_name_of_a_task_is_read_as_todays(kind: dict[str, Any], task: str) -> None:
    assert manifest("segmentation", kind).task == task
    assert manifest(task, kind).task == task


def test_a_decoder_that_needs_nothing_new_is_written_as_before() -> None:
    settings = {"kind": "detection", "form": "yolox", "outputs": ["out"], "iou": 0.45}
    written = manifest("detection", settings).model_dump(mode="json")["decoder"]
    assert set(written) == {"kind", "form", "outputs", "threshold", "iou", "most", "strides"}
    soft = manifest("detection", {**settings, "suppression": "soft-linear"})
    again = checked_manifest(soft.model_dump(mode="json"), "m")
    assert again.decoder == soft.decoder
    assert set(soft.model_dump(mode="json")["decoder"]) == {*written, "suppression"}


@pytest.mark.parametrize(
    ("task", "decoder", "outputs"),
    [
        (
            "detection",
            {"kind": "detection", "form": "detr", "outputs": ["q", "b"], "activation": "sigmoid"},
            {"q": np.array([[[9.0, -9.0]]]), "b": np.array([[[0.5, 0.5, 0.5, 0.5]]])},
        ),
        (
            "instance-segmentation",
            {"kind": "mask-queries", "queries": "q", "masks": "m"},
            {"q": np.array([[[9.0, 0.0, 0.0]]]), "m": np.full((1, 1, 8, 12), 5.0)},
        ),
        (
            "instance-segmentation",
            {
                "kind": "instances", "form": "queries", "masks": "m",
                "boxes": {"form": "detr", "outputs": ["q", "b"], "activation": "sigmoid"},
            },
            {
                "q": np.array([[[9.0, -9.0]]]), "b": np.array([[[0.5, 0.5, 0.5, 0.5]]]),
                "m": np.full((1, 1, 8, 12), 5.0),
            },
        ),
        (
            "detection",
            {
                "kind": "detection", "form": "ssd-raw", "outputs": ["c", "n"], "iou": 0.5, "background": "first",
                "priors": [{"columns": 1, "rows": 1, "sizes": [[0.5, 0.5]]}],
            },
            {"c": np.zeros((1, 1, 4)), "n": np.array([[[0.1, 0.9]]])},
        ),
    ],
)  # fmt: skip
def test_new_forms_decode_through_the_manifest(task: str, decoder: dict[str, Any], outputs: dict[str, Any]) -> None:
    bound = manifest(task, decoder, labels=["cat", "dog"])
    result = decode_of(bound)(outputs, IMAGE, None)
    assert isinstance(result, DetectionResult)
    assert [found.label for found in result] == ["cat"]
    assert result.has_masks is (task == "instance-segmentation")
    # "queries" without boxes take those of the mask, here the whole picture.
    whole = decoder["kind"] == "mask-queries"
    expected = [0, 0, 80, 60] if whole else [20, 15, 60, 45]
    assert result.boxes_xyxy[0].tolist() == pytest.approx(expected)
