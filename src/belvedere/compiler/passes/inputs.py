"""Giving a network the input that pictures have: bytes, channels last, without normalisation before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.first_layer import fold_into_convolution
from belvedere.compiler.passes.graph import fresh_name, shape_of
from belvedere.compiler.passes.openvino_model import name_of
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino

if TYPE_CHECKING:
    import onnx
    import openvino

_FLOAT, _UINT8 = 1, 2


@dataclass(frozen=True)
class Adaption:
    """What an input shall take, and the arithmetic that moves into the network: (value * scale - mean) / std.

    Attributes:
        name: The input.
        network_layout: What the network takes: ``NCHW`` or ``NHWC``.
        layout: What the tensor handed in shall be: ``NCHW`` or ``NHWC``.
        uint8: Whether it shall be uint8, 0..255.
        scale: Factor on the values.
        mean: Subtracted after scaling, per channel.
        std: Divided by at last, per channel.
    """

    name: str
    network_layout: str = "NCHW"
    layout: str = "NCHW"
    uint8: bool = False
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def normalises(self) -> bool:
        """Whether there is any arithmetic to move."""
        return self.scale != 1.0 or any(self.mean) or any(value != 1.0 for value in self.std)


def adapt_input(
    network: onnx.ModelProto | openvino.Model, adaption: Adaption
) -> tuple[onnx.ModelProto | openvino.Model, str]:
    """Change one input of a network as ``adaption`` says.

    Into an ONNX network the normalisation goes as nodes that repeat the runtime's own float32 arithmetic step by
    step; into the weights of the first convolution where that is exact, which is where it pads nothing. OpenVINO
    models get it through OpenVINO's ``PrePostProcessor``.

    Args:
        network: Changed in place.
        adaption: What to change.

    Returns:
        The network, and in words what was done; empty where there was nothing to do.

    Raises:
        CompileError: the input is no float32 picture of four axes, or has another number of channels than
            ``mean`` and ``std``.
    """
    if is_onnx(network):
        return network, _adapt_onnx(network, adaption)
    return _adapt_openvino(network, adaption)


def _adapt_onnx(model: onnx.ModelProto, wanted: Adaption) -> str:
    value = next((item for item in model.graph.input if item.name == wanted.name), None)
    shape = shape_of(value) if value is not None else ()
    floating = value is not None and value.type.tensor_type.elem_type == _FLOAT
    _check(wanted, shape, "float32" if floating else "another type", [i.name for i in model.graph.input])
    done = []
    if wanted.normalises:
        folded = wanted.network_layout == "NCHW" and fold_into_convolution(
            model, wanted.name, scale=wanted.scale, mean=wanted.mean, std=wanted.std
        )
        done.append("normalisation folded into the first convolution" if folded else "normalisation put in front")
    nodes = _front_nodes(wanted, normalise=wanted.normalises and not done[0].startswith("normalisation folded"))
    if wanted.uint8:
        done.append("input takes uint8")
        value.type.tensor_type.elem_type = _UINT8  # type: ignore[union-attr]
    if wanted.layout != wanted.network_layout:
        done.append(f"input takes {wanted.layout}")
        _permute_axes(value, _permutation(wanted.network_layout, wanted.layout))
    if nodes:
        _insert_behind_input(model, wanted.name, nodes)
    return ", ".join(done)


def _check(wanted: Adaption, shape: tuple[int, ...], dtype: str, names: list[str]) -> int:
    """The number of channels of an input that can be adapted."""
    if wanted.name not in names:
        raise CompileError(f"the network has no input '{wanted.name}'; its inputs: {', '.join(names)}")
    if len(shape) != 4 or dtype != "float32":
        raise CompileError(
            f"input '{wanted.name}' is {dtype} {list(shape)}: only a float32 picture of four axes can take uint8, "
            "another layout or a normalisation"
        )
    channels = shape[1] if wanted.network_layout == "NCHW" else shape[3]
    for name, values in (("mean", wanted.mean), ("std", wanted.std)):
        if values and len(values) not in (1, channels):
            raise CompileError(f"{name} has {len(values)} values, input '{wanted.name}' has {channels} channels")
    return channels


def _permutation(source: str, target: str) -> list[int]:
    """Axes so that ``transposed[i] = tensor[axes[i]]`` turns layout ``source`` into ``target``."""
    return [source.index(axis) for axis in target]


def _permute_axes(value: Any, axes: list[int]) -> None:
    import onnx

    dims = value.type.tensor_type.shape.dim
    copies = []
    for axis in axes:
        copy = onnx.TensorShapeProto.Dimension()
        copy.CopyFrom(dims[axis])
        copies.append(copy)
    del dims[:]
    dims.extend(copies)


def _per_channel(values: tuple[float, ...], layout: str) -> NDArray[np.float32]:
    shape = (1, -1, 1, 1) if layout == "NCHW" else (1, 1, 1, -1)
    return np.asarray(values, np.float32).reshape(shape)


def _front_nodes(wanted: Adaption, *, normalise: bool) -> list[tuple[str, NDArray[np.float32] | None, dict[str, Any]]]:
    """What stands in front, in order: operator, constant second input, attributes. Transposed while still bytes."""
    nodes: list[tuple[str, NDArray[np.float32] | None, dict[str, Any]]] = []
    if wanted.layout != wanted.network_layout:
        nodes.append(("Transpose", None, {"perm": _permutation(wanted.layout, wanted.network_layout)}))
    if wanted.uint8:
        nodes.append(("Cast", None, {"to": _FLOAT}))
    if normalise:
        if wanted.scale != 1.0:
            nodes.append(("Mul", np.asarray(wanted.scale, np.float32), {}))
        if any(wanted.mean):
            nodes.append(("Sub", _per_channel(wanted.mean, wanted.network_layout), {}))
        if any(value != 1.0 for value in wanted.std):
            nodes.append(("Div", _per_channel(wanted.std, wanted.network_layout), {}))
    return nodes


def _insert_behind_input(
    model: onnx.ModelProto, name: str, nodes: list[tuple[str, NDArray[np.float32] | None, dict[str, Any]]]
) -> None:
    """Put a chain of nodes between an input and all that reads it."""
    import onnx
    from onnx import numpy_helper

    made, current = [], name
    for operator, constant, attributes in nodes:
        output = fresh_name(model, f"{name}_{operator.lower()}")
        inputs = [current]
        if constant is not None:
            inputs.append(fresh_name(model, f"{output}_value"))
            model.graph.initializer.append(numpy_helper.from_array(constant, inputs[1]))
        made.append(onnx.helper.make_node(operator, inputs, [output], name=output, **attributes))
        current = output
    for node in model.graph.node:
        _rename_reads(node, name, current)
    for value in model.graph.output:
        if value.name == name:
            raise CompileError(f"input '{name}' is an output too; it cannot be adapted")
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*made, *kept])


def _rename_reads(node: Any, old: str, new: str) -> None:
    for index, name in enumerate(node.input):
        if name == old:
            node.input[index] = new
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                _rename_reads(inner, old, new)


def _adapt_openvino(model: openvino.Model, wanted: Adaption) -> tuple[openvino.Model, str]:
    openvino = import_openvino()
    from openvino.preprocess import PrePostProcessor

    port = next((item for item in model.inputs if wanted.name in item.get_names()), None)
    shape = () if port is None else _axes(port)
    floating = port is not None and port.get_element_type() == openvino.Type.f32
    names = [wanted.name] if port is not None else [name_of(item) for item in model.inputs]
    channels = _check(wanted, shape, "float32" if floating else "another type", names)
    done = []
    steps = PrePostProcessor(model)
    one = steps.input(wanted.name)
    one.model().set_layout(openvino.Layout(wanted.network_layout))
    one.tensor().set_layout(openvino.Layout(wanted.layout))
    if wanted.uint8:
        one.tensor().set_element_type(openvino.Type.u8)
        one.preprocess().convert_element_type(openvino.Type.f32)
        done.append("input takes uint8")
    if wanted.normalises:
        # `scale` divides; the steps run in the order in which they are listed.
        if wanted.scale != 1.0:
            one.preprocess().scale(1.0 / wanted.scale)
        if any(wanted.mean):
            one.preprocess().mean(_spread(wanted.mean, channels))
        if any(value != 1.0 for value in wanted.std):
            one.preprocess().scale(_spread(wanted.std, channels))
        done.append("normalisation put in front")
    if wanted.layout != wanted.network_layout:
        done.append(f"input takes {wanted.layout}")
    return steps.build(), ", ".join(done)


def _spread(values: tuple[float, ...], channels: int) -> list[float]:
    return list(values) * channels if len(values) == 1 else list(values)


def _axes(port: Any) -> tuple[int, ...]:
    shape = port.get_partial_shape()
    return tuple(-1 if axis.is_dynamic else int(axis.get_length()) for axis in shape)
