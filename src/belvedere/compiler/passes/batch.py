"""Leaving the number of pictures per call open, where the network allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import GraphIndex, attribute_of, is_plain, shape_of
from belvedere.compiler.passes.shapes import infer_shapes
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx
    import openvino

Run = Callable[[Any, Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]
"""Runs a network in float32: (network, inputs) to its outputs in order."""

_AXIS = "N"
_TOLERANCE = 1e-4


def free_batch(
    network: onnx.ModelProto | openvino.Model, inputs: Mapping[str, NDArray[Any]], run: Run
) -> onnx.ModelProto | openvino.Model:
    """Free the first axis of every input, and prove that two pictures at once give what each gives alone.

    Of an ONNX network, ``Reshape`` constants that spell the batch out are made to copy it.

    Args:
        network: With a first axis of 1 or a free one at every input; stays as it is.
        inputs: One picture for every input, first axis 1.
        run: Runs a network.

    Returns:
        The network with a free first axis.

    Raises:
        CompileError: an input has no such axis, or the network computes something else for two pictures at once.
    """
    fixed = [name for name, tensor in inputs.items() if tensor.ndim == 0 or tensor.shape[0] != 1]
    if fixed:
        raise CompileError(f"dynamic batch: input {', '.join(fixed)} has no first axis of 1 picture")
    freed = _free_onnx(network) if is_onnx(network) else _free_openvino(network)
    others = {name: _another(tensor, index) for index, (name, tensor) in enumerate(inputs.items())}
    both = {name: np.concatenate([tensor, others[name]]) for name, tensor in inputs.items()}
    alone = [run(network, inputs), run(network, others)]
    try:
        together = run(freed, both)
    except Exception as error:  # engines raise what they like; each means that the batch is fixed inside
        raise CompileError(
            "dynamic batch: this network fixes the number of pictures inside and cannot take two at once "
            f"({_first_line(error)}); compile it without"
        ) from error
    for place, result in enumerate(together):
        expected = [outputs[place] for outputs in alone]
        if not _agrees(result, expected):
            raise CompileError(
                f"dynamic batch: output {place} of two pictures at once is not what each gives alone "
                f"(shape {list(result.shape)}, alone {list(expected[0].shape)}); compile it without"
            )
    return freed


def _free_onnx(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    infer_shapes(freed)
    _copy_batch_in_reshapes(freed)
    for value in [*freed.graph.input, *freed.graph.output]:
        axes = value.type.tensor_type.shape.dim
        if len(axes):
            axes[0].Clear()
            axes[0].dim_param = _AXIS
    del freed.graph.value_info[:]
    infer_shapes(freed)
    return freed


def _copy_batch_in_reshapes(model: onnx.ModelProto) -> None:
    """Let ``Reshape`` to (1, ...) of a tensor with first axis 1 copy that axis (0), where that names the same shape."""
    from onnx import numpy_helper

    index = GraphIndex(model.graph)
    known = {value.name: shape_of(value) for value in (*model.graph.value_info, *model.graph.input)}
    for node in model.graph.node:
        if node.op_type != "Reshape" or not is_plain(node) or attribute_of(node, "allowzero", 0):
            continue
        shape, target = known.get(node.input[0], ()), index.constant(node.input[1])
        if not shape or shape[0] != 1 or target is None or target.ndim != 1 or not len(target) or target[0] != 1:
            continue
        copied = target.copy()
        copied[0] = 0
        name = f"{node.input[1]}_batch_{node.output[0]}"
        model.graph.initializer.append(numpy_helper.from_array(copied, name))
        node.input[1] = name


def _free_openvino(model: openvino.Model) -> openvino.Model:
    freed = model.clone()
    shapes = {}
    for port in freed.inputs:
        axes = [-1 if axis.is_dynamic else int(axis.get_length()) for axis in port.get_partial_shape()]
        shapes[port] = [-1, *axes[1:]]
    try:
        freed.reshape(shapes)
    except RuntimeError as error:
        raise CompileError(
            f"dynamic batch: this network fixes the number of pictures inside ({_first_line(error)}); "
            "compile it without"
        ) from error
    return freed


def _another(tensor: NDArray[Any], seed: int) -> NDArray[Any]:
    """A second picture with the values of the first in another order."""
    flat = tensor.reshape(-1)
    return flat[np.random.default_rng(seed).permutation(flat.size)].reshape(tensor.shape)


def _agrees(result: NDArray[Any], expected: Sequence[NDArray[Any]]) -> bool:
    if result.ndim == 0 or result.shape[0] != 2 or any(result.shape[1:] != one.shape[1:] for one in expected):
        return False
    for one, own in zip(expected, result, strict=True):
        if one.shape[0] != 1:
            return False
        span = float(np.abs(one.astype(np.float64)).max(initial=0.0))
        apart = np.abs(one[0].astype(np.float64) - own.astype(np.float64)).max(initial=0.0)
        if not apart <= _TOLERANCE * max(span, 1e-6):
            return False
    return True


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
