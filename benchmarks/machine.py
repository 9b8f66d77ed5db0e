"""What machine this is, and whether anything else keeps it busy: every benchmark prints it above its figures.

python benchmarks/machine.py [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import belvedere
from belvedere.compiler.report.machine import FLAGS, cpu_info, version
from belvedere.runtime.cores import available_cores

VERSIONED = (
    "belvedere",
    "numpy",
    "openvino",
    "onnxruntime",
    "onnx",
    "scikit-learn",
    "scipy",
    "pillow",
    "torch",
    "nncf",
)
ROOMS = ("core", "data", "runtime", "tasks", "training", "vision")
"""Rooms whose code decides about a model; drawing samples and reports does not."""
BUSY = 0.10
"""From this share of the machine's processor time taken by others, a run does not count as one on an idle machine."""


@dataclass(frozen=True)
class Load:
    """Processor time up to one moment, in seconds: of the whole machine (all cores), and of this process tree."""

    clock: float
    machine: float
    own: float


def facts() -> dict[str, Any]:
    """CPU, cores, vector units, memory, Python and library versions; JSON-serialisable."""
    info = cpu_info()
    flags = set(info.get("flags", "").split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "cores": available_cores(),
        "vector_units": [flag for flag in FLAGS if flag in flags],
        "memory_gib": round(memory / 1024**3, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in VERSIONED if (found := version(name))},
        "code": code_digest(),
    }


def describe(found: dict[str, Any]) -> str:
    """The facts on two lines."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    units = " ".join(found["vector_units"]) or "no vector units known"
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {units}\n"
        f"Python {found['python']}, {versions}"
    )


def code_digest() -> str:
    """SHA-256 (12 digits) over the sources and weights that models come from: figures of equal code may be compared."""
    root = Path(belvedere.__file__).parent
    total = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*")):
        if path.suffix in (".py", ".onnx"):
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def load_now() -> Load:
    """Processor time so far; take one before and one after a measurement."""
    ticks = 0.0
    stat = Path("/proc/stat")
    if stat.exists():
        values = [int(value) for value in stat.read_text().splitlines()[0].split()[1:9]]
        # user, nice, system, idle, iowait, irq, softirq, steal: all but idle and iowait is time that was not free.
        ticks = (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")
    own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Load(time.perf_counter(), ticks, own)


def others_share(before: Load, after: Load) -> float | None:
    """Share 0..1 of all cores' time between two moments that went to other processes; None where not known."""
    available = (after.clock - before.clock) * (os.cpu_count() or 1)
    if not after.machine or available <= 0:
        return None
    return min(1.0, max(0.0, (after.machine - before.machine) - (after.own - before.own)) / available)


def wording(share: float | None) -> str:
    """A sentence about ``others_share``."""
    if share is None:
        return "Whether the machine was idle is not known here."
    verdict = "idle" if share < BUSY else "NOT IDLE: do not quote these figures"
    return f"Other processes took {share:.0%} of the processors' time: the machine was {verdict}."


def main(arguments: list[str] | None = None) -> int:
    """Print the facts, and how busy others keep the machine right now."""
    parser = argparse.ArgumentParser(description="Print facts about this machine.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write them here")
    options = parser.parse_args(arguments)
    before = load_now()
    time.sleep(1.0)
    share = others_share(before, load_now())
    found = facts()
    print(describe(found))
    print(f"code {found['code']}")
    print(wording(share))
    if options.json:
        options.json.write_text(json.dumps({"machine": found, "others_share": share}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
