"""ONNX Runtime on processors and on NVIDIA's graphics units."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine_imports import import_onnxruntime
from belvedere.runtime.engine_options import EngineOptions
from belvedere.runtime.network import NetworkFiles
from belvedere.runtime.onnxruntime_providers import CPU, Provider, computes_in, providers_for
from belvedere.runtime.pool import Pool
from belvedere.runtime.ports import Borders, Port, check_inputs, listed, matched

_RUNS_AT_ONCE = 4
_FATAL_ONLY = 4
_ERRORS_ONLY = 3
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class OnnxRuntimeEngine:
    """A network loaded by ONNX Runtime, sequential and deterministic.

    Args:
        network: An ONNX network.
        options: How to run it.
        borders: Inputs with their shapes, and outputs, as the manifest states them.
        providers: What runs it instead of what ``options.target`` asks for, best first.

    Raises:
        EngineError: ONNX Runtime is not installed, this machine lacks the target, or ONNX Runtime refuses the network.
    """

    name = "onnxruntime"

    def __init__(
        self,
        network: NetworkFiles,
        options: EngineOptions,
        *,
        borders: Borders | None = None,
        providers: tuple[Provider, ...] | None = None,
    ) -> None:
        runtime = import_onnxruntime()
        self.version = str(runtime.__version__)
        self.precision = options.precision
        self.from_cache = False
        self.streams = options.streams or 1
        self.threads = options.threads or 1
        chosen = providers or providers_for(runtime, network, options)
        self._failures = _failures(runtime)
        try:
            session = _session(runtime, network, options, chosen)
            self.device = _first(session, chosen)
            ports = {port.name: _port(port) for port in session.get_inputs()}
            names = [port.name for port in session.get_outputs()]
        except self._failures as error:
            if isinstance(error, EngineError):
                raise
            raise EngineError(f"ONNX Runtime refuses the network ({error})") from error
        self.computes = computes_in(chosen[0], options.precision)
        self.inputs: Mapping[str, Port] = ports if borders is None else _agreed(ports, borders)
        self.outputs: tuple[str, ...] = tuple(dict.fromkeys(names)) if borders is None else borders.outputs
        places = matched(self.outputs, [frozenset([name]) for name in names])
        self._wanted = [names[place] for place in places]
        self._sessions: Pool[Any] = Pool([session] * max(_RUNS_AT_ONCE, self.streams), "the engine")

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See ``Engine.run``."""
        return dict(zip(self.outputs, self.infer(inputs), strict=True))

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """See ``Engine.infer``."""
        check_inputs(self.inputs, inputs)
        with self._sessions.borrow() as session:
            try:
                return tuple(session.run(self._wanted, dict(inputs)))
            except self._failures as error:
                raise EngineError(f"ONNX Runtime failed to run the network ({error})") from error

    def close(self) -> None:
        """See ``Engine.close``. Calls in progress end normally, later ones fail."""
        self._sessions.close()


def _session(runtime: Any, network: NetworkFiles, options: EngineOptions, providers: tuple[Provider, ...]) -> Any:
    settings = _session_options(runtime, options, accelerated=providers[0].name != CPU)
    listed_providers = [(provider.name, dict(provider.options)) for provider in providers]
    with _stdout_kept_clean(providers):
        if network.path is None and not network.external:
            session = runtime.InferenceSession(bytes(network.content), settings, providers=listed_providers)
        else:
            with network.on_disk() as path:
                session = runtime.InferenceSession(str(path), settings, providers=listed_providers)
    session.disable_fallback()  # a call that fails is an error, not a reason to go on with something slower
    return session


def _first(session: Any, chosen: tuple[Provider, ...]) -> str:
    """The provider that runs what it can of the network. Raises EngineError if it is not the one that was chosen."""
    started = [str(name) for name in session.get_providers()]
    if chosen[0].name not in started:
        raise EngineError(
            f"ONNX Runtime has the {chosen[0].name}, but could not start it, and would run on {', '.join(started)}: "
            "its driver or libraries (CUDA, cuDNN, TensorRT) are missing or of another version; ONNX Runtime wrote the "
            "reason to stderr"
        )
    return chosen[0].name


def _session_options(runtime: Any, options: EngineOptions, *, accelerated: bool) -> Any:
    settings = runtime.SessionOptions()
    # Calls that run side by side share one pool of threads.
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    settings.use_deterministic_compute = True
    settings.log_severity_level = _ERRORS_ONLY if accelerated else _FATAL_ONLY
    return settings


@contextlib.contextmanager
def _stdout_kept_clean(providers: tuple[Provider, ...]) -> Iterator[None]:
    """ONNX Runtime prints to stdout when a provider does not start; results go there, so it is sent to stderr."""
    if providers[0].name == CPU:
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _agreed(ports: Mapping[str, Port], borders: Borders) -> dict[str, Port]:
    """The manifest's inputs, after a check that the network takes such. Raises EngineError."""
    faults = ports.keys() != borders.inputs.keys()
    for name in ports.keys() & borders.inputs.keys():
        network, listed_port = ports[name], borders.inputs[name]
        faults |= network.dtype != listed_port.dtype
        # ONNX Runtime shows no axes where it does not know how many there are.
        faults |= bool(network.shape) and not _compatible(network.shape, listed_port.shape)
    if faults:
        raise EngineError(f"the network takes the inputs {listed(ports)}; the manifest lists {listed(borders.inputs)}")
    return dict(borders.inputs)


def _compatible(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return len(first) == len(second) and all(
        one == other or -1 in (one, other) for one, other in zip(first, second, strict=True)
    )


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
        "NotImplemented", "ModelLoaded", "EngineError", "RuntimeException", "EPFail",
        "ModelRequiresCompilation", "ModelLoadCanceled",
    )  # fmt: skip
    found = (getattr(state, code, None) for code in codes)
    return (RuntimeError, ValueError, *(kind for kind in found if kind is not None))
