"""The machine that figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from belvedere._version import __version__
from belvedere.runtime.cores import available_cores

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16")
_VERSIONED = ("numpy", "openvino", "onnxruntime", "onnx", "nncf")
_CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """CPU, cores, vector units, memory, system and versions; JSON values, no host name and no path."""
    info = cpu_info()
    flags = set(info.get("flags", "").split())
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "cores": available_cores(),
        "vector_units": [flag for flag in FLAGS if flag in flags],
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"belvedere": __version__} | {name: found for name in _VERSIONED if (found := version(name))},
    }


def describe(found: dict[str, Any]) -> str:
    """The machine on one line."""
    units = " ".join(found["vector_units"]) or "no vector units known"
    return f"{found['cpu']}, {found['cores']} cores, {units}, {found['system']}"


def cpu_info() -> dict[str, str]:
    """Key and value of the first processor in /proc/cpuinfo; empty elsewhere."""
    if not _CPUINFO.exists():
        return {}
    first = _CPUINFO.read_text(errors="replace").split("\n\n", maxsplit=1)[0]
    pairs = (line.split(":", maxsplit=1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def memory_gib() -> float | None:
    """Main memory in GiB; None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3, 1)
    except (AttributeError, ValueError, OSError):
        return None


def version(name: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
