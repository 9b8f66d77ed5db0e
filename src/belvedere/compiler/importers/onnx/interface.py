"""Inputs and outputs of an ONNX model: bound to what the user declared, and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from belvedere.compiler.declared import FREE
from belvedere.compiler.importers.onnx.naming import rename_tensor
from belvedere.compiler.importing import Declared, Port
from belvedere.compiler.passes.graph import reads, shape_of
from belvedere.compiler.passes.shapes import infer_shapes, light_copy
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx

_COLOURS = (1, 3, 4)


def bind_inputs(model: onnx.ModelProto, declared: Sequence[Declared], where: str) -> tuple[list[str], list[str]]:
    """Give the inputs their declared names, shapes and element types, and infer all other shapes anew.

    Constants that the file lists as inputs are none. Declared inputs without names go by position; a single input is
    renamed; several must have the graph's names. A shape that the file fixes is changed to another if, as far as
    inference sees, the network still fits together: try it (``engines.check_runs``).

    Args:
        model: Changed in place.
        declared: In model order; inputs that are not declared stay as they are.
        where: What error messages begin with.

    Returns:
        Notes for the user, and what was changed about shapes that the file fixes.

    Raises:
        CompileError: names, ranks or shapes that do not fit; the message lists the inputs of the model.
    """
    _drop_constants(model)
    ranks = {value.name: len(shape_of(value)) for value in model.graph.output if _has_shape(value)}
    pairs, notes = _matched(model.graph, declared, where)
    changed = _set_shapes(model, pairs, where)
    for value, wanted in pairs:
        notes += _set_dtype(model.graph, value, wanted.dtype)
    for value, wanted in pairs:
        if wanted.name is not None and wanted.name != value.name:
            rename_tensor(model.graph, value.name, wanted.name)
    shapeless = [value.name for value in model.graph.input if not _has_shape(value)]
    if shapeless:
        raise CompileError(
            f"{where}: the file gives no shape for {', '.join(shapeless)}; declare it, such as --input "
            f"{shapeless[0]}=1x3x224x224"
        )
    infer_shapes(model)
    for value in model.graph.output:
        if not _has_shape(value) and value.name in ranks:
            _write_shape(value, [FREE] * ranks[value.name])
    if changed:
        notes.append(f"the shape that the file fixes was changed: {'; '.join(changed)}")
    return notes, changed


def select_outputs(model: onnx.ModelProto, names: Sequence[str], where: str) -> None:
    """Keep the outputs of these names, in this order; tensors inside the graph may become outputs. Empty keeps all.

    Raises:
        CompileError: there is no such tensor; the message lists the outputs.
    """
    import onnx

    if not names:
        return
    outputs = {value.name: value for value in model.graph.output}
    made = {name for node in model.graph.node for name in node.output if name}
    unknown = [name for name in names if name not in outputs and name not in made]
    if unknown:
        raise CompileError(
            f"{where}: the network has no output or tensor {', '.join(unknown)}; its outputs: {', '.join(outputs)}"
        )
    inside = [name for name in names if name not in outputs]
    if inside:
        infer_shapes(model)
    known = {value.name: value for value in model.graph.value_info} | outputs
    untyped = [name for name in inside if name not in known]
    if untyped:
        raise CompileError(f"{where}: the type of {', '.join(untyped)} cannot be inferred, so it cannot be an output")
    chosen = [onnx.ValueInfoProto.FromString(known[name].SerializeToString()) for name in dict.fromkeys(names)]
    del model.graph.output[:]
    model.graph.output.extend(chosen)


def ports(model: onnx.ModelProto, where: str) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Describe inputs and outputs.

    Raises:
        CompileError: one of them is no tensor of numbers.
    """
    inputs = tuple(_port(value, where, picture=True) for value in model.graph.input)
    outputs = tuple(_port(value, where, picture=False) for value in model.graph.output)
    return inputs, outputs


def misfit(where: str, changed: Sequence[str], error: Exception) -> CompileError:
    """The error for shapes that the network was not made for."""
    return CompileError(
        f"{where}: the network is made for fixed shapes and does not fit together with others ({'; '.join(changed)}): "
        f"{' '.join(str(error).split())[:300]}"
    )


def layout_of(shape: Sequence[int]) -> str:
    """``NCHW`` or ``NHWC`` where four axes look like pictures of 1, 3 or 4 channels, else empty."""
    if len(shape) != 4:
        return ""
    if shape[1] in _COLOURS and shape[3] not in _COLOURS:
        return "NCHW"
    return "NHWC" if shape[3] in _COLOURS and shape[1] not in _COLOURS else ""


def _drop_constants(model: onnx.ModelProto) -> None:
    graph = model.graph
    model.ir_version = max(model.ir_version, 4)  # before, constants had to be inputs as well
    constants = {tensor.name for tensor in graph.initializer}
    for at in reversed(range(len(graph.input))):
        if graph.input[at].name in constants:
            del graph.input[at]


