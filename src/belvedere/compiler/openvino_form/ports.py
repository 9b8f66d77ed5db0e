"""Giving an OpenVINO network the inputs and outputs that were asked for, and describing them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from belvedere.compiler.declared_ports import Bound
from belvedere.compiler.importing import Imported, Port
from belvedere.compiler.openvino_form.process import Converted
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import openvino

_COLOURS = (1, 3, 4)
_TO_CHANNELS_LAST = (0, 2, 3, 1)


def shape_of(shape: Any) -> tuple[int, ...] | None:
    """An OpenVINO shape with -1 for free axes; None where the rank is not known."""
    if shape.rank.is_dynamic:
        return None
    return tuple(-1 if axis.is_dynamic else int(axis.get_length()) for axis in shape)


def dtype_of(element_type: Any) -> str:
    """The NumPy name of an OpenVINO element type."""
    return str(np.dtype(element_type.to_dtype()))


def source(port: Any) -> Any:
    """The port that feeds a network's output; any other port itself."""
    return port.node.input_value(0) if port.node.get_type_name() == "Result" else port


def finish(
    network: openvino.Model, inputs: Sequence[tuple[Bound, Any]], outputs: Sequence[tuple[str, Any]], where: Path
) -> tuple[openvino.Model, tuple[str, ...]]:
    """Set shapes, element types, layout, names and order of a network's inputs and outputs.

    Args:
        network: The network; it is changed.
        inputs: The bound inputs in the wanted order, each with its port of the network.
        outputs: The wanted outputs in order: name, and the port of the network whose value it is.
        where: The file, for messages.

    Returns:
        The finished network, and notes for the user. An output called like an input gets ``_output`` appended.

    Raises:
        CompileError: the network cannot take these shapes, or two inputs or outputs have one name.
    """
    openvino = import_openvino()
    fed = {bound.name for bound, _ in inputs}
    notes = tuple(
        f"output '{name}' is called '{name}_output': an input has its name" for name, _ in outputs if name in fed
    )
    outputs = [(f"{name}_output" if name in fed else name, port) for name, port in outputs]
    named = [bound.name for bound, _ in inputs], [name for name, _ in outputs]
    for kind, names in zip(("inputs", "outputs"), named, strict=True):
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise CompileError(f"{where}: {kind} of the same name: {', '.join(repeated)}")
    shapes = {port: list(bound.shape) for bound, port in inputs if bound.shape is not None}
    if shapes:
        try:
            network.reshape(shapes)
        except RuntimeError as error:
            from belvedere.compiler.isolation.worker import reason

            wanted = ", ".join(f"{bound.name} {list(bound.shape)}" for bound, _ in inputs if bound.shape is not None)
            raise CompileError(f"{where}: the network cannot take the inputs {wanted} ({reason(error)})") from error
    adapted = [_adapted(port.node, bound) for bound, port in inputs]
    values = {port.node.get_friendly_name(): value for (_, port), (_, value) in zip(inputs, adapted, strict=True)}
    ends = [source(port) for _, port in outputs]
    ends = [values.get(end.node.get_friendly_name(), end) if _is_parameter(end) else end for end in ends]
    results: list[tuple[Any, Any]] = []
    for (name, _), end in zip(outputs, ends, strict=True):
        # A tensor carries the names of all that it feeds: where it is an input too, or goes out twice, it gets a copy.
        taken = _is_parameter(end) or any(_same(end, other) for other, _ in results)
        value = openvino.opset13.convert(end, end.get_element_type()).output(0) if taken else end
        value.get_tensor().set_names({name})
        result = openvino.opset13.result(value)
        result.set_friendly_name(f"{name}/result")
        results.append((end, result))
    for (bound, _), (front, _) in zip(inputs, adapted, strict=True):
        front.set_friendly_name(bound.name)
        front.output(0).get_tensor().set_names({bound.name})
    fronts = [front for front, _ in adapted]
    ends = [result for _, result in results]
    return openvino.Model(ends, network.get_sinks(), fronts, network.get_friendly_name()), notes


def imported(framework: str, converted: Converted) -> Imported:
    """What an importer returns, from what its process handed back."""
    openvino = import_openvino()
    network = converted.network
    inputs = {port.get_any_name(): port for port in network.inputs}
    outputs = {port.get_any_name(): port for port in network.outputs}
    if tuple(inputs) != converted.inputs or tuple(outputs) != converted.outputs:
        network = openvino.Model(
            [outputs[name].node for name in converted.outputs],
            network.get_sinks(),
            [inputs[name].node for name in converted.inputs],
            network.get_friendly_name(),
        )
    return Imported(
        framework,
        network,
        tuple(_port(name, inputs[name], picture=True) for name in converted.inputs),
        tuple(_port(name, outputs[name], picture=False) for name in converted.outputs),
        converted.notes,
        converted.provenance,
    )


def _adapted(parameter: Any, bound: Bound) -> tuple[Any, Any]:
    """The parameter, or a new one in front that takes another element type or layout, and the value for the graph."""
    opset = import_openvino().opset13
    own = parameter.output(0)
    turned = bound.nchw and not own.get_partial_shape().rank.is_dynamic
    front, value = parameter, own
    if turned or bound.dtype != dtype_of(own.get_element_type()):
        axes = list(own.get_partial_shape())
        shape = [axes[0], axes[3], axes[1], axes[2]] if turned else axes
        front = opset.parameter(import_openvino().PartialShape(shape), np.dtype(bound.dtype))
        consumers = own.get_target_inputs()
        value = (
            opset.convert(front, own.get_element_type()) if bound.dtype != dtype_of(own.get_element_type()) else front
        )
        value = opset.transpose(value, np.array(_TO_CHANNELS_LAST, np.int32)) if turned else value
        value = value.output(0)
        for consumer in consumers:
            consumer.replace_source_output(value)
    return front, value


def _is_parameter(port: Any) -> bool:
    return bool(port.node.get_type_name() == "Parameter")


def _same(one: Any, other: Any) -> bool:
    return bool(one.get_node() == other.get_node() and one.get_index() == other.get_index())


def _port(name: str, port: Any, *, picture: bool) -> Port:
    shape = shape_of(port.get_partial_shape()) or ()
    return Port(name, shape, dtype_of(port.get_element_type()), _layout(shape) if picture else "")


def _layout(shape: Sequence[int]) -> str:
    """``NHWC`` or ``NCHW`` where a shape of four axes has the channels of a picture in one of the two places."""
    if len(shape) != len(_TO_CHANNELS_LAST):
        return ""
    if shape[3] in _COLOURS:
        return "NHWC"
    return "NCHW" if shape[1] in _COLOURS else ""
