"""OpenVINO on processors, and on Intel's graphics and neural units."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.blob_cache import key_of
from belvedere.runtime.engine_imports import import_openvino
from belvedere.runtime.engine_options import EngineOptions
from belvedere.runtime.machine import machine_facts
from belvedere.runtime.network import NetworkFiles
from belvedere.runtime.openvino_device import computes_in, device_of, properties
from belvedere.runtime.pool import Pool
from belvedere.runtime.ports import Borders, Port, check_inputs, listed, matched

# One stream runs one request at a time on all its threads; the others copy tensors meanwhile.
_REQUESTS = 4


class OpenVinoEngine:
    """A network compiled by OpenVINO: exact arithmetic unless asked otherwise, a bounded pool of requests.

    On processors OpenVINO computes 64-bit integers in 32 bits; values beyond come out wrong.

    Args:
        network: An ONNX network or an OpenVINO IR.
        options: How to run it.
        batch: Size that a free first axis of an input is fixed to, where ``borders`` are not known.
        borders: Inputs with their shapes, and outputs, as the manifest states them.

    Raises:
        EngineError: OpenVINO is not installed, this machine lacks the device, or OpenVINO refuses the network.
    """

    name = "openvino"

    def __init__(
        self, network: NetworkFiles, options: EngineOptions, *, batch: int = 1, borders: Borders | None = None
    ) -> None:
        openvino = import_openvino()
        self.version = str(openvino.__version__).split("-", maxsplit=1)[0]
        self.precision = options.precision
        self._openvino = openvino
        try:
            core = openvino.Core()
            self.device = device_of(core, options.target)
            compiled, self.from_cache = self._compiled(core, network, options, batch, borders)
            self.threads = int(_property(compiled, "INFERENCE_NUM_THREADS", options.threads))
            self.streams = max(1, int(_property(compiled, "NUM_STREAMS", 1)))
            self.computes = computes_in(compiled, options.precision)
            if borders is None:
                borders = _stated(compiled, network)
            taken, self._slots = _inputs(compiled, borders)
            self.inputs: Mapping[str, Port] = taken
            self.outputs = borders.outputs
            self._order = matched(self.outputs, [_names(port) for port in compiled.outputs])
            wanted = int(_property(compiled, "OPTIMAL_NUMBER_OF_INFER_REQUESTS", 1))
            requests = [_Request(compiled.create_infer_request()) for _ in range(max(_REQUESTS, wanted))]
        except RuntimeError as error:  # what OpenVINO's binding raises for everything
            if isinstance(error, EngineError):
                raise
            raise EngineError(f"OpenVINO refuses the network ({_reason(error)})") from error
        self._requests: Pool[_Request] = Pool(requests, "the engine")

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See ``Engine.run``."""
        return dict(zip(self.outputs, self.infer(inputs), strict=True))

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """See ``Engine.infer``."""
        check_inputs(self.inputs, inputs)
        tensors = [(place, _shared(self._openvino, inputs[name])) for name, place in self._slots.items()]
        with self._requests.borrow() as request:
            try:
                results = request.infer(tensors)
            except RuntimeError as error:
                raise EngineError(f"OpenVINO failed to run the network ({_reason(error)})") from error
        return tuple(results[place] for place in self._order)

    def close(self) -> None:
        """See ``Engine.close``. Calls in progress end normally, later ones fail."""
        self._requests.close()

    def _compiled(
        self, core: Any, network: NetworkFiles, options: EngineOptions, batch: int, borders: Borders | None
    ) -> tuple[Any, bool]:
        """The compiled network, and whether it came from the cache."""
        settings = properties(core, self.device, options)
        cache = options.cache
        if cache is None or "EXPORT_IMPORT" not in core.get_property(self.device, "OPTIMIZATION_CAPABILITIES"):
            return core.compile_model(self._read(core, network, batch, borders), self.device, settings), False
        key = key_of(
            {
                "network": network.identity,
                "shapes": batch if borders is None else [[name, *port.shape] for name, port in borders.inputs.items()],
                "engine": ["openvino", str(self._openvino.__version__)],
                "device": [self.device, str(core.get_property(self.device, "FULL_DEVICE_NAME"))],
                "settings": {name: str(value) for name, value in settings.items()},
                "machine": machine_facts(),
            }
        )
        blob = cache.get(key)
        if blob is not None:
            try:
                return core.import_model(io.BytesIO(blob), self.device, settings), True
            except RuntimeError:
                cache.drop(key)
        began = time.perf_counter()
        compiled = core.compile_model(self._read(core, network, batch, borders), self.device, settings)
        seconds = time.perf_counter() - began
        if seconds >= cache.least_seconds:
            exported = io.BytesIO()
            compiled.export_model(exported)
            cache.put(key, exported.getvalue(), seconds)
        return compiled, False

    def _read(self, core: Any, network: NetworkFiles, batch: int, borders: Borders | None) -> Any:
        """The network with the shapes it is to be compiled for."""
        model = self._parsed(core, network)
        shapes = {}
        for port in model.inputs:
            known = borders.inputs.get(_own_name(port, borders.inputs)) if borders else None
            # A network whose inputs the manifest does not list is refused later, with their names.
            shapes[port] = [*known.shape] if known else _with_batch(port, batch)
        if any(not _has_shape(port, shape) for port, shape in shapes.items()):
            model.reshape(shapes)
        return model

    def _parsed(self, core: Any, network: NetworkFiles) -> Any:
        if network.format == "openvino-ir":
            if network.path is not None:
                return core.read_model(str(network.path), str(network.weights_path or ""))
            return core.read_model(bytes(network.content), bytes(network.weights or b""))
        if network.path is None and not network.external:
            return core.read_model(bytes(network.content))
        with network.on_disk() as path:
            return core.read_model(str(path))


