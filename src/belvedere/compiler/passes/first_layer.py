"""Moving a picture's normalisation into the weights of the first convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from belvedere.compiler.passes.graph import GraphIndex, attribute_of, fresh_name

if TYPE_CHECKING:
    import onnx

_UNPADDED = (b"NOTSET", b"VALID")


def fold_into_convolution(
    model: onnx.ModelProto, name: str, *, scale: float, mean: Sequence[float], std: Sequence[float]
) -> bool:
    """Fold ``(value * scale - mean) / std`` into the convolution that alone reads an input of layout NCHW.

    A convolution that pads can take a scale, but no mean: its border is 0 behind the normalisation, which is the mean
    before it. Computed in float64 and rounded once.

    Args:
        model: Changed in place where that is exact.
        name: The input.
        scale: Factor on the values.
        mean: One number or one per channel.
        std: The same.

    Returns:
        Whether that was possible.
    """
    from onnx import numpy_helper

    index = GraphIndex(model.graph)
    layer = index.only_reader(name)
    if layer is None or layer.op_type != "Conv" or layer.input[0] != name or attribute_of(layer, "group", 1) != 1:
        return False
    own = [entry for entry in layer.input[1:3] if entry]
    if any(entry not in index.initializers or len(index.readers[entry]) != 1 for entry in own):
        return False
    values = index.constant(layer.input[1])
    pads = any(attribute_of(layer, "pads", [])) or attribute_of(layer, "auto_pad", b"NOTSET") not in _UNPADDED
    if values is None or values.dtype != np.float32 or (pads and any(mean)):
        return False
    spread = (1, -1, *[1] * (values.ndim - 2))
    wide = values.astype(np.float64)
    middle, deviation = (np.asarray(numbers, np.float64) for numbers in (mean or (0.0,), std or (1.0,)))
    weights = (wide * (scale / deviation).reshape(spread)).astype(np.float32)
    shift = -(wide * (middle / deviation).reshape(spread)).sum(axis=tuple(range(1, wide.ndim)))
    index.initializers[layer.input[1]].CopyFrom(numpy_helper.from_array(weights, layer.input[1]))
    if len(own) > 1:
        bias = index.initializers[own[1]]
        total = numpy_helper.to_array(bias).astype(np.float64) + shift
        bias.CopyFrom(numpy_helper.from_array(total.astype(np.float32), bias.name))
    elif shift.any():
        bias_name = fresh_name(model, f"{layer.input[1]}_bias")
        model.graph.initializer.append(numpy_helper.from_array(shift.astype(np.float32), bias_name))
        del layer.input[2:]
        layer.input.append(bias_name)
    return True
