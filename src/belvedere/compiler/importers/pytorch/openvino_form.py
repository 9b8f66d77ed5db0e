"""Networks that ONNX cannot express, in OpenVINO's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from belvedere.compiler.drift import drift_between
from belvedere.compiler.importers.onnx.interface import layout_of
from belvedere.compiler.importers.pytorch.network import FREE, Network
from belvedere.compiler.importers.pytorch.reasons import reason
from belvedere.compiler.importing import Imported, Port
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino


def to_openvino(
    flat: nn.Module,
    network: Network,
    fed: Mapping[str, NDArray[Any]],
    wanted: Mapping[str, NDArray[Any]],
    outputs: Sequence[str],
    where: str,
    why: str,
) -> Imported:
    """Convert with OpenVINO's own front end, for what ONNX cannot express.

    Args:
        flat: The network with a flat tuple of results.
        network: What is known of it.
        fed: Example inputs by name, in order.
        wanted: What torch computes of them by name, in order.
        outputs: Names of the outputs to keep; empty keeps all.
        where: What error messages begin with.
        why: Why it did not become ONNX.

    Raises:
        CompileError: OpenVINO cannot read it either, or computes something else.
    """
    openvino = import_openvino()
    examples = tuple(torch.from_numpy(value) for value in fed.values())
    shapes = [openvino.PartialShape(list(argument.shape)) for argument in network.arguments]
    try:
        if isinstance(flat, torch.jit.ScriptModule):
            flat = torch.jit.freeze(flat)  # which takes results out of dictionaries
        model = openvino.convert_model(flat, example_input=examples, input=shapes)
    except Exception as error:
        raise CompileError(
            f"{where}: the network can neither be exported to ONNX ({why}) nor read by OpenVINO ({reason(error)})"
        ) from error
    _name_ports(model, network, list(wanted))
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(list(fed.values()))
    drift = drift_between({name: results[at] for at, name in enumerate(wanted)}, wanted, "torch")
    if drift is not None:
        raise CompileError(
            f"{where}: ONNX has no form for the network ({why}), and OpenVINO computes something else: {drift}"
        )
    _keep(model, outputs, where)
    note = (
        f"ONNX has no form for this network ({why}): it is kept in OpenVINO's form, which runs on Intel devices and "
        "not on NVIDIA's"
    )
    return Imported(
        framework="pytorch",
        network=model,
        inputs=tuple(_port(port, picture=True) for port in model.inputs),
        outputs=tuple(_port(port, picture=False) for port in model.outputs),
        notes=(*network.notes, note),
        provenance={**network.provenance, "checked_against": "torch"},
    )


def _name_ports(model: Any, network: Network, names: Sequence[str]) -> None:
    for port, argument in zip(model.inputs, network.arguments, strict=True):
        port.get_tensor().set_names({argument.name})
        port.get_node().set_friendly_name(argument.name)
    for port, name in zip(model.outputs, names, strict=True):
        port.get_tensor().set_names({name})


def _keep(model: Any, names: Sequence[str], where: str) -> None:
    """Keep the wanted outputs; removing results keeps the order of the others."""
    if not names:
        return
    by_name = {name: port for port in model.outputs for name in port.get_names()}
    unknown = [name for name in names if name not in by_name]
    own = [port.get_any_name() for port in model.outputs]
    if unknown or list(names) != [name for name in own if name in names]:
        raise CompileError(f"{where}: outputs {', '.join(names)} are asked for; the network gives {', '.join(own)}")
    for result in model.get_results():
        if result.output(0).get_any_name() not in names:
            model.remove_result(result)


def _port(port: Any, *, picture: bool) -> Port:
    shape = tuple(FREE if axis.is_dynamic else int(axis.get_length()) for axis in port.get_partial_shape())
    dtype = str(np.dtype(port.get_element_type().to_dtype()))
    return Port(port.get_any_name(), shape, dtype, layout_of(shape) if picture else "")