def _matched(
    graph: onnx.GraphProto, declared: Sequence[Declared], where: str
) -> tuple[list[tuple[onnx.ValueInfoProto, Declared]], list[str]]:
    inputs = list(graph.input)
    own = {value.name: value for value in inputs}
    if all(wanted.name in own for wanted in declared):
        return [(own[wanted.name or ""], wanted) for wanted in declared], []
    unnamed = all(wanted.name is None for wanted in declared)
    if len(declared) == len(inputs) and (unnamed or len(inputs) == 1):
        wanted = declared[0]
        renamed = [] if unnamed else [f"the model's input '{inputs[0].name}' is called '{wanted.name}', as declared"]
        return list(zip(inputs, declared, strict=True)), renamed
    said = ", ".join(f"{wanted.name or 'one without a name'} ({_x(wanted.shape)})" for wanted in declared)
    raise CompileError(f"{where}: the declared inputs are {said}, but the model takes: {_listed(inputs)}")


def _set_shapes(model: onnx.ModelProto, pairs: Sequence[tuple[onnx.ValueInfoProto, Declared]], where: str) -> list[str]:
    """Write declared shapes into the inputs; free axes of one name in other inputs take the same length.

    Returns:
        What was changed about shapes that the file fixes.
    """
    symbols: dict[str, int] = {}
    changed: list[str] = []
    for value, wanted in pairs:
        tensor = value.type.tensor_type
        before = shape_of(value)
        if tensor.HasField("shape") and len(before) != len(wanted.shape):
            raise CompileError(
                f"{where}: input '{value.name}' is declared as {_x(wanted.shape)}, but the model takes "
                f"{_listed([value])}"
            )
        for axis, length in zip(tensor.shape.dim, wanted.shape, strict=False):
            if axis.dim_param and length != FREE:
                symbols[axis.dim_param] = length
        if any(old not in (FREE, new) for old, new in zip(before, wanted.shape, strict=False)):
            changed.append(f"'{value.name}' from {_x(before)} to {_x(wanted.shape)}")
        _write_shape(value, wanted.shape)
    if not pairs:
        return []
    _fill_symbols(model.graph, symbols)
    _forget_shapes(model.graph)
    if changed:
        _check_fits(model, changed, where)
    return changed


def _write_shape(value: onnx.ValueInfoProto, shape: Sequence[int]) -> None:
    names = [axis.dim_param for axis in value.type.tensor_type.shape.dim] or [""] * len(shape)
    written = value.type.tensor_type.shape
    del written.dim[:]
    written.SetInParent()
    for at, (length, name) in enumerate(zip(shape, names, strict=True)):
        if length == FREE:
            written.dim.add(dim_param=name or f"{value.name}_{at}")
        else:
            written.dim.add(dim_value=length)


def _fill_symbols(graph: onnx.GraphProto, symbols: Mapping[str, int]) -> None:
    for value in graph.input:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param in symbols:
                axis.dim_value = symbols[axis.dim_param]


def _has_shape(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.HasField("shape"))


def _forget_shapes(graph: onnx.GraphProto) -> None:
    """Forget what the file says of tensors inside and of outputs: it holds for the old input shapes."""
    del graph.value_info[:]
    for value in graph.output:
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")


def _check_fits(model: onnx.ModelProto, changed: Sequence[str], where: str) -> None:
    from onnx import shape_inference

    try:
        shape_inference.infer_shapes(light_copy(model), strict_mode=True, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise misfit(where, changed, error) from error


def _set_dtype(graph: onnx.GraphProto, value: onnx.ValueInfoProto, dtype: str | None) -> list[str]:
    """Take the input in the declared element type and cast it to the graph's."""
    import numpy as np
    from onnx import helper

    own = value.type.tensor_type.elem_type
    wanted = own if dtype is None else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    if wanted == own:
        return []
    taken = {name for node in graph.node for name in (*node.output, *reads(node))}
    inner = f"{value.name}_cast"
    while inner in taken:
        inner += "_"
    name = value.name
    rename_tensor(graph, name, inner)
    value.name = name
    value.type.tensor_type.elem_type = wanted
    graph.node.insert(0, helper.make_node("Cast", [name], [inner], to=own))
    return [f"input '{name}' is taken as {dtype} and cast to the model's own type"]


def _port(value: onnx.ValueInfoProto, where: str, *, picture: bool) -> Port:
    import onnx

    element = value.type.tensor_type.elem_type
    if not value.type.HasField("tensor_type") or element in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        raise CompileError(f"{where}: '{value.name}' is no tensor of numbers, which no task here takes or gives")
    shape = shape_of(value)
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(element))
    return Port(value.name, shape, dtype, layout_of(shape) if picture else "")


def _listed(values: Sequence[onnx.ValueInfoProto]) -> str:
    return ", ".join(f"{value.name} ({_x(shape_of(value))})" for value in values) or "no input at all"


def _x(shape: Sequence[int]) -> str:
    return "x".join("?" if axis < 0 else str(axis) for axis in shape) or "scalar"
