"""Which of ONNX Runtime's execution providers run a network for a target, and how they are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from belvedere.core.errors import EngineError
from belvedere.runtime.blob_cache import key_of
from belvedere.runtime.engine_options import EngineOptions
from belvedere.runtime.network import NetworkFiles

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


@dataclass(frozen=True)
class Provider:
    """An execution provider and its options, in ONNX Runtime's words."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)


def providers_for(runtime: Any, network: NetworkFiles, options: EngineOptions) -> tuple[Provider, ...]:
    """The providers for a target, best first; each leaves to the next one what it cannot run.

    On NVIDIA, f32 runs on CUDA with TensorFloat-32 off, so that it is float32; the other precisions run on TensorRT
    where it is there, else on CUDA in whatever types the network has.

    Raises:
        EngineError: this machine's ONNX Runtime has no provider for the target; the message lists those it has.
    """
    available = [str(name) for name in runtime.get_available_providers()]
    if options.target == "cpu":
        return (Provider(CPU),)
    if options.target != "nvidia":
        raise EngineError(f"ONNX Runtime has no target {options.target}: that takes the engine openvino")
    if CUDA not in available:
        raise EngineError(
            f"this machine's ONNX Runtime {runtime.__version__} has no provider for the target nvidia, only "
            f"{', '.join(available)}: pip uninstall onnxruntime and pip install 'onnxruntime-gpu[cuda,cudnn]' on a "
            "machine with an NVIDIA card and its driver. To try the model on the processor: --target cpu, target='cpu'"
        )
    chosen = [Provider(CUDA, _cuda(options)), Provider(CPU)]
    if options.precision != "f32" and TENSORRT in available:
        chosen.insert(0, Provider(TENSORRT, _tensorrt(runtime, network, options)))
    return tuple(chosen)


def computes_in(provider: Provider, precision: str) -> str:
    """What a provider computes a float32 network in: only TensorRT takes another type than the network has."""
    if provider.name == TENSORRT and precision in ("f16", "bf16"):
        return precision
    return "f32"


def _cuda(options: EngineOptions) -> dict[str, str]:
    return {
        "device_id": "0",
        "use_tf32": "0" if options.precision == "f32" else "1",
        # The default measures which algorithm is fastest, so that two processes could round differently.
        "cudnn_conv_algo_search": "HEURISTIC",
    }


def _tensorrt(runtime: Any, network: NetworkFiles, options: EngineOptions) -> dict[str, str]:
    settings = {
        "device_id": "0",
        "trt_fp16_enable": str(options.precision == "f16"),
        "trt_bf16_enable": str(options.precision == "bf16"),
        "trt_int8_enable": str(options.precision == "int8"),
    }
    # TensorRT names its engines by graph and card, and builds them anew where they do not fit.
    key = key_of({"tensorrt": settings, "network": network.identity, "engine": str(runtime.__version__)})
    folder = options.cache.subfolder(key) if options.cache else None
    if folder is not None:
        for kind in ("engine", "timing"):
            settings |= {f"trt_{kind}_cache_enable": "True", f"trt_{kind}_cache_path": str(folder)}
    return settings
