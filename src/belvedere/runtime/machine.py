"""What machine this is, as far as compiled networks depend on it."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU part")


@cache
def machine_facts() -> tuple[str, ...]:
    """Architecture, system and processor with its vector units: code compiled for one may not run on another."""
    facts = [platform.system(), platform.machine(), platform.processor()]
    try:
        first = _CPUINFO.read_text(errors="replace").split("\n\n", maxsplit=1)[0]
    except OSError:
        return tuple(facts)
    for line in first.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in _TELLING:
            facts.append(f"{key.strip()}={value.strip()}")
    return tuple(facts)
