"""Folding batch normalisation into the layer before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.passes.graph import GraphIndex, attribute_of, fresh_name, is_plain

if TYPE_CHECKING:
    import onnx

_LAYERS = ("Conv", "ConvTranspose", "Gemm")
_EPSILON = 1e-5


class _Fold(NamedTuple):
    """A layer and the batch normalisation behind it: y = (x - mean) * scale + beta, per output channel."""

    layer: onnx.NodeProto
    norm: onnx.NodeProto
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


def fold_batch_norm(model: onnx.ModelProto) -> int:
    """Fold every ``BatchNormalization`` that follows ``Conv``, ``ConvTranspose`` or ``Gemm`` into its weights.

    Computed in float64 and rounded once. A layer is left as it is where its output is read elsewhere, its weights
    are no constants or are shared with another node, its bias is none per channel, or the normalisation is in training
    mode.

    Args:
        model: Changed in place.

    Returns:
        How many were folded.
    """
    index = GraphIndex(model.graph)
    folds = [fold for node in model.graph.node if (fold := _fold_of(node, index)) is not None]
    for fold in folds:
        _apply(model, index, fold)
    gone = {id(fold.norm) for fold in folds}
    if gone:
        kept = [node for node in model.graph.node if id(node) not in gone]
        del model.graph.node[:]
        model.graph.node.extend(kept)
    return len(folds)


def _fold_of(norm: onnx.NodeProto, index: GraphIndex) -> _Fold | None:
    if norm.op_type != "BatchNormalization" or not is_plain(norm) or not _is_inference(norm, index):
        return None
    if norm.input[0] not in index.producers:
        return None
    layer = index.producers[norm.input[0]]
    if layer.op_type not in _LAYERS or not is_plain(layer):
        return None
    reader = index.only_reader(norm.input[0])
    if reader is None or reader is not norm:
        return None
    own = [name for name in layer.input[1:3] if name]
    if any(name not in index.initializers or index.only_reader(name) is not layer for name in own):
        return None
    constants = [index.constant(name) for name in norm.input[1:5]]
    if any(constant is None or constant.dtype != np.float32 for constant in constants):
        return None
    if any(index.initializers[name].data_type != 1 for name in own):  # 1 is FLOAT
        return None
    if layer.op_type == "Gemm" and attribute_of(layer, "beta", 1.0) != 1.0:
        return None
    gamma, beta, mean, variance = (np.asarray(constant, np.float64) for constant in constants)
    scale = gamma / np.sqrt(variance + attribute_of(norm, "epsilon", _EPSILON))
    if not np.isfinite(scale).all():
        return None
    if len(own) > 1 and not _is_per_channel(index.initializers[own[1]], scale.size):
        return None
    return _Fold(layer, norm, scale, beta - mean * scale)


def _is_per_channel(bias: onnx.TensorProto, channels: int) -> bool:
    """Whether a bias has one value, or one per channel; that of ``Gemm`` may differ from row to row instead."""
    dims = list(bias.dims)
    return all(axis == 1 for axis in dims[:-1]) and (not dims or dims[-1] in (1, channels))


def _is_inference(norm: onnx.NodeProto, index: GraphIndex) -> bool:
    """Whether it uses stored statistics, one per channel, and gives nothing but the normalised tensor."""
    others = [name for name in norm.output[1:] if name and (name in index.readers or name in index.outputs)]
    return not others and attribute_of(norm, "training_mode", 0) == 0 and attribute_of(norm, "spatial", 1) == 1


def _apply(model: onnx.ModelProto, index: GraphIndex, fold: _Fold) -> None:
    from onnx import numpy_helper

    layer, scale, shift = fold.layer, fold.scale, fold.shift
    weights = index.initializers[layer.input[1]]
    values = numpy_helper.to_array(weights)
    weights.CopyFrom(numpy_helper.from_array(_scaled(layer, values, scale), weights.name))
    if len(layer.input) > 2 and layer.input[2]:
        bias = index.initializers[layer.input[2]]
        old = np.broadcast_to(numpy_helper.to_array(bias).astype(np.float64).reshape(-1), scale.shape)
        bias.CopyFrom(numpy_helper.from_array((old * scale + shift).astype(np.float32), bias.name))
    else:
        name = fresh_name(model, f"{layer.input[1]}_bias")
        model.graph.initializer.append(numpy_helper.from_array(shift.astype(np.float32), name))
        del layer.input[2:]
        layer.input.append(name)
    layer.output[0] = fold.norm.output[0]


def _scaled(layer: onnx.NodeProto, values: NDArray[Any], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weights with every output channel multiplied by its scale."""
    wide = values.astype(np.float64)
    if layer.op_type == "ConvTranspose":  # (I, O/g, k...): output channel = group * O/g + index
        groups = int(attribute_of(layer, "group", 1))
        per_group = scale.reshape(groups, 1, wide.shape[1], *[1] * (wide.ndim - 2))
        wide = (wide.reshape(groups, -1, *wide.shape[1:]) * per_group).reshape(wide.shape)
    elif layer.op_type == "Gemm" and not attribute_of(layer, "transB", 0):
        wide = wide * scale
    else:
        wide = wide * scale.reshape(-1, *[1] * (wide.ndim - 1))
    return wide.astype(np.float32)
