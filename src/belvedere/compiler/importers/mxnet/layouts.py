"""Telling whether an input is a picture, and in which order its axes are."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.importers.mxnet.attributes import Attributes
from belvedere.compiler.importers.mxnet.symbol import Node
from belvedere.core.errors import CompileError

_PICTURE = 4
_CHANNELS_FIRST = (0, 3, 1, 2)
_SPATIAL = frozenset({
    "Convolution", "Convolution_v1", "Deconvolution", "Pooling", "Pooling_v1", "UpSampling",
    "_contrib_BilinearResize2D", "_contrib_AdaptiveAvgPooling2D",
})  # fmt: skip
_KEEPING = frozenset({
    "BatchNorm", "BatchNorm_v1", "Cast", "Activation", "identity", "_copy", "clip", "Dropout", "amp_cast",
    "_contrib_SyncBatchNorm", "L2Normalization", "Pad",
})  # fmt: skip
_ARITHMETIC = ("broadcast_", "elemwise_", "_plus", "_minus", "_mul", "_div", "_Plus", "_Minus", "_Mul", "_Div")


def layout_of(variable: str, shape: tuple[int, ...], nodes: Sequence[Node]) -> str:
    """``NCHW`` or ``NHWC`` where the input runs into a layer for pictures, else empty.

    Operators that keep shape and order are followed; a transpose to channels first marks NHWC.
    """
    if len(shape) != _PICTURE:
        return ""
    same = {node.index for node in nodes if node.is_variable and node.name == variable}
    for node in nodes:
        if node.is_variable or not node.inputs or not any(source in same for source, _ in node.inputs):
            continue
        if node.op in _SPATIAL:
            last = (node.attributes.get("layout") or "") == "NHWC"
            return "NHWC" if last else "NCHW"
        if node.op == "transpose" and _axes(node) == _CHANNELS_FIRST:
            return "NHWC"
        if node.op in _KEEPING or node.op.startswith(_ARITHMETIC):
            same.add(node.index)
    return ""


def _axes(node: Node) -> tuple[int, ...]:
    try:
        return Attributes(node.attributes).integers("axes")
    except CompileError:
        return ()
