"""Inference engines behind one small protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine_options import ENGINES, PRECISIONS, TARGETS, EngineName, EngineOptions, check_choice
from belvedere.runtime.folder import Content
from belvedere.runtime.network import NetworkFiles, check_external
from belvedere.runtime.ports import Borders, Port

__all__ = ["ENGINES", "PRECISIONS", "TARGETS", "Engine", "EngineOptions", "open_engine"]


class Engine(Protocol):
    """A compiled network.

    Attributes:
        name: ``openvino`` or ``onnxruntime``.
        version: Of the engine's library.
        device: What runs it, in the engine's words: ``CPU``, ``GPU.0``, ``CUDAExecutionProvider``.
        threads: Processor threads that it uses.
        streams: Network calls that run side by side.
        precision: What it was asked to compute in.
        computes: What it computes float parts in: ``f32``, ``bf16`` or ``f16``.
        from_cache: Whether the compiled network came from the cache.
        inputs: Input name to what it takes, in order.
        outputs: Names of the outputs, in order.
    """

    name: str
    version: str
    device: str
    threads: int
    streams: int
    precision: str
    computes: str
    from_cache: bool
    inputs: Mapping[str, Port]
    outputs: tuple[str, ...]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the network once; any number of threads may do so at the same time.

        Args:
            inputs: Input name to tensor, of the batch size the engine was opened with.

        Returns:
            Output name to tensor; the caller owns the arrays.

        Raises:
            EngineError: a tensor does not fit the network, the engine failed, or it is closed.
        """
        ...

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """As ``run``, with the tensors in the order of ``outputs``."""
        ...

    def close(self) -> None:
        """Free the network. Closing again does nothing."""
        ...


def open_engine(
    network: Content | NetworkFiles,
    *,
    engine: str = "auto",
    precision: str = "f32",
    threads: int | None = None,
    batch: int = 1,
    borders: Borders | None = None,
    options: EngineOptions | None = None,
) -> Engine:
    """Compile a network for a device of this machine.

    Args:
        network: An ONNX file's content, or a network with all its files.
        engine: ``openvino``, ``onnxruntime``, or ``auto``: what the target needs, and for processors OpenVINO where
            it can be loaded, else ONNX Runtime. ``Engine.name`` tells which it became.
        precision: See ``EngineOptions``.
        threads: See ``EngineOptions``.
        batch: Pictures per network call; OpenVINO fixes a free first axis of every input to it, because static shapes
            compile to faster code.
        borders: The network's inputs and outputs where they are known: the engine checks that they agree, uses these
            shapes instead of ``batch``, and gives these outputs in this order.
        options: All there is to say about the run; ``precision`` and ``threads`` then do not count.

    Raises:
        OptionError: an option has no such value.
        EngineError: the engine is not installed, this machine lacks the device, or the engine refuses the network.
    """
    check_choice("engine", engine, ENGINES)
    options = (options or EngineOptions(precision=precision, threads=threads)).settled()
    files = network if isinstance(network, NetworkFiles) else NetworkFiles(network)
    chosen = choose_engine(engine, files.format, options.target)
    check_external(files)
    if chosen == "openvino":
        from belvedere.runtime.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(files, options, batch=batch, borders=borders)
    from belvedere.runtime.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(files, options, borders=borders)


def choose_engine(engine: str, network_format: str, target: str) -> EngineName:
    """The engine for a network and a target.

    Raises:
        EngineError: that engine cannot run such a network, has no such target, or is not installed.
    """
    if network_format == "openvino-ir" and (engine == "onnxruntime" or target == "nvidia"):
        raise EngineError(
            "this network is an OpenVINO model, which ONNX Runtime and the target nvidia cannot run: compile the "
            "source model to ONNX (for models of TensorFlow that takes pip install 'belvedere[tensorflow]')"
        )
    if target == "nvidia":
        if engine == "openvino":
            raise EngineError("the target nvidia needs the engine onnxruntime, not openvino")
        return "onnxruntime"
    if target in ("intel-gpu", "npu"):
        if engine == "onnxruntime":
            raise EngineError(f"the target {target} needs the engine openvino, not onnxruntime")
        return "openvino"
    if engine == "onnxruntime":
        return "onnxruntime"
    from belvedere.runtime.engine_imports import import_openvino

    try:
        import_openvino()
    except EngineError:
        if engine == "openvino" or network_format == "openvino-ir":
            raise
        return "onnxruntime"
    return "openvino"
