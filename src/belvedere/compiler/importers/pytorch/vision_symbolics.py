"""torchvision's operators in ONNX, for torch's exporter; the forms are those of torchvision's own symbolics."""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper as helper

_DOUBLE = 7
"""torch's number of float64 in graphs."""


def onnx_nms(g: Any, dets: Any, scores: Any, iou_threshold: Any) -> Any:
    """NonMaxSuppression of one class without a score threshold."""
    boxes = helper._unsqueeze_helper(g, dets, [0])  # noqa: SLF001
    single = helper._unsqueeze_helper(g, scores, [0, 1])  # noqa: SLF001
    everything = g.op("Constant", value_t=torch.tensor([torch.iinfo(torch.int64).max]))
    value = helper._get_const(iou_threshold, "f", "iou_threshold")  # noqa: SLF001
    threshold = g.op("Constant", value_t=torch.tensor([value], dtype=torch.float32))
    found = g.op("NonMaxSuppression", boxes, single, everything, threshold)
    index = g.op("Gather", found, g.op("Constant", value_t=torch.tensor([2])), axis_i=1)
    return helper._squeeze_helper(g, index, [1])  # noqa: SLF001


def onnx_roi_align(
    g: Any,
    x: Any,
    rois: Any,
    spatial_scale: Any,
    pooled_height: Any,
    pooled_width: Any,
    sampling_ratio: Any,
    aligned: Any,
) -> Any:
    """RoiAlign with the mean of the samples."""

    def constant(value: Any, kind: str, name: str) -> Any:
        return helper._get_const(value, kind, name)  # noqa: SLF001

    first = g.op("Gather", rois, g.op("Constant", value_t=torch.tensor(0)), axis_i=1)
    pictures = g.op("Cast", first, to_i=7)
    boxes = helper._slice_helper(g, rois, axes=[1], starts=[1], ends=[5])  # noqa: SLF001
    mode = "half_pixel" if constant(aligned, "i", "aligned") else "output_half_pixel"
    return g.op(
        "RoiAlign", x, boxes, pictures,
        coordinate_transformation_mode_s=mode,
        mode_s="avg",
        spatial_scale_f=constant(spatial_scale, "f", "spatial_scale"),
        output_height_i=constant(pooled_height, "i", "pooled_height"),
        output_width_i=constant(pooled_width, "i", "pooled_width"),
        sampling_ratio_i=max(0, constant(sampling_ratio, "i", "sampling_ratio")),
    )  # fmt: skip


def onnx_deform_conv2d(
    g: Any, x: Any, weight: Any, offset: Any, mask: Any, bias: Any,
    stride_h: Any, stride_w: Any, pad_h: Any, pad_w: Any, dilation_h: Any, dilation_w: Any,
    groups: Any, offset_groups: Any, use_mask: Any,
) -> Any:  # fmt: skip
    """DeformConv, whose offsets are in the same order."""

    def number(value: Any) -> int:
        return int(helper._get_const(value, "i", "an argument of deform_conv2d"))  # noqa: SLF001

    top, left = number(pad_h), number(pad_w)
    inputs = [x, weight, offset, bias, *([mask] if number(use_mask) else [])]
    return g.op(
        "DeformConv", *inputs,
        dilations_i=[number(dilation_h), number(dilation_w)],
        group_i=number(groups),
        offset_group_i=number(offset_groups),
        pads_i=[top, left, top, left],
        strides_i=[number(stride_h), number(stride_w)],
    )  # fmt: skip


def onnx_batch_norm(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, momentum: Any, eps: Any
) -> tuple[Any, Any, Any]:
    """BatchNormalization by moving statistics; the statistics of the batch, its other results, are empty."""
    del momentum
    out = g.op("BatchNormalization", x, weight, bias, mean, variance, epsilon_f=helper._get_const(eps, "f", "eps"))  # noqa: SLF001
    return out, g.op("Constant", value_t=torch.zeros(0)), g.op("Constant", value_t=torch.zeros(0))


def onnx_adaptive_pool(g: Any, x: Any, output_size: Any) -> Any:
    """Means over a grid of cells, as torch's exporter writes the public form of the operator."""
    from torch.onnx import symbolic_opset9

    return symbolic_opset9.adaptive_avg_pool2d(g, x, output_size)


def onnx_linspace(g: Any, start: Any, end: Any, steps: Any, dtype: Any = None, *_options: Any) -> Any:
    """Evenly spaced numbers in the type that they have; torch's exporter makes them double, which engines refuse."""
    from torch.onnx import symbolic_opset11

    code = helper._maybe_get_const(dtype, "i") if dtype is not None else None  # noqa: SLF001
    double = code == _DOUBLE
    known = [helper._maybe_get_const(value, kind) for value, kind in ((start, "f"), (end, "f"), (steps, "i"))]  # noqa: SLF001
    if all(isinstance(value, int | float) for value in known):
        values = torch.linspace(known[0], known[1], known[2], dtype=torch.float64 if double else torch.float32)
        return g.op("Constant", value_t=values)
    return g.op("Cast", symbolic_opset11.linspace(g, start, end, steps, dtype), to_i=11 if double else 1)
