"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine_imports import import_onnxruntime
from belvedere.runtime.pool import Pool
from belvedere.runtime.ports import Port, check_inputs

_RUNS_AT_ONCE = 4
_FATAL_ONLY = 4
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class OnnxRuntimeEngine:
    """A network loaded by ONNX Runtime's CPU provider, sequential and deterministic.

    Args:
        network: The ONNX file's content.
        precision: ``f32``, which is what this provider computes a float32 network in.
        threads: Threads for one network call.

    Raises:
        EngineError: ONNX Runtime is not installed or refuses the network.
    """

    name = "onnxruntime"

    def __init__(self, network: bytes, *, precision: str, threads: int) -> None:
        runtime = import_onnxruntime()
        self.version = str(runtime.__version__)
        self.precision = precision
        self.threads = threads
        try:
            session = runtime.InferenceSession(
                network, _session_options(runtime, threads), providers=["CPUExecutionProvider"]
            )
            self._ports = {port.name: _port(port) for port in session.get_inputs()}
            self._outputs = [port.name for port in session.get_outputs()]
        except _failures(runtime) as error:
            raise EngineError(f"ONNX Runtime refuses the network ({error})") from error
        self._failures = _failures(runtime)
        self._sessions: Pool[Any] = Pool([session] * _RUNS_AT_ONCE, "the engine")

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """See ``Engine.run``."""
        check_inputs(self._ports, inputs)
        with self._sessions.borrow() as session:
            try:
                results = session.run(self._outputs, dict(inputs))
            except self._failures as error:
                raise EngineError(f"ONNX Runtime failed to run the network ({error})") from error
        return dict(zip(self._outputs, results, strict=True))

    def close(self) -> None:
        """See ``Engine.close``. Calls in progress end normally, later ones fail."""
        self._sessions.close()


def _session_options(runtime: Any, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = _FATAL_ONLY
    return options


def _port(port: Any) -> Port:
    if port.type not in _DTYPES:
        raise EngineError(f"the network's input '{port.name}' is a {port.type}, which Belvedere does not feed")
    axes = tuple(axis if isinstance(axis, int) else -1 for axis in port.shape)
    return Port(axes, np.dtype(_DTYPES[port.type]))


def _failures(runtime: Any) -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises: one class per status code, without a common base, and plain RuntimeError."""
    state = runtime.capi.onnxruntime_pybind11_state
    codes = (
        "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile",
        "NotImplemented", "ModelLoaded", "EngineError", "RuntimeException",
        "ModelRequiresCompilation", "ModelLoadCanceled",
    )  # fmt: skip
    found = (getattr(state, code, None) for code in codes)
    return (RuntimeError, ValueError, *(kind for kind in found if kind is not None))
