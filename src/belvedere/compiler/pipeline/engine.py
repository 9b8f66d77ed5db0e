"""The engine that a finished network gets, by target, format and measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from belvedere.compiler.parity.engines import ONNXRUNTIME, OPENVINO, EngineChoice, choose_engine
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.pipeline.network import Finished
from belvedere.compiler.pipeline.options import CompileOptions
from belvedere.compiler.tf2onnx_form.loading import has_extra
from belvedere.core.errors import CompileError


def check_target(network: Any, options: CompileOptions, framework: str) -> None:
    """Refuse what no engine can do before any work is done.

    Raises:
        CompileError: the target or engine cannot run a network of this kind.
    """
    if is_onnx(network):
        return
    if options.target == "nvidia" or options.engine == ONNXRUNTIME:
        wanted = "the target nvidia" if options.target == "nvidia" else "the engine onnxruntime"
        raise CompileError(
            f"a network of {framework} becomes an OpenVINO model, which {wanted} cannot run; as ONNX it could: "
            "pip install 'belvedere[tensorflow]' and compile again"
            if framework in ("tensorflow", "tflite") and not has_extra()
            else f"this network is an OpenVINO model, which {wanted} cannot run: export it as ONNX"
        )


def engine_for(
    finished: Finished, options: CompileOptions, feeds: Sequence[Mapping[str, NDArray[Any]]]
) -> EngineChoice:
    """Choose the engine of a finished network.

    Args:
        finished: The network.
        options: Target and engine that were asked for.
        feeds: A few inputs of it.

    Raises:
        CompileError: the target needs an engine that cannot run this network.
        EngineError: no engine runs it.
    """
    if not is_onnx(finished.network):
        return EngineChoice("auto", OPENVINO, "the network is an OpenVINO model")
    needed = {"nvidia": ONNXRUNTIME, "intel-gpu": OPENVINO, "npu": OPENVINO}.get(options.target)
    if needed is not None:
        if options.engine not in ("auto", needed):
            raise CompileError(f"the target {options.target} needs the engine {needed}, not {options.engine}")
        return EngineChoice(needed, needed, f"the target {options.target} needs it")
    if options.engine != "auto":
        return EngineChoice(options.engine, options.engine, "asked for")
    if options.precision == "bf16":
        return EngineChoice("auto", OPENVINO, "ONNX Runtime has no bfloat16 on processors")
    samples = [Sample(f"seed {number}", feed, feed) for number, feed in enumerate(feeds)]
    return choose_engine(finished.network, samples, precision=options.precision, seconds=max(0.0, options.seconds))
