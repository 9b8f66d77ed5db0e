"""How an engine is to run a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from belvedere.core.errors import OptionError
from belvedere.runtime.blob_cache import BlobCache
from belvedere.runtime.cores import available_cores

ENGINES = ("auto", "openvino", "onnxruntime")
PRECISIONS = ("f32", "bf16", "f16", "int8")
TARGETS = ("cpu", "intel-gpu", "nvidia", "npu")
HINTS = ("latency", "throughput")


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is to run a network.

    Attributes:
        precision: What it computes in, told to it explicitly, because OpenVINO would pick bfloat16 by itself on
            processors that have it. ``f16`` is computed in float32 by processors and in float16 by accelerators;
            ``int8`` is in the network, the rest of which is computed in float32.
        target: ``cpu``, ``intel-gpu``, ``nvidia`` or ``npu``.
        threads: Processor threads: for one network call, or with ``throughput`` for all streams together. None for
            every core that this process may use.
        hint: ``latency`` gives one call all threads; ``throughput`` runs several calls side by side.
        streams: Calls that run side by side; None for 1, or with ``throughput`` as many as the engine likes.
        cache: Where compiled networks are kept; None for nowhere.

    Raises:
        OptionError: an option has no such value.
    """

    precision: str = "f32"
    target: str = "cpu"
    threads: int | None = None
    hint: str = "latency"
    streams: int | None = None
    cache: BlobCache | None = None

    def __post_init__(self) -> None:
        for name, known in (("precision", PRECISIONS), ("target", TARGETS), ("hint", HINTS)):
            check_choice(name, getattr(self, name), known)
        for name in ("threads", "streams"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise OptionError(f"{name} must be at least 1, not {value}")

    def settled(self) -> Self:
        """With the number of threads filled in."""
        return replace(self, threads=self.threads or available_cores())


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise OptionError unless ``value`` is one of ``known``."""
    if value not in known:
        raise OptionError(f"unknown {name} {value!r}: expected one of {', '.join(known)}")


EngineName = Literal["openvino", "onnxruntime"]