class _Request:
    """One of OpenVINO's inference requests, and the tensors that it was given last, whose memory it refers to."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._held: list[tuple[int, Any]] = []

    def infer(self, tensors: list[tuple[int, Any]]) -> tuple[NDArray[Any], ...]:
        """All outputs for these inputs by place, as copies. Raises RuntimeError."""
        for place, tensor in tensors:
            self._request.set_input_tensor(place, tensor)
        self._held = tensors
        found: tuple[NDArray[Any], ...] = self._request.infer(share_outputs=False).to_tuple()
        return found


def _shared(openvino: Any, array: NDArray[Any]) -> Any:
    """A tensor over the array's own memory; OpenVINO cannot share what is scattered or read-only."""
    if not (array.flags.c_contiguous and array.flags.writeable):
        array = np.array(array, order="C")
    return openvino.Tensor(array, shared_memory=True)


def _inputs(compiled: Any, borders: Borders) -> tuple[dict[str, Port], dict[str, int]]:
    """What is taken under which name, and the place of each in the compiled network.

    An input that changes no output has no place: OpenVINO leaves it out.
    """
    places = {_own_name(port, borders.inputs): place for place, port in enumerate(compiled.inputs)}
    ports = {name: _port(port) for name, port in zip(places, compiled.inputs, strict=True)}
    if not places.keys() <= borders.inputs.keys():
        raise EngineError(f"the network takes the inputs {listed(ports)}; the manifest lists {listed(borders.inputs)}")
    for name, port in ports.items():
        if port.dtype != borders.inputs[name].dtype:
            raise EngineError(f"the network's input '{name}' is {port}, not {borders.inputs[name]} as listed")
    return {name: ports.get(name, port) for name, port in borders.inputs.items()}, places


def _stated(compiled: Any, network: NetworkFiles) -> Borders:
    """Inputs and outputs under the names of the network's file; those of dropped outputs are left out."""
    ports = {place: _port(port) for place, port in enumerate(compiled.inputs)}
    if network.format == "openvino-ir":
        outputs = [min(_names(port), default=f"output{place}") for place, port in enumerate(compiled.outputs)]
        return Borders(
            {_own_name(port, {}): ports[place] for place, port in enumerate(compiled.inputs)}, tuple(outputs)
        )
    inputs, listed_outputs = network.names
    given = frozenset[str]().union(*(port.get_names() for port in compiled.outputs))
    known = dict.fromkeys(inputs, Port((), np.dtype(np.float32)))
    places = {_own_name(port, known): place for place, port in enumerate(compiled.inputs)}
    return Borders(
        {name: ports[places[name]] for name in inputs if name in places},
        tuple(name for name in listed_outputs if name in given),
    )


def _own_name(port: Any, names: Mapping[str, Port]) -> str:
    """The file's name for an input, which may carry those of dropped nodes beside it as well."""
    found = port.get_names()
    return next((name for name in names if name in found), min(found, default=str(port.node.friendly_name)))


def _names(port: Any) -> frozenset[str]:
    """The names of an output that its file gave it; OpenVINO calls those without one ``Result_<number>``."""
    made_up = {name for name in port.get_names() if name.startswith("Result_") and name[7:].isdecimal()}
    return frozenset(port.get_names()) - made_up


def _has_shape(port: Any, shape: list[int]) -> bool:
    found = port.get_partial_shape()
    return not found.rank.is_dynamic and _axes(found) == shape


def _with_batch(port: Any, batch: int) -> list[int]:
    """The port's shape with its first axis fixed if it is free, -1 where another axis is free."""
    axes = _axes(port.get_partial_shape())
    return [batch, *axes[1:]] if axes and axes[0] < 0 else axes


def _axes(shape: Any) -> list[int]:
    return [-1 if axis.is_dynamic else int(axis.get_length()) for axis in shape]


def _port(port: Any) -> Port:
    return Port(tuple(_axes(port.get_partial_shape())), np.dtype(port.get_element_type().to_dtype()))


def _property(compiled: Any, name: str, otherwise: Any) -> Any:
    """A property of the compiled network; not every device has all of them."""
    try:
        return compiled.get_property(name)
    except RuntimeError:
        return otherwise


def _reason(error: RuntimeError) -> str:
    """The last line of OpenVINO's message: those before it name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
