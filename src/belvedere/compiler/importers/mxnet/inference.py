"""Shape inference for one ONNX node, by the ``onnx`` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import CompileError

UNKNOWN = -1
IR_VERSION = 9
_MOST_DATA = 4096

Shape = tuple[int, ...]
Known = tuple[Shape, np.dtype[Any], NDArray[Any] | None]


def infer(
    kind: str, operands: Sequence[Known | None], attributes: Mapping[str, Any], outputs: int, opset: int
) -> list[tuple[Shape, np.dtype[Any]]]:
    """Shapes (UNKNOWN where they depend on data) and element types of a node's outputs.

    Args:
        kind: ONNX operator.
        operands: Shape, element type and value (where known) of what it takes, None for an input left out.
        attributes: ONNX attributes.
        outputs: How many outputs.
        opset: ONNX operator set.

    Raises:
        CompileError: the operands do not fit the operator.
    """
    import onnx

    names = [f"i{index}" if operand is not None else "" for index, operand in enumerate(operands)]
    results = [f"o{index}" for index in range(outputs)]
    node = onnx.helper.make_node(kind, names, results, **attributes)
    types, data = {}, {}
    for name, operand in zip(names, operands, strict=True):
        if operand is not None:
            shape, dtype, value = operand
            types[name] = _type(dtype, shape)
            # Sizes and axes are small whole numbers, Resize's scales small floats.
            if value is not None and value.size <= _MOST_DATA and (value.dtype == np.int64 or value.ndim <= 1):
                data[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
    try:
        found = onnx.shape_inference.infer_node_outputs(
            onnx.defs.get_schema(kind, opset),
            node,
            types,
            data,
            opset_imports=[onnx.helper.make_opsetid("", opset)],
            ir_version=IR_VERSION,
        )
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        shapes = ", ".join(str(list(operand[0])) for operand in operands if operand is not None)
        raise CompileError(f"inputs of the shapes {shapes} do not fit it ({kind}: {error})") from error
    return [_found(found[name], kind) for name in results]


@lru_cache(maxsize=4096)
def _type(dtype: np.dtype[Any], shape: Shape) -> Any:
    import onnx

    axes = [None if axis == UNKNOWN else axis for axis in shape]
    return onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(dtype), axes)


def _found(found: Any, kind: str) -> tuple[Shape, np.dtype[Any]]:
    import onnx

    tensor = found.tensor_type
    if not tensor.HasField("shape"):
        raise CompileError(f"the shape of its result is not known before it runs ({kind})")
    axes = tuple(axis.dim_value if axis.HasField("dim_value") else UNKNOWN for axis in tensor.shape.dim)
    return axes, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
