"""What OpenVINO is told about a device: which one, and how to compute."""

from __future__ import annotations

from typing import Any

from belvedere.core.errors import EngineError
from belvedere.runtime.engine_options import EngineOptions

_DEVICES = {"cpu": "CPU", "intel-gpu": "GPU", "npu": "NPU"}
_NAMES = {"float": "f32", "float32": "f32", "f32": "f32", "bfloat16": "bf16", "bf16": "bf16", "float16": "f16"}


def device_of(core: Any, target: str) -> str:
    """OpenVINO's name of this machine's device for a target.

    Raises:
        EngineError: there is none; the message tells which devices there are.
    """
    wanted = _DEVICES[target]
    available = [str(device) for device in core.available_devices]
    for device in available:
        if device.split(".", maxsplit=1)[0] == wanted:
            return device
    raise EngineError(
        f"this machine has no device for the target {target}: OpenVINO finds {', '.join(available) or 'none'}, and no "
        f"{wanted}; if the hardware is there, its driver is missing or this user may not open it. To try the model on "
        "the processor: --target cpu, target='cpu'"
    )


def properties(core: Any, device: str, options: EngineOptions) -> dict[str, Any]:
    """What the device is to be told, as far as it knows such a property.

    The precision is always told: a device that does not know the property computes as it likes, so it is refused.

    Raises:
        EngineError: the device cannot be told the precision.
    """
    wanted: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _precision_hint(options),
        "EXECUTION_MODE_HINT": "ACCURACY",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "PERFORMANCE_HINT": options.hint.upper(),
        "INFERENCE_NUM_THREADS": options.threads,
        # Two pinned processes would sit on the same cores while others idle.
        "ENABLE_CPU_PINNING": False,
    }
    if options.streams is not None or options.hint == "latency":
        wanted["NUM_STREAMS"] = options.streams or 1
    known = set(core.get_property(device, "SUPPORTED_PROPERTIES"))
    if "INFERENCE_PRECISION_HINT" not in known:
        raise EngineError(f"OpenVINO's {device} takes no word on precision, so {options.precision} cannot be promised")
    return {name: value for name, value in wanted.items() if name in known}


def computes_in(compiled: Any, asked: str) -> str:
    """What the compiled network computes float parts in, as OpenVINO reports it."""
    try:
        reported = compiled.get_property("INFERENCE_PRECISION_HINT")
    except RuntimeError:
        return asked
    name = str(getattr(reported, "get_type_name", lambda: reported)())
    return _NAMES.get(name, name)


def _precision_hint(options: EngineOptions) -> str:
    """On a processor f16 is how weights are stored: told to compute in it, OpenVINO would take bfloat16 instead."""
    if options.precision == "int8" or (options.precision == "f16" and options.target == "cpu"):
        return "f32"
    return options.precision
