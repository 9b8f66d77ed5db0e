"""Pooling of regions of interest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, reshape, slice_axis
from belvedere.core.errors import CompileError


def roi_align(call: Call) -> Tensor:
    """_contrib_ROIAlign: regions (rows of batch index and corners); a negative batch index gives zeros."""
    emit, attributes = call.emit, call.attributes
    data, regions = _inputs(call)
    if attributes.flag("position_sensitive"):
        raise CompileError("position_sensitive=True is not supported")
    index = reshape(emit, slice_axis(emit, regions, 1, 0, 1), (regions.shape[0],))
    rows, columns = _pooled_size(call)
    mode = "half_pixel" if attributes.flag("aligned") else "output_half_pixel"
    pooled = emit.op(
        "RoiAlign", data, slice_axis(emit, regions, 1, 1, 5),
        emit.op("Cast", emit.op("Max", index, np.float32(0)), to=7),
        coordinate_transformation_mode=mode, mode="avg", output_height=rows, output_width=columns,
        sampling_ratio=max(0, attributes.integer("sample_ratio", -1)),
        spatial_scale=attributes.number("spatial_scale"),
    )  # fmt: skip
    absent = emit.op("Less", reshape(emit, index, (regions.shape[0], 1, 1, 1)), np.float32(0))
    return emit.op("Where", absent, np.float32(0), pooled)


def roi_pooling(call: Call) -> Tensor:
    """ROIPooling: the maximum of every bin of a region, whose corners are rounded to whole cells."""
    data, regions = _inputs(call)
    return call.emit.op(
        "MaxRoiPool", data, regions, pooled_shape=list(_pooled_size(call)),
        spatial_scale=call.attributes.number("spatial_scale"),
    )  # fmt: skip


def _inputs(call: Call) -> tuple[Tensor, Tensor]:
    data, regions = (as_float(call.emit, call.input(number)) for number in (0, 1))
    if data.rank != 4 or regions.rank != 2 or regions.shape[1] != 5:
        raise CompileError(
            f"it takes feature maps of 4 axes and regions (count, 5), "
            f"not the shapes {list(data.shape)} and {list(regions.shape)}"
        )
    return data, regions


def _pooled_size(call: Call) -> tuple[int, int]:
    given = call.attributes.integers("pooled_size")
    size = given * 2 if len(given) == 1 else given
    if len(size) != 2 or min(size) < 1:
        raise CompileError(f"its pooled_size is {list(given)}")
    return size[0], size[1]


TRANSLATORS: Mapping[str, Translator] = {"_contrib_ROIAlign": roi_align, "ROIPooling": roi_pooling}
