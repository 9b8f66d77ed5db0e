"""Detection operators against plain loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.operators import suppression
from belvedere.core.errors import CompileError
from unit.compiler.mxnet import detection_reference as reference
from unit.compiler.mxnet.engines import ENGINES
from unit.compiler.mxnet.operators import apply


def _rows(
    seed: int, batch: int = 2, count: int = 40, *, classes: int = 4, size: float = 100.0, extra: int = 0
) -> NDArray[np.float32]:
    """Rows of id, score, corners; some ids are -1, some boxes are turned round, some scores below 0."""
    random = np.random.default_rng(seed)
    ids = random.integers(-1, classes, (batch, count, 1))
    # Distinct scores: engines may swap equal ones.
    scores = (random.permutation(batch * count).reshape(batch, count, 1) - count / 4) / (batch * count)
    corner = random.uniform(-0.1 * size, size, (batch, count, 2))
    extent = random.uniform(-0.05 * size, 0.5 * size, (batch, count, 2))
    parts = [ids, scores, corner, corner + extent, *[random.normal(size=(batch, count, 1))] * extra]
    return np.concatenate(parts, -1).astype(np.float32)


NMS: dict[str, dict[str, Any]] = {
    "as SSD": {"id_index": 0, "overlap_thresh": 0.45, "valid_thresh": 0.01, "topk": 20},
    "no ids": {"overlap_thresh": 0.3},
    "forced": {"id_index": 0, "force_suppress": True, "overlap_thresh": 0.2},
    "background 2": {"id_index": 0, "background_id": 2, "valid_thresh": 0.1},
    "topk over all": {"id_index": 0, "topk": 500},
    "never suppressed": {"id_index": 0, "overlap_thresh": 1.0},
    "always suppressed": {"id_index": 0, "overlap_thresh": 0.0},
    "nothing valid": {"id_index": 0, "valid_thresh": 5.0},
    "one row": {"topk": 1},
    "center in": {"id_index": 0, "in_format": "center"},
    "center in and out": {"id_index": 0, "in_format": "center", "out_format": "center"},
    "corner to center": {"id_index": 0, "out_format": "center"},
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", NMS)
@pytest.mark.parametrize("pictures", [1, 2])
def test_box_nms(tmp_path: Path, case: str, engine: str, pictures: int) -> None:
    data = _rows(3, pictures, extra=1)
    (got,) = apply(tmp_path, engine, "_contrib_box_nms", data, **NMS[case])
    np.testing.assert_allclose(got, reference.box_nms(data, **NMS[case]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_box_nms_with_columns_in_another_order(tmp_path: Path, engine: str) -> None:
    data = _rows(5)[..., [2, 3, 4, 5, 1, 0]]
    options = {"coord_start": 0, "score_index": 4, "id_index": 5, "out_format": "center"}
    (got,) = apply(tmp_path, engine, "_contrib_box_non_maximum_suppression", data, **options)
    np.testing.assert_allclose(got, reference.box_nms(data, **options), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_box_nms_of_one_picture_without_a_batch(tmp_path: Path, engine: str) -> None:
    data = _rows(6)[0]
    (got,) = apply(tmp_path, engine, "_contrib_box_nms", data, id_index=0)
    np.testing.assert_allclose(got, reference.box_nms(data, id_index=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_box_nms_of_many_rows_finds_the_classes_while_running(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "_MOST_PAIRS", 0)
    data = _rows(8, classes=12)
    (got,) = apply(tmp_path, engine, "_contrib_box_nms", data, id_index=0, overlap_thresh=0.2)
    np.testing.assert_allclose(got, reference.box_nms(data, id_index=0, overlap_thresh=0.2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_overlap_of_exactly_the_threshold_is_kept(tmp_path: Path, engine: str) -> None:
    data = np.array([[[0, 0.9, 0, 0, 4, 4], [0, 0.8, 0, 0, 4, 2], [0, 0.7, 0, 0, 4, 3]]], np.float32)
    (got,) = apply(tmp_path, engine, "_contrib_box_nms", data, id_index=0, overlap_thresh=0.5)
    np.testing.assert_array_equal(got, [[data[0, 0], data[0, 1], [-1] * 6]])


def test_one_huge_box_does_not_harm_the_others(tmp_path: Path) -> None:
    data = _rows(9)
    data[0, 0] = [1, 0.99, -1e15, -1e15, 1e15, 1e15]
    (got,) = apply(tmp_path, "onnxruntime", "_contrib_box_nms", data, id_index=0, overlap_thresh=0.2)
    np.testing.assert_allclose(got, reference.box_nms(data, id_index=0, overlap_thresh=0.2), rtol=1e-5, atol=1e-5)


def test_topk_of_zero_changes_nothing(tmp_path: Path) -> None:
    data = _rows(4)
    (got,) = apply(tmp_path, "onnxruntime", "_contrib_box_nms", data, topk=0)
    np.testing.assert_array_equal(got, data)


def test_columns_must_fit(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="do not fit 6 columns"):
        apply(tmp_path, "onnxruntime", "_contrib_box_nms", _rows(4), coord_start=3)


MULTIBOX: dict[str, dict[str, Any]] = {
    "defaults": {},
    "forced": {"force_suppress": True, "nms_threshold": 0.3},
    "topk": {"nms_topk": 7, "threshold": 0.2},
    "not clipped": {"clip": False, "variances": (0.2, 0.2, 0.1, 0.1)},
    "no suppression": {"nms_threshold": 0.0, "threshold": 0.3},
    "everything is background": {"threshold": 2.0},
    "identical boxes only": {"nms_threshold": 1.0},
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", MULTIBOX)
def test_multibox_detection(tmp_path: Path, case: str, engine: str) -> None:
    random = np.random.default_rng(11)
    scores = random.dirichlet(np.ones(5), (2, 30)).transpose(0, 2, 1).astype(np.float32)
    corner = random.uniform(0, 0.7, (1, 30, 2))
    anchors = np.concatenate([corner, corner + random.uniform(0.1, 0.3, (1, 30, 2))], -1).astype(np.float32)
    anchors[0, 7], scores[:, :, 7] = anchors[0, 3], scores[:, :, 3] * np.float32(0.999)
    offsets = random.normal(size=(2, 120)).astype(np.float32)
    offsets.reshape(2, 30, 4)[:, 7] = offsets.reshape(2, 30, 4)[:, 3]
    options = MULTIBOX[case]
    (got,) = apply(tmp_path, engine, "_contrib_MultiBoxDetection", scores, offsets, anchors, **options)
    expected = reference.multibox_detection(scores, offsets, anchors, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_multibox_detection_without_classes(tmp_path: Path, engine: str) -> None:
    scores, offsets = np.ones((1, 1, 3), np.float32), np.zeros((1, 12), np.float32)
    (got,) = apply(tmp_path, engine, "_contrib_MultiBoxDetection", scores, offsets, np.ones((1, 3, 4), np.float32))
    np.testing.assert_array_equal(got, np.full((1, 3, 6), -1))


@pytest.mark.parametrize("engine", ENGINES)
def test_box_iou_of_centers(tmp_path: Path, engine: str) -> None:
    first, second = _rows(1, 1, 6)[0, :, 2:], _rows(2, 1, 5)[..., 2:]
    (got,) = apply(tmp_path / "corner", engine, "_contrib_box_iou", first, second)
    expected = [[reference.iou(a, b) for b in second[0]] for a in first]
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-4, atol=1e-6)
    (got,) = apply(tmp_path / "center", engine, "_contrib_box_iou", first, second, format="center")
    corners = [np.concatenate([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1) for b in (first, second)]
    expected = [[reference.iou(a, b) for b in corners[1][0]] for a in corners[0]]
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"sample_ratio": 2}, {"aligned": "True", "sample_ratio": 3}])
def test_roi_align_gives_zeros_for_a_negative_batch_index(tmp_path: Path, engine: str, options: dict[str, Any]) -> None:
    random = np.random.default_rng(2)
    data = random.normal(size=(2, 3, 9, 8)).astype(np.float32)
    rois = np.array([[0, 4, 4, 40, 30], [-1, 0, 0, 20, 20], [1, 10, 6, 50, 60], [1, 3, 3, 4, 4]], np.float32)
    (got,) = apply(
        tmp_path, engine, "_contrib_ROIAlign", data, rois, pooled_size="(3, 2)", spatial_scale=0.125, **options
    )
    ratio, aligned = options.get("sample_ratio", -1), "aligned" in options
    expected = reference.roi_align(data, rois, (3, 2), 0.125, ratio, aligned=aligned)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("stride", "pad", "dilate", "parts"), [(1, 1, 1, 1), (2, 1, 1, 2), (1, 2, 2, 1)])
def test_deformable_convolution_of_version_1(tmp_path: Path, stride: int, pad: int, dilate: int, parts: int) -> None:
    random = np.random.default_rng(4)
    data = random.normal(size=(2, 4, 7, 6)).astype(np.float32)
    size = [(n + 2 * pad - 2 * dilate - 1) // stride + 1 for n in (7, 6)]
    offset = random.normal(scale=2, size=(2, 18 * parts, *size)).astype(np.float32)
    weight, bias = random.normal(size=(3, 4, 3, 3)).astype(np.float32), random.normal(size=3).astype(np.float32)
    options = {"kernel": "(3, 3)", "stride": (stride, stride), "pad": (pad, pad), "dilate": (dilate, dilate)}
    (got,) = apply(
        tmp_path, "onnxruntime", "_contrib_DeformableConvolution", data, offset, weights=(weight, bias),
        num_filter=3, num_deformable_group=parts, **options,
    )  # fmt: skip
    expected = reference.deformable_convolution(
        data, offset, weight, bias, stride=stride, pad=pad, dilate=dilate, parts=parts
    )
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_deformable_offsets_must_fit(tmp_path: Path) -> None:
    data, weight = np.ones((1, 4, 7, 6), np.float32), np.ones((3, 4, 3, 3), np.float32)
    offset, mask = np.zeros((1, 18, 5, 4), np.float32), np.zeros((1, 8, 5, 4), np.float32)
    with pytest.raises(CompileError, match=r"mask has the shape \[1, 8, 5, 4\], expected \[1, 9, 5, 4\]"):
        apply(
            tmp_path, "onnxruntime", "_contrib_ModulatedDeformableConvolution", data, offset, mask, weights=(weight,),
            kernel="(3, 3)", num_filter=3, no_bias="True",
        )  # fmt: skip
