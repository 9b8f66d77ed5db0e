"""Inference engines behind one small protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError, OptionError
from belvedere.runtime.cores import available_cores

ENGINES = ("auto", "openvino", "onnxruntime")
PRECISIONS = ("f32",)


class Engine(Protocol):
    """A compiled network.

    Attributes:
        name: ``openvino`` or ``onnxruntime``.
        version: Of the engine's library.
        threads: Threads that one network call uses.
        precision: What it computes in.
    """

    name: str
    version: str
    threads: int
    precision: str

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Run the network once; any number of threads may do so at the same time.

        Args:
            inputs: Input name to tensor, of the batch size the engine was opened with.

        Returns:
            Output name to tensor; the caller owns the arrays.

        Raises:
            EngineError: a tensor does not fit the network, the engine failed, or it is closed.
        """
        ...

    def close(self) -> None:
        """Free the network. Closing again does nothing."""
        ...


def open_engine(
    network: bytes,
    *,
    engine: str = "auto",
    precision: str = "f32",
    threads: int | None = None,
    batch: int = 1,
) -> Engine:
    """Compile an ONNX network for this machine's CPU.

    Args:
        network: The ONNX file's content.
        engine: ``openvino``, ``onnxruntime``, or ``auto``: OpenVINO where it can be loaded, else ONNX
            Runtime. ``Engine.name`` tells which it became.
        precision: What the engine computes in; told to it explicitly, because OpenVINO would pick bfloat16 by
            itself on processors that have it.
        threads: Threads for one network call; None for every core that this process may use.
        batch: Pictures per network call; the first axis of every input is fixed to it.

    Raises:
        OptionError: an option has no such value.
        EngineError: the engine is not installed, or refuses the network.
    """
    if engine not in ENGINES:
        raise OptionError(f"unknown engine {engine!r}: expected one of {', '.join(ENGINES)}")
    if precision not in PRECISIONS:
        raise OptionError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be at least 1, not {threads}")
    threads = threads or available_cores()
    if engine in ("auto", "openvino"):
        from belvedere.runtime.engine_imports import import_openvino

        try:
            import_openvino()
        except EngineError:
            if engine == "openvino":
                raise
        else:
            from belvedere.runtime.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(network, precision=precision, threads=threads, batch=batch)
    from belvedere.runtime.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(network, precision=precision, threads=threads)
