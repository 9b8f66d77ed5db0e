"""Copies of a network with other outputs, or cut apart at some values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.parity.flow import value_of
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.storage import copy_of
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import onnx
    import openvino

_GIVEN = "given:"


def given_name(value: str) -> str:
    """Name of the input that stands for a value of a network that is cut there."""
    return f"{_GIVEN}{value}"


def has_values(network: onnx.ModelProto | openvino.Model, names: Sequence[str]) -> bool:
    """Whether a network makes all these values, which are called as in ``flow``."""
    return not _missing(network, names)


def with_tensors(network: onnx.ModelProto | openvino.Model, names: Sequence[str]) -> onnx.ModelProto | openvino.Model:
    """A copy of the network whose outputs are the named values, in this order.

    Args:
        network: Stays as it is.
        names: Values as ``flow`` calls them.

    Raises:
        CompileError: there is no value of such a name.
    """
    return cut(network, {}, names)


def cut(
    network: onnx.ModelProto | openvino.Model, given: Mapping[str, Sequence[NDArray[Any]]], names: Sequence[str]
) -> onnx.ModelProto | openvino.Model:
    """A copy of the network that is handed some of its values: those who read one read an input in its place.

    The value itself is still computed, and can be an output.

    Args:
        network: Stays as it is.
        given: Value to what it may hold, one or more tensors: the new inputs have their type and shape; axes that
            differ among them are free.
        names: Values that are the outputs, in this order.

    Raises:
        CompileError: there is no value of such a name.
    """
    missing = _missing(network, [*given, *names])
    if missing:
        raise CompileError(f"the network has no tensor {', '.join(missing)}")
    return _cut_onnx(network, given, names) if is_onnx(network) else _cut_openvino(network, given, names)


def _missing(network: onnx.ModelProto | openvino.Model, names: Sequence[str]) -> list[str]:
    if is_onnx(network):
        known = {name for node in network.graph.node for name in node.output}
    else:
        known = {value_of(output) for op in network.get_ops() for output in op.outputs()}
    return [name for name in names if name not in known]


def _shape(tensors: Sequence[NDArray[Any]]) -> list[int | None]:
    return [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*(one.shape for one in tensors), strict=True)]


def _cut_onnx(
    network: onnx.ModelProto, given: Mapping[str, Sequence[NDArray[Any]]], names: Sequence[str]
) -> onnx.ModelProto:
    import onnx

    copy = copy_of(network)
    # Shapes that were inferred for the whole need not hold for given values.
    if given:
        del copy.graph.value_info[:]
    for value, tensors in given.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(tensors[0].dtype)
        copy.graph.input.append(onnx.helper.make_tensor_value_info(given_name(value), kind, _shape(tensors)))
    renamed = {value: given_name(value) for value in given}
    if renamed:
        _read_instead(copy.graph, renamed, top=True)
    del copy.graph.output[:]
    for name in names:
        # Without a type: the engines infer it.
        copy.graph.output.append(onnx.ValueInfoProto(name=name))
    return copy


def _read_instead(graph: onnx.GraphProto, renamed: Mapping[str, str], *, top: bool = False) -> None:
    """Let every node, those of subgraphs too, read other values."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in renamed:
                node.input[place] = renamed[name]
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _read_instead(inner, renamed)
    if not top:
        for value in graph.output:
            value.name = renamed.get(value.name, value.name)


def _cut_openvino(
    network: openvino.Model, given: Mapping[str, Sequence[NDArray[Any]]], names: Sequence[str]
) -> openvino.Model:
    openvino = import_openvino()
    from openvino import opset13

    copy = network.clone()
    by_name = {value_of(output): output for op in copy.get_ops() for output in op.outputs()}
    results = []
    for name in names:
        by_name[name].get_tensor().add_names({name})
        results.append(opset13.result(by_name[name]))
    parameters = []
    for value, tensors in given.items():
        axes = [-1 if size is None else size for size in _shape(tensors)]
        parameter = opset13.parameter(openvino.PartialShape(axes), by_name[value].get_element_type(), given_name(value))
        parameter.output(0).get_tensor().set_names({given_name(value)})
        readers = [one for one in by_name[value].get_target_inputs() if one.get_node().get_type_name() != "Result"]
        for reader in readers:
            reader.replace_source_output(parameter.output(0))
        parameters.append(parameter)
    model = openvino.Model(results, list(copy.get_sinks()), [*copy.get_parameters(), *parameters], "excerpt")
    if given:
        model.validate_nodes_and_infer_types()
    return model


def tensors_like(given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Given values by the names of the inputs that stand for them."""
    return {given_name(value): np.ascontiguousarray(tensor) for value, tensor in given.items()}
