"""OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine_imports import import_openvino
from belvedere.runtime.pool import Pool
from belvedere.runtime.ports import Port, check_inputs

# One stream runs one request at a time on all its threads; the others copy tensors meanwhile.
_REQUESTS = 4


class OpenVinoEngine:
    """A network compiled by OpenVINO: one latency stream, exact arithmetic, a bounded pool of requests.

    Args:
        network: The ONNX file's content.
        precision: ``f32``.
        threads: Threads for one network call.
        batch: Size that the first axis of every input is fixed to; static shapes compile to faster code.

    Raises:
        EngineError: OpenVINO is not installed or refuses the network.
    """

    name = "openvino"

    def __init__(self, network: bytes, *, precision: str, threads: int, batch: int) -> None:
        openvino = import_openvino()
        self.version = str(openvino.__version__).split("-", maxsplit=1)[0]
        self.precision = precision
        try:
            core = openvino.Core()
            model = core.read_model(network)
            model.reshape({port: _with_batch(port, batch) for port in model.inputs})
            compiled = core.compile_model(model, "CPU", _properties(precision, threads))
            self.threads = int(compiled.get_property("INFERENCE_NUM_THREADS"))
            inputs, outputs = _names(network)
            self._ports = {_own_name(port, inputs): _port(port) for port in compiled.inputs}
            self._outputs = tuple(name for name in outputs if any(name in p.get_names() for p in compiled.outputs))
            requests = [compiled.create_infer_request() for _ in range(_REQUESTS)]
        except RuntimeError as error:  # what OpenVINO's binding raises for everything
            raise EngineError(f"OpenVINO refuses the network ({_reason(error)})") from error
        self._requests: Pool[Any] = Pool(requests, "the engine")

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """See ``Engine.run``."""
        check_inputs(self._ports, inputs)
        with self._requests.borrow() as request:
            try:
                results = request.infer(dict(inputs), share_inputs=False, share_outputs=False)
            except RuntimeError as error:
                raise EngineError(f"OpenVINO failed to run the network ({_reason(error)})") from error
            return {name: results[name] for name in self._outputs}

    def close(self) -> None:
        """See ``Engine.close``. Calls in progress end normally, later ones fail."""
        self._requests.close()


def _properties(precision: str, threads: int) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "EXECUTION_MODE_HINT": "ACCURACY",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # Two pinned processes would sit on the same cores while others idle.
        "ENABLE_CPU_PINNING": False,
    }


def _names(network: bytes) -> tuple[list[str], list[str]]:
    """The ONNX file's names for its inputs and outputs."""
    import onnx

    graph = onnx.load_model_from_string(network).graph
    return [value.name for value in graph.input], [value.name for value in graph.output]


def _own_name(port: Any, names: list[str]) -> str:
    """The file's name for a port, which may carry those of dropped nodes beside it as well."""
    return next((name for name in names if name in port.get_names()), port.get_any_name())


def _with_batch(port: Any, batch: int) -> list[int]:
    """The port's shape with its first axis fixed, -1 where another axis is free."""
    axes = [-1 if axis.is_dynamic else int(axis.get_length()) for axis in port.get_partial_shape()]
    return [batch, *axes[1:]] if axes else []


def _port(port: Any) -> Port:
    axes = (-1 if axis.is_dynamic else int(axis.get_length()) for axis in port.get_partial_shape())
    return Port(tuple(axes), np.dtype(port.get_element_type().to_dtype()))


def _reason(error: RuntimeError) -> str:
    """The last line of OpenVINO's message: those before it name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
