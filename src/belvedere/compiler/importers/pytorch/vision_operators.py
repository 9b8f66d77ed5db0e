"""torchvision's operators without torchvision: schemas for loading, kernels for tracing.

The definitions follow torchvision's documentation and its CPU kernels.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from belvedere.compiler.importers.pytorch.vision_symbolics import (
    onnx_adaptive_pool,
    onnx_batch_norm,
    onnx_deform_conv2d,
    onnx_linspace,
    onnx_nms,
    onnx_roi_align,
)

SUPPORTED = frozenset({"torchvision::nms", "torchvision::roi_align", "torchvision::deform_conv2d"})
DEFORM_CONV = "torchvision::deform_conv2d"
DEFORM_CONV_OPSET = 19
OPSET = 17

_SCHEMAS = """
nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor
roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, \
int sampling_ratio, bool aligned) -> Tensor
deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, \
SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, \
bool use_mask) -> Tensor
"""


@cache
def define_vision_operators() -> tuple[Any, ...]:
    """Make the operators known to torch, once in a process; torchvision's own are used where it is installed.

    Returns:
        What must stay alive for the operators to stay defined.
    """
    held: list[Any] = []
    if find_spec("torchvision") is not None:
        held.append(import_module("torchvision"))
    else:
        library = torch.library.Library("torchvision", "FRAGMENT")
        kernels = {"nms": nms, "roi_align": roi_align, "deform_conv2d": deform_conv2d}
        for schema in _SCHEMAS.strip().splitlines():
            name = schema.partition("(")[0]
            if not hasattr(torch.ops.torchvision, name):
                library.define(schema)
                library.impl(name, kernels[name], "CPU")
        held.append(library)
    register = torch.onnx.register_custom_op_symbolic
    register("torchvision::nms", onnx_nms, OPSET)
    register("torchvision::roi_align", onnx_roi_align, OPSET)
    register(DEFORM_CONV, onnx_deform_conv2d, DEFORM_CONV_OPSET)
    # Not torchvision's: torch's exporter lacks forms that operators take in decomposed programs.
    register("aten::_native_batch_norm_legit_no_training", onnx_batch_norm, OPSET)
    register("aten::_adaptive_avg_pool2d", onnx_adaptive_pool, OPSET)
    register("aten::linspace", onnx_linspace, OPSET)
    return tuple(held)


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression.

    Args:
        dets: Boxes [N, 4], corners x1, y1, x2, y2.
        scores: [N].
        iou_threshold: Boxes that overlap a better one by more are dropped.

    Returns:
        int64 indices of the boxes that stay, best first.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order].float()
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(order), dtype=torch.bool)
    for at in range(len(order)):
        if alive[at]:
            low = torch.maximum(boxes[at, :2], boxes[at + 1 :, :2])
            high = torch.minimum(boxes[at, 2:], boxes[at + 1 :, 2:])
            shared = (high - low).clamp(min=0).prod(1)
            alive[at + 1 :] &= ~(shared / (area[at] + area[at + 1 :] - shared) > iou_threshold)
    return order[alive]


def roi_align(
    x: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """RoIAlign (He et al. 2017): means of bilinear samples on a grid in each cell of each region.

    Args:
        x: Feature maps [N, C, H, W].
        rois: Regions [R, 5]: picture, then corners x1, y1, x2, y2.
        spatial_scale: Of the maps relative to the regions' coordinates.
        pooled_height: Cells per region.
        pooled_width: Cells per region.
        sampling_ratio: Samples per cell and axis; 0 or less for one per pixel, rounded up.
        aligned: Whether pixel centres lie at half coordinates.

    Returns:
        [R, C, pooled_height, pooled_width].
    """
    shift = 0.5 if aligned else 0.0
    pooled = [
        _pool_region(
            x[int(roi[0])], roi[1:] * spatial_scale - shift, pooled_height, pooled_width, sampling_ratio, aligned
        )
        for roi in rois
    ]
    return torch.stack(pooled) if pooled else x.new_zeros(0, x.shape[1], pooled_height, pooled_width)


def deform_conv2d(
    x: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor, mask: torch.Tensor, bias: torch.Tensor,
    stride_h: int, stride_w: int, pad_h: int, pad_w: int, dilation_h: int, dilation_w: int,
    groups: int, offset_groups: int, use_mask: bool,
) -> torch.Tensor:  # fmt: skip
    """Deformable convolution (Dai et al. 2017; with a mask, Zhu et al. 2018).

    Args:
        x: [N, C, H, W].
        weight: [O, C / groups, kh, kw].
        offset: [N, 2 * offset_groups * kh * kw, H', W'], per tap a shift down and one to the right.
        mask: [N, offset_groups * kh * kw, H', W'], a factor per tap.
        bias: [O].
        stride_h: Rows between outputs.
        stride_w: Columns between outputs.
        pad_h: Rows of zeros above and below.
        pad_w: Columns of zeros left and right.
        dilation_h: Rows between taps.
        dilation_w: Columns between taps.
        groups: Of the convolution.
        offset_groups: Channels that share offsets are together.
        use_mask: Whether ``mask`` counts.

    Returns:
        [N, O, H', W'].
    """
    count, channels = x.shape[:2]
    kernel_h, kernel_w = weight.shape[2:]
    out_h, out_w = offset.shape[2:]
    taps = kernel_h * kernel_w
    shifts = offset.reshape(count, offset_groups, taps, 2, out_h, out_w)
    tap_rows = (torch.arange(kernel_h) * dilation_h).repeat_interleave(kernel_w).to(x.dtype)[:, None, None]
    tap_columns = (torch.arange(kernel_w) * dilation_w).repeat(kernel_h).to(x.dtype)[:, None, None]
    rows = (torch.arange(out_h) * stride_h - pad_h).to(x.dtype)[None, :, None] + tap_rows + shifts[:, :, :, 0]
    columns = (torch.arange(out_w) * stride_w - pad_w).to(x.dtype)[None, None, :] + tap_columns + shifts[:, :, :, 1]
    factors = mask.reshape(count, offset_groups, 1, taps, out_h, out_w) if use_mask else x.new_ones(1)
    maps = x.reshape(count, offset_groups, channels // offset_groups, *x.shape[2:])
    sampled = torch.stack(
        [
            torch.stack([_sample(maps[n, g], rows[n, g], columns[n, g]) for g in range(offset_groups)])
            for n in range(count)
        ]
    )
    gathered = (sampled * factors).reshape(count, groups, channels // groups * taps, out_h * out_w)
    kernels = weight.reshape(groups, weight.shape[0] // groups, -1)
    out = torch.einsum("gok,ngkp->ngop", kernels, gathered).reshape(count, -1, out_h, out_w)
    return out + bias[:, None, None]


def _sample(maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Bilinear samples of maps [C, H, W] at positions of any shape; zeros outside. [C, *positions]."""
    height, width = maps.shape[1:]
    top, left = rows.floor(), columns.floor()
    total = maps.new_zeros(maps.shape[0], *rows.shape)
    for row, row_weight in ((top, 1 - (rows - top)), (top + 1, rows - top)):
        for column, column_weight in ((left, 1 - (columns - left)), (left + 1, columns - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            values = maps[:, row.clamp(0, height - 1).long(), column.clamp(0, width - 1).long()]
            total = total + values * (row_weight * column_weight * inside)
    return total


def _pool_region(
    maps: torch.Tensor, box: torch.Tensor, cells_h: int, cells_w: int, sampling_ratio: int, aligned: bool
) -> torch.Tensor:
    left, top, right, bottom = box.tolist()
    width, height = right - left, bottom - top
    if not aligned:
        width, height = max(width, 1.0), max(height, 1.0)
    cell_h, cell_w = height / cells_h, width / cells_w
    grid_h = sampling_ratio if sampling_ratio > 0 else max(-int(-cell_h // 1), 0)
    grid_w = sampling_ratio if sampling_ratio > 0 else max(-int(-cell_w // 1), 0)
    if grid_h == 0 or grid_w == 0:
        return maps.new_zeros(maps.shape[0], cells_h, cells_w)
    rows = top + (torch.arange(cells_h * grid_h, dtype=maps.dtype) + 0.5) * cell_h / grid_h
    columns = left + (torch.arange(cells_w * grid_w, dtype=maps.dtype) + 0.5) * cell_w / grid_w
    samples = _sample_clamped(maps, rows[:, None].expand(-1, len(columns)), columns[None].expand(len(rows), -1))
    return samples.reshape(maps.shape[0], cells_h, grid_h, cells_w, grid_w).mean((2, 4))


def _sample_clamped(maps: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """As RoIAlign samples: the border reaches one pixel outwards, beyond it are zeros."""
    height, width = maps.shape[1:]
    inside = (rows >= -1) & (rows <= height) & (columns >= -1) & (columns <= width)
    return _sample(maps, rows.clamp(0, height - 1), columns.clamp(0, width - 1)) * inside
