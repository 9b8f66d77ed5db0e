"""Running a network that is no artifact yet: the source, one of its stages, or the finished one with more outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.openvino_model import name_of
from belvedere.compiler.passes.storage import LARGE_BYTES, model_bytes, save
from belvedere.core.errors import EngineError
from belvedere.runtime.cores import available_cores
from belvedere.runtime.engine_imports import import_onnxruntime, import_openvino
from belvedere.runtime.engine_options import EngineOptions
from belvedere.runtime.openvino_device import properties

if TYPE_CHECKING:
    import onnx
    import openvino

Feeds = Mapping[str, NDArray[Any]]
Results = dict[str, NDArray[Any]]
Runner = Callable[[Feeds], Results]
"""Runs a network once: input name to tensor, output name to tensor."""

_FATAL_ONLY = 4


def reference_runner(network: onnx.ModelProto | openvino.Model, outputs: Sequence[str] = ()) -> Runner:
    """Run a network in float32 the way its format's own engine does: ONNX by ONNX Runtime, else by OpenVINO.

    Args:
        network: The model.
        outputs: Names of its outputs in order, where OpenVINO's model has more than one name for a port.

    Raises:
        EngineError: neither engine takes it; the message holds both reasons.
    """
    if not is_onnx(network):
        return openvino_runner(network, outputs=outputs)
    try:
        return onnxruntime_runner(network)
    except EngineError as error:
        try:
            return openvino_runner(network)
        except EngineError as other:
            raise EngineError(f"{error}; {other}") from other


def onnxruntime_runner(network: onnx.ModelProto, *, optimise: bool = True, threads: int | None = None) -> Runner:
    """Run an ONNX network on ONNX Runtime's CPU provider.

    Args:
        network: The model.
        optimise: Whether it may fuse operators; without, every tensor is computed as the graph says.
        threads: Threads for one call; None for every core.

    Raises:
        EngineError: it refuses the network; the runner raises it where it fails on what it is fed.
    """
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    if not optimise:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        with _readable(network) as source:
            session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its status classes have no common base
        raise EngineError(f"ONNX Runtime refuses the network ({_reason(error)})") from error
    names = [value.name for value in session.get_outputs()]
    taken = {value.name for value in session.get_inputs()}

    def run(feeds: Feeds) -> Results:
        try:
            results = session.run(names, {name: tensor for name, tensor in feeds.items() if name in taken})
        except Exception as error:  # its status classes have no common base
            raise EngineError(f"ONNX Runtime failed on the inputs ({_reason(error)})") from error
        return dict(zip(names, results, strict=True))

    return run


def openvino_runner(
    network: onnx.ModelProto | openvino.Model,
    *,
    outputs: Sequence[str] = (),
    precision: str = "f32",
    threads: int | None = None,
) -> Runner:
    """Run a network on OpenVINO's CPU plug-in.

    Args:
        network: The model.
        outputs: Names of its outputs in order; empty takes each port's first name.
        precision: What it computes in: ``f32`` or ``bf16``.
        threads: Threads for one call; None for every core.

    Raises:
        EngineError: it refuses the network; the runner raises it where it fails on what it is fed.
    """
    openvino = import_openvino()
    try:
        core = openvino.Core()
        # Told what an artifact's engine is told, so that both compute the same.
        settings = properties(core, "CPU", EngineOptions(precision=precision, threads=threads).settled())
        with _readable(network) if is_onnx(network) else nullcontext() as source:
            model = network if source is None else core.read_model(source)
            compiled = core.compile_model(model, "CPU", settings)
        request = compiled.create_infer_request()
    except RuntimeError as error:
        raise EngineError(f"OpenVINO refuses the network ({_reason(error)})") from error
    inputs = {name for port in compiled.inputs for name in port.get_names()}
    if is_onnx(network):
        wanted = [value.name for value in network.graph.output]
        ports = [(name, _port_named(compiled.outputs, name)) for name in wanted]
    else:
        names = outputs or [name_of(port) for port in compiled.outputs]
        ports = list(zip(names, compiled.outputs, strict=True))

    def run(feeds: Feeds) -> Results:
        try:
            results = request.infer({name: tensor for name, tensor in feeds.items() if name in inputs})
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on the inputs ({_reason(error)})") from error
        return {name: np.array(results[port]) for name, port in ports}

    return run


@contextmanager
def _readable(network: onnx.ModelProto) -> Iterator[bytes | str]:
    """What an engine reads a model from: its bytes, or where a file of it lies for the length of the block."""
    if model_bytes(network) < LARGE_BYTES:
        yield bytes(network.SerializeToString())
        return
    with tempfile.TemporaryDirectory(prefix="belvedere-") as folder:
        yield str(save(network, Path(folder)))


def _port_named(ports: Sequence[Any], name: str) -> Any:
    found = next((port for port in ports if name in port.get_names()), None)
    if found is None:
        raise EngineError(f"OpenVINO lost the output '{name}'")
    return found


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
