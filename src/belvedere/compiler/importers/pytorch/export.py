"""From a torch network to one that our engines run: ONNX, or OpenVINO's form where ONNX has no way to say it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import nn

from belvedere.compiler.drift import drift_between
from belvedere.compiler.importers.onnx.importer import import_model
from belvedere.compiler.importers.pytorch.flattening import flattened
from belvedere.compiler.importers.pytorch.network import FREE, Argument, Network
from belvedere.compiler.importers.pytorch.openvino_form import to_openvino
from belvedere.compiler.importers.pytorch.reasons import reason
from belvedere.compiler.importers.pytorch.vision_operators import DEFORM_CONV, DEFORM_CONV_OPSET, OPSET
from belvedere.compiler.importing import Imported, Request
from belvedere.compiler.passes.folding import fold_constants
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_onnxruntime

if TYPE_CHECKING:
    import onnx

_SEED = 0
_LARGEST_ONNX = 1_900_000_000
# Where scores are nearly equal, rows of these swap.
_UNSTABLE = frozenset({"NonMaxSuppression", "TopK", "ArgMax", "ArgMin", "Round", "Floor", "Ceil"})


def export_network(network: Network, request: Request, where: str) -> Imported:
    """Trace a network, export it, and compare the result with torch on a seeded input.

    Raises:
        CompileError: the network does not run on the declared inputs, cannot be exported either way, or the exported
            one computes something else.
    """
    examples = [_example(argument) for argument in network.arguments]
    with torch.no_grad(), _quiet():
        try:
            flat, found, expected = flattened(network.module, examples)
        except Exception as error:
            shapes = ", ".join(f"{a.name} {'x'.join(map(str, a.traced))} {a.dtype}" for a in network.arguments)
            raise CompileError(
                f"{where}: the network does not run on the declared inputs ({shapes}): {reason(error)}"
                f"{_about_float64(network)}"
            ) from error
        names = network.outputs if len(network.outputs) == len(expected) else found
        if not expected:
            raise CompileError(f"{where}: the network gives no tensor")
        fed = {argument.name: example.numpy() for argument, example in zip(network.arguments, examples, strict=True)}
        wanted = {name: value.numpy() for name, value in zip(names, expected, strict=True)}
        try:
            model = _to_onnx(flat, network, examples, names)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is another way
            return to_openvino(flat, network, fed, wanted, request.outputs, where, reason(error))
    try:
        drift = _drift_of_onnx(model, fed, wanted)
    except Exception as error:  # ONNX Runtime's status classes have no common base
        raise CompileError(
            f"{where}: ONNX Runtime cannot run what the network was exported to: {reason(error)}"
            f"{_about_float64(network)}"
        ) from error
    notes = list(network.notes)
    facts = {**network.provenance, **({"checked_against": "torch"} if drift is None else {})}
    if drift is not None:
        if not any(node.op_type in _UNSTABLE for node in model.graph.node):
            raise CompileError(
                f"{where}: the network exported to ONNX computes something else than torch: {drift}. Networks that use "
                "random numbers, or decide by values of the picture in Python code, cannot be traced; script them with "
                "torch.jit.script"
            )
        notes.append(f"on random numbers the exported network differs from torch ({drift}); compare on pictures")
    bound = Request(outputs=request.outputs)
    imported = import_model(model, bound, where, framework="pytorch", notes=notes)
    return Imported(
        framework="pytorch",
        network=imported.network,
        inputs=imported.inputs,
        outputs=imported.outputs,
        notes=imported.notes,
        provenance={**facts, "opset": imported.provenance["opset"]},
    )


def _about_float64(network: Network) -> str:
    """What to do about weights in double precision."""
    held = (*network.module.parameters(), *network.module.buffers())
    if all(value.dtype != torch.float64 for value in held):
        return ""
    return "; its weights are in float64, for which engines lack operators: save it in float32, model.float()"


def _example(argument: Argument) -> torch.Tensor:
    """A seeded input: numbers of 0 to 1, zeros for integers."""
    dtype = getattr(torch, argument.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise CompileError(f"input '{argument.name}': torch has no element type {argument.dtype}")
    if not dtype.is_floating_point:
        return torch.zeros(argument.traced, dtype=dtype)
    generator = torch.Generator().manual_seed(_SEED)
    return torch.rand(argument.traced, generator=generator).to(dtype)


def _to_onnx(
    flat: nn.Module, network: Network, examples: Sequence[torch.Tensor], names: Sequence[str]
) -> onnx.ModelProto:
    """Export by tracing; this exporter needs nothing but torch."""
    import onnx

    file = io.BytesIO()
    axes = {
        argument.name: {at: f"{argument.name}_{at}" for at, length in enumerate(argument.shape) if length == FREE}
        for argument in network.arguments
    }
    torch.onnx.export(
        flat,
        tuple(examples),
        file,
        dynamo=False,
        opset_version=DEFORM_CONV_OPSET if DEFORM_CONV in network.operators else OPSET,
        input_names=[argument.name for argument in network.arguments],
        output_names=list(names),
        dynamic_axes={name: free for name, free in axes.items() if free} or None,
    )
    model = onnx.load_model_from_string(file.getvalue())
    for node in model.graph.node:
        node.doc_string = ""  # paths of source files
    # What networks compute from their own sizes is constant where these are static.
    return fold_constants(model) or model


def _drift_of_onnx(
    model: onnx.ModelProto, fed: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]]
) -> str | None:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    taken = {port.name for port in session.get_inputs()}
    found = session.run(list(wanted), {name: value for name, value in fed.items() if name in taken})
    return drift_between(dict(zip(wanted, found, strict=True)), wanted, "torch")


@contextmanager
def _quiet() -> Iterator[None]:
    """No deprecations of the exporter, no warnings about static sizes, no dump of a graph that it cannot take."""
    log = torch._C._jit_onnx_log  # noqa: SLF001 - it prints the whole graph, whatever the settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch._C._jit_onnx_log = lambda *_: None  # noqa: SLF001
            yield
        finally:
            torch._C._jit_onnx_log = log  # noqa: SLF001
